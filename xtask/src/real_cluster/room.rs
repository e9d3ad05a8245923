//! Rooms: name spaces that hold a cluster, and the relay that makes its ports reachable from outside.
//!
//! A room lives as long as its first process, `tini`. It is entered by `nsenter` and ended by ending that process, which
//! takes all others with it. Its process id is kept in a file; whether that process is still ours is seen from its name,
//! its root and a note in the state folder.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Cluster;
use super::root::tail;
use crate::run;

/// How often something that takes its time is looked at again.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// A room that runs.
pub(super) struct Room {
    /// Of its first process, as the computer counts.
    pid: u32,
    postgres: u16,
}

impl Room {
    /// A command to be run inside, with a clean environment.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd", "--target"])
            .arg(self.pid.to_string())
            .args(["--", program])
            .env_clear()
            .env("PATH", "/opt/backend.ai/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.postgres.to_string())
            .env("PGUSER", "postgres");
        command
    }

    /// Whether a command inside succeeds.
    pub(super) fn succeeds(&self, program: &str, words: &[&str]) -> bool {
        self.command(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Whether something inside listens on a port.
    pub(super) fn listens(&self, port: u16) -> bool {
        ["tcp", "tcp6"].iter().any(|table| {
            fs::read_to_string(format!("/proc/{}/net/{table}", self.pid))
                .is_ok_and(|table| listening(&table).contains(&port))
        })
    }

    /// Whether a process with this id, as the room counts, exists.
    pub(super) fn has_process(&self, pid: u32) -> bool {
        Path::new(&format!("/proc/{}/root/proc/{pid}", self.pid)).exists()
    }
}

impl Cluster {
    fn room_file(&self) -> PathBuf {
        self.base.join("room.pid")
    }

    fn relay_file(&self) -> PathBuf {
        self.root().join("opt/relay.pid")
    }

    /// The room, if it runs.
    pub(super) fn found_room(&self) -> Option<Room> {
        let pid = read_id(&self.room_file())?;
        // A process that only inherited the number has another root.
        let ours = Path::new(&format!("/proc/{pid}/root/srv/cluster/.room")).exists()
            && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "tini")
            && fs::read_to_string(self.state().join(".room")).is_ok_and(|text| text == pid.to_string());
        ours.then_some(Room { pid, postgres: self.release.postgres })
    }

    /// Starts the room unless it runs.
    pub(super) fn open_room(&self) -> Result<Room> {
        if let Some(room) = self.found_room() {
            return Ok(room);
        }
        let state = self.state();
        // When the last room was killed, its relay may be left, which leads into a network without servers.
        self.close_relay();
        // What the last room's processes left would be taken for running ones.
        let _ = fs::remove_dir_all(state.join("run"));
        let _ = fs::remove_file(state.join("postgres/postmaster.pid"));
        let _ = fs::remove_file(self.room_file());
        fs::create_dir_all(&state)?;
        let log_path = self.base.join("log/room.log");
        let log = File::create(&log_path)?;
        Command::new("setsid")
            .args([
                "--fork",
                "unshare",
                "--mount",
                "--pid",
                "--net",
                "--ipc",
                "--uts",
                "--fork",
                "--kill-child",
            ])
            .arg("sh")
            .arg(Path::new("xtask/real-cluster/init.sh").canonicalize()?)
            .args([self.root(), state.clone(), self.room_file()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .context("cannot start the room")?;
        let told = wait(Duration::from_secs(20), || read_id(&self.room_file()));
        let Some(pid) = told else { bail!("the room did not start:\n{}", tail(&log_path)) };
        fs::write(state.join(".room"), pid.to_string())?;
        match wait(Duration::from_secs(10), || self.found_room()) {
            Some(room) => Ok(room),
            None => bail!("the room has ended at once:\n{}", tail(&log_path)),
        }
    }

    /// Ends the room and everything that still runs in it.
    pub(super) fn close_room(&self, room: &Room) -> Result<()> {
        run::run("kill", &["-KILL", &room.pid.to_string()])?;
        if wait(Duration::from_secs(30), || self.found_room().is_none().then_some(())).is_none() {
            bail!("the room (process {}) does not end", room.pid);
        }
        let _ = fs::remove_file(self.room_file());
        Ok(())
    }

    pub(super) fn relay_runs(&self) -> bool {
        self.relay_id().is_some()
    }

    fn relay_id(&self) -> Option<u32> {
        let pid = read_id(&self.relay_file())?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        // The file outlives a restart of the computer, after which the number may be another cluster's relay.
        let ours = String::from_utf8_lossy(&line).contains("/opt/relay.py")
            && fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root == self.root());
        ours.then_some(pid)
    }

    /// Makes the servers' ports reachable on the computer's 127.0.0.1.
    pub(super) fn open_relay(&self, room: &Room) -> Result<()> {
        if self.relay_runs() {
            return Ok(());
        }
        let _ = fs::remove_file(self.relay_file());
        fs::copy("xtask/real-cluster/relay.py", self.root().join("opt/relay.py"))?;
        let log_path = self.base.join("log/relay.log");
        let log = File::create(&log_path)?;
        // It runs in the computer's network with the room's Python, and is handed the room's network as a file.
        let script = "exec 9<\"/proc/$1/ns/net\"; root=$2; shift 2; \
            exec setsid --fork chroot \"$root\" python3 /opt/relay.py /opt/relay.pid \"$@\"";
        Command::new("sh")
            .args(["-c", script, "sh", &room.pid.to_string()])
            .arg(self.root())
            .args(self.release.relayed_ports().map(|port| port.to_string()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .context("cannot start the relay")?;
        let said = wait(Duration::from_secs(20), || {
            fs::read_to_string(&log_path).ok().filter(|text| text.contains("ready") || text.contains("rror"))
        });
        if said.is_some_and(|text| text.trim() == "ready") {
            return Ok(());
        }
        bail!("the relay did not start: {}", tail(&log_path))
    }

    pub(super) fn close_relay(&self) {
        if let Some(pid) = self.relay_id() {
            let _ = run::run("kill", &[pid.to_string()]);
            // The next one needs its ports.
            let _ = wait(Duration::from_secs(10), || self.relay_id().is_none().then_some(()));
        }
        let _ = fs::remove_file(self.relay_file());
    }
}

/// Asks again until there is an answer or the time is over.
pub(super) fn wait<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

/// A process id that somebody wrote into a file.
pub(super) fn read_id(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The ports in state LISTEN of a table in the format of `/proc/net/tcp`.
fn listening(table: &str) -> HashSet<u16> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (local, state) = (fields.next()?, fields.nth(1)?);
            if state != "0A" {
                return None;
            }
            u16::from_str_radix(local.rsplit(':').next()?, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_ports_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:6DBA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n   \
             1: 0100007F:6DB1 0100007F:8E24 01 00000000:00000000 00:00000000 00000000     0        0 2\n";
        assert_eq!(listening(table), HashSet::from([28090]));
    }

    #[test]
    fn waiting_ends_with_the_answer_or_the_limit() {
        let mut asked = 0;
        let answer = wait(Duration::from_secs(5), || {
            asked += 1;
            (asked == 2).then_some("yes")
        });
        assert_eq!(answer, Some("yes"));
        assert_eq!(wait(Duration::ZERO, || None::<()>), None);
    }
}
