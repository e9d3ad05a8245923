//! GraphQL, answered by a manager or by a federation router in front of it (protocol.md 2, appendix B).

use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::problem::{shorten, text};
use crate::transport::{Call, Failure};

/// A query that was not answered.
#[derive(Debug)]
pub(crate) enum QueryError {
    /// The server does not accept the query itself: an unknown field, status or filter.
    Query(String),
    /// The query did not reach the schema.
    Call(Failure),
}

impl QueryError {
    /// What it means when no other form of the query is left.
    pub(crate) fn into_error(self, client: &Client) -> Error {
        match self {
            Self::Query(title) => Error::Server { status: 200, title, msg: None },
            Self::Call(failure) => failure.into_error(client.mode()),
        }
    }
}

impl Client {
    /// Sends a query and returns the member `field` of its data; null when there is none.
    pub(crate) async fn query(
        &self,
        query: &str,
        variables: Value,
        field: &str,
    ) -> Result<Value, QueryError> {
        let call =
            Call::post("/admin/gql").json(json!({"query": query, "variables": variables})).repeatable();
        let answer = match self.call_json(&call).await {
            Ok(answer) => answer,
            // Servers that answer query errors as problems (protocol.md 2, legacy form).
            Err(Failure::Refused(refusal)) if refusal.kind() == "graphql-error" => {
                let words = refusal.msg().unwrap_or_else(|| refusal.title().to_owned());
                return Err(QueryError::Query(words));
            }
            Err(failure) => return Err(QueryError::Call(failure)),
        };
        read(answer, field)
    }
}

fn read(mut answer: Value, field: &str) -> Result<Value, QueryError> {
    let broken = |error| QueryError::Call(Failure::Broken(error));
    // Success may come with "errors": null, and behind the router without "errors" at all.
    let errors = answer.get("errors").and_then(Value::as_array);
    if let Some(first) = errors.and_then(|errors| errors.first()) {
        if errors.into_iter().flatten().any(not_signed_in) {
            return Err(broken(Error::NotSignedIn));
        }
        let words = text(Some(first), "message").unwrap_or("an error without words");
        return Err(QueryError::Query(shorten(words)));
    }
    match answer.get_mut("data") {
        Some(Value::Object(data)) => Ok(data.remove(field).unwrap_or(Value::Null)),
        _ => Err(broken(Error::BadAnswer("a GraphQL answer without data and errors".to_owned()))),
    }
}

/// An expired login behind the federation router is HTTP 200 with the 401 inside (protocol.md appendix B).
fn not_signed_in(error: &Value) -> bool {
    let extensions = error.get("extensions");
    let status =
        extensions.and_then(|e| e.get("response")).and_then(|r| r.get("status")).and_then(Value::as_u64);
    status == Some(401) || matches!(text(extensions, "code"), Some("UNAUTHENTICATED" | "UNAUTHORIZED"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_errors_are_none() {
        for answer in [
            json!({"data": {"x": 1}, "errors": null}),
            json!({"data": {"x": 1}, "errors": []}),
            json!({"data": {"x": 1}}),
        ] {
            assert_eq!(read(answer, "x").unwrap(), 1);
        }
    }

    #[test]
    fn an_expired_login_inside_a_200_is_found() {
        let answer = json!({"errors": [{"message": "Unexpected empty \"data\" and \"errors\" fields in result: {}",
            "extensions": {"code": "X", "response": {"status": 401}}}]});
        assert!(matches!(read(answer, "x"), Err(QueryError::Call(Failure::Broken(Error::NotSignedIn)))));
    }

    #[test]
    fn query_errors_are_told_from_broken_answers() {
        let refused = json!({"data": null, "errors": [{"message": "Cannot query field"}]});
        assert!(matches!(read(refused, "x"), Err(QueryError::Query(words)) if words == "Cannot query field"));
        for answer in [json!({}), json!([]), json!({"data": null}), json!("x")] {
            assert!(matches!(read(answer, "x"), Err(QueryError::Call(Failure::Broken(Error::BadAnswer(_))))));
        }
    }
}
