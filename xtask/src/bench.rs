//! `cargo xtask bench`: Berth's streams against other ways to carry the same bytes, all in one run.
//!
//! What is measured, and how, is in `crates/tunnel-bench`; here is only what that needs: the release build, and the
//! Python client in an environment of its own under `target/`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::run;

const HELP: &str = "\
cargo xtask bench [OPTIONS]

  --quick             one short round, to see that it works; its figures mean little
  --rounds N          rounds whose median is taken (default 5)
  --idle-minutes N    how long 1000 connections stay idle (default 10; 0 leaves it out)
  --only PART         streams, scp, far or memory alone
  --no-python         without the official Python client
  --write             also put the tables into docs/performance.md

Needs Linux (figures come from /proc), sshd, and for the Python client python3.11. wstunnel is left out: it is no crate
of the registry. Let nothing else run meanwhile; a full run takes about half an hour.
";

/// The release whose client works with the versions below; newer ones sign wrongly with newer yarl.
const PYTHON_CLIENT: &[&str] = &["backend.ai-client==23.9.10", "yarl==1.9.4"];
/// That release runs on no other.
const PYTHON: &str = "python3.11";

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut python, mut words) = (true, vec!["run".to_owned()]);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(ExitCode::SUCCESS);
            }
            "--no-python" => python = false,
            "--write" => words.extend(["--write".to_owned(), "docs/performance.md".to_owned()]),
            "--quick" => words.push(argument.clone()),
            "--rounds" | "--idle-minutes" | "--only" => {
                words.push(argument.clone());
                words.extend(arguments.next().cloned());
            }
            other => bail!("{other:?} cannot be understood; `cargo xtask bench --help`"),
        }
    }
    if !cfg!(target_os = "linux") {
        bail!("the benchmark reads /proc, so it runs on Linux only");
    }
    run::run("cargo", &["build", "--release", "--locked", "--package", "tunnel-bench"])?;
    if python {
        words.extend(["--python".to_owned(), python_client()?.display().to_string()]);
    }
    let status = Command::new("target/release/tunnel-bench").args(words).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The client's program, installed from the public packages when it is not there.
fn python_client() -> Result<PathBuf> {
    let folder = Path::new("target/bench/python");
    let program = folder.join("bin/backend.ai");
    // Written last, so that an installation that was broken off is done again.
    let done = folder.join(PYTHON_CLIENT.join(","));
    if !done.exists() {
        if !run::exists(PYTHON) {
            bail!("the Python client needs {PYTHON}; --no-python leaves it out");
        }
        run::run(PYTHON, &["-m", "venv", "target/bench/python"])?;
        let pip = folder.join("bin/pip").display().to_string();
        run::run(&pip, &[&["install", "--quiet"], PYTHON_CLIENT].concat())?;
        std::fs::write(done, "")?;
    }
    Ok(std::path::absolute(program)?)
}
