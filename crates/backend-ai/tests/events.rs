//! The stream of session events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use axum::Router;
use axum::body::{Body, Bytes};
use backend_ai::{AccessMode, Error, SessionEvent};
use common::{endless, page, raw, signed_in};
use serde_json::{Value, json};

/// A body in the given pieces.
fn pieces(all: &[&'static str]) -> Body {
    let all: Vec<_> =
        all.iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))).collect();
    Body::from_stream(futures_util::stream::iter(all))
}

#[tokio::test]
async fn events_are_read_however_they_are_cut() {
    let (stub, client) = signed_in(AccessMode::Session, "23.09.10", Router::new(), |_| {
        let body = pieces(&[
            ": ping\r\n\r\nevent: session_sta",
            "rted\r\ndata: {\"sessionId\": \"u1\", \"reason\": \"\"}\r\n",
            "\r\n: ping\n\nevent: session_terminated\ndata: {\"sessionId\": \"u2\",\ndata: \"reason\": \"user-requested\"}\n\n",
            "event: odd\ndata: no json\n\nevent: server_close\ndata:\n\nevent: never\n\n",
        ]);
        raw(200, "text/event-stream; charset=utf-8", body)
    })
    .await;
    let mut events = client.session_events(None).await.unwrap();
    let event = |name: &str, id: Option<&str>, reason: Option<&str>, data: Value| SessionEvent {
        name: name.to_owned(),
        session_id: id.map(str::to_owned),
        reason: reason.map(str::to_owned),
        data,
    };
    let (started, ended) =
        (json!({"sessionId": "u1", "reason": ""}), json!({"sessionId": "u2", "reason": "user-requested"}));
    assert_eq!(events.next().await, Ok(Some(event("session_started", Some("u1"), None, started))));
    assert_eq!(
        events.next().await,
        Ok(Some(event("session_terminated", Some("u2"), Some("user-requested"), ended)))
    );
    assert_eq!(events.next().await, Ok(Some(event("odd", None, None, Value::Null))));
    assert_eq!(events.next().await, Ok(None));
    let asked = &stub.seen()[1];
    assert_eq!((asked.line().as_str(), asked.query.as_str()), ("GET /func/events/session", "sessionName=*"));
    let _ = client.session_events(Some("AKIAOTHER")).await.unwrap();
    assert_eq!(stub.seen()[2].query, "sessionName=*&ownerAccessKey=AKIAOTHER");
}

#[tokio::test]
async fn an_end_is_an_end() {
    let (_, client) = signed_in(AccessMode::Api, "23.09.10", Router::new(), |_| {
        raw(200, "text/event-stream", "event: torn\ndata: x")
    })
    .await;
    let mut events = client.session_events(None).await.unwrap();
    assert_eq!(events.next().await, Ok(None));
}

#[tokio::test]
async fn what_is_no_event_stream_is_told() {
    let (_, client) = signed_in(AccessMode::Session, "23.09.10", Router::new(), |_| page()).await;
    assert!(matches!(client.session_events(None).await, Err(Error::BadAnswer(_))));
    let (_, client) = signed_in(AccessMode::Session, "23.09.10", Router::new(), |_| {
        let mut response = endless();
        response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
        response
    })
    .await;
    let mut events = client.session_events(None).await.unwrap();
    assert!(matches!(events.next().await, Err(Error::TooLarge { .. })));
}
