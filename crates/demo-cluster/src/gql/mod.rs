//! `POST /admin/gql`: the queries of protocol.md 2, answered field by field.

mod filter;
mod parse;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::api::{only_keys, parse_object};
use crate::cluster::{Caller, Cluster};
use crate::dialect::Dialect;
use crate::problem::Problem;
use crate::sample;
use crate::session::{Session, iso};
use filter::{Filter, compare, parse_order};
use parse::Field;

/// Answers a query: 200 with `data`, or 200 with `errors` (protocol.md 2).
pub(crate) async fn handle(
    State(cluster): State<Arc<Cluster>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Problem> {
    let body = parse_object(&body)?;
    only_keys(&cluster, body.keys().map(String::as_str), &["query", "variables", "operationName"])?;
    let query =
        body.get("query").and_then(Value::as_str).ok_or_else(|| Problem::schema("query", "is required"))?;
    let empty = Map::new();
    let variables = body.get("variables").and_then(Value::as_object).unwrap_or(&empty);
    let outcome = parse::parse(query, variables)
        .map_err(|error| error.to_string())
        .and_then(|fields| execute(&cluster, caller, &fields));
    let federation = cluster.settings.federation_router;
    let answer = match outcome {
        Ok(data) if cluster.dialect().gql_has_null_errors() && !federation => {
            json!({"data": data, "errors": null})
        }
        Ok(data) => json!({"data": data}),
        Err(message) if federation => {
            json!({"errors": [{"message": message, "extensions": {"code": "DOWNSTREAM_SERVICE_ERROR"}}]})
        }
        Err(message) => {
            json!({"data": null, "errors": [{"message": message, "locations": [{"line": 1, "column": 1}]}]})
        }
    };
    Ok(axum::Json(answer).into_response())
}

fn execute(cluster: &Cluster, caller: Caller, fields: &[Field]) -> Result<Value, String> {
    let mut data = Map::new();
    for field in fields {
        let value = match field.name.as_str() {
            "compute_session_list" => session_list(cluster, caller, field)?,
            "compute_session" => one_session(cluster, caller, field)?,
            "user" => select(&user(cluster, caller), field)?,
            "keypair" => select(&keypair(cluster, caller), field)?,
            "images" => images(field)?,
            // There are none here.
            "networks" if cluster.dialect() >= Dialect::V25 => select(&json!({"edges": []}), field)?,
            "__typename" => json!("Queries"),
            other => return Err(format!("Cannot query field \"{other}\" on type \"Queries\".")),
        };
        data.insert(field.key.clone(), value);
    }
    Ok(Value::Object(data))
}

fn session_list(cluster: &Cluster, caller: Caller, field: &Field) -> Result<Value, String> {
    const KNOWN: [&str; 9] = [
        "limit",
        "offset",
        "access_key",
        "status",
        "filter",
        "order",
        "domain_name",
        "group_id",
        "user_uuid",
    ];
    if let Some(unknown) = field.arguments.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(format!(
            "Unknown argument \"{unknown}\" on field \"compute_session_list\" of type \"Queries\"."
        ));
    }
    let number = |key: &str| field.arguments.get(key).and_then(Value::as_u64);
    let text = |key: &str| field.arguments.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let limit = number("limit").ok_or("Field \"compute_session_list\" argument \"limit\" is required.")?;
    if limit > 100 {
        return Err("The limit must not exceed 100.".into());
    }
    let offset = number("offset").ok_or("Field \"compute_session_list\" argument \"offset\" is required.")?;
    let statuses: Option<Vec<&str>> = text("status").map(|list| list.split(',').map(str::trim).collect());
    for status in statuses.iter().flatten() {
        if !cluster.dialect().knows_status(status) {
            return Err(format!("'{status}' is not a valid SessionStatus"));
        }
    }
    let filter = text("filter").map(Filter::parse).transpose().map_err(|error| error.to_string())?;
    let order = text("order").map(parse_order).transpose().map_err(|error| error.to_string())?;

    let account = cluster.account(caller);
    // A plain user gets their own whatever they ask for; an administrator who names no key gets
    // everybody's (protocol.md 2.1).
    let owner = match text("access_key") {
        _ if !account.is_admin() => Some(caller.account),
        Some(key) => Some(cluster.account_by_key(key).unwrap_or(usize::MAX)),
        None => None,
    };
    let state = cluster.state();
    let mut rows: Vec<Value> = Vec::new();
    for session in &state.sessions {
        let wanted = owner.is_none_or(|owner| owner == session.owner)
            && statuses.as_ref().is_none_or(|statuses| statuses.contains(&session.status.as_str()));
        if wanted {
            let row = session_row(cluster, session);
            let get = |name: &str| row.get(name).map(plain);
            if filter.as_ref().map(|filter| filter.accepts(&get)).transpose().map_err(|e| e.to_string())?
                != Some(false)
            {
                rows.push(row);
            }
        }
    }
    drop(state);
    let order = order.unwrap_or_else(|| vec![("created_at".into(), true)]);
    for (name, descending) in order.iter().rev() {
        if rows.iter().any(|row| row.get(name).is_none()) {
            return Err(format!("Unknown field: {name}"));
        }
        rows.sort_by(|a, b| {
            let ordering = compare(&plain(&a[name.as_str()]), &plain(&b[name.as_str()]));
            if *descending { ordering.reverse() } else { ordering }
        });
    }
    let total = rows.len();
    let page = rows
        .into_iter()
        .skip(usize::try_from(offset).unwrap_or(usize::MAX))
        .take(usize::try_from(limit).unwrap_or(usize::MAX));
    let list = json!({"items": page.collect::<Vec<_>>(), "total_count": total});
    let mut answer = Map::new();
    for part in &field.selection {
        let value = match part.name.as_str() {
            "items" => {
                let items = list["items"].as_array().cloned().unwrap_or_default();
                Value::Array(
                    items.iter().map(|item| session_fields(cluster, item, part)).collect::<Result<_, _>>()?,
                )
            }
            _ => select_one(&list, part, "ComputeSessionList")?,
        };
        answer.insert(part.key.clone(), value);
    }
    Ok(Value::Object(answer))
}

fn one_session(cluster: &Cluster, caller: Caller, field: &Field) -> Result<Value, String> {
    let id = field.arguments.get("id").and_then(Value::as_str).unwrap_or_default();
    let id = Uuid::parse_str(id).map_err(|_| format!("badly formed hexadecimal UUID string: {id}"))?;
    let admin = cluster.account(caller).is_admin();
    match cluster.session_by_id(id) {
        Some(session) if admin || session.owner == caller.account => {
            session_fields(cluster, &session_row(cluster, &session), field)
        }
        _ => Ok(Value::Null),
    }
}

/// Every field of a session the API has, in its wire form. JSON scalars are strings (2).
fn session_row(cluster: &Cluster, session: &Session) -> Value {
    let account = &cluster.accounts[session.owner];
    let occupied = if session.occupies() { session.slots_json() } else { json!({}) };
    let ports = match session.service_ports_json() {
        Value::Null => Value::Null,
        ports => json!(ports.to_string()),
    };
    let identity = json!({
        "id": session.id, "session_id": session.id, "main_kernel_id": session.id, "row_id": session.id,
        "name": session.name, "type": session.kind, "session_type": session.kind, "tag": null,
        "image": session.image, "architecture": "x86_64", "registry": "cr.backend.ai",
        "scaling_group": session.resource_group, "domain_name": "default",
        "group_name": session.project, "group_id": "2de2b969-1d04-48a6-af16-0bc8adb3c831",
        "project": session.project, "user_email": account.email,
        "user_id": Uuid::from_u128(session.owner as u128 + 1), "access_key": account.access_key,
        "created_user_email": null, "cluster_size": session.cluster_size,
        "cluster_mode": if session.cluster_size > 1 { "multi-node" } else { "single-node" },
    });
    let life = json!({
        "status": session.status, "status_info": session.status_info, "status_data": "{}",
        "status_changed": iso(session.status_changed), "created_at": iso(session.created_at),
        "terminated_at": session.terminated_at.map(iso), "starts_at": null, "startup_command": null,
        "result": session.result(), "priority": 10, "num_queries": 0, "commit_status": "ready",
        "abusing_reports": [], "containers": containers(session), "dependencies": [],
    });
    let resources = json!({
        "service_ports": ports, "occupied_slots": occupied.to_string(),
        "occupying_slots": occupied.to_string(), "requested_slots": session.slots_json().to_string(),
        "resource_opts": "{}", "environ": "{}", "idle_checks": "{}", "live_stat": "{}",
        "last_stat": "{}", "inference_metrics": "{}", "mounts": [], "vfolder_mounts": [],
        "agent_ids": ["i-demo"],
    });
    let parts = [identity, life, resources].into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(parts.flatten().collect())
}

/// The main container, in the fields that all lines know. Its id is null until it runs.
fn containers(session: &Session) -> Value {
    json!([{
        "id": session.id, "session_id": session.id, "idx": 0, "role": "main", "hostname": "main1",
        "cluster_role": "main", "cluster_idx": 1, "local_rank": 0, "cluster_hostname": "main1",
        "image": session.image, "registry": "cr.backend.ai", "agent": "i-demo",
        "status": session.status, "status_info": session.status_info, "status_data": "{}",
        "status_changed": iso(session.status_changed), "created_at": iso(session.created_at),
        "terminated_at": session.terminated_at.map(iso), "starts_at": null,
        "occupied_slots": session.slots_json().to_string(), "resource_opts": "{}",
        "container_id": session.container.as_ref().map(|container| container.id.as_str()),
    }])
}

fn session_fields(cluster: &Cluster, row: &Value, field: &Field) -> Result<Value, String> {
    if let Some(unknown) =
        field.selection.iter().find(|part| !cluster.dialect().knows_session_field(&part.name))
    {
        return Err(format!("Cannot query field \"{}\" on type \"ComputeSession\".", unknown.name));
    }
    select_as(row, field, "ComputeSession")
}

fn user(cluster: &Cluster, caller: Caller) -> Value {
    let account = cluster.account(caller);
    json!({
        "uuid": Uuid::from_u128(caller.account as u128 + 1), "id": Uuid::from_u128(caller.account as u128 + 1),
        "email": account.email, "username": account.email.split('@').next(), "full_name": "Berth Demo",
        "role": account.role, "status": "active", "is_active": true, "domain_name": "default",
        "need_password_change": false, "totp_activated": false,
        "groups": [{"id": "2de2b969-1d04-48a6-af16-0bc8adb3c831", "name": "default"}],
    })
}

fn keypair(cluster: &Cluster, caller: Caller) -> Value {
    let account = cluster.account(caller);
    json!({
        "access_key": account.access_key, "is_active": true, "is_admin": account.is_admin(),
        "user_id": account.email, "rate_limit": 30_000, "resource_policy": "default", "concurrency_used": 0,
    })
}

fn images(field: &Field) -> Result<Value, String> {
    let entry = |reference: &str| {
        let (path, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let (registry, name) = path.split_once('/').unwrap_or(("", path));
        json!({
            "name": name, "registry": registry, "tag": tag, "architecture": "x86_64", "aliases": [],
            "digest": "", "installed": true, "supported_accelerators": ["cuda"],
            "namespace": name, "base_image_name": name, "tags": [], "version": tag,
            "labels": [{"key": "ai.backend.role", "value": "COMPUTE"}],
            "resource_limits": [{"key": "cpu", "min": "1", "max": null}, {"key": "mem", "min": "268435456", "max": null}],
        })
    };
    let list = sample::images().into_iter().map(|image| select_as(&entry(image), field, "Image"));
    Ok(Value::Array(list.collect::<Result<_, _>>()?))
}

fn select(value: &Value, field: &Field) -> Result<Value, String> {
    select_as(value, field, "Object")
}

/// The selected fields of an object, of each of a list, or the scalar itself.
fn select_as(value: &Value, field: &Field, kind: &str) -> Result<Value, String> {
    match value {
        Value::Array(items) if !field.selection.is_empty() => {
            Ok(Value::Array(items.iter().map(|item| select_as(item, field, kind)).collect::<Result<_, _>>()?))
        }
        Value::Object(_) => {
            if field.selection.is_empty() {
                return Err(format!(
                    "Field \"{}\" of type \"{kind}\" must have a selection of subfields.",
                    field.name
                ));
            }
            let mut out = Map::new();
            for part in &field.selection {
                out.insert(part.key.clone(), select_one(value, part, kind)?);
            }
            Ok(Value::Object(out))
        }
        scalar => Ok(scalar.clone()),
    }
}

fn select_one(value: &Value, part: &Field, kind: &str) -> Result<Value, String> {
    if part.name == "__typename" {
        return Ok(json!(kind));
    }
    let inner = value
        .get(&part.name)
        .ok_or_else(|| format!("Cannot query field \"{}\" on type \"{kind}\".", part.name))?;
    select_as(inner, part, &part.name)
}

/// A scalar as text, for filters and orders.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
