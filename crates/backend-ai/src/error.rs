//! What can go wrong, as types that callers branch on.
//!
//! [`Error`] is every ordinary call, [`SignInError`] a refused sign-in, [`StreamError`] a stream that did not
//! open. How an open stream ends is [`crate::StreamEnd`].

use crate::endpoint::EndpointError;

/// A call to the server that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No usable connection: name not found, refused, timed out, cut in the middle.
    #[error("the server cannot be reached: {what}")]
    Unreachable {
        /// What the network said.
        what: String,
    },
    /// The server was reached, but its certificate or its TLS was not accepted.
    #[error("the TLS connection was not accepted: {what}")]
    Tls {
        /// What was wrong with it.
        what: String,
    },
    /// The server sends elsewhere; credentials do not follow.
    #[error("the server redirects to {to}")]
    Redirected {
        /// Where to.
        to: String,
    },
    /// Something answers there, but it is not Backend.AI.
    #[error("not a Backend.AI server")]
    NotBackendAi,
    /// No login, or one that has expired.
    #[error("not signed in")]
    NotSignedIn,
    /// What was asked for does not exist, or not for this user.
    #[error("not found: {0}")]
    NotFound(String),
    /// The server does not allow it to this user (403).
    #[error("not allowed")]
    Forbidden,
    /// Too many requests (429). Never repeated by this crate: rejected calls count too (protocol.md 8).
    #[error("too many requests")]
    RateLimited,
    /// A gateway on the way does not reach the server behind it (502, 503 or 504 without more detail).
    #[error("the gateway does not reach the server behind it")]
    Gateway,
    /// Any other refusal.
    #[error("the server answered {status}: {title}")]
    Server {
        /// HTTP status; 200 for an error inside a GraphQL answer.
        status: u16,
        /// The server's own words.
        title: String,
        /// The server's details.
        msg: Option<String>,
    },
    /// An answer that is not what the protocol says.
    #[error("unexpected answer: {0}")]
    BadAnswer(String),
    /// An answer larger than this crate is ready to take.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The server is older than this crate speaks to.
    #[error("the server is too old: API {version}")]
    TooOld {
        /// The API version it advertises.
        version: String,
    },
    /// An answer to a stream's handshake that is none; [`StreamError::NotAWebSocket`] to callers.
    #[error("no WebSocket: {0}")]
    NotAWebSocket(String),
    /// The extra CA file is not a list of PEM certificates.
    #[error("the extra CA is not usable: {0}")]
    BadCertificate(String),
    /// The address is not one.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// A sign-in that failed (protocol.md 1.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// Unknown user, wrong password, wrong keypair or an inactive account; the server does not say which.
    #[error("wrong user or password")]
    WrongCredentials,
    /// The account's e-mail address is not verified yet.
    #[error("the account's e-mail address is not verified")]
    EmailNotVerified,
    /// The account has no API keypair.
    #[error("the account has no keypair")]
    NoKeypair,
    /// The server wants a one-time password: repeat with `otp`.
    #[error("a one-time password is needed")]
    OtpRequired,
    /// The one-time password was wrong.
    #[error("wrong one-time password")]
    OtpWrong,
    /// Two-factor authentication must be set up first, in the WebUI.
    #[error("two-factor authentication must be set up first")]
    OtpEnrolmentRequired,
    /// The password has expired.
    #[error("the password has expired")]
    PasswordExpired,
    /// The account's number of concurrent logins is reached: repeat with `force`.
    #[error("too many logins of this account")]
    TooManyLogins,
    /// Too many failures (429): locked for about 20 minutes, and every further try restarts the clock.
    #[error("too many failed sign-ins")]
    Blocked,
    /// A plugin of the server refuses, in its own words.
    #[error("refused by the server: {0}")]
    RefusedByHook(String),
    /// A keypair was given for a webserver, which takes user and password.
    #[error("this server takes user and password, not a keypair")]
    KeypairNotAccepted,
    /// Anything that is not a refusal.
    #[error(transparent)]
    Other(#[from] Error),
}

/// A password that was not changed (protocol.md 1.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The old password is wrong, or there is no such user.
    #[error("the old password is wrong")]
    WrongPassword,
    /// The server does not take the new one, in its own words: a rule of the cluster, or the same as before.
    #[error("the new password was refused: {0}")]
    Refused(String),
    /// Anything that is not a refusal.
    #[error(transparent)]
    Other(#[from] Error),
}

/// A stream that did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No login, or one that has expired.
    #[error("not signed in")]
    NotSignedIn,
    /// No such session, or it has ended, or it is another user's.
    #[error("no such session: {0}")]
    SessionNotFound(String),
    /// The session exists, but it is not running.
    #[error("the session is {status}")]
    SessionNotRunning {
        /// Its status, as the server gives it.
        status: String,
    },
    /// The session does not offer the app.
    #[error("the session offers no app {0}")]
    AppNotFound(String),
    /// The app did not start inside the session.
    #[error("the app did not start: {0}")]
    AppFailed(String),
    /// Too many requests (429).
    #[error("too many requests")]
    RateLimited,
    /// The webserver could not open the stream behind it, and nothing is visibly wrong with login, session and app.
    #[error("the gateway could not open the stream")]
    Gateway,
    /// No usable connection.
    #[error("the server cannot be reached: {what}")]
    Unreachable {
        /// What the network said.
        what: String,
    },
    /// The certificate or the TLS was not accepted.
    #[error("the TLS connection was not accepted: {what}")]
    Tls {
        /// What was wrong with it.
        what: String,
    },
    /// The answer is no WebSocket handshake, e.g. from a proxy that does not know upgrades.
    #[error("no WebSocket: {0}")]
    NotAWebSocket(String),
    /// Any other refusal.
    #[error(transparent)]
    Other(Error),
}
