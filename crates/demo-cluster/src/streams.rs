//! The open tcpproxy streams, and the switches that disturb them.

use std::collections::{HashMap, HashSet};
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
    open: HashMap<u64, Open>,
    /// Accounts that have asked the webserver for a stream since its pool was last swept.
    acquired: HashSet<usize>,
}

#[derive(Debug)]
struct Open {
    mode: watch::Sender<Mode>,
    /// The account whose entry in the webserver's pool carries this stream.
    pooled: Option<usize>,
}

impl Streams {
    /// Registers a stream. It counts as open until the entry is dropped.
    /// `pooled`: the account, for streams that go through the webserver.
    pub(crate) fn register(&self, pooled: Option<usize>) -> StreamEntry {
        let (sender, mode) = watch::channel(Mode::Flow);
        let mut inner = self.lock();
        inner.next += 1;
        let id = inner.next;
        inner.open.insert(id, Open { mode: sender, pooled });
        StreamEntry { id, mode, streams: self.clone() }
    }

    /// Puts all open streams into a mode. Streams opened later flow.
    pub(crate) fn set_mode(&self, mode: Mode) {
        for open in self.lock().open.values() {
            open.mode.send_replace(mode);
        }
    }

    /// Notes that an account asked the webserver for a stream, in vain or not.
    pub(crate) fn acquire(&self, account: usize) {
        self.lock().acquired.insert(account);
    }

    /// Whether any account has, since the last sweep.
    pub(crate) fn has_been_asked(&self) -> bool {
        !self.lock().acquired.is_empty()
    }

    /// Silences the streams of accounts that have asked for none since the last sweep.
    pub(crate) fn sweep(&self) {
        let mut inner = self.lock();
        let acquired = std::mem::take(&mut inner.acquired);
        for open in inner.open.values() {
            if open.pooled.is_some_and(|account| !acquired.contains(&account)) {
                open.mode.send_replace(Mode::Mute);
            }
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
