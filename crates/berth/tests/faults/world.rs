//! A signed-in Berth with one open connection to a demo cluster, through a proxy that breaks what it is told to.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use berth::{AccessMode, Connection, SSHD, SignInOutcome, SignInRequest};
use demo_cluster::Options;
use fault_proxy::{Direction, Fault, FaultProxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::Bench;

/// Reached only by a hang.
const HANG: Duration = Duration::from_secs(60);

/// What the stream's request has, and no other.
pub(crate) const UPGRADE: &[u8] = b"tcpproxy?app=sshd";
/// How the session's sshd begins.
pub(crate) const BANNER: &[u8] = b"SSH-2.0-";

pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) proxy: FaultProxy,
    pub(crate) connection: Connection,
}

impl World {
    pub(crate) async fn new(mode: AccessMode) -> Self {
        // Programs that leave before they have signed in are no burden to each other here.
        let bench = Bench::on(Options { unauthenticated_limit: None, ..Default::default() }).await;
        let request = bench.request(mode, false);
        let proxy = FaultProxy::start(address(&request.address)).await.unwrap();
        let request = SignInRequest { address: format!("http://{}", proxy.address()), ..request };
        let outcome = bench.berth.sign_in(request).await.unwrap();
        assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
        let session = bench.running(0).await;
        let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
        Self { bench, proxy, connection }
    }

    /// Another tunnel in place of the present one, without an incident.
    pub(crate) async fn reopen(&mut self) {
        self.bench.berth.connections().stop(&self.connection.id).await;
        self.connection = self.bench.berth.connect(&self.connection.session_id, SSHD).await.unwrap();
    }

    /// A local program that connects and says nothing yet.
    pub(crate) async fn local(&self) -> TcpStream {
        TcpStream::connect((self.connection.host.as_str(), self.connection.port)).await.unwrap()
    }

    /// An `ssh` that runs a command, with pipes for both ends.
    pub(crate) fn ssh(&self, command: &str) -> Child {
        Command::new("sh")
            .arg("-c")
            .arg(format!("exec {} '{command}'", self.connection.commands[0].line))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Local connections that are open.
    pub(crate) fn open(&self) -> u32 {
        self.bench.berth.connections().get(&self.connection.id).map_or(0, |c| c.traffic.open)
    }

    /// Waits until a local connection was accepted.
    pub(crate) async fn accepted(&self) {
        self.bench.until(|_| self.open() > 0).await;
    }

    /// Cuts the path in these directions, without telling anybody.
    pub(crate) fn cut(&self, directions: &[Direction]) {
        for direction in directions {
            self.proxy.set(*direction, Fault::BlackHole);
        }
    }

    /// The code of the newest incident.
    pub(crate) fn incident(&self) -> Option<String> {
        self.bench.berth.connections().get(&self.connection.id)?.incident.map(|incident| incident.error.code)
    }

    /// Waits for the incident of a connection that was lost.
    pub(crate) async fn lost(&self) -> String {
        self.bench.until(|_| self.open() == 0 && self.incident().is_some()).await;
        self.incident().unwrap()
    }

    /// What must hold after every case: the next program is served as if nothing had been.
    pub(crate) async fn next_is_good(&self) {
        self.proxy.clear();
        greeted(self.local().await).await;
    }

    pub(crate) async fn stop(self) {
        drop(self.proxy);
        self.bench.stop().await;
    }
}

/// An unencrypted SSH_MSG_DISCONNECT "by application" (RFC 4253, 6 and 11.1): its 13 bytes, with 6 of padding.
const DISCONNECT: [u8; 24] = [0, 0, 0, 20, 6, 1, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Greets as an SSH client does, checks what an SSH server says, and takes leave.
pub(crate) async fn greeted(mut local: TcpStream) {
    let banner = guarded(line(&mut local)).await.unwrap();
    assert!(banner.starts_with(BANNER), "{:?}", String::from_utf8_lossy(&banner));
    local.write_all(b"SSH-2.0-test\r\n").await.unwrap();
    guarded(kexinit(&mut local)).await.unwrap();
    local.write_all(&DISCONNECT).await.unwrap();
}

/// Reads a line.
pub(crate) async fn line(local: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(local.read_u8().await?);
    }
    Ok(line)
}

/// Reads the first packet of a key exchange (RFC 4253, 7.1), whole.
pub(crate) async fn kexinit(local: &mut TcpStream) -> std::io::Result<()> {
    let length = local.read_u32().await?;
    assert!(length < 35_000, "no SSH packet");
    let mut packet = vec![0; length as usize];
    local.read_exact(&mut packet).await?;
    assert_eq!(packet[1], 20, "no SSH_MSG_KEXINIT");
    Ok(())
}

/// Awaits what must come, however slow the machine.
pub(crate) async fn guarded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.expect("no hang")
}

pub(crate) fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::fill(&mut bytes);
    bytes
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}
