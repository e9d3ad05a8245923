//! `cargo xtask real-cluster`: a real Backend.AI on this computer, to try Berth against.
//!
//! Manager, webserver, storage proxy, agent, databases and Docker from the public packages, unmodified and pinned, with a
//! compute session in a container. Everything lives in a *room*: a Debian file system of its own with its own network,
//! processes and mounts, so nothing is installed on the computer and nothing of it is disturbed; a relay makes the
//! servers' ports reachable on 127.0.0.1. Linux and root only. What differs between releases is in [`release`], the
//! configuration files are in `xtask/real-cluster`.

mod check;
mod client;
mod downloads;
mod facts;
mod release;
mod room;
mod root;
mod services;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::run;
use release::Release;
use room::Room;

const HELP: &str = "\
cargo xtask real-cluster COMMAND RELEASE     RELEASE is 23.09 or 26.9; Linux, as root

  up RELEASE                 build what is missing, start the cluster, see to its session `sess1`
  down RELEASE [--purge]     stop it; --purge also removes its data and its file system
  status RELEASE             what runs, addresses and accounts
  check RELEASE              the whole path by the official client, in both access modes
  facts RELEASE              how this release answers, as in docs/compatibility.md; disturbs what is open
  downloads RELEASE [TIMES]  whether big downloads arrive whole by stock programs alone; some minutes of a busy computer
  stop RELEASE SERVICE       end one server, as an outage would; status names them
  start RELEASE SERVICE      bring it back
  restart RELEASE SERVICE    both
  client RELEASE [--admin] [--session-mode] WORD...
                             the official client, with the user's or the administrator's account

State is kept below target/real-cluster, or below $BERTH_REAL_CLUSTER_DIR. About 4 GB on disk and 3 GB of memory each.
";

/// One cluster: a release and the folder it lives in.
pub(super) struct Cluster {
    release: &'static Release,
    /// Absolute; holds `root` (the Debian file system), `state` (all data, `/srv/cluster` in the room) and `log`.
    base: PathBuf,
    started: Instant,
}

/// One way into a cluster, with what its tests need.
pub(crate) struct Access {
    pub(crate) endpoint: String,
    /// The webserver (session mode) or the manager (API mode).
    pub(crate) webserver: bool,
    pub(crate) user: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) session: &'static str,
    pub(crate) image: &'static str,
    /// Somebody else.
    pub(crate) other_user: &'static str,
    pub(crate) other_secret: &'static str,
}

/// Both ways into a release's cluster.
pub(crate) fn accesses(release: &str) -> Result<[Access; 2]> {
    let release = Release::named(release)?;
    let access = |webserver: bool| {
        let (user, other) = (&release::USER, &release::ADMIN);
        let port = if webserver { release.webserver } else { release.manager };
        Access {
            endpoint: format!("http://127.0.0.1:{port}"),
            webserver,
            user: if webserver { user.email } else { user.access_key },
            secret: if webserver { user.password } else { user.secret_key },
            session: release::SESSION,
            image: release.image,
            other_user: if webserver { other.email } else { other.access_key },
            other_secret: if webserver { other.password } else { other.secret_key },
        }
    };
    Ok([access(true), access(false)])
}

/// Runs one subcommand.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (command, release, rest) = match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        [command, release, rest @ ..] => (*command, *release, rest),
        [_] => bail!("name a command and a release, as in `cargo xtask real-cluster up 23.09`"),
    };
    let cluster = Cluster::new(Release::named(release)?)?;
    match (command, rest) {
        ("up", []) => cluster.up(),
        ("down", []) => cluster.down(false),
        ("down", ["--purge"]) => cluster.down(true),
        ("status", []) => return cluster.status(),
        ("check", []) => cluster.check(),
        ("facts", []) => cluster.facts(),
        ("downloads", []) => cluster.downloads(5),
        ("downloads", [times]) => cluster.downloads(times.parse().context("TIMES is a number up to 255")?),
        ("stop", [service]) => cluster.stop(&cluster.room()?, cluster.release.service(service)?),
        ("start", [service]) => cluster.start(&cluster.room()?, &[cluster.release.service(service)?]),
        ("restart", [service]) => {
            let (room, service) = (cluster.room()?, cluster.release.service(service)?);
            cluster.stop(&room, service)?;
            cluster.start(&room, &[service])
        }
        ("client", rest) => return cluster.client(rest),
        _ => bail!("this cannot be understood; `cargo xtask real-cluster --help` lists the commands"),
    }
    .map(|()| ExitCode::SUCCESS)
}

impl Cluster {
    fn new(release: &'static Release) -> Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("a real cluster needs Linux: its rooms are made of name spaces");
        }
        if run::output("id", &["-u"])?.trim() != "0" {
            bail!("a real cluster needs root: try again with sudo");
        }
        let folder = std::env::var_os("BERTH_REAL_CLUSTER_DIR")
            .map_or_else(|| PathBuf::from("target/real-cluster"), PathBuf::from)
            .join(release.name);
        fs::create_dir_all(folder.join("log"))
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { release, base: folder.canonicalize()?, started: Instant::now() })
    }

    fn up(&self) -> Result<()> {
        let _lock = self.lock()?;
        self.build()?;
        let room = self.open_room()?;
        self.prepare(&room)?;
        for wave in self.release.foundation {
            self.start(&room, &wave.iter().collect::<Vec<_>>())?;
        }
        self.populate(&room)?;
        for wave in self.release.servers {
            self.start(&room, &wave.iter().collect::<Vec<_>>())?;
        }
        self.open_relay(&room)?;
        self.see_to_session(&room)?;
        self.say("the cluster is up");
        self.status().map(|_| ())
    }

    fn down(&self, purge: bool) -> Result<()> {
        let _lock = self.lock()?;
        self.close_relay();
        if let Some(room) = self.found_room() {
            self.stop_everything(&room)?;
            self.close_room(&room)?;
        }
        if purge {
            for folder in ["state", "root"] {
                let folder = self.base.join(folder);
                if folder.exists() {
                    fs::remove_dir_all(&folder)
                        .with_context(|| format!("cannot remove {}", folder.display()))?;
                }
            }
        }
        self.say(if purge { "stopped, its data removed" } else { "stopped" });
        Ok(())
    }

    fn status(&self) -> Result<ExitCode> {
        let Some(room) = self.found_room() else {
            println!("{} is not running ({})", self.release.name, self.base.display());
            return Ok(ExitCode::FAILURE);
        };
        println!("Backend.AI {} in {}", self.release.backend_ai, self.base.display());
        let mut all = self.relay_runs();
        if !all {
            println!("  the relay to 127.0.0.1 is not running");
        }
        for service in self.release.services() {
            let runs = self.runs(&room, service);
            all &= runs;
            println!("  {:<12} {}", service.name, if runs { "runs" } else { "DOES NOT RUN" });
        }
        let [manager, webserver] = [self.release.manager, self.release.webserver];
        println!(
            "  webserver (session mode) http://127.0.0.1:{webserver}\n  manager (API mode)       http://127.0.0.1:{manager}"
        );
        for account in [&release::USER, &release::ADMIN] {
            println!(
                "  {} / {}\n    keypair {} / {}",
                account.email, account.password, account.access_key, account.secret_key
            );
        }
        println!("  image {}, session {} of {}", self.release.image, release::SESSION, release::USER.email);
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The running room, or an error that says how to get one.
    fn room(&self) -> Result<Room> {
        self.found_room().with_context(|| {
            format!("{0} is not running: cargo xtask real-cluster up {0}", self.release.name)
        })
    }

    fn state(&self) -> PathBuf {
        self.base.join("state")
    }

    /// The folder of this release's own files in the checkout.
    fn files(&self) -> PathBuf {
        Path::new("xtask/real-cluster").join(self.release.name)
    }

    /// Two commands that build or start at once would undo each other.
    fn lock(&self) -> Result<File> {
        let path = self.base.join("lock");
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!("another `real-cluster` command works on {}", self.release.name)
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the cluster's folder"),
        }
    }

    fn say(&self, text: &str) {
        eprintln!("[{:>4}s] {}: {text}", self.started.elapsed().as_secs(), self.release.name);
    }
}
