//! What answers at an address: a webserver, a manager, or something else (protocol.md 1, 1.1).

use reqwest::header::LOCATION;
use serde_json::Value;
use url::Url;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::network::Network;
use crate::problem::text;
use crate::transport::{CALL_TIMEOUT, broken, read_body, timed_out};
use crate::version::{ApiVersion, ManagerVersion};

/// Bound of a version answer, in bytes; the real ones have about 60.
const VERSION_LIMIT: usize = 256 << 10;

/// How a cluster is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessMode {
    /// Through the webserver, with a login: the address the WebUI has.
    Session,
    /// At the manager, with a keypair.
    Api,
}

/// A Backend.AI server, as [`probe`] found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address; `https://` when the probed one redirected there.
    pub endpoint: Endpoint,
    /// What answers there.
    pub mode: AccessMode,
    /// The manager's version as advertised, e.g. `23.09.10`; empty when the server does not say.
    pub manager_version: String,
    /// The API version as advertised, e.g. `v7.20230615`.
    pub api_version: String,
}

impl Server {
    /// The manager's version, comparable.
    pub fn manager(&self) -> ManagerVersion {
        ManagerVersion::parse(&self.manager_version)
    }
}

/// Finds out what answers at an address, without credentials.
///
/// Asks `GET /func/`, then `GET /`. A 200 alone proves nothing: the WebUI answers unknown paths with its page.
/// The only redirect followed is to `https` on the same host.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::Tls`], [`Error::Redirected`], [`Error::NotBackendAi`], and
/// [`Error::Gateway`] when a webserver or proxy answers whose manager does not.
pub async fn probe(endpoint: &Endpoint, network: &Network) -> Result<Server, Error> {
    let found = match ask(endpoint, network).await? {
        Found::Upgrade(secure) => {
            tracing::info!(from = %endpoint, to = %secure, "following the redirect to https");
            ask(&secure, network).await?
        }
        found => found,
    };
    match found {
        Found::Server(server) => Ok(server),
        Found::Upgrade(to) => Err(Error::Redirected { to: to.to_string() }),
    }
}

enum Found {
    Server(Server),
    Upgrade(Endpoint),
}

async fn ask(endpoint: &Endpoint, network: &Network) -> Result<Found, Error> {
    let http = network.http(endpoint)?;
    let mut elsewhere = None;
    let mut gateway = false;
    for (path, mode) in [("/func/", AccessMode::Session), ("/", AccessMode::Api)] {
        let url = endpoint.join(path);
        let exchange = async {
            let response = http.get(url.clone()).send().await.map_err(|e| broken(&e))?;
            let status = response.status();
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|to| url.join(to).ok());
            if !status.is_success() {
                return Ok((status, location, None));
            }
            match read_body(response, VERSION_LIMIT).await {
                Ok(body) => Ok((status, location, Some(body))),
                Err(Error::TooLarge { .. }) => Ok((status, location, None)),
                Err(error) => Err(error),
            }
        };
        let (status, location, body) =
            tokio::time::timeout(CALL_TIMEOUT, exchange).await.map_err(|_| timed_out())??;
        if status.is_redirection()
            && let Some(to) = location
        {
            if let Some(secure) = https_twin(endpoint, path, &to) {
                return Ok(Found::Upgrade(secure));
            }
            elsewhere = elsewhere.or(Some(to));
        }
        gateway |= matches!(status.as_u16(), 502..=504);
        let Some(answer) = body.and_then(|body| serde_json::from_slice::<Value>(&body).ok()) else {
            continue;
        };
        let Some(api_version) = text(Some(&answer), "version") else {
            continue;
        };
        if ApiVersion::parse(api_version).is_none() {
            continue;
        }
        return Ok(Found::Server(Server {
            endpoint: endpoint.clone(),
            mode,
            manager_version: text(Some(&answer), "manager").unwrap_or_default().to_owned(),
            api_version: api_version.to_owned(),
        }));
    }
    match elsewhere {
        Some(to) => Err(Error::Redirected { to: to.to_string() }),
        None if gateway => Err(Error::Gateway),
        None => Err(Error::NotBackendAi),
    }
}

/// The https endpoint that a redirect leads to, if it is the same host and the same path.
fn https_twin(endpoint: &Endpoint, path: &str, to: &Url) -> Option<Endpoint> {
    let asked = endpoint.join(path);
    let same = !endpoint.is_tls()
        && to.scheme() == "https"
        && to.host_str() == asked.host_str()
        && to.path() == asked.path();
    if !same {
        return None;
    }
    let mut url = endpoint.url().clone();
    url.set_scheme("https").ok()?;
    url.set_port(to.port()).ok()?;
    Endpoint::parse(url.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_host_over_https_is_followed() {
        let twin = |from: &str, to: &str| {
            let endpoint = Endpoint::parse(from).unwrap();
            https_twin(&endpoint, "/func/", &Url::parse(to).unwrap()).map(|e| e.to_string())
        };
        assert_eq!(
            twin("http://a.example.com", "https://a.example.com/func/").as_deref(),
            Some("https://a.example.com")
        );
        assert_eq!(
            twin("http://a.example.com:8080/x", "https://a.example.com:8443/x/func/").as_deref(),
            Some("https://a.example.com:8443/x")
        );
        assert_eq!(twin("http://a.example.com", "https://b.example.com/func/"), None);
        assert_eq!(twin("http://a.example.com", "http://a.example.com/func/"), None);
        assert_eq!(twin("https://a.example.com", "http://a.example.com/func/"), None);
        assert_eq!(twin("http://a.example.com", "https://a.example.com/login"), None);
    }
}
