//! Checks the signature of a request (protocol.md 1.3).

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::{Iso8601, Rfc2822};
use time::macros::format_description;

use crate::cluster::{Caller, Cluster};
use crate::problem::Problem;
use crate::session::now;

/// How far client and manager may disagree about the time, in seconds.
const CLOCK_WINDOW: i64 = 15 * 60;

/// What is signed.
struct Signed<'a> {
    method: &'a str,
    target: &'a str,
    date: &'a str,
    /// Year, month, day in the date's own offset.
    day: &'a str,
    host: &'a str,
    content_type: &'a str,
    version: &'a str,
}

impl Signed<'_> {
    fn mac(&self, secret: &str) -> Option<Hmac<Sha256>> {
        let text = format!(
            "{}\n{}\n{}\nhost:{}\ncontent-type:{}\nx-backendai-version:{}\n{}",
            self.method,
            self.target,
            self.date,
            self.host,
            self.content_type,
            self.version,
            hex::encode(Sha256::digest(b"")),
        );
        let day_key = hmac(secret.as_bytes(), self.day.as_bytes())?.finalize().into_bytes();
        let host_key = hmac(&day_key, self.host.as_bytes())?.finalize().into_bytes();
        hmac(&host_key, text.as_bytes())
    }
}

fn hmac(key: &[u8], data: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(data);
    Some(mac)
}

/// Tells who signed a request. `shift` is added to this computer's time, in seconds.
pub(super) fn verify(
    cluster: &Cluster,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    shift: i64,
) -> Result<Caller, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bad = |msg: &str| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid-auth-params",
            "Missing or invalid authorization parameters.",
        )
        .msg(msg)
    };
    let Some(authorization) = text("authorization") else {
        return Err(if cluster.dialect().unsigned_is_bad_request() {
            bad("Date/time sync error")
        } else {
            Problem::auth_failed("Missing credentials")
        });
    };
    let date =
        text("date").or_else(|| text("x-backendai-date")).ok_or_else(|| bad("Date/time sync error"))?;
    let time = parse_date(date).ok_or_else(|| bad("Date/time sync error"))?;
    let manager_time = now() + time::Duration::seconds(shift);
    if (manager_time - time).whole_seconds().abs() > CLOCK_WINDOW {
        return Err(bad("Date/time sync error"));
    }
    let credential = authorization
        .strip_prefix("BackendAI ")
        .filter(|rest| rest.contains("signMethod=HMAC-SHA256"))
        .and_then(|rest| rest.split("credential=").nth(1))
        .ok_or_else(|| bad("Malformed authorization header"))?;
    let (access_key, signature) =
        credential.trim().split_once(':').ok_or_else(|| bad("Malformed authorization header"))?;
    let account = cluster
        .account_by_key(access_key)
        .ok_or_else(|| Problem::auth_failed("Access key not found in HMAC authorization"))?;
    let content_type = text(header::CONTENT_TYPE.as_str()).unwrap_or("application/octet-stream");
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let day = time.format(&format_description!("[year][month][day]")).unwrap_or_default();
    let signed = Signed {
        method: method.as_str(),
        target: uri.path_and_query().map_or("/", |target| target.as_str()),
        date,
        day: &day,
        host: text("host").unwrap_or_default(),
        content_type: &content_type,
        version: text("x-backendai-version").unwrap_or_default(),
    };
    let mismatch = || Problem::auth_failed("Signature mismatch");
    let given = hex::decode(signature).map_err(|_| mismatch())?;
    let mac = signed.mac(&cluster.accounts[account].secret_key).ok_or_else(mismatch)?;
    mac.verify_slice(&given).map_err(|_| mismatch())?;
    Ok(Caller { account })
}

/// ISO 8601 or RFC 1123, in the offset it is written in.
fn parse_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Iso8601::DEFAULT)
        .or_else(|_| OffsetDateTime::parse(text, &Rfc2822))
        .or_else(|_| OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn signature(signed: &Signed<'_>) -> String {
        hex::encode(signed.mac(SECRET).unwrap().finalize().into_bytes())
    }

    #[test]
    fn published_vectors() {
        let role = Signed {
            method: "GET",
            target: "/auth/role",
            date: "2024-03-09T08:05:06.789000+00:00",
            day: "20240309",
            host: "127.0.0.1:8081",
            content_type: "text/plain",
            version: "v7.20230615",
        };
        assert_eq!(signature(&role), "8e2d562ef41f5b294112829010be408e5eaada75f7e1799c1285cf42321aaa89");
        let query = Signed {
            method: "POST",
            target: "/admin/gql",
            host: "api.example.com",
            content_type: "application/json",
            version: "v8.20240915",
            ..role
        };
        assert_eq!(signature(&query), "d0fb006050d111a0c79f192d05bcc3b79aba97d84c89e8795309a4f7e762b9a1");
        let stream = Signed {
            method: "GET",
            target: "/stream/session/0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11/tcpproxy?app=sshd",
            date: "2025-11-30T23:59:59.000001+00:00",
            day: "20251130",
            host: "api.example.com:8443",
            content_type: "application/octet-stream",
            version: "v9.20250722",
        };
        assert_eq!(signature(&stream), "6b68dc1add33825bb51b91afff839ba598ae5d4e3700ab0c79c94d8f666c649e");
    }

    #[test]
    fn dates_in_both_forms() {
        let iso = parse_date("2025-11-30T23:59:59.000001+00:00").unwrap();
        let rfc = parse_date("Sun, 30 Nov 2025 23:59:59 GMT").unwrap();
        assert_eq!(iso.unix_timestamp(), rfc.unix_timestamp());
        assert!(parse_date("yesterday").is_none());
    }
}
