//! What a host without a window needs: one command, then gone.
//!
//! The desktop signs in once and watches; a command resumes a kept login, does one thing and leaves. It names
//! sessions by name, reaches them without a port (a `ProxyCommand`), and makes and ends them. Everything here is
//! an extension of [`Berth`], so both hosts share profiles, credentials, keys and pinned host keys.
//!
//! [`Berth`]: crate::Berth

mod demo;
mod early;
mod find;
mod follow;
mod manage;
mod reach;
mod rows;
mod ssh;

pub use backend_ai::{
    AppParameters, CreateSession, CreatedSession, RemoteFile, RowQuery, Rows, Statuses, UploadFile,
};

pub use sshkit::command::{SFTP_BUFFER, SFTP_REQUESTS};
pub use tunnel::Pipes;

pub use demo::{DemoGuard, running_demo};
pub(crate) use early::open_guessed;
pub use early::{EarlyStream, LikelySession};
pub use find::{KnownName, Scope, known_names};
pub use follow::{Follower, Happened};
pub use manage::AppDetails;
pub use reach::Reach;
pub use ssh::{ProxyProgram, SessionName, SshWay};

/// A moment, seconds since 1970, as text: RFC 3339, UTC.
pub fn utc_text(seconds: i64) -> String {
    let since = std::time::Duration::from_secs(seconds.unsigned_abs());
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    let moment = if seconds < 0 { epoch.checked_sub(since) } else { epoch.checked_add(since) };
    moment.map(crate::clock::text).unwrap_or_default()
}
