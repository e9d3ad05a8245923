//! The programs started inside a session, and their certain end.
//!
//! Each program leads a process group of its own, which is killed with the session. Programs that
//! leave their group (`setsid`, `nohup` in an interactive shell, tmux) are found on Linux by the
//! mark in their environment, so that nothing survives the demo cluster.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::container::Container;

/// Environment variable that marks programs of a demo cluster.
const MARK: &str = "BERTH_DEMO_CLUSTER";
/// Environment variable that marks programs of one container: those of the next one in the same session are others.
const CONTAINER_MARK: &str = "BERTH_DEMO_CONTAINER";

/// The running programs of one container.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    groups: Arc<Mutex<HashSet<u32>>>,
    run: Uuid,
    container: Uuid,
    gone: CancellationToken,
}

impl Processes {
    /// None yet. `run` identifies this start of the cluster.
    pub(crate) fn new(run: Uuid, gone: &CancellationToken) -> Processes {
        Processes { groups: Arc::default(), run, container: Uuid::new_v4(), gone: gone.clone() }
    }

    /// The environment variables by which its programs are found, each with its value.
    pub(super) fn marks(&self) -> [(&'static str, String); 2] {
        [(MARK, self.run.to_string()), (CONTAINER_MARK, self.container.to_string())]
    }

    /// Notes a program that leads its own group, until the entry is dropped.
    pub(super) fn register(&self, group: u32) -> GroupEntry {
        self.lock().insert(group);
        let entry = GroupEntry { group, processes: self.clone() };
        if self.gone.is_cancelled() {
            // Started while the session was ending: too late for `kill_all`.
            entry.kill();
        }
        entry
    }

    /// Kills everything, now.
    pub(crate) fn kill_all(&self) {
        for group in self.lock().iter() {
            kill_group(*group);
        }
        let [cluster, container] = self.marks().map(|(name, value)| format!("{name}={value}"));
        sweep(&[&cluster, &container]);
    }

    /// Runs a start-up script in the session, with its output in `bootstrap.log`.
    pub(crate) fn run_bootstrap(&self, container: &Container, script: &str) {
        let log = container.home.join("bootstrap.log");
        if let Err(error) = self.run_to_its_end(container, script, &log) {
            tracing::warn!(%error, "start-up script not run");
        }
    }

    /// Runs shell text in the session, with its output in a file. Gives its exit code when it has ended, -1 for a
    /// signal.
    pub(crate) fn run_to_its_end(
        &self,
        container: &Container,
        script: &str,
        log: &Path,
    ) -> io::Result<oneshot::Receiver<i32>> {
        let mut child = super::process::logged_command(container, script, log)?.spawn()?;
        let entry = self.register(child.id());
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new().name("demo-script".into()).spawn(move || {
            let code = child.wait().ok().and_then(|status| status.code()).unwrap_or(-1);
            drop(entry);
            // Nobody may want to know.
            let _ = tell.send(code);
        })?;
        Ok(told)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered program.
#[derive(Debug)]
pub(super) struct GroupEntry {
    group: u32,
    processes: Processes,
}

impl GroupEntry {
    /// Kills the program's group.
    pub(super) fn kill(&self) {
        kill_group(self.group);
    }

    /// Sends the group a signal.
    #[cfg(unix)]
    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        signal_group(self.group, signal);
    }
}

impl Drop for GroupEntry {
    fn drop(&mut self) {
        self.processes.lock().remove(&self.group);
    }
}

#[cfg(unix)]
fn signal_group(group: u32, signal: rustix::process::Signal) {
    let Some(pid) = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw) else { return };
    // A group that has ended already is what is wanted.
    let _ = rustix::process::kill_process_group(pid, signal);
}

#[cfg(unix)]
fn kill_group(group: u32) {
    signal_group(group, rustix::process::Signal::KILL);
}

/// On Windows the program's own handle kills it.
#[cfg(not(unix))]
fn kill_group(_: u32) {}

/// Kills what a run of a cluster that has ended has left. Knows them on Linux only.
pub(crate) fn end_programs_of(run: &str) {
    // Only a run's id marks programs; anything else is not what a cluster has written.
    if Uuid::parse_str(run).is_ok() {
        sweep(&[&format!("{MARK}={run}")]);
    }
}

/// Kills processes that carry all the marks in their environment.
#[cfg(target_os = "linux")]
fn sweep(marks: &[&str]) {
    // Again while something is found: a process may have forked meanwhile.
    for _ in 0..10 {
        let Ok(entries) = std::fs::read_dir("/proc") else { return };
        let mut found = false;
        for entry in entries.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            if is_marked(&entry.path(), marks)
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                found |= rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok();
            }
        }
        if !found {
            return;
        }
    }
}

#[cfg(target_os = "linux")]
fn is_marked(process: &Path, marks: &[&str]) -> bool {
    // A zombie has no environment left; another user's is not readable.
    let Ok(environment) = std::fs::read(process.join("environ")) else { return false };
    let has = |wanted: &str| environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes());
    marks.iter().all(|mark| has(mark))
}

#[cfg(not(target_os = "linux"))]
fn sweep(_: &[&str]) {}

/// Lets programs get Ctrl-C although this process ignores it.
///
/// A process started by `nohup` or with `&` from a script ignores SIGINT, SIGQUIT or SIGHUP, and
/// its children inherit that. A signal that is *handled* becomes the default in a child, so
/// the ignored ones get a handler that does nothing: the same for this process.
pub(crate) fn restore_interrupt_signals() {
    #[cfg(target_os = "linux")]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0);
        for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()] {
            let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(0);
            if ignored & (1 << bit) != 0
                && let Err(error) = signal(kind)
            {
                tracing::debug!(%error, "an ignored signal stays ignored");
            }
        }
    }
}
