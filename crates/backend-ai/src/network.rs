//! How the network is used: certificates, the system's HTTP proxy, time limits. In one place for REST and streams.

use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::tls::Certificate;

use crate::endpoint::Endpoint;
use crate::error::Error;

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept: less than servers and balancers keep theirs (aiohttp 75 s, many
/// balancers 60 s), so that a request does not meet a connection that is just being closed; more than the rest
/// between two session lists, so that a stream mostly finds one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How a cluster is reached over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// PEM certificates of further authorities, beside the system's own trust store.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Accept any certificate. The user must have asked for it and must see it.
    pub accept_invalid_certificates: bool,
    /// `User-Agent` of every request; empty means this crate's name and version.
    pub user_agent: String,
    /// How often streams that are open are kept from being swept away by the webserver's pool (25.12 and later, in
    /// session mode); its sweep takes what is older than 600 s, and each time reaches one of its four workers.
    pub pool_refresh: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            extra_ca_pem: None,
            accept_invalid_certificates: false,
            user_agent: String::new(),
            pool_refresh: Duration::from_secs(10),
        }
    }
}

impl Network {
    /// The one HTTP client of an endpoint, HTTP/1.1 only because WebSocket upgrades need it.
    ///
    /// It keeps no cookies and follows no redirect: both are decided where credentials are known.
    pub(crate) fn http(&self, endpoint: &Endpoint) -> Result<reqwest::Client, Error> {
        self.build(endpoint, |builder| builder)
    }

    /// The same, with a TCP connection of its own for each request.
    pub(crate) fn http_without_pool(&self, endpoint: &Endpoint) -> Result<reqwest::Client, Error> {
        self.build(endpoint, |builder| builder.pool_max_idle_per_host(0))
    }

    /// The same, telling each answer's certificate.
    pub(crate) fn http_with_certificate(&self, endpoint: &Endpoint) -> Result<reqwest::Client, Error> {
        self.build(endpoint, |builder| builder.tls_info(true))
    }

    fn build(
        &self,
        endpoint: &Endpoint,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<reqwest::Client, Error> {
        let user_agent = if self.user_agent.is_empty() {
            concat!("backend-ai-rs/", env!("CARGO_PKG_VERSION"))
        } else {
            &self.user_agent
        };
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .user_agent(user_agent)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none());
        if endpoint.is_loopback() {
            builder = builder.no_proxy();
            if !endpoint.is_tls() {
                // No TLS can happen, so the system's store need not be read, nor exist.
                builder = builder.tls_certs_only([]);
            }
        }
        if self.accept_invalid_certificates {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(pem) = &self.extra_ca_pem {
            let bad = |e: reqwest::Error| Error::BadCertificate(crate::transport::root_cause(&e));
            let certificates = Certificate::from_pem_bundle(pem).map_err(bad)?;
            if certificates.is_empty() {
                return Err(Error::BadCertificate("no PEM certificate in it".to_owned()));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        change(builder).build().map_err(|e| {
            let what = crate::transport::root_cause(&e);
            match self.extra_ca_pem {
                Some(_) => Error::BadCertificate(what),
                None => Error::Tls { what },
            }
        })
    }
}
