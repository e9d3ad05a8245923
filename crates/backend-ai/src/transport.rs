//! One request to one server: where paths lie in each access mode, what proves the login, time and size limits,
//! and what a failed exchange means.

use std::error::Error as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::error::Error;
use crate::login::{Login, Proof};
use crate::network::Network;
use crate::probe::{AccessMode, Server};
use crate::problem::{Refusal, shorten};
use crate::signature::{self, Signed};

/// Bound of an ordinary JSON answer, in bytes.
pub(crate) const JSON_LIMIT: usize = 16 << 20;
/// Bound of the body of a refusal, in bytes.
const REFUSAL_LIMIT: usize = 256 << 10;
/// How long an ordinary call may take, its body included. Opening a stream takes up to 10 s on a healthy server
/// (protocol.md 4.2).
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A request of the API.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query as the manager knows them; `/server/...` is the webserver's own.
    pub(crate) path: String,
    /// JSON body.
    pub(crate) json: Option<Value>,
    /// Another body, with its content type; instead of JSON.
    pub(crate) form: Option<(HeaderValue, Bytes)>,
    /// Further headers.
    pub(crate) headers: HeaderMap,
    /// Asking twice does no harm.
    pub(crate) repeatable: bool,
    /// Over a new TCP connection, which is not kept.
    pub(crate) fresh: bool,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            json: None,
            form: None,
            headers: HeaderMap::new(),
            repeatable: true,
            fresh: false,
        }
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self { method: Method::POST, repeatable: false, ..Self::get(path) }
    }

    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.json = Some(body);
        self
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, repeatable: false, ..Self::get(path) }
    }

    /// What signatures name as the content type: without parameters, `application/octet-stream` without a body.
    fn media_type(&self) -> &str {
        match &self.form {
            None if self.json.is_some() => "application/json",
            None => "application/octet-stream",
            Some((content_type, _)) => {
                content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default()
            }
        }
    }
}

/// A complete answer of a success.
pub(crate) struct Answer {
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(&self.body).map_err(|_| {
            let head = String::from_utf8_lossy(&self.body[..self.body.len().min(64)]);
            let what = if head.trim_start().starts_with('<') {
                "a web page instead of JSON".to_owned()
            } else {
                format!("no JSON: {:?}", shorten(&head))
            };
            Error::BadAnswer(what)
        })
    }
}

/// A failed exchange: the server refused, or there was none.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Broken(Error),
}

impl Failure {
    pub(crate) fn into_error(self, mode: AccessMode) -> Error {
        match self {
            Self::Refused(refusal) => refusal.into_error(mode),
            Self::Broken(error) => error,
        }
    }

    /// The HTTP status of a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status.as_u16()),
            Self::Broken(_) => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// The way to one server.
pub(crate) struct Transport {
    http: Mutex<Kept>,
    /// Keeps no connections; made when first needed, since it reads the system's certificates.
    fresh: OnceLock<reqwest::Client>,
    network: Network,
    /// Rest between two refreshes of the webserver's pool.
    pub(crate) pool_refresh: Duration,
    pub(crate) server: Server,
    /// `X-BackendAI-Version`.
    version: String,
    /// The server's clock minus ours, in seconds; signatures of API mode carry the server's time.
    skew: AtomicI64,
}

/// A client whose pool holds connections, and when it was used last, by two clocks.
struct Kept {
    client: reqwest::Client,
    used: (Instant, SystemTime),
}

/// The calendar may get so far ahead of the running time before the computer must have slept.
const SLEPT: Duration = Duration::from_secs(10);

/// Whether the computer slept between two moments: the calendar goes on, the running time does not.
fn slept(then: (Instant, SystemTime), now: (Instant, SystemTime)) -> bool {
    let ran = now.0.saturating_duration_since(then.0);
    now.1.duration_since(then.1).is_ok_and(|passed| passed > ran + SLEPT)
}

impl Transport {
    pub(crate) fn new(server: Server, version: String, network: &Network) -> Result<Self, Error> {
        Ok(Self {
            http: Mutex::new(Kept { client: network.http(&server.endpoint)?, used: now() }),
            fresh: OnceLock::new(),
            network: network.clone(),
            pool_refresh: network.pool_refresh,
            server,
            version,
            skew: AtomicI64::new(0),
        })
    }

    fn http(&self, fresh: bool) -> Result<reqwest::Client, Error> {
        match (fresh, self.fresh.get()) {
            (false, _) => self.kept(),
            (true, Some(client)) => Ok(client.clone()),
            (true, None) => {
                let client = self.network.http_without_pool(&self.server.endpoint)?;
                Ok(self.fresh.get_or_init(|| client).clone())
            }
        }
    }

    /// The client with kept connections. A sleep outlives most of those, and nobody is told: a request over one would
    /// hang until its time limit, so none is kept over a sleep.
    fn kept(&self) -> Result<reqwest::Client, Error> {
        let mut kept = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if slept(kept.used, now) {
            tracing::info!("the computer slept; connecting anew");
            kept.client = self.network.http(&self.server.endpoint)?;
        }
        kept.used = now;
        Ok(kept.client.clone())
    }

    pub(crate) fn mode(&self) -> AccessMode {
        self.server.mode
    }

    /// The server's clock minus ours, once it was found to differ too much for signatures.
    pub(crate) fn skew(&self) -> i64 {
        self.skew.load(Ordering::Relaxed)
    }

    /// Sends and reads the whole answer, within [`CALL_TIMEOUT`] and `limit` bytes.
    pub(crate) async fn send(
        &self,
        login: Option<&Login>,
        call: &Call,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.exchange(login.map(|login| &login.proof), call, limit).await
    }

    /// As [`send`](Self::send), for a login whose owner is not known yet.
    pub(crate) async fn send_as(&self, proof: &Proof, call: &Call, limit: usize) -> Result<Answer, Failure> {
        self.exchange(Some(proof), call, limit).await
    }

    async fn exchange(&self, proof: Option<&Proof>, call: &Call, limit: usize) -> Result<Answer, Failure> {
        let exchange = async {
            let response = self.open(proof, call).await?;
            let body = read_body(response, limit).await?;
            Ok(Answer { body })
        };
        match tokio::time::timeout(CALL_TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(timed_out().into()),
        }
    }

    /// Sends and waits for the head of a success (2xx, or 101). Without time limit: the caller sets it.
    pub(crate) async fn open(&self, proof: Option<&Proof>, call: &Call) -> Result<Response, Failure> {
        let first = self.attempt(proof, call, self.skew()).await?;
        let (refusal, server_time) = match first {
            Ok(response) => return Ok(response),
            Err(refused) => refused,
        };
        // Our clock is wrong or theirs is; sign with theirs (protocol.md 1.3).
        let clock =
            matches!(proof, Some(Proof::Keypair { .. })) && refusal.mentions(&["Date/time sync error"]);
        let skew = server_time.map(|theirs| (theirs - OffsetDateTime::now_utc()).whole_seconds());
        let Some(skew) = skew.filter(|skew| clock && (skew - self.skew()).abs() > 30) else {
            return Err(Failure::Refused(refusal));
        };
        tracing::warn!(seconds = skew, "the server's clock differs from ours");
        match self.attempt(proof, call, skew).await? {
            Ok(response) => {
                self.skew.store(skew, Ordering::Relaxed);
                Ok(response)
            }
            Err((refusal, _)) => Err(Failure::Refused(refusal)),
        }
    }

    /// One request. The inner error carries the server's time with the refusal.
    async fn attempt(
        &self,
        proof: Option<&Proof>,
        call: &Call,
        skew: i64,
    ) -> Result<Result<Response, (Refusal, Option<OffsetDateTime>)>, Error> {
        let own = call.path.starts_with("/server/");
        let path = match self.mode() {
            AccessMode::Session if !own => format!("/func{}", call.path),
            _ => call.path.clone(),
        };
        let url = self.server.endpoint.join(&path);
        let mut headers = call.headers.clone();
        headers.insert(HOST, header(&self.server.endpoint.host_header())?);
        headers.insert("x-backendai-version", header(&self.version)?);
        if call.json.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        } else if let Some((content_type, _)) = &call.form {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        match proof {
            None => {}
            Some(Proof::Cookies(cookies)) => cookies.put(&url, &mut headers),
            Some(Proof::Keypair { access_key, secret_key }) => {
                let now = OffsetDateTime::now_utc() + time::Duration::seconds(skew);
                let date = signature::date(now);
                let signed = Signed {
                    method: call.method.as_str(),
                    target: &url[url::Position::BeforePath..url::Position::AfterQuery],
                    host: &self.server.endpoint.host_header(),
                    content_type: call.media_type(),
                    version: &self.version,
                    date: &date,
                };
                let mut value = header(&signature::authorization(access_key, secret_key, &signed))?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
                headers.insert(DATE, header(&date)?);
            }
        }
        let mut request = self.http(call.fresh)?.request(call.method.clone(), url.clone()).headers(headers);
        if let Some(json) = &call.json {
            request = request.body(json.to_string());
        } else if let Some((_, body)) = &call.form {
            request = request.body(body.clone());
        }
        let again = request.try_clone().filter(|_| call.repeatable);
        let response = match (request.send().await, again) {
            // The kept connection was being closed by the other side just then.
            (Err(error), Some(again)) if !error.is_connect() && !error.is_timeout() => {
                tracing::debug!(%error, "asking again");
                again.send().await
            }
            (result, _) => result,
        };
        let response = response.map_err(|e| broken(&e))?;
        let status = response.status();
        tracing::debug!(method = %call.method, path = url.path(), status = status.as_u16(), "answered");
        if status.is_success() || status.as_u16() == 101 {
            if let Some(Proof::Cookies(cookies)) = proof {
                cookies.take(&url, response.headers());
            }
            return Ok(Ok(response));
        }
        let server_time = response
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok())
            .and_then(|date| OffsetDateTime::parse(&date.replace("GMT", "+0000"), &Rfc2822).ok());
        Ok(Err((read_refusal(response).await, server_time)))
    }
}

fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

/// Reads what a refusal says; a body that cannot be read says nothing.
pub(crate) async fn read_refusal(response: Response) -> Refusal {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(shorten);
    let body = tokio::time::timeout(CALL_TIMEOUT, read_body(response, REFUSAL_LIMIT)).await;
    Refusal {
        status,
        location,
        body: body
            .ok()
            .and_then(Result::ok)
            .and_then(|body| serde_json::from_slice(&body).ok())
            .filter(Value::is_object),
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(mut response: Response, limit: usize) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| broken(&e))? {
        if body.len() + chunk.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

pub(crate) fn timed_out() -> Error {
    Error::Unreachable { what: format!("no answer within {} s", CALL_TIMEOUT.as_secs()) }
}

/// A session's id or name as a path segment. Both are plain ASCII (protocol.md 3.2); anything else names no session.
pub(crate) fn segment(session: &str) -> Result<&str, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if session.is_empty() || session.starts_with('.') || !session.bytes().all(plain) {
        return Err(Error::NotFound(format!("session {}", shorten(session))));
    }
    Ok(session)
}

fn header(value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|_| Error::BadAnswer("a value that fits into no header".to_owned()))
}

/// What a failed exchange means: certificate trouble is told from a network that does not carry.
pub(crate) fn broken(error: &reqwest::Error) -> Error {
    if let Some(tls) = tls_error(error) {
        return Error::Tls { what: tls.to_string() };
    }
    let what = if error.is_timeout() { "timed out".to_owned() } else { root_cause(error) };
    Error::Unreachable { what }
}

/// The TLS error inside, which wrappers of the I/O kind hide from `source`.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => tls_error(inner),
        None => error.source().and_then(tls_error),
    }
}

/// The innermost words of an error: the outer ones only repeat the address.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut words = None;
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = Some(inner.to_string());
        cause = inner.source();
    }
    words.unwrap_or_else(|| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_told_from_a_pause_and_from_a_clock_that_was_set_back() {
        let then = now();
        let after =
            |ran: u64, passed: u64| (then.0 + Duration::from_secs(ran), then.1 + Duration::from_secs(passed));
        assert!(slept(then, after(5, 3600)));
        assert!(!slept(then, after(3600, 3605)));
        assert!(!slept(then, (then.0, then.1 - Duration::from_secs(3600))));
    }
}
