//! `session ls`: the files of a folder inside a session.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// List files inside a session.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Folder
    #[arg(value_name = "PATH", default_value = "/home/work")]
    path: String,
}

impl Ls {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let path = super::download::relative(&self.path)?;
        let session = context.session(&self.session).await?;
        let output = &context.output;
        output.wait(&format!("Retrieving list of files in \"{}\"...", self.path));
        let files = context.berth.list_files(&session, &path).await?;
        output.done("Retrieved.");
        if output.is_json() {
            let items: Vec<_> = files
                .iter()
                .map(|f| json!({"filename": f.name, "size": f.size, "mode": f.mode, "mtime": f.modified}))
                .collect();
            output.json(&json!({"count": items.len(), "total_count": items.len(), "items": items}));
            return Ok(0);
        }
        let rows = files
            .into_iter()
            .map(|f| vec![f.name, indicatif::HumanBytes(f.size).to_string(), time(f.modified), f.mode])
            .collect();
        output.table(&["File name", "Size", "Modified", "Mode"], rows);
        Ok(0)
    }
}

/// `2026-11-23 12:05:53`, UTC.
fn time(seconds: i64) -> String {
    if seconds == 0 {
        return String::new();
    }
    berth::terminal::utc_text(seconds)
}
