//! `logout`: ends the login at the server and deletes what was kept of it.

use berth::Error;
use berth::terminal::Reach;
use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

/// Sign out of the cluster.
#[derive(Debug, Args)]
pub(crate) struct Logout {}

impl Logout {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let way = context.ways()?.into_iter().next();
        let Some(Reach::Profile { profile, .. }) = way.clone() else {
            let (why, hint) = match way {
                Some(Reach::Demo(_)) => {
                    ("The demo cluster's login ends with it.", "End it with Ctrl-C where it runs.")
                }
                _ => (
                    "The credentials come from the environment: there is no login to end.",
                    "Remove them from the environment or the .env file.",
                ),
            };
            return Err(Error::new("no-login-to-end", why, hint).into());
        };
        // An expired login is over already; one that is renewed only to be ended costs nothing.
        match context.reach().await {
            Ok(_) => context.berth.sign_out().await,
            Err(Failure::Product(e)) => {
                context.output.warn(&format!("The server was not told: {}", e.message));
            }
            Err(other) => return Err(other),
        }
        context.berth.forget_login(&profile).await?;
        context.output.done("Logout done.");
        Ok(0)
    }
}
