//! A compute session as the server keeps it, and its life cycle.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::container::Container;

/// An app that a session offers.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// Name, e.g. `sshd`.
    pub(crate) name: String,
    /// `tcp` or `http`.
    pub(crate) protocol: String,
    /// Port inside the container.
    pub(crate) port: u16,
}

impl App {
    pub(crate) fn new(name: &str, protocol: &str, port: u16) -> App {
        App { name: name.into(), protocol: protocol.into(), port }
    }
}

/// A compute session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Index of the owner among the cluster's accounts.
    pub(crate) owner: usize,
    /// Upper case, e.g. `RUNNING`.
    pub(crate) status: String,
    pub(crate) status_info: Option<String>,
    /// Upper case: `INTERACTIVE` or `BATCH`.
    pub(crate) kind: String,
    pub(crate) image: String,
    pub(crate) project: String,
    pub(crate) resource_group: String,
    pub(crate) cluster_size: u32,
    /// Slot name and decimal amount; bytes for `mem`.
    pub(crate) slots: Vec<(String, String)>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) status_changed: OffsetDateTime,
    pub(crate) terminated_at: Option<OffsetDateTime>,
    /// Apps it offers once it runs.
    pub(crate) apps: Vec<App>,
    /// Shell text run at the first start, from the create request.
    pub(crate) bootstrap: Option<String>,
    /// Shell text of a batch session, which ends with it.
    pub(crate) command: Option<String>,
    /// What that has come to: its exit code.
    pub(crate) outcome: Option<i32>,
    /// What it has written, once it has ended.
    pub(crate) log: String,
    /// The running container; present exactly while the status is `RUNNING`.
    pub(crate) container: Option<Arc<Container>>,
}

impl Session {
    /// Neither terminated nor cancelled: the name is taken and the session can be found.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.status.as_str(), "TERMINATED" | "CANCELLED")
    }

    /// `[{"name","protocol","ports"}]`, empty before the session runs (protocol.md appendix A).
    pub(crate) fn apps_json(&self) -> Value {
        if self.container.is_none() {
            return json!([]);
        }
        let apps = self.apps.iter().map(|app| {
            let mut entry = json!({"name": app.name, "protocol": app.protocol, "ports": [app.port]});
            if app.name == "jupyter" {
                entry["allowed_arguments"] = json!({});
                entry["allowed_envs"] = json!({});
                entry["url_template"] = json!("{protocol}://{host}:{port}/lab");
            }
            entry
        });
        Value::Array(apps.collect())
    }

    /// `service_ports` of GraphQL before it is put into a string; null before the session runs.
    pub(crate) fn service_ports_json(&self) -> Value {
        if self.container.is_none() {
            return Value::Null;
        }
        let ports = self.apps.iter().enumerate().map(|(index, app)| {
            json!({
                "name": app.name,
                "protocol": app.protocol,
                "host_ports": [30700 + index],
                "is_inference": false,
                "container_ports": [app.port],
            })
        });
        Value::Array(ports.collect())
    }

    /// `SUCCESS`, `FAILURE`, or `UNDEFINED` until it is known.
    pub(crate) fn result(&self) -> &'static str {
        match self.outcome {
            None => "UNDEFINED",
            Some(0) => "SUCCESS",
            Some(_) => "FAILURE",
        }
    }

    /// Slots as a JSON object of decimal strings.
    pub(crate) fn slots_json(&self) -> Value {
        Value::Object(self.slots.iter().map(|(slot, amount)| (slot.clone(), json!(amount))).collect())
    }

    /// Whether the session occupies resources now.
    pub(crate) fn occupies(&self) -> bool {
        matches!(self.status.as_str(), "PREPARING" | "PULLING" | "RUNNING" | "TERMINATING")
    }
}

/// The API's time format: `2026-11-23T08:41:12.123456+00:00`.
pub(crate) fn iso(time: OffsetDateTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");
    time.to_offset(time::UtcOffset::UTC).format(&format).unwrap_or_default()
}

/// Now, in UTC.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
