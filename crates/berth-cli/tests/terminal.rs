//! What people do at a terminal: a real one, with its keys.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![cfg(unix)]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Child, Command};

use pty_process::blocking::{Pty, open};
use rustix::termios::{LocalModes, tcgetattr};
use support::{World, until};

const SESSION: &str = "llama-finetune";
const CTRL_C: &[u8] = b"\x03";
const CTRL_D: &[u8] = b"\x04";

/// A program at a terminal of its own.
struct AtTerminal {
    child: Child,
    terminal: Pty,
    seen: String,
}

impl AtTerminal {
    fn start(command: Command) -> Self {
        let (terminal, inside) = open().unwrap();
        let child = pty_process::blocking::Command::from(command).spawn(inside).unwrap();
        Self { child, terminal, seen: String::new() }
    }

    /// Reads until this text comes, after what was read before.
    fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 1024];
        while !self.seen.contains(text) {
            let read = self.terminal.read(&mut buffer).unwrap_or(0);
            assert!(read > 0, "no {text:?} in {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        let behind = self.seen.find(text).unwrap() + text.len();
        self.seen.drain(..behind);
    }

    fn press(&mut self, keys: &[u8]) {
        self.terminal.write_all(keys).unwrap();
    }

    fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }
}

#[test]
fn a_password_is_not_shown_and_ctrl_c_leaves_the_terminal_as_it_was() {
    let world = World::new();
    let (url, account) = (world.cluster().webserver_url(), world.account());
    for answer in [Some(account.password), None] {
        let mut login = AtTerminal::start(world.berth(["login", &url]));
        login.wait_for("User ID: ");
        assert!(login.shows_what_is_typed());
        login.press(format!("{}\n", account.email).as_bytes());
        login.wait_for("Password: ");
        until("the password is shown", || !login.shows_what_is_typed());
        match answer {
            Some(password) => {
                login.press(format!("{password}\n").as_bytes());
                login.wait_for("Login succeeded.");
                assert_eq!(login.child.wait().unwrap().code(), Some(0));
            }
            None => {
                login.press(CTRL_C);
                assert_eq!(login.child.wait().unwrap().code(), Some(130));
            }
        }
        assert!(login.shows_what_is_typed());
    }
}

#[test]
fn no_passphrase_is_not_an_empty_one() {
    let world = World::signed_in();
    assert_eq!(world.run(["session", "download", SESSION, "id_container"]).code, 0);
    let mut convert = AtTerminal::start(world.berth(["keys", "convert", "id_container", "--passphrase"]));
    convert.wait_for("Passphrase of the new file: ");
    until("the passphrase is shown", || !convert.shows_what_is_typed());
    convert.press(CTRL_D);
    assert_eq!(convert.child.wait().unwrap().code(), Some(2));
    assert!(!world.folder().join("id_container.ppk").exists());
}

#[test]
fn ctrl_c_is_the_sessions_and_the_exit_status_its_shells() {
    let world = World::listed();
    let mut ssh = AtTerminal::start(world.berth(["ssh", SESSION]));
    // A shell that is interrupted between two commands goes on with the second: what says that it is up is what ends.
    ssh.press(b"sh -c 'echo $((6 * 7)) up; exec sleep 1000'\n");
    ssh.wait_for("42 up");
    ssh.press(CTRL_C);
    ssh.press(b"echo $((7 * 7)) on; exit 6\n");
    ssh.wait_for("49 on");
    assert_eq!(ssh.child.wait().unwrap().code(), Some(6));
    until("a stream stays", || world.cluster().control().open_streams() == 0);
    assert_eq!(world.sockets(), 0);
}

#[test]
fn a_closed_terminal_leaves_nothing() {
    let world = World::listed();
    let mut ssh = AtTerminal::start(world.berth(["ssh", SESSION]));
    ssh.press(b"echo $((6 * 7)) up; exec sleep 1000\n");
    ssh.wait_for("42 up");
    assert_eq!(world.cluster().control().open_streams(), 1);
    drop(ssh.terminal);
    ssh.child.wait().unwrap();
    until("a stream stays", || world.cluster().control().open_streams() == 0);
    assert_eq!(world.sockets(), 0);
}
