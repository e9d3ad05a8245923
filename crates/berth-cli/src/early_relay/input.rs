//! The reading half of a connection that is watched for its end before anybody reads it.
//!
//! ssh says its version at once and then waits. What it says is kept, so that the end behind it is seen while the stream
//! to the session is still being opened.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::OwnedReadHalf;

/// More than a program says before it is answered.
const AHEAD: usize = 4096;

#[derive(Debug)]
struct Shared {
    half: OwnedReadHalf,
    /// Read before it was wanted.
    ahead: Vec<u8>,
    is_wanted: bool,
    has_ended: bool,
    /// Of the one who waits for the end.
    waker: Option<Waker>,
}

/// What comes in.
#[derive(Debug)]
pub(crate) struct Input(Arc<Mutex<Shared>>);

/// The end of it: neither does anybody read any more, as ssh closes both ways at once.
#[derive(Debug)]
pub(crate) struct Closed(Arc<Mutex<Shared>>);

/// Divides a connection's reading half.
pub(super) fn input(half: OwnedReadHalf) -> (Input, Closed) {
    let shared = Shared { half, ahead: Vec::new(), is_wanted: false, has_ended: false, waker: None };
    let shared = Arc::new(Mutex::new(shared));
    (Input(Arc::clone(&shared)), Closed(shared))
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        shared.is_wanted = true;
        if !shared.ahead.is_empty() {
            let taken = shared.ahead.len().min(buf.remaining());
            buf.put_slice(&shared.ahead[..taken]);
            shared.ahead.drain(..taken);
            return Poll::Ready(Ok(()));
        }
        if shared.has_ended {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut shared.half).poll_read(cx, buf));
        if read.is_err() || (buf.filled().len() == before && buf.remaining() > 0) {
            shared.has_ended = true;
            if let Some(waker) = shared.waker.take() {
                waker.wake();
            }
        }
        Poll::Ready(read)
    }
}

impl Future for Closed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = lock(&self.0);
        let mut buffer = [0; AHEAD];
        while !shared.has_ended && !shared.is_wanted && shared.ahead.len() < AHEAD {
            let mut buf = ReadBuf::new(&mut buffer);
            let Poll::Ready(read) = Pin::new(&mut shared.half).poll_read(cx, &mut buf) else { break };
            shared.has_ended = read.is_err() || buf.filled().is_empty();
            shared.ahead.extend_from_slice(buf.filled());
        }
        if shared.has_ended {
            return Poll::Ready(());
        }
        shared.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn nothing_that_came_before_is_lost() {
        let (mut ssh, relay) = UnixStream::pair().unwrap();
        let (mut input, mut closed) = input(relay.into_split().0);
        ssh.write_all(b"SSH-2.0-a\r\n").await.unwrap();
        // It has read, and waits for the end.
        assert!(futures_now(&mut closed).await.is_none());
        let mut said = [0; 4];
        input.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"SSH-");
        ssh.write_all(b"more").await.unwrap();
        drop(ssh);
        let mut rest = String::new();
        let (_, ()) = tokio::join!(async { input.read_to_string(&mut rest).await.unwrap() }, closed);
        assert_eq!(rest, "2.0-a\r\nmore");
    }

    #[tokio::test]
    async fn an_end_is_seen_by_one_who_does_not_read() {
        let (mut ssh, relay) = UnixStream::pair().unwrap();
        let (mut input, closed) = input(relay.into_split().0);
        ssh.write_all(b"SSH-2.0-a\r\n").await.unwrap();
        drop(ssh);
        closed.await;
        let mut said = String::new();
        input.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "SSH-2.0-a\r\n");
    }

    /// What a future has when it is asked once.
    async fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            Poll::Ready(match Pin::new(&mut *future).poll(cx) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => None,
            })
        })
        .await
    }
}
