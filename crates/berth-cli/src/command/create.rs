//! `create`, `start`: makes a session and waits until it runs.
//!
//! The session is queued and then watched from here: a request that waits for the start would be cut by proxies
//! (protocol.md 3.2).

use std::time::Duration;

use berth::terminal::{CreateSession, CreatedSession};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::app::environment;
use crate::context::Context;
use crate::failure::Failure;

/// Rest between two looks at the session, at first and later.
const LOOK: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// How long "at first" is.
const AT_FIRST: Duration = Duration::from_secs(15);

/// Make a session.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  berth create -t my-session -r cpu=4 -r mem=32g -r cuda.device=1 cr.backend.ai/stable/python:3.12-ubuntu22.04")]
pub(crate) struct Create {
    /// Image, registry/name:tag
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Name of the session; made up without
    #[arg(short = 't', long, value_name = "NAME", visible_alias = "client-token")]
    name: Option<String>,
    /// Interactive, or a command that runs to its end
    #[arg(long = "type", value_name = "TYPE", default_value = "interactive", value_parser = ["interactive", "batch"])]
    session_type: String,
    /// Do not wait until it runs
    #[arg(long)]
    enqueue_only: bool,
    /// Wait so long at most; 0 for as long as it takes
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    max_wait: u32,
    /// Fail if there is a session of that name, instead of taking it
    #[arg(long)]
    no_reuse: bool,
    /// Environment variable
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
    /// Folder, and where to mount it
    #[arg(
        short = 'v',
        short_alias = 'm',
        long = "mount",
        visible_alias = "volume",
        value_name = "NAME[=PATH]"
    )]
    mounts: Vec<String>,
    /// Resources, e.g. cpu=2, mem=4g (MiB without a unit), cuda.device=1
    #[arg(short, long, value_name = "SLOT=AMOUNT")]
    resources: Vec<String>,
    /// Further options of resources, e.g. shmem=64m
    #[arg(long, value_name = "NAME=VALUE")]
    resource_opts: Vec<String>,
    /// Resource group
    #[arg(long, value_name = "NAME", visible_alias = "sgroup")]
    scaling_group: Option<String>,
    /// Number of containers
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    cluster_size: u32,
    /// single-node or multi-node
    #[arg(long, value_name = "MODE", default_value = "single-node", value_parser = ["single-node", "multi-node"])]
    cluster_mode: String,
    /// Domain
    #[arg(short, long, value_name = "NAME")]
    domain: Option<String>,
    /// Project
    #[arg(short, long, value_name = "NAME", visible_alias = "project")]
    group: Option<String>,
    /// Access key of another owner (administrators)
    #[arg(short, long, value_name = "ACCESS_KEY", visible_alias = "owner-access-key")]
    owner: Option<String>,
    /// Command of a batch session
    #[arg(short = 'c', long, value_name = "COMMAND")]
    startup_command: Option<String>,
    /// When a batch session is ended at the latest: seconds, or e.g. 45s, 30m, 12h, 1d (servers from 24.09 on)
    #[arg(long, value_name = "TIME", visible_alias = "batch-timeout", value_parser = timeout)]
    timeout: Option<String>,
    /// When to start, as the server reads times
    #[arg(long, value_name = "TIME")]
    starts_at: Option<String>,
    /// Larger starts sooner (servers from 24.09 on)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: Option<i32>,
    /// Session that must be over first
    #[arg(long, value_name = "SESSION")]
    depends: Vec<String>,
    /// Script that the container runs at its start
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    bootstrap_script: Option<std::path::PathBuf>,
    /// A word of your own
    #[arg(long, value_name = "TEXT")]
    tag: Option<String>,
    /// Architecture of the image
    #[arg(long, value_name = "NAME", visible_alias = "architecture", default_value = "x86_64")]
    arch: String,
    /// Ports of the container to open, e.g. 8000,8001
    #[arg(long, value_name = "PORTS", value_delimiter = ',')]
    preopen: Vec<u16>,
    /// Ids of the agents to run on (superadministrators)
    #[arg(long, value_name = "AGENTS", value_delimiter = ',')]
    assign_agent: Vec<String>,
    /// Network to join, by name or id (servers from 24.12 on)
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// Address that the server calls when the session starts, ends and so on
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let wanted = self.wanted(context)?;
        context.reach().await?;
        let output = &context.output;
        let mut made = context.berth.create_session(&wanted).await?;
        if !self.enqueue_only && !is_settled(&made.status) {
            output.info(&format!("Session ID {} is enqueued for scheduling.", made.name));
            output.wait("Waiting for it to start...");
            self.watch(context, &mut made).await?;
            output.end_line();
        }
        if output.is_json() {
            output.json(&json!({
                "session_id": made.id, "name": made.name, "status": made.status, "created": made.created,
                "apps": made.apps,
            }));
        }
        let has_run = self.session_type == "batch" && made.status == "TERMINATED";
        if has_run { tell_result(context, &made).await } else { tell(context, &made) }
    }

    /// Looks at the session until it runs, has failed, or the time is up.
    async fn watch(&self, context: &Context, made: &mut CreatedSession) -> Result<(), Failure> {
        let begun = Instant::now();
        let limit = (self.max_wait > 0).then(|| Duration::from_secs(self.max_wait.into()));
        loop {
            let passed = begun.elapsed();
            let rest = if passed < AT_FIRST { LOOK[0] } else { LOOK[1] };
            let left = limit.map(|limit| limit.saturating_sub(passed));
            if left.is_some_and(|left| left.is_zero()) {
                made.status = "TIMEOUT".into();
                return Ok(());
            }
            sleep(left.map_or(rest, |left| left.min(rest))).await;
            let session = context.berth.session_now(&made.id).await?;
            if is_settled(&session.status) {
                made.apps = session.apps.into_iter().map(|app| app.name).collect();
                made.status = session.status;
                return Ok(());
            }
        }
    }

    fn wanted(&self, context: &Context) -> Result<CreateSession, Failure> {
        let configuration = &context.configuration;
        let always = configuration.get("VFOLDER_MOUNTS").unwrap_or_default().split(',').map(str::trim);
        let given = self.mounts.iter().map(String::as_str);
        let mounts: Vec<_> = always.filter(|m| !m.is_empty()).chain(given).map(mount).collect();
        let bootstrap_script = match &self.bootstrap_script {
            None => None,
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|e| Failure::Argument(format!("{} cannot be read: {e}.", path.display())))?,
            ),
        };
        if self.session_type == "batch" && self.startup_command.is_none() {
            return Err(Failure::Argument("A batch session wants a command: --startup-command.".into()));
        }
        Ok(CreateSession {
            name: self.name.clone().unwrap_or_else(made_up_name),
            image: self.image.clone(),
            architecture: self.arch.clone(),
            session_type: self.session_type.clone(),
            domain: self.domain.clone().unwrap_or_else(|| configuration.domain().to_owned()),
            project: self.group.clone().unwrap_or_else(|| configuration.project().to_owned()),
            resource_group: self.scaling_group.clone(),
            cluster_size: self.cluster_size,
            cluster_mode: self.cluster_mode.clone(),
            enqueue_only: true,
            max_wait_seconds: 0,
            reuse: !self.no_reuse,
            resources: environment::<Vec<_>>(&self.resources)?.into_iter().map(in_mebibytes).collect(),
            resource_options: environment(&self.resource_opts)?,
            mounts,
            environment: environment(&self.environment)?,
            preopen_ports: self.preopen.clone(),
            startup_command: self.startup_command.clone(),
            bootstrap_script,
            tag: self.tag.clone(),
            owner_access_key: self.owner.clone(),
            dependencies: self.depends.clone(),
            starts_at: self.starts_at.clone(),
            priority: self.priority,
            batch_timeout: self.timeout.clone(),
            callback_url: self.callback_url.clone(),
            agents: self.assign_agent.clone(),
            network: self.network.clone(),
        })
    }
}

fn tell(context: &Context, made: &CreatedSession) -> Result<u8, Failure> {
    let output = &context.output;
    let name = &made.name;
    match made.status.as_str() {
        "RUNNING" | "RUNNING_DEGRADED" => {
            let how = if made.created { "created" } else { "already running" };
            output.info(&format!("Session ID {name} is {how} and ready."));
            if !made.apps.is_empty() {
                let apps = made.apps.join(", ");
                output.info(&format!("This session provides the following app services: {apps}"));
            }
            Ok(0)
        }
        "TIMEOUT" => Err(Failure::TooLate(format!("Session ID {name} is still on the job queue."))),
        "TERMINATED" => {
            output.failed(&format!(
                "Session ID {name} is already terminated. This may be an error in its image."
            ));
            Err(Failure::Said(1))
        }
        "ERROR" | "CANCELLED" => {
            output.failed(&format!(
                "Session ID {name} has an error during scheduling/startup or cancelled: it is {}.",
                made.status
            ));
            Err(Failure::Said(1))
        }
        _ => {
            output.info(&format!("Session ID {name} is enqueued for scheduling."));
            Ok(0)
        }
    }
}

/// What the command of a batch session has come to.
async fn tell_result(context: &Context, made: &CreatedSession) -> Result<u8, Failure> {
    let row = context.berth.session_row(&made.id, &["result"]).await?;
    let result = row.get("result").and_then(Value::as_str).unwrap_or_default();
    if result == "FAILURE" {
        context.output.failed(&format!("Session ID {} has run, and its command has failed.", made.name));
        return Err(Failure::Said(1));
    }
    context.output.info(&format!("Session ID {} has run to its end.", made.name));
    Ok(0)
}

/// A time as servers read it: a number, perhaps with a unit.
fn timeout(text: &str) -> Result<String, String> {
    let number = text.strip_suffix(['w', 'd', 'h', 'm', 's']).unwrap_or(text);
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(text.to_owned()),
        _ => Err("not a time such as 3600, 45s, 30m, 12h or 1d".to_owned()),
    }
}

/// Nothing more is to be waited for.
fn is_settled(status: &str) -> bool {
    matches!(status, "RUNNING" | "RUNNING_DEGRADED" | "TERMINATED" | "CANCELLED" | "ERROR")
}

/// Memory without a unit is MiB, as with the Python client.
fn in_mebibytes((slot, amount): (String, String)) -> (String, String) {
    let bare = slot == "mem" && amount.bytes().all(|b| b.is_ascii_digit());
    (slot, if bare { format!("{amount}m") } else { amount })
}

/// `NAME`, `NAME=PATH` or `NAME:PATH`.
fn mount(text: &str) -> (String, Option<String>) {
    match text.split_once(['=', ':']) {
        Some((name, path)) if !path.is_empty() => (name.to_owned(), Some(path.to_owned())),
        Some((name, _)) => (name.to_owned(), None),
        None => (text.to_owned(), None),
    }
}

fn made_up_name() -> String {
    // Unique among the sessions of one person is all it must be.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("berth-{:x}", since.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_the_client_reads_them() {
        assert_eq!(in_mebibytes(("mem".into(), "256".into())).1, "256m");
        assert_eq!(in_mebibytes(("mem".into(), "2g".into())).1, "2g");
        assert_eq!(in_mebibytes(("cpu".into(), "2".into())).1, "2");
        for good in ["3600", "45s", "1.5h", "1d"] {
            assert_eq!(timeout(good).as_deref(), Ok(good));
        }
        for bad in ["", "d", "0", "-1h", "1y", "nan", "1h30m"] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
        assert_eq!(mount("data"), ("data".into(), None));
        assert_eq!(mount("data=/home/work/x"), ("data".into(), Some("/home/work/x".into())));
        assert_eq!(mount("data:x"), ("data".into(), Some("x".into())));
    }
}
