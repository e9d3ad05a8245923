//! The open tcpproxy streams, and the switches that disturb them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// What a stream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Carries bytes.
    Flow,
    /// Carries nothing, swallows what it gets, still answers pings: what a dead tunnel behind a
    /// webserver looks like (protocol.md 4.4).
    Mute,
    /// Neither reads nor writes: a path that is cut somewhere.
    Frozen,
    /// Ends without a close frame.
    Dropped,
}

/// The open streams of a cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: HashMap<u64, watch::Sender<Mode>>,
}

impl Streams {
    /// Registers a stream. It counts as open until the entry is dropped.
    pub(crate) fn register(&self) -> StreamEntry {
        let (sender, mode) = watch::channel(Mode::Flow);
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.open.insert(id, sender);
        StreamEntry { id, mode, streams: self.clone() }
    }

    /// Puts all open streams into a mode. Streams opened later flow.
    pub(crate) fn set_mode(&self, mode: Mode) {
        for sender in self.lock().open.values() {
            sender.send_replace(mode);
        }
    }

    /// How many streams are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct StreamEntry {
    id: u64,
    /// The mode to be in.
    pub(crate) mode: watch::Receiver<Mode>,
    streams: Streams,
}

impl Drop for StreamEntry {
    fn drop(&mut self) {
        self.streams.lock().open.remove(&self.id);
    }
}
