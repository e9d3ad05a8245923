//! `ps`, `session list`: the account's sessions as a table of columns that the user may choose.

use berth::Error;
use berth::terminal::{RowQuery, Statuses};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::Failure;

/// Statuses of sessions that are over.
const DEAD: [&str; 2] = ["TERMINATED", "CANCELLED"];
/// Statuses of sessions that use resources, or are about to, on every server line.
const RUNNING: [&str; 4] = ["SCHEDULED", "PREPARING", "PULLING", "RUNNING"];

/// List your sessions.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this status, e.g. RUNNING, or ALL
    #[arg(short, long, value_name = "STATUS", value_parser = status)]
    status: Option<String>,
    /// Those of another access key (administrators)
    #[arg(long, value_name = "KEY")]
    access_key: Option<String>,
    /// Names only
    #[arg(long)]
    name_only: bool,
    /// Those that are over
    #[arg(long)]
    dead: bool,
    /// Those that run or are about to
    #[arg(long)]
    running: bool,
    /// Whatever their status
    #[arg(short, long)]
    all: bool,
    /// More columns
    #[arg(long)]
    detail: bool,
    /// These columns, e.g. name,status
    #[arg(short, long, value_name = "FIELDS", value_delimiter = ',')]
    format: Vec<String>,
    /// Without head and rule
    #[arg(long)]
    plain: bool,
    /// A condition in the server's filter language
    #[arg(long)]
    filter: Option<String>,
    /// An order in the server's language, e.g. +name
    #[arg(long, allow_hyphen_values = true)]
    order: Option<String>,
    /// Leave out so many at the beginning
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    offset: usize,
    /// Show so many at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
}

fn status(text: &str) -> Result<String, String> {
    let name = text.to_uppercase();
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    if plain { Ok(name) } else { Err("a status is a word such as RUNNING, or ALL".into()) }
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let account = context.reach().await?;
        let fields = self.fields(&account.server.manager_version);
        let statuses = self.statuses();
        let query = RowQuery {
            fields,
            statuses,
            filter: self.filter.clone(),
            order: self.order.clone(),
            offset: self.offset,
            limit: self.limit,
            access_key: self.access_key.clone(),
        };
        let found = context.berth.session_rows(&query).await;
        let mut found = found.map_err(|e| self.about_query(e))?;
        for row in &mut found.rows {
            unpack(row);
        }
        let output = &context.output;
        if output.is_json() {
            // A field that the server left out is there, too.
            let items: Vec<Map<String, Value>> =
                found.rows.iter().map(|row| complete(row, &query.fields)).collect();
            output.json(&json!({"count": items.len(), "total_count": found.total, "items": items}));
            return Ok(0);
        }
        let rows: Vec<Vec<String>> =
            found.rows.iter().map(|row| query.fields.iter().map(|f| cell(row.get(f))).collect()).collect();
        if self.plain || self.name_only {
            for row in rows {
                output.line(&crate::output::one_line(&row.join("  ")));
            }
        } else if rows.is_empty() {
            output.info("There are no matching sessions.");
        } else {
            let head: Vec<String> = query.fields.iter().map(|field| title(field)).collect();
            let head: Vec<&str> = head.iter().map(String::as_str).collect();
            output.table(&head, rows);
        }
        Ok(0)
    }

    /// A column or a status that the server does not have is told as such, as by the Python client. Both releases that
    /// were seen refuse a status by its name alone: `'NOSUCH'`.
    fn about_query(&self, error: Error) -> Failure {
        match unknown_field(&error.message) {
            Some(field) if !self.format.is_empty() => {
                Failure::Argument(format!("The server has no field “{field}” of sessions."))
            }
            _ => match &self.status {
                Some(status) if error.message.contains(&format!("'{status}'")) => {
                    Failure::Usage(format!("The server has no status “{status}” of sessions."))
                }
                _ => error.into(),
            },
        }
    }

    fn statuses(&self) -> Statuses {
        let these = |names: &[&str]| Statuses::These(names.iter().map(|name| (*name).to_owned()).collect());
        if self.all {
            return Statuses::All;
        }
        if self.dead {
            return these(&DEAD);
        }
        if self.running {
            return these(&RUNNING);
        }
        match self.status.as_deref() {
            None => Statuses::Live,
            Some("ALL") => Statuses::All,
            Some(name) => these(&[name]),
        }
    }

    fn fields(&self, manager_version: &str) -> Vec<String> {
        if self.name_only {
            return vec!["name".into()];
        }
        if !self.format.is_empty() {
            return self.format.iter().map(|field| field_of(field.trim())).collect();
        }
        let mut fields = vec!["name"];
        if self.access_key.is_some() {
            fields.push("access_key");
        }
        if has_priority(manager_version) {
            fields.push("priority");
        }
        fields.extend([
            "session_id",
            "group_name",
            "type",
            "image",
            "status",
            "status_info",
            "status_changed",
            "result",
        ]);
        if self.detail {
            fields.extend(["tag", "created_at", "occupied_slots"]);
        }
        fields.into_iter().map(str::to_owned).collect()
    }
}

/// The field that the server's GraphQL says it does not have. Real ones quote it with ' (23.09.10, 26.9.6), others with ".
fn unknown_field(message: &str) -> Option<&str> {
    let (_, words) = message.split_once("Cannot query field")?;
    words.split(['\'', '"']).nth(1)
}

/// 24.09 and later order waiting sessions by it (protocol.md 2.1).
fn has_priority(manager_version: &str) -> bool {
    let mut numbers = manager_version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (24, 9)
}

/// The server's name for a column, from what people call it.
fn field_of(name: &str) -> String {
    let field = match name {
        "id" => "session_id",
        "group" | "project" => "group_name",
        other => other,
    };
    field.to_owned()
}

fn title(field: &str) -> String {
    match field {
        "group_name" => "Project".into(),
        "session_id" => "Session ID".into(),
        "status_changed" => "Last Updated".into(),
        other => other
            .split('_')
            .map(|word| {
                let mut letters = word.chars();
                letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
            })
            .collect::<Vec<String>>()
            .join(" "),
    }
}

fn complete(row: &Map<String, Value>, fields: &[String]) -> Map<String, Value> {
    fields.iter().map(|field| (field.clone(), row.get(field).cloned().unwrap_or(Value::Null))).collect()
}

/// JSON that came as text, even twice over (protocol.md 2), becomes what it says.
pub(crate) fn unpack(row: &mut Map<String, Value>) {
    const PACKED: [&str; 9] = [
        "service_ports",
        "occupied_slots",
        "occupying_slots",
        "requested_slots",
        "resource_opts",
        "status_data",
        "idle_checks",
        "environ",
        "mounts",
    ];
    for (_, value) in row.iter_mut().filter(|(key, _)| PACKED.contains(&key.as_str())) {
        for _ in 0..2 {
            let Some(inner) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) else { break };
            *value = inner;
        }
    }
}

/// A value as a table shows it.
pub(crate) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(pairs)) => {
            let shown: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{key}:{}", inner(key, value))).collect();
            shown.join(", ")
        }
        Some(Value::Array(items)) => {
            let shown: Vec<String> = items
                .iter()
                .map(|item| {
                    item.get("name").and_then(Value::as_str).map_or_else(|| cell(Some(item)), str::to_owned)
                })
                .collect();
            shown.join(", ")
        }
        Some(other) => other.to_string(),
    }
}

fn inner(key: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.parse::<u64>() {
        Ok(bytes) if matches!(key, "mem" | "shmem") => indicatif::HumanBytes(bytes).to_string(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_values_are_shown_in_words() {
        let mut row = Map::new();
        row.insert("occupied_slots".into(), json!("{\"cpu\":\"4\",\"mem\":\"8589934592\"}"));
        row.insert("service_ports".into(), json!("\"[{\\\"name\\\":\\\"sshd\\\"}]\""));
        unpack(&mut row);
        assert_eq!(cell(row.get("occupied_slots")), "cpu:4, mem:8.00 GiB");
        assert_eq!(cell(row.get("service_ports")), "sshd");
        assert_eq!(cell(Some(&Value::Null)), "");
    }

    #[test]
    fn an_unknown_column_is_named_however_it_is_quoted() {
        for quote in ['\'', '"'] {
            let said =
                format!("The cluster refused: Cannot query field {quote}no{quote} on type {quote}T{quote}.");
            assert_eq!(unknown_field(&said), Some("no"));
        }
        assert_eq!(unknown_field("The cluster refused: 'NOSUCH'."), None);
    }

    #[test]
    fn titles_are_the_clients() {
        assert_eq!(title("status_info"), "Status Info");
        assert_eq!(title("session_id"), "Session ID");
        assert!(has_priority("24.09.0rc1") && has_priority("26.9.6") && !has_priority("23.09.10"));
    }
}
