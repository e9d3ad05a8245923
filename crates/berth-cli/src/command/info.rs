//! `info`: one session in full.

use berth::terminal::Scope;
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
        let mut row = context.berth.session_row(&session.id, &NAMES).await?;
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
}
