//! Downloading one file, as every server line wants it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use axum::Router;
use axum::response::Response;
use backend_ai::{AccessMode, Error};
use common::{Seen, UUID, answer, endless, problem, raw, session, signed_in};
use serde_json::json;

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";

/// What a server of a line does (protocol.md 5.1).
fn line(manager: &'static str, seen: &Seen) -> Response {
    assert_eq!(seen.path, format!("/session/{UUID}/download_single"));
    let query = seen.query == "file=id_container";
    let body = seen.json()["file"] == "id_container";
    let key = || raw(200, "application/octet-stream", KEY);
    let invalid = || problem(400, "invalid-api-params", "Missing or invalid API parameters.", None);
    let verb = || problem(405, "method-not-allowed", "HTTP Method Not Allowed.", None);
    match (manager, seen.method.as_str()) {
        ("22.09.23" | "23.09.10" | "24.03.6", "GET") if query => key(),
        ("22.09.23" | "23.09.10" | "24.03.6", _) => verb(),
        ("26.3.0", "POST") if body => key(),
        ("26.9.6", "POST") if query && seen.body.is_empty() => key(),
        ("24.03.11" | "25.6.17" | "26.2.1", "POST") if body || (query && seen.body.is_empty()) => key(),
        ("26.4.0", "POST") if query => key(),
        ("24.03.11" | "25.6.17", "GET") => problem(400, "deprecated", "Use POST", None),
        (_, "GET") => verb(),
        _ => invalid(),
    }
}

#[tokio::test]
async fn every_line_gives_the_file_at_the_first_try() {
    for manager in
        ["22.09.23", "23.09.10", "24.03.6", "24.03.11", "25.6.17", "26.2.1", "26.3.0", "26.4.0", "26.9.6"]
    {
        let (stub, client) =
            signed_in(AccessMode::Api, manager, Router::new(), move |seen| line(manager, seen)).await;
        let file = client.download_file(&session(), "id_container").await.unwrap();
        assert_eq!(file, KEY.as_bytes(), "{manager}");
        assert_eq!(stub.seen().len(), 2, "{manager}: {:?}", stub.lines());
    }
}

#[tokio::test]
async fn a_server_that_does_not_say_its_version_right_gives_it_too() {
    for (said, real) in [("", "26.9.6"), ("22.09.0", "26.3.0"), ("26.9.6", "23.09.10"), ("26.9.6", "26.3.0")]
    {
        let (_, client) = signed_in(AccessMode::Api, said, Router::new(), move |seen| line(real, seen)).await;
        let file = client.download_file(&session(), "id_container").await.unwrap();
        assert_eq!(file, KEY.as_bytes(), "{said} {real}");
    }
}

#[tokio::test]
async fn a_tar_with_the_one_file_is_unpacked() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(KEY.len() as u64);
    header.set_cksum();
    builder.append_data(&mut header, "id_container", KEY.as_bytes()).unwrap();
    let tar = builder.into_inner().unwrap();
    let (_, client) = signed_in(AccessMode::Session, "24.09.14", Router::new(), move |_| {
        raw(200, "application/octet-stream", tar.clone())
    })
    .await;
    let file = client.download_file(&session(), "id_container").await.unwrap();
    assert_eq!(file, KEY.as_bytes());
}

#[tokio::test]
async fn a_missing_file_is_told_from_trouble() {
    let named = || {
        answer(
            500,
            json!({"type": "https://api.backend.ai/probs/kernel-execution-failed",
            "title": "Kernel execution has failed.", "agent-details": {
            "exception": "FileNotFoundError('Could not found the file: /home/work/id_container')"}}),
        )
    };
    let (_, client) = signed_in(AccessMode::Session, "23.09.10", Router::new(), move |_| named()).await;
    assert_eq!(
        client.download_file(&session(), "id_container").await,
        Err(Error::NotFound("file id_container".to_owned()))
    );

    // 26.x says nothing, so the folder is looked into.
    for (there, expected) in [("other", true), ("id_container", false)] {
        let (_, client) = signed_in(AccessMode::Session, "26.9.6", Router::new(), move |seen| {
            if seen.path.ends_with("/files") {
                let files = json!([{"filename": there, "size": 1}]).to_string();
                return answer(200, json!({"files": files, "errors": "", "abspath": "/home/work"}));
            }
            problem(500, "internal-server-error", "Internal server error", None)
        })
        .await;
        let error = client.download_file(&session(), "id_container").await.unwrap_err();
        assert_eq!(matches!(error, Error::NotFound(_)), expected, "{error:?}");
    }
}

#[tokio::test]
async fn a_missing_session_and_a_large_file_are_told() {
    let (_, client) = signed_in(AccessMode::Session, "26.9.6", Router::new(), |_| {
        problem(404, "object-not-found", "No such session.", None)
    })
    .await;
    assert_eq!(
        client.download_file(&session(), "x").await,
        Err(Error::NotFound("No such session.".to_owned()))
    );
    let (_, client) = signed_in(AccessMode::Session, "23.09.10", Router::new(), |_| {
        answer(
            500,
            json!({"title": "Failed", "agent-details": {"exception": "ValueError('too large file')"}}),
        )
    })
    .await;
    assert!(matches!(client.download_file(&session(), "x").await, Err(Error::TooLarge { .. })));
    let (_, client) = signed_in(AccessMode::Session, "26.9.6", Router::new(), |_| endless()).await;
    assert!(matches!(client.download_file(&session(), "x").await, Err(Error::TooLarge { .. })));
}
