//! The embedded demo cluster: a stand-in for a Backend.AI server on loopback, with real SSH and
//! SFTP inside its sessions.
//!
//! It is there for trying Berth without a cluster and for tests, and speaks like one of several
//! server lines ([`Dialect`]). It is not a product server: its sessions are folders of this
//! computer, and programs started in them run as the user. For that reason it listens on loopback
//! only and its credentials are random for every start.
//!
//! It shares no code with the client, so that a wrong idea about the protocol cannot be shared
//! either; section numbers in comments refer to protocol.md.

mod account;
mod api;
mod cluster;
mod container;
mod control;
mod dialect;
mod fault;
mod folder;
mod gql;
mod home;
mod keys;
mod problem;
mod sample;
mod server;
mod session;
mod ssh;
mod streams;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use account::{ADMIN_USER, Account, DEMO_USER, OTHER_USER, OTP_CODE, OTP_USER};
pub use control::{Control, LoginRefusal, NoSuch, Request};
pub use dialect::Dialect;
pub use fault::Fault;

use cluster::{Cluster, Settings};
use folder::Folder;

/// How long [`DemoCluster::stop`] waits for connections and programs to end.
const STOP_TIME: Duration = Duration::from_secs(3);

/// How a demo cluster is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server line to speak like.
    pub dialect: Dialect,
    /// Where the sessions' folders are. None: a temporary folder, deleted at the end. In a given
    /// folder, sessions keep their ids, keys and files from start to start; one cluster at a time
    /// can use it.
    pub data_dir: Option<PathBuf>,
    /// Port of the webserver on loopback; None takes a free one.
    pub port: Option<u16>,
    /// Port of the manager on loopback; None takes a free one.
    pub manager_port: Option<u16>,
    /// Password of all accounts; None makes a random one for each. Give one only where nobody
    /// else can reach the computer's loopback: who signs in gets a shell.
    pub password: Option<String>,
    /// Behave as with the federation router in front of GraphQL: no `errors` member in good
    /// answers, and an expired login is a 200 (appendix B). Off by default.
    pub federation_router: bool,
    /// Unauthenticated SSH connections a session allows at once; more are closed without a
    /// banner. Five, as dropbear does; None allows any number.
    pub unauthenticated_limit: Option<usize>,
    /// Time a created session takes to run, and a deleted one to end.
    pub pace: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dialect: Dialect::default(),
            data_dir: None,
            port: None,
            manager_port: None,
            password: None,
            federation_router: false,
            unauthenticated_limit: Some(5),
            pace: Duration::from_secs(2),
        }
    }
}

/// Why a demo cluster could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port cannot be listened on.
    #[error("the demo cluster cannot listen on port {port}: {source}")]
    Port {
        /// The port; 0 stands for any free one.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder for the sessions cannot be used.
    #[error("the demo cluster cannot use its folder: {0}")]
    Folder(String),
}

/// A session of the demo cluster, for tests and for the host's own messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Upper-case status, e.g. `RUNNING`.
    pub status: String,
    /// E-mail of the owner.
    pub owner: String,
    /// PEM text of the key that opens it; None unless it runs.
    pub key: Option<String>,
    /// The folder that plays `/home/work`; None unless it runs.
    pub home: Option<PathBuf>,
}

/// A running demo cluster. Dropping it ends it too, without waiting.
#[derive(Debug)]
pub struct DemoCluster {
    cluster: Arc<Cluster>,
    web_port: u16,
    manager_port: u16,
    /// Deletes a temporary folder when dropped.
    folder: Option<Folder>,
}

impl DemoCluster {
    /// Starts both servers. Needs a tokio runtime with time and IO, on which the cluster then runs.
    ///
    /// # Errors
    /// When a given port is taken, or the folder cannot be written.
    pub async fn start(options: Options) -> Result<DemoCluster, StartError> {
        ssh::restore_interrupt_signals();
        let run = uuid::Uuid::new_v4();
        let broken = |error: &dyn std::fmt::Display| StartError::Folder(error.to_string());
        let data_dir = options.data_dir.clone();
        let folder = tokio::task::spawn_blocking(move || Folder::take(data_dir.as_deref(), run))
            .await
            .map_err(|error| broken(&error))?
            .map_err(|error| broken(&error))?;
        let listen = async |port: Option<u16>| {
            let port = port.unwrap_or(0);
            server::bind(port).await.map_err(|source| StartError::Port { port, source })
        };
        let web = listen(options.port).await?;
        let manager = listen(options.manager_port).await?;
        let port_of = |listener: &tokio::net::TcpListener| {
            listener
                .local_addr()
                .map(|address| address.port())
                .map_err(|source| StartError::Port { port: 0, source })
        };
        let (web_port, manager_port) = (port_of(&web)?, port_of(&manager)?);

        let accounts =
            [(DEMO_USER, "user"), (ADMIN_USER, "superadmin"), (OTHER_USER, "user"), (OTP_USER, "user")];
        let accounts = accounts.map(|(email, role)| {
            let mut account = Account::generate(email, role);
            if let Some(password) = &options.password {
                account.password.clone_from(password);
            }
            account
        });
        let settings = Settings {
            dialect: options.dialect,
            federation_router: options.federation_router,
            unauthenticated_limit: options.unauthenticated_limit,
            pace: options.pace,
        };
        let path = folder.path().to_owned();
        let cluster =
            tokio::task::spawn_blocking(move || Cluster::create(settings, accounts.to_vec(), &path, run))
                .await
                .map_err(|error| broken(&error))?
                .map_err(|error| broken(&error))?;
        for (listener, router) in [
            (web, server::webserver_router(cluster.clone())),
            (manager, server::manager_router(cluster.clone())),
        ] {
            cluster.tasks.spawn(server::serve(&cluster, listener, router));
        }
        Ok(DemoCluster { cluster, web_port, manager_port, folder: Some(folder) })
    }

    /// The webserver, for session mode: `http://127.0.0.1:PORT`.
    pub fn webserver_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.web_port)
    }

    /// The manager, for API mode: `http://127.0.0.1:PORT`.
    pub fn manager_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.manager_port)
    }

    /// The server line it speaks like.
    pub fn dialect(&self) -> Dialect {
        self.cluster.dialect()
    }

    /// The ordinary demo user.
    pub fn account(&self) -> Account {
        self.cluster.accounts[sample::DEMO].clone()
    }

    /// All accounts: [`DEMO_USER`], [`ADMIN_USER`], [`OTHER_USER`], [`OTP_USER`].
    pub fn accounts(&self) -> Vec<Account> {
        self.cluster.accounts.clone()
    }

    /// All sessions of all users. Makes keys that are not made yet, which takes a moment.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let sessions = self.cluster.state().sessions.clone();
        let describe = |session: session::Session| {
            let container = session.container.as_ref();
            SessionInfo {
                id: session.id.to_string(),
                name: session.name.clone(),
                status: session.status.clone(),
                owner: self.cluster.accounts[session.owner].email.clone(),
                key: container.and_then(|container| container.user_key().ok()).map(|key| key.pem.clone()),
                home: container.map(|container| container.home.clone()),
            }
        };
        sessions.into_iter().map(describe).collect()
    }

    /// The switches for tests.
    pub fn control(&self) -> Control {
        Control { cluster: self.cluster.clone() }
    }

    /// Ends everything: connections, programs, and the temporary folder.
    pub async fn stop(mut self) {
        self.cluster.stop.cancel();
        self.cluster.tasks.close();
        let ending = self.cluster.clone();
        // A cluster that panicked while ending has ended.
        let _ = tokio::task::spawn_blocking(move || ending.end_containers()).await;
        if tokio::time::timeout(STOP_TIME, self.cluster.tasks.wait()).await.is_err() {
            tracing::warn!("parts of the demo cluster did not end in time");
        }
        if let Some(folder) = self.folder.take() {
            // Its deletion may take a moment.
            let _ = tokio::task::spawn_blocking(move || drop(folder)).await;
        }
    }
}

impl Drop for DemoCluster {
    fn drop(&mut self) {
        self.cluster.stop.cancel();
        self.cluster.end_containers();
    }
}
