//! Logins and passwords: what the manager decides about them, and how the webserver wraps it
//! (protocol.md 1.2).

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::cookie;
use crate::cluster::{Caller, Cluster, Login};
use crate::control::LoginRefusal;
use crate::problem::Problem;
use crate::session::{iso, now};

/// How long an account stays blocked after too many failures.
pub(crate) const BLOCK_TIME: Duration = Duration::from_secs(1_200);
/// Consecutive failures that block an account.
const ALLOWED_FAILURES: u32 = 10;
/// Of a new password, in characters.
const SHORTEST_PASSWORD: usize = 8;

/// A refusal, with the status the manager gives it and the webserver passes on from 26.4.
struct Refusal {
    problem: Problem,
    details: String,
    /// Counts as a failed login.
    counts: bool,
}

impl Refusal {
    fn new(status: StatusCode, kind: &str, title: &str, details: &str) -> Refusal {
        let counts = status == StatusCode::UNAUTHORIZED;
        Refusal { problem: Problem::new(status, kind, title), details: details.to_owned(), counts }
    }

    fn credentials(details: &str) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "auth-failed", "Credential/signature mismatch.", details)
    }

    /// As the webserver wraps it.
    fn data(self) -> Value {
        self.problem.with("details", json!(self.details)).body()
    }

    fn hook(details: &str) -> Refusal {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "rejected-by-hook",
            "Operation rejected by a hook plugin.",
            details,
        )
    }
}

/// As the manager says it.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        refusal.problem.msg(refusal.details)
    }
}

/// The manager's decision about a password.
fn authorize(cluster: &Cluster, body: &Value) -> Result<Caller, Refusal> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let dialect = cluster.dialect();
    let wrong = || Refusal::credentials("User credential mismatch.");
    let index = cluster.account_index(text("username")).ok_or_else(wrong)?;
    if !cluster.is_password(index, text("password")) {
        return Err(wrong());
    }
    let state = cluster.state();
    let user = &state.users[index];
    match &user.refusal {
        None => {}
        Some(LoginRefusal::EmailNotVerified) => {
            return Err(Refusal::credentials("This account needs email verification."));
        }
        Some(LoginRefusal::NoKeypair) => return Err(Refusal::credentials("No API keypairs found.")),
        Some(LoginRefusal::PasswordExpired) => {
            return Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "password-expired",
                "Password has expired.",
                "Password expired on 2026-01-31 00:00:00+00:00.",
            ));
        }
        Some(LoginRefusal::OtpEnrolment) if dialect.otp_has_type() => {
            let mut refusal = Refusal::new(
                StatusCode::OK,
                "require-totp-registration",
                "Two-Factor Authentication registration is required.",
                "You must register Two-Factor Authentication.",
            );
            refusal.problem =
                refusal.problem.with("two_factor_registration_token", json!(crate::account::random_text(32)));
            return Err(refusal);
        }
        Some(LoginRefusal::OtpEnrolment) => {
            return Err(Refusal::hook("You must register Two-Factor Authentication."));
        }
        Some(LoginRefusal::TooManyLogins) => {
            let forced = body.get("force").and_then(Value::as_bool).unwrap_or(false);
            if dialect.has_login_cap() && !forced {
                return Err(Refusal::new(
                    StatusCode::CONFLICT,
                    "active-login-session-exists",
                    "Active login session exists.",
                    "There is an existing active login session.",
                ));
            }
        }
        Some(LoginRefusal::Plugin(message)) => return Err(Refusal::hook(message)),
    }
    if let Some(code) = &user.otp {
        let given = text("otp");
        if given.is_empty() {
            return Err(if dialect.otp_has_type() {
                Refusal::new(
                    StatusCode::OK,
                    "require-totp-authentication",
                    "Two-Factor Authentication is required.",
                    "You must authenticate using Two-Factor Authentication.",
                )
            } else {
                Refusal::hook("OTP not provided")
            });
        }
        if given != code {
            return Err(Refusal::hook("Invalid TOTP code provided"));
        }
    }
    Ok(Caller { account: index })
}

/// `POST /auth/authorize` of the manager: a password for a keypair.
pub(crate) fn authorize_keypair(cluster: &Cluster, body: &Value) -> Result<Value, Problem> {
    let caller = authorize(cluster, body)?;
    let account = cluster.account(caller);
    Ok(json!({"data": {
        "access_key": account.access_key,
        "secret_key": account.secret_key,
        "role": account.role,
        "status": "active",
    }}))
}

/// `POST /server/login`.
pub(super) fn login(cluster: &Cluster, headers: &HeaderMap, body: &[u8]) -> Response {
    let dialect = cluster.dialect();
    let sent = cookie::read(headers);
    if let Some(id) = &sent
        && cluster.state().logins.contains_key(id)
    {
        return Problem::new(StatusCode::BAD_REQUEST, "generic-bad-request", "You have already logged in.")
            .into_response();
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Problem::invalid_params("The request body is not valid JSON.").into_response();
    };
    for key in ["username", "password"] {
        if body.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Problem::invalid_params(format!("You must provide the {key} field.")).into_response();
        }
    }
    let account = body.get("username").and_then(Value::as_str).and_then(|name| cluster.account_index(name));
    if let Some(index) = account {
        let mut state = cluster.state();
        let user = &mut state.users[index];
        if user.blocked_until.is_some_and(|until| until > Instant::now()) {
            // Every further try starts the time anew.
            user.blocked_until = Some(Instant::now() + BLOCK_TIME);
            return Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many failed login attempts.",
            )
            .into_response();
        }
    }

    let known = sent.filter(|id| cluster.state().anonymous.contains(id));
    let fresh = known.is_none();
    let outcome = authorize(cluster, &body);
    let id = match known {
        Some(id) => id,
        None => cluster.new_anonymous_cookie(),
    };
    let (status, answer, signed_in) = match outcome {
        Ok(caller) => {
            let account = cluster.account(caller);
            let mut state = cluster.state();
            state.users[caller.account].failures = 0;
            state.anonymous.retain(|anonymous| *anonymous != id);
            state.logins.insert(id.clone(), Login { account: caller.account });
            let data = json!({
                "access_key": account.access_key, "role": account.role, "status": "active",
            });
            (StatusCode::OK, json!({"authenticated": true, "data": data}), true)
        }
        Err(refusal) => {
            if let Some(index) = account
                && (refusal.counts || !dialect.login_failure_has_status())
            {
                let mut state = cluster.state();
                let user = &mut state.users[index];
                user.failures += 1;
                if user.failures >= ALLOWED_FAILURES {
                    user.blocked_until = Some(Instant::now() + BLOCK_TIME);
                }
            }
            let status =
                if dialect.login_failure_has_status() { refusal.problem.status } else { StatusCode::OK };
            (status, json!({"authenticated": false, "data": refusal.data()}), false)
        }
    };
    let mut response = (status, axum::Json(answer)).into_response();
    if signed_in
        && (fresh || dialect.always_tells_session_id())
        && let Ok(value) = id.parse()
    {
        response.headers_mut().insert(cookie::SESSION_HEADER, value);
    }
    response.headers_mut().append("set-cookie", cookie::write(dialect, &id));
    response
}

/// `POST /auth/update-password` of the manager.
pub(crate) fn update_password(cluster: &Cluster, caller: Caller, body: &Value) -> Result<Value, Problem> {
    let text =
        |key: &str| body.get(key).and_then(Value::as_str).ok_or_else(|| Problem::schema(key, "is required"));
    let (old, new, again) = (text("old_password")?, text("new_password")?, text("new_password2")?);
    if !cluster.is_password(caller.account, old) {
        return Err(Refusal::credentials("Old password mismatch").into());
    }
    if new != again {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "generic-bad-request", "Bad request.")
            .with("error_msg", json!("new password mismatch")));
    }
    replace_password(cluster, caller.account, new)?;
    Ok(json!({}))
}

/// `POST /auth/update-password-no-auth` of the manager: for a password that has expired.
pub(crate) fn update_expired_password(cluster: &Cluster, body: &Value) -> Result<Value, Problem> {
    Ok(json!({"password_changed_at": change_expired(cluster, body)?}))
}

/// `POST /server/update-password-no-auth`.
pub(super) fn update_password_no_auth(cluster: &Cluster, body: &[u8]) -> Response {
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    for key in ["username", "current_password", "new_password"] {
        if body.get(key).is_none_or(Value::is_null) {
            return Problem::invalid_params(format!("You must provide the {key} field.")).into_response();
        }
    }
    let (status, data, changed_at) = match change_expired(cluster, &body) {
        Ok(changed_at) => (StatusCode::OK, Value::Null, json!(changed_at)),
        Err(refusal) if cluster.dialect().login_failure_has_status() => {
            (refusal.problem.status, refusal.data(), Value::Null)
        }
        Err(refusal) => (StatusCode::OK, refusal.data(), Value::Null),
    };
    (status, axum::Json(json!({"data": data, "password_changed_at": changed_at}))).into_response()
}

/// Changes a password that need not have expired, and gives the time.
fn change_expired(cluster: &Cluster, body: &Value) -> Result<String, Refusal> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let wrong = || Refusal::credentials("User credential mismatch.");
    let index = cluster.account_index(text("username")).ok_or_else(wrong)?;
    if !cluster.is_password(index, text("current_password")) {
        return Err(wrong());
    }
    if text("new_password") == text("current_password") {
        return Err(Refusal::credentials("Cannot update to the same password as an existing password."));
    }
    replace_password(cluster, index, text("new_password"))?;
    Ok(iso(now()))
}

fn replace_password(cluster: &Cluster, index: usize, new: &str) -> Result<(), Refusal> {
    // The rule of a plugin that many clusters have.
    if new.chars().count() < SHORTEST_PASSWORD {
        return Err(Refusal::hook("The password must have at least 8 characters."));
    }
    let mut state = cluster.state();
    let user = &mut state.users[index];
    user.password = Some(new.to_owned());
    if user.refusal == Some(LoginRefusal::PasswordExpired) {
        user.refusal = None;
    }
    Ok(())
}

/// `POST /server/login-check`.
pub(super) fn login_check(cluster: &Cluster, headers: &HeaderMap) -> Response {
    let id = cookie::read(headers);
    let login = id.as_ref().and_then(|id| cluster.state().logins.get(id).copied());
    let answer = match login {
        Some(login) => {
            let account = &cluster.accounts[login.account];
            json!({
                "authenticated": true,
                "data": {"access_key": account.access_key, "role": account.role, "status": "active"},
                "session_id": id,
            })
        }
        None => json!({"authenticated": false, "data": null, "session_id": null}),
    };
    axum::Json(answer).into_response()
}

/// `POST /server/logout`.
pub(super) fn logout(cluster: &Cluster, headers: &HeaderMap) -> Response {
    if let Some(id) = cookie::read(headers) {
        cluster.state().logins.remove(&id);
    }
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().append("set-cookie", cookie::write(cluster.dialect(), ""));
    response
}
