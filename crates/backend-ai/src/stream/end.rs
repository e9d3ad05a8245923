//! How an open stream ends.

use std::io;

/// Why a stream ended, as the inner error of every `io::Error` of an [`AppStream`](crate::AppStream).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamEnd {
    /// One side closed the WebSocket. For 1000 and 1001 reading gives a clean end instead of this error.
    #[error("the stream was closed with code {code}")]
    Closed {
        /// The close code; 1005 for none.
        code: u16,
    },
    /// The app's port inside the session does not accept connections (1013; protocol.md 4.4).
    #[error("the app refused the connection")]
    Refused,
    /// The server could not connect to the app (1011).
    #[error("the server could not connect to the app")]
    Failed,
    /// A message was larger than the server takes (1009).
    #[error("a message was larger than the server takes")]
    TooLarge,
    /// No answer to a ping: for seconds where a new connection is answered, for 45 s where none is, for 90 s without
    /// any byte where the answer may be late for other reasons.
    #[error("the server no longer answers")]
    PathLost,
    /// The transport failed, or ended without a close.
    #[error("the connection was lost: {0}")]
    Reset(String),
    /// The server violated the WebSocket protocol.
    #[error("the server violated the protocol: {0}")]
    Protocol(String),
}

impl StreamEnd {
    /// The reason inside an error of a stream.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// What a close code means; `None` for the codes of a normal end.
    pub(crate) fn from_code(code: u16) -> Option<Self> {
        match code {
            1000 | 1001 | 1005 => None,
            1009 => Some(Self::TooLarge),
            1011 => Some(Self::Failed),
            1013 => Some(Self::Refused),
            code => Some(Self::Closed { code }),
        }
    }
}

impl From<StreamEnd> for io::Error {
    fn from(end: StreamEnd) -> Self {
        let kind = match end {
            StreamEnd::Closed { .. } => io::ErrorKind::BrokenPipe,
            StreamEnd::Refused => io::ErrorKind::ConnectionRefused,
            StreamEnd::Failed | StreamEnd::TooLarge => io::ErrorKind::ConnectionAborted,
            StreamEnd::PathLost => io::ErrorKind::TimedOut,
            StreamEnd::Reset(_) => io::ErrorKind::ConnectionReset,
            StreamEnd::Protocol(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, end)
    }
}
