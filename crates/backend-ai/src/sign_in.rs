//! Signing in and out (protocol.md 1.2, 1.3).
//!
//! Whether a sign-in succeeded is decided on the JSON body: up to 26.3 a refusal is HTTP 200, later it has the
//! manager's status. Why it was refused is decided on the problem's type first and on its words second, because
//! plugins of older servers send only words.

use serde_json::{Value, json};

use crate::client::Client;
use crate::credentials::{Credentials, Identity};
use crate::error::{Error, SignInError};
use crate::login::{Cookies, Login, Proof};
use crate::probe::AccessMode;
use crate::problem::{Refusal, kind, shorten, text};
use crate::transport::{Call, Failure, JSON_LIMIT};
use crate::version::ManagerVersion;

/// First line whose webserver knows `force` (protocol.md 1.2).
const FORCE_SINCE: ManagerVersion = ManagerVersion::new(26, 4, 0);

impl Client {
    /// Signs in, without anything left of an older login. On success the new login replaces the old one for all
    /// clones of this client; on failure the old one stays.
    pub async fn sign_in(&self, credentials: &Credentials) -> Result<Identity, SignInError> {
        let login = match (self.mode(), credentials) {
            (AccessMode::Session, Credentials::Password { user, password, otp, force }) => {
                self.log_in(user, password, otp.as_deref(), *force).await?
            }
            (AccessMode::Session, Credentials::Keypair { .. }) => {
                return Err(SignInError::KeypairNotAccepted);
            }
            (AccessMode::Api, Credentials::Password { user, password, otp, .. }) => {
                self.authorize(user, password, otp.as_deref()).await?
            }
            (AccessMode::Api, Credentials::Keypair { access_key, secret_key }) => {
                self.check_keypair(access_key, secret_key).await?
            }
        };
        let identity = login.identity.clone();
        self.set_login(Some(login));
        self.dialect().forget();
        Ok(identity)
    }

    /// Ends the login at the server and forgets it. It is forgotten also when the server cannot be told.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let Ok(login) = self.login() else {
            return Ok(());
        };
        self.set_login(None);
        if self.mode() == AccessMode::Api {
            return Ok(());
        }
        let call = Call::post("/server/logout");
        match self.transport().send(Some(&login), &call, JSON_LIMIT).await {
            Ok(_) => Ok(()),
            Err(failure) => match failure.into_error(self.mode()) {
                Error::NotSignedIn => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Asks the server whether the login still holds; `None` when it does not or there is none.
    pub async fn check_login(&self) -> Result<Option<Identity>, Error> {
        let Ok(login) = self.login() else {
            return Ok(None);
        };
        let answer = match self.mode() {
            AccessMode::Session => {
                let answer = self.ask_login_check(&login.proof).await;
                answer.map(|identity| identity.map(|named| named.unwrap_or(login.identity.clone())))
            }
            AccessMode::Api => {
                let role = self.transport().send(Some(&login), &Call::get("/auth/role"), JSON_LIMIT).await;
                role.map(|_| Some(login.identity.clone()))
            }
        };
        match answer {
            Ok(identity) => Ok(identity),
            Err(failure) => match failure.into_error(self.mode()) {
                Error::NotSignedIn => Ok(None),
                error => Err(error),
            },
        }
    }

    /// `None` when nobody is logged in; the inner `None` when the server does not name the account.
    async fn ask_login_check(&self, proof: &Proof) -> Result<Option<Option<Identity>>, Failure> {
        let call = Call::post("/server/login-check").repeatable();
        let answer = self.transport().send_as(proof, &call, JSON_LIMIT).await?;
        let answer = answer.json()?;
        match answer.get("authenticated").and_then(Value::as_bool) {
            Some(true) => Ok(Some(identity(answer.get("data")))),
            Some(false) => Ok(None),
            None => Err(Error::BadAnswer("login-check says neither yes nor no".to_owned()).into()),
        }
    }

    /// Session mode.
    async fn log_in(
        &self,
        user: &str,
        password: &str,
        otp: Option<&str>,
        force: bool,
    ) -> Result<Login, SignInError> {
        let mut body = json!({"username": user, "password": password});
        // Servers hand every key on to the manager, so none is sent that is not needed.
        if let Some(otp) = otp {
            body["otp"] = json!(otp);
        }
        if force && self.server().manager() >= FORCE_SINCE {
            body["force"] = json!(true);
        }
        let proof = Proof::Cookies(Cookies::default());
        let call = Call::post("/server/login").json(body);
        let answer = match self.transport().send_as(&proof, &call, JSON_LIMIT).await {
            Ok(answer) => answer.json()?,
            Err(Failure::Refused(refusal)) => return Err(refused(refusal, self.mode())),
            Err(Failure::Broken(error)) => return Err(error.into()),
        };
        match answer.get("authenticated").and_then(Value::as_bool) {
            Some(true) => {}
            Some(false) => return Err(classify(answer.get("data"))),
            None => {
                return Err(Error::BadAnswer("the login says neither yes nor no".to_owned()).into());
            }
        }
        let identity = match identity(answer.get("data")) {
            Some(identity) => identity,
            None => self
                .ask_login_check(&proof)
                .await
                .map_err(|failure| failure.into_error(self.mode()))?
                .flatten()
                .ok_or_else(|| Error::BadAnswer("the login names no access key".to_owned()))?,
        };
        Ok(Login { proof, identity })
    }

    /// API mode with a password: the manager answers with the keypair (protocol.md 1.3).
    async fn authorize(&self, user: &str, password: &str, otp: Option<&str>) -> Result<Login, SignInError> {
        let mut body = json!({
            "type": "keypair", "domain": "default", "username": user, "password": password,
        });
        if let Some(otp) = otp {
            body["otp"] = json!(otp);
        }
        let call = Call::post("/auth/authorize").json(body);
        let answer = match self.transport().send(None, &call, JSON_LIMIT).await {
            Ok(answer) => answer.json()?,
            Err(Failure::Refused(refusal)) => return Err(refused(refusal, self.mode())),
            Err(Failure::Broken(error)) => return Err(error.into()),
        };
        let data = answer.get("data");
        match (identity(data), text(data, "secret_key")) {
            (Some(identity), Some(secret_key)) => Ok(Login {
                proof: Proof::Keypair {
                    access_key: identity.access_key.clone(),
                    secret_key: secret_key.to_owned(),
                },
                identity,
            }),
            _ => Err(classify(data)),
        }
    }

    /// API mode with a keypair.
    async fn check_keypair(&self, access_key: &str, secret_key: &str) -> Result<Login, SignInError> {
        let mut login = Login {
            proof: Proof::Keypair { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() },
            identity: Identity { access_key: access_key.to_owned(), role: None },
        };
        let call = Call::get("/auth/role");
        let answer = match self.transport().send(Some(&login), &call, JSON_LIMIT).await {
            Ok(answer) => answer.json()?,
            Err(Failure::Refused(refusal)) => {
                return Err(match refused(refusal, self.mode()) {
                    SignInError::Other(Error::NotSignedIn) => SignInError::WrongCredentials,
                    other => other,
                });
            }
            Err(Failure::Broken(error)) => return Err(error.into()),
        };
        let role = match text(Some(&answer), "global_role") {
            Some("superadmin") => Some("superadmin"),
            _ => text(Some(&answer), "domain_role"),
        };
        login.identity.role = role.map(str::to_owned);
        Ok(login)
    }
}

/// `{"access_key", "role"}` of a login answer.
fn identity(data: Option<&Value>) -> Option<Identity> {
    Some(Identity {
        access_key: text(data, "access_key")?.to_owned(),
        role: text(data, "role").map(str::to_owned),
    })
}

/// A refusal with an HTTP status: either the login's own body (26.4 and later) or a plain problem.
fn refused(refusal: Refusal, mode: AccessMode) -> SignInError {
    let body = refusal.body.as_ref();
    if body.and_then(|body| body.get("authenticated")) == Some(&Value::Bool(false)) {
        return classify(body.and_then(|body| body.get("data")));
    }
    match (refusal.status.as_u16(), refusal.kind()) {
        (429, "rate-limit-exceeded") => SignInError::Other(Error::RateLimited),
        (429, _) => SignInError::Blocked,
        (_, "rejected-by-hook" | "auth-failed" | "password-expired" | "login-blocked")
        | (_, "active-login-session-exists")
        | (_, "require-totp-authentication" | "require-totp-registration") => classify(body),
        _ => SignInError::Other(refusal.into_error(mode)),
    }
}

/// Why a login was refused (table of protocol.md 1.2).
fn classify(data: Option<&Value>) -> SignInError {
    let title = text(data, "title").unwrap_or_default();
    let words = ["details", "msg"].iter().find_map(|key| text(data, key)).unwrap_or(title);
    let kind = kind(data);
    match kind {
        "require-totp-authentication" => return SignInError::OtpRequired,
        "require-totp-registration" => return SignInError::OtpEnrolmentRequired,
        "password-expired" => return SignInError::PasswordExpired,
        "active-login-session-exists" => return SignInError::TooManyLogins,
        "login-blocked" | "too-many-requests" => return SignInError::Blocked,
        _ => {}
    }
    let lower = format!("{title} {words}").to_lowercase();
    let says = |phrase: &str| lower.contains(phrase);
    if says("otp not provided") || says("must authenticate using two-factor") {
        SignInError::OtpRequired
    } else if says("invalid totp code") || says("failed to validate otp") {
        SignInError::OtpWrong
    } else if says("must register two-factor") {
        SignInError::OtpEnrolmentRequired
    } else if says("password expired on") {
        SignInError::PasswordExpired
    } else if says("existing active login session") {
        SignInError::TooManyLogins
    } else if says("needs email verification") {
        SignInError::EmailNotVerified
    } else if says("no api keypairs found") {
        SignInError::NoKeypair
    } else if kind == "rejected-by-hook" || says("not allowed ip address") {
        SignInError::RefusedByHook(shorten(words))
    } else if kind == "auth-failed" || says("credential") {
        SignInError::WrongCredentials
    } else if words.is_empty() {
        SignInError::Other(Error::BadAnswer("the login was refused without a reason".to_owned()))
    } else {
        SignInError::RefusedByHook(shorten(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, details: Option<&str>) -> SignInError {
        classify(Some(&json!({
            "type": format!("https://api.backend.ai/probs/{kind}"),
            "title": "Credential/signature mismatch.",
            "details": details,
        })))
    }

    #[test]
    fn every_refusal_of_the_table_is_told_apart() {
        use SignInError as E;
        let table = [
            ("auth-failed", Some("User credential mismatch."), E::WrongCredentials),
            ("auth-failed", None, E::WrongCredentials),
            ("auth-failed", Some("This account needs email verification."), E::EmailNotVerified),
            ("auth-failed", Some("No API keypairs found."), E::NoKeypair),
            ("require-totp-authentication", None, E::OtpRequired),
            ("rejected-by-hook", Some("OTP not provided"), E::OtpRequired),
            (
                "rejected-by-hook",
                Some("You must authenticate using Two-Factor Authentication."),
                E::OtpRequired,
            ),
            ("rejected-by-hook", Some("Invalid TOTP code provided"), E::OtpWrong),
            ("rejected-by-hook", Some("Failed to validate OTP"), E::OtpWrong),
            ("require-totp-registration", None, E::OtpEnrolmentRequired),
            (
                "rejected-by-hook",
                Some("You must register Two-Factor Authentication."),
                E::OtpEnrolmentRequired,
            ),
            ("password-expired", None, E::PasswordExpired),
            ("auth-failed", Some("Password expired on 2025-01-01."), E::PasswordExpired),
            ("active-login-session-exists", None, E::TooManyLogins),
            ("rejected-by-hook", Some("There is an existing active login session."), E::TooManyLogins),
            ("login-blocked", None, E::Blocked),
            (
                "rejected-by-hook",
                Some("Office hours only."),
                E::RefusedByHook("Office hours only.".to_owned()),
            ),
        ];
        for (kind, details, expected) in table {
            assert_eq!(of(kind, details), expected, "{kind} {details:?}");
        }
        assert!(matches!(classify(None), E::Other(Error::BadAnswer(_))));
    }
}
