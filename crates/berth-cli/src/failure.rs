//! How a command fails, and which exit code that is (protocol.md 9.1): 1 failure, 2 wrong usage, 3 too late,
//! 4 invalid argument.

use berth::Error;
use serde_json::json;

use crate::output::{Output, one_line};

/// Exit code of an ordinary failure.
const FAILURE: u8 = 1;
/// Exit code for arguments that do not make sense together.
const USAGE: u8 = 2;
/// Exit code for something that did not happen in time.
const TIMEOUT: u8 = 3;
/// Exit code for an argument that cannot be.
const ARGUMENT: u8 = 4;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The product's own words.
    #[error("{0}")]
    Product(#[from] Error),
    /// The same, about something that the command line names.
    #[error("{0}")]
    Named(Error),
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// An argument cannot be.
    #[error("{0}")]
    Argument(String),
    /// It did not happen in time.
    #[error("{0}")]
    TooLate(String),
    /// Everything has been said.
    #[error("exit code {0}")]
    Said(u8),
}

impl Failure {
    /// Shows it and gives the exit code.
    pub(crate) fn report(self, output: &Output) -> u8 {
        match self {
            Self::Product(error) => {
                product(&error, output);
                FAILURE
            }
            Self::Named(error) => {
                product(&error, output);
                USAGE
            }
            Self::Usage(text) => {
                plain("usage", &text, output);
                USAGE
            }
            Self::Argument(text) => {
                plain("argument-invalid", &text, output);
                ARGUMENT
            }
            Self::TooLate(text) => {
                plain("too-late", &text, output);
                TIMEOUT
            }
            Self::Said(code) => code,
        }
    }
}

fn plain(code: &str, text: &str, output: &Output) {
    if output.is_json() {
        output.note(&json!({"error": {"code": code, "message": text}}).to_string());
    } else {
        output.failed(text);
    }
}

/// Shows an error of the product.
pub(crate) fn product(error: &Error, output: &Output) {
    let hint = hint(error);
    if output.is_json() {
        let shown = json!({"error": {
            "code": error.code, "message": error.message, "hint": hint, "details": error.details,
        }});
        output.note(&shown.to_string());
        return;
    }
    if error.code == "session-ambiguous" {
        let session = error.details.get("session").map(String::as_str).unwrap_or_default();
        output.error(&format!("More than one session is meant by “{session}” ({})", error.code));
        for line in error.details.get("matches").map(String::as_str).unwrap_or_default().lines() {
            output.below(&format!("- {}", one_line(line)));
        }
    } else {
        output.error(&format!("{} ({})", one_line(&error.message), error.code));
    }
    if !hint.is_empty() {
        output.below(&format!("➜ {}", one_line(&hint)));
    }
}

/// What to do next, in the words of a terminal.
fn hint(error: &Error) -> String {
    let known = match error.code.as_str() {
        "not-signed-in" => "Sign in with: berth login",
        "otp-required" => "Sign in with berth login; it asks for the code.",
        "wrong-mode" => "Sign in with berth login; it asks for what the server takes.",
        "tls" => {
            "Name the certificate file of your organisation's authority with --ca-file, or ask the administrator. \
             --skip-sslcert-validation accepts any certificate."
        }
        "password-expired" => "Change it with: berth login",
        "too-many-logins" => "Sign out elsewhere, or push out the oldest login with: berth login --force",
        "keychain" => "Unlock it and sign in again, or sign in with --no-remember.",
        "session-not-found" if error.hint.starts_with("Did you mean") => &error.hint,
        "session-not-found" => "List your sessions with: berth ps",
        "session-not-running" => "Wait until it runs (berth ps), or start a new one (berth create).",
        "session-ended" => {
            "Files outside mounted folders are gone with it. Start a new one with: berth create"
        }
        "web-ui-needs-webserver" => "Sign in at the webserver, with e-mail and password: berth login",
        "file-exists" => "Choose another name.",
        "bad-answer" | "internal" => {
            "Try again; if it stays, report it with the log file (berth config names its folder)."
        }
        _ => &error.hint,
    };
    known.to_owned()
}
