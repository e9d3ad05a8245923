//! `facts`: what `docs/compatibility.md` says about a release, asked of the running cluster anew.
//!
//! Answers are printed as tables. Sessions are made for it and ended, and the manager and the webserver are restarted
//! to see what becomes of open tunnels: not for a cluster that somebody works with.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Cluster;
use super::release::{self, ADMIN, Account, USER};
use super::room::Room;

/// Of the administrator, to be refused to the user.
const OTHER: &str = "facts-other";
/// Of the user, to be ended while a tunnel is open.
const ENDED: &str = "facts-ended";

impl Cluster {
    pub(super) fn facts(&self) -> Result<()> {
        let room = self.room()?;
        println!("## {}\n", self.release.reported);
        self.with_session(&room, OTHER, &ADMIN, || {
            let status = self.facts_command(&room, "ask", &[release::SESSION, OTHER]).status()?;
            if status.success() { Ok(()) } else { bail!("the questions ended with {status}") }
        })?;
        for name in ["manager", "webserver"] {
            let service = self.release.service(name)?;
            self.watch(&room, &format!("{name} restarted"), release::SESSION, || {
                self.stop(&room, service)?;
                self.start(&room, &[service])
            })?;
        }
        self.with_session(&room, ENDED, &USER, || {
            self.watch(&room, "session ended", ENDED, || self.end_session(&room, ENDED, &USER))
        })
    }

    /// Opens a tunnel in each mode, lets something happen and prints what the tunnels saw of it.
    fn watch(
        &self,
        room: &Room,
        title: &str,
        session: &str,
        happen: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut watcher = self
            .facts_command(room, "watch", &[session])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the watcher")?;
        let output = watcher.stdout.take().context("the watcher has no output")?;
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().transpose()?;
        if first.as_deref() != Some("open") {
            watcher.wait()?;
            bail!("no tunnel could be opened to watch it");
        }
        let happened = happen();
        println!("\n{title}, with tunnels open:\n");
        for line in lines {
            println!("- {}", line?);
        }
        let status = watcher.wait()?;
        happened?;
        if status.success() { Ok(()) } else { bail!("the watcher ended with {status}") }
    }

    /// Makes a session, does something, and ends the session whatever came of it.
    fn with_session(
        &self,
        room: &Room,
        name: &str,
        account: &Account,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut create = room.command("backend.ai");
        create.args(["session", "create", "-t", name, "-r", "cpu=1", "-r", "mem=512m", "--max-wait", "120"]);
        self.as_account(create.arg(self.release.image), account, false);
        self.logged("facts", &mut create).context("a free processor core is needed for one more session")?;
        let done = work();
        // It may have ended already; what went wrong before is what matters.
        let ended = self.end_session(room, name, account);
        done.and(if name == ENDED { Ok(()) } else { ended })
    }

    fn end_session(&self, room: &Room, name: &str, account: &Account) -> Result<()> {
        let mut destroy = room.command("backend.ai");
        self.as_account(destroy.args(["session", "destroy", name]), account, false);
        self.logged("facts", &mut destroy)
    }

    fn facts_command(&self, room: &Room, verb: &str, names: &[&str]) -> Command {
        let mut command = room.command("python3");
        command
            .arg("/srv/cluster/etc/facts.py")
            .arg(verb)
            .args([self.release.webserver, self.release.manager].map(|port| port.to_string()))
            .args(names)
            .stdin(Stdio::null())
            .env("FACTS_EMAIL", USER.email)
            .env("FACTS_PASSWORD", USER.password)
            .env("FACTS_ACCESS_KEY", USER.access_key)
            .env("FACTS_SECRET_KEY", USER.secret_key);
        command
    }
}
