//! The bytes that a direction holds: read and not yet passed on.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::Fault;

/// What a direction holds before its giver must wait.
const ROOM: usize = 4 * 1024 * 1024;

/// A slowed stream passes in pieces of this part of a second's amount.
const PIECES_PER_SECOND: u64 = 50;

/// A queue of what was read, with the time of each read.
#[derive(Debug, Default)]
pub(crate) struct Line {
    reads: VecDeque<(Instant, Vec<u8>)>,
    /// How much of the first was passed on.
    passed: usize,
    held: usize,
    /// When the giver's end was seen.
    ended: Option<Instant>,
    /// When a slowed stream may pass its next piece.
    next: Option<Instant>,
}

/// What comes next.
pub(crate) enum Next<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// The end.
    End,
}

impl Line {
    pub(crate) fn has_room(&self) -> bool {
        self.ended.is_none() && self.held < ROOM
    }

    pub(crate) fn push(&mut self, bytes: &[u8], now: Instant) {
        self.held += bytes.len();
        self.reads.push_back((now, bytes.to_vec()));
    }

    pub(crate) fn end(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// What may pass next under a fault, and from when on.
    pub(crate) fn next(&self, fault: Fault) -> Option<(Instant, Next<'_>)> {
        if fault == Fault::BlackHole {
            return None;
        }
        let delay = fault.latency();
        let Some((read, bytes)) = self.reads.front() else {
            let end_delay = if let Fault::SlowClose(delay) = fault { delay } else { delay };
            return Some((self.ended? + end_delay, Next::End));
        };
        let rest = &bytes[self.passed..];
        let (due, most) = match fault {
            Fault::Bandwidth(rate) => {
                let piece = usize::try_from(rate / PIECES_PER_SECOND).unwrap_or(usize::MAX).max(1);
                (self.next.map_or(*read, |next| next.max(*read)), piece)
            }
            Fault::Slices(most) => (*read, most),
            _ => (*read + delay, usize::MAX),
        };
        Some((due, Next::Bytes(&rest[..rest.len().min(most)])))
    }

    /// So many bytes were passed on.
    pub(crate) fn take(&mut self, bytes: usize, fault: Fault, now: Instant) {
        self.passed += bytes;
        self.held -= bytes;
        if self.reads.front().is_some_and(|(_, first)| first.len() == self.passed) {
            self.reads.pop_front();
            self.passed = 0;
        }
        self.next = match fault {
            Fault::Bandwidth(rate) => {
                let since = self.next.map_or(now, |next| next.max(now));
                Some(since + Duration::from_secs_f64(bytes as f64 / rate as f64))
            }
            _ => None,
        };
    }

    /// All that is held.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        let mut all: Vec<u8> = self.reads.drain(..).flat_map(|(_, bytes)| bytes).collect();
        all.drain(..self.passed);
        (self.passed, self.held) = (0, 0);
        all
    }
}
