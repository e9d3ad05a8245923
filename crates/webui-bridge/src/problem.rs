//! Why a call is not served, in words for the page.

use serde_json::{Value, json};

/// A refusal or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status that fits, 400-599.
    pub status: u16,
    /// Stable code, e.g. `session-not-running`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), hint: String::new() }
    }

    /// What the page sent is not understood, or not allowed.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "webui-call", message)
    }

    /// Message and hint.
    pub fn sentence(&self) -> String {
        format!("{} {}", self.message, self.hint).trim().to_owned()
    }

    /// As the members that the generations of the WebUI look for: `title`, `msg`, `message`, `description`.
    pub(crate) fn members(&self) -> Value {
        let sentence = self.sentence();
        json!({
            "code": self.status, "error_code": self.code, "title": self.message, "msg": sentence,
            "message": sentence, "description": sentence, "isError": true,
        })
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for Problem {}
