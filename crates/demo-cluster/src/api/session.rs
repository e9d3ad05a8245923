//! `/session/{session}`: what is known about one session, and its end (protocol.md 3.3, 4.1).

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Query, Shared, only_keys, parse_object};
use crate::cluster::{BATCH_LOG, Caller, Lookup};
use crate::problem::Problem;
use crate::session::{Session, iso, now};

/// `GET /session/{session}`. Slots are a Python text there, as on real servers.
pub(super) async fn info(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Response, Problem> {
    let session = cluster.find(caller, &reference, Lookup::Rest)?;
    let slots = session.slots_json().to_string().replace('"', "'");
    let age = (now() - session.created_at).whole_milliseconds();
    Ok(axum::Json(json!({
        "domainName": "default",
        "groupId": "2de2b969-1d04-48a6-af16-0bc8adb3c831",
        "userId": cluster.account(caller).email,
        "image": session.image,
        "architecture": "x86_64",
        "registry": "cr.backend.ai",
        "tag": null,
        // Made by Python's str(), as on all lines.
        "containerId": session.container.as_ref().map_or("None", |container| container.id.as_str()),
        "occupiedSlots": slots,
        "occupyingSlots": slots,
        "requestedSlots": slots,
        "environ": "{}",
        "status": session.status,
        "statusInfo": session.status_info,
        "statusData": null,
        "age": i64::try_from(age).unwrap_or(i64::MAX),
        "creationTime": iso(session.created_at),
        "terminationTime": session.terminated_at.map(iso),
        "numQueriesExecuted": 0,
        "lastStat": null,
        "idleChecks": null,
    }))
    .into_response())
}

/// `DELETE /session/{session}`.
pub(super) async fn destroy(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    let known: &[&str] = if cluster.dialect() == crate::Dialect::V22_09 {
        &["forced", "owner_access_key"]
    } else {
        &["forced", "recursive", "owner_access_key"]
    };
    query.only(&cluster, known)?;
    let session = cluster.find(caller, &reference, Lookup::Rest)?;
    cluster.advance(session.id, "TERMINATING", "session_terminating");
    let (cluster, pace) = (cluster.clone(), cluster.settings.pace);
    let tracker = cluster.tasks.clone();
    tracker.spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(pace) => {}
            () = cluster.stop.cancelled() => {}
        }
        cluster.terminate(session.id, "user-requested");
    });
    Ok(axum::Json(json!({"stats": {"status": "terminated"}})).into_response())
}

/// `GET /session/{session}/logs`, for ended sessions too.
pub(super) async fn logs(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Response, Problem> {
    let session = cluster.find(caller, &reference, Lookup::WithEnded)?;
    let mut text = format!("session {} ({})\n", session.name, session.image);
    if let Some(container) = &session.container {
        let log = container.home.join("logs").join("train-0001.log");
        text.push_str(&tokio::fs::read_to_string(log).await.unwrap_or_default());
        let own = tokio::fs::read(container.home.join(BATCH_LOG)).await.unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&own));
    } else {
        text.push_str(&session.log);
    }
    Ok(axum::Json(json!({"result": {"logs": text}})).into_response())
}

/// `POST /session/{session}/rename` with `name`; running sessions only.
pub(super) async fn rename(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    query: Query,
    body: Bytes,
) -> Result<Response, Problem> {
    let from_body = if body.is_empty() { None } else { parse_object(&body)?.remove("name") };
    let name = from_body.as_ref().and_then(Value::as_str).or(query.get("name")).map(str::to_owned);
    let name = name.filter(|name| super::create::is_valid_name(name));
    let name = name.ok_or_else(|| Problem::schema("name", "is not a valid session name"))?;
    let session = running(cluster.find(caller, &reference, Lookup::Rest)?)?;
    let mut state = cluster.state();
    let taken = |other: &Session| other.owner == caller.account && other.is_live() && other.name == name;
    if state.sessions.iter().any(taken) {
        return Err(Problem::invalid_params("Duplicate session name."));
    }
    if let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == session.id) {
        entry.name = name;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /session/{session}/start-service`: there is no AppProxy here (appendix A).
pub(super) async fn start_service(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let session = cluster.find(caller, &reference, Lookup::Rest)?;
    let body = parse_object(&body)?;
    let app = body.get("app").and_then(Value::as_str).unwrap_or_default();
    if !session.apps.iter().any(|offered| offered.name == app) {
        return Err(Problem::not_found("app service").msg(format!("{}:{app}", session.name)));
    }
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "service-unavailable",
        "Serving unavailable due to maintenance.",
    )
    .msg("No coordinator configured for this resource group"))
}

/// `GET /session/{session}/direct-access-info`: ordinary sessions have none (protocol.md 7).
pub(super) async fn direct_access(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Response, Problem> {
    cluster.find(caller, &reference, Lookup::Rest)?;
    if cluster.dialect().direct_access_broken() {
        return Err(Problem::not_found("session"));
    }
    Ok(axum::Json(json!({})).into_response())
}

/// `GET /stream/session/{session}/apps`: empty before the session runs.
pub(super) async fn apps(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
) -> Result<Response, Problem> {
    let session = cluster.find(caller, &reference, Lookup::Stream)?;
    Ok(axum::Json(session.apps_json()).into_response())
}

/// `GET /session/_/match?id=`: name or prefix of name or id, ended sessions included.
pub(super) async fn find(State(cluster): Shared, caller: Caller, query: Query) -> Result<Response, Problem> {
    query.only(&cluster, &["id"])?;
    let id = query.get("id").ok_or_else(|| Problem::schema("id", "is required"))?.to_owned();
    let state = cluster.state();
    let mut found: Vec<&Session> = state
        .sessions
        .iter()
        .filter(|session| session.owner == caller.account && !id.is_empty())
        .filter(|session| session.name.starts_with(&id) || session.id.to_string().starts_with(&id))
        .collect();
    found.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    let matches: Vec<Value> = found
        .iter()
        .take(10)
        .map(|session| json!({"id": session.id, "name": session.name, "status": session.status}))
        .collect();
    Ok(axum::Json(json!({"matches": matches})).into_response())
}

/// `POST /v2/sessions/my/search` of 26.4 and later (appendix B).
pub(super) async fn search_v2(
    State(cluster): Shared,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    if !cluster.dialect().has_rest_v2() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "url-not-found", "Unknown URL path."));
    }
    let body = parse_object(&body)?;
    only_keys(&cluster, body.keys().map(String::as_str), &["filter", "order", "limit", "offset"])?;
    let number = |key: &str, default: usize| {
        body.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    };
    let (limit, offset) = (number("limit", 20), number("offset", 0));
    let state = cluster.state();
    let mut mine: Vec<&Session> =
        state.sessions.iter().filter(|session| session.owner == caller.account).collect();
    mine.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    let access_key = &cluster.account(caller).access_key;
    let items: Vec<Value> = mine
        .iter()
        .skip(offset)
        .take(limit)
        .map(|session| {
            json!({
                "id": session.id,
                "domain_name": "default",
                "project_id": "2de2b969-1d04-48a6-af16-0bc8adb3c831",
                "metadata": {
                    "name": session.name, "session_type": session.kind.to_lowercase(),
                    "access_key": access_key, "cluster_mode": "single-node",
                    "cluster_size": session.cluster_size,
                },
                "lifecycle": {
                    "status": session.status, "created_at": iso(session.created_at),
                    "terminated_at": session.terminated_at.map(iso),
                },
            })
        })
        .collect();
    Ok(axum::Json(json!({
        "items": items,
        "total_count": mine.len(),
        "has_next_page": offset + limit < mine.len(),
        "has_previous_page": offset > 0,
    }))
    .into_response())
}

/// The session, if it runs.
pub(super) fn running(session: Session) -> Result<Session, Problem> {
    if session.container.is_some() {
        Ok(session)
    } else {
        Err(Problem::invalid_params(format!("The session is not running ({}).", session.status)))
    }
}
