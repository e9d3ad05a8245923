//! The starting command's side.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::SOCKET;

/// A relay that was started, and is ended again unless somebody takes a connection from it.
#[derive(Debug)]
pub(crate) struct EarlyRelay {
    child: Child,
    folder: tempfile::TempDir,
    kept: bool,
}

impl EarlyRelay {
    /// Starts `words`, which make a [`super::Waiting`]: the folder and this process's id are added to them, the socket is
    /// their standard input.
    pub(crate) fn start(words: &[String]) -> io::Result<Self> {
        let folder = private_folder()?;
        let socket = UnixListener::bind(folder.path().join(SOCKET))?;
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let child = Command::new(program)
            .args(arguments)
            .arg("--waiting")
            .arg(folder.path())
            .arg(format!("--parent={}", std::process::id()))
            .stdin(std::os::fd::OwnedFd::from(socket))
            // Whoever reads this command's output waits for all who could write to it.
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, folder, kept: false })
    }

    /// Where it waits.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves it to those who will take a connection. It clears up its folder itself.
    pub(crate) fn keep(mut self) {
        self.kept = true;
        self.folder.disable_cleanup(true);
    }
}

impl Drop for EarlyRelay {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // It may have ended by itself. It is not waited for: it has a farewell to say.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
}

/// A folder with a short path, as addresses of sockets have about a hundred bytes.
fn private_folder() -> io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;

    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    tempfile::Builder::new()
        .prefix("berth-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(runtime.unwrap_or_else(std::env::temp_dir))
}
