//! `downloads`: whether big files arrive whole by stock programs, with no program of Berth in between.
//!
//! The sshd in the sessions sends more than a channel's window allows when the receiver is slow, and OpenSSH then drops
//! data or disconnects. This counts how often, so that such failures are not looked for in Berth.

use anyhow::{Context, Result, bail};

use super::release::USER;
use super::{Cluster, release};

impl Cluster {
    /// Prints a table for `docs/compatibility.md`; every way of downloading is tried `times` times.
    pub(super) fn downloads(&self, times: u8) -> Result<()> {
        let room = self.room()?;
        let version = room.command("ssh").arg("-V").output().context("cannot start ssh")?;
        println!("## {}, {}\n", self.release.reported, String::from_utf8_lossy(&version.stderr).trim());
        println!(
            "| way | program | whole | \"rcvd too much data\" | not ended in 60 s | exit 0, bytes missing |"
        );
        println!("|---|---|---|---|---|---|");
        for way in ["direct", "busy", "api", "session"] {
            let mut command = room.command("bash");
            command.args(["/srv/cluster/etc/downloads.sh", way, release::SESSION, USER.email, USER.password]);
            self.as_account(command.arg(times.to_string()), &USER, way == "session");
            if !command.status().context("cannot run the downloads")?.success() {
                bail!("the downloads could not be tried");
            }
        }
        Ok(())
    }
}
