//! Plugs a cluster's WebSocket stream into a tunnel.

use std::io;
use std::sync::Arc;

use backend_ai::{AppParameters, AppStream, SessionRef, StreamEnd, StreamError};
use tunnel::{Connector, Refusal, Retry};

use crate::cluster::Cluster;
use crate::host_keys::PinnedAs;

/// Opens streams to one app of one session.
pub(crate) struct AppConnector {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) session: SessionRef,
    pub(crate) app: String,
    pub(crate) parameters: AppParameters,
    /// How ssh has the session's host key, for `sshd`.
    pub(crate) pinned_as: Option<PinnedAs>,
}

impl AppConnector {
    /// Opens a stream with the login of this moment; an expired one is renewed first, however long
    /// that takes the user, because the local program is waiting and may still be served.
    ///
    /// Meanwhile a host key that a restart of the session has made stale is forgotten, before ssh gets a byte.
    pub(crate) async fn open_stream(&self) -> Result<AppStream, StreamError> {
        let Some(pinned_as) = &self.pinned_as else { return self.open_signed_in().await };
        let follow = async {
            pinned_as.follow(&self.cluster, &self.session).await;
            Ok(())
        };
        // A refusal is told at once.
        tokio::try_join!(self.open_signed_in(), follow).map(|(stream, ())| stream)
    }

    async fn open_signed_in(&self) -> Result<AppStream, StreamError> {
        let seen = self.cluster.generation();
        match self.open_now().await {
            Err(StreamError::NotSignedIn) => {}
            other => return other,
        }
        if self.cluster.renew(seen).await.is_err() {
            return Err(StreamError::NotSignedIn);
        }
        self.open_now().await
    }

    async fn open_now(&self) -> Result<AppStream, StreamError> {
        self.cluster.client().open_stream_with(&self.session, &self.app, &self.parameters).await
    }

    fn refusal(&self, error: &StreamError) -> Refusal {
        let session = &self.session.name;
        let app = &self.app;
        let (code, message, retry) = match error {
            StreamError::NotSignedIn => {
                ("not-signed-in", "You are not signed in, or the login has expired.".to_owned(), Retry::No)
            }
            StreamError::SessionNotFound(_) => {
                ("session-not-found", format!("There is no running session “{session}” any more."), Retry::No)
            }
            StreamError::AppNotFound(_) => {
                ("app-not-offered", format!("“{session}” does not offer the app “{app}”."), Retry::No)
            }
            StreamError::RateLimited => (
                "rate-limited",
                "The cluster's limit of requests for your account is used up.".to_owned(),
                Retry::No,
            ),
            StreamError::Unreachable { .. } => {
                ("unreachable", format!("{} cannot be reached.", self.cluster.address()), Retry::AfterBackoff)
            }
            StreamError::SessionNotRunning { status } => {
                ("session-not-running", format!("“{session}” is {status}."), Retry::No)
            }
            StreamError::Tls { .. } => {
                ("tls", format!("The certificate of {} is not trusted.", self.cluster.address()), Retry::No)
            }
            StreamError::Gateway => (
                "gateway",
                format!("The cluster could not open “{app}” of “{session}” (bad gateway)."),
                Retry::AfterBackoff,
            ),
            other => {
                ("app-failed", format!("“{session}” did not open “{app}”: {other}."), Retry::AfterBackoff)
            }
        };
        Refusal { code, message, retry }
    }
}

impl Connector for AppConnector {
    type Stream = AppStream;

    async fn open(&self) -> Result<AppStream, Refusal> {
        self.open_stream().await.map_err(|e| self.refusal(&e))
    }

    fn explain(&self, error: &io::Error) -> Option<Refusal> {
        let end = StreamEnd::of(error)?;
        let (code, retry) = match end {
            StreamEnd::PathLost => ("path-lost", Retry::AfterBackoff),
            StreamEnd::Refused => ("app-failed", Retry::AfterBackoff),
            _ => ("stream-failed", Retry::AfterBackoff),
        };
        Some(Refusal { code, message: end.to_string(), retry })
    }
}
