//! The generated lines, run as they are in `sh`, against OpenSSH's own server.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use sshkit::command::{Shell, Target};
use sshkit::key_store::KeyStore;
use sshkit::known_hosts::{KnownHosts, alias};
use support::{installed, keygen, missing, ok, run};

const SESSION: &str = "0f2f3f4f-1111-4222-8333-444455556666";
/// A folder name with everything in it that shells, rsync and OpenSSH read as something else.
const AWKWARD: &str = "김 진's \"100%\" $HOME `id` %d \\ #=;&*";

/// An sshd for one connection after the other, each in a process of its own (`sshd -i`), on a port that
/// the system chose.
struct Sshd {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sshd {
    /// None where sshd is not installed or cannot run. `authorized` is a public key file.
    fn start(folder: &Path, name: &str, authorized: &Path) -> Option<Self> {
        let program =
            ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().map(Path::new).find(|path| path.exists());
        let Some(program) = program.map(Path::to_path_buf) else {
            eprintln!("skipped: sshd is not installed");
            return None;
        };
        // Debian's sshd wants this folder when it runs as root; its service script makes it.
        let _ = fs::create_dir("/run/sshd");
        let host_key = keygen(folder, &format!("{name}_host_key"), &["-t", "ed25519"]);
        let config = folder.join(format!("{name}_config"));
        let text = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nSubsystem sftp internal-sftp\nPidFile none\nLogLevel QUIET\n",
            host_key.display(),
            authorized.display()
        );
        fs::write(&config, text).unwrap();
        if !run(Command::new(&program).arg("-t").arg("-f").arg(&config)).status.success() {
            eprintln!("skipped: sshd cannot run here");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut children = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let stream = OwnedFd::from(stream.unwrap());
                let mut command = Command::new(&program);
                command.arg("-i").arg("-f").arg(&config).stdin(stream.try_clone().unwrap()).stdout(stream);
                children.push(command.stderr(Stdio::null()).spawn().unwrap());
            }
            for mut child in children {
                // Ends by itself when its client has gone.
                child.wait().unwrap();
            }
        });
        Some(Self { port, stop, thread: Some(thread) })
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            drop(thread.join());
        }
    }
}

/// A key, its store and known_hosts in an awkward folder, and a server that takes the key.
struct Lab {
    folder: tempfile::TempDir,
    known_hosts: KnownHosts,
    target: Target,
    authorized: PathBuf,
    server: Sshd,
}

impl Lab {
    fn new(key_args: &[&str]) -> Option<Self> {
        if missing("ssh") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let original = keygen(folder.path(), "original", key_args);
        let authorized = original.with_extension("pub");
        let server = Sshd::start(folder.path(), "first", &authorized)?;
        let data = folder.path().join(AWKWARD);
        let store = KeyStore::open(data.join("keys")).unwrap();
        let stored = store.store(SESSION, &fs::read(original).unwrap()).unwrap();
        let known_hosts = KnownHosts::open(data.join("known_hosts")).unwrap();
        let target = Target {
            user: ok(Command::new("id").arg("-un")).trim().to_owned(),
            host: "127.0.0.1".into(),
            port: server.port,
            key: Some(stored.path),
            known_hosts: known_hosts.path().to_owned(),
            host_key_alias: alias(SESSION),
        };
        Some(Self { folder, known_hosts, target, authorized, server })
    }

    /// Runs a line in `sh`, with no agent and nobody to ask.
    fn sh(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(line)
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("SSH_ASKPASS")
            .env("SSH_ASKPASS_REQUIRE", "never");
        run(command.env_remove("DISPLAY"))
    }

    fn sh_ok(&self, line: &str) -> String {
        let output = self.sh(line);
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn ssh_connects_and_pins_the_host_key_in_the_right_file() {
    let Some(lab) = Lab::new(&["-t", "rsa", "-b", "2048", "-m", "PEM"]) else { return };
    assert_eq!(lab.sh_ok(&format!("{} echo hello", lab.target.ssh(Shell::Posix))), "hello\n");
    assert_eq!(lab.known_hosts.fingerprints(&lab.target.host_key_alias).unwrap().len(), 1);
    let mut spawned = Command::new("ssh");
    assert_eq!(ok(spawned.args(lab.target.ssh_args()).args(["echo", "again"])), "again\n");
    assert_eq!(lab.known_hosts.fingerprints(&lab.target.host_key_alias).unwrap().len(), 1);
}

#[test]
fn a_changed_host_key_is_refused_until_it_is_forgotten() {
    let Some(mut lab) = Lab::new(&["-t", "ed25519"]) else { return };
    lab.sh_ok(&format!("{} true", lab.target.ssh(Shell::Posix)));
    let before = lab.known_hosts.fingerprints(&alias(SESSION)).unwrap();

    lab.server = Sshd::start(lab.folder.path(), "second", &lab.authorized).unwrap();
    lab.target.port = lab.server.port;
    let line = format!("{} true", lab.target.ssh(Shell::Posix));
    let refused = lab.sh(&line);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("HOST IDENTIFICATION HAS CHANGED"), "{said}");
    assert_eq!(lab.known_hosts.fingerprints(&alias(SESSION)).unwrap(), before);

    assert!(lab.known_hosts.forget(&alias(SESSION)).unwrap());
    lab.sh_ok(&line);
    assert_ne!(lab.known_hosts.fingerprints(&alias(SESSION)).unwrap(), before);
}

/// Both are 127.0.0.1 to ssh, and neither raises an alarm about the other.
#[test]
fn every_session_has_a_host_key_of_its_own() {
    let Some(lab) = Lab::new(&["-t", "ed25519"]) else { return };
    let second = Sshd::start(lab.folder.path(), "second", &lab.authorized).unwrap();
    let other = alias("0f2f3f4f-1111-4222-8333-444455556667");
    let target = Target { port: second.port, host_key_alias: other.clone(), ..lab.target.clone() };
    for target in [&lab.target, &target, &lab.target] {
        lab.sh_ok(&format!("{} true", target.ssh(Shell::Posix)));
    }
    let pinned = |alias: &str| lab.known_hosts.fingerprints(alias).unwrap();
    assert_eq!((pinned(&alias(SESSION)).len(), pinned(&other).len()), (1, 1));
    assert_ne!(pinned(&alias(SESSION)), pinned(&other));
}

#[test]
fn sftp_scp_and_rsync_carry_files_under_odd_names() {
    let Some(lab) = Lab::new(&["-t", "ecdsa", "-b", "521"]) else { return };
    let at = |name: &str| lab.folder.path().join(name);
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    fs::create_dir(at("from")).unwrap();
    fs::create_dir(at("to")).unwrap();
    for name in ["from/plain", "from/12:30 it's $HOME", "from/-dash"] {
        fs::write(at(name), &content).unwrap();
    }

    let batch = format!("put {} {}", at("from/plain").display(), at("to/sftp").display());
    lab.sh_ok(&format!("echo '{batch}' | {}", lab.target.sftp(Shell::Posix)));
    assert_eq!(fs::read(at("to/sftp")).unwrap(), content);

    let (from, to) = (at("from"), at("to/"));
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    lab.sh_ok(&lab.target.scp_upload(Shell::Posix, from, to));
    assert_eq!(fs::read(at("to/from/12:30 it's $HOME")).unwrap(), content);
    for name in ["12:30 it's $HOME", "-dash"] {
        // Relative, as they come out of a drop or a completion.
        let line = lab.target.scp_upload(Shell::Posix, name, to);
        lab.sh_ok(&format!("cd {from} && {line}"));
        assert_eq!(fs::read(at("to").join(name)).unwrap(), content);
    }
    if installed("rsync") {
        let remote = format!("{to}two words & more/");
        lab.sh_ok(&lab.target.rsync_upload(Shell::Posix, &format!("{from}/"), &remote));
        assert_eq!(fs::read(at("to/two words & more/12:30 it's $HOME")).unwrap(), content);
        let line = lab.target.rsync_upload(Shell::Posix, "12:30 it's $HOME", &format!("{to}rsync"));
        lab.sh_ok(&format!("cd {from} && {line}"));
        assert_eq!(fs::read(at("to/rsync")).unwrap(), content);
    }
}
