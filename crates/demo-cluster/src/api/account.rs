//! `/auth`: who one is, and the account's SSH keypair (protocol.md 1.3, 5.5).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Shared, parse_object};
use crate::cluster::Caller;
use crate::dialect::KeyFormat;
use crate::keys::SshKey;
use crate::problem::Problem;
use crate::server;

/// `POST /auth/authorize`, unsigned.
pub(super) async fn authorize(State(cluster): Shared, body: Bytes) -> Result<Response, Problem> {
    let body = Value::Object(parse_object(&body)?);
    Ok(axum::Json(server::authorize_keypair(&cluster, &body)?).into_response())
}

/// `POST /auth/update-password`.
pub(super) async fn update_password(
    State(cluster): Shared,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let body = Value::Object(parse_object(&body)?);
    Ok(axum::Json(server::update_password(&cluster, caller, &body)?).into_response())
}

/// `POST /auth/update-password-no-auth`, unsigned.
pub(super) async fn update_expired_password(
    State(cluster): Shared,
    body: Bytes,
) -> Result<Response, Problem> {
    let body = Value::Object(parse_object(&body)?);
    let answer = server::update_expired_password(&cluster, &body)?;
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// `GET /auth/role`.
pub(super) async fn role(State(cluster): Shared, caller: Caller) -> Response {
    let role = &cluster.account(caller).role;
    axum::Json(json!({"global_role": role, "domain_role": role, "group_role": null})).into_response()
}

/// `GET /auth/ssh-keypair`: the public half, or null.
pub(super) async fn ssh_key(State(cluster): Shared, caller: Caller) -> Result<Response, Problem> {
    let key = cluster.state().users[caller.account].ssh_key.clone();
    let public =
        key.map(|key| key.public_line()).transpose().map_err(|e| Problem::internal(e.to_string()))?;
    Ok(axum::Json(json!({"ssh_public_key": public})).into_response())
}

/// `PATCH /auth/ssh-keypair`: a new keypair for the sessions to come.
pub(super) async fn renew_ssh_key(State(cluster): Shared, caller: Caller) -> Result<Response, Problem> {
    let key = tokio::task::spawn_blocking(|| SshKey::generate(KeyFormat::Pkcs1))
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))?;
    let public = key.public_line().map_err(|error| Problem::internal(error.to_string()))?;
    let private = key.pem.clone();
    cluster.state().users[caller.account].ssh_key = Some(key);
    Ok(axum::Json(json!({"ssh_public_key": public, "ssh_private_key": private})).into_response())
}

/// `POST /auth/ssh-keypair` with `pubkey` and `privkey`.
pub(super) async fn set_ssh_key(
    State(cluster): Shared,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let body = parse_object(&body)?;
    let text =
        |key: &str| body.get(key).and_then(Value::as_str).ok_or_else(|| Problem::schema(key, "is required"));
    let (public, private) = (text("pubkey")?, text("privkey")?);
    let refuse = |kind: &str, title: &str| Problem::new(StatusCode::BAD_REQUEST, kind, title);
    let key =
        SshKey::parse(private).map_err(|_| refuse("invalid-ssh-private-key", "Invalid SSH private key."))?;
    let own = key.public_line().map_err(|error| Problem::internal(error.to_string()))?;
    let blob = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    if blob(public).is_none() {
        return Err(refuse("invalid-ssh-public-key", "Invalid SSH public key."));
    }
    if blob(public) != blob(&own) {
        return Err(refuse("ssh-keypair-mismatch", "The SSH public and private keys do not match."));
    }
    cluster.state().users[caller.account].ssh_key = Some(key);
    Ok(axum::Json(json!({"ssh_public_key": own, "ssh_private_key": private})).into_response())
}
