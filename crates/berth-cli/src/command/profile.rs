//! `profile`: clusters signed in to before, as the desktop app lists them.

use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// List, choose or remove clusters signed in to before.
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// List them
    List,
    /// Use one from now on
    Use {
        /// Its name in the list, or a part of it
        #[arg(value_name = "PROFILE", add = crate::completion::profiles())]
        name: String,
    },
    /// Remove one, with its kept login and password
    Remove {
        /// Its name in the list, or a part of it
        #[arg(value_name = "PROFILE", add = crate::completion::profiles())]
        name: String,
    },
}

impl Profile {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let (output, berth) = (&context.output, &context.berth);
        match self {
            Self::List => {
                let active = berth.active_profile().map(|profile| profile.id);
                let all = berth.profiles();
                if output.is_json() {
                    let items: Vec<_> = all
                        .iter()
                        .map(|p| {
                            json!({
                                "profile": p.id, "endpoint": p.address, "mode": p.mode, "user": p.user,
                                "remembered": p.remembered, "active": active.as_deref() == Some(&p.id),
                            })
                        })
                        .collect();
                    output.json(&json!({"count": items.len(), "total_count": items.len(), "items": items}));
                } else if all.is_empty() {
                    output.info("There are none yet. Sign in with: berth login");
                } else {
                    let rows = all
                        .iter()
                        .map(|p| {
                            let mark = if active.as_deref() == Some(&p.id) { "*" } else { "" };
                            vec![mark.into(), p.id.clone(), p.address.clone(), p.user.clone()]
                        })
                        .collect();
                    output.table(&["", "Profile", "Endpoint", "User"], rows);
                }
            }
            Self::Use { name } => {
                let profile = context.profile(&name)?;
                berth.use_profile(&profile.id)?;
                output.done(&format!("{} is used from now on.", profile.id));
            }
            Self::Remove { name } => {
                let profile = context.profile(&name)?;
                berth.forget_profile(&profile.id).await?;
                output.done(&format!("{} is removed.", profile.id));
            }
        }
        Ok(0)
    }
}
