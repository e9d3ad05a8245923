//! The login cookie `AIOHTTP_SESSION`, with the oddities of the imitated server (protocol.md 1.2).

use axum::http::{HeaderMap, HeaderValue, header};
use time::macros::format_description;

use crate::dialect::Dialect;
use crate::session::{iso, now};

/// Name of the login cookie.
const NAME: &str = "AIOHTTP_SESSION";
/// Header that carries the same value and takes precedence.
pub(super) const SESSION_HEADER: &str = "x-backendai-sessionid";
/// Seven days, in seconds.
const MAX_AGE: i64 = 604_800;

/// The cookie value a request carries.
pub(super) fn read(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(SESSION_HEADER).and_then(|value| value.to_str().ok()) {
        return Some(value.to_owned());
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == NAME && !value.is_empty())
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

/// `Set-Cookie` for a value; an empty value deletes the cookie.
pub(super) fn write(dialect: Dialect, value: &str) -> HeaderValue {
    let age = if value.is_empty() { 0 } else { MAX_AGE };
    let expires = now() + time::Duration::seconds(age);
    let expires = if dialect.cookie_expires_iso() {
        iso(expires)
    } else {
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        expires.format(&format).unwrap_or_default()
    };
    let quoted = if value.is_empty() { "\"\"" } else { value };
    let text = format!("{NAME}={quoted}; expires={expires}; HttpOnly; Max-Age={age}; Path=/");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_takes_precedence_over_the_cookie() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("sticky=1; AIOHTTP_SESSION=abc"));
        assert_eq!(read(&headers).as_deref(), Some("abc"));
        headers.insert(SESSION_HEADER, HeaderValue::from_static("xyz"));
        assert_eq!(read(&headers).as_deref(), Some("xyz"));
    }

    #[test]
    fn newer_servers_write_an_iso_date() {
        let old = write(Dialect::V24_03, "abc");
        assert!(old.to_str().unwrap().contains(" GMT; HttpOnly; Max-Age=604800"));
        let new = write(Dialect::V24_09, "abc");
        assert!(new.to_str().unwrap().contains("+00:00; HttpOnly; Max-Age=604800"));
    }
}
