//! The cluster's own WebUI in a window of the host's: what that window needs, and what it may do.
//!
//! One sign-in serves both windows, in both directions: the host puts the login's cookies into the web view, and
//! what the page does to them (signing out, signing in again) is seen here and believed only after the server was
//! asked. Ports that the page wants end among the same [`Connections`](crate::Connections) as all others.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use backend_ai::{AppParameters, Client, ManagerVersion, SavedLogin, Server, web_page};
use sshkit::private_file::create_private_dir;

use crate::berth::{network, server_info};
use crate::cluster::Cluster;
use crate::kept_login::file_name;
use crate::terminal::{Reach, Scope, running_demo};
use crate::{
    AccessMode, Account, Berth, Connection, DemoAccess, Error, Event, PortChoice, Profile, SecretPlace,
    ServerInfo, TlsChoice, error, profiles,
};

/// The first line whose WebUI shows the session that its address names (backend.ai-webui's pull request 2775 of
/// November 2024; read in 26.9.4's, which 23.09's has nothing of).
const NAMES_SESSIONS: ManagerVersion = ManagerVersion::new(24, 12, 0);

/// Whether the WebUI of a server has an address for each session; else one for their list only.
pub fn shows_one_session(server: &ServerInfo) -> bool {
    ManagerVersion::parse(&server.manager_version) >= NAMES_SESSIONS
}

/// A cluster's WebUI, ready to be shown. No `Debug`: it holds the login.
#[derive(Clone)]
pub struct WebUi {
    /// Cluster profile whose login it is.
    pub profile_id: String,
    /// Address of the page, e.g. `https://cluster.example.com/`.
    pub url: String,
    /// Cookies of the login, by name.
    pub cookies: Vec<(String, String)>,
    /// The one certificate that the window must accept although the system does not know it, in DER; `None` where
    /// the system judges.
    pub certificate: Option<Vec<u8>>,
    /// A private folder for what the page keeps: its own cookies and storage, apart from other clusters'.
    pub folder: PathBuf,
    server: Server,
    tls: TlsChoice,
    demo: bool,
}

impl WebUi {
    /// Where the page shows a session, or its list of sessions where it has no address for one
    /// ([`shows_one_session`]): such a page does not look at the rest.
    pub fn session_url(&self, session_id: &str) -> String {
        // Every generation has this path; newer ones lead on from it and keep the query.
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("sessionDetail", session_id)
            .finish();
        format!("{}job?{query}", self.url)
    }
}

/// What the page did to its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebLogin {
    /// Nothing: it is Berth's own.
    Unchanged,
    /// Signed out there, and so here.
    SignedOut,
    /// Signed in there, and so here, as this profile.
    SignedIn(String),
}

/// An app that the page wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedApp {
    /// UUID or name of the session.
    pub session: String,
    /// App.
    pub app: String,
    /// Port to be tried first.
    pub port: Option<u16>,
    /// Options of the app's command line.
    pub arguments: BTreeMap<String, Option<String>>,
    /// Environment variables of the app.
    pub environment: BTreeMap<String, String>,
}

impl Berth {
    /// Looks whether the signed-in cluster shows a WebUI, and gives what a window for it needs.
    ///
    /// # Errors
    /// `not-signed-in`, `web-ui-needs-webserver`, `web-ui-missing`, and whatever stands between here and the server.
    pub async fn web_ui(&self) -> Result<WebUi, Error> {
        let cluster = self.signed_in()?;
        let account = cluster.account();
        let address = account.server.address.clone();
        if account.server.mode == AccessMode::Api {
            return Err(error::web_ui_needs_webserver(&address));
        }
        let server = cluster.client().server().clone();
        let page = web_page(&server.endpoint, &network(&account.tls)?).await.map_err(|e| match e {
            backend_ai::Error::BadAnswer(why) => error::web_ui_missing(&address, &why),
            other => error::cluster(&other, &address),
        })?;
        let folder = self.paths().web_uis().join(file_name(&account.profile_id));
        for folder in [&self.paths().web_uis(), &folder] {
            create_private_dir(folder).map_err(|e| error::file(&e, folder))?;
        }
        let own_rules = account.tls.ca_file.is_some() || account.tls.accept_invalid_certificates;
        let url = format!("{}/", server.endpoint.to_string().trim_end_matches('/'));
        Ok(WebUi {
            profile_id: account.profile_id.clone(),
            cookies: cookies(&cluster),
            certificate: page.certificate.filter(|_| own_rules),
            folder,
            url,
            server,
            tls: account.tls,
            demo: account.demo,
        })
    }

    /// Tells whether somebody else is signed in than the one whose WebUI is wanted.
    ///
    /// # Errors
    /// `signed-in-elsewhere`; `not-signed-in` when nobody is.
    pub fn is_signed_in_as(&self, profile_id: &str) -> Result<(), Error> {
        let account = self.account().ok_or_else(error::not_signed_in)?;
        if account.profile_id == profile_id {
            return Ok(());
        }
        Err(error::signed_in_elsewhere(&account.user, &account.server.address, profile_id))
    }

    /// Signs in by itself as a profile, where that takes nobody's typing: with remembered credentials, or because it
    /// is the user of a demo cluster that runs. Events tell the outcome. A sign-in that is under way is left alone.
    pub async fn sign_in_unasked(self: &Arc<Self>, profile_id: &str) {
        if !self.is_restoring() {
            self.restore_as(profile_id).await;
        }
    }

    /// [`Berth::restore`] for a profile that somebody asks for, whichever was used last.
    pub async fn restore_as(self: &Arc<Self>, profile_id: &str) {
        if let Some(profile) = self.profiles.all().into_iter().find(|p| p.id == profile_id && p.remembered) {
            self.restore_profile(profile).await;
            return;
        }
        let demo = running_demo(self.paths());
        let is_its =
            |demo: &DemoAccess| Reach::Demo(demo.clone()).web_profile().is_ok_and(|id| id == profile_id);
        if let Some(demo) = demo.filter(is_its)
            && let Err(e) = self.sign_in_demo(&demo).await
        {
            tracing::warn!(error = %e.message, "no sign-in to the demo cluster that runs");
        }
        self.nothing_to_restore(profile_id);
    }

    /// The cookies of a profile's login now; `None` when it is not the one that is signed in.
    pub fn web_cookies(&self, profile_id: &str) -> Option<Vec<(String, String)>> {
        self.of_profile(profile_id).map(|cluster| cookies(&cluster))
    }

    /// Opens a port for the page, or gives the one that is open. The second value is true for a new one.
    ///
    /// # Errors
    /// `not-signed-in` when the profile is not the one that is signed in; else those of [`Berth::connect`].
    pub async fn connect_for_web_ui(
        &self,
        profile_id: &str,
        wanted: &HostedApp,
    ) -> Result<(Connection, bool), Error> {
        let cluster = self.of_profile(profile_id).ok_or_else(error::not_signed_in)?;
        let session = self.find_session(&wanted.session, Scope::Live).await?;
        let connections = self.connections();
        let before: Vec<String> = connections.all().into_iter().map(|c| c.id).collect();
        let port = wanted.port.map_or(PortChoice::AsUsual, PortChoice::Preferably);
        let parameters = AppParameters {
            port: None,
            arguments: wanted.arguments.clone(),
            environment: wanted.environment.clone(),
        };
        let connection = connections.open_at(&cluster, &session.id, &wanted.app, port, parameters).await?;
        let fresh = !before.contains(&connection.id);
        if fresh {
            let _ = self.events.send(Event::OpenedByWebUi { id: connection.id.clone() });
        }
        Ok((connection, fresh))
    }

    /// Takes over what the page did to its login. `pairs` are the web view's cookies as a `Cookie` header has them;
    /// they are believed only when the server says whose they are.
    ///
    /// # Errors
    /// Whatever stands between here and the server; nothing is changed then.
    pub async fn web_login_seen(self: &Arc<Self>, page: &WebUi, pairs: &str) -> Result<WebLogin, Error> {
        let address = page.server.endpoint.to_string();
        let bad = |e: backend_ai::Error| error::cluster(&e, &address);
        let active = self.active();
        if active.as_ref().is_some_and(|cluster| cluster.address() != address) {
            return Ok(WebLogin::Unchanged);
        }
        let saved = SavedLogin::of_cookies(pairs);
        let client = Client::new(page.server.clone(), &network(&page.tls)?).map_err(bad)?;
        client.resume(&saved).map_err(bad)?;
        let identity = if pairs.is_empty() { None } else { client.check_login().await.map_err(bad)? };
        let Some(identity) = identity.filter(|identity| !identity.access_key.is_empty()) else {
            if active.is_none() {
                return Ok(WebLogin::Unchanged);
            }
            tracing::info!("signed out in the WebUI");
            self.sign_out().await;
            return Ok(WebLogin::SignedOut);
        };
        let saved = saved.owned_by(&identity);
        if let Some(cluster) = &active {
            let own = cluster.client().identity();
            if own.is_some_and(|own| own.access_key == identity.access_key) {
                let mut theirs = saved.cookies();
                let mut ours = cookies(cluster);
                theirs.sort();
                ours.sort();
                if theirs == ours && !cluster.is_sign_in_needed() {
                    return Ok(WebLogin::Unchanged);
                }
                tracing::info!("login renewed in the WebUI");
                cluster.client().resume(&saved).map_err(bad)?;
                cluster.signed_in_again(cluster.account(), None);
                return Ok(WebLogin::SignedIn(cluster.profile_id()));
            }
        }
        client.resume(&saved).map_err(bad)?;
        let user = client.email().await.map_err(bad)?;
        tracing::info!("signed in in the WebUI");
        let server = server_info(&page.server);
        let account = Account {
            profile_id: profiles::id(&server.address, &user),
            user,
            role: identity.role,
            server,
            tls: page.tls.clone(),
            secret_place: SecretPlace::Memory,
            demo: page.demo,
        };
        if !page.demo {
            let profile = Profile {
                id: account.profile_id.clone(),
                address: account.server.address.clone(),
                mode: account.server.mode,
                user: account.user.clone(),
                tls: account.tls.clone(),
                remembered: false,
            };
            if let Err(e) = self.profiles.signed_in(&profile) {
                tracing::warn!(error = %e.message, "cannot keep the profile");
            }
        }
        let profile_id = account.profile_id.clone();
        self.activate(Cluster::new(client, account, None, self.events.clone())).await;
        Ok(WebLogin::SignedIn(profile_id))
    }

    fn of_profile(&self, profile_id: &str) -> Option<Arc<Cluster>> {
        self.active().filter(|cluster| cluster.profile_id() == profile_id)
    }
}

fn cookies(cluster: &Cluster) -> Vec<(String, String)> {
    cluster.client().saved_login().map(|saved| saved.cookies()).unwrap_or_default()
}
