//! Berth, the product: profiles, credentials, settings, connections, events.
//!
//! The desktop app and the program `berth` are thin hosts of [`Berth`]: they show what it answers and
//! what its events say. It plugs a cluster (`backend-ai`) into local ports (`tunnel`) and into the SSH
//! programs of this computer (`sshkit`), none of which know each other.

mod berth;
mod clock;
mod cluster;
mod connections;
mod connector;
mod desktop;
mod error;
mod host_keys;
mod hosted;
mod json_file;
mod kept_login;
pub mod log;
mod model;
mod open_in;
mod own_keys;
mod passwords;
mod paths;
mod ports;
mod profiles;
mod saved_keys;
mod secrets;
mod settings;
mod ssh_hosts;
pub mod terminal;

pub use sshkit::private_file::{Overwrite, create_private_dir, write_private_file};

pub use crate::berth::{Berth, DemoAccess, Options};
pub use crate::connections::{Connections, PortChoice, SSHD};
pub use crate::desktop::{Asked, WebUiWish};
pub use crate::hosted::{HostedApp, WebLogin, WebUi, shows_one_session};
pub use crate::model::*;
pub use crate::own_keys::convert_key;
pub use crate::paths::Paths;
pub use crate::secrets::SecretsChoice;
pub use crate::ssh_hosts::HostReady;

#[cfg(test)]
mod bindings {
    //! Writes the TypeScript twins of [`crate::model`] into the UI: `cargo test -p berth bindings`.

    use ts_rs::{Config, TS};

    /// A type that is reached from here is written, too.
    #[test]
    fn bindings_are_written() {
        let config =
            Config::new().with_out_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/bindings"));
        crate::Startup::export_all(&config).unwrap();
        crate::Event::export_all(&config).unwrap();
        crate::About::export_all(&config).unwrap();
        crate::SignInRequest::export_all(&config).unwrap();
        crate::SignInOutcome::export_all(&config).unwrap();
        crate::SavedKey::export_all(&config).unwrap();
        crate::SshHosts::export_all(&config).unwrap();
        crate::ToolOffer::export_all(&config).unwrap();
        crate::OwnKeys::export_all(&config).unwrap();
        crate::AddedKey::export_all(&config).unwrap();
        crate::PpkRequest::export_all(&config).unwrap();
    }
}
