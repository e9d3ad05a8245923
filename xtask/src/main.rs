//! The project's chores: `cargo xtask demo` and `cargo xtask test` for everybody, the rest for developers.
//!
//! Kept to a few dependencies so that it compiles in seconds: it is the first thing a newcomer waits for.
//! Everything it needs it installs itself where it can (Debian and Ubuntu, as root or with password-less sudo),
//! saying what; elsewhere it lists what is missing and stops.

mod arrows;
mod bench;
mod checks;
mod chores;
mod demo;
mod display;
mod real_cluster;
mod run;
mod setup;
mod test_real;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  demo [--connect NAME]    build Berth and open it, signed in to its own demo cluster; prints a ready ssh line
  test [--quick] [WHAT]    run every check and test; WHAT is the name of one step (--list shows them)
                           or a part of a Rust test's name; --quick leaves out the slow steps

  bindings                 write ui/src/bindings, the TypeScript twins of crates/berth/src/model.rs
  icons                    draw icons/*.png, .ico and .icns from icons/*.svg
  screenshots              take docs/images from the real app on a virtual display
  package                  build the .deb and .rpm (dist profile) into target/dist/bundle
  bench ...                how fast streams are, against others; `bench --help` tells how
  real-cluster ...         a real Backend.AI on this computer; `real-cluster --help` tells how
  test-real ...            the main job against a real cluster; `test-real --help` tells how
  setup                    install what the commands above need, and nothing else
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    // Cargo names the package's folder; the chores run in the workspace's root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
    std::env::set_current_dir(root).with_context(|| format!("cannot enter {}", root.display()))?;

    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("--help", arguments),
    };
    match command {
        "demo" => demo::run(rest),
        "test" => checks::run(rest),
        "bindings" => chores::bindings().map(|()| ExitCode::SUCCESS),
        "icons" => chores::icons().map(|()| ExitCode::SUCCESS),
        "screenshots" => chores::screenshots().map(|()| ExitCode::SUCCESS),
        "package" => chores::package().map(|()| ExitCode::SUCCESS),
        "bench" => bench::run(rest),
        "real-cluster" => real_cluster::run(rest),
        "test-real" => test_real::run(rest),
        "setup" => setup::everything().map(|()| ExitCode::SUCCESS),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("there is no command {other:?}; `cargo xtask --help` lists them"),
    }
}
