//! The tunnel through its public interface: real local sockets, upstreams held by the tests.
#![allow(clippy::unwrap_used, reason = "the lint's own exception for tests misses their helpers")]

mod ending;
mod opening;
mod port;
mod relay;
mod support;
