//! The address of a cluster, as a user types it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The address of a webserver or a manager: scheme, host, port and an optional path prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
}

/// An address that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing was given.
    #[error("the address is empty")]
    Empty,
    /// It cannot be read as an address.
    #[error("not an address: {0}")]
    Invalid(String),
    /// Only `http` and `https` are spoken.
    #[error("{0}:// is not supported, only https:// and http://")]
    Scheme(String),
    /// User and password do not belong into an address.
    #[error("an address carries no user name or password")]
    UserInfo,
}

impl Endpoint {
    /// Reads what a user typed. Without a scheme it is `https://`, or `http://` for a loopback host.
    /// A trailing slash, query and fragment are dropped, a path prefix is kept.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EndpointError::Empty);
        }
        let invalid = |_| EndpointError::Invalid(text.to_owned());
        let mut url = if text.contains("://") {
            Url::parse(text).map_err(invalid)?
        } else {
            let url = Url::parse(&format!("https://{text}")).map_err(invalid)?;
            if is_loopback(&url) { Url::parse(&format!("http://{text}")).map_err(invalid)? } else { url }
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EndpointError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::UserInfo);
        }
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return Err(EndpointError::Invalid(text.to_owned()));
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url })
    }

    /// The address as a URL; its path is the prefix of every request.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// True when the host is this computer by name (`localhost`) or by number.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// True for `https`.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The URL of a path below the endpoint; `path` begins with a slash and may carry a query.
    pub(crate) fn join(&self, path_and_query: &str) -> Url {
        let mut url = self.url.clone();
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let prefix = self.url.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{path}"));
        url.set_query(query);
        url
    }

    /// The `Host` header of requests: without the scheme's own port.
    pub(crate) fn host_header(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        None => false,
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Endpoint::parse(text).map_or_else(|e| format!("{e:?}"), |e| e.to_string())
    }

    #[test]
    fn the_scheme_may_be_left_out() {
        assert_eq!(shown("cluster.example.com:8443/"), "https://cluster.example.com:8443");
        assert_eq!(shown(" cluster.example.com "), "https://cluster.example.com");
        assert_eq!(shown("localhost:8090"), "http://localhost:8090");
        assert_eq!(shown("127.0.0.1"), "http://127.0.0.1");
        assert_eq!(shown("[::1]:8090"), "http://[::1]:8090");
        assert_eq!(shown("https://localhost:8090"), "https://localhost:8090");
        assert_eq!(shown("HTTP://Cluster.Example.com:80"), "http://cluster.example.com");
    }

    #[test]
    fn a_prefix_stays_and_the_rest_goes() {
        assert_eq!(shown("https://example.com/backend/?next=/x#top"), "https://example.com/backend");
        let endpoint = Endpoint::parse("https://example.com:8443/backend/").unwrap();
        assert_eq!(
            endpoint.join("/func/stream?app=sshd").as_str(),
            "https://example.com:8443/backend/func/stream?app=sshd"
        );
        assert_eq!(endpoint.host_header(), "example.com:8443");
        let plain = Endpoint::parse("https://example.com").unwrap();
        assert_eq!(plain.join("/func/").as_str(), "https://example.com/func/");
        assert_eq!(plain.host_header(), "example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "  ",
            "https://",
            "http://:80",
            "ftp://example.com",
            "https://u:p@example.com",
            "u@example.com",
            "exa mple.com",
            "example.com:0",
            "example.com:99999",
            "file:///etc/passwd",
            "javascript://x",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_from_other_hosts() {
        for text in ["localhost", "demo.localhost", "127.8.9.1:1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(Endpoint::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in ["example.com", "10.0.0.1", "localhost.example.com", "[::2]"] {
            assert!(!Endpoint::parse(text).unwrap().is_loopback(), "{text}");
        }
    }
}
