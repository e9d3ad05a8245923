//! The life of sessions: create, end, rename, logs, files (protocol.md 3.2, 3.3).

use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::problem::text;
use crate::session::SessionRef;
use crate::transport::{Call, Failure, segment};
use crate::version::ManagerVersion;

/// Bound of a log, in bytes.
const LOG_LIMIT: usize = 64 << 20;
/// First line that knows `recursive` (protocol.md 1.4).
const RECURSIVE_SINCE: ManagerVersion = ManagerVersion::new(23, 3, 0);

/// A session to be made. What is `None` or empty is left to the server; nothing unneeded is sent, because old
/// servers refuse unknown keys (protocol.md 1.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateSession {
    /// 4-64 characters: ASCII word characters, `.` and `-` inside.
    pub name: String,
    /// Image reference, `registry/name:tag`.
    pub image: String,
    /// CPU architecture of the image, e.g. `x86_64`.
    pub architecture: String,
    /// `interactive`, `batch` or `system`.
    pub session_type: String,
    /// Domain.
    pub domain: String,
    /// Project (old name: group).
    pub project: String,
    /// Resource group (old name: scaling group).
    pub resource_group: Option<String>,
    /// Number of containers; at least 1.
    pub cluster_size: u32,
    /// `single-node` or `multi-node`.
    pub cluster_mode: String,
    /// Return as soon as the session is queued.
    pub enqueue_only: bool,
    /// How long the server waits for the start, in seconds; 0 for as long as it takes.
    pub max_wait_seconds: u32,
    /// Take a live session of the same name and image instead of making one.
    pub reuse: bool,
    /// Slots, e.g. `cpu` 1, `mem` `2g`.
    pub resources: Vec<(String, String)>,
    /// Further resource options, e.g. `shmem` `128m`.
    pub resource_options: Vec<(String, String)>,
    /// Folders by name, each with the path it gets inside, if not the usual one.
    pub mounts: Vec<(String, Option<String>)>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Ports of the container to open, 1024-65535.
    pub preopen_ports: Vec<u16>,
    /// Command of a batch session.
    pub startup_command: Option<String>,
    /// Shell text that the container runs at its start.
    pub bootstrap_script: Option<String>,
    /// A word of the user's own.
    pub tag: Option<String>,
    /// Access key of another owner; administrators only.
    pub owner_access_key: Option<String>,
    /// Ids or names of sessions that must be over first.
    pub dependencies: Vec<String>,
    /// When to start, as the server reads times.
    pub starts_at: Option<String>,
    /// Larger starts sooner (24.09 and later).
    pub priority: Option<i32>,
    /// When a batch session is ended: seconds, or a number with one of the units `w d h m s` (24.09 and later).
    pub batch_timeout: Option<String>,
    /// Where the server tells each change of its life, by HTTP.
    pub callback_url: Option<String>,
    /// Ids of the agents to run on; superadministrators only.
    pub agents: Vec<String>,
    /// UUID of the network to join (24.12 and later).
    pub network: Option<String>,
}

/// What became of a [`CreateSession`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedSession {
    /// UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Upper-case status, e.g. `PENDING`, `RUNNING`, `TIMEOUT`.
    pub status: String,
    /// False when a live session was taken.
    pub created: bool,
    /// Names of the apps it offers; empty until it runs.
    pub apps: Vec<String>,
}

/// A file inside a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Name, without the folder.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// As `ls` writes it, e.g. `-rw-r--r--`.
    pub mode: String,
    /// Last change, seconds since 1970; 0 when unknown.
    pub modified: i64,
}

impl Client {
    /// Makes a session. Never asked twice: a second request could make a second session.
    pub async fn create_session(&self, wanted: &CreateSession) -> Result<CreatedSession, Error> {
        let call = Call::post("/session").json(body(wanted));
        let answer = match self.call_json(&call).await {
            Ok(answer) => answer,
            Err(failure) => return Err(failure.into_error(self.mode())),
        };
        let required = |key: &str| {
            text(Some(&answer), key)
                .map(str::to_owned)
                .ok_or_else(|| Error::BadAnswer(format!("a created session without {key}")))
        };
        // The second spelling comes with a reused one (protocol.md 3.2).
        let ports = answer.get("servicePorts").or_else(|| answer.get("service_ports"));
        let apps = ports.and_then(Value::as_array).into_iter().flatten();
        Ok(CreatedSession {
            id: required("sessionId")?,
            name: text(Some(&answer), "sessionName").unwrap_or(&wanted.name).to_owned(),
            status: text(Some(&answer), "status").unwrap_or("PENDING").to_uppercase(),
            created: answer.get("created").and_then(Value::as_bool).unwrap_or(true),
            apps: apps.filter_map(|app| text(Some(app), "name").map(str::to_owned)).collect(),
        })
    }

    /// The UUIDs of the networks with a name, of those that the user may join (24.12 and later).
    pub async fn networks(&self, name: &str) -> Result<Vec<String>, Error> {
        const QUERY: &str =
            "query($filter: String) { networks(filter: $filter) { edges { node { row_id } } } }";
        // Quotes and backslashes as the server's little language of filters wants them, which is JSON's way.
        let filter = json!({"filter": format!("name == {}", json!(name))});
        let found = self.query(QUERY, filter, "networks").await.map_err(|e| e.into_error(self))?;
        let edges = found.get("edges").and_then(Value::as_array);
        Ok(edges
            .into_iter()
            .flatten()
            .filter_map(|edge| text(edge.get("node"), "row_id").map(str::to_owned))
            .collect())
    }

    /// Ends a session. `forced` is for one that is stuck, and may leave containers behind; `recursive` ends
    /// those that depend on it, too; `owner` is another owner's access key, for administrators.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that lives.
    pub async fn destroy_session(
        &self,
        session: &SessionRef,
        forced: bool,
        recursive: bool,
        owner: Option<&str>,
    ) -> Result<Value, Error> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if forced {
            query.append_pair("forced", "true");
        }
        if recursive && self.server().manager() >= RECURSIVE_SINCE {
            query.append_pair("recursive", "true");
        }
        if let Some(owner) = owner {
            query.append_pair("owner_access_key", owner);
        }
        let call = Call::delete(with_query(format!("/session/{}", segment(&session.id)?), &query.finish()));
        match self.call(&call, crate::transport::JSON_LIMIT).await {
            Ok(answer) if answer.body.is_empty() => Ok(Value::Null),
            Ok(answer) => answer.json(),
            Err(failure) => Err(failure.into_error(self.mode())),
        }
    }

    /// What the session's main container has written, or that of `kernel` (a UUID). Ended sessions, too.
    pub async fn session_logs(&self, session: &SessionRef, kernel: Option<&str>) -> Result<String, Error> {
        let query = match kernel {
            Some(kernel) => format!("kernel_id={}", segment(kernel)?),
            None => String::new(),
        };
        let call = Call::get(with_query(format!("/session/{}/logs", segment(&session.id)?), &query));
        let answer = match self.call(&call, LOG_LIMIT).await {
            Ok(answer) => answer.json()?,
            Err(failure) => return Err(failure.into_error(self.mode())),
        };
        let logs = answer.get("result").and_then(|result| result.get("logs")).and_then(Value::as_str);
        logs.map(str::to_owned).ok_or_else(|| Error::BadAnswer("logs without text".to_owned()))
    }

    /// Gives a running session another name.
    pub async fn rename_session(&self, session: &SessionRef, name: &str) -> Result<(), Error> {
        let call =
            Call::post(format!("/session/{}/rename", segment(&session.id)?)).json(json!({"name": name}));
        match self.call(&call, crate::transport::JSON_LIMIT).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into_error(self.mode())),
        }
    }

    /// The files of a folder of a running session; `path` is below `/home/work`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such folder.
    pub async fn list_files(&self, session: &SessionRef, path: &str) -> Result<Vec<RemoteFile>, Error> {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("path", path).finish();
        // The body is read by 23.09 (seen there: 400 without), the query by 26.9; each ignores the other.
        let call = Call::get(format!("/session/{}/files?{query}", segment(&session.id)?))
            .json(json!({"path": path}));
        let answer = self.call_json(&call).await.map_err(|f: Failure| f.into_error(self.mode()))?;
        let files = match answer.get("files") {
            // A failure of the listing program lands here as its text (protocol.md appendix A).
            Some(Value::String(text)) => {
                serde_json::from_str::<Value>(text).map_err(|_| Error::NotFound(format!("folder {path}")))?
            }
            Some(files) => files.clone(),
            None => Value::Null,
        };
        let files =
            files.as_array().ok_or_else(|| Error::BadAnswer("a list of files that is none".to_owned()))?;
        Ok(files.iter().filter_map(file).collect())
    }
}

fn file(item: &Value) -> Option<RemoteFile> {
    let name = text(Some(item), "filename").or_else(|| text(Some(item), "name"))?;
    let modified = item.get("mtime");
    Some(RemoteFile {
        name: name.to_owned(),
        size: item.get("size").and_then(Value::as_u64).unwrap_or(0),
        mode: text(Some(item), "mode").unwrap_or_default().to_owned(),
        modified: modified
            .and_then(Value::as_f64)
            .or_else(|| modified.and_then(Value::as_str).and_then(|text| text.parse().ok()))
            .map_or(0, |seconds| seconds as i64),
    })
}

fn with_query(path: String, query: &str) -> String {
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

fn pairs(of: &[(String, String)]) -> Value {
    Value::Object(of.iter().map(|(key, value)| (key.clone(), json!(value))).collect())
}

fn body(wanted: &CreateSession) -> Value {
    let mut config = Map::new();
    if !wanted.mounts.is_empty() {
        let names: Vec<&str> = wanted.mounts.iter().map(|(name, _)| name.as_str()).collect();
        config.insert("mounts".into(), json!(names));
        let targets: Map<String, Value> = wanted
            .mounts
            .iter()
            .filter_map(|(name, target)| Some((name.clone(), json!(target.as_ref()?))))
            .collect();
        if !targets.is_empty() {
            config.insert("mount_map".into(), Value::Object(targets));
        }
    }
    if !wanted.environment.is_empty() {
        config.insert("environ".into(), pairs(&wanted.environment));
    }
    if let Some(group) = &wanted.resource_group {
        config.insert("scalingGroup".into(), json!(group));
    }
    if !wanted.resources.is_empty() {
        config.insert("resources".into(), pairs(&wanted.resources));
    }
    if !wanted.resource_options.is_empty() {
        config.insert("resource_opts".into(), pairs(&wanted.resource_options));
    }
    if !wanted.preopen_ports.is_empty() {
        config.insert("preopen_ports".into(), json!(wanted.preopen_ports));
    }
    if !wanted.agents.is_empty() {
        config.insert("agent_list".into(), json!(wanted.agents));
    }
    if let Some(network) = &wanted.network {
        config.insert("attach_network".into(), json!(network));
    }
    let mut body = json!({
        "name": wanted.name,
        "image": wanted.image,
        "architecture": wanted.architecture,
        "type": wanted.session_type,
        "domain": wanted.domain,
        "group": wanted.project,
        "clusterSize": wanted.cluster_size,
        "clusterMode": wanted.cluster_mode,
        "enqueueOnly": wanted.enqueue_only,
        "maxWaitSeconds": wanted.max_wait_seconds,
        "reuseIfExists": wanted.reuse,
        "config": config,
    });
    let further = [
        ("startupCommand", wanted.startup_command.as_ref().map(|v| json!(v))),
        ("bootstrap_script", wanted.bootstrap_script.as_ref().map(|v| json!(v))),
        ("tag", wanted.tag.as_ref().map(|v| json!(v))),
        ("owner_access_key", wanted.owner_access_key.as_ref().map(|v| json!(v))),
        ("dependencies", (!wanted.dependencies.is_empty()).then(|| json!(wanted.dependencies))),
        ("startsAt", wanted.starts_at.as_ref().map(|v| json!(v))),
        ("priority", wanted.priority.map(|v| json!(v))),
        ("batch_timeout", wanted.batch_timeout.as_ref().map(|v| json!(v))),
        ("callbackURL", wanted.callback_url.as_ref().map(|v| json!(v))),
    ];
    for (key, value) in further {
        if let Some(value) = value {
            body[key] = value;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_is_sent() {
        let wanted = CreateSession { name: "train".into(), image: "img".into(), ..Default::default() };
        let body = body(&wanted);
        assert_eq!(body["config"], json!({}));
        let optional = ["tag", "priority", "batch_timeout", "callbackURL"];
        assert!(optional.iter().all(|key| body.get(key).is_none()), "{body}");
    }

    #[test]
    fn mounts_have_targets_only_where_given() {
        let wanted = CreateSession {
            mounts: vec![("data".into(), None), ("out".into(), Some("/home/work/o".into()))],
            resources: vec![("cpu".into(), "1".into())],
            ..Default::default()
        };
        let config = &body(&wanted)["config"];
        assert_eq!(config["mounts"], json!(["data", "out"]));
        assert_eq!(config["mount_map"], json!({"out": "/home/work/o"}));
        assert_eq!(config["resources"], json!({"cpu": "1"}));
    }

    #[test]
    fn files_are_read_in_both_spellings() {
        let seen = file(&json!({"filename": "a", "size": 3, "mode": "-rw", "mtime": 12.5})).unwrap();
        assert_eq!((seen.name.as_str(), seen.size, seen.modified), ("a", 3, 12));
        assert_eq!(file(&json!({"name": "b", "mtime": "7"})).unwrap().modified, 7);
        assert_eq!(file(&json!({"size": 1})), None);
    }
}
