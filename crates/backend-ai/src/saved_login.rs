//! A login that outlives the program: what the command line keeps between two commands.
//!
//! A webserver's login is a cookie with a life of its own (hours to days, protocol.md 1.2), so a program that
//! runs for a second need not sign in each time, which would cost one of the account's few logins and, with a
//! one-time password, could not be done at all.

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::credentials::Identity;
use crate::error::Error;
use crate::login::{Cookies, Login, Proof};

/// A login of session mode in a form that can be written down. It is a secret: whoever has it is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLogin {
    access_key: String,
    role: Option<String>,
    /// As a `Cookie` header has them: `name=value; name=value`.
    cookies: Option<String>,
    /// `X-BackendAI-SessionID`, for servers whose cookie cannot be sent back.
    session_id: Option<String>,
}

impl std::fmt::Debug for SavedLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedLogin").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl SavedLogin {
    /// A login made elsewhere, in a browser's window: its cookies as a `Cookie` header has them. Whose it is says
    /// [`check_login`](Client::check_login) once a client has [resumed](Client::resume) it.
    pub fn of_cookies(pairs: &str) -> Self {
        Self { access_key: String::new(), role: None, cookies: Some(pairs.to_owned()), session_id: None }
    }

    /// The same login with its owner.
    #[must_use]
    pub fn owned_by(self, identity: &Identity) -> Self {
        Self { access_key: identity.access_key.clone(), role: identity.role.clone(), ..self }
    }

    /// The cookies by name, for a browser's window on the same server. The session id stands in for a cookie that
    /// was never sent back.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let pairs = self.cookies.iter().flat_map(|pairs| pairs.split("; "));
        let named = pairs.filter_map(|pair| pair.split_once('='));
        let cookies: Vec<_> = named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        match &self.session_id {
            Some(id) if cookies.is_empty() => vec![("AIOHTTP_SESSION".to_owned(), id.clone())],
            _ => cookies,
        }
    }

    /// Whose login it is.
    pub fn identity(&self) -> Identity {
        Identity { access_key: self.access_key.clone(), role: self.role.clone() }
    }
}

impl Client {
    /// The present login, to be kept; `None` without one, and in API mode, where the keypair is all there is.
    pub fn saved_login(&self) -> Option<SavedLogin> {
        let login = self.login().ok()?;
        let Proof::Cookies(cookies) = &login.proof else { return None };
        let (cookies, session_id) = cookies.export(self.server().endpoint.url());
        (cookies.is_some() || session_id.is_some()).then(|| SavedLogin {
            access_key: login.identity.access_key.clone(),
            role: login.identity.role.clone(),
            cookies,
            session_id,
        })
    }

    /// Goes on with a kept login. Sends nothing: whether it still holds shows at the next call
    /// ([`Error::NotSignedIn`]) or by [`check_login`](Client::check_login).
    ///
    /// # Errors
    /// [`Error::BadAnswer`] when what was kept can be no header.
    pub fn resume(&self, saved: &SavedLogin) -> Result<(), Error> {
        let bad = |_| Error::BadAnswer("a kept login that fits into no header".to_owned());
        let session_id = saved.session_id.as_deref().map(HeaderValue::from_str).transpose().map_err(bad)?;
        if let Some(cookies) = &saved.cookies {
            HeaderValue::from_str(cookies).map_err(bad)?;
        }
        let cookies = Cookies::import(self.server().endpoint.url(), saved.cookies.as_deref(), session_id);
        self.set_login(Some(Login { proof: Proof::Cookies(cookies), identity: saved.identity() }));
        Ok(())
    }

    /// Whose login the client has; `None` when nobody is signed in.
    pub fn identity(&self) -> Option<Identity> {
        self.login().ok().map(|login| login.identity.clone())
    }

    /// Takes a keypair without asking the server (API mode). Whether it holds shows at the next call.
    pub fn use_keypair(&self, access_key: &str, secret_key: &str) {
        self.set_login(Some(Login {
            proof: Proof::Keypair { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() },
            identity: Identity { access_key: access_key.to_owned(), role: None },
        }));
    }
}

/// A jar that sends these pairs to every path of the endpoint.
pub(crate) fn jar(url: &url::Url, pairs: &str) -> Jar {
    let jar = Jar::default();
    for pair in pairs.split("; ").filter(|pair| !pair.is_empty()) {
        jar.add_cookie_str(&format!("{pair}; Path=/"), url);
    }
    jar
}

/// The pairs that a jar would send to the endpoint.
pub(crate) fn pairs(jar: &Jar, url: &url::Url) -> Option<String> {
    jar.cookies(url).and_then(|value| value.to_str().ok().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_the_way_through_a_file() {
        let url = url::Url::parse("http://127.0.0.1:8090/prefix").unwrap();
        let again = pairs(&jar(&url, "AIOHTTP_SESSION=a==b; route=n1"), &url).unwrap();
        let mut all: Vec<_> = again.split("; ").collect();
        all.sort_unstable();
        assert_eq!(all, ["AIOHTTP_SESSION=a==b", "route=n1"]);
        assert_eq!(pairs(&jar(&url, ""), &url), None);
    }

    #[test]
    fn cookies_are_named_and_the_session_id_stands_in_for_them() {
        let saved = SavedLogin::of_cookies("AIOHTTP_SESSION=a==b; route=n1");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(saved.cookies(), [pair("AIOHTTP_SESSION", "a==b"), pair("route", "n1")]);
        let bare = SavedLogin { cookies: None, session_id: Some("x".into()), ..saved };
        assert_eq!(bare.cookies(), [pair("AIOHTTP_SESSION", "x")]);
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let saved = SavedLogin {
            access_key: "AKIA".into(),
            role: None,
            cookies: Some("AIOHTTP_SESSION=sesame".into()),
            session_id: Some("sesame".into()),
        };
        assert!(!format!("{saved:?}").contains("sesame"));
    }
}
