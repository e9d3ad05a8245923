//! A login that the server accepted: the cookies of session mode or the keypair of API mode.

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use url::Url;

use crate::credentials::Identity;

/// Accepted by webservers in the cookie's place (protocol.md 1.2); used only when no cookie can be sent.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("x-backendai-sessionid");

/// What proves the login to the server. No `Debug`: it is all secrets.
pub(crate) enum Proof {
    /// Session mode: every cookie of the host, stickiness cookies of load balancers included.
    Cookies(Cookies),
    /// API mode.
    Keypair { access_key: String, secret_key: String },
}

/// A login and whose it is.
pub(crate) struct Login {
    pub(crate) proof: Proof,
    pub(crate) identity: Identity,
}

/// The cookies of one login. A new login begins with none, so that an answer to an old one cannot disturb it.
#[derive(Default)]
pub(crate) struct Cookies {
    jar: Jar,
    session_id: std::sync::OnceLock<HeaderValue>,
}

impl Cookies {
    /// Cookies that were kept ([`crate::saved_login`]).
    pub(crate) fn import(url: &Url, pairs: Option<&str>, session_id: Option<HeaderValue>) -> Self {
        let jar = crate::saved_login::jar(url, pairs.unwrap_or_default());
        let cookies = Self { jar, session_id: std::sync::OnceLock::new() };
        if let Some(id) = session_id {
            let _ = cookies.session_id.set(id);
        }
        cookies
    }

    /// What there is to keep: the cookies for the endpoint, and the session id.
    pub(crate) fn export(&self, url: &Url) -> (Option<String>, Option<String>) {
        let id = self.session_id.get().and_then(|id| id.to_str().ok()).map(str::to_owned);
        (crate::saved_login::pairs(&self.jar, url), id)
    }

    /// Takes in the cookies of a successful answer. Refusals set fresh cookies that mean "nobody"
    /// (protocol.md appendix C), so they must not come here.
    pub(crate) fn take(&self, url: &Url, headers: &HeaderMap) {
        self.jar.set_cookies(&mut headers.get_all(SET_COOKIE).iter(), url);
        if let Some(id) = headers.get(SESSION_ID) {
            let _ = self.session_id.set(id.clone());
        }
    }

    /// Adds what proves the login to a request.
    pub(crate) fn put(&self, url: &Url, headers: &mut HeaderMap) {
        if let Some(mut value) = self.jar.cookies(url) {
            value.set_sensitive(true);
            headers.insert(reqwest::header::COOKIE, value);
        } else if let Some(mut id) = self.session_id.get().cloned() {
            id.set_sensitive(true);
            headers.insert(SESSION_ID, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::COOKIE;

    use super::*;

    fn sent(set_cookie: &[&str], url: &str) -> String {
        let cookies = Cookies::default();
        let mut answer = HeaderMap::new();
        for value in set_cookie {
            answer.append(SET_COOKIE, HeaderValue::from_str(value).unwrap());
        }
        let from = Url::parse("https://cluster.example.com/server/login").unwrap();
        cookies.take(&from, &answer);
        let mut request = HeaderMap::new();
        cookies.put(&Url::parse(url).unwrap(), &mut request);
        let mut pairs: Vec<_> = request
            .get(COOKIE)
            .map(|v| v.to_str().unwrap().split("; ").map(str::to_owned).collect())
            .unwrap_or_default();
        pairs.sort();
        pairs.join("; ")
    }

    const FUNC: &str = "https://cluster.example.com/func/";

    #[test]
    fn a_broken_expires_does_not_cost_the_login() {
        // From 24.09 on the attribute is an ISO 8601 string (protocol.md 1.2), here one in the past.
        for expires in ["2020-11-30T23:59:59.123456+00:00", "soon", ""] {
            let cookie = format!("AIOHTTP_SESSION=abc; expires={expires}; HttpOnly; Max-Age=604800; Path=/");
            assert_eq!(sent(&[&cookie], FUNC), "AIOHTTP_SESSION=abc", "{expires}");
        }
        let cookie = "AIOHTTP_SESSION=abc; expires=2020-11-30T23:59:59; Path=/";
        assert_eq!(sent(&[cookie], FUNC), "AIOHTTP_SESSION=abc");
    }

    #[test]
    fn all_cookies_of_the_host_are_kept_and_only_sent_there() {
        let set = ["AIOHTTP_SESSION=abc; Path=/; HttpOnly", "route=n1; Path=/"];
        assert_eq!(sent(&set, FUNC), "AIOHTTP_SESSION=abc; route=n1");
        assert_eq!(sent(&set, "https://other.example.com/func/"), "");
    }

    #[test]
    fn the_session_id_header_stands_in_for_a_cookie_that_cannot_be_sent() {
        let cookies = Cookies::default();
        let url = Url::parse("http://cluster.example.com/func/").unwrap();
        let mut answer = HeaderMap::new();
        answer.insert(SET_COOKIE, HeaderValue::from_static("AIOHTTP_SESSION=abc; Secure; Path=/"));
        answer.insert(SESSION_ID, HeaderValue::from_static("abc"));
        cookies.take(&url, &answer);
        let mut request = HeaderMap::new();
        cookies.put(&url, &mut request);
        assert_eq!(request.get(SESSION_ID).unwrap(), "abc");
        assert!(request.get(COOKIE).is_none());
    }
}
