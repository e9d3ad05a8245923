//! `destroy`, `rm`, `kill`: ends sessions.

use berth::terminal::Scope;
use clap::Args;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::failure::{Failure, product};

/// End sessions.
#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// Names or ids
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    sessions: Vec<String>,
    /// End one that is stuck; may leave containers behind
    #[arg(short, long)]
    forced: bool,
    /// Also end those that depend on it
    #[arg(short, long)]
    recursive: bool,
    /// Access key of another owner (administrators)
    #[arg(short, long, value_name = "ACCESS_KEY")]
    owner: Option<String>,
    /// Print the statistics of each
    #[arg(short, long)]
    stats: bool,
}

impl Destroy {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let output = &context.output;
        if self.sessions.is_empty() {
            return Err(Failure::Argument(
                "Specify at least one session ID. Check usage with \"-h\" option.".into(),
            ));
        }
        context.reach().await?;
        output.wait("Terminating the session(s)...");
        let mut all_ended = true;
        let mut answers = Map::new();
        for reference in &self.sessions {
            match self.end(context, reference).await {
                Ok(answer) => {
                    answers.insert(reference.clone(), answer);
                }
                Err(e) => {
                    all_ended = false;
                    product(&e, output);
                }
            }
        }
        if output.is_json() || self.stats {
            output.json(&answers);
        }
        if !all_ended {
            return Err(Failure::Said(1));
        }
        output.done("Done.");
        Ok(0)
    }

    async fn end(&self, context: &Context, reference: &str) -> Result<Value, berth::Error> {
        let berth = &context.berth;
        let session = match (berth.find_session(reference, Scope::Live).await, &self.owner) {
            (Ok(session), _) => session,
            // The server knows another owner's sessions by name.
            (Err(e), Some(_)) if e.code == "session-not-found" => stranger(reference),
            (Err(e), _) => return Err(e),
        };
        berth.destroy_session(&session, self.forced, self.recursive, self.owner.as_deref()).await
    }
}

/// A session of which nothing but what was typed is known.
fn stranger(reference: &str) -> berth::Session {
    berth::Session {
        id: reference.to_owned(),
        name: reference.to_owned(),
        status: String::new(),
        status_info: None,
        session_type: String::new(),
        image: String::new(),
        project: None,
        resource_group: None,
        resources: Vec::new(),
        created_at: None,
        terminated_at: None,
        cluster_size: 1,
        apps: Vec::new(),
    }
}
