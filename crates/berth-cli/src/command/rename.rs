//! `session rename`.

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

/// Give a running session another name.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// The new name: 4 to 64 letters, digits, dots and hyphens
    #[arg(value_name = "NEW_NAME")]
    name: String,
}

impl Rename {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = context.session(&self.session).await?;
        context.berth.rename_session(&session, &self.name).await?;
        context.output.done(&format!("Session renamed to {}.", self.name));
        Ok(0)
    }
}
