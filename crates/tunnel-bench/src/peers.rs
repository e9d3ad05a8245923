//! Who is measured, and how each is started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, TcpStream};

use crate::process::Process;

/// A way to carry bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// Loopback, with nothing in between.
    Direct,
    /// A plain TCP relay on tokio.
    Relay,
    /// Berth over ws.
    Berth,
    /// The Python client over ws.
    Python,
    /// Berth over wss.
    BerthTls,
    /// The Python client over wss.
    PythonTls,
}

impl Peer {
    /// All, in the order of the tables.
    pub(crate) const ALL: [Self; 6] =
        [Self::Direct, Self::Relay, Self::Berth, Self::Python, Self::BerthTls, Self::PythonTls];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "TCP relay",
            Self::Berth => "Berth, ws",
            Self::Python => "Python client, ws",
            Self::BerthTls => "Berth, wss",
            Self::PythonTls => "Python client, wss",
        }
    }

    pub(crate) fn is_python(self) -> bool {
        matches!(self, Self::Python | Self::PythonTls)
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::BerthTls | Self::PythonTls)
    }
}

/// Where the server is.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// Plain TCP, to the streams themselves.
    pub(crate) plain: u16,
    pub(crate) ws: u16,
    pub(crate) wss: u16,
    /// A real sshd.
    pub(crate) sshd: u16,
    /// The certificate of wss, in PEM.
    pub(crate) certificate: PathBuf,
    /// The Python client's program.
    pub(crate) python: Option<PathBuf>,
}

/// A peer that runs.
pub(crate) struct Running {
    /// Where local programs connect to.
    pub(crate) port: u16,
    /// None for the direct way.
    pub(crate) process: Option<Process>,
}

impl Ports {
    /// Starts a peer that leads to an app: `bench` or `sshd`.
    pub(crate) async fn start(&self, peer: Peer, app: &str) -> Result<Running> {
        let server = if peer.is_tls() { self.wss } else { self.ws };
        self.start_at(peer, app, server).await
    }

    /// The same, with the server, or what stands in front of it, at another port.
    pub(crate) async fn start_at(&self, peer: Peer, app: &str, server: u16) -> Result<Running> {
        let target = if app == "sshd" { self.sshd } else { self.plain };
        let url = format!("{}://127.0.0.1:{server}", if peer.is_tls() { "https" } else { "http" });
        match peer {
            Peer::Direct => Ok(Running { port: target, process: None }),
            Peer::Relay => role(&["relay", &format!("127.0.0.1:{target}")], None),
            Peer::Berth => role(&["host", &url, app], None),
            Peer::BerthTls => role(&["host", &url, app], Some(&self.certificate)),
            Peer::Python | Peer::PythonTls => {
                let program = self.python.as_ref().context("no Python client")?;
                python(program, &url, app).await
            }
        }
    }
}

fn role(words: &[&str], file: Option<&Path>) -> Result<Running> {
    let mut words: Vec<&std::ffi::OsStr> = words.iter().map(std::convert::AsRef::as_ref).collect();
    words.extend(file.map(Path::as_os_str));
    let (process, numbers) = Process::role(&words)?;
    Ok(Running { port: numbers[0], process: Some(process) })
}

/// `backend.ai app`, at the manager with a keypair. It takes no port 0, so it is given one that was free just now.
async fn python(program: &Path, url: &str, app: &str) -> Result<Running> {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let mut command = Command::new(program);
    command
        .args(["app", "bench", app, "--bind", &format!("127.0.0.1:{port}")])
        .env("BACKEND_ENDPOINT", url)
        .env("BACKEND_ENDPOINT_TYPE", "api")
        .env("BACKEND_ACCESS_KEY", "AKIABENCH")
        .env("BACKEND_SECRET_KEY", "bench")
        .env("BACKEND_SKIP_SSLCERT_VALIDATION", "yes")
        .stderr(Stdio::null());
    let process = Process::start(&mut command)?;
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if start.elapsed() > Duration::from_secs(30) {
            bail!("the Python client opens no port");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(Running { port, process: Some(process) })
}
