//! `completion`: a script for the shell, which then asks this program at every Tab.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::failure::Failure;
use crate::output::Output;
use crate::program;

/// Print a script that completes words in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Put one of these into the shell's start-up file:
  bash        source <(berth completion bash)
  zsh         source <(berth completion zsh)
  fish        berth completion fish | source
  PowerShell  berth completion powershell | Out-String | Invoke-Expression")]
pub(crate) struct Completion {
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

impl Completion {
    pub(crate) fn run(&self, output: &Output) -> Result<u8, Failure> {
        let name = match self.shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
            Shell::Powershell => "powershell",
            Shell::Elvish => "elvish",
        };
        let unknown = || Failure::Usage(format!("There is no script for {name}."));
        let shells = Shells::builtins();
        let shell = shells.completer(name).ok_or_else(unknown)?;
        let (called, path) = (program::name(), program::path()?);
        let mut script = Vec::new();
        shell.write_registration("COMPLETE", called, called, &path, &mut script).map_err(|_| unknown())?;
        output.data(&String::from_utf8_lossy(&script));
        Ok(0)
    }
}
