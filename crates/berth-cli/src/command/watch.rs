//! `watch`: a session on its way, in words, until it has ended.

use std::time::Duration;

use berth::Session;
use berth::terminal::{Follower, Scope};
use clap::Args;
use serde_json::Value;

use super::events::{EventScope, FAILURE, SUCCESS, show};
use crate::context::Context;
use crate::failure::Failure;

/// Watch a session until it has ended.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: that of a batch session's command; 1 when the session could not start; 3 when --max-wait is over.")]
pub(crate) struct Watch {
    /// Name or id; not needed where there is only one
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: Option<String>,
    /// Access key of another owner (administrators)
    #[arg(short, long, value_name = "ACCESS_KEY", visible_alias = "owner-access-key")]
    owner: Option<String>,
    /// Only what happens to the session or to its containers: session, kernel, or both with a comma or *
    #[arg(long, value_name = "SCOPE", default_value = "session,kernel")]
    scope: EventScope,
    /// Watch so long at most; 0 for as long as it takes
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    max_wait: u32,
}

impl Watch {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = self.session(context).await?;
        let mut follower = context.berth.follow_session(&session, self.owner.as_deref())?;
        let watching = self.watch(context, &mut follower);
        if self.max_wait == 0 {
            return watching.await;
        }
        let limit = Duration::from_secs(self.max_wait.into());
        match tokio::time::timeout(limit, watching).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::TooLate(format!(
                "{} is {} after {} s.",
                session.name,
                follower.status(),
                self.max_wait
            ))),
        }
    }

    async fn session(&self, context: &Context) -> Result<Session, Failure> {
        if let Some(reference) = &self.session {
            return context.session_in(reference, Scope::All).await;
        }
        context.reach().await?;
        let mut living = context.berth.list_sessions(Scope::Live).await?;
        match (living.pop(), living.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err(Failure::Usage("You have no sessions to watch.".into())),
            (Some(last), _) => {
                let names: Vec<&str> = living.iter().chain([&last]).map(|s| s.name.as_str()).collect();
                Err(Failure::Usage(format!("Say which session to watch: {}.", names.join(", "))))
            }
        }
    }

    async fn watch(&self, context: &Context, follower: &mut Follower) -> Result<u8, Failure> {
        let output = &context.output;
        // What a batch session's command has come to is told before the session's end.
        let mut code = 0;
        while let Some(happened) = follower.next().await? {
            let event = happened.event.as_str();
            let failed = matches!(event, FAILURE | "session_cancelled" | "kernel_cancelled");
            if failed || event == SUCCESS {
                code = exit_code(happened.data.get("exitCode"), failed);
            }
            if !self.scope.has(event) {
                continue;
            }
            match (output.is_json(), failed) {
                (true, _) => show(context, &happened),
                (false, true) => output.failed(event),
                (false, false) => output.done(event),
            }
        }
        if follower.status() == "ERROR" {
            output.failed("The session is in ERROR.");
            code = 1;
        }
        Ok(code)
    }
}

/// The command's own exit code; 26.9.6 tells none (seen there).
fn exit_code(told: Option<&Value>, failed: bool) -> u8 {
    let told = told.and_then(Value::as_i64).map(|code| u8::try_from(code & 0xff).unwrap_or(1));
    match (told, failed) {
        (Some(0) | None, true) => 1,
        (None, false) => 0,
        (Some(code), _) => code,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_is_never_zero() {
        assert_eq!(exit_code(Some(&json!(3)), true), 3);
        assert_eq!(exit_code(Some(&json!(-1)), true), 255);
        assert_eq!(exit_code(Some(&Value::Null), true), 1);
        assert_eq!(exit_code(Some(&json!(0)), true), 1);
        assert_eq!(exit_code(None, false), 0);
    }
}
