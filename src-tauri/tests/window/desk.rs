//! A display with a window manager, and the hands of a person for what WebDriver cannot see: native dialogs and keys.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A program and everything it started, ended together.
pub(crate) struct Group {
    leader: Child,
}

impl Group {
    /// Starts a program as the leader of a process group of its own, silent unless its output was set.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        std::os::unix::process::CommandExt::process_group(command, 0);
        let leader = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        Ok(Self { leader })
    }

    /// Whether the leader still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.leader.try_wait(), Ok(None))
    }

    fn signal(&self, name: &str) {
        signal(&format!("-{}", self.leader.id()), name);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal("TERM");
        let started = Instant::now();
        while self.runs() && started.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal("KILL");
        let _ = self.leader.wait();
    }
}

/// Sends a signal to a process, or with a minus before the number to a group.
pub(crate) fn signal(target: &str, name: &str) {
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -{name} {target}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// An Xvfb with openbox: without a window manager no dialog gets the focus.
pub(crate) struct Desk {
    // Dropped in this order: the manager before its display.
    _manager: Group,
    _server: Group,
    number: u16,
}

impl Desk {
    /// Starts both on the first free display number.
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", "1280x860x24", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = Group::start(&mut command)?;
        let mut line = String::new();
        if let Some(stdout) = server.leader.stdout.take() {
            // Written once clients can connect, so this is the waiting too.
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let number = line.trim().parse().with_context(|| format!("Xvfb printed {line:?} for its display"))?;
        let manager = Group::start(
            Command::new("openbox")
                .arg("--sm-disable")
                .env("DISPLAY", format!(":{number}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        Ok(Self { _manager: manager, _server: server, number })
    }

    /// The display's number, which no other running test has.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// The value for `DISPLAY`.
    pub(crate) fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// Runs xdotool on this display; its output when it succeeds.
    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        self.program("xdotool", arguments)
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program)
            .args(arguments)
            .env("DISPLAY", self.name())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Ids of the visible windows whose title matches a regular expression.
    fn windows(&self, title: &str) -> Vec<String> {
        let found = self.xdotool(&["search", "--onlyvisible", "--name", title]).unwrap_or_default();
        found.lines().map(str::to_owned).collect()
    }

    /// Waits for a window by its exact title.
    async fn window(&self, title: &str) -> Result<String> {
        for _ in 0..150 {
            if let Some(id) = self.windows(&format!("^{title}$")).first() {
                return Ok(id.clone());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("no window {title:?} appeared; there are {:?}", self.titles());
    }

    fn titles(&self) -> Vec<String> {
        self.windows(".").iter().filter_map(|id| self.xdotool(&["getwindowname", id])).collect()
    }

    /// Whether a window with that title is gone within some seconds.
    async fn gone(&self, title: &str) -> bool {
        for _ in 0..40 {
            if self.windows(&format!("^{title}$")).is_empty() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Types a path into a native save dialog and confirms it. `Ok(false)` when the dialog stays open, because it
    /// asks something or refuses the path.
    pub(crate) async fn try_save_as(&self, title: &str, path: &Path) -> Result<bool> {
        let id = self.window(title).await?;
        self.xdotool(&["windowactivate", "--sync", &id]);
        // The dialog fills its folder view after it is shown and takes the focus back while it does.
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.xdotool(&["key", "--clearmodifiers", "ctrl+a"]);
        self.xdotool(&["type", "--clearmodifiers", "--delay", "8", &path.to_string_lossy()]);
        self.xdotool(&["key", "--clearmodifiers", "Return"]);
        Ok(self.gone(title).await)
    }

    /// Saves through a native dialog, repeating what a busy machine swallowed.
    pub(crate) async fn save_as(&self, title: &str, path: &Path) -> Result<()> {
        for _ in 0..3 {
            if self.try_save_as(title, path).await? {
                return Ok(());
            }
        }
        bail!("the dialog {title:?} did not take {}; windows: {:?}", path.display(), self.titles())
    }

    /// Whether there is a window with that title now.
    pub(crate) fn shows(&self, title: &str) -> bool {
        !self.windows(&format!("^{title}$")).is_empty()
    }

    /// Presses a key in the window with that title.
    pub(crate) async fn key_in(&self, title: &str, key: &str) -> Result<()> {
        let id = self.window(title).await?;
        self.xdotool(&["windowactivate", "--sync", &id]);
        self.key(key);
        Ok(())
    }

    /// Presses a key in the window that has the focus.
    pub(crate) fn key(&self, key: &str) {
        self.xdotool(&["key", "--clearmodifiers", key]);
    }

    /// Types into the window with that title.
    pub(crate) async fn type_into(&self, title: &str, text: &str) -> Result<()> {
        let id = self.window(title).await?;
        self.xdotool(&["windowactivate", "--sync", &id]);
        self.xdotool(&["type", "--clearmodifiers", text]);
        Ok(())
    }

    /// Agrees to what a native question proposes.
    pub(crate) async fn agree(&self, title: &str) -> Result<()> {
        self.answer(title, "Return").await
    }

    /// Closes the dialog as a person does who thinks better of it.
    pub(crate) async fn cancel(&self, title: &str) -> Result<()> {
        self.answer(title, "Escape").await
    }

    /// Answers a dialog by a key, repeating what a busy machine swallowed.
    async fn answer(&self, title: &str, key: &str) -> Result<()> {
        let id = self.window(title).await?;
        for _ in 0..3 {
            self.xdotool(&["windowactivate", "--sync", &id]);
            self.key(key);
            if self.gone(title).await {
                return Ok(());
            }
        }
        bail!("the dialog {title:?} stayed open; windows: {:?}", self.titles())
    }

    /// Closes the window with that title by the window manager, as its close button does. A key would go to whichever
    /// window has the focus by then.
    pub(crate) async fn close_window(&self, title: &str) -> Result<()> {
        let id = self.window(title).await?;
        let asked = self.program("wmctrl", &["-i", "-c", &id]);
        asked.map(drop).with_context(|| format!("{title:?} cannot be closed"))
    }
}
