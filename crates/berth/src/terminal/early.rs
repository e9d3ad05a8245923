//! A head start: the stream to a session opens while a command still makes sure which session is meant.
//!
//! Which one it is, is guessed from the last listing. A wrong guess costs a stream that nobody uses: no program gets it
//! before the guess is confirmed. Only a listing of the last seconds needs no confirmation ([`LikelySession::is_sure`]):
//! in that time a name does not pass to another session that runs already, and one that has ended refuses the stream.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_ai::{AppParameters, AppStream, SessionRef};
use sshkit::known_hosts;
use tunnel::{Connector, Refusal, leave};

use super::find::fitting;
use super::ssh::tunnel_options;
use super::{Reach, SessionName, known_names};
use crate::cluster::Cluster;
use crate::connector::AppConnector;
use crate::host_keys::PinnedAs;
use crate::{Berth, SSHD};

/// A listing that is younger is believed: making a session takes longer.
const BELIEVED: Duration = Duration::from_secs(10);

/// A stream that is not wanted any more is waited for as long.
const UNWANTED_OPENS_WITHIN: Duration = Duration::from_secs(2);

/// A stream that was opened before it was wanted.
pub struct EarlyStream {
    stream: AppStream,
    farewell: &'static [u8],
}

impl std::fmt::Debug for EarlyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlyStream").finish_non_exhaustive()
    }
}

impl EarlyStream {
    /// Closes one unused that was opened, or is still opening. An sshd has few places for those who have not said who they
    /// are, and some servers do not tell it that one has gone (protocol.md 5.1).
    pub async fn give_up(opened: Option<Option<Self>>, opening: impl Future<Output = Option<Self>>) {
        let unused = match opened {
            Some(unused) => unused,
            None => tokio::time::timeout(UNWANTED_OPENS_WITHIN, opening).await.ok().flatten(),
        };
        if let Some(mut unused) = unused {
            leave(&mut unused.stream, unused.farewell).await;
        }
    }
}

/// A session that a reference probably means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LikelySession {
    /// The session.
    pub session: SessionName,
    /// It was seen so lately that nobody needs to be asked.
    pub is_sure: bool,
}

impl Berth {
    /// The session that a reference probably means; none where that is not clear, or where the cluster cannot be reached
    /// without signing in. Asks nobody.
    pub fn likely_session(&self, way: &Reach, reference: &str) -> Option<LikelySession> {
        if !self.is_kept(way) {
            return None;
        }
        let (names, age) = known_names(&self.options.paths, &way.profile().id);
        match fitting(reference, &names, |known| (&known.id, &known.name)).as_slice() {
            [one] if !one.id.is_empty() && one.status == "RUNNING" => Some(LikelySession {
                session: SessionName { id: one.id.clone(), name: one.name.clone() },
                is_sure: age < BELIEVED,
            }),
            _ => None,
        }
    }

    /// Reaches a cluster with what is kept and opens a stream; none if either fails. Nobody signs in meanwhile: whoever
    /// looks the session up does that, and twice would count as two attempts (protocol.md 1.2).
    pub async fn open_early(
        self: &Arc<Self>,
        way: &Reach,
        session: &SessionName,
        app: &str,
    ) -> Option<EarlyStream> {
        let cluster = self.reach_kept(way).await.ok().flatten()?;
        let pinned_as = (app == SSHD).then(|| self.connections().pinned_as(known_hosts::alias(&session.id)));
        let early = open_guessed(&cluster, session, app, pinned_as).await;
        if early.is_some() {
            cluster.unattended(self.find(way));
        } else {
            // Perhaps the login has expired, and somebody else has renewed it by now.
            self.turn_away();
        }
        early
    }

    /// The running session whose name fitted at the last listing of a cluster, if it was the only one. Asks nobody.
    pub(crate) fn guessed_session(
        &self,
        cluster: &Cluster,
        fits: impl Fn(&str) -> bool,
    ) -> Option<SessionName> {
        let (names, _) = known_names(&self.options.paths, &cluster.profile_id());
        let mut fitting = names.into_iter().filter(|known| known.status == "RUNNING" && fits(&known.name));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) if !one.id.is_empty() => Some(SessionName { id: one.id, name: one.name }),
            _ => None,
        }
    }
}

/// Opens a stream to a session that may be another than the one that is meant; none if that fails.
pub(crate) async fn open_guessed(
    cluster: &Arc<Cluster>,
    session: &SessionName,
    app: &str,
    pinned_as: Option<PinnedAs>,
) -> Option<EarlyStream> {
    match connector(Arc::clone(cluster), session, app, pinned_as).open_stream().await {
        Ok(stream) => Some(EarlyStream { stream, farewell: tunnel_options(app).farewell }),
        Err(e) => {
            tracing::debug!(error = %e, "no head start");
            None
        }
    }
}

/// What opens the one stream of a command.
pub(super) fn connector(
    cluster: Arc<Cluster>,
    session: &SessionName,
    app: &str,
    pinned_as: Option<PinnedAs>,
) -> AppConnector {
    cluster.client().opens_one_stream();
    AppConnector {
        pinned_as,
        cluster,
        session: SessionRef { id: session.id.clone(), name: session.name.clone() },
        app: app.to_owned(),
        parameters: AppParameters::default(),
    }
}

/// Gives a stream that is there already first.
pub(super) struct EarlyFirst {
    early: Mutex<Option<AppStream>>,
    connector: AppConnector,
}

impl EarlyFirst {
    pub(super) fn new(early: Option<EarlyStream>, connector: AppConnector) -> Self {
        Self { early: Mutex::new(early.map(|early| early.stream)), connector }
    }
}

impl Connector for EarlyFirst {
    type Stream = AppStream;

    async fn open(&self) -> Result<AppStream, Refusal> {
        let early = self.early.lock().unwrap_or_else(PoisonError::into_inner).take();
        match early {
            Some(stream) => Ok(stream),
            None => self.connector.open().await,
        }
    }

    fn explain(&self, error: &io::Error) -> Option<Refusal> {
        self.connector.explain(error)
    }
}
