//! `man`: manual pages, made from the same grammar that reads the command line.

use std::path::PathBuf;

use berth::Error;
use clap::Args;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output::Output;

/// Print or write manual pages.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  berth man ssh | man -l -
  berth man --dir ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Of this subcommand, instead of the program's
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self, output: &Output) -> Result<u8, Failure> {
        let mut grammar = Arguments::grammar("berth").disable_help_subcommand(true);
        if let Some(folder) = &self.dir {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(grammar, folder))
                .map_err(|e| {
                    Error::new(
                        "file-not-writable",
                        format!("{} cannot be written: {e}.", folder.display()),
                        "Choose another folder.",
                    )
                })?;
            output.done(&format!("Manual pages are in {}.", folder.display()));
            return Ok(0);
        }
        grammar.build();
        let mut of = &grammar;
        for word in &self.command {
            of = of.find_subcommand(word).ok_or_else(|| {
                Failure::Usage(format!("There is no command “{}”.", self.command.join(" ")))
            })?;
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(of.clone())
            .render(&mut page)
            .map_err(|e| Error::new("internal", format!("No page: {e}."), ""))?;
        output.data(&String::from_utf8_lossy(&page));
        Ok(0)
    }
}
