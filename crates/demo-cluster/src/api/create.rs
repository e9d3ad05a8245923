//! `POST /session`: a new session, from PENDING over PREPARING to RUNNING (protocol.md 3.2).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Shared, only_keys, parse_object};
use crate::cluster::{Caller, Cluster};
use crate::problem::Problem;
use crate::sample;
use crate::session::{Session, now};

const KEYS: [&str; 23] = [
    "name",
    "clientSessionToken",
    "image",
    "lang",
    "architecture",
    "type",
    "domain",
    "group",
    "clusterSize",
    "clusterMode",
    "enqueueOnly",
    "maxWaitSeconds",
    "reuseIfExists",
    "tag",
    "startupCommand",
    "bootstrap_script",
    "owner_access_key",
    "config",
    "callbackURL",
    "dependencies",
    "startsAt",
    "priority",
    "batch_timeout",
];

/// Handles the request; answers 201.
pub(super) async fn create(State(cluster): Shared, caller: Caller, body: Bytes) -> Result<Response, Problem> {
    let body = parse_object(&body)?;
    only_keys(&cluster, body.keys().map(String::as_str), &KEYS)?;
    let text = |keys: [&str; 2]| keys.iter().find_map(|key| body.get(*key).and_then(Value::as_str));
    let name = text(["name", "clientSessionToken"]).ok_or_else(|| Problem::schema("name", "is required"))?;
    if !is_valid_name(name) {
        return Err(Problem::schema("name", "is not a valid session name"));
    }
    let image = text(["image", "lang"]).ok_or_else(|| Problem::schema("image", "is required"))?;
    if !sample::images().contains(&image) {
        return Err(Problem::not_found("environment image").msg(image));
    }
    let agents = body.get("config").and_then(|config| config.get("agent_list"));
    if agents.is_some_and(|agents| !agents.is_null()) && !cluster.account(caller).is_admin() {
        return Err(Problem::forbidden());
    }
    let flag = |key: &str, default: bool| body.get(key).and_then(Value::as_bool).unwrap_or(default);
    if let Some(existing) = live_session_named(&cluster, caller, name) {
        if flag("reuseIfExists", true) && existing.image == image {
            return Ok((StatusCode::OK, axum::Json(answer(&existing, false))).into_response());
        }
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "session-already-exists",
            "The session already exists but you requested not to reuse existing one.",
        )
        .with("data", json!({"existingSessionId": existing.id})));
    }
    let is_batch = text(["type", "type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("batch"));
    let session = Session {
        id: Uuid::new_v4(),
        name: name.to_owned(),
        owner: caller.account,
        status: "PENDING".into(),
        status_info: None,
        kind: text(["type", "type"]).unwrap_or("interactive").to_uppercase(),
        image: image.to_owned(),
        project: text(["group", "group"]).unwrap_or("default").to_owned(),
        resource_group: "default".into(),
        cluster_size: body.get("clusterSize").and_then(Value::as_u64).map_or(1, |n| n.clamp(1, 64) as u32),
        slots: slots(body.get("config").and_then(Value::as_object))?,
        created_at: now(),
        status_changed: now(),
        terminated_at: None,
        apps: sample::apps_of(image),
        bootstrap: text(["bootstrap_script", "bootstrap_script"]).map(str::to_owned),
        command: text(["startupCommand", "startup_command"]).filter(|_| is_batch).map(str::to_owned),
        outcome: None,
        log: String::new(),
        container: None,
    };
    let id = session.id;
    cluster.enqueue(session);
    let started = bring_up(&cluster, id);
    if !flag("enqueueOnly", false) {
        // Ends with the cluster too, because every step of the start does.
        let _ = started.await;
    }
    let session = cluster.session_by_id(id).ok_or_else(|| Problem::not_found("session"))?;
    Ok((StatusCode::CREATED, axum::Json(answer(&session, true))).into_response())
}

/// Lets a pending session go through its states in the background.
fn bring_up(cluster: &Arc<Cluster>, id: Uuid) -> tokio::task::JoinHandle<()> {
    let step = cluster.settings.pace / 2;
    let cluster_of_task = cluster.clone();
    cluster.tasks.spawn(async move {
        let cluster = cluster_of_task;
        let pause = || async {
            tokio::select! {
                () = tokio::time::sleep(step) => true,
                () = cluster.stop.cancelled() => false,
            }
        };
        if !pause().await {
            return;
        }
        cluster.advance(id, "PREPARING", "session_preparing");
        if !pause().await {
            return;
        }
        if let Err(error) = cluster.start(id) {
            tracing::warn!(%error, "a demo session did not start");
            cluster.terminate(id, "failed-to-start");
        }
        let tasks = cluster.tasks.clone();
        tasks.spawn(async move { cluster.run_batch(id).await });
    })
}

fn live_session_named(cluster: &Cluster, caller: Caller, name: &str) -> Option<Session> {
    let state = cluster.state();
    let taken =
        |session: &&Session| session.owner == caller.account && session.is_live() && session.name == name;
    state.sessions.iter().find(taken).cloned()
}

fn answer(session: &Session, created: bool) -> Value {
    json!({
        "sessionId": session.id,
        "sessionName": session.name,
        "status": session.status,
        "servicePorts": session.apps_json(),
        "created": created,
    })
}

/// 4-64 characters, word characters at both ends, `.` and `-` inside (protocol.md 3.2).
pub(super) fn is_valid_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (4..=64).contains(&name.len())
        && name.chars().all(|c| word(c) || c == '.' || c == '-')
        && name.chars().next().is_some_and(word)
        && name.chars().next_back().is_some_and(word)
}

/// `config.resources` as slots, `mem` in bytes.
fn slots(config: Option<&Map<String, Value>>) -> Result<Vec<(String, String)>, Problem> {
    let asked = config.and_then(|config| config.get("resources")).and_then(Value::as_object);
    let mut slots: Vec<(String, String)> =
        vec![("cpu".into(), "1".into()), ("mem".into(), "1073741824".into())];
    for (slot, amount) in asked.into_iter().flatten() {
        let amount = match amount {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(Problem::invalid_params(format!("The amount of {slot} is not a number."))),
        };
        let amount = if slot == "mem" { bytes(&amount) } else { amount.parse::<f64>().ok().map(|_| amount) };
        let amount = amount
            .ok_or_else(|| Problem::invalid_params(format!("The amount of {slot} is not a number.")))?;
        match slots.iter_mut().find(|(known, _)| known == slot) {
            Some(entry) => entry.1 = amount,
            None => slots.push((slot.clone(), amount)),
        }
    }
    Ok(slots)
}

/// `256m`, `2g` or plain bytes, as decimal bytes.
fn bytes(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches(['b', 'B']).trim_end_matches(['i', 'I']);
    let (number, shift) = match text.chars().next_back()?.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 10),
        'm' => (&text[..text.len() - 1], 20),
        'g' => (&text[..text.len() - 1], 30),
        't' => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let number: f64 = number.parse().ok()?;
    Some(format!("{:.0}", number * f64::from(2).powi(shift)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_the_server_takes_them() {
        assert!(is_valid_name("llama-finetune") && is_valid_name("a.b_c"));
        for bad in ["abc", "-abcd", "abcd-", "ab cd", "naïve", &"x".repeat(65)] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }

    #[test]
    fn memory_in_the_usual_spellings() {
        assert_eq!(bytes("256m").as_deref(), Some("268435456"));
        assert_eq!(bytes("2g").as_deref(), Some("2147483648"));
        assert_eq!(bytes("1.5GiB").as_deref(), Some("1610612736"));
        assert_eq!(bytes("1024").as_deref(), Some("1024"));
        assert_eq!(bytes("lots"), None);
    }
}
