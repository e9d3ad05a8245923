//! What the bridge needs of its host.

use std::future::Future;

use crate::ask::Open;
use crate::problem::Problem;

/// A local port that leads to an app of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The host's name for it.
    pub id: String,
    /// UUID of the session.
    pub session_id: String,
    /// Name of the session.
    pub session_name: String,
    /// App, e.g. `sshd`.
    pub app: String,
    /// Local port on 127.0.0.1.
    pub port: u16,
    /// It was opened by this very call; false for one that was there.
    pub fresh: bool,
}

/// Opens and closes local ports for the account that the window belongs to, and for no other.
pub trait Tunnels: Send + Sync {
    /// Opens a port, or gives the one that is open.
    fn open(&self, open: &Open) -> impl Future<Output = Result<Opened, Problem>> + Send;

    /// Closes a port by the host's name for it.
    fn close(&self, id: &str) -> impl Future<Output = ()> + Send;

    /// Every port that is open to sessions of this account.
    fn all(&self) -> Vec<Opened>;

    /// A problem in the language of who reads it. The host's own come in it already.
    fn in_words(&self, problem: Problem) -> Problem {
        problem
    }
}
