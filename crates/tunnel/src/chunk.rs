//! The upward buffer: small at first, larger while reads fill it, none while there is nothing to carry.
//!
//! An idle connection costs no buffer, a keystroke a small one for a moment, a transfer one large enough that
//! system calls do not count.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

/// The first and smallest upward buffer: a keystroke, a key exchange.
pub(crate) const CHUNK: usize = 8 * 1024;

/// The largest. Over ws nearly all time goes to system calls and wake-ups, fewer with 256 KiB than with any
/// smaller size; messages of 1 MiB cost the server twice as much.
const LARGEST_CHUNK: usize = 256 * 1024;

/// How often a grown buffer is measured against what it was used for.
const MEASURE: Duration = Duration::from_secs(1);

/// The upward buffer.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// What was read last; no allocation while there is nothing.
    bytes: Vec<u8>,
    /// How much of it was handed over.
    sent: usize,
    /// The capacity for the next read.
    size: usize,
    /// The longest read since it was measured.
    peak: usize,
    /// When the size was last held against the peak.
    measured: Instant,
}

impl Chunk {
    /// With what was read before, and how much of that was handed over.
    pub(crate) fn new(bytes: Vec<u8>, sent: usize, now: Instant) -> Self {
        Self { bytes, sent, size: CHUNK, peak: 0, measured: now }
    }

    /// What is still to be handed over.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// So many bytes of it were.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.sent += bytes;
    }

    /// Drops what is still to be handed over.
    pub(crate) fn discard(&mut self) {
        self.sent = self.bytes.len();
    }

    /// Reads once; all of the last read must have been handed over. `Ok(0)` is the end.
    pub(crate) fn poll_read(
        &mut self,
        local: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.bytes.clear();
        self.sent = 0;
        if self.bytes.capacity() < self.size {
            self.bytes = Vec::new();
            ready!(local.poll_read_ready(cx))?;
            self.bytes.reserve_exact(self.size);
        }
        let read = poll_read_buf(Pin::new(local), cx, &mut self.bytes);
        match read {
            Poll::Ready(Ok(length)) => {
                self.peak = self.peak.max(length);
                if length >= self.size && self.size < LARGEST_CHUNK {
                    self.grow();
                }
            }
            // Small ones cost nothing to allocate again; grown ones wait to be measured.
            Poll::Pending if self.size == CHUNK => self.bytes = Vec::new(),
            _ => {}
        }
        read
    }

    /// The next read may be larger.
    fn grow(&mut self) {
        if self.size == CHUNK {
            self.measured = Instant::now();
        }
        self.size = (self.size * 4).min(LARGEST_CHUNK);
    }

    /// When to measure next; never, while it is small.
    pub(crate) fn next_measure(&self) -> Option<Instant> {
        (self.size > CHUNK).then(|| self.measured + MEASURE)
    }

    /// Fits the size to what was read since the last time.
    pub(crate) fn measure(&mut self, now: Instant) {
        if self.next_measure().is_none_or(|due| due > now) {
            return;
        }
        self.measured = now;
        self.size = self.peak.next_power_of_two().clamp(CHUNK, LARGEST_CHUNK);
        self.peak = 0;
        if self.rest().is_empty() && self.bytes.capacity() > self.size {
            self.bytes = Vec::new();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn sockets() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    /// Reads so many bytes, handing each read over.
    async fn read(chunk: &mut Chunk, local: &mut TcpStream, mut bytes: usize) {
        while bytes > 0 {
            bytes -= poll_fn(|cx| chunk.poll_read(local, cx)).await.unwrap();
            chunk.discard();
        }
    }

    /// Polls once more, and finds nothing to read.
    async fn starve(chunk: &mut Chunk, local: &mut TcpStream) {
        poll_fn(|cx| {
            assert!(chunk.poll_read(local, cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn it_grows_under_load_and_goes_when_idle() {
        const LOAD: usize = 8 * 1024 * 1024;
        let (mut near, mut far) = sockets().await;
        let start = Instant::now();
        let mut chunk = Chunk::new(Vec::new(), 0, start);
        starve(&mut chunk, &mut near).await;
        assert_eq!((chunk.bytes.capacity(), chunk.next_measure()), (0, None));

        let sending = tokio::spawn(async move {
            far.write_all(&vec![1; LOAD]).await.unwrap();
            far
        });
        read(&mut chunk, &mut near, LOAD).await;
        assert_eq!(chunk.size, LARGEST_CHUNK);
        let mut far = sending.await.unwrap();
        starve(&mut chunk, &mut near).await;
        assert!(chunk.bytes.capacity() >= CHUNK, "kept for the next read of a transfer");

        let due = chunk.next_measure().unwrap();
        chunk.measure(due);
        chunk.measure(due + MEASURE);
        assert_eq!((chunk.size, chunk.bytes.capacity(), chunk.next_measure()), (CHUNK, 0, None));

        far.write_all(b"x").await.unwrap();
        read(&mut chunk, &mut near, 1).await;
        assert!(chunk.bytes.capacity() < 2 * CHUNK);
        starve(&mut chunk, &mut near).await;
        assert_eq!(chunk.bytes.capacity(), 0);
    }
}
