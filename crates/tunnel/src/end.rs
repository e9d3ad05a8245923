//! Why a connection ended, in types that callers branch on and sentences that people read.

use std::io;
use std::time::Duration;

/// Why an upstream could not be opened, or why it ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Stable and short, for programs. The tunnel's own are `open-timeout` and `upstream-failed`.
    pub code: &'static str,
    /// One sentence for people.
    pub message: String,
    /// Whether waiting may help.
    pub retry: Retry,
}

/// Whether another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same attempt would fail again.
    No,
    /// The cause may pass by itself within seconds.
    AfterBackoff,
}

impl Refusal {
    /// What an upstream's I/O error says when the connector has no better words for it.
    pub(crate) fn unexplained(error: &io::Error) -> Self {
        Self {
            code: "upstream-failed",
            message: format!("The connection to the session failed: {error}."),
            retry: Retry::AfterBackoff,
        }
    }

    /// The connector did not answer in time.
    pub(crate) fn open_timeout(limit: Duration) -> Self {
        Self {
            code: "open-timeout",
            message: format!("The server did not open the connection within {} s.", limit.as_secs()),
            retry: Retry::No,
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    /// The local program closed its side first, or went away.
    #[error("The local program closed the connection.")]
    LocalClosed,
    /// The far end closed its side first.
    #[error("The far end closed the connection.")]
    RemoteClosed,
    /// No upstream could be opened, or each was lost before its first byte.
    #[error("The connection could not be opened: {0}")]
    NotOpened(Refusal),
    /// Upstreams were opened, but none said the first byte that [`Options::first_byte_within`] asks for:
    /// nothing came in time, or the far end closed at once, as an sshd does that has no place free.
    ///
    /// [`Options::first_byte_within`]: crate::Options::first_byte_within
    #[error("The far end did not greet: it is not running, or has no place for another connection.")]
    NoFirstByte,
    /// The far end was silent for [`Options::silence_limit`] although it sends keep-alives.
    ///
    /// It counts only once the far end has greeted with [`Options::keepalive_greeting`] and the sign-in is
    /// surely over (before it, a person may be typing a passphrase): the far end has spoken unasked, after a
    /// pause as a keep-alive does or twice since it encrypts, or more bytes have passed than a sign-in has, or
    /// more time than it may take. And only time in which the tunnel waits for the far end counts, not time in
    /// which the local program leaves its bytes unread; after the computer or this process was suspended, it
    /// counts anew.
    ///
    /// [`Options::silence_limit`]: crate::Options::silence_limit
    /// [`Options::keepalive_greeting`]: crate::Options::keepalive_greeting
    #[error("The far end fell silent: the path to the session is cut, or the session is gone.")]
    Silent,
    /// The upstream was lost after its first byte.
    #[error("The connection was lost: {0}")]
    UpstreamFailed(Refusal),
    /// The local socket failed in a way that is not the program's leaving; the text is the system's.
    #[error("The local connection failed: {0}.")]
    LocalFailed(String),
    /// The tunnel was stopped.
    #[error("The tunnel was stopped.")]
    Stopped,
    /// Ended by [`Tunnel::close_connections`](crate::Tunnel::close_connections).
    #[error("The connection was closed: {0}")]
    Closed(Refusal),
}

impl EndReason {
    /// Whether this is how connections end when nothing went wrong: a side closed, or the tunnel was
    /// stopped.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        matches!(self, Self::LocalClosed | Self::RemoteClosed | Self::Stopped)
    }

    /// The reason behind an error of the local socket. A program that is killed resets its connection;
    /// that is leaving, not failing.
    pub(crate) fn of_local(error: &io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => Self::LocalClosed,
            _ => Self::LocalFailed(error.to_string()),
        }
    }
}

/// One finished connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// Counts the tunnel's accepted connections from 1.
    pub number: u32,
    /// Why it ended.
    pub reason: EndReason,
    /// Bytes from the local program that the upstream took.
    pub bytes_up: u64,
    /// Bytes from the upstream that the local socket took.
    pub bytes_down: u64,
    /// From accept to end.
    pub duration: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal { code: "session-gone", message: "The session has ended.".into(), retry: Retry::No }
    }

    #[test]
    fn reasons_read_as_sentences_and_carry_the_refusal() {
        assert_eq!(
            EndReason::NotOpened(refusal()).to_string(),
            "The connection could not be opened: The session has ended."
        );
        let all = [
            EndReason::LocalClosed,
            EndReason::RemoteClosed,
            EndReason::NotOpened(refusal()),
            EndReason::NoFirstByte,
            EndReason::Silent,
            EndReason::UpstreamFailed(refusal()),
            EndReason::LocalFailed("no route".into()),
            EndReason::Stopped,
            EndReason::Closed(refusal()),
        ];
        for reason in all {
            let text = reason.to_string();
            assert!(text.starts_with("The ") && text.ends_with('.'), "{text}");
        }
    }

    #[test]
    fn a_killed_local_program_is_ordinary() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(EndReason::of_local(&reset), EndReason::LocalClosed);
        assert!(EndReason::of_local(&reset).is_ordinary());
        let odd = io::Error::other("odd");
        assert!(!EndReason::of_local(&odd).is_ordinary());
        assert!(!EndReason::Closed(refusal()).is_ordinary());
    }
}
