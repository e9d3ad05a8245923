//! Getting to a cluster with as few requests as possible: mostly none.

use std::sync::Arc;

use backend_ai::{Client, Credentials, Server};

use crate::berth::{network, server_info};
use crate::cluster::{Cluster, FindCredentials};
use crate::kept_login::KeptLogin;
use crate::secrets::SecretStore;
use crate::{
    AccessMode, Account, Berth, DemoAccess, Error, Profile, SecretPlace, SignInOutcome, SignInRequest,
    TlsChoice, error, profiles,
};

/// Which cluster a command means, and as whom.
#[derive(Clone)]
pub enum Reach {
    /// A profile that was signed in to.
    Profile {
        /// The profile.
        profile: Profile,
        /// How certificates are judged this time.
        tls: TlsChoice,
    },
    /// A keypair that is given, e.g. in the environment (API mode).
    Keypair {
        /// Server address.
        address: String,
        /// Access key.
        access_key: String,
        /// Secret key.
        secret_key: String,
        /// How certificates are judged.
        tls: TlsChoice,
    },
    /// A password that is given, e.g. in the environment.
    Password {
        /// Server address.
        address: String,
        /// E-mail or user name.
        user: String,
        /// Password.
        password: String,
        /// How certificates are judged.
        tls: TlsChoice,
    },
    /// A demo cluster.
    Demo(DemoAccess),
}

/// What the API mode signs requests with.
struct Keypair<'a> {
    address: &'a str,
    access_key: &'a str,
    secret_key: String,
    tls: &'a TlsChoice,
    place: SecretPlace,
}

impl Reach {
    /// The profile that it is, or would be if it were kept.
    pub fn profile(&self) -> Profile {
        let given = |address: &str, user: &str, mode, tls: &TlsChoice| Profile {
            id: profiles::id(&normal(address), user),
            address: normal(address),
            mode,
            user: user.to_owned(),
            tls: tls.clone(),
            remembered: false,
        };
        match self {
            Self::Profile { profile, .. } => profile.clone(),
            Self::Keypair { address, access_key, tls, .. } => {
                given(address, access_key, AccessMode::Api, tls)
            }
            Self::Password { address, user, tls, .. } => given(address, user, AccessMode::Session, tls),
            Self::Demo(access) => {
                given(&access.url, &access.email, AccessMode::Session, &TlsChoice::default())
            }
        }
    }

    /// How certificates are judged this time.
    fn tls(&self) -> TlsChoice {
        match self {
            Self::Profile { tls, .. } | Self::Keypair { tls, .. } | Self::Password { tls, .. } => tls.clone(),
            Self::Demo(_) => TlsChoice::default(),
        }
    }

    /// The id of the profile whose WebUI is at its end.
    ///
    /// # Errors
    /// `web-ui-needs-webserver` where a keypair leads to a manager.
    pub fn web_profile(&self) -> Result<String, Error> {
        let profile = self.profile();
        match profile.mode {
            AccessMode::Session => Ok(profile.id),
            AccessMode::Api => Err(error::web_ui_needs_webserver(&normal(&profile.address))),
        }
    }
}

impl Berth {
    /// Profiles, the latest used first.
    pub fn profiles(&self) -> Vec<Profile> {
        self.profiles.all()
    }

    /// The profile that is signed in, here or in the desktop app.
    pub fn active_profile(&self) -> Option<Profile> {
        self.profiles.active()
    }

    /// Makes a profile the one that later commands, and the desktop app at its next start, use.
    ///
    /// # Errors
    /// `profile-not-found`.
    pub fn use_profile(&self, id: &str) -> Result<(), Error> {
        if self.profiles.activate(id)? { Ok(()) } else { Err(no_profile(id)) }
    }

    /// Profiles of an address, the latest used first.
    pub fn profiles_at(&self, address: &str) -> Vec<Profile> {
        let address = normal(address);
        self.profiles.all().into_iter().filter(|profile| profile.address == address).collect()
    }

    /// Signs a profile out without asking the cluster: its kept login and remembered credentials are deleted.
    ///
    /// # Errors
    /// When a file or the keychain cannot be written.
    pub async fn forget_login(&self, profile: &Profile) -> Result<(), Error> {
        self.logins.remove(&profile.id);
        self.secrets().await.delete(&profile.id).await?;
        self.profiles.not_remembered(&profile.id)?;
        if self.profiles.active().is_some_and(|active| active.id == profile.id) {
            self.profiles.signed_out()?;
        }
        Ok(())
    }

    /// Forgets keys and pinned host keys of sessions that are no more.
    pub fn forget_sessions<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        for id in ids {
            self.connections().forget_session(id);
        }
    }

    /// Makes a cluster the active one. Most ways ask nobody: whether a kept login still holds shows at the first
    /// call, which renews it once with remembered credentials.
    ///
    /// # Errors
    /// `not-signed-in` where there is neither; those of [`Berth::sign_in`].
    pub async fn reach(self: &Arc<Self>, way: &Reach) -> Result<Account, Error> {
        if let Some(keypair) = self.keypair(way).await? {
            return self.take_keypair(keypair).await;
        }
        if let Some(cluster) = self.go_on(way, self.find(way)).await? {
            return Ok(cluster.account());
        }
        match way {
            Reach::Demo(access) => self.sign_in_demo(access).await,
            Reach::Keypair { .. } => Err(error::not_signed_in()),
            Reach::Password { password, tls, .. } => {
                self.sign_in_silently(&way.profile(), tls, password.clone(), false).await
            }
            Reach::Profile { profile, tls } => {
                let secret = if profile.remembered { self.secret(&profile.id).await } else { None };
                let secret = secret.ok_or_else(error::not_signed_in)?;
                self.sign_in_silently(profile, tls, secret, true).await
            }
        }
    }

    /// The same with what is kept, and nothing else: nobody signs in, now or later. None where that is not enough.
    pub(crate) async fn reach_kept(self: &Arc<Self>, way: &Reach) -> Result<Option<Arc<Cluster>>, Error> {
        if !self.is_kept(way) {
            return Ok(None);
        }
        if let Some(keypair) = self.keypair(way).await? {
            self.take_keypair(keypair).await?;
            return self.signed_in().map(Some);
        }
        self.go_on(way, None).await
    }

    /// Whether the cluster is known, and a login is kept where the mode has any.
    pub(crate) fn is_kept(&self, way: &Reach) -> bool {
        let profile = way.profile();
        self.logins.get(&profile.id).is_some_and(|kept| {
            kept.server().is_some() && (profile.mode == AccessMode::Api || kept.login.is_some())
        })
    }

    /// The keypair of a way in API mode.
    async fn keypair<'a>(&self, way: &'a Reach) -> Result<Option<Keypair<'a>>, Error> {
        Ok(match way {
            Reach::Keypair { address, access_key, secret_key, tls } => Some(Keypair {
                address,
                access_key,
                secret_key: secret_key.clone(),
                tls,
                place: SecretPlace::Memory,
            }),
            Reach::Profile { profile, tls } if profile.mode == AccessMode::Api => Some(Keypair {
                address: &profile.address,
                access_key: &profile.user,
                secret_key: self.secret(&profile.id).await.ok_or_else(error::not_signed_in)?,
                tls,
                place: SecretPlace::Keychain,
            }),
            _ => None,
        })
    }

    /// The credentials that a way brings with it for the time when its login has expired.
    pub(crate) fn find(self: &Arc<Self>, way: &Reach) -> Option<FindCredentials> {
        let (user, password) = match way {
            Reach::Profile { profile, .. } => {
                return profile.remembered.then(|| self.kept_password(&profile.id, &profile.user));
            }
            Reach::Keypair { .. } => return None,
            Reach::Password { user, password, .. } => (user.clone(), password.clone()),
            Reach::Demo(access) => (access.email.clone(), access.password.clone()),
        };
        let credentials = Credentials::Password { user, password, otp: None, force: false };
        Some(Arc::new(move || Box::pin(std::future::ready(Some(credentials.clone())))))
    }

    /// Goes on with the kept login, if there is one.
    async fn go_on(
        self: &Arc<Self>,
        way: &Reach,
        find: Option<FindCredentials>,
    ) -> Result<Option<Arc<Cluster>>, Error> {
        let (profile, tls) = (way.profile(), way.tls());
        let Some(kept) = self.logins.get(&profile.id) else { return Ok(None) };
        let Some(saved) = kept.login.clone() else { return Ok(None) };
        let server = match kept.server() {
            Some(server) => server,
            None => self.look_again(&profile, &tls, kept).await?,
        };
        let client = self.client(server, &tls)?;
        client.resume(&saved).map_err(|e| error::cluster(&e, &profile.address))?;
        let place = if profile.remembered { SecretPlace::Keychain } else { SecretPlace::Memory };
        let mut account = account(&client, profile.id, &profile.user, &tls, place);
        account.demo = matches!(way, Reach::Demo(_));
        let cluster = Cluster::new(client, account, None, self.events.clone());
        self.activate(Arc::clone(&cluster)).await;
        cluster.unattended(find);
        Ok(Some(cluster))
    }

    async fn look_again(&self, profile: &Profile, tls: &TlsChoice, kept: KeptLogin) -> Result<Server, Error> {
        let (_, server) = self.probe(&profile.address, tls).await?;
        self.keep(&profile.id, &KeptLogin::new(&server, kept.login));
        Ok(server)
    }

    async fn sign_in_silently(
        self: &Arc<Self>,
        profile: &Profile,
        tls: &TlsChoice,
        secret: String,
        remember: bool,
    ) -> Result<Account, Error> {
        let request = SignInRequest {
            address: profile.address.clone(),
            mode: profile.mode,
            user: profile.user.clone(),
            secret,
            otp: None,
            force: false,
            remember,
            tls: tls.clone(),
        };
        let active = self.profiles.active();
        let outcome = self.sign_in(request).await;
        self.keep_active(active, &profile.id);
        match outcome {
            Ok(SignInOutcome::SignedIn { account }) => Ok(account),
            Ok(SignInOutcome::OtpRequired) => Err(error::not_signed_in()),
            Err(e) => {
                // Never tried again: servers lock accounts after ten failures (protocol.md 1.2).
                if remember && e.code == "wrong-credentials" {
                    self.forget_credentials(&profile.id).await;
                }
                Err(e)
            }
        }
    }

    /// Renewing a login is nobody's choice of a cluster: later commands and the desktop app keep theirs.
    fn keep_active(&self, before: Option<Profile>, signed_in: &str) {
        let kept = match before {
            Some(profile) if profile.id == signed_in => Ok(()),
            Some(profile) => self.profiles.activate(&profile.id).map(|_| ()),
            None => self.profiles.signed_out(),
        };
        if let Err(e) = kept {
            tracing::warn!(error = %e.message, "cannot note which cluster is used");
        }
    }

    async fn take_keypair(self: &Arc<Self>, keypair: Keypair<'_>) -> Result<Account, Error> {
        let Keypair { address, access_key, secret_key, tls, place } = keypair;
        let id = profiles::id(&normal(address), access_key);
        let server = match self.logins.get(&id).and_then(|kept| kept.server()) {
            Some(server) => server,
            None => {
                let (_, server) = self.probe(address, tls).await?;
                self.keep(&id, &KeptLogin::new(&server, None));
                server
            }
        };
        if server.mode != backend_ai::AccessMode::Api {
            return Err(error::wrong_mode(&server.endpoint.to_string(), AccessMode::Session));
        }
        let client = self.client(server, tls)?;
        client.use_keypair(access_key, &secret_key);
        let account = account(&client, id, access_key, tls, place);
        let cluster = Cluster::new(client, account.clone(), None, self.events.clone());
        self.activate(cluster).await;
        Ok(account)
    }

    /// Follows the active cluster's sessions from now on, for a command that stays: tunnels of sessions that end
    /// are ended.
    pub fn watch_sessions(self: &Arc<Self>) {
        if let Some(cluster) = self.active() {
            self.watch(&cluster);
        }
    }

    /// Writes down what has changed about the login, before the program leaves.
    pub async fn settle(&self) {
        let Some(cluster) = self.active() else { return };
        let account = cluster.account();
        if cluster.is_sign_in_needed() {
            self.logins.remove(&account.profile_id);
        } else {
            self.keep_login();
        }
        if cluster.refused_credentials() {
            self.forget_credentials(&account.profile_id).await;
        }
    }

    /// Keeps the active login for the next command.
    pub(crate) fn keep_login(&self) {
        let Some(cluster) = self.active() else { return };
        let Some(login) = cluster.client().saved_login() else { return };
        let id = cluster.profile_id();
        let kept = self.logins.get(&id);
        if kept.as_ref().is_some_and(|kept| kept.login.as_ref() == Some(&login)) {
            return;
        }
        let kept = match kept.filter(|kept| kept.server().as_ref() == Some(cluster.client().server())) {
            Some(kept) => kept.with_login(login),
            None => KeptLogin::new(cluster.client().server(), Some(login)),
        };
        self.keep(&id, &kept);
    }

    /// Failing to keep a login costs a sign-in, no more.
    fn keep(&self, id: &str, kept: &KeptLogin) {
        if let Err(e) = self.logins.set(id, kept) {
            tracing::warn!(error = %e.message, "cannot keep the login");
        }
    }

    fn client(&self, server: Server, tls: &TlsChoice) -> Result<Client, Error> {
        let address = server.endpoint.to_string();
        Client::new(server, &network(tls)?).map_err(|e| error::cluster(&e, &address))
    }

    async fn secret(&self, id: &str) -> Option<String> {
        SecretStore::look_up(self.options.secrets, self.options.paths.secrets(), id).await
    }

    /// Looks the password of a profile up where it is remembered.
    pub(crate) fn kept_password(self: &Arc<Self>, id: &str, user: &str) -> FindCredentials {
        let (me, id, user) = (Arc::downgrade(self), id.to_owned(), user.to_owned());
        Arc::new(move || {
            let (me, id, user) = (me.clone(), id.clone(), user.clone());
            Box::pin(async move {
                let password = me.upgrade()?.secret(&id).await?;
                Some(Credentials::Password { user, password, otp: None, force: false })
            })
        })
    }

    pub(crate) async fn forget_credentials(&self, id: &str) {
        if let Err(e) = self.secrets().await.delete(id).await {
            tracing::warn!(error = %e.message, "wrong credentials were not deleted");
        }
        if let Err(e) = self.profiles.not_remembered(id) {
            tracing::warn!(error = %e.message, "cannot note that they are gone");
        }
    }
}

/// The address as profiles have it.
fn normal(address: &str) -> String {
    backend_ai::Endpoint::parse(address).map_or_else(|_| address.to_owned(), |e| e.to_string())
}

fn account(
    client: &Client,
    profile_id: String,
    user: &str,
    tls: &TlsChoice,
    secret_place: SecretPlace,
) -> Account {
    Account {
        profile_id,
        user: user.to_owned(),
        role: client.identity().and_then(|identity| identity.role),
        server: server_info(client.server()),
        tls: tls.clone(),
        secret_place,
        demo: false,
    }
}

fn no_profile(id: &str) -> Error {
    Error::new(
        "profile-not-found",
        format!("There is no profile “{id}”."),
        "List them with berth profile list, or sign in with berth login.",
    )
    .with("profile", id)
}
