//! A session bus with an unlocked GNOME keyring on it, as a desktop has after its user has signed in.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;

/// Both daemons, ended with this value.
pub(crate) struct Keychain {
    bus: Child,
    daemon: Child,
}

impl Keychain {
    /// Starts them, and lets the bench's apps find them.
    pub(crate) fn start(bench: &mut Bench) -> Result<Self> {
        let mut bus = Command::new("dbus-daemon")
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
        BufReader::new(bus.stdout.take().context("no output")?).read_line(&mut address)?;
        ensure!(!address.trim().is_empty(), "dbus-daemon gave no address");
        bench.set("DBUS_SESSION_BUS_ADDRESS", address.trim());

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
        Ok(Self { bus, daemon })
    }
}

impl Drop for Keychain {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.bus] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
