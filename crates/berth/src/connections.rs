//! Open tunnels: what a click on an app icon makes, and what the hosts show of it.
//!
//! A port is announced only after everything behind it was seen to work: the session runs, it offers
//! the app, its key was fetched, and (for `sshd`) an SSH banner came through the cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_ai::{AppParameters, SessionRef};
use sshkit::command::{Shell, Target};
use sshkit::key_store::KeyStore;
use sshkit::known_hosts;
use sshkit::ppk::{PpkOptions, PpkVersion, to_ppk};
use sshkit::private_file::{Overwrite, write_private_file};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tunnel::{EndReason, LoopbackListener, Options, PortWishes, Tunnel};
use zeroize::Zeroizing;

use crate::cluster::{self, Cluster};
use crate::connector::AppConnector;
use crate::host_keys::{HostKeys, PinnedAs};
use crate::ports::LastPorts;
use crate::saved_keys::SavedKeys;
use crate::settings::SettingsFile;
use crate::{
    App, Command, CommandKind, Connection, ConnectionState, Error, Event, Incident, KeyInfo, PortReason,
    PortRefusal, PortRefusalCause, PpkRequest, SavedKey, SessionList, Traffic, clock, error,
};

/// The app behind SSH and SFTP.
pub const SSHD: &str = "sshd";
/// The user inside every ordinary session (protocol.md 5.3).
pub(crate) const SESSION_USER: &str = "work";
/// The session's private key, relative to its home folder (protocol.md 5.3).
const KEY_FILE: &str = "id_container";
/// A real sshd sends its banner at once; these are the times that one stream after the other gets for it. dropbear
/// closes without a banner while five others are signing in, and a webserver hides that.
const BANNER_WITHIN: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(3), Duration::from_secs(4)];
/// How long such a stream may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// How often moving byte counts are told to the hosts, while a local program is connected.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// All open tunnels.
pub struct Connections {
    open: Mutex<BTreeMap<String, Arc<OpenConnection>>>,
    /// One opening at a time: two clicks on one icon must not make two tunnels.
    opening: tokio::sync::Mutex<()>,
    counter: AtomicU64,
    pub(crate) keys: KeyStore,
    pub(crate) host_keys: Arc<HostKeys>,
    ports: LastPorts,
    pub(crate) saved_keys: SavedKeys,
    settings: Arc<SettingsFile>,
    events: broadcast::Sender<Event>,
}

struct OpenConnection {
    id: String,
    cluster: Arc<Cluster>,
    session: SessionRef,
    app: String,
    tunnel: Tunnel,
    port_reason: PortReason,
    key: Result<KeyInfo, Error>,
    opened_at: String,
    seen: Mutex<Seen>,
    stopped: CancellationToken,
}

/// Which local port a tunnel gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortChoice {
    /// The preferred one of the settings, else the one of last time, else a free one.
    #[default]
    AsUsual,
    /// This one if it can be had, else as usual.
    Preferably(u16),
    /// This one or none.
    Exactly(u16),
    /// Any free one.
    Free,
}

/// What the tunnel's watcher has seen.
#[derive(Default)]
struct Seen {
    session_ended: bool,
    incident: Option<Incident>,
}

impl Connections {
    pub(crate) fn new(
        keys: KeyStore,
        host_keys: Arc<HostKeys>,
        ports: LastPorts,
        saved_keys: SavedKeys,
        settings: Arc<SettingsFile>,
        events: broadcast::Sender<Event>,
    ) -> Self {
        Self {
            open: Mutex::default(),
            opening: tokio::sync::Mutex::new(()),
            counter: AtomicU64::new(1),
            keys,
            host_keys,
            ports,
            saved_keys,
            settings,
            events,
        }
    }

    /// Every open tunnel, the oldest first.
    pub fn all(&self) -> Vec<Connection> {
        let mut all: Vec<Connection> = self.lock().values().map(|c| self.snapshot(c)).collect();
        all.sort_by(|a, b| {
            a.opened_at
                .cmp(&b.opened_at)
                .then_with(|| a.id.len().cmp(&b.id.len()))
                .then_with(|| a.id.cmp(&b.id))
        });
        all
    }

    /// One tunnel.
    pub fn get(&self, id: &str) -> Option<Connection> {
        self.find(id).map(|c| self.snapshot(&c))
    }

    /// The apps a session offers now.
    pub(crate) async fn apps(&self, cluster: &Cluster, session_id: &str) -> Result<Vec<App>, Error> {
        let session = running_session(cluster, session_id).await?;
        let reference = session.reference();
        let apps = offered_apps(cluster, &reference).await?;
        Ok(apps.iter().map(cluster::app).collect())
    }

    /// Opens a tunnel to an app, or gives the one that is open already.
    ///
    /// # Errors
    /// `session-not-found`, `session-not-running`, `app-not-offered`, `no-first-byte`, `app-failed`,
    /// `no-free-port`, and whatever stands between here and the cluster.
    pub(crate) async fn open(
        self: &Arc<Self>,
        cluster: &Arc<Cluster>,
        session_id: &str,
        app: &str,
    ) -> Result<Connection, Error> {
        self.open_at(cluster, session_id, app, PortChoice::AsUsual, AppParameters::default()).await
    }

    /// As [`Connections::open`], with a say in the port and in how the app is started.
    ///
    /// # Errors
    /// Also `port-taken` and `port-not-permitted` for [`PortChoice::Exactly`].
    pub(crate) async fn open_at(
        self: &Arc<Self>,
        cluster: &Arc<Cluster>,
        session_id: &str,
        app: &str,
        port: PortChoice,
        parameters: AppParameters,
    ) -> Result<Connection, Error> {
        let _one_at_a_time = self.opening.lock().await;
        if let Some(open) = self.usable(&cluster.profile_id(), session_id, app) {
            return Ok(self.snapshot(&open));
        }
        let session = running_session(cluster, session_id).await?;
        let reference = session.reference();
        let offered = offered_apps(cluster, &reference).await?;
        if !offered.iter().any(|a| a.name == app) {
            let names: Vec<&str> = offered.iter().map(|a| a.name.as_str()).collect();
            return Err(error::app_not_offered(&session.name, app, &names.join(", ")));
        }
        let connector = AppConnector {
            cluster: Arc::clone(cluster),
            session: reference.clone(),
            app: app.to_owned(),
            parameters,
            pinned_as: (app == SSHD).then(|| self.pinned_as(known_hosts::alias(&reference.id))),
        };
        let key = if app == SSHD {
            let (key, banner) = tokio::join!(self.fetch_key(cluster, &reference), see_banner(&connector));
            banner?;
            key
        } else {
            Err(error::key_missing(&session.name))
        };
        let listener = self.listener(&cluster.profile_id(), &session.name, app, port)?;
        let port_reason = self.port_reason(listener.reason());
        // Opening may wait for the user to sign in again; the stream itself is bounded by its own limits.
        let open_within = cluster::SIGN_IN_WITHIN + Duration::from_secs(60);
        let options = if app == SSHD { Options::sshd() } else { Options::default() };
        let options = Options { open_within, ..options };
        let tunnel = Tunnel::start(listener, connector, options);
        self.ports.set(&cluster.profile_id(), &session.name, app, tunnel.port());

        let connection = Arc::new(OpenConnection {
            id: format!("c{}", self.counter.fetch_add(1, Ordering::Relaxed)),
            cluster: Arc::clone(cluster),
            session: reference,
            app: app.to_owned(),
            tunnel,
            port_reason,
            key,
            opened_at: clock::now(),
            seen: Mutex::default(),
            stopped: CancellationToken::new(),
        });
        tracing::info!(session = %session.name, app, port = connection.tunnel.port(), "tunnel opened");
        self.remove_ended(&connection);
        self.lock().insert(connection.id.clone(), Arc::clone(&connection));
        let shown = self.snapshot(&connection);
        let _ = self.events.send(Event::ConnectionChanged { connection: shown.clone() });
        tokio::spawn(Arc::clone(self).watch(connection));
        Ok(shown)
    }

    /// Closes a tunnel: its port, and every connection through it.
    pub async fn stop(&self, id: &str) {
        let Some(connection) = self.lock().remove(id) else { return };
        self.finish(&connection).await;
    }

    /// Closes every tunnel of a cluster profile, or of all.
    pub(crate) async fn stop_all(&self, profile_id: Option<&str>) {
        let doomed: Vec<_> = {
            let mut open = self.lock();
            let ids: Vec<String> = open
                .values()
                .filter(|c| profile_id.is_none_or(|p| c.cluster.profile_id() == p))
                .map(|c| c.id.clone())
                .collect();
            ids.iter().filter_map(|id| open.remove(id)).collect()
        };
        for connection in doomed {
            self.finish(&connection).await;
        }
    }

    async fn finish(&self, connection: &OpenConnection) {
        connection.stopped.cancel();
        connection.tunnel.stop().await;
        tracing::info!(session = %connection.session.name, app = %connection.app, "tunnel closed");
        // A demo cluster makes new sessions, with new keys, at each start.
        if connection.cluster.account().demo {
            self.forget_session(&connection.session.id);
        }
        let _ = self.events.send(Event::ConnectionRemoved { id: connection.id.clone() });
    }

    /// Saves the session's private key where the user wants it, with mode 0600.
    ///
    /// # Errors
    /// `key-missing`, `file-exists`, `file-not-writable`, `no-such-folder`, `disk-full`.
    pub fn save_key(&self, id: &str, to: &Path, overwrite: Overwrite) -> Result<SavedKey, Error> {
        let (connection, key) = self.key_of(id)?;
        write_private_file(to, &key, overwrite).map_err(|e| error::file(&e, to))?;
        self.note_saved(to, &connection);
        let target = Target { key: Some(to.to_owned()), ..self.target(&connection) };
        Ok(SavedKey { path: to.display().to_string(), ssh_command: target.ssh(Shell::of_this_computer()) })
    }

    /// Saves the session's private key as PuTTY reads it, with mode 0600. The command line is PuTTY's.
    ///
    /// # Errors
    /// As [`Connections::save_key`]; `key-not-a-key` for kinds that PuTTY does not have.
    pub fn save_key_as_ppk(
        &self,
        id: &str,
        to: &Path,
        request: &PpkRequest,
        overwrite: Overwrite,
    ) -> Result<SavedKey, Error> {
        let (connection, key) = self.key_of(id)?;
        let options = PpkOptions {
            version: if request.old { PpkVersion::V2 } else { PpkVersion::V3 },
            passphrase: request.passphrase.clone().filter(|p| !p.is_empty()).map(Zeroizing::new),
            comment: Some(connection.session.name.chars().filter(|c| !c.is_control()).collect()),
            source_passphrase: None,
        };
        let ppk = to_ppk(&key, &options)
            .map_err(|e| error::key_not_a_key(&connection.session.name, &e.to_string()))?;
        write_private_file(to, ppk.as_bytes(), overwrite).map_err(|e| error::file(&e, to))?;
        self.note_saved(to, &connection);
        let target = self.target(&connection);
        Ok(SavedKey {
            path: to.display().to_string(),
            ssh_command: target.putty(Shell::of_this_computer(), to),
        })
    }

    fn key_of(&self, id: &str) -> Result<(Arc<OpenConnection>, Zeroizing<Vec<u8>>), Error> {
        let connection = self.find(id).ok_or_else(|| error::internal("this connection is closed"))?;
        connection.key.as_ref().map_err(Error::clone)?;
        let key = self
            .keys
            .bytes(&connection.session.id)
            .map_err(|e| error::key_store(&e))?
            .ok_or_else(|| error::key_missing(&connection.session.name))?;
        Ok((connection, key))
    }

    fn note_saved(&self, to: &Path, connection: &OpenConnection) {
        if let Ok(key) = &connection.key {
            self.saved_keys.add(to, &connection.session.name, &key.fingerprint);
        }
    }

    /// The port of an open connection as SSH programs see it.
    pub(crate) fn ssh_target(&self, id: &str) -> Option<Target> {
        self.find(id).filter(|connection| connection.app == SSHD).map(|connection| self.target(&connection))
    }

    /// Runs beside a connection for as long as it exists.
    async fn watch(self: Arc<Self>, connection: Arc<OpenConnection>) {
        let mut changes = connection.tunnel.changes();
        let mut ends = connection.tunnel.ends();
        let mut login = connection.cluster.login_changes();
        let mut silence = connection.cluster.client().silent_since();
        let mut told = None;
        loop {
            let shown = self.snapshot(&connection);
            let busy = shown.traffic.open > 0;
            if told.as_ref() != Some(&shown) {
                let _ = self.events.send(Event::ConnectionChanged { connection: shown.clone() });
                told = Some(shown);
            }
            tokio::select! {
                () = connection.stopped.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                changed = login.changed() => if changed.is_err() { return },
                changed = silence.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(FIGURES_EVERY), if busy => {}
                end = ends.recv() => match end {
                    Ok(end) => self.note_end(&connection, &end),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            }
        }
    }

    fn note_end(&self, connection: &OpenConnection, end: &tunnel::ConnectionEnd) {
        if end.reason.is_ordinary() {
            return;
        }
        let message = end.reason.to_string();
        tracing::warn!(session = %connection.session.name, reason = %message, "a connection was lost");
        let error = error::ended(code_of(&end.reason), &message, &connection.session.name);
        lock(&connection.seen).incident = Some(Incident { at: clock::now(), error });
        // Whatever ended it may have ended the session: the list tells.
        connection.cluster.refresh_soon();
    }

    /// Compares the open tunnels with a new session list: those of ended sessions are ended, too.
    pub(crate) async fn sessions_seen(&self, list: &SessionList) {
        if list.stale.is_some() {
            return;
        }
        let open: Vec<_> = self.lock().values().cloned().collect();
        for connection in open {
            if connection.cluster.profile_id() != list.profile_id || lock(&connection.seen).session_ended {
                continue;
            }
            let over = match list.sessions.iter().find(|s| s.id == connection.session.id) {
                Some(session) => session.is_over(),
                // Not in the list at all: ask for this one before believing it.
                None => matches!(
                    running_session(&connection.cluster, &connection.session.id).await,
                    Err(e) if e.code == "session-not-found"
                ),
            };
            if over {
                self.end(&connection).await;
            }
        }
    }

    async fn end(&self, connection: &OpenConnection) {
        let error = error::session_ended(&connection.session.name);
        tracing::info!(session = %connection.session.name, "session ended, tunnel closed");
        {
            let mut seen = lock(&connection.seen);
            seen.session_ended = true;
            seen.incident = Some(Incident { at: clock::now(), error: error.clone() });
        }
        connection.tunnel.close_connections(tunnel::Refusal {
            code: "session-ended",
            message: error.message,
            retry: tunnel::Retry::No,
        });
        connection.tunnel.stop().await;
        let _ = self.events.send(Event::ConnectionChanged { connection: self.snapshot(connection) });
        self.forget_session(&connection.session.id);
    }

    /// The session's key as it is kept, or fetched where none is.
    pub(crate) async fn key(&self, cluster: &Cluster, session: &SessionRef) -> Result<KeyInfo, Error> {
        match self.keys.load(&session.id) {
            Ok(Some(stored)) => Ok(KeyInfo {
                path: stored.path.display().to_string(),
                algorithm: stored.summary.algorithm,
                fingerprint: stored.summary.fingerprint,
            }),
            // What cannot be read any more is fetched anew.
            Ok(None) | Err(_) => self.fetch_key(cluster, session).await,
        }
    }

    /// The pin that ssh has under a name.
    pub(crate) fn pinned_as(&self, alias: String) -> PinnedAs {
        PinnedAs { keys: Arc::clone(&self.host_keys), alias }
    }

    /// Forgets what is kept of a session that has ended.
    pub(crate) fn forget_session(&self, session_id: &str) {
        if let Err(e) = self.host_keys.forget(&known_hosts::alias(session_id)) {
            tracing::warn!(error = %e, "cannot forget the host key of an ended session");
        }
        if let Err(e) = self.keys.remove(session_id) {
            tracing::warn!(error = %e, "cannot remove the key of an ended session");
        }
    }

    async fn fetch_key(&self, cluster: &Cluster, session: &SessionRef) -> Result<KeyInfo, Error> {
        let bytes = match download_key(cluster, session).await {
            Ok(bytes) => bytes,
            Err(e) if matches!(e.code.as_str(), "session-not-found" | "server-error" | "file-not-found") => {
                return Err(error::key_missing(&session.name).with("detail", e.message));
            }
            Err(e) => return Err(e),
        };
        let stored = self.keys.store(&session.id, &bytes).map_err(|e| match e {
            sshkit::key_store::KeyStoreError::Key(e) => error::key_not_a_key(&session.name, &e.to_string()),
            other => error::key_store(&other),
        })?;
        Ok(KeyInfo {
            path: stored.path.display().to_string(),
            algorithm: stored.summary.algorithm,
            fingerprint: stored.summary.fingerprint,
        })
    }

    fn listener(
        &self,
        profile: &str,
        session: &str,
        app: &str,
        port: PortChoice,
    ) -> Result<LoopbackListener, Error> {
        let wishes = match port {
            PortChoice::AsUsual => {
                let preferred = if app == SSHD { self.settings.get().preferred_ssh_port } else { None };
                PortWishes { preferred, last: self.ports.get(profile, session, app) }
            }
            PortChoice::Preferably(port) => {
                PortWishes { preferred: Some(port), last: self.ports.get(profile, session, app) }
            }
            PortChoice::Exactly(port) => PortWishes { preferred: Some(port), last: None },
            PortChoice::Free => PortWishes::default(),
        };
        let listener = LoopbackListener::bind(wishes).map_err(|e| error::no_free_port(&e.to_string()))?;
        match (port, listener.reason()) {
            (PortChoice::Exactly(port), tunnel::PortReason::Random { preferred_refused: Some(refusal) }) => {
                Err(match refusal.cause {
                    tunnel::PortRefusalCause::InUse => error::port_taken(port),
                    tunnel::PortRefusalCause::NotPermitted => error::port_not_permitted(port),
                })
            }
            _ => Ok(listener),
        }
    }

    fn port_reason(&self, reason: &tunnel::PortReason) -> PortReason {
        let refusal = |r: &Option<tunnel::PortRefusal>| {
            r.as_ref().map(|r| PortRefusal {
                port: r.port,
                cause: match r.cause {
                    tunnel::PortRefusalCause::InUse => PortRefusalCause::InUse,
                    tunnel::PortRefusalCause::NotPermitted => PortRefusalCause::NotPermitted,
                },
                held_by: self
                    .lock()
                    .values()
                    .find(|c| c.tunnel.port() == r.port)
                    .map(|c| c.session.name.clone()),
            })
        };
        match reason {
            tunnel::PortReason::Preferred => PortReason::Preferred,
            tunnel::PortReason::LastTime { preferred_refused } => {
                PortReason::LastTime { preferred_refused: refusal(preferred_refused) }
            }
            tunnel::PortReason::Random { preferred_refused } => {
                PortReason::Random { preferred_refused: refusal(preferred_refused) }
            }
        }
    }

    fn usable(&self, profile: &str, session_id: &str, app: &str) -> Option<Arc<OpenConnection>> {
        self.lock()
            .values()
            .find(|c| {
                c.cluster.profile_id() == profile
                    && c.session.id == session_id
                    && c.app == app
                    && !lock(&c.seen).session_ended
            })
            .cloned()
    }

    /// Drops the rows of ended sessions that a new connection takes the place of.
    fn remove_ended(&self, newcomer: &OpenConnection) {
        let mut open = self.lock();
        let replaced: Vec<String> = open
            .values()
            .filter(|c| c.session.name == newcomer.session.name && lock(&c.seen).session_ended)
            .map(|c| c.id.clone())
            .collect();
        for id in replaced {
            open.remove(&id);
            let _ = self.events.send(Event::ConnectionRemoved { id });
        }
    }

    fn target(&self, connection: &OpenConnection) -> Target {
        Target {
            user: SESSION_USER.into(),
            host: connection.tunnel.address().ip().to_string(),
            port: connection.tunnel.port(),
            key: connection.key.as_ref().ok().map(|k| k.path.clone().into()),
            known_hosts: self.host_keys.pinned.path().to_owned(),
            host_key_alias: known_hosts::alias(&connection.session.id),
        }
    }

    /// Options for ssh, scp and sftp that use a connection's port: its key and its pinned host key.
    pub(crate) fn ssh_options(&self, id: &str) -> Vec<String> {
        self.find(id).map(|connection| self.target(&connection).option_words()).unwrap_or_default()
    }

    fn snapshot(&self, connection: &OpenConnection) -> Connection {
        let ssh = (connection.app == SSHD).then(|| self.target(connection));
        let traffic = connection.tunnel.traffic();
        let silent_since = *connection.cluster.client().silent_since().borrow();
        let seen = lock(&connection.seen);
        let state = if seen.session_ended {
            ConnectionState::SessionEnded
        } else if connection.stopped.is_cancelled() {
            ConnectionState::Stopped
        } else if connection.cluster.is_sign_in_needed() {
            ConnectionState::SignInNeeded
        } else {
            ConnectionState::Listening
        };
        Connection {
            id: connection.id.clone(),
            profile_id: connection.cluster.profile_id(),
            session_id: connection.session.id.clone(),
            session_name: connection.session.name.clone(),
            app: connection.app.clone(),
            host: connection.tunnel.address().ip().to_string(),
            port: connection.tunnel.port(),
            port_reason: connection.port_reason.clone(),
            user: ssh.as_ref().map(|t| t.user.clone()),
            ssh_url: ssh.as_ref().map(Target::ssh_url),
            sftp_url: ssh.as_ref().map(Target::sftp_url),
            commands: ssh.as_ref().map(commands).unwrap_or_default(),
            key: connection.key.as_ref().ok().cloned(),
            key_problem: ssh.as_ref().and(connection.key.as_ref().err().cloned()),
            state,
            traffic: Traffic {
                open: traffic.open,
                total: traffic.total,
                bytes_up: traffic.bytes_up,
                bytes_down: traffic.bytes_down,
                busy_since: traffic.busy_since.map(clock::text),
            },
            opened_at: connection.opened_at.clone(),
            silent_since: silent_since.filter(|_| traffic.open > 0).map(clock::text),
            incident: seen.incident.clone(),
        }
    }

    fn find(&self, id: &str) -> Option<Arc<OpenConnection>> {
        self.lock().get(id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<OpenConnection>>> {
        lock(&self.open)
    }
}

fn commands(target: &Target) -> Vec<Command> {
    let shell = Shell::of_this_computer();
    vec![
        Command { kind: CommandKind::Ssh, line: target.ssh(shell) },
        Command { kind: CommandKind::Sftp, line: target.sftp(shell) },
        Command { kind: CommandKind::Scp, line: target.scp_upload(shell, "LOCAL_PATH", "~/") },
        Command {
            kind: CommandKind::Rsync,
            line: target.rsync_upload(shell, "LOCAL_FOLDER/", "~/LOCAL_FOLDER/"),
        },
    ]
}

pub(crate) async fn running_session(
    cluster: &Cluster,
    session_id: &str,
) -> Result<backend_ai::Session, Error> {
    let asked = cluster.call(|c| {
        let id = session_id.to_owned();
        async move { c.session(&id).await }
    });
    let session = asked
        .await
        .map_err(|e| if e.code == "session-not-found" { error::session_not_found(session_id) } else { e })?;
    // RUNNING_DEGRADED: a cluster session that lost a container; its main one may well answer.
    if matches!(session.status.as_str(), "RUNNING" | "RUNNING_DEGRADED") {
        Ok(session)
    } else {
        Err(error::session_not_running(&session.name, &session.status))
    }
}

pub(crate) async fn offered_apps(
    cluster: &Cluster,
    session: &SessionRef,
) -> Result<Vec<backend_ai::App>, Error> {
    let asked = cluster.call(|c| {
        let session = session.clone();
        async move { c.apps(&session).await }
    });
    asked.await
}

async fn download_key(cluster: &Cluster, session: &SessionRef) -> Result<Vec<u8>, Error> {
    let asked = cluster.call(|c| {
        let session = session.clone();
        async move { c.download_file(&session, KEY_FILE).await }
    });
    asked.await
}

/// Reads an SSH banner through the cluster, so that a port is announced only if there is a server behind it.
async fn see_banner(connector: &AppConnector) -> Result<(), Error> {
    let session = &connector.session.name;
    let address = connector.cluster.address();
    let mute =
        error::ended("no-first-byte", &format!("The SSH server of “{session}” did not answer."), session);
    let mut refused = mute.clone();
    for (tried, within) in (0..).zip(BANNER_WITHIN) {
        tokio::time::sleep(Duration::from_millis(500) * tried).await;
        refused = match connector.open_stream().await {
            Ok(mut stream) => {
                let first = tokio::time::timeout(within, stream.fill_buf()).await;
                let greeted = matches!(&first, Ok(Ok(bytes)) if is_banner(bytes));
                // One that is mute may yet wake, and would keep a place for nobody.
                let last_words = async {
                    stream.write_all(tunnel::SSH_FAREWELL).await?;
                    stream.shutdown().await
                };
                let _ = tokio::time::timeout(GOODBYE, last_words).await;
                if greeted {
                    return Ok(());
                }
                mute.clone()
            }
            // Only what waiting may mend is tried again.
            Err(e) => match error::stream(&e, session, &connector.app, &address) {
                error if error.code == "app-failed" => error,
                error => return Err(error),
            },
        };
    }
    Err(refused)
}

/// The stable code of how a connection ended.
pub(crate) fn code_of(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::NoFirstByte => "no-first-byte",
        EndReason::Silent => "silent",
        EndReason::NotOpened(refusal) | EndReason::UpstreamFailed(refusal) | EndReason::Closed(refusal) => {
            refusal.code
        }
        EndReason::LocalFailed(_) => "local-failed",
        EndReason::LocalClosed | EndReason::RemoteClosed | EndReason::Stopped => "closed",
    }
}

/// The first bytes may come in pieces; what came must be the beginning of a banner.
fn is_banner(first: &[u8]) -> bool {
    const BANNER: &[u8] = b"SSH-";
    let seen = first.len().min(BANNER.len());
    seen > 0 && first[..seen] == BANNER[..seen]
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
