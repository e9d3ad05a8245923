//! Measures Berth's streams against other ways to carry the same bytes; `cargo xtask bench` builds and runs it.
//!
//! One program in several roles, each a process of its own so that its CPU time and memory are its own: a stub server
//! that speaks as a manager does, a plain TCP relay, and Berth's tunnel with its streams. The run itself plays the
//! local programs, takes the figures, and writes the tables.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod client;
mod frames;
mod goals;
mod host;
mod peers;
mod process;
mod relay;
mod report;
mod rounds;
mod scp;
mod stub;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// What a run is to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Rounds; the figures are medians.
    rounds: usize,
    /// Bytes per transfer.
    volume: u64,
    /// Round trips of one byte per round.
    echoes: usize,
    /// Connections made one after another per round.
    setups: usize,
    /// Bytes of the file that scp copies.
    file: u64,
    /// How long a thousand connections stay idle.
    idle: std::time::Duration,
    /// Where to work.
    folder: PathBuf,
    /// The Python client's program, where there is one.
    python: Option<PathBuf>,
    /// One part alone: `streams`, `scp`, `far` or `memory`.
    only: Option<String>,
    /// The document whose tables are to be replaced.
    document: Option<PathBuf>,
}

impl Plan {
    fn read(words: &[String]) -> Result<Self> {
        const MIB: u64 = 1024 * 1024;
        let mut plan = Self {
            rounds: 5,
            volume: 1024 * MIB,
            echoes: 5000,
            setups: 300,
            file: 512 * MIB,
            idle: std::time::Duration::from_secs(600),
            folder: PathBuf::from("target/bench"),
            python: None,
            only: None,
            document: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} wants a value"));
            match word.as_str() {
                "--quick" => {
                    (plan.rounds, plan.volume, plan.file) = (1, 128 * MIB, 64 * MIB);
                    (plan.echoes, plan.setups) = (1000, 100);
                    plan.idle = std::time::Duration::ZERO;
                }
                "--rounds" => plan.rounds = value()?.parse()?,
                "--idle-minutes" => plan.idle = std::time::Duration::from_secs(60 * value()?.parse::<u64>()?),
                "--folder" => plan.folder = value()?.into(),
                "--python" => plan.python = Some(value()?.into()),
                "--only" => plan.only = Some(value()?.clone()),
                "--write" => plan.document = Some(value()?.into()),
                other => bail!("{other:?} cannot be understood"),
            }
        }
        if plan.rounds == 0 {
            bail!("at least one round");
        }
        Ok(plan)
    }

    /// Whether a part is to be measured.
    fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["stub", certificate, sshd] => stub::run(certificate.as_ref(), sshd.parse()?).await,
        ["relay", target] => relay::run(target.parse()?).await,
        ["host", url, app] => host::run(url, app, None).await,
        ["host", url, app, certificate] => host::run(url, app, Some(certificate.as_ref())).await,
        ["run", ..] => rounds::run(Plan::read(&words[1..])?).await,
        _ => bail!("`cargo xtask bench` runs this"),
    }
}
