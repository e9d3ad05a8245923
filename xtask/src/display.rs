//! A virtual X display for computers without one: a server, a CI machine, a container.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

/// An Xvfb that lives as long as this value.
pub(crate) struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// Whether programs started here can open a window as it is.
    pub(crate) fn present() -> bool {
        if !cfg!(target_os = "linux") {
            return true;
        }
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        set("DISPLAY") || set("WAYLAND_DISPLAY")
    }

    /// Starts a virtual display on the first free number.
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", "1280x860x24", "-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        own_group(&mut command);
        let mut server = command.spawn().context("cannot start Xvfb")?;
        // Xvfb writes the number once clients can connect, so reading it is also waiting for it.
        let mut number = String::new();
        if let Some(stdout) = server.stdout.take() {
            BufReader::new(stdout).read_line(&mut number).context("cannot read Xvfb's display number")?;
        }
        if number.trim().is_empty() {
            let status = server.wait()?;
            bail!("Xvfb did not start ({status})");
        }
        Ok(Self { server, name: format!(":{}", number.trim()) })
    }

    /// The value for `DISPLAY`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // TERM, not KILL: Xvfb then removes its lock file and socket.
        terminate(&self.server);
        let _ = self.server.wait();
    }
}

/// Keeps a terminal's Ctrl-C from the child, which is ended in its turn instead.
pub(crate) fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Asks a child that was started with [`own_group`] to end.
pub(crate) fn terminate(child: &Child) {
    signal(child, "TERM");
}

/// Ends a child that was started with [`own_group`], and its children, at once.
pub(crate) fn kill(child: &Child) {
    signal(child, "KILL");
}

fn signal(child: &Child, name: &str) {
    let id = child.id();
    let mut command = if cfg!(windows) {
        let mut command = Command::new("taskkill");
        command.args(["/T", "/F", "/PID", &id.to_string()]);
        command
    } else {
        // The shell's builtin: a system without procps still has it.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("kill -{name} -{id}")]);
        command
    };
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}
