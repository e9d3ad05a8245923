//! A relay that is there before ssh asks for it, so that its stream opens while ssh starts.
//!
//! Three processes take part. The command that will become ssh [starts](EarlyRelay::start) the relay as soon as it can
//! guess the session, and goes on to make sure. The relay opens a stream and [waits](Waiting) at a socket in a folder
//! that only its user can enter. ssh's `ProxyCommand` [takes a connection](take_connection) from it, which it sends to
//! ssh (`ProxyUseFdpass`), and ends. The relay stays as long as the connection does, whatever ssh becomes meanwhile: a
//! background process, a master of others.
//!
//! A relay serves one connection. Who finds none, because scp has asked before or because ssh took its time, starts
//! another one.

#[cfg(unix)]
mod connection;
#[cfg(unix)]
mod input;
#[cfg(unix)]
mod start;
#[cfg(unix)]
mod waiting;

#[cfg(unix)]
pub(crate) use connection::{hand_over, take_connection};
#[cfg(unix)]
pub(crate) use start::EarlyRelay;
#[cfg(unix)]
pub(crate) use waiting::{Taken, Waiting};

/// The socket in its folder.
#[cfg(unix)]
const SOCKET: &str = "relay";
/// What a relay says to the one whose connection it takes.
#[cfg(unix)]
const TAKEN: u8 = b'!';

/// There is none where ssh cannot be handed a socket.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) enum EarlyRelay {}

#[cfg(not(unix))]
impl EarlyRelay {
    pub(crate) fn start(_: &[String]) -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        match *self {}
    }

    pub(crate) fn keep(self) {
        match self {}
    }
}
