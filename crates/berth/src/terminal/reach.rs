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

impl Reach {
    /// The id of the profile whose WebUI is at its end.
    ///
    /// # Errors
    /// `web-ui-needs-webserver` where a keypair leads to a manager.
    pub fn web_profile(&self) -> Result<String, Error> {
        match self {
            Self::Profile { profile, .. } if profile.mode == AccessMode::Session => Ok(profile.id.clone()),
            Self::Profile { profile: Profile { address, .. }, .. } | Self::Keypair { address, .. } => {
                Err(error::web_ui_needs_webserver(&normal(address)))
            }
            Self::Password { address, user, .. } => Ok(profiles::id(&normal(address), user)),
            Self::Demo(access) => Ok(profiles::id(&normal(&access.url), &access.email)),
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
        match way {
            Reach::Demo(access) => self.sign_in_demo(access).await,
            Reach::Profile { profile, tls } => self.resume(profile, tls).await,
            Reach::Keypair { address, access_key, secret_key, tls } => {
                self.take_keypair(address, access_key, secret_key, tls, SecretPlace::Memory).await
            }
            Reach::Password { address, user, password, tls } => {
                let given = Profile {
                    id: profiles::id(&normal(address), user),
                    address: normal(address),
                    mode: AccessMode::Session,
                    user: user.clone(),
                    tls: tls.clone(),
                    remembered: false,
                };
                let credentials = Credentials::Password {
                    user: user.clone(),
                    password: password.clone(),
                    otp: None,
                    force: false,
                };
                let find: FindCredentials = Box::new(move || Box::pin(std::future::ready(Some(credentials))));
                if let Some(account) = self.go_on(&given, tls, Some(find)).await? {
                    return Ok(account);
                }
                self.sign_in_silently(&given, tls, password.clone(), false).await
            }
        }
    }

    async fn resume(self: &Arc<Self>, profile: &Profile, tls: &TlsChoice) -> Result<Account, Error> {
        if profile.mode == AccessMode::Api {
            let secret = self.secret(&profile.id).await.ok_or_else(error::not_signed_in)?;
            return self
                .take_keypair(&profile.address, &profile.user, &secret, tls, SecretPlace::Keychain)
                .await;
        }
        let find = profile.remembered.then(|| self.find_later(profile));
        if let Some(account) = self.go_on(profile, tls, find).await? {
            return Ok(account);
        }
        let secret = if profile.remembered { self.secret(&profile.id).await } else { None };
        let secret = secret.ok_or_else(error::not_signed_in)?;
        self.sign_in_silently(profile, tls, secret, true).await
    }

    /// Goes on with the kept login, if there is one.
    async fn go_on(
        self: &Arc<Self>,
        profile: &Profile,
        tls: &TlsChoice,
        find: Option<FindCredentials>,
    ) -> Result<Option<Account>, Error> {
        let Some(kept) = self.logins.get(&profile.id) else { return Ok(None) };
        let Some(saved) = kept.login.clone() else { return Ok(None) };
        let server = match kept.server() {
            Some(server) => server,
            None => self.look_again(profile, tls, kept).await?,
        };
        let client = self.client(server, tls)?;
        client.resume(&saved).map_err(|e| error::cluster(&e, &profile.address))?;
        let place = if profile.remembered { SecretPlace::Keychain } else { SecretPlace::Memory };
        let account = account(&client, profile.id.clone(), &profile.user, tls, place);
        let cluster = Cluster::new(client, account.clone(), None, self.events.clone());
        self.activate(Arc::clone(&cluster)).await;
        cluster.unattended(find);
        Ok(Some(account))
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

    async fn take_keypair(
        self: &Arc<Self>,
        address: &str,
        access_key: &str,
        secret_key: &str,
        tls: &TlsChoice,
        place: SecretPlace,
    ) -> Result<Account, Error> {
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
        client.use_keypair(access_key, secret_key);
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
        if account.demo {
            return;
        }
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

    fn find_later(self: &Arc<Self>, profile: &Profile) -> FindCredentials {
        let (me, id, user) = (Arc::clone(self), profile.id.clone(), profile.user.clone());
        Box::new(move || {
            Box::pin(async move {
                let password = me.secret(&id).await?;
                Some(Credentials::Password { user, password, otp: None, force: false })
            })
        })
    }

    async fn forget_credentials(&self, id: &str) {
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
