//! What a client has sent on a channel and nobody has read yet.
//!
//! The SSH library opens a channel's window again as soon as data arrives, and waits inside the
//! connection's own loop when the channel's queue is full. A program that does not read while it
//! writes (`ssh host cat < file`) would then stop the whole connection for ever. So the queue is
//! always emptied into this box: a few MiB in memory, the rest in an unlinked temporary file.

use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

/// Bytes kept in memory.
const MEMORY: usize = 4 * 1024 * 1024;
/// Bytes kept in the file; a client that sends more has to wait after all.
const FILE: u64 = 1024 * 1024 * 1024;
/// Bytes read back from the file at once.
const CHUNK: usize = 256 * 1024;

#[derive(Default)]
struct Inner {
    queue: VecDeque<Bytes>,
    queued: usize,
    spill: Option<Spill>,
    finished: bool,
    reader: Option<Waker>,
}

/// The part that did not fit into memory; younger than everything in the queue.
struct Spill {
    file: File,
    read: u64,
    written: u64,
}

/// The writing end. Clones write to the same box.
#[derive(Clone)]
pub(super) struct Inbox {
    inner: Arc<Mutex<Inner>>,
    space: Arc<Notify>,
}

/// The reading end.
pub(super) struct Outbox {
    inbox: Inbox,
    rest: Bytes,
}

/// A box's two ends.
pub(super) fn inbox() -> (Inbox, Outbox) {
    let inbox = Inbox { inner: Arc::default(), space: Arc::default() };
    (inbox.clone(), Outbox { inbox, rest: Bytes::new() })
}

impl Inbox {
    /// Puts data in. Waits only when memory and file are full.
    pub(super) async fn push(&self, data: Bytes) -> io::Result<()> {
        loop {
            // Registered before looking, so that space made in between is not missed.
            let space = self.space.notified();
            if self.try_push(&data)? {
                return Ok(());
            }
            space.await;
        }
    }

    /// Says that no more comes.
    pub(super) fn finish(&self) {
        let mut inner = self.lock();
        inner.finished = true;
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
    }

    fn try_push(&self, data: &Bytes) -> io::Result<bool> {
        let mut inner = self.lock();
        if inner.finished {
            return Ok(true);
        }
        if inner.spill.is_none() && inner.queued + data.len() <= MEMORY {
            inner.queued += data.len();
            inner.queue.push_back(data.clone());
        } else {
            let spill = match &mut inner.spill {
                Some(spill) => spill,
                empty => empty.insert(Spill { file: tempfile::tempfile()?, read: 0, written: 0 }),
            };
            if spill.written - spill.read >= FILE {
                return Ok(false);
            }
            spill.file.seek(SeekFrom::Start(spill.written))?;
            spill.file.write_all(data)?;
            spill.written += data.len() as u64;
        }
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
        Ok(true)
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut inner = self.lock();
        if let Some(data) = inner.queue.pop_front() {
            inner.queued -= data.len();
            return Poll::Ready(Ok(Some(data)));
        }
        if let Some(spill) = &mut inner.spill {
            let left = spill.written - spill.read;
            let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
            spill.file.seek(SeekFrom::Start(spill.read))?;
            spill.file.read_exact(&mut chunk)?;
            spill.read += chunk.len() as u64;
            if spill.read == spill.written {
                inner.spill = None;
            }
            self.space.notify_waiters();
            return Poll::Ready(Ok(Some(chunk.into())));
        }
        if inner.finished {
            return Poll::Ready(Ok(None));
        }
        inner.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    /// The next piece; None when no more comes.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        poll_fn(|cx| self.inbox.poll_next(cx)).await
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        // Nobody reads any more: what still comes is thrown away, and no writer waits.
        let mut inner = self.inbox.lock();
        inner.finished = true;
        inner.queue.clear();
        inner.queued = 0;
        inner.spill = None;
        drop(inner);
        self.inbox.space.notify_waiters();
    }
}

impl AsyncRead for Outbox {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match self.inbox.poll_next(cx)? {
                Poll::Ready(Some(data)) => self.rest = data,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn order_is_kept_across_memory_and_file() {
        let (inbox, mut outbox) = inbox();
        let mut sent = Vec::new();
        let mut read = vec![0; 3 * 1024 * 1024];
        for round in 0..300_u32 {
            let piece: Vec<u8> = (0..40_000_u32).map(|index| (index * 7 + round) as u8).collect();
            inbox.push(piece.clone().into()).await.unwrap();
            sent.extend_from_slice(&piece);
            if round == 200 {
                // Part of it is taken while the rest waits in the file.
                outbox.read_exact(&mut read).await.unwrap();
            }
        }
        assert!(inbox.lock().spill.is_some());
        inbox.finish();
        outbox.read_to_end(&mut read).await.unwrap();
        assert!(read == sent);
    }

    #[tokio::test]
    async fn a_reader_is_woken_and_a_dropped_one_blocks_nobody() {
        let (inbox, mut outbox) = inbox();
        let reading = tokio::spawn(async move { outbox.next().await.unwrap() });
        inbox.push(Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), "x");
        inbox.push(Bytes::from_static(b"y")).await.unwrap();
        assert_eq!(inbox.lock().queued, 0);
    }
}
