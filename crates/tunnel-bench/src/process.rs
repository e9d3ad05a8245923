//! Other processes: started, measured by `/proc`, and ended.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A process of the benchmark; ended when dropped.
pub(crate) struct Process {
    child: Child,
    /// Left open for whatever it says later.
    stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, stdout: None })
    }

    /// Starts this program in another role, and gives the numbers of the first line it prints.
    pub(crate) fn role(words: &[&OsStr]) -> Result<(Self, Vec<u16>)> {
        let mut process = Self::start(Command::new(std::env::current_exe()?).args(words))?;
        let mut stdout = BufReader::new(process.child.stdout.take().context("no output")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        process.stdout = Some(stdout);
        let numbers: Vec<u16> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        if numbers.is_empty() {
            bail!("{words:?} did not start");
        }
        Ok((process, numbers))
    }

    /// CPU time it has used so far, user and system.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        // Nanoseconds of each thread, which is finer than the ticks of /proc/PID/stat; the threads measured here live
        // as long as their process.
        let mut sum = 0;
        for task in std::fs::read_dir(self.proc("task"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or does now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
