//! Sessions as hosts in the user's `ssh_config`: `ssh train.demo.berth`, from every program that reads it.
//!
//! Berth writes a file of its own beside the user's ([`HostsFile`]) and one `Include` line at the top of the user's
//! ([`install`]). A session is reached by a `ProxyCommand`, so no port is open and no app need run; whatever a new
//! session needs (its key, its host key's place) is brought by that command, so the files change only when names do.
//! Taking the line out again gives back the user's file byte for byte ([`uninstall`]).

mod alias;
mod hosts;
mod install;
mod managed;
mod own_hosts;
mod text;
mod version;

pub use alias::{DOMAIN, alias, cluster_label, is_part, session_part, split};
pub use hosts::{ClusterHosts, HostsFile, KEY_FILE, Made, NEW_KEY_FILE};
pub use install::{
    ConfigError, Installed, Place, Plan, State, Undone, install, plan, state, uninstall, write_hosts,
};
pub use own_hosts::{OwnHost, own_hosts};
pub use version::{OLDEST_OPENSSH, openssh_version};
