//! Compute sessions and their apps, as plain data.

use serde_json::Value;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{OffsetDateTime, UtcOffset};

use crate::error::Error;
use crate::problem::text;

/// What names a session in requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionRef {
    /// UUID.
    pub id: String,
    /// Name; needed only by servers whose streams do not take the UUID (protocol.md appendix C).
    pub name: String,
}

/// Which sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionScope {
    /// Everything that has not ended.
    Live,
    /// The newest hundred of all, in one call: what a screen shows of ended ones.
    Recent,
    /// Ended ones too, however many.
    All,
}

/// One of the user's own compute sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Upper-case status as the server gives it, e.g. `RUNNING`; may be one that is not known here.
    pub status: String,
    /// What the server adds to the status.
    pub status_info: Option<String>,
    /// `INTERACTIVE`, `BATCH`, `SYSTEM`, ... in upper case.
    pub session_type: String,
    /// Full image reference.
    pub image: String,
    /// Project (old name: group).
    pub project: Option<String>,
    /// Resource group (old name: scaling group).
    pub resource_group: Option<String>,
    /// Occupied slots by name, e.g. (`cpu`, `4`), (`mem`, `8589934592` bytes).
    pub occupied_slots: Vec<(String, String)>,
    /// Creation time, RFC 3339 in UTC.
    pub created_at: Option<String>,
    /// Termination time, RFC 3339 in UTC.
    pub terminated_at: Option<String>,
    /// Number of containers, at least 1.
    pub cluster_size: u32,
    /// Apps named in the list (`service_ports`); empty until the session runs.
    pub apps: Vec<App>,
}

impl Session {
    /// What names this session in requests.
    pub fn reference(&self) -> SessionRef {
        SessionRef { id: self.id.clone(), name: self.name.clone() }
    }
}

/// An app that a session offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The server's name for it: `sshd`, `ttyd`, `jupyter`, ...
    pub name: String,
    /// `tcp`, `http` or what else the server says.
    pub protocol: String,
    /// Ports inside the container.
    pub ports: Vec<u16>,
    /// Options that its start takes, each with its default, if the server names one.
    pub allowed_arguments: Vec<(String, Option<String>)>,
    /// Environment variables that its start takes, likewise.
    pub allowed_environment: Vec<(String, Option<String>)>,
}

impl Session {
    /// True once the session is over for good.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "TERMINATED" | "CANCELLED")
    }

    /// Reads an item of `compute_session_list`, with whatever fields it has.
    pub(crate) fn from_graphql(item: &Value) -> Result<Self, Error> {
        let item = Some(item);
        let own = |key: &str| text(item, key).map(str::to_owned);
        let required =
            |key: &str| own(key).ok_or_else(|| Error::BadAnswer(format!("a session without {key}")));
        Ok(Self {
            id: required("session_id")?,
            name: own("name").unwrap_or_default(),
            status: required("status")?.to_uppercase(),
            status_info: own("status_info"),
            session_type: own("type").unwrap_or_else(|| "INTERACTIVE".to_owned()).to_uppercase(),
            image: own("image").unwrap_or_default(),
            project: own("group_name"),
            resource_group: own("scaling_group"),
            occupied_slots: slots(item.and_then(|item| item.get("occupied_slots"))),
            created_at: text(item, "created_at").and_then(utc),
            terminated_at: text(item, "terminated_at").and_then(utc),
            cluster_size: item
                .and_then(|item| item.get("cluster_size"))
                .and_then(Value::as_u64)
                .and_then(|size| u32::try_from(size).ok())
                .unwrap_or(1)
                .max(1),
            apps: App::list(item.and_then(|item| item.get("service_ports")), "container_ports"),
        })
    }

    /// Reads an item of the REST search of 26.4 and later (protocol.md appendix B).
    pub(crate) fn from_search(item: &Value) -> Result<Self, Error> {
        let metadata = item.get("metadata");
        let lifecycle = item.get("lifecycle");
        let required = |object: Option<&Value>, key: &str| {
            text(object, key)
                .map(str::to_owned)
                .ok_or_else(|| Error::BadAnswer(format!("a session without {key}")))
        };
        Ok(Self {
            id: required(Some(item), "id")?,
            name: text(metadata, "name").unwrap_or_default().to_owned(),
            status: required(lifecycle, "status")?.to_uppercase(),
            status_info: text(lifecycle, "status_info").map(str::to_owned),
            session_type: text(metadata, "session_type").unwrap_or("INTERACTIVE").to_uppercase(),
            image: String::new(),
            project: None,
            resource_group: text(item.get("resource"), "resource_group_name").map(str::to_owned),
            occupied_slots: Vec::new(),
            created_at: text(lifecycle, "created_at").and_then(utc),
            terminated_at: text(lifecycle, "terminated_at").and_then(utc),
            cluster_size: metadata
                .and_then(|m| m.get("cluster_size"))
                .and_then(Value::as_u64)
                .and_then(|size| u32::try_from(size).ok())
                .unwrap_or(1)
                .max(1),
            apps: Vec::new(),
        })
    }
}

impl App {
    /// Reads a list of apps; `ports` names the member with the ports inside the container.
    pub(crate) fn list(value: Option<&Value>, ports: &str) -> Vec<Self> {
        let value = embedded(value);
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| {
                Some(Self {
                    name: text(Some(item), "name")?.to_owned(),
                    protocol: text(Some(item), "protocol").unwrap_or("tcp").to_owned(),
                    ports: item
                        .get(ports)
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .filter_map(|port| u16::try_from(port.as_u64()?).ok())
                        .collect(),
                    allowed_arguments: allowed(item.get("allowed_arguments")),
                    allowed_environment: allowed(item.get("allowed_envs")),
                })
            })
            .collect()
    }
}

/// What an app may be given: an object of names and defaults, or a list of names (protocol.md 4.1).
fn allowed(value: Option<&Value>) -> Vec<(String, Option<String>)> {
    let default = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    match value {
        Some(Value::Object(all)) => all.iter().map(|(name, value)| (name.clone(), default(value))).collect(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), None)).collect()
        }
        _ => Vec::new(),
    }
}

/// JSON inside a string, on some servers inside a string inside a string (protocol.md 2).
fn embedded(value: Option<&Value>) -> Value {
    let mut value = value.cloned().unwrap_or(Value::Null);
    for _ in 0..2 {
        let Value::String(inner) = &value else {
            break;
        };
        value = serde_json::from_str(inner).unwrap_or(Value::Null);
    }
    value
}

fn slots(value: Option<&Value>) -> Vec<(String, String)> {
    let value = embedded(value);
    let slots = value.as_object().into_iter().flatten();
    slots
        .filter_map(|(slot, amount)| match amount {
            Value::String(amount) => Some((slot.clone(), amount.clone())),
            Value::Number(amount) => Some((slot.clone(), amount.to_string())),
            _ => None,
        })
        .collect()
}

/// A server's time as RFC 3339 in UTC. Without an offset it is UTC already; nothing comes of what is no time.
fn utc(text: &str) -> Option<String> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Iso8601::PARSING).ok();
    parse(text)
        .or_else(|| parse(&format!("{text}Z")))
        .or_else(|| parse(&text.replacen(' ', "T", 1)))
        .and_then(|time| time.to_offset(UtcOffset::UTC).format(&Rfc3339).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_inside_strings_is_read_at_any_depth() {
        let ports = json!([
            {"name": "sshd", "protocol": "tcp", "host_ports": [29186], "container_ports": [2200]},
            {"name": "ttyd", "protocol": "http", "container_ports": [7681, 70000]},
            {"protocol": "http"},
        ]);
        let once = json!(ports.to_string());
        let twice = json!(once.to_string());
        for value in [ports, once, twice] {
            let apps = App::list(Some(&value), "container_ports");
            assert_eq!(apps.len(), 2);
            assert_eq!(apps[0].name, "sshd");
            assert_eq!(apps[0].ports, [2200]);
            assert_eq!(apps[1].ports, [7681]);
        }
        for value in [json!(null), json!(""), json!("{"), json!(3), json!("null")] {
            assert!(App::list(Some(&value), "container_ports").is_empty());
        }
    }

    #[test]
    fn a_session_is_read_with_few_fields() {
        let item =
            json!({"session_id": "u", "name": "n", "status": "running", "image": "i", "created_at": null});
        let session = Session::from_graphql(&item).unwrap();
        assert_eq!((session.status.as_str(), session.cluster_size), ("RUNNING", 1));
        assert!(Session::from_graphql(&json!({"name": "n", "status": "RUNNING"})).is_err());
        assert!(Session::from_graphql(&json!("x")).is_err());
    }

    #[test]
    fn times_become_utc() {
        let table = [
            ("2023-11-23T10:02:03.123456+09:00", "2023-11-23T01:02:03.123456Z"),
            ("2023-11-23T01:02:03+00:00", "2023-11-23T01:02:03Z"),
            ("2023-11-23T01:02:03", "2023-11-23T01:02:03Z"),
            ("2023-11-23 01:02:03+00:00", "2023-11-23T01:02:03Z"),
        ];
        for (text, expected) in table {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(utc("yesterday"), None);
    }

    #[test]
    fn slots_keep_names_and_amounts() {
        let value = json!("{\"cpu\": \"1\", \"mem\": \"268435456\", \"cuda.shares\": 0.5}");
        let slots = slots(Some(&value));
        assert!(slots.contains(&("mem".to_owned(), "268435456".to_owned())));
        assert!(slots.contains(&("cuda.shares".to_owned(), "0.5".to_owned())));
    }
}
