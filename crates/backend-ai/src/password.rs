//! Changing the account's password (protocol.md 1.2): with a login, or instead of one when it has expired.

use serde_json::{Value, json};

use crate::client::Client;
use crate::error::PasswordError;
use crate::login::{Cookies, Proof};
use crate::probe::AccessMode;
use crate::problem::{shorten, text};
use crate::transport::{Call, Failure, JSON_LIMIT};

impl Client {
    /// Changes the password of who is signed in. The login goes on. Never asked twice: the second time the old
    /// password would be wrong.
    pub async fn change_password(&self, old: &str, new: &str) -> Result<(), PasswordError> {
        let call = Call::post("/auth/update-password")
            .json(json!({"old_password": old, "new_password": new, "new_password2": new}));
        self.call_json(&call).await.map(drop).map_err(|failure| failed(failure, self.mode()))
    }

    /// Changes a password that has expired, with which nobody can sign in any more. Only servers that let passwords
    /// expire know this.
    pub async fn change_expired_password(
        &self,
        user: &str,
        old: &str,
        new: &str,
    ) -> Result<(), PasswordError> {
        let mut body = json!({"username": user, "current_password": old, "new_password": new});
        let (proof, path) = match self.mode() {
            AccessMode::Session => {
                (Some(Proof::Cookies(Cookies::default())), "/server/update-password-no-auth")
            }
            AccessMode::Api => {
                body["domain"] = json!("default");
                (None, "/auth/update-password-no-auth")
            }
        };
        let call = Call::post(path).json(body);
        let answer = match &proof {
            Some(proof) => self.transport().send_as(proof, &call, JSON_LIMIT).await,
            None => self.transport().send(None, &call, JSON_LIMIT).await,
        };
        // Webservers up to 26.3 wrap the manager's refusal in a 200, as with logins.
        match answer.map_err(|failure| failed(failure, self.mode()))?.json()?.get("data") {
            None | Some(Value::Null) => Ok(()),
            data => {
                let title = text(data, "title").unwrap_or("without a reason");
                Err(classify(data).unwrap_or_else(|| PasswordError::Refused(shorten(title))))
            }
        }
    }
}

/// What has failed; a refusal is the manager's problem, or wrapped in `data` by webservers from 26.4 on.
fn failed(failure: Failure, mode: AccessMode) -> PasswordError {
    let refusal = match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Broken(error) => return error.into(),
    };
    let body = refusal.body.as_ref();
    let wrapped = body.and_then(|body| body.get("data")).filter(|data| data.is_object());
    let about_passwords = matches!(refusal.status.as_u16(), 400 | 401 | 403 | 409);
    match classify(wrapped.or(body)).filter(|_| about_passwords) {
        Some(error) => error,
        None => PasswordError::Other(refusal.into_error(mode)),
    }
}

/// What a refusal says of the passwords; nothing when it says nothing of its own.
fn classify(problem: Option<&Value>) -> Option<PasswordError> {
    let words = ["details", "msg", "error_msg"].iter().find_map(|key| text(problem, key))?;
    Some(match words {
        "User credential mismatch." | "Old password mismatch" => PasswordError::WrongPassword,
        words => PasswordError::Refused(shorten(words)),
    })
}
