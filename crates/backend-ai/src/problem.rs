//! How servers refuse: problem+json, or whatever a proxy on the way puts in its place (protocol.md 8).

use reqwest::StatusCode;
use serde_json::Value;

use crate::error::Error;
use crate::probe::AccessMode;

/// An answer that is no success: the status and, when the body is JSON, what it says.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The `Location` of a redirect.
    pub(crate) location: Option<String>,
    /// The body, if it is a JSON object.
    pub(crate) body: Option<Value>,
}

impl Refusal {
    /// Last segment of the problem's `type`, which is what identifies it; empty when there is none.
    pub(crate) fn kind(&self) -> &str {
        kind(self.body.as_ref())
    }

    /// The problem's `title`; empty when there is none.
    pub(crate) fn title(&self) -> &str {
        text(self.body.as_ref(), "title").unwrap_or_default()
    }

    /// The details: `msg` of a manager, `details` of a webserver, or the agent's exception.
    pub(crate) fn msg(&self) -> Option<String> {
        let body = self.body.as_ref()?;
        if let Some(words) = ["msg", "details"].iter().find_map(|key| text(Some(body), key)) {
            // Which parameter it is, and what is wrong with it (seen on 23.09.10).
            let parameters = body.get("data").filter(|_| self.kind() == "invalid-api-params");
            let Some(parameters) = parameters.and_then(Value::as_object) else {
                return Some(words.to_owned());
            };
            let said = parameters.iter().map(|(name, wrong)| match wrong {
                Value::String(text) => format!("{name}: {text}"),
                other => format!("{name}: {other}"),
            });
            return Some(format!("{words} ({})", shorten(&said.collect::<Vec<_>>().join(", "))));
        }
        if let Some(exception) = text(body.get("agent-details"), "exception") {
            return Some(exception.to_owned());
        }
        match body.get("data") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(data) => Some(shorten(&data.to_string())),
        }
    }

    /// True when any of the texts of the body contains one of these words.
    pub(crate) fn mentions(&self, words: &[&str]) -> bool {
        let all = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        words.iter().any(|word| all.contains(word))
    }

    /// What this means for an ordinary call.
    pub(crate) fn into_error(self, mode: AccessMode) -> Error {
        let status = self.status.as_u16();
        if self.status.is_redirection() {
            return Error::Redirected { to: self.location.unwrap_or_default() };
        }
        match status {
            // A manager's 401 that the webserver passes on has a msg, and a new login would not help
            // (protocol.md 1.2).
            401 if mode == AccessMode::Api || self.msg().is_none() => Error::NotSignedIn,
            403 => Error::Forbidden,
            404 if self.body.is_some() => Error::NotFound(match self.msg() {
                Some(msg) if self.title().is_empty() => msg,
                Some(msg) => format!("{} ({msg})", self.title()),
                None => self.title().to_owned(),
            }),
            429 => Error::RateLimited,
            502..=504 if matches!(self.kind(), "" | "bad-gateway") => Error::Gateway,
            _ => Error::Server {
                status,
                title: if self.title().is_empty() {
                    self.status.canonical_reason().unwrap_or("unknown status").to_owned()
                } else {
                    self.title().to_owned()
                },
                msg: self.msg(),
            },
        }
    }
}

/// Last segment of `type` in a problem.
pub(crate) fn kind(problem: Option<&Value>) -> &str {
    text(problem, "type").and_then(|kind| kind.rsplit('/').next()).unwrap_or_default()
}

/// A non-empty string member.
pub(crate) fn text<'a>(object: Option<&'a Value>, key: &str) -> Option<&'a str> {
    object?.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// Text of a stranger, short enough for an error message.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 300;
    let mut short: String = text.chars().take(LIMIT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(status: u16, body: Option<Value>) -> Error {
        Refusal { status: StatusCode::from_u16(status).unwrap(), location: None, body }
            .into_error(AccessMode::Session)
    }

    #[test]
    fn refusals_become_typed_errors() {
        let unauthorized =
            json!({"type": "https://api.backend.ai/probs/auth-failed", "title": "Unauthorized access"});
        assert_eq!(error(401, Some(unauthorized)), Error::NotSignedIn);
        let passed_on = json!({"type": "https://api.backend.ai/probs/auth-failed",
            "title": "Credential/signature mismatch.", "msg": "Access key not found"});
        assert!(matches!(error(401, Some(passed_on)), Error::Server { status: 401, .. }));
        assert_eq!(error(429, None), Error::RateLimited);
        assert_eq!(error(502, None), Error::Gateway);
        let title = json!({"title": "The proxy target server is inaccessible."});
        assert_eq!(error(502, Some(title)), Error::Gateway);
        let maintenance = json!({"type": "https://api.backend.ai/probs/server-frozen", "title": "Frozen."});
        assert!(matches!(error(503, Some(maintenance)), Error::Server { status: 503, .. }));
        let missing = json!({"type": "x/object-not-found", "title": "No such session.", "msg": null});
        assert_eq!(error(404, Some(missing)), Error::NotFound("No such session.".to_owned()));
        assert!(matches!(error(404, None), Error::Server { status: 404, .. }));
    }

    #[test]
    fn a_parameter_that_is_refused_is_named() {
        let body = json!({"type": "https://api.backend.ai/probs/invalid-api-params",
            "title": "Missing or invalid API parameters", "msg": "Input validation error",
            "data": {"batch_timeout": "batch_timeout is not allowed key"}});
        let Error::Server { msg, .. } = error(400, Some(body)) else { panic!("not a server error") };
        let expected = "Input validation error (batch_timeout: batch_timeout is not allowed key)";
        assert_eq!(msg.as_deref(), Some(expected));
    }

    #[test]
    fn the_agents_words_are_kept() {
        let body = json!({"title": "Kernel execution has failed.",
            "agent-details": {"exception": "FileNotFoundError('Could not found the file: /home/work/x')"}});
        let Error::Server { msg, .. } = error(500, Some(body)) else {
            panic!("not a server error");
        };
        assert!(msg.unwrap().contains("FileNotFoundError"));
    }
}
