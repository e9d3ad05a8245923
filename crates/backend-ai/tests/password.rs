//! Changing the password, as servers of different lines answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use backend_ai::{AccessMode, Error, PasswordError};
use common::{answer, keypair, not_found, password, problem, signs_in, stub};
use serde_json::{Value, json};

use AccessMode::{Api, Session};

/// What 23.09.10 and 26.9.6 put into `data` (seen there).
fn refusal(kind: &str, title: &str, details: Option<&str>) -> Value {
    json!({
        "data": {"type": format!("https://api.backend.ai/probs/{kind}"), "title": title, "details": details},
        "password_changed_at": null,
    })
}

const MISMATCH: &str = "Credential/signature mismatch.";

#[tokio::test]
async fn an_expired_password_is_changed_without_a_login() {
    let changed = |_: &common::Seen| {
        answer(200, json!({"data": null, "password_changed_at": "2026-11-23T21:50:36.654573+00:00"}))
    };
    for version in ["23.09.10", "26.9.6"] {
        let stub = stub(changed).await;
        let client = stub.client(Session, version);
        client.change_expired_password("me@example.com", "old", "new").await.unwrap();
        let seen = &stub.seen()[0];
        assert_eq!(seen.line(), "POST /server/update-password-no-auth");
        let expected =
            json!({"username": "me@example.com", "current_password": "old", "new_password": "new"});
        assert_eq!(seen.json(), expected);
        assert_eq!(seen.header("cookie"), "");
    }
    let stub = stub(|_| answer(201, json!({"password_changed_at": "2026-11-23T21:50:36+00:00"}))).await;
    stub.client(Api, "23.09.10").change_expired_password("me@example.com", "old", "new").await.unwrap();
    assert_eq!(stub.lines(), ["POST /auth/update-password-no-auth"]);
    assert_eq!(stub.seen()[0].json()["domain"], "default");
}

#[tokio::test]
async fn a_refusal_of_the_server_is_told_with_and_without_a_status() {
    let same = "Cannot update to the same password as an existing password.";
    let table = [
        (refusal("auth-failed", MISMATCH, Some("User credential mismatch.")), PasswordError::WrongPassword),
        (refusal("auth-failed", MISMATCH, Some(same)), PasswordError::Refused(same.to_owned())),
        (
            refusal("rejected-by-hook", "Operation rejected by a hook plugin.", Some("Too short.")),
            PasswordError::Refused("Too short.".to_owned()),
        ),
    ];
    for (body, expected) in table {
        for status in [200, 401] {
            let said = body.clone();
            let stub = stub(move |_| answer(status, said.clone())).await;
            let client = stub.client(Session, "23.09.10");
            let error = client.change_expired_password("me", "old", "new").await.unwrap_err();
            assert_eq!(error, expected, "{status}");
        }
    }
}

#[tokio::test]
async fn a_good_password_is_changed_by_who_is_signed_in() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/func/auth/update-password" if seen.json()["old_password"] == "old" => answer(200, json!({})),
        "/func/auth/update-password" => problem(401, "auth-failed", MISMATCH, Some("Old password mismatch")),
        _ => signs_in(seen).unwrap_or_else(not_found),
    })
    .await;
    let client = stub.client(Session, "26.9.6");
    assert_eq!(
        client.change_password("old", "new").await,
        Err(PasswordError::Other(Error::NotSignedIn)),
        "nobody is signed in"
    );
    client.sign_in(&password()).await.unwrap();
    client.change_password("old", "new").await.unwrap();
    let expected = json!({"old_password": "old", "new_password": "new", "new_password2": "new"});
    assert_eq!(stub.seen().last().unwrap().json(), expected);
    assert_eq!(client.change_password("wrong", "new").await, Err(PasswordError::WrongPassword));
}

#[tokio::test]
async fn a_login_that_has_expired_is_not_a_wrong_password() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/func/auth/update-password" => problem(401, "auth-failed", "Unauthorized access", None),
        _ => signs_in(seen).unwrap_or_else(not_found),
    })
    .await;
    let client = stub.client(Session, "23.09.10");
    client.sign_in(&password()).await.unwrap();
    let expired = Err(PasswordError::Other(Error::NotSignedIn));
    assert_eq!(client.change_password("old", "new").await, expired);
}

#[tokio::test]
async fn a_keypair_may_change_it_too() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/auth/update-password" => answer(200, json!({})),
        _ => answer(200, json!({"global_role": "user", "domain_role": "user"})),
    })
    .await;
    let client = stub.client(Api, "23.09.10");
    client.sign_in(&keypair()).await.unwrap();
    client.change_password("old", "new").await.unwrap();
    assert!(stub.seen().last().unwrap().header("authorization").starts_with("BackendAI "));
}
