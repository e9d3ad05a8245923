//! The account's SSH keypair.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use axum::Router;
use backend_ai::{AccessMode, Error};
use common::{answer, problem, signed_in};
use serde_json::json;

#[tokio::test]
async fn a_missing_keypair_is_none() {
    for said in [json!({"ssh_public_key": null}), json!({"ssh_public_key": " \n"})] {
        let (_, client) =
            signed_in(AccessMode::Api, "23.09.10", Router::new(), move |_| answer(200, said.clone())).await;
        assert_eq!(client.ssh_public_key().await.unwrap(), None);
    }
    let said = json!({"ssh_public_key": "ssh-rsa AAAA \n"});
    let (_, client) =
        signed_in(AccessMode::Api, "23.09.10", Router::new(), move |_| answer(200, said.clone())).await;
    assert_eq!(client.ssh_public_key().await.unwrap().as_deref(), Some("ssh-rsa AAAA"));
}

#[tokio::test]
async fn both_halves_of_a_new_one_come_back_and_are_not_shown() {
    let said = json!({"ssh_public_key": "ssh-rsa AAAA\n", "ssh_private_key": "-----BEGIN secret"});
    let (stub, client) =
        signed_in(AccessMode::Api, "26.9.6", Router::new(), move |_| answer(200, said.clone())).await;
    let made = client.renew_ssh_keypair().await.unwrap();
    assert_eq!((made.public_key.as_str(), made.private_key.as_str()), ("ssh-rsa AAAA", "-----BEGIN secret"));
    assert!(!format!("{made:?}").contains("secret"));
    assert_eq!(stub.seen().last().unwrap().line(), "PATCH /auth/ssh-keypair");
}

#[tokio::test]
async fn a_refusal_of_a_registered_one_has_the_servers_words() {
    let (stub, client) = signed_in(AccessMode::Api, "26.9.6", Router::new(), |_| {
        problem(400, "ssh-keypair-mismatch", "The SSH public and private keys do not match.", None)
    })
    .await;
    let refused = client.set_ssh_keypair("ssh-rsa AAAA", "-----BEGIN").await.unwrap_err();
    assert!(
        matches!(refused, Error::Server { status: 400, ref title, .. } if title.contains("do not match"))
    );
    let sent = stub.seen().last().unwrap().json();
    assert_eq!(
        (sent["pubkey"].as_str(), sent["privkey"].as_str()),
        (Some("ssh-rsa AAAA"), Some("-----BEGIN"))
    );
}
