//! A TCP proxy for tests that breaks what passes through it, on demand.
//!
//! It stands between a client and a server and carries bytes unchanged until a [`Fault`] is set for a [`Direction`]:
//! late, slow, in slices, not at all, reset, or ended. Faults are set for everything at once, or by a [`Rule`] for the
//! connection on which certain bytes are seen, which is how a test hits a phase of a protocol and not a moment in time.
//! All waiting is by tokio's clock, so a paused clock works. What it cannot do is to lose packets or to refuse the TCP
//! handshake: it ends each side's TCP connection itself.

mod fault;
mod line;
mod pipe;
mod proxy;

pub use fault::{Direction, Fault, Rule};
pub use proxy::{FaultProxy, TakenOver};
