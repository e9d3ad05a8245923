//! SSH into a session with and without a port.

use std::path::PathBuf;
use std::sync::Arc;

use backend_ai::{AppParameters, SessionRef};
use sshkit::command::Proxied;
use sshkit::known_hosts;
use tokio::io::{AsyncRead, AsyncWrite};
use tunnel::{EndReason, Pipes, relay_pipes};

use super::early::{EarlyFirst, EarlyStream, connector};
use crate::connections::{SESSION_USER, code_of};
use crate::{Berth, Connection, Error, PortChoice, SSHD, Session, error};

/// What names a session in streams. The name is needed by some server lines only (protocol.md appendix C).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionName {
    /// UUID.
    pub id: String,
    /// Name, may be empty where it is not known.
    pub name: String,
}

/// What ssh starts to get into a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProgram {
    /// Its path and arguments.
    pub words: Vec<String>,
    /// It sends a connected socket over its standard output and ends (`ProxyUseFdpass`), instead of relaying.
    pub hands_over: bool,
}

/// How stock SSH programs get into a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshWay {
    /// Options that ssh, scp and sftp take alike. The first value wins, so the user's own go before them.
    pub options: Vec<String>,
    /// `work@HOST`, for the command line.
    pub destination: String,
    /// The local port, where there is one.
    pub port: Option<u16>,
    /// Why there is no key; ssh then tries what it has.
    pub key_problem: Option<Error>,
}

impl SshWay {
    /// The remote shell for rsync's `-e`, which splits it into words by quotes of its own.
    pub fn rsync_shell(&self) -> String {
        let mut words = vec!["ssh".to_owned()];
        words.extend(self.options.iter().cloned());
        if let Some(port) = self.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        sshkit::command::rsync_shell(&words)
    }
}

impl Berth {
    /// Makes everything ready for SSH into a running session, except the path itself: ssh opens that by running
    /// `proxy`, which must end in a call of [`Berth::relay`], or hand over a socket to a program that makes one.
    ///
    /// # Errors
    /// `session-not-running`, and whatever stands between here and the cluster.
    pub async fn ssh_way(&self, session: &Session, proxy: ProxyProgram) -> Result<SshWay, Error> {
        running(session)?;
        let cluster = self.signed_in()?;
        let reference = SessionRef { id: session.id.clone(), name: session.name.clone() };
        let (key, key_problem) = match self.connections().key(&cluster, &reference).await {
            Ok(key) => (Some(key.path.into()), None),
            Err(e) if matches!(e.code.as_str(), "key-missing" | "key-not-a-key") => (None, Some(e)),
            Err(e) => return Err(e),
        };
        let named = SessionName { id: session.id.clone(), name: session.name.clone() };
        Ok(SshWay { key_problem, ..self.proxied(&named, key, proxy) })
    }

    /// The same for a session that is known to run and has its key here already. Asks nobody.
    pub fn known_ssh_way(&self, session: &SessionName, proxy: ProxyProgram) -> Option<SshWay> {
        let key = self.connections().keys.load(&session.id).ok().flatten()?;
        Some(self.proxied(session, Some(key.path), proxy))
    }

    fn proxied(&self, session: &SessionName, key: Option<PathBuf>, proxy: ProxyProgram) -> SshWay {
        let proxied = Proxied {
            user: SESSION_USER.into(),
            name: host_name(session),
            key,
            known_hosts: self.connections().host_keys.pinned.path().to_owned(),
            host_key_alias: known_hosts::alias(&session.id),
            proxy: proxy.words,
            hands_over: proxy.hands_over,
        };
        let destination = proxied.destination();
        SshWay { options: proxied.options(), destination, port: None, key_problem: None }
    }

    /// Opens a local port for SSH into a session.
    ///
    /// # Errors
    /// Those of [`Berth::connect_at`].
    pub async fn ssh_port(
        self: &Arc<Self>,
        session_id: &str,
        port: PortChoice,
    ) -> Result<(Connection, SshWay), Error> {
        let connection = self.connect_at(session_id, SSHD, port, AppParameters::default()).await?;
        let way = SshWay {
            options: self.connections().ssh_options(&connection.id),
            destination: format!("{SESSION_USER}@{}", connection.host),
            port: Some(connection.port),
            key_problem: connection.key_problem.clone(),
        };
        Ok((connection, way))
    }

    /// As [`Berth::connect`], with a say in the port and in how the app is started.
    ///
    /// # Errors
    /// Also `port-taken` and `port-not-permitted`.
    pub async fn connect_at(
        self: &Arc<Self>,
        session_id: &str,
        app: &str,
        port: PortChoice,
        parameters: AppParameters,
    ) -> Result<Connection, Error> {
        let cluster = self.signed_in()?;
        self.connections().open_at(&cluster, session_id, app, port, parameters).await
    }

    /// Relays two pipes to an app of a session until either side ends. Nothing but the far end's bytes goes to the
    /// output. `host` is the name that ssh has pinned the host key under, if it is another than that of
    /// [`Berth::ssh_way`]. An `early` stream is used before another is opened.
    ///
    /// # Errors
    /// Why the path did not open or was lost.
    pub async fn relay<R, W, U>(
        &self,
        session: &SessionName,
        app: &str,
        host: Option<&str>,
        early: Option<EarlyStream>,
        pipes: Pipes<R, W, U>,
    ) -> Result<(), Error>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
        U: Future<Output = ()>,
    {
        let alias = host.map_or_else(|| known_hosts::alias(&session.id), str::to_owned);
        let pinned_as = (app == SSHD).then(|| self.connections().pinned_as(alias));
        let connector = EarlyFirst::new(early, connector(self.signed_in()?, session, app, pinned_as));
        let reason = relay_pipes(&connector, pipes, &tunnel_options(app)).await;
        if reason.is_ordinary() {
            return Ok(());
        }
        let message = match &reason {
            EndReason::NotOpened(refusal) => refusal.message.clone(),
            other => other.to_string(),
        };
        let shown = if session.name.is_empty() { &session.id } else { &session.name };
        Err(error::relay_ended(code_of(&reason), &message, shown, app))
    }
}

/// How a stream to an app is handled.
pub(super) fn tunnel_options(app: &str) -> tunnel::Options {
    if app == SSHD { tunnel::Options::sshd() } else { tunnel::Options::default() }
}

/// What ssh calls the host: the session's name, unless it is one that ssh refuses. 26.9 lets sessions have such names.
fn host_name(session: &SessionName) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let fits =
        session.name.chars().all(plain) && session.name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if fits { session.name.clone() } else { known_hosts::alias(&session.id) }
}

/// Only a running session can be reached.
fn running(session: &Session) -> Result<(), Error> {
    if matches!(session.status.as_str(), "RUNNING" | "RUNNING_DEGRADED") {
        Ok(())
    } else {
        Err(error::session_not_running(&session.name, &session.status))
    }
}
