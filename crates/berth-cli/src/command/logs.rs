//! `logs`: what a session's container has written.

use berth::terminal::Scope;
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// Show what a session's container has written.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Name or id; also of one that has ended
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Id of one of its containers, instead of the main one
    #[arg(short, long, value_name = "ID")]
    kernel: Option<String>,
}

impl Logs {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = context.session_in(&self.session, Scope::All).await?;
        let output = &context.output;
        output.wait("Retrieving live container logs...");
        let logs = context.berth.session_logs(&session, self.kernel.as_deref()).await?;
        output.end_line();
        if output.is_json() {
            output.json(&json!({"session_id": session.id, "logs": logs}));
        } else {
            let shown = crate::output::printable(&logs);
            output.data(&if shown.is_empty() || shown.ends_with('\n') {
                shown
            } else {
                format!("{shown}\n")
            });
        }
        output.done("End of logs.");
        Ok(0)
    }
}
