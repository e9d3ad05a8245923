//! `ssh-config`: sessions as hosts of ssh, for every program that reads the user's `ssh_config`.

use berth::SshHosts;
use berth::terminal::{Reach, Scope};
use clap::Subcommand;

use crate::command::agree::agree;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

/// Make sessions hosts of ssh: `ssh SESSION.CLUSTER.berth` from every program.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
One line is added at the top of ~/.ssh/config; it includes a file that Berth keeps fresh. Then, with no port and no
program running beside:
  ssh train.seoul.berth
  scp data.tar train.seoul.berth:
  git clone train.seoul.berth:repo
  code --remote ssh-remote+train.seoul.berth /home/work")]
pub(crate) enum SshConfig {
    /// Add them, after showing what changes
    Install {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Take them out; your file is then what it was, byte for byte
    Uninstall {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Print the hosts as they are or would be
    Show,
}

impl SshConfig {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let (output, berth) = (&context.output, &context.berth);
        match self {
            Self::Install { yes } => {
                list_names(context).await;
                let before = berth.ssh_hosts();
                if !before.installed {
                    if before.problem.is_none() {
                        preview(&before, output);
                        agree(output, yes, "Change it?")?;
                    }
                    berth.install_ssh_hosts()?;
                }
                let now = berth.ssh_hosts();
                if output.is_json() {
                    output.json(&now);
                } else {
                    output.done(if before.installed { "They are there already." } else { "Added." });
                    let example = now.hosts.first().map_or("SESSION.CLUSTER.berth", String::as_str);
                    output.below(&format!("➜ ssh {example}"));
                }
            }
            Self::Uninstall { yes } => {
                let before = berth.ssh_hosts();
                agree(output, yes, &format!("Take Berth's hosts out of {}?", before.config))?;
                let now = berth.uninstall_ssh_hosts()?;
                if output.is_json() {
                    output.json(&now);
                } else {
                    output.done("Taken out.");
                }
            }
            Self::Show if output.is_json() => output.json(&berth.ssh_hosts()),
            Self::Show => {
                let now = berth.ssh_hosts();
                output.info(if now.installed {
                    "They are in your ssh config."
                } else {
                    "Not in your ssh config yet."
                });
                output.data(&berth.ssh_hosts_text()?);
            }
        }
        Ok(0)
    }
}

/// Learns the names of sessions, for editors; the patterns work without them. The cluster that is meant comes last: it
/// stays the active one.
async fn list_names(context: &Context) {
    let berth = &context.berth;
    let meant = berth.active_profile().map(|profile| profile.id);
    let others = berth.profiles().into_iter().filter(|profile| Some(&profile.id) != meant.as_ref());
    for profile in others.filter(|profile| profile.remembered) {
        let address = profile.address.clone();
        let Ok(tls) = context.tls(Some(&profile)) else { continue };
        let listed = match berth.reach(&Reach::Profile { profile, tls }).await {
            Ok(_) => berth.list_sessions(Scope::Live).await.map(drop),
            Err(e) => Err(e),
        };
        if let Err(e) = listed {
            context.output.warn(&format!("The sessions of {address} cannot be listed now: {}", e.message));
        }
    }
    if context.reach().await.is_ok()
        && let Err(e) = berth.list_sessions(Scope::Live).await
    {
        context.output.warn(&format!("Your sessions cannot be listed now: {}", e.message));
    }
}

fn preview(hosts: &SshHosts, output: &Output) {
    let Some(preview) = &hosts.preview else { return };
    let makes = if preview.creates { " (made now)" } else { "" };
    output.info(&format!("{}{makes}:", preview.target));
    output.note(&format!("    + {}", hosts.line));
    for line in &preview.below {
        output.note(&format!("      {}", crate::output::one_line(line)));
    }
    output.info(&format!("The hosts are in {}", hosts.file));
    if let Some(backup) = &preview.backup {
        output.info(&format!("A copy is kept as {backup}"));
    }
    if preview.byte_order_mark {
        output.warn(
            "The file begins with a byte order mark, at which ssh stops. Save it as UTF-8 without one.",
        );
    }
    for own in &preview.own_hosts {
        output.info(&format!("Your own host {} ({}:{}) stays yours.", own.pattern, own.file, own.line));
    }
}
