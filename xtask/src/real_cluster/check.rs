//! `check`: what a user does, done by the official client and OpenSSH, in both access modes.
//!
//! The steps are a script that runs in the room; from outside, the two servers must answer on 127.0.0.1 with their version.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::release::USER;
use super::{Cluster, release};

/// For one answer of a few hundred bytes.
const PATIENCE: Duration = Duration::from_secs(20);

impl Cluster {
    pub(super) fn check(&self) -> Result<()> {
        let room = self.room()?;
        for (name, port, path) in
            [("manager", self.release.manager, "/"), ("webserver", self.release.webserver, "/func/")]
        {
            let answer =
                get(port, path).with_context(|| format!("the {name} does not answer on 127.0.0.1:{port}"))?;
            if !answer.contains(&format!("\"manager\": \"{}\"", self.release.reported)) {
                bail!("the {name} is not of version {}: {answer}", self.release.reported);
            }
            println!("ok    {name} answers on 127.0.0.1:{port} as {}", self.release.reported);
        }
        let mut all = true;
        for session_mode in [true, false] {
            let mut command = room.command("bash");
            command.args(["/srv/cluster/etc/check.sh", if session_mode { "session" } else { "api" }]);
            command.args([release::SESSION, USER.email, USER.password]);
            self.as_account(&mut command, &USER, session_mode);
            all &= command.status().context("cannot run the check")?.success();
        }
        if all { Ok(()) } else { bail!("the check has failed") }
    }
}

/// One plain HTTP request, read to its end.
fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
