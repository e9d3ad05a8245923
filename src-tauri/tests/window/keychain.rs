//! A session bus, and an unlocked GNOME keyring on it, as a desktop has after its user has signed in.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;

/// A session bus, ended with this value.
pub(crate) struct Bus {
    daemon: Child,
}

/// Both daemons, ended with this value.
pub(crate) struct Keychain {
    daemon: Child,
    _bus: Bus,
}

impl Bus {
    /// Starts it, and lets the bench's apps find it.
    pub(crate) fn start(bench: &mut Bench) -> Result<Self> {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .env_clear()
            .envs(bench.environment())
            .env_remove("BERTH_DATA_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start dbus-daemon")?;
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().context("no output")?).read_line(&mut address)?;
        ensure!(!address.trim().is_empty(), "dbus-daemon gave no address");
        bench.set("DBUS_SESSION_BUS_ADDRESS", address.trim());
        Ok(Self { daemon })
    }
}

impl Keychain {
    /// Starts both, and lets the bench's apps find them.
    pub(crate) fn start(bench: &mut Bench) -> Result<Self> {
        let bus = Bus::start(bench)?;
        let mut daemon = Command::new("gnome-keyring-daemon")
            .args(["--unlock", "--components=secrets", "--foreground"])
            .env_clear()
            .envs(bench.environment())
            .env_remove("BERTH_DATA_DIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start gnome-keyring-daemon")?;
        // The keyring's password ends with its input.
        daemon.stdin.take().context("no input")?.write_all(b"password of the keyring")?;
        // It prints its control socket once it serves.
        let mut line = String::new();
        BufReader::new(daemon.stdout.take().context("no output")?).read_line(&mut line)?;
        Ok(Self { daemon, _bus: bus })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Drop for Keychain {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
