//! `events`: what happens to a session, a line each, or waiting for one thing of it.

use berth::terminal::{Happened, Scope};
use clap::Args;
use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::printable;

/// What `--wait` calls either end of a batch session's command.
const BATCH_RESULT: &str = "batch_session_result";
pub(super) const SUCCESS: &str = "session_success";
pub(super) const FAILURE: &str = "session_failure";

/// Print what happens to a session until it has ended.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  berth session events my-session
  berth session events train --quiet --wait batch_session_result && berth session download ...

Exit codes with --wait: 0 when it has happened, also when that was before; 1 when the session has ended
without it. batch_session_result: 0 when the command has succeeded, 1 when it has failed.")]
pub(crate) struct Events {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Access key of another owner (administrators)
    #[arg(short, long, value_name = "ACCESS_KEY", visible_alias = "owner-access-key")]
    owner: Option<String>,
    /// Only those of the session or of its containers: session, kernel, or both with a comma or *
    #[arg(long, value_name = "SCOPE", default_value = "*")]
    scope: EventScope,
    /// Print nothing
    #[arg(short, long)]
    quiet: bool,
    /// Stop at this one, e.g. session_started, session_terminated, batch_session_result
    #[arg(long, value_name = "EVENT")]
    wait: Option<String>,
}

/// Which events are shown.
#[derive(Debug, Clone)]
pub(super) struct EventScope(Vec<String>);

impl std::str::FromStr for EventScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds: Vec<&str> = text.split(',').map(str::trim).collect();
        if kinds.contains(&"*") {
            return Ok(Self(Vec::new()));
        }
        match kinds.iter().find(|kind| !["session", "kernel"].contains(kind)) {
            Some(other) => Err(format!("“{other}” is none of session, kernel and *")),
            None => Ok(Self(kinds.iter().map(|kind| format!("{kind}_")).collect())),
        }
    }
}

impl EventScope {
    pub(super) fn has(&self, event: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|kind| event.starts_with(kind.as_str()))
    }
}

impl Events {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = context.session_in(&self.session, Scope::All).await?;
        let mut follower = context.berth.follow_session(&session, self.owner.as_deref())?;
        while let Some(happened) = follower.next().await? {
            // What was before is not news, but it is an answer to who waits for it.
            if !happened.before && !self.quiet && self.scope.has(&happened.event) {
                show(context, &happened);
            }
            if let Some(code) = self.answer(&happened.event) {
                return Ok(code);
            }
        }
        match &self.wait {
            None => {
                context.output.info(&format!("{} is {}.", session.name, follower.status()));
                Ok(0)
            }
            Some(wanted) => {
                context.output.failed(&format!(
                    "{} is {}: {wanted} will not happen any more.",
                    session.name,
                    follower.status()
                ));
                Err(Failure::Said(1))
            }
        }
    }

    /// The exit code, if this is what is waited for.
    fn answer(&self, event: &str) -> Option<u8> {
        match (self.wait.as_deref()?, event) {
            (BATCH_RESULT, SUCCESS) => Some(0),
            (BATCH_RESULT, FAILURE) => Some(1),
            (wanted, event) => (wanted == event).then_some(0),
        }
    }
}

/// A line of the event's name and what is said of it; as JSON one object.
pub(super) fn show(context: &Context, happened: &Happened) {
    let mut data = happened.data.clone();
    let line = if context.output.is_json() {
        data.insert("event".into(), Value::from(happened.event.clone()));
        Value::Object(data).to_string()
    } else {
        format!("{} {}", happened.event, Value::Object(data))
    };
    context.output.line(&printable(&line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_one_or_both_kinds() {
        let scope = |text: &str| text.parse::<EventScope>();
        assert!(scope("*").unwrap().has("odd_one") && scope("session,*").unwrap().has("kernel_started"));
        assert!(scope("session,kernel").unwrap().has("kernel_started"));
        assert!(!scope("session").unwrap().has("kernel_started"));
        assert!(scope("vfolder").is_err() && scope("").is_err());
    }
}
