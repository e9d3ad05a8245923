//! What goes wrong between Berth and a cluster, through the whole product: `berth` against the demo cluster, with a
//! proxy between them that breaks what passes, or a hostile server in the stream's place.
//!
//! Every case ends recovered or with one typed reason, no byte is wrong or invented, and the next connection works.
//! Real time is not waited for: what takes long happens on a paused clock.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by it"
)]

#[path = "../support/mod.rs"]
mod support;

mod cut;
mod drops;
mod endurance;
mod hostile;
mod matrix;
mod server;
mod sleep;
mod world;
