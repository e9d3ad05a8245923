//! Request signatures of API mode (protocol.md 1.3): HMAC-SHA256 over method, target, date, host, content type
//! and API version. The body is never part of it.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// SHA-256 of nothing, which stands where older protocols had the body's hash.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// ISO 8601 with microseconds, the way the reference client writes it. Always UTC: the signing key takes the
/// day from the date's own offset.
const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");

/// What is signed besides the keys.
pub(crate) struct Signed<'a> {
    /// Upper-case method.
    pub(crate) method: &'a str,
    /// Path and query exactly as sent.
    pub(crate) target: &'a str,
    /// `Host` header exactly as sent.
    pub(crate) host: &'a str,
    /// Media type in lower case without parameters; `application/octet-stream` when none is sent.
    pub(crate) content_type: &'a str,
    /// `X-BackendAI-Version` as sent.
    pub(crate) version: &'a str,
    /// `Date` header as sent, from [`date`].
    pub(crate) date: &'a str,
}

/// The value of the `Date` header.
pub(crate) fn date(now: OffsetDateTime) -> String {
    // Formatting into a String fails for no date; an empty one would be refused by the server in words.
    now.to_offset(time::UtcOffset::UTC).format(DATE).unwrap_or_default()
}

/// The value of the `Authorization` header.
pub(crate) fn authorization(access_key: &str, secret_key: &str, signed: &Signed<'_>) -> String {
    format!("BackendAI signMethod=HMAC-SHA256, credential={access_key}:{}", signature(secret_key, signed))
}

fn signature(secret_key: &str, signed: &Signed<'_>) -> String {
    let day: String = signed.date.chars().take(10).filter(char::is_ascii_digit).collect();
    let text = format!(
        "{}\n{}\n{}\nhost:{}\ncontent-type:{}\nx-backendai-version:{}\n{EMPTY_SHA256}",
        signed.method, signed.target, signed.date, signed.host, signed.content_type, signed.version
    );
    let key = hmac(secret_key.as_bytes(), day.as_bytes());
    let key = hmac(&key, signed.host.as_bytes());
    hex::encode(hmac(&key, text.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so this error never comes; an empty result would only be refused.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn published_vectors() {
        let vectors = [
            (
                "GET",
                "/auth/role",
                "127.0.0.1:8081",
                "text/plain",
                "v7.20230615",
                "2024-03-09T08:05:06.789000+00:00",
                "8e2d562ef41f5b294112829010be408e5eaada75f7e1799c1285cf42321aaa89",
            ),
            (
                "POST",
                "/admin/gql",
                "api.example.com",
                "application/json",
                "v8.20240915",
                "2024-03-09T08:05:06.789000+00:00",
                "d0fb006050d111a0c79f192d05bcc3b79aba97d84c89e8795309a4f7e762b9a1",
            ),
            (
                "GET",
                "/stream/session/0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11/tcpproxy?app=sshd",
                "api.example.com:8443",
                "application/octet-stream",
                "v9.20250722",
                "2025-11-30T23:59:59.000001+00:00",
                "6b68dc1add33825bb51b91afff839ba598ae5d4e3700ab0c79c94d8f666c649e",
            ),
        ];
        for (method, target, host, content_type, version, date, expected) in vectors {
            let signed = Signed { method, target, host, content_type, version, date };
            assert_eq!(signature(SECRET, &signed), expected, "{target}");
        }
    }

    #[test]
    fn the_date_is_written_in_utc_with_microseconds() {
        assert_eq!(date(datetime!(2024-03-09 08:05:06.789 UTC)), "2024-03-09T08:05:06.789000+00:00");
        assert_eq!(date(datetime!(2024-01-01 01:30:00 +9)), "2023-12-31T16:30:00.000000+00:00");
    }
}
