//! `login`: signs in and keeps the login for later commands and the desktop app.
//!
//! Questions are asked on the terminal; without one, the answers are read from standard input, a line each. A
//! password is never an argument: arguments are seen by every user of the computer.

use berth::{AccessMode, Error, SecretPlace, ServerInfo, SignInOutcome, SignInRequest};
use clap::Args;
use serde_json::json;

use crate::configuration::EndpointType;
use crate::context::Context;
use crate::failure::Failure;
use crate::prompt::{ask, ask_new_password, ask_secret};

/// Sign in to a cluster.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Server address, as in the browser
    #[arg(value_name = "URL")]
    address: Option<String>,
    /// E-mail, or access key where the server is a manager
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Push out the oldest login if there are as many as allowed
    #[arg(long)]
    force: bool,
    /// Do not keep the password: when the login expires, sign in again
    #[arg(long)]
    no_remember: bool,
}

impl Login {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let output = &context.output;
        let configuration = &context.configuration;
        let address = match self.address.clone().or_else(|| context.global.endpoint.clone()) {
            Some(address) => address,
            None => match self.known_address(context)? {
                Some(address) => address,
                None => ask(output, "Server address: ")?,
            },
        };
        let known = context.berth.profiles_at(&address);
        let tls = context.tls(known.first())?;
        let server = context.berth.probe_server(&address, &tls).await?;
        if configuration.endpoint_type()? == Some(EndpointType::Session) && server.mode == AccessMode::Api {
            output.warn(&format!("{} is a manager, not a webserver: it takes a keypair.", server.address));
        }
        if !server.private {
            output.warn("The connection is not encrypted: others on the network can read the password.");
        }
        let (user, secret) = self.credentials(context, &server).await?;
        let mut request = SignInRequest {
            address: server.address.clone(),
            mode: server.mode,
            user,
            secret,
            otp: None,
            force: self.force,
            remember: !self.no_remember,
            tls,
        };
        let mut outcome = match context.berth.sign_in(request.clone()).await {
            Err(e) if e.code == "password-expired" => {
                request.secret = new_password(context, &e, &request).await?;
                self.sign_in(context, &request).await?
            }
            outcome => told(context, outcome)?,
        };
        if outcome == SignInOutcome::OtpRequired {
            request.otp = Some(ask_secret(output, "One-time Password: ").await?);
            outcome = self.sign_in(context, &request).await?;
        }
        let SignInOutcome::SignedIn { account } = outcome else {
            return Err(Error::new("otp-required", "The server wants a one-time password.", "").into());
        };
        if account.secret_place == SecretPlace::File && !self.no_remember {
            output.warn(&format!(
                "This computer has no keychain: the password is kept in {}, which only you can read. \
                 --no-remember keeps none.",
                context.paths.secrets().display()
            ));
        }
        if output.is_json() {
            output.json(&json!({
                "profile": account.profile_id, "endpoint": account.server.address, "user": account.user,
                "role": account.role, "server_version": account.server.manager_version,
                "remembered": account.secret_place != SecretPlace::Memory,
            }));
        }
        output.done("Login succeeded.");
        Ok(0)
    }

    async fn sign_in(&self, context: &Context, request: &SignInRequest) -> Result<SignInOutcome, Failure> {
        told(context, context.berth.sign_in(request.clone()).await)
    }

    /// Where to, if nothing on the command line says so.
    fn known_address(&self, context: &Context) -> Result<Option<String>, Failure> {
        if let Some(wanted) = &context.global.profile {
            return Ok(Some(context.profile(wanted)?.address));
        }
        let configured = context.configuration.endpoints().into_iter().next();
        let used_last = || context.berth.profiles().into_iter().next().map(|profile| profile.address);
        Ok(configured.or_else(used_last))
    }

    async fn credentials(&self, context: &Context, server: &ServerInfo) -> Result<(String, String), Failure> {
        let (output, configuration) = (&context.output, &context.configuration);
        output.info(&format!("Signing in to {} ({}).", server.address, server.manager_version));
        let given = match server.mode {
            AccessMode::Session => configuration.password(),
            AccessMode::Api => configuration.keypair(),
        };
        if let (Some(given), None) = (given, &self.user) {
            return Ok(given);
        }
        let (user, secret) = match server.mode {
            AccessMode::Session => ("User ID: ", "Password: "),
            AccessMode::Api => ("Access key: ", "Secret key: "),
        };
        let user = match &self.user {
            Some(user) => user.clone(),
            None => ask(output, user)?,
        };
        Ok((user, ask_secret(output, secret).await?))
    }
}

fn told(context: &Context, outcome: Result<SignInOutcome, Error>) -> Result<SignInOutcome, Failure> {
    if outcome.is_err() {
        context.output.failed("Login failed.");
    }
    Ok(outcome?)
}

/// Asks for a password in place of the one that has `expired`, and changes it at the server.
async fn new_password(
    context: &Context,
    expired: &Error,
    request: &SignInRequest,
) -> Result<String, Failure> {
    let output = &context.output;
    output.warn(&format!("{} Choose a new one. ({})", expired.message, expired.code));
    let new = ask_new_password(output).await?;
    context.berth.change_expired_password(request, &new).await?;
    output.done("Password updated.");
    if context.configuration.password().is_some_and(|(_, configured)| configured == request.secret) {
        output.warn("BACKEND_PASSWORD still has the old one: change it where it is set.");
    }
    Ok(new)
}
