//! What can go wrong, where, and when.

use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Direction {
    /// Both, upward first.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

/// What happens to the bytes of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: they pass.
    #[default]
    None,
    /// Each byte, and the end, arrives so much later. Throughput is not limited below 4 MiB per this time. A new
    /// connection waits for the latencies of both directions first, as it does for the TCP handshake of a long way.
    Latency(Duration),
    /// At most so many bytes pass per second; never 0.
    Bandwidth(u64),
    /// They are written in slices of at most so many bytes; never 0.
    Slices(usize),
    /// Nothing passes, not even an end, and nothing is refused until 4 MiB are held. When the fault is taken away they
    /// pass, as they do when a cut network comes back.
    BlackHole,
    /// The next byte resets the connection on both sides, and is lost.
    Reset,
    /// The taker is told that the stream has ended, the giver is not: its bytes are dropped from now on.
    Close,
    /// Bytes pass, but the end of the giver's stream is told so much later.
    SlowClose(Duration),
}

impl Fault {
    /// How much later a byte arrives.
    pub(crate) fn latency(self) -> Duration {
        if let Self::Latency(latency) = self { latency } else { Duration::ZERO }
    }
}

/// Sets a fault for one connection, when certain bytes are seen on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Where they are looked for.
    pub seen: Direction,
    /// The bytes, at most 64. They are found across the boundaries of reads, too. What comes before them is
    /// passed on first; they meet the fault, unless they began in an earlier read.
    pub bytes: &'static [u8],
    /// Where the fault is set.
    pub direction: Direction,
    /// The fault.
    pub fault: Fault,
    /// For how many connections; the rule is spent then.
    pub times: usize,
}
