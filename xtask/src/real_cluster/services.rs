//! What runs in a room: databases, Docker, the servers of Backend.AI, and the session that people find there.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::release::{Ready, Service, USER};
use super::room::{Room, read_id, wait};
use super::root::tail;
use super::{Cluster, release};

/// Each server imports for seconds, all at once, on whatever else the computer does.
const START: Duration = Duration::from_secs(180);

/// The agent ends its containers first.
const STOP: Duration = Duration::from_secs(60);

/// Starts `$2...` under the name `$1`, as its own session, and leaves its process id. The metrics of one server must not
/// meet another's.
const LAUNCH: &str = "name=$1; shift; cd /srv/cluster/etc; echo $$ >/srv/cluster/run/$name.pid; \
    export BACKENDAI_PROMETHEUS_DIR=/srv/cluster/run/$name.metrics; \
    exec \"$@\" >>/srv/cluster/log/$name.log 2>&1 </dev/null";

/// Folders that the servers expect below the state folder.
const FOLDERS: &[&str] = &[
    "agent",
    "commit",
    "home",
    "ipc/agent",
    "ipc/coordinator",
    "ipc/manager",
    "ipc/storage",
    "ipc/webserver",
    "ipc/worker-http",
    "ipc/worker-tcp",
    "log",
    "run",
    "scratches",
    "vfroot/local/volume1",
];

impl Cluster {
    /// Lays out the state folder: configuration from the checkout, folders, an empty database.
    pub(super) fn prepare(&self, room: &Room) -> Result<()> {
        let state = self.state();
        for folder in FOLDERS {
            fs::create_dir_all(state.join(folder))?;
        }
        // The layout of folders' contents that the storage proxies of these releases know.
        fs::write(state.join("vfroot/local/volume1/version.txt"), "3\n")?;
        let etc = state.join("etc");
        fs::create_dir_all(&etc)?;
        for folder in [self.files(), PathBuf::from("xtask/real-cluster/common")] {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let entry = entry?;
                // Keeps the mode: some are programs.
                fs::copy(entry.path(), etc.join(entry.file_name()))?;
            }
        }
        if !state.join("postgres/PG_VERSION").exists() {
            let script = "rm -rf /srv/cluster/postgres; install -d -o postgres -m 700 /srv/cluster/postgres; \
                exec setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/*/bin/initdb \
                -D /srv/cluster/postgres -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync";
            self.logged("initdb", room.command("sh").args(["-c", script]))?;
        }
        Ok(())
    }

    /// Starts what does not run yet, all at once, and waits until each is ready.
    pub(super) fn start(&self, room: &Room, services: &[&Service]) -> Result<()> {
        let idle: Vec<&Service> =
            services.iter().copied().filter(|service| !self.runs(room, service)).collect();
        for service in &idle {
            let _ = fs::remove_file(self.id_file(service));
            let mut command = room.command("setsid");
            command.args(["--fork", "sh", "-c", LAUNCH, "sh", service.name]).args(service.command);
            self.logged("launch", &mut command)?;
        }
        for service in services {
            self.await_ready(room, service)?;
        }
        if !idle.is_empty() {
            let names: Vec<_> = idle.iter().map(|service| service.name).collect();
            self.say(&format!("running: {}", names.join(", ")));
        }
        Ok(())
    }

    fn await_ready(&self, room: &Room, service: &Service) -> Result<()> {
        let mut launched = false;
        let ended = wait(START, || {
            if match service.ready {
                Ready::Port(port) => room.listens(port),
                Ready::Docker => room.succeeds("docker", &["version"]),
            } {
                return Some(true);
            }
            let runs = self.runs(room, service);
            launched |= runs;
            (launched && !runs).then_some(false)
        });
        let log = self.service_log(service);
        match ended {
            Some(true) => Ok(()),
            Some(false) => bail!("{} has ended; its log says:\n{}", service.name, tail(&log)),
            None => bail!("{} does not answer; its log says:\n{}", service.name, tail(&log)),
        }
    }

    /// Ends one service, as an administrator would.
    pub(super) fn stop(&self, room: &Room, service: &Service) -> Result<()> {
        let Some(pid) = self.id(room, service) else {
            self.say(&format!("{} does not run", service.name));
            return Ok(());
        };
        // PostgreSQL waits for its clients on TERM and disconnects them on INT.
        let signal = if service.name == "postgres" { "-INT" } else { "-TERM" };
        self.logged("launch", room.command("kill").args([signal, &pid.to_string()]))?;
        if wait(STOP, || (!self.runs(room, service)).then_some(())).is_none() {
            self.say(&format!("{} does not end by itself and is killed", service.name));
            self.logged("launch", room.command("kill").args(["-KILL", &pid.to_string()]))?;
        }
        let _ = fs::remove_file(self.id_file(service));
        self.say(&format!("{} is stopped", service.name));
        Ok(())
    }

    /// Ends all of them in the reverse order; the sessions' containers go before Docker.
    pub(super) fn stop_everything(&self, room: &Room) -> Result<()> {
        for service in self.release.services().collect::<Vec<_>>().into_iter().rev() {
            if matches!(service.ready, Ready::Docker) && self.runs(room, service) {
                room.succeeds("sh", &["-c", "docker ps -aq | xargs -r docker rm -f"]);
            }
            if self.runs(room, service) {
                self.stop(room, service)?;
            }
        }
        Ok(())
    }

    pub(super) fn runs(&self, room: &Room, service: &Service) -> bool {
        self.id(room, service).is_some()
    }

    fn id(&self, room: &Room, service: &Service) -> Option<u32> {
        read_id(&self.id_file(service)).filter(|pid| room.has_process(*pid))
    }

    fn id_file(&self, service: &Service) -> PathBuf {
        self.state().join("run").join(format!("{}.pid", service.name))
    }

    fn service_log(&self, service: &Service) -> PathBuf {
        self.state().join("log").join(format!("{}.log", service.name))
    }

    /// Fills the cluster with schema, accounts and the sessions' image, once.
    pub(super) fn populate(&self, room: &Room) -> Result<()> {
        let done = self.state().join(".populated");
        if done.exists() {
            return Ok(());
        }
        self.say("filling the database and importing the sessions' image");
        let (image, inside) = (self.base.join("image.tar"), self.state().join("image.tar"));
        if fs::hard_link(&image, &inside).is_err() {
            fs::copy(&image, &inside)?;
        }
        let filled = self.logged("populate", room.command("sh").arg("/srv/cluster/etc/populate.sh"));
        fs::remove_file(inside)?;
        filled?;
        fs::write(done, "")?;
        Ok(())
    }

    /// Sees to it that the ordinary user's session runs, with a real container behind it.
    pub(super) fn see_to_session(&self, room: &Room) -> Result<()> {
        let mut command = room.command("sh");
        command.args(["/srv/cluster/etc/session.sh", release::SESSION, self.release.image]);
        self.as_account(&mut command, &USER, false);
        self.logged("session", &mut command)?;
        self.say(&format!("session {} runs", release::SESSION));
        Ok(())
    }
}
