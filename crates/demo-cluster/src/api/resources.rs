//! The small lists a client asks for beside sessions: folders, presets, resource groups
//! (protocol.md 3.1, 6).

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Shared, parse_object};
use crate::cluster::Caller;
use crate::problem::Problem;

/// `GET /folders`.
pub(super) async fn folders(State(cluster): Shared, caller: Caller) -> Response {
    let user = &cluster.account(caller).email;
    let folder = |name: &str, id: &str, usage: &str| {
        json!({
            "name": name, "id": id, "host": "local:volume1", "status": "ready", "usage_mode": usage,
            "permission": "rw", "ownership_type": "user", "is_owner": true, "user": user, "group": null,
            "group_name": null, "created_at": "2026-08-03T02:11:40.120000+00:00", "max_size": null,
            "cloneable": false,
        })
    };
    axum::Json(json!([
        folder("datasets", "0d0c4d0a8f5c4f0e9c1b7a52c7ad0b11", "data"),
        folder("models", "5b2c0c9e2f1e4a719c3a6f5be8d4ac07", "model"),
        folder("notebooks", "c1f7e3d29a0b4e6b8f54d1f0a7c2e935", "general"),
    ]))
    .into_response()
}

/// `POST /folders`: the demo cluster makes none, but refuses reserved names as servers do
/// (appendix C).
pub(super) async fn create_folder(State(cluster): Shared, _: Caller, body: Bytes) -> Problem {
    let body = match parse_object(&body) {
        Ok(body) => body,
        Err(problem) => return problem,
    };
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if [".ssh", ".terminfo", ".jupyter", ".tmux.conf"].contains(&name) {
        let msg = if cluster.dialect().refuses_unknown_keys() {
            format!("{name} is reserved for internal operations.")
        } else {
            format!("VFolder name '{name}' is reserved for internal operations")
        };
        return Problem::invalid_params(msg);
    }
    Problem::new(StatusCode::PRECONDITION_FAILED, "quota-exceeded", "You have reached your resource limit.")
        .msg("The demo cluster keeps no folders.")
}

/// `GET /folders/_/hosts`.
pub(super) async fn folder_hosts(_: Caller) -> Response {
    axum::Json(json!({
        "default": "local:volume1", "allowed": ["local:volume1"],
        "volume_info": {"local:volume1": {"backend": "vfs", "capabilities": ["vfolder"], "sftp_scaling_groups": []}},
    }))
    .into_response()
}

/// `GET /manager/announcement`.
pub(super) async fn announcement(_: Caller) -> Response {
    axum::Json(json!({"enabled": false, "message": ""})).into_response()
}

/// `GET /config/resource-slots`.
pub(super) async fn slots(_: Caller) -> Response {
    axum::Json(json!({"cpu": "count", "mem": "bytes", "cuda.device": "count", "cuda.shares": "count"}))
        .into_response()
}

/// `GET /resource/presets`.
pub(super) async fn presets(_: Caller) -> Response {
    let preset =
        |name: &str, slots: Value| json!({"name": name, "resource_slots": slots, "shared_memory": null});
    axum::Json(json!({"presets": [
        preset("small", json!({"cpu": "2", "mem": "4294967296"})),
        preset("gpu-1", json!({"cpu": "8", "mem": "68719476736", "cuda.device": "1"})),
    ]}))
    .into_response()
}

/// `GET /scaling-groups`.
pub(super) async fn scaling_groups(_: Caller) -> Response {
    axum::Json(json!({"scaling_groups": [{"name": "default"}]})).into_response()
}

/// `GET /scaling-groups/{name}/wsproxy-version`.
pub(super) async fn wsproxy_version(_: Caller, Path(name): Path<String>) -> Result<Response, Problem> {
    if name == "default" {
        Ok(axum::Json(json!({"wsproxy_version": "v1"})).into_response())
    } else {
        Err(Problem::not_found("scaling group"))
    }
}
