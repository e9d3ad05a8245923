//! A demo cluster in a process of its own: this test program once more, so that it can be stopped and continued, and
//! what it uses is not counted as Berth's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use berth::{
    AccessMode, Berth, Connection, Options, Paths, SSHD, SecretsChoice, SignInOutcome, SignInRequest,
    TlsChoice,
};
use demo_cluster::DemoCluster;
use tokio::net::TcpStream;

const ASKED_FOR: &str = "BERTH_TEST_SERVER";

/// Not a test: what [`Server::start`] runs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "only by a test that asks for it"]
async fn process() {
    if std::env::var_os(ASKED_FOR).is_none() {
        return;
    }
    let options = demo_cluster::Options { unauthenticated_limit: None, ..Default::default() };
    let cluster = DemoCluster::start(options).await.unwrap();
    let account = cluster.account();
    let manager = cluster.manager_url();
    println!("\n@ {manager} {} {}", account.access_key, account.secret_key);
    std::io::stdout().flush().unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    cluster.stop().await;
}

/// The process.
pub(crate) struct Server {
    child: Child,
    /// Left open: the test harness in the process writes to it after a minute.
    _stdout: BufReader<ChildStdout>,
    manager: String,
    access_key: String,
    secret_key: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "server::process", "--ignored", "--nocapture"])
            .env(ASKED_FOR, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let line = stdout.by_ref().lines().map_while(Result::ok).find(|line| line.starts_with('@')).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let [_, manager, access_key, secret_key] = words[..] else { panic!("{line}") };
        let (manager, access_key, secret_key) = (manager.into(), access_key.into(), secret_key.into());
        Self { child, _stdout: stdout, manager, access_key, secret_key }
    }

    /// Sends a signal to it, and awaits the state it brings: `T` is stopped, `S` waits for something to do.
    pub(crate) fn signal(&self, signal: &str, state: char) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        while !std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| {
            stat.rsplit(')').next().is_some_and(|rest| (rest.trim_start().starts_with('T')) == (state == 'T'))
        }) {
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends by itself when its input does, and then leaves no files; one that is stopped must go on for that.
        let _ = Command::new("kill").args(["-CONT", &self.child.id().to_string()]).status();
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A Berth signed in to the process, with one connection.
pub(crate) struct Far {
    pub(crate) server: Server,
    pub(crate) berth: Arc<Berth>,
    pub(crate) connection: Connection,
    _home: tempfile::TempDir,
}

impl Far {
    pub(crate) async fn new() -> Self {
        let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let berth = Berth::start(Options {
            paths: Paths::at(home.path().join("data")).unwrap(),
            secrets: SecretsChoice::File,
            demo_available: false,
            build: "test".into(),
        })
        .unwrap();
        let request = SignInRequest {
            address: server.manager.clone(),
            mode: AccessMode::Api,
            user: server.access_key.clone(),
            secret: server.secret_key.clone(),
            otp: None,
            force: false,
            remember: false,
            tls: TlsChoice::default(),
        };
        assert!(matches!(berth.sign_in(request).await.unwrap(), SignInOutcome::SignedIn { .. }));
        let sessions = berth.refresh_sessions().await.unwrap().sessions;
        let session = sessions.into_iter().find(|session| session.status == "RUNNING").unwrap();
        let connection = berth.connect(&session.id, SSHD).await.unwrap();
        Self { server, berth, connection, _home: home }
    }

    pub(crate) async fn local(&self) -> TcpStream {
        TcpStream::connect((self.connection.host.as_str(), self.connection.port)).await.unwrap()
    }

    /// The connection now.
    pub(crate) fn now(&self) -> Connection {
        self.berth.connections().get(&self.connection.id).unwrap()
    }
}
