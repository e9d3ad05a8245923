//! Sessions as hosts of `ssh`, for every program on this computer: `ssh train.demo.berth`.
//!
//! [`Berth::install_ssh_hosts`] puts them into the user's `ssh_config` ([`sshkit::ssh_config`]). When such a host is
//! dialled, `ssh` starts `berth proxy --stdio HOST`, which ends in [`Berth::ready_host`]: it signs in, finds the
//! session that has the name now, and brings the key and forgets a former session's host key before the first byte
//! comes. So a session that is made anew needs nothing done.

mod names;
mod ready;
mod setup;

pub(crate) use names::ClusterNames;
pub use ready::HostReady;
pub(crate) use setup::{living, problem};
