//! A demo cluster, a Berth in a folder of its own, and stock programs to run against them.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use berth::{
    AccessMode, Berth, Event, Options, Paths, SecretsChoice, Session, SignInOutcome, SignInRequest, TlsChoice,
};
use demo_cluster::{DemoCluster, Dialect};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::broadcast;

/// Long enough for any machine; reached only by a hang.
const HANG: Duration = Duration::from_secs(120);

/// One test's world.
pub(crate) struct Bench {
    pub(crate) cluster: DemoCluster,
    pub(crate) berth: Arc<Berth>,
    pub(crate) home: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Dialect::default()).await
    }

    pub(crate) async fn with(dialect: Dialect) -> Self {
        Self::on(demo_cluster::Options { dialect, ..Default::default() }).await
    }

    pub(crate) async fn on(options: demo_cluster::Options) -> Self {
        let cluster = DemoCluster::start(options).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let berth = start(&home.path().join("data"));
        Self { cluster, berth, home }
    }

    pub(crate) async fn signed_in() -> Self {
        let bench = Self::new().await;
        bench.sign_in(AccessMode::Session).await;
        bench
    }

    pub(crate) fn request(&self, mode: AccessMode, remember: bool) -> SignInRequest {
        let account = self.cluster.account();
        let (address, user, secret) = match mode {
            AccessMode::Session => (self.cluster.webserver_url(), account.email, account.password),
            AccessMode::Api => (self.cluster.manager_url(), account.access_key, account.secret_key),
        };
        SignInRequest {
            address,
            mode,
            user,
            secret,
            otp: None,
            force: false,
            remember,
            tls: TlsChoice::default(),
        }
    }

    pub(crate) async fn sign_in(&self, mode: AccessMode) {
        let outcome = self.berth.sign_in(self.request(mode, false)).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
    }

    /// The n-th running session of the account.
    pub(crate) async fn running(&self, n: usize) -> Session {
        let list = self.berth.refresh_sessions().await.unwrap();
        list.sessions.into_iter().filter(|s| s.status == "RUNNING").nth(n).unwrap()
    }

    /// Waits for something that the demo cluster tells only when asked.
    pub(crate) async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        let seen = async {
            while !wanted(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(HANG, seen).await.expect("it comes about");
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The same cluster and folder, another run of the program.
    pub(crate) async fn restart(self) -> Self {
        self.berth.shut_down().await;
        let berth = start(&self.data());
        Self { berth, ..self }
    }

    pub(crate) async fn stop(self) {
        self.berth.shut_down().await;
        self.cluster.stop().await;
    }
}

pub(crate) fn start(data: &Path) -> Arc<Berth> {
    Berth::start(Options {
        paths: Paths::at(data.to_owned()).unwrap(),
        secrets: SecretsChoice::File,
        demo_available: false,
        build: "test".into(),
    })
    .unwrap()
}

/// What a command line did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

/// Runs a command line as a user would paste it.
pub(crate) async fn shell(line: &str) -> Done {
    let run = Command::new("sh").arg("-c").arg(line).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(HANG, run).await.unwrap_or_else(|_| panic!("hangs: {line}")).unwrap();
    Done {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        status: output.status.code().unwrap_or(-1),
    }
}

/// Starts a command line and leaves it running.
pub(crate) fn spawn(line: &str) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!("exec {line}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Waits for the first line of output.
pub(crate) async fn first_line(child: &mut Child) -> String {
    let stdout = child.stdout.as_mut().unwrap();
    let mut line = String::new();
    tokio::time::timeout(HANG, BufReader::new(stdout).read_line(&mut line))
        .await
        .expect("it says something")
        .unwrap();
    line
}

/// Waits for an event.
pub(crate) async fn wait_for(
    events: &mut broadcast::Receiver<Event>,
    wanted: impl Fn(&Event) -> bool,
) -> Event {
    let found = async {
        loop {
            match events.recv().await {
                Ok(event) if wanted(&event) => return event,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => panic!("no more events"),
            }
        }
    };
    tokio::time::timeout(HANG, found).await.expect("the event comes")
}

/// A port nobody has at this moment.
pub(crate) async fn free_port() -> u16 {
    tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}

/// Walks a folder: nothing in it may be readable by others.
pub(crate) fn assert_nobody_else_can_read(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::symlink_metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            assert_nobody_else_can_read(&entry.unwrap().path());
        }
    }
}
