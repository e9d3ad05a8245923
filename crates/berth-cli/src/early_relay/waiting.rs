//! The relay's side: waiting for the one connection.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};

use super::input::{Closed, Input, input};
use super::{SOCKET, TAKEN};

/// A parent that has gone is noticed after this time.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// ssh, its questions and the shell of its `ProxyCommand` are quicker, or start another relay.
const WAIT: Duration = Duration::from_secs(30);

/// The socket at which a connection may come, and its folder.
#[derive(Debug)]
pub(crate) struct Waiting {
    listener: Option<UnixListener>,
    folder: PathBuf,
    parent: u32,
}

/// The one connection.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) input: Input,
    pub(crate) output: OwnedWriteHalf,
    pub(crate) closed: Closed,
}

impl Waiting {
    /// Takes the socket from standard input. `parent` is told, because it may have gone before this can look.
    pub(crate) fn new(folder: PathBuf, parent: u32) -> io::Result<Self> {
        let listener = std::os::unix::net::UnixListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Some(UnixListener::from_std(listener)?), folder, parent })
    }

    /// Waits for the connection; none when nobody will want it any more.
    pub(crate) async fn taken(mut self) -> io::Result<Option<Taken>> {
        let Some(listener) = self.listener.take() else { return Ok(None) };
        let (mut socket, _): (UnixStream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = self.nobody_comes() => return Ok(None),
        };
        // Others who have come meanwhile see that they are not served, and help themselves.
        drop(listener);
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        drop(self);
        socket.write_all(&[TAKEN]).await?;
        let (reading, writing) = socket.into_split();
        let (input, closed) = input(reading);
        Ok(Some(Taken { input, output: writing, closed }))
    }

    async fn nobody_comes(&self) {
        let looks = WAIT.as_millis() / LOOK_EVERY.as_millis();
        for _ in 0..looks {
            tokio::time::sleep(LOOK_EVERY).await;
            if parent_id() != self.parent {
                break;
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Nothing else is in it; if there were, it would not be ours to remove.
        let _ = std::fs::remove_file(self.folder.join(SOCKET));
        let _ = std::fs::remove_dir(&self.folder);
    }
}
