//! A Backend.AI cluster as a Rust library, for servers 22.09 to 26.9.
//!
//! [`probe`] says what answers at an [`Endpoint`]; a [`Client`] made from that [`Server`] signs in, lists
//! compute sessions, fetches files and opens byte streams to the apps inside a session. Both access modes
//! are covered: the webserver with a login ([`AccessMode::Session`]) and the manager with a keypair
//! ([`AccessMode::Api`]). What differs between server lines is hidden here; comments of the form
//! "protocol.md 4.4" name the source of a server fact.

mod apps;
mod archive;
mod client;
mod container;
mod credentials;
mod endpoint;
mod error;
mod events;
mod files;
mod graphql;
mod listing;
mod login;
mod manage;
mod network;
mod password;
mod probe;
mod problem;
mod rows;
mod saved_login;
mod session;
mod sign_in;
mod signature;
mod ssh_keypair;
mod stream;
mod transport;
mod version;
mod web_page;

pub use archive::UploadFile;
pub use client::Client;
pub use credentials::{Credentials, Identity};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{Error, PasswordError, SignInError, StreamError};
pub use events::{SessionEvent, SessionEvents};
pub use manage::{CreateSession, CreatedSession, RemoteFile};
pub use network::Network;
pub use probe::{AccessMode, Server, probe};
pub use rows::{RowQuery, Rows, Statuses};
pub use saved_login::SavedLogin;
pub use session::{App, Session, SessionRef, SessionScope};
pub use ssh_keypair::SshKeypair;
pub use stream::{AppParameters, AppStream, StreamEnd};
pub use version::ManagerVersion;
pub use web_page::{WebPage, web_page};
