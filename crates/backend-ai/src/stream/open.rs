//! Opening a stream (protocol.md 4.2-4.4): the handshake goes through the HTTP client, so that TLS, the HTTP proxy
//! and the login are configured in one place only.

use std::sync::atomic::Ordering;

use reqwest::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{AppParameters, AppStream};
use crate::client::Client;
use crate::error::{Error, StreamError};
use crate::probe::AccessMode;
use crate::problem::{Refusal, shorten};
use crate::session::SessionRef;
use crate::transport::{CALL_TIMEOUT, Call, Failure, JSON_LIMIT, segment, timed_out};

impl Client {
    /// Opens a byte stream to an app of a session, e.g. `sshd`. The server starts the app if need be, so this may
    /// take some seconds.
    ///
    /// A webserver hides why it could not (every failure is a 502), so login, session and app are looked at then.
    pub async fn open_stream(&self, session: &SessionRef, app: &str) -> Result<AppStream, StreamError> {
        self.open_stream_with(session, app, &AppParameters::default()).await
    }

    /// As [`open_stream`](Client::open_stream), for an app that takes parameters when it is started.
    pub async fn open_stream_with(
        &self,
        session: &SessionRef,
        app: &str,
        parameters: &AppParameters,
    ) -> Result<AppStream, StreamError> {
        let by_name = self.streams_by_name().load(Ordering::Relaxed);
        if by_name && self.name_is_safe(session).await {
            return match self.handshake(&session.name, app, parameters, false).await {
                Ok(stream) => Ok(self.opened(stream, session)),
                Err(failure) => Err(self.diagnose(session, app, failure).await),
            };
        }
        let failure = match self.handshake(&session.id, app, parameters, false).await {
            Ok(stream) => return Ok(self.opened(stream, session)),
            Err(failure) => failure,
        };
        if matches!(failure.status(), Some(403 | 404 | 502)) && self.name_is_safe(session).await {
            match self.handshake(&session.name, app, parameters, false).await {
                Ok(stream) => {
                    tracing::info!("streams of this server take the session's name, not its id");
                    self.streams_by_name().store(true, Ordering::Relaxed);
                    return Ok(self.opened(stream, session));
                }
                Err(second) => {
                    tracing::debug!(?second, "neither the id nor the name of the session was taken");
                }
            }
        }
        Err(self.diagnose(session, app, failure).await)
    }

    /// Tells that no stream will follow the next one: then no connection is made in advance for it.
    pub fn opens_one_stream(&self) {
        // As if it were being made for ever.
        self.dialling_spare().store(true, Ordering::Relaxed);
    }

    /// What comes with an open stream.
    fn opened(&self, stream: AppStream, session: &SessionRef) -> AppStream {
        self.dial_spare();
        stream.keeping(self.keep_pool(session))
    }

    /// Sees that the next stream finds a connection that is made already, TLS included, which saves half its round
    /// trips: each stream takes one out of the HTTP client's pool, and an answered request puts one in. Nothing of a
    /// session is touched, and at most one is under way.
    fn dial_spare(&self) {
        if self.dialling_spare().swap(true, Ordering::Relaxed) {
            return;
        }
        let client = self.clone();
        tokio::spawn(async move {
            // The servers' version, which anybody may ask for.
            if let Err(failure) = client.transport().send(None, &Call::get("/"), JSON_LIMIT).await {
                tracing::debug!(?failure, "no connection made in advance");
            }
            client.dialling_spare().store(false, Ordering::Relaxed);
        });
    }

    /// `fresh`: over a TCP connection of its own.
    pub(super) async fn handshake(
        &self,
        session: &str,
        app: &str,
        parameters: &AppParameters,
        fresh: bool,
    ) -> Result<AppStream, Failure> {
        let key = generate_key();
        let session = segment(session)?;
        let query = parameters.query(app);
        let mut call = Call::get(format!("/stream/session/{session}/tcpproxy?{query}"));
        call.fresh = fresh;
        // No subprotocol and no compression: the bytes are SSH's (protocol.md 4.2).
        let headers = &mut call.headers;
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let value =
            HeaderValue::from_str(&key).map_err(|_| Error::BadAnswer("no handshake key".to_owned()))?;
        headers.insert(SEC_WEBSOCKET_KEY, value);

        let login = self.login()?;
        let exchange = async {
            let response = self.transport().open(Some(&login.proof), &call).await?;
            let status = response.status();
            if status.as_u16() != 101 {
                return Err(not_a_websocket(format!("the answer is {status}")));
            }
            agreed(response.headers(), &key).map_err(not_a_websocket)?;
            let upgraded =
                response.upgrade().await.map_err(|e| not_a_websocket(crate::transport::root_cause(&e)))?;
            Ok(AppStream::new(upgraded, self.path()))
        };
        // Starting an app takes a healthy server seconds; one that answers nobody is not waited for.
        tokio::select! {
            biased;
            opened = tokio::time::timeout(CALL_TIMEOUT, exchange) => opened.map_err(|_| timed_out())?,
            () = self.fell_silent() => Err(Error::Unreachable { what: "it does not answer".to_owned() }.into()),
        }
    }

    /// Finds the reason of a failed handshake (protocol.md 4.4): what the refusal says, and where it says nothing,
    /// what login, session and app look like.
    async fn diagnose(&self, session: &SessionRef, app: &str, failure: Failure) -> StreamError {
        let error = match failure {
            Failure::Refused(refusal) => self.read_refusal(session, app, refusal),
            Failure::Broken(Error::NotAWebSocket(what)) => StreamError::NotAWebSocket(what),
            Failure::Broken(error) => from_error(error),
        };
        if !matches!(error, StreamError::Gateway | StreamError::AppFailed(_)) {
            return error;
        }
        if self.mode() == AccessMode::Session && matches!(self.check_login().await, Ok(None)) {
            return StreamError::NotSignedIn;
        }
        match self.session(&session.id).await {
            Ok(now) if now.has_ended() => return not_found(session),
            Ok(now) if !now.status.starts_with("RUNNING") => {
                return StreamError::SessionNotRunning { status: now.status };
            }
            Err(Error::NotFound(_)) => return not_found(session),
            Err(Error::NotSignedIn) => return StreamError::NotSignedIn,
            _ => {}
        }
        match self.apps(session).await {
            Ok(apps) if apps.iter().all(|offered| offered.name != app) => {
                StreamError::AppNotFound(app.to_owned())
            }
            Err(Error::NotFound(_)) => not_found(session),
            _ => error,
        }
    }

    fn read_refusal(&self, session: &SessionRef, app: &str, refusal: Refusal) -> StreamError {
        match refusal.status.as_u16() {
            // An unknown or foreign UUID is a 403 on 26.x (protocol.md appendix B).
            403 => not_found(session),
            404 if refusal.title().contains("app") => StreamError::AppNotFound(app.to_owned()),
            404 if refusal.body.is_some() => not_found(session),
            500 => StreamError::AppFailed(refusal.msg().unwrap_or_else(|| shorten(refusal.title()))),
            502..=504 => StreamError::Gateway,
            _ => from_error(refusal.into_error(self.mode())),
        }
    }
}

fn not_found(session: &SessionRef) -> StreamError {
    StreamError::SessionNotFound(session.name.clone())
}

fn not_a_websocket(what: String) -> Failure {
    Failure::Broken(Error::NotAWebSocket(what))
}

fn from_error(error: Error) -> StreamError {
    match error {
        Error::NotSignedIn => StreamError::NotSignedIn,
        Error::RateLimited => StreamError::RateLimited,
        Error::Gateway => StreamError::Gateway,
        Error::Unreachable { what } => StreamError::Unreachable { what },
        Error::Tls { what } => StreamError::Tls { what },
        Error::NotFound(what) => StreamError::SessionNotFound(what),
        other => StreamError::Other(other),
    }
}

/// Checks the server's half of the handshake (RFC 6455, 4.1).
fn agreed(headers: &HeaderMap, key: &str) -> Result<(), String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if !text(UPGRADE).is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
        return Err("the answer upgrades to something else".to_owned());
    }
    if text(SEC_WEBSOCKET_ACCEPT).map(str::trim) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err("the answer belongs to another handshake".to_owned());
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) || headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err("the answer agrees to what was not offered".to_owned());
    }
    Ok(())
}
