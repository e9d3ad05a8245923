//! What a command works with: the product, the configuration, the output; and the way to the cluster that is meant.
//!
//! Precedence: options of the command line, the `.env` file, the environment, a demo cluster that runs, the
//! profile that is signed in.

use std::sync::{Arc, Mutex, PoisonError};

use berth::terminal::{Reach, Scope, running_demo};
use berth::{AccessMode, Account, Berth, Error, Options, Paths, Profile, SecretsChoice, Session, TlsChoice};

use crate::arguments::Global;
use crate::configuration::{Configuration, DEFAULT_ENDPOINT, EndpointType};
use crate::failure::Failure;
use crate::output::Output;
use crate::program;

/// The name by which the running demo cluster goes.
pub(crate) const DEMO: &str = "demo";

/// What a command works with.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) configuration: Configuration,
    pub(crate) output: Output,
    pub(crate) berth: Arc<Berth>,
    pub(crate) paths: Paths,
    /// Writes out what is left when it is dropped.
    log: Mutex<Option<Box<dyn Send + Sync>>>,
}

impl Context {
    pub(crate) fn new(global: Global, output: Output) -> Result<Self, Failure> {
        let configuration = Configuration::read(&output)?;
        let paths = Paths::of_this_user()?;
        // A log that cannot be written is no reason not to work.
        let log = berth::log::start(&paths).ok().map(|guard| Box::new(guard) as Box<dyn Send + Sync>);
        let berth = Berth::start(Options {
            paths: paths.clone(),
            secrets: SecretsChoice::from_environment(),
            demo_available: cfg!(feature = "demo"),
            build: String::new(),
        })?;
        berth.set_unattended();
        Ok(Self { global, configuration, output, berth, paths, log: Mutex::new(log) })
    }

    /// Makes the cluster that is meant the active one.
    pub(crate) async fn reach(&self) -> Result<Account, Failure> {
        let ways = self.ways()?;
        let mut last = None;
        for way in &ways {
            match self.berth.reach(way).await {
                // A list of endpoints is there for this.
                Err(e) if e.code == "unreachable" => last = Some(e),
                Err(e) => return Err(e.into()),
                Ok(account) => return Ok(account),
            }
        }
        Err(last.unwrap_or_else(not_signed_in).into())
    }

    /// The session that is meant, on the cluster that is meant.
    pub(crate) async fn session(&self, reference: &str) -> Result<Session, Failure> {
        self.session_in(reference, Scope::Live).await
    }

    /// The same, among ended ones, too, if that is the scope.
    pub(crate) async fn session_in(&self, reference: &str, scope: Scope) -> Result<Session, Failure> {
        self.reach().await?;
        Ok(self.berth.find_session(reference, scope).await?)
    }

    /// Writes down what has changed and lets go of everything.
    pub(crate) async fn leave(&self) {
        self.berth.settle().await;
        self.berth.shut_down().await;
        drop(self.log.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The ways to the cluster that is meant, the best first.
    pub(crate) fn ways(&self) -> Result<Vec<Reach>, Error> {
        if let Some(wanted) = &self.global.profile {
            return Ok(vec![self.profile_way(wanted)?]);
        }
        let given: Vec<String> = match &self.global.endpoint {
            Some(endpoint) => vec![endpoint.clone()],
            None => self.configuration.endpoints(),
        };
        if !given.is_empty() {
            return given.iter().map(|endpoint| self.endpoint_way(endpoint)).collect();
        }
        if let Some((access_key, secret_key)) = self.configuration.keypair() {
            let address = DEFAULT_ENDPOINT.to_owned();
            return Ok(vec![Reach::Keypair { address, access_key, secret_key, tls: self.tls(None)? }]);
        }
        if let Some(demo) = running_demo(&self.paths) {
            return Ok(vec![Reach::Demo(demo)]);
        }
        let profile = self.berth.active_profile().ok_or_else(not_signed_in)?;
        Ok(vec![Reach::Profile { tls: self.tls(Some(&profile))?, profile }])
    }

    /// The best of them.
    pub(crate) fn way(&self) -> Result<Reach, Error> {
        self.ways()?.into_iter().next().ok_or_else(not_signed_in)
    }

    fn profile_way(&self, wanted: &str) -> Result<Reach, Error> {
        if wanted == DEMO {
            let demo = running_demo(&self.paths).ok_or_else(|| {
                Error::new("demo-not-running", "No demo cluster is running.", "Start one with: berth demo")
            })?;
            return Ok(Reach::Demo(demo));
        }
        let profile = self.profile(wanted)?;
        Ok(Reach::Profile { tls: self.tls(Some(&profile))?, profile })
    }

    /// The one profile that an id, or a part of one, means.
    pub(crate) fn profile(&self, wanted: &str) -> Result<Profile, Error> {
        let all = self.berth.profiles();
        if let Some(exact) = all.iter().find(|profile| profile.id == wanted) {
            return Ok(exact.clone());
        }
        let fitting: Vec<&Profile> = all
            .iter()
            .filter(|profile| profile.id.contains(wanted) || profile.address.contains(wanted))
            .collect();
        let unknown = |message: String, hint: &str| {
            Error::new("profile-not-found", message, hint).with("profile", wanted)
        };
        match fitting.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                Err(unknown(format!("There is no profile “{wanted}”."), "List them with: berth profile list"))
            }
            many => {
                let ids: Vec<&str> = many.iter().map(|profile| profile.id.as_str()).collect();
                Err(unknown(
                    format!("More than one profile is meant by “{wanted}”: {}.", ids.join(", ")),
                    "Write more of its name.",
                ))
            }
        }
    }

    fn endpoint_way(&self, endpoint: &str) -> Result<Reach, Error> {
        let kind = self.configuration.endpoint_type()?;
        let address = endpoint.to_owned();
        if kind != Some(EndpointType::Session)
            && let Some((access_key, secret_key)) = self.configuration.keypair()
        {
            return Ok(Reach::Keypair { address, access_key, secret_key, tls: self.tls(None)? });
        }
        if kind != Some(EndpointType::Api)
            && let Some((user, password)) = self.configuration.password()
        {
            return Ok(Reach::Password { address, user, password, tls: self.tls(None)? });
        }
        let wanted_mode = |profile: &Profile| match kind {
            Some(EndpointType::Api) => profile.mode == AccessMode::Api,
            Some(EndpointType::Session) => profile.mode == AccessMode::Session,
            None => true,
        };
        let wanted_user = self.configuration.get("USER");
        let known = self
            .berth
            .profiles_at(endpoint)
            .into_iter()
            .find(|profile| wanted_mode(profile) && wanted_user.is_none_or(|user| user == profile.user));
        if let Some(profile) = known {
            return Ok(Reach::Profile { tls: self.tls(Some(&profile))?, profile });
        }
        match running_demo(&self.paths) {
            Some(demo) if demo.url == endpoint.trim_end_matches('/') => Ok(Reach::Demo(demo)),
            _ => Err(not_signed_in().with("address", endpoint)),
        }
    }

    /// How certificates are judged: by what is said now, else as the profile has it.
    pub(crate) fn tls(&self, profile: Option<&Profile>) -> Result<TlsChoice, Error> {
        let mut tls = profile.map(|profile| profile.tls.clone()).unwrap_or_default();
        if let Some(file) = &self.global.ca_file {
            tls.ca_file = Some(file.clone());
        }
        if self.global.skip_sslcert_validation || self.configuration.flag("SKIP_SSLCERT_VALIDATION")? {
            tls.accept_invalid_certificates = true;
        }
        Ok(tls)
    }

    /// This program and the options that make it mean the same cluster when another program starts it.
    pub(crate) fn this_program(&self, target: &Target) -> Result<Vec<String>, Error> {
        let mut words = vec![program::path()?];
        if target.demo {
            words.extend(["--profile".to_owned(), DEMO.to_owned()]);
        } else if self.berth.profiles().iter().any(|profile| profile.id == target.profile_id) {
            words.extend(["--profile".to_owned(), target.profile_id.clone()]);
        } else {
            words.extend(["--endpoint".to_owned(), target.address.clone()]);
        }
        if self.global.skip_sslcert_validation {
            words.push("--skip-sslcert-validation".to_owned());
        }
        if let Some(file) = &self.global.ca_file {
            words.extend(["--ca-file".to_owned(), file.clone()]);
        }
        Ok(words)
    }
}

/// A cluster, for another start of this program.
#[derive(Debug)]
pub(crate) struct Target {
    profile_id: String,
    address: String,
    demo: bool,
}

impl From<Account> for Target {
    fn from(account: Account) -> Self {
        Self { profile_id: account.profile_id, address: account.server.address, demo: account.demo }
    }
}

impl From<&Reach> for Target {
    fn from(way: &Reach) -> Self {
        let profile = way.profile();
        Self { profile_id: profile.id, address: profile.address, demo: matches!(way, Reach::Demo(_)) }
    }
}

fn not_signed_in() -> Error {
    Error::new("not-signed-in", "You are not signed in.", "Sign in with: berth login")
}
