//! `web`: the cluster's own WebUI, in a window of the desktop app.

use berth::{Asked, WebUiWish, shows_one_session};
use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

/// Open the cluster's own WebUI in the desktop app.
#[derive(Debug, Args)]
#[command(after_help = "\
In the desktop app's window you are signed in to the WebUI already, and its SSH/SFTP icon works. The app is started if
it does not run. If it does not remember your login it asks for it, and opens the WebUI afterwards.

Examples:
  berth web
  berth web my-session")]
pub(crate) struct Web {
    /// Name or id of the session to show there
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: Option<String>,
}

impl Web {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let (berth, output) = (&context.berth, &context.output);
        let mut wish = WebUiWish { profile_id: context.way()?.web_profile()?, session_id: None };
        let mut list_only = None;
        if let Some(reference) = &self.session {
            let session = context.session(reference).await?;
            if let Some(account) = berth.account() {
                list_only = (!shows_one_session(&account.server)).then_some(account.server.manager_version);
                wish.profile_id = account.profile_id;
            }
            wish.session_id = Some(session.id);
        }
        let asked = berth.ask_desktop(&wish).await?;
        if let Some(version) = list_only {
            output.info(&format!(
                "The WebUI of {version} has no address for a single session: it opens its list of sessions."
            ));
        }
        output.done(match asked {
            Asked::HandedOver => "The WebUI opens in Berth's desktop app.",
            Asked::Started => "Berth's desktop app starts and opens the WebUI.",
        });
        Ok(0)
    }
}
