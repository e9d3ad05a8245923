//! What a session offers (protocol.md 4.1).

use std::sync::atomic::Ordering;

use crate::client::Client;
use crate::error::Error;
use crate::session::{App, SessionRef};
use crate::transport::{Call, Failure, segment};
use crate::version::ManagerVersion;

/// Servers between these two take only names in their stream calls (protocol.md appendix C).
const NAMES_ONLY: std::ops::Range<ManagerVersion> =
    ManagerVersion::new(24, 9, 0)..ManagerVersion::new(26, 4, 4);

impl Client {
    /// The apps that a session offers now; none while it is not running.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session any more.
    pub async fn apps(&self, session: &SessionRef) -> Result<Vec<App>, Error> {
        let by_id = Call::get(format!("/stream/session/{}/apps", segment(&session.id)?));
        let answer = match self.call_json(&by_id).await {
            Ok(answer) => answer,
            Err(failure) => {
                let retry = matches!(failure.status(), Some(403 | 404 | 502));
                let error = failure.into_error(self.mode());
                let error = match error {
                    Error::Forbidden => Error::NotFound(format!("session {}", session.id)),
                    error => error,
                };
                if !retry || !self.name_is_safe(session).await {
                    return Err(error);
                }
                let by_name = Call::get(format!("/stream/session/{}/apps", session.name));
                let answer = self.call_json(&by_name).await.map_err(|failure: Failure| {
                    tracing::debug!(first = %error, "neither the id nor the name of the session was taken");
                    failure.into_error(self.mode())
                })?;
                self.streams_by_name().store(true, Ordering::Relaxed);
                answer
            }
        };
        if !answer.is_array() {
            return Err(Error::BadAnswer("a list of apps that is no list".to_owned()));
        }
        Ok(App::list(Some(&answer), "ports"))
    }

    /// Whether the session's name may stand for its id: only on servers that need it, and only when the session
    /// with this id still lives under this name. Otherwise the name could lead to another session.
    pub(crate) async fn name_is_safe(&self, session: &SessionRef) -> bool {
        if segment(&session.name).is_err() || !NAMES_ONLY.contains(&self.server().manager()) {
            return false;
        }
        match self.session(&session.id).await {
            Ok(now) => now.name == session.name && !now.has_ended(),
            Err(_) => false,
        }
    }
}
