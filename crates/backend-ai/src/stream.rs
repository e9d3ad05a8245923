//! Byte streams to the apps of a session: one WebSocket each (protocol.md 4).
//!
//! The frames are coded here instead of by a library: upload is masked while it is copied into one buffer that
//! leaves with one write, download is handed out where it was read, piece by piece, without assembling messages.

mod decoder;
mod encoder;
mod end;
mod frame;
mod open;
mod parameters;
mod path;
mod pool;
mod pulse;
mod socket;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, io};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

pub use end::StreamEnd;
pub use parameters::AppParameters;
pub(crate) use path::PathWatch;
use pool::KeepRefreshing;
pub(crate) use pool::PoolRefresh;
use pulse::Path;
use socket::Socket;

/// One stream to an app of a session: the bytes of one TCP connection inside it.
///
/// Reading goes best through [`AsyncBufRead`], which copies nothing. Every error carries a [`StreamEnd`]
/// ([`StreamEnd::of`]). There is no half-close (protocol.md 4.2): shutting the writing side down ends the stream,
/// and bytes the far end sent before that can still be read. The reading side must be polled while the stream is
/// open: it answers and sends the pings that tell a dead path.
pub struct AppStream {
    socket: Socket<reqwest::Upgraded>,
    _keep_pool: Option<KeepRefreshing>,
}

impl AppStream {
    fn new(upgraded: reqwest::Upgraded, path: Arc<dyn Path>) -> Self {
        Self { socket: Socket::new(upgraded, Some(path)), _keep_pool: None }
    }

    /// Holds something for as long as the stream lives.
    fn keeping(self, keep_pool: Option<KeepRefreshing>) -> Self {
        Self { _keep_pool: keep_pool, ..self }
    }

    /// The code of the far end's close frame, once one has come; 1005 for one without a code.
    pub fn close_code(&self) -> Option<u16> {
        self.socket.close_code()
    }
}

impl fmt::Debug for AppStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppStream").field("close_code", &self.close_code()).finish_non_exhaustive()
    }
}

impl AsyncRead for AppStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, buf)
    }
}

impl AsyncBufRead for AppStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.get_mut().socket).poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.get_mut().socket).consume(amount);
    }
}

impl AsyncWrite for AppStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
