//! `info`: one session in full.

use berth::terminal::{RowQuery, Scope, Statuses};
use berth::{Error, Session};
use clap::Args;
use serde_json::{Map, Value, json};

use super::list::{cell, unpack};
use crate::context::Context;
use crate::failure::Failure;

/// Fields with their titles, known on every server line.
const FIELDS: [(&str, &str); 20] = [
    ("name", "Name"),
    ("session_id", "Session ID"),
    ("type", "Type"),
    ("image", "Image"),
    ("tag", "Tag"),
    ("created_at", "Created At"),
    ("terminated_at", "Terminated At"),
    ("status", "Status"),
    ("status_info", "Status Info"),
    ("status_data", "Status Data"),
    ("occupied_slots", "Occupied Slots"),
    ("resource_opts", "Resource Opts"),
    ("group_name", "Project"),
    ("scaling_group", "Resource Group"),
    ("cluster_mode", "Cluster Mode"),
    ("cluster_size", "Cluster Size"),
    ("mounts", "Mounts"),
    ("service_ports", "Apps"),
    ("idle_checks", "Idle Checks"),
    ("result", "Result"),
];
const NAMES: [&str; 20] = {
    let mut names = [""; 20];
    let mut at = 0;
    while at < 20 {
        names[at] = FIELDS[at].0;
        at += 1;
    }
    names
};

/// Show one session.
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
}

impl Info {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = context.session_in(&self.session, Scope::All).await?;
        let mut row = self.row(context, &session).await?;
        unpack(&mut row);
        let output = &context.output;
        if output.is_json() {
            let item: Map<String, Value> = NAMES
                .iter()
                .map(|name| ((*name).to_owned(), row.get(*name).cloned().unwrap_or(Value::Null)))
                .collect();
            output.json(&json!({"count": 1, "total_count": 1, "items": [item]}));
            return Ok(0);
        }
        let rows =
            FIELDS.iter().map(|(name, title)| vec![(*title).to_owned(), cell(row.get(*name))]).collect();
        output.table(&["Field", "Value"], rows);
        Ok(0)
    }

    /// Out of a list: asked for one session, servers give a project's first letter for its name (seen on 23.09.10
    /// and 26.9.6).
    async fn row(&self, context: &Context, session: &Session) -> Result<Map<String, Value>, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if session.name.chars().all(plain) {
            let query = RowQuery {
                fields: NAMES.iter().map(|name| (*name).to_owned()).collect(),
                statuses: Statuses::All,
                filter: Some(format!("name == \"{}\"", session.name)),
                limit: Some(100),
                ..RowQuery::default()
            };
            let listed = context.berth.session_rows(&query).await?.rows;
            let is_it = |row: &Map<String, Value>| {
                row.get("session_id").and_then(Value::as_str) == Some(session.id.as_str())
            };
            if let Some(row) = listed.into_iter().find(is_it) {
                return Ok(row);
            }
        }
        context.berth.session_row(&session.id, &NAMES).await
    }
}
