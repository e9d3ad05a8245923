//! A stream that ends when it is told to, whoever holds it.
//!
//! The SSH library keeps its stream in a task of its own; without this, an ended session's
//! connections would live on there.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream with an end that can be brought about.
pub(super) struct CutStream {
    stream: DuplexStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    token: CancellationToken,
}

impl CutStream {
    pub(super) fn new(stream: DuplexStream, token: CancellationToken) -> CutStream {
        CutStream { stream, cut: Box::pin(token.clone().cancelled_owned()), token }
    }
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.token.is_cancelled() {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            return Poll::Ready(result);
        }
        // The reader is always waiting somewhere, so it alone listens for the cut.
        self.cut.as_mut().poll(cx).map(Ok)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.token.is_cancelled() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
