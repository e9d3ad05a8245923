//! Error answers: `application/problem+json` as manager and webserver write it (protocol.md 8).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// An error answer.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    body: Map<String, Value>,
}

impl Problem {
    /// An error of the given type suffix and title.
    pub(crate) fn new(status: StatusCode, kind: &str, title: &str) -> Problem {
        let mut body = Map::new();
        body.insert("type".into(), json!(format!("https://api.backend.ai/probs/{kind}")));
        body.insert("title".into(), json!(title));
        Problem { status, body }
    }

    /// Adds `msg`.
    pub(crate) fn msg(self, msg: impl Into<String>) -> Problem {
        self.with("msg", json!(msg.into()))
    }

    /// Adds any member.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Problem {
        self.body.insert(key.into(), value);
        self
    }

    /// The body, e.g. to be wrapped into a login answer.
    pub(crate) fn body(&self) -> Value {
        Value::Object(self.body.clone())
    }

    /// Webserver's own refusal for want of a login: a title and no msg (protocol.md 1.2).
    pub(crate) fn unauthorized() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "auth-failed", "Unauthorized access")
    }

    /// Manager's refusal of credentials.
    pub(crate) fn auth_failed(msg: &str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "auth-failed", "Credential/signature mismatch.").msg(msg)
    }

    /// 404 with the title naming what is missing.
    pub(crate) fn not_found(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "object-not-found", &format!("No such {what}."))
    }

    /// 400 about the request's parameters.
    pub(crate) fn invalid_params(msg: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-api-params", "Missing or invalid API parameters.")
            .msg(msg)
    }

    /// 400 of the strict request schemas of old servers; `data` maps a field to its reason.
    pub(crate) fn schema(field: &str, reason: &str) -> Problem {
        Problem::invalid_params("Input validation error").with("data", json!({field: reason}))
    }

    /// 403.
    pub(crate) fn forbidden() -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            "not-enough-permission",
            "You do not have enough permission to perform this operation.",
        )
    }

    /// 500 without an explanation.
    pub(crate) fn internal(msg: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-server-error", "Internal server error")
            .msg(msg)
    }

    /// 500 of the agent, with the Python exception it names.
    pub(crate) fn agent(exception: &str) -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "kernel-execution-failed",
            "Executing user code in the session has failed.",
        )
        .with(
            "agent-details",
            json!({
                "type": "https://api.backend.ai/probs/agent-error",
                "title": "Agent-side exception occurred.",
                "exception": exception,
            }),
        )
    }

    /// 502 of the webserver.
    pub(crate) fn bad_gateway(error_code: bool) -> Problem {
        let problem =
            Problem::new(StatusCode::BAD_GATEWAY, "bad-gateway", "The proxy target server is inaccessible.");
        if error_code { problem.with("error_code", json!("api_request_unreachable")) } else { problem }
    }

    /// 429 of the manager's quota per keypair.
    pub(crate) fn rate_limited() -> Problem {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limit-exceeded",
            "You have reached your API query rate limit.",
        )
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "HTTP Method Not Allowed.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Value::Object(self.body).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
