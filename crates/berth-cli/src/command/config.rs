//! `config`: which cluster, as whom, and where that is written.

use berth::terminal::Reach;
use berth::{AccessMode, ServerInfo, TlsChoice};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// Show which cluster is used, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Config {}

impl Config {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let output = &context.output;
        let configuration = &context.configuration;
        let ways = context.ways();
        let (address, mode, identity, tls) = match ways.as_ref().map(|ways| ways.first()) {
            Ok(Some(way)) => of(way),
            // Not signed in there, but where "there" is can still be told.
            _ => {
                match context.global.endpoint.clone().or_else(|| configuration.endpoints().into_iter().next())
                {
                    Some(address) => (address, None, None, context.tls(None)?),
                    None => return Err(ways.err().map_or(Failure::Said(1), Failure::from)),
                }
            }
        };
        let server = context.berth.probe_server(&address, &tls).await;
        let mode = server.as_ref().map_or(mode, |server| Some(server.mode));
        if output.is_json() {
            output.json(&json!({
                "endpoint": address, "mode": mode.map(word), "client_version": env!("CARGO_PKG_VERSION"),
                "server_version": server.as_ref().ok().map(|s| &s.manager_version),
                "api_version": server.as_ref().ok().map(|s| &s.api_version),
                "domain": configuration.domain(), "group": configuration.project(),
                "user": identity.as_ref().map(|(_, user)| user),
                "skip_sslcert_validation": tls.accept_invalid_certificates, "ca_file": tls.ca_file,
                "env_file": configuration.file, "data": context.paths.data(),
            }));
            return Ok(0);
        }
        output.line(&format!("API endpoint: {address} (mode: {})", mode.map_or("unknown", word)));
        output.line(&format!("Client version: {} (Berth)", env!("CARGO_PKG_VERSION")));
        output.line(&match &server {
            Ok(ServerInfo { manager_version, api_version, .. }) => {
                format!("Server version: {manager_version} (API: {api_version})\nNegotiated API version: {api_version}")
            }
            Err(_) => "Server version: (failed to fetch)".to_owned(),
        });
        output.line(&format!("Domain name: \"{}\"", configuration.domain()));
        output.line(&format!("Group name: \"{}\"", configuration.project()));
        match identity {
            Some((name, user)) => output.line(&format!("{name}: \"{user}\"")),
            None => output.line("Username: (not signed in)"),
        }
        if let Some(Reach::Keypair { secret_key, .. }) = ways.ok().and_then(|ways| ways.into_iter().next()) {
            output.line(&format!("Secret key: \"{}\"", masked(&secret_key)));
        }
        output.line("Signature hash type: sha256");
        let skip = if tls.accept_invalid_certificates { "True" } else { "False" };
        output.line(&format!("Skip SSL certificate validation? {skip}"));
        if let Some(file) = &configuration.file {
            output.line(&format!("Settings from: {}", file.display()));
        }
        output.line(&format!("Berth's data: {}", context.paths.data().display()));
        if let Err(e) = server {
            output.warn(&e.message);
        }
        Ok(0)
    }
}

type Identity = Option<(&'static str, String)>;

fn of(way: &Reach) -> (String, Option<AccessMode>, Identity, TlsChoice) {
    let (session, api) = (Some(AccessMode::Session), Some(AccessMode::Api));
    match way {
        Reach::Profile { profile, tls } => {
            let name = if profile.mode == AccessMode::Api { "Access key" } else { "Username" };
            (profile.address.clone(), Some(profile.mode), Some((name, profile.user.clone())), tls.clone())
        }
        Reach::Keypair { address, access_key, tls, .. } => {
            (address.clone(), api, Some(("Access key", access_key.clone())), tls.clone())
        }
        Reach::Password { address, user, tls, .. } => {
            (address.clone(), session, Some(("Username", user.clone())), tls.clone())
        }
        Reach::Demo(demo) => {
            (demo.url.clone(), session, Some(("Username", demo.email.clone())), TlsChoice::default())
        }
    }
}

fn word(mode: AccessMode) -> &'static str {
    match mode {
        AccessMode::Session => "session",
        AccessMode::Api => "api",
    }
}

/// Four characters tell keys apart and tell nobody more.
fn masked(secret: &str) -> String {
    let shown: String = secret.chars().take(4).collect();
    format!("{shown}{}", "*".repeat(24))
}
