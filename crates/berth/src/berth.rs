//! The product as one handle: what a click in the window or a subcommand of the CLI calls.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_ai::{Client, Credentials, Endpoint, Network, SignInError};
use sshkit::key_store::KeyStore;
use sshkit::known_hosts::KnownHosts;
use tokio::sync::broadcast;

use crate::cluster::Cluster;
use crate::connections::Connections;
use crate::host_keys::HostKeys;
use crate::kept_login::KeptLogins;
use crate::paths::Paths;
use crate::ports::LastPorts;
use crate::profiles::{self, Profiles};
use crate::saved_keys::SavedKeys;
use crate::secrets::{SecretStore, SecretsChoice};
use crate::settings::SettingsFile;
use crate::ssh_hosts::{self, ClusterNames};
use crate::{
    About, AccessMode, Account, App, Compatibility, Connection, Error, Event, Profile, SecretPlace,
    ServerInfo, SessionList, Settings, SignInOutcome, SignInRequest, Startup, TlsChoice, error,
};

/// Events kept for a host that is busy; it then re-reads everything.
const EVENTS_KEPT: usize = 512;

/// The first screen does not wait longer than this for the keychain to be tried.
const PLACE_WITHIN: Duration = Duration::from_secs(1);

/// What a host decides before it starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub paths: Paths,
    /// Where secrets are remembered.
    pub secrets: SecretsChoice,
    /// Whether the host carries the demo cluster.
    pub demo_available: bool,
    /// Source revision and build profile, for About.
    pub build: String,
}

/// Where a demo cluster listens and who may sign in.
#[derive(Clone)]
pub struct DemoAccess {
    /// URL of its webserver.
    pub url: String,
    /// E-mail of its user.
    pub email: String,
    /// Password of its user.
    pub password: String,
}

/// Berth.
pub struct Berth {
    pub(crate) options: Options,
    settings: Arc<SettingsFile>,
    pub(crate) profiles: Profiles,
    secrets: tokio::sync::OnceCell<SecretStore>,
    active: Mutex<Option<Arc<Cluster>>>,
    restoring: Mutex<bool>,
    /// Logins that outlive the program.
    pub(crate) logins: KeptLogins,
    /// Names of clusters and sessions as hosts of `ssh`.
    pub(crate) cluster_names: ClusterNames,
    /// No window: nothing is watched in the background and nobody is asked to sign in again.
    unattended: AtomicBool,
    /// One sign-in at a time.
    signing_in: tokio::sync::Mutex<()>,
    connections: Arc<Connections>,
    pub(crate) events: broadcast::Sender<Event>,
}

impl Berth {
    /// Opens the files. Nothing is sent anywhere yet.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn start(options: Options) -> Result<Arc<Self>, Error> {
        let paths = &options.paths;
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let settings = Arc::new(SettingsFile::open(paths.settings()));
        let keys = KeyStore::open(paths.keys()).map_err(|e| error::file(&e, &paths.keys()))?;
        let known_hosts =
            KnownHosts::open(paths.known_hosts()).map_err(|e| error::file(&e, &paths.known_hosts()))?;
        let connections = Arc::new(Connections::new(
            keys,
            Arc::new(HostKeys::new(known_hosts, paths.pins(), events.clone())),
            LastPorts::open(paths.ports()),
            SavedKeys::open(paths.saved_keys()),
            Arc::clone(&settings),
            events.clone(),
        ));
        let profiles = Profiles::open(paths.profiles());
        Ok(Arc::new(Self {
            settings,
            profiles,
            secrets: tokio::sync::OnceCell::new(),
            active: Mutex::default(),
            restoring: Mutex::new(false),
            logins: KeptLogins::new(options.paths.logins()),
            cluster_names: ClusterNames::open(&options.paths.hosts()),
            unattended: AtomicBool::new(false),
            signing_in: tokio::sync::Mutex::new(()),
            connections,
            events,
            options,
        }))
    }

    /// Where everything is kept.
    pub fn paths(&self) -> &Paths {
        &self.options.paths
    }

    /// Everything that changes, from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// What a host needs for its first screen.
    pub async fn startup(&self) -> Startup {
        // A keychain that asks its user to unlock it is one that will be used.
        let place = tokio::time::timeout(PLACE_WITHIN, async { self.secrets().await.place() })
            .await
            .unwrap_or(SecretPlace::Keychain);
        Startup {
            account: self.account(),
            restoring: *lock(&self.restoring),
            profiles: self.profiles.all(),
            settings: self.settings.get(),
            secret_place: place,
            demo_available: self.options.demo_available,
            connections: self.connections.all(),
        }
    }

    pub(crate) async fn secrets(&self) -> &SecretStore {
        self.secrets
            .get_or_init(|| SecretStore::open(self.options.secrets, self.options.paths.secrets()))
            .await
    }

    /// Who is signed in.
    pub fn account(&self) -> Option<Account> {
        lock(&self.active).as_ref().map(|c| c.account())
    }

    /// Open tunnels.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// What an address is, before any sign-in.
    ///
    /// # Errors
    /// `address-invalid`, `unreachable`, `tls`, `not-backend-ai`, `ca-file`, ...
    pub async fn probe_server(&self, address: &str, tls: &TlsChoice) -> Result<ServerInfo, Error> {
        let (_, server) = self.probe(address, tls).await?;
        Ok(server_info(&server))
    }

    pub(crate) async fn probe(
        &self,
        address: &str,
        tls: &TlsChoice,
    ) -> Result<(Network, backend_ai::Server), Error> {
        let endpoint =
            Endpoint::parse(address).map_err(|e| error::bad_address(address.trim(), &e.to_string()))?;
        let network = network(tls)?;
        let server = backend_ai::probe(&endpoint, &network)
            .await
            .map_err(|e| error::cluster(&e, &endpoint.to_string()))?;
        Ok((network, server))
    }

    /// Signs in to a cluster and makes it the active one. Signing in again to the account that is
    /// active keeps its tunnels: they use the new login from then on.
    ///
    /// # Errors
    /// One code for each refusal of protocol.md 1.2, and whatever stands between here and the server.
    pub async fn sign_in(self: &Arc<Self>, request: SignInRequest) -> Result<SignInOutcome, Error> {
        let outcome = self.sign_in_as(request, false).await?;
        if let SignInOutcome::SignedIn { account } = &outcome {
            self.note_cluster(account);
        }
        Ok(outcome)
    }

    /// Signs in to a demo cluster that the host has started.
    ///
    /// # Errors
    /// As [`Berth::sign_in`].
    pub async fn sign_in_demo(self: &Arc<Self>, demo: &DemoAccess) -> Result<Account, Error> {
        let request = SignInRequest {
            address: demo.url.clone(),
            mode: AccessMode::Session,
            user: demo.email.clone(),
            secret: demo.password.clone(),
            otp: None,
            force: false,
            remember: false,
            tls: TlsChoice::default(),
        };
        match self.sign_in_as(request, true).await? {
            SignInOutcome::SignedIn { account } => Ok(account),
            SignInOutcome::OtpRequired => Err(error::demo("it asks for a one-time password")),
        }
    }

    async fn sign_in_as(
        self: &Arc<Self>,
        request: SignInRequest,
        demo: bool,
    ) -> Result<SignInOutcome, Error> {
        let _one_at_a_time = self.signing_in.lock().await;
        let (network, server) = self.probe(&request.address, &request.tls).await?;
        let info = server_info(&server);
        if info.mode != request.mode {
            return Err(error::wrong_mode(&info.address, info.mode));
        }
        let user = request.user.trim();
        let credentials = match request.mode {
            AccessMode::Session => Credentials::Password {
                user: user.to_owned(),
                password: request.secret.clone(),
                otp: request.otp.as_deref().map(|o| o.trim().to_owned()).filter(|o| !o.is_empty()),
                force: request.force,
            },
            AccessMode::Api => Credentials::Keypair {
                access_key: user.to_owned(),
                secret_key: request.secret.trim().to_owned(),
            },
        };
        let profile_id = profiles::id(&info.address, user);
        let same = self.active().filter(|c| c.profile_id() == profile_id && c.account().tls == request.tls);
        let client = match &same {
            Some(cluster) => cluster.client().clone(),
            None => Client::new(server, &network).map_err(|e| error::cluster(&e, &info.address))?,
        };
        let identity = match client.sign_in(&credentials).await {
            Ok(identity) => identity,
            Err(SignInError::OtpRequired) => return Ok(SignInOutcome::OtpRequired),
            Err(e) => return Err(error::sign_in(&e, &info.address, user)),
        };

        let remembered = request.remember && !demo;
        let secret_place =
            if remembered { self.remember(&profile_id, &request.secret).await } else { SecretPlace::Memory };
        let account = Account {
            profile_id: profile_id.clone(),
            user: user.to_owned(),
            role: identity.role,
            server: info.clone(),
            tls: request.tls.clone(),
            secret_place,
            demo,
        };
        // A one-time password cannot be used twice, so such a login is never renewed silently.
        let renewal = match credentials {
            Credentials::Password { otp: Some(_), .. } => None,
            other => (remembered || demo || request.mode == AccessMode::Api).then_some(other),
        };
        if !demo {
            let profile = Profile {
                id: profile_id,
                address: info.address,
                mode: request.mode,
                user: user.to_owned(),
                tls: request.tls,
                remembered: secret_place != SecretPlace::Memory,
            };
            if let Err(e) = self.profiles.signed_in(&profile) {
                tracing::warn!(error = %e.message, "cannot keep the profile");
            }
        }
        // A command looks where it was told to.
        let is_kept = secret_place != SecretPlace::Memory && request.mode == AccessMode::Session;
        let kept = (is_kept && renewal.is_some() && !self.is_unattended())
            .then(|| self.kept_password(&account.profile_id, user));
        let cluster = match same {
            Some(cluster) => {
                cluster.signed_in_again(account.clone(), renewal);
                cluster
            }
            None => {
                let cluster = Cluster::new(client, account.clone(), renewal, self.events.clone());
                self.activate(Arc::clone(&cluster)).await;
                cluster
            }
        };
        if let Some(kept) = kept {
            cluster.kept_by(kept);
        }
        if self.is_unattended() {
            self.keep_login();
        }
        Ok(SignInOutcome::SignedIn { account })
    }

    /// Failing to remember must not fail the sign-in: the account says where the secret really is.
    pub(crate) async fn remember(&self, profile_id: &str, secret: &str) -> SecretPlace {
        match self.secrets().await.set(profile_id, secret).await {
            Ok(()) => self.secrets().await.place(),
            Err(e) => {
                tracing::warn!(error = %e.message, detail = ?e.details.get("detail"), "credentials not remembered");
                SecretPlace::Memory
            }
        }
    }

    /// Says that this host has no window: nothing is watched in the background, an expired login is an error,
    /// and logins are kept for the next command. To be said before any sign-in.
    pub fn set_unattended(&self) {
        self.unattended.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unattended(&self) -> bool {
        self.unattended.load(Ordering::Relaxed)
    }

    pub(crate) async fn activate(self: &Arc<Self>, cluster: Arc<Cluster>) {
        let before = lock(&self.active).replace(Arc::clone(&cluster));
        if let Some(before) = before {
            before.ended().cancel();
            self.connections.stop_all(Some(&before.profile_id())).await;
        }
        let _ = self.events.send(Event::SignedIn { account: cluster.account() });
        if self.is_unattended() {
            cluster.unattended(None);
        } else {
            self.watch(&cluster);
        }
    }

    /// Follows the cluster's sessions, and ends the tunnels of those that end.
    pub(crate) fn watch(self: &Arc<Self>, cluster: &Arc<Cluster>) {
        let cluster = Arc::clone(cluster);
        let mut events = self.events.subscribe();
        let connections = Arc::clone(&self.connections);
        let me = Arc::downgrade(self);
        let account = cluster.account();
        let ended = cluster.ended().clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = ended.cancelled() => return,
                    event = events.recv() => match event {
                        Ok(Event::SessionsChanged { list }) => {
                            connections.sessions_seen(&list).await;
                            if let (Some(me), None) = (me.upgrade(), &list.stale) {
                                me.note_hosts(&account, ssh_hosts::living(&list.sessions));
                            }
                        }
                        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                }
            }
        });
        tokio::spawn(cluster.watch_sessions());
    }

    /// Signs in with the credentials remembered for the cluster used last, if there are any.
    pub async fn restore(self: &Arc<Self>) {
        if let Some(profile) = self.profiles.to_restore() {
            self.restore_profile(profile).await;
        }
    }

    /// The same for a profile of the caller's choice.
    pub(crate) async fn restore_profile(self: &Arc<Self>, profile: Profile) {
        let secret = match self.secrets().await.get(&profile.id).await {
            Ok(Some(secret)) => secret,
            missing => {
                if let Err(e) = missing {
                    tracing::warn!(error = %e.message, "the remembered credentials cannot be read");
                }
                self.nothing_to_restore(&profile.id);
                return;
            }
        };
        *lock(&self.restoring) = true;
        let request = SignInRequest {
            address: profile.address.clone(),
            mode: profile.mode,
            user: profile.user.clone(),
            secret,
            otp: None,
            force: false,
            remember: true,
            tls: profile.tls.clone(),
        };
        let outcome = self.sign_in(request).await;
        *lock(&self.restoring) = false;
        let error = match outcome {
            Ok(SignInOutcome::SignedIn { .. }) => return,
            Ok(SignInOutcome::OtpRequired) => None,
            Err(e) => Some(e),
        };
        let _ = self.events.send(Event::SignedOut { profile_id: profile.id, error });
    }

    /// Notes, before [`Berth::restore`] runs, whether it will have something to do.
    pub fn expect_restore(&self) {
        *lock(&self.restoring) = self.profiles.to_restore().is_some();
    }

    /// Nothing is restored after all: whoever waits for it has to type, unless somebody has signed in meanwhile.
    pub(crate) fn nothing_to_restore(&self, profile_id: &str) {
        let waited = std::mem::take(&mut *lock(&self.restoring));
        if waited && self.account().is_none() {
            let _ = self.events.send(Event::SignedOut { profile_id: profile_id.to_owned(), error: None });
        }
    }

    /// Whether remembered credentials are being used to sign in, or will be.
    pub(crate) fn is_restoring(&self) -> bool {
        *lock(&self.restoring)
    }

    /// Signs out: tunnels are closed, the login is ended at the server, remembered credentials are deleted.
    pub async fn sign_out(&self) {
        let Some(cluster) = lock(&self.active).take() else { return };
        let account = cluster.account();
        cluster.ended().cancel();
        self.connections.stop_all(Some(&account.profile_id)).await;
        if let Err(e) = cluster.client().sign_out().await {
            tracing::info!(error = %e, "the server did not confirm the sign-out");
        }
        self.logins.remove(&account.profile_id);
        if let Err(e) = self.secrets().await.delete(&account.profile_id).await {
            tracing::warn!(error = %e.message, "remembered credentials not deleted");
        }
        if let Err(e) = self.profiles.signed_out() {
            tracing::warn!(error = %e.message, "cannot note the sign-out");
        }
        let _ = self.events.send(Event::SignedOut { profile_id: account.profile_id, error: None });
    }

    /// Removes a cluster from the history, with its remembered credentials.
    ///
    /// # Errors
    /// When the file or the keychain cannot be written.
    pub async fn forget_profile(&self, id: &str) -> Result<(), Error> {
        self.logins.remove(id);
        self.forget_hosts(id);
        self.secrets().await.delete(id).await?;
        self.profiles.forget(id)
    }

    /// The sessions now.
    ///
    /// # Errors
    /// `not-signed-in`, and whatever stands between here and the cluster.
    pub async fn refresh_sessions(&self) -> Result<SessionList, Error> {
        self.signed_in()?.refresh().await
    }

    /// The newest session list, without asking the cluster.
    pub fn sessions(&self) -> Option<SessionList> {
        self.active().and_then(|c| c.list())
    }

    /// The apps a session offers now.
    ///
    /// # Errors
    /// `session-not-found`, `session-not-running`, ...
    pub async fn session_apps(&self, session_id: &str) -> Result<Vec<App>, Error> {
        self.connections.apps(&*self.signed_in()?, session_id).await
    }

    /// Opens a local port to an app of a session, or gives the one that is open.
    ///
    /// # Errors
    /// See [`Connections`].
    pub async fn connect(&self, session_id: &str, app: &str) -> Result<Connection, Error> {
        let cluster = self.signed_in()?;
        let connection = self.connections.open(&cluster, session_id, app).await?;
        Ok(connection)
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.settings.get()
    }

    /// Changes the settings.
    ///
    /// # Errors
    /// `settings-invalid`; nothing is changed then.
    pub fn update_settings(&self, settings: Settings) -> Result<Settings, Error> {
        self.settings.set(settings)?;
        let settings = self.settings.get();
        let _ = self.events.send(Event::SettingsChanged { settings: settings.clone() });
        Ok(settings)
    }

    /// About.
    pub fn about(&self) -> About {
        About {
            version: env!("CARGO_PKG_VERSION").into(),
            build: self.options.build.clone(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            server: self.account().map(|a| a.server),
            license: env!("CARGO_PKG_LICENSE").into(),
        }
    }

    /// Ends everything that runs: tunnels, watchers. The login stays valid for the next start.
    pub async fn shut_down(&self) {
        self.turn_away();
        self.connections.stop_all(None).await;
    }

    /// Turns away from the cluster that is active, noting nothing about its login.
    pub(crate) fn turn_away(&self) {
        if let Some(cluster) = lock(&self.active).take() {
            cluster.ended().cancel();
        }
    }

    pub(crate) fn active(&self) -> Option<Arc<Cluster>> {
        lock(&self.active).clone()
    }

    pub(crate) fn signed_in(&self) -> Result<Arc<Cluster>, Error> {
        self.active().ok_or_else(error::not_signed_in)
    }
}

pub(crate) fn network(tls: &TlsChoice) -> Result<Network, Error> {
    let extra_ca_pem = match tls.ca_file.as_deref().map(str::trim).filter(|p| !p.is_empty()) {
        Some(path) => {
            Some(std::fs::read(PathBuf::from(path)).map_err(|e| error::ca_file(path, &e.to_string()))?)
        }
        None => None,
    };
    Ok(Network {
        extra_ca_pem,
        accept_invalid_certificates: tls.accept_invalid_certificates,
        user_agent: concat!("Berth/", env!("CARGO_PKG_VERSION")).into(),
        ..Network::default()
    })
}

pub(crate) fn server_info(server: &backend_ai::Server) -> ServerInfo {
    ServerInfo {
        address: server.endpoint.to_string(),
        mode: match server.mode {
            backend_ai::AccessMode::Session => AccessMode::Session,
            backend_ai::AccessMode::Api => AccessMode::Api,
        },
        manager_version: server.manager_version.clone(),
        api_version: server.api_version.clone(),
        compatibility: compatibility(&server.manager_version),
        private: server.endpoint.is_tls() || server.endpoint.is_loopback(),
    }
}

/// Oldest and newest server lines that Berth was made for.
const OLDEST: (u32, u32) = (22, 9);
const NEWEST: (u32, u32) = (26, 9);

fn compatibility(manager_version: &str) -> Compatibility {
    let mut numbers = manager_version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(year)), Some(Ok(month))) if (year, month) < OLDEST => Compatibility::Older,
        (Some(Ok(year)), Some(Ok(month))) if (year, month) <= NEWEST => Compatibility::Supported,
        _ => Compatibility::Newer,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_lines_are_told_apart() {
        for (version, expected) in [
            ("22.03.4", Compatibility::Older),
            ("22.09.23", Compatibility::Supported),
            ("23.09.10", Compatibility::Supported),
            ("24.09.0rc1", Compatibility::Supported),
            ("26.9.6", Compatibility::Supported),
            ("26.10.0", Compatibility::Newer),
            ("27.3", Compatibility::Newer),
        ] {
            assert_eq!(compatibility(version), expected, "{version}");
        }
    }
}
