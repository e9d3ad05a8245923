//! The official Python client, run in the room: the reference by which clusters and Berth are judged.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::Cluster;
use super::release::{ADMIN, Account, USER};

impl Cluster {
    /// Runs the client with the words of the command line and ends as it ends.
    pub(super) fn client(&self, words: &[&str]) -> Result<ExitCode> {
        let (mut account, mut session_mode, mut words) = (&USER, false, words);
        while let [flag, rest @ ..] = words {
            match *flag {
                "--admin" => account = &ADMIN,
                "--session-mode" => session_mode = true,
                _ => break,
            }
            words = rest;
        }
        let mut command = self.room()?.command("backend.ai");
        self.as_account(&mut command, account, session_mode);
        let status = command.args(words).status().context("cannot start the client")?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }

    /// Tells the client whose account to use and where: the manager with a keypair, or the webserver with a login that
    /// is kept in the account's own home folder.
    pub(super) fn as_account(&self, command: &mut Command, account: &Account, session_mode: bool) {
        let port = if session_mode { self.release.webserver } else { self.release.manager };
        command
            .env("HOME", format!("/srv/cluster/home/{}", account.email))
            .env("BACKEND_ENDPOINT", format!("http://127.0.0.1:{port}"))
            .env("BACKEND_ENDPOINT_TYPE", if session_mode { "session" } else { "api" });
        if !session_mode {
            command
                .env("BACKEND_ACCESS_KEY", account.access_key)
                .env("BACKEND_SECRET_KEY", account.secret_key);
        }
    }
}
