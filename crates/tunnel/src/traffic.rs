//! What a tunnel counts and announces: connections, bytes, ends.
//!
//! Bytes are counted with every read and write, so those are bare atomics; what changes together once per
//! connection is behind a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::{ConnectionEnd, EndReason};

/// Ends kept for a slow receiver of [`Tunnel::ends`]: a burst of local programs leaving at once.
const ENDS_KEPT: usize = 256;

/// A tunnel's figures at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Local connections that are open.
    pub open: u32,
    /// Local connections accepted since the start, the open ones included.
    pub total: u32,
    /// Bytes from local programs that upstreams took, of all connections since the start.
    pub bytes_up: u64,
    /// Bytes from upstreams that local programs took, of all connections since the start.
    pub bytes_down: u64,
    /// Since when at least one connection has been open without a break; `None` when none is.
    pub busy_since: Option<SystemTime>,
}

/// Figures and news that outlive single connections.
#[derive(Debug)]
pub(crate) struct Shared {
    counts: Mutex<Counts>,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    generation: watch::Sender<u64>,
    ends: broadcast::Sender<ConnectionEnd>,
}

/// The figures that change together.
#[derive(Debug, Default)]
struct Counts {
    open: u32,
    total: u32,
    busy_since: Option<SystemTime>,
}

impl Shared {
    /// All at nothing.
    pub(crate) fn new() -> Self {
        Self {
            counts: Mutex::default(),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            generation: watch::Sender::new(0),
            ends: broadcast::Sender::new(ENDS_KEPT),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Plain numbers, valid whatever happened to the thread that held them.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures now.
    pub(crate) fn traffic(&self) -> Traffic {
        let counts = self.counts();
        Traffic {
            open: counts.open,
            total: counts.total,
            busy_since: counts.busy_since,
            bytes_up: self.bytes_up.load(Ordering::Relaxed),
            bytes_down: self.bytes_down.load(Ordering::Relaxed),
        }
    }

    /// See `Tunnel::changes`.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// See `Tunnel::ends`.
    pub(crate) fn ends(&self) -> broadcast::Receiver<ConnectionEnd> {
        self.ends.subscribe()
    }

    fn changed(&self) {
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }
}

/// Counts one connection's bytes, for itself and for the tunnel.
#[derive(Debug)]
pub(crate) struct Meter {
    shared: Arc<Shared>,
    up: u64,
    down: u64,
}

impl Meter {
    /// The upstream took so many bytes.
    pub(crate) fn up(&mut self, bytes: usize) {
        self.up += bytes as u64;
        self.shared.bytes_up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What the upstream took so far.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.up
    }

    /// What the local program took so far.
    pub(crate) fn bytes_down(&self) -> u64 {
        self.down
    }

    /// The local program took so many bytes.
    pub(crate) fn down(&mut self, bytes: usize) {
        self.down += bytes as u64;
        self.shared.bytes_down.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A connection's place in the figures; given back when dropped, even by a panic.
pub(crate) struct Ticket {
    /// Counts the tunnel's connections from 1.
    pub(crate) number: u32,
    since: Instant,
    /// Counts its bytes.
    pub(crate) meter: Meter,
}

impl Ticket {
    /// Counts a connection in.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let number = {
            let mut counts = shared.counts();
            counts.open += 1;
            counts.total = counts.total.wrapping_add(1);
            counts.busy_since.get_or_insert_with(SystemTime::now);
            counts.total
        };
        shared.changed();
        tracing::debug!(number, "accepted");
        Self { number, since: Instant::now(), meter: Meter { shared: Arc::clone(shared), up: 0, down: 0 } }
    }

    /// Logs and announces the end, after the place was given back.
    pub(crate) fn end(self, reason: EndReason) {
        let end = ConnectionEnd {
            number: self.number,
            reason,
            bytes_up: self.meter.up,
            bytes_down: self.meter.down,
            duration: self.since.elapsed(),
        };
        let shared = Arc::clone(&self.meter.shared);
        drop(self);
        let ConnectionEnd { bytes_up, bytes_down, duration, ref reason, .. } = end;
        if reason.is_ordinary() {
            tracing::info!(bytes_up, bytes_down, ?duration, %reason, "ended");
        } else {
            tracing::warn!(bytes_up, bytes_down, ?duration, %reason, "ended");
        }
        // No one listening is fine.
        let _ = shared.ends.send(end);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let shared = &self.meter.shared;
        {
            let mut counts = shared.counts();
            counts.open -= 1;
            if counts.open == 0 {
                counts.busy_since = None;
            }
        }
        shared.changed();
    }
}
