//! Keeps streams through a webserver alive that has nothing else to do.
//!
//! From 25.12 on, each worker process of the webserver keeps the connections to its manager in a pool that is swept
//! every 600 s: whoever has not *acquired* from it for that long loses all its connections, streams in use included,
//! and nothing tells (protocol.md 4.6; seen on 26.9.6: an idle ssh falls silent for ever after some 1 160 s, pings
//! still being answered). Ordinary calls do not count, because streams have a pool entry of their own; opening a
//! stream does, even one that the manager refuses. So while streams are open, one to an app that does not exist is
//! asked for again and again. The manager refuses it before it looks at any container, so it counts as no activity.
//!
//! There are up to four workers, and the kernel gives each new TCP connection to one of them as chance has it.
//! Asking every 10 s over a connection of its own misses a certain worker in 600 s with probability
//! (3/4)^60 = 3e-8.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::task::AbortHandle;

use super::AppParameters;
use crate::client::Client;
use crate::error::Error;
use crate::probe::AccessMode;
use crate::session::SessionRef;
use crate::transport::Failure;
use crate::version::ManagerVersion;

/// The first line whose webserver has such a pool (protocol.md 4.6).
const SINCE: ManagerVersion = ManagerVersion::new(25, 12, 0);
/// No image offers an app of this name.
const NO_APP: &str = "no-such-app";

/// One per client: at most one task that refreshes, for as long as any stream is open.
#[derive(Default)]
pub(crate) struct PoolRefresh {
    running: Mutex<Weak<Running>>,
}

/// What a stream holds; the last one dropped ends the refreshing.
pub(super) type KeepRefreshing = Arc<Running>;

/// The refreshing task; dropped, it ends.
pub(super) struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    /// Refreshes the pool from now on until the returned value and its likes are dropped; nothing where the server
    /// needs none.
    pub(super) fn keep_pool(&self, session: &SessionRef) -> Option<KeepRefreshing> {
        if self.mode() != AccessMode::Session || self.server().manager() < SINCE {
            return None;
        }
        let mut running = self.pool_refresh().running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = running.upgrade() {
            return Some(guard);
        }
        let (client, session, every) = (self.clone(), session.clone(), self.transport().pool_refresh);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                match client.refresh_pool(&session).await {
                    Ok(()) => {}
                    Err(error) => tracing::debug!(%error, "the webserver's pool was not refreshed"),
                }
            }
        });
        let guard = Arc::new(Running(task.abort_handle()));
        *running = Arc::downgrade(&guard);
        Some(guard)
    }

    /// Makes one worker of the webserver acquire its connections to the manager.
    async fn refresh_pool(&self, session: &SessionRef) -> Result<(), Error> {
        match self.handshake(&session.id, NO_APP, &AppParameters::default(), true).await {
            // A webserver hides why the manager refused: 502, or the manager's own status.
            Err(Failure::Refused(refusal)) if matches!(refusal.status.as_u16(), 400..=404 | 500..=504) => {
                match refusal.into_error(self.mode()) {
                    error @ (Error::NotSignedIn | Error::RateLimited) => Err(error),
                    _ => Ok(()),
                }
            }
            Err(failure) => Err(failure.into_error(self.mode())),
            Ok(_) => Err(Error::BadAnswer(format!("an app named {NO_APP}"))),
        }
    }
}
