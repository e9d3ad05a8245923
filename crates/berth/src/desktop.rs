//! The desktop app, asked for something from a terminal.
//!
//! The app is started with the wish as its arguments. Where one runs already, the new process hands them to it and
//! ends at once, so the same way serves both, and no channel of our own is open between the two programs.

use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sshkit::os::Os;
use sshkit::tools::Computer;

use crate::{Berth, Error, error};

/// A process that hands its wish over, or cannot start, has ended within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// The most that is read of what a process said that did not start, in bytes.
const SAID: u64 = 4 << 10;

/// The window of a cluster's WebUI, wanted by somebody outside of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUiWish {
    /// Whose.
    pub profile_id: String,
    /// UUID of the session to be shown there.
    pub session_id: Option<String>,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// An app that runs has it.
    HandedOver,
    /// The app has been started with it.
    Started,
}

impl WebUiWish {
    /// Its words among the app's arguments.
    pub const OPTION: &str = "--web-ui";
    /// The one for the session.
    pub const SESSION: &str = "--session";

    /// The app's arguments that say it.
    fn words(&self) -> Vec<&str> {
        let mut words = vec![Self::OPTION, &self.profile_id];
        if let Some(session) = &self.session_id {
            words.extend([Self::SESSION, session]);
        }
        words
    }
}

impl Berth {
    /// Lets the desktop app fulfil a wish, and starts it if need be.
    ///
    /// # Errors
    /// `no-display` on Linux, `desktop-missing`, `desktop-failed`.
    pub async fn ask_desktop(&self, wish: &WebUiWish) -> Result<Asked, Error> {
        let own = std::env::current_exe().ok();
        let program = locate(&self.computer(), own.as_deref().and_then(Path::parent))?;
        start(&program, &wish.words()).await
    }
}

/// The app's program, on a computer that can show its window.
fn locate(computer: &Computer, beside: Option<&Path>) -> Result<PathBuf, Error> {
    let displays = ["DISPLAY", "WAYLAND_DISPLAY"];
    if computer.os == Os::Linux && displays.iter().all(|name| computer.variable(name).is_none()) {
        return Err(error::no_display());
    }
    let name = if computer.os == Os::Windows { "berth-desktop.exe" } else { "berth-desktop" };
    let beside = beside.map(|folder| computer.below(folder, name));
    computer
        .first(beside)
        .or_else(|| computer.on_path(name))
        .or_else(|| computer.first(usual(computer, name)))
        .ok_or_else(error::desktop_missing)
}

/// Where installers put it.
fn usual(computer: &Computer, name: &str) -> Vec<PathBuf> {
    match computer.os {
        Os::Linux => {
            let folders = ["/usr/bin".into(), "/usr/local/bin".into(), computer.home.join(".local/bin")];
            folders.iter().map(|folder: &PathBuf| folder.join(name)).collect()
        }
        Os::MacOs => {
            let folders = [PathBuf::from("/Applications"), computer.home.join("Applications")];
            folders.iter().map(|folder| folder.join("Berth.app/Contents/MacOS").join(name)).collect()
        }
        // For this user, or for all.
        Os::Windows => ["LOCALAPPDATA", "ProgramFiles"]
            .iter()
            .filter_map(|folder| computer.in_variable(folder, &format!("Berth/{name}")))
            .collect(),
    }
}

async fn start(program: &Path, words: &[&str]) -> Result<Asked, Error> {
    let failed = |why: &std::io::Error| error::desktop_failed(program, &why.to_string());
    // A file and no pipe: it may be written to long after this program has gone.
    let mut said = tempfile::tempfile().map_err(|e| failed(&e))?;
    let mut command = tokio::process::Command::new(program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone().map_err(|e| failed(&e))?);
    // Ctrl-C in this terminal is not meant for it.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    match tokio::time::timeout(ENDS_WITHIN, child.wait()).await {
        Err(_) => Ok(Asked::Started),
        Ok(Ok(status)) if status.success() => Ok(Asked::HandedOver),
        Ok(Ok(status)) => {
            let mut text = Vec::new();
            let read = said.rewind().and_then(|()| said.take(SAID).read_to_end(&mut text));
            let text = String::from_utf8_lossy(&text);
            let words = text.trim().trim_end_matches('.');
            let silent = read.is_err() || words.is_empty();
            let why = if silent { status.to_string() } else { words.to_owned() };
            Err(error::desktop_failed(program, &why))
        }
        Ok(Err(e)) => Err(failed(&e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn computer(os: Os, home: &str, variables: &[(&str, &str)], there: &[&str]) -> Computer {
        let there: Vec<PathBuf> = there.iter().map(PathBuf::from).collect();
        Computer {
            os,
            home: home.into(),
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            path: vec!["/shell".into()],
            exists: Box::new(move |path| there.iter().any(|there| there == path)),
            names: Box::new(|_| None),
        }
    }

    #[test]
    fn the_app_is_found_beside_then_by_the_shell_then_where_it_is_installed() {
        let display = [("DISPLAY", ":0")];
        let mut there = vec!["/tools/berth-desktop", "/shell/berth-desktop", "/usr/bin/berth-desktop"];
        for wanted in there.clone() {
            let linux = computer(Os::Linux, "/home/me", &display, &there);
            assert_eq!(locate(&linux, Some(Path::new("/tools"))).unwrap(), Path::new(wanted));
            there.remove(0);
        }
        let wayland = [("WAYLAND_DISPLAY", "wayland-0")];
        let own = computer(Os::Linux, "/home/me", &wayland, &["/home/me/.local/bin/berth-desktop"]);
        assert!(locate(&own, None).is_ok());
        let app = "/Users/me/Applications/Berth.app/Contents/MacOS/berth-desktop";
        assert_eq!(locate(&computer(Os::MacOs, "/Users/me", &[], &[app]), None).unwrap(), Path::new(app));
        let exe = "C:\\Users\\me\\AppData\\Local\\Berth\\berth-desktop.exe";
        let local = [("LOCALAPPDATA", "C:\\Users\\me\\AppData\\Local")];
        assert_eq!(locate(&computer(Os::Windows, "", &local, &[exe]), None).unwrap(), Path::new(exe));
    }

    #[test]
    fn what_is_missing_is_named() {
        let app = "/usr/bin/berth-desktop";
        let blind = computer(Os::Linux, "/home/me", &[("DISPLAY", "")], &[app]);
        assert_eq!(locate(&blind, None).unwrap_err().code, "no-display");
        let bare = computer(Os::Linux, "/home/me", &[("DISPLAY", ":0")], &[]);
        let error = locate(&bare, Some(Path::new("/tools"))).unwrap_err();
        assert_eq!(error.code, "desktop-missing");
        assert!(error.hint.contains("/releases"), "{error:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn how_the_process_ends_is_the_answer() {
        let shell = Path::new("/bin/sh");
        assert_eq!(start(shell, &["-c", "exit 0"]).await.unwrap(), Asked::HandedOver);
        let error = start(shell, &["-c", "echo no window system. >&2; exit 1"]).await.unwrap_err();
        assert_eq!(error.code, "desktop-failed");
        assert_eq!(error.message, "The desktop app did not start: no window system.");
        let error = start(Path::new("/nowhere/berth-desktop"), &[]).await.unwrap_err();
        assert_eq!(error.code, "desktop-failed");
    }

    #[test]
    fn a_wish_is_words() {
        let mut wish = WebUiWish { profile_id: "me@c.example.com".into(), session_id: None };
        assert_eq!(wish.words(), ["--web-ui", "me@c.example.com"]);
        wish.session_id = Some("5b5e".into());
        assert_eq!(wish.words(), ["--web-ui", "me@c.example.com", "--session", "5b5e"]);
    }
}
