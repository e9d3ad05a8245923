//! Sessions as hosts of ssh: what every program that reads the ssh config does with them, with no port and no app.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]
#![cfg(unix)]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use support::{Run, World, finish, until};

const SESSION: &str = "llama-finetune";
const HOST: &str = "llama-finetune.127-0-0-1.berth";

/// A user with a `.ssh` of their own; ssh is pointed at it by `-F`, because it takes its home from the accounts.
struct Hosts {
    world: World,
}

impl Hosts {
    fn new() -> Self {
        let world = World::signed_in();
        fs::create_dir(world.home.path().join(".ssh")).unwrap();
        Self { world }
    }

    fn installed() -> Self {
        let hosts = Self::new();
        fs::write(hosts.config(), "Host *\n  User somebody\n").unwrap();
        let run = hosts.berth(&["ssh-config", "install", "--yes"]);
        assert_eq!(run.code, 0, "{run:?}");
        hosts
    }

    fn ssh_folder(&self) -> PathBuf {
        self.world.home.path().join(".ssh")
    }

    fn config(&self) -> PathBuf {
        self.ssh_folder().join("config")
    }

    fn berth(&self, words: &[&str]) -> Run {
        let mut command = self.world.berth(words);
        command.env("BERTH_SSH_DIR", self.ssh_folder());
        finish(command)
    }

    /// A stock program that reads the config.
    fn stock(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        let ssh = format!("ssh -F {}", self.config().display());
        match program {
            "ssh" | "scp" | "sftp" => command.arg("-F").arg(self.config()),
            _ => command.env("RSYNC_RSH", &ssh).env("GIT_SSH_COMMAND", &ssh),
        };
        command
            .args(words)
            .current_dir(self.world.folder())
            .env("HOME", self.world.home.path())
            .env("BERTH_SECRETS", "file")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    fn ok(&self, program: &str, words: &[&str]) -> String {
        let run = finish(self.stock(program, words));
        assert_eq!(run.code, 0, "{program} {words:?}: {run:?}");
        run.stdout
    }
}

#[test]
fn every_cluster_that_is_signed_in_to_has_hosts() {
    let hosts = Hosts::installed();
    let manager = hosts.world.cluster().manager_url();
    let account = hosts.world.account();
    let keys = format!("{}\n{}\n", account.access_key, account.secret_key);
    let run = hosts.world.with_input(["login", &manager], &keys);
    assert_eq!(run.code, 0, "{run:?}");
    // Another port of the same computer: the label has it.
    let port = manager.rsplit(':').next().unwrap().trim_end_matches('/');
    let second = format!("{SESSION}.127-0-0-1-{port}.berth");
    assert_eq!(hosts.ok("ssh", &[&second, "echo", "second"]), "second\n");
    assert_eq!(hosts.ok("ssh", &[HOST, "echo", "first"]), "first\n");
    // Signed in to before their names were kept.
    fs::remove_dir_all(hosts.world.data().join("hosts")).unwrap();
    let run = hosts.berth(&["ssh-config", "install", "--yes"]);
    assert_eq!(run.code, 0, "{run:?}");
    let shown = hosts.berth(&["ssh-config", "show"]).stdout;
    assert!(shown.contains(&format!("Host {HOST}")) && shown.contains(&format!("Host {second}")), "{shown}");
}

#[test]
fn stock_programs_reach_a_session_by_its_name() {
    let hosts = Hosts::installed();
    assert_eq!(hosts.ok("ssh", &[HOST, "echo", "hello"]), "hello\n");
    let home = hosts.world.session_home(SESSION);
    fs::write(hosts.world.folder().join("up"), "by scp").unwrap();
    hosts.ok("scp", &["-q", "up", &format!("{HOST}:")]);
    assert_eq!(fs::read_to_string(home.join("up")).unwrap(), "by scp");
    hosts.ok("rsync", &["-a", "up", &format!("{HOST}:by-rsync")]);
    assert_eq!(fs::read_to_string(home.join("by-rsync")).unwrap(), "by scp");
    hosts.ok("ssh", &[HOST, "git init -q --bare repo.git"]);
    hosts.ok("git", &["clone", "-q", &format!("{HOST}:repo.git"), "clone"]);
    assert!(hosts.world.folder().join("clone/.git").is_dir());
    // A session that is newer than the file, by the pattern; and upper case, which ssh makes lower.
    fs::write(hosts.ssh_folder().join("berth_config"), {
        let text = fs::read_to_string(hosts.ssh_folder().join("berth_config")).unwrap();
        text.replace(&format!("Host {HOST}\n"), "Host nobody.berth\n")
    })
    .unwrap();
    assert_eq!(hosts.ok("ssh", &[HOST, "echo", "again"]), "again\n");
    assert_eq!(hosts.ok("ssh", &[&HOST.to_uppercase().replace("BERTH", "berth"), "echo", "loud"]), "loud\n");
}

/// Another session, another key, another host key: the same host, and no alarm.
#[test]
fn a_session_made_anew_is_the_same_host() {
    let hosts = Hosts::installed();
    hosts.ok("ssh", &[HOST, "true"]);
    let before = hosts.world.session_id(SESSION);
    // Elsewhere, so that nothing here is forgotten in time.
    hosts.world.cluster().control().terminate_session(SESSION).unwrap();
    let image = "cr.backend.ai/stable/python:3.12-ubuntu22.04";
    let made = hosts.berth(&["create", "-t", SESSION, "-r", "cpu=1", "-r", "mem=1g", image]);
    assert_eq!(made.code, 0, "{made:?}");
    let run = finish(hosts.stock("ssh", &[HOST, "echo", "anew"]));
    assert_eq!(run.stdout, "anew\n", "{run:?}");
    assert!(!run.stderr.contains("CHANGED"), "{}", run.stderr);
    let ids: Vec<String> =
        hosts.world.cluster().sessions().into_iter().filter(|s| s.name == SESSION).map(|s| s.id).collect();
    assert!(ids.iter().any(|id| *id != before));
}

/// As where an administrator has given the user a folder `.ssh`: no `id_container`, and a key of one's own.
#[test]
fn a_session_without_a_key_takes_the_users_own() {
    let hosts = Hosts::new();
    let key = hosts.ssh_folder().join("id_ed25519");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    assert_eq!(hosts.berth(&["ssh-config", "install", "--yes"]).code, 0);
    let home = hosts.world.session_home(SESSION);
    hosts.world.cluster().control().remove_id_container(SESSION).unwrap();
    let run = finish(hosts.stock("ssh", &["-o", "BatchMode=yes", HOST, "true"]));
    assert_eq!(run.code, 255);
    assert!(run.stderr.contains("has no id_container"), "{}", run.stderr);
    fs::copy(key.with_extension("pub"), home.join(".ssh/authorized_keys")).unwrap();
    assert_eq!(hosts.ok("ssh", &["-o", "BatchMode=yes", HOST, "echo", "own"]), "own\n");
}

/// What VS Code's Remote-SSH does: a script on the standard input of a shell, beside a forwarded port.
#[test]
fn an_editor_installs_its_server_and_reaches_its_port() {
    let hosts = Hosts::installed();
    let far = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let far_port = far.local_addr().unwrap().port();
    let near_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let forward = format!("{near_port}:127.0.0.1:{far_port}");
    let mut ssh = hosts.stock("ssh", &["-T", "-L", &forward, "-o", "ExitOnForwardFailure=yes", HOST, "sh"]);
    let mut ssh = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let script =
        "mkdir -p ~/.vscode-server/bin && uname -sm > ~/.vscode-server/bin/arch && echo ready:$((6*7))\n";
    ssh.stdin.as_mut().unwrap().write_all(script.as_bytes()).unwrap();
    assert_eq!(support::first_line(&mut ssh), "ready:42");
    let near = std::net::TcpStream::connect(("127.0.0.1", near_port)).unwrap();
    let (mut at_far, _) = far.accept().unwrap();
    at_far.write_all(b"x").unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(&mut &near, &mut byte).unwrap();
    drop((near, at_far, ssh.stdin.take()));
    assert!(ssh.wait().unwrap().success());
    assert!(hosts.world.session_home(SESSION).join(".vscode-server/bin/arch").is_file());
}

#[test]
fn the_users_file_gets_one_line_and_loses_it_again() {
    let hosts = Hosts::new();
    let before = "# mine\r\nHost a\r\n  User x";
    fs::write(hosts.config(), before).unwrap();
    let refused = hosts.berth(&["ssh-config", "install"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_eq!(fs::read_to_string(hosts.config()).unwrap(), before);
    let run = hosts.berth(&["ssh-config", "install", "--yes"]);
    assert!(run.stderr.contains("    + Include ") && run.stderr.contains("      Host a\n"), "{}", run.stderr);
    assert!(run.stderr.contains("✓ Added."), "{}", run.stderr);
    let during = fs::read_to_string(hosts.config()).unwrap();
    assert!(during.starts_with("Include ") && during.ends_with(before), "{during}");
    let shown = hosts.berth(&["ssh-config", "show"]);
    assert!(shown.stdout.contains(&format!("Host {HOST}\n")), "{}", shown.stdout);
    assert!(hosts.berth(&["ssh-config", "install"]).stderr.contains("already"));
    assert_eq!(hosts.berth(&["ssh-config", "uninstall", "--yes"]).code, 0);
    assert_eq!(fs::read_to_string(hosts.config()).unwrap(), before);
    assert_eq!(fs::read_dir(hosts.ssh_folder()).unwrap().count(), 1);
}

#[test]
fn a_name_that_is_nobodys_says_so_through_ssh() {
    let hosts = Hosts::installed();
    for (host, code) in [
        ("no-such.127-0-0-1.berth", "session-not-found"),
        ("eval-sweep.127-0-0-1.berth", "session-not-running"),
    ] {
        let run = finish(hosts.stock("ssh", &[host, "true"]));
        assert_eq!(run.code, 255);
        assert!(run.stderr.contains(code), "{}", run.stderr);
    }
}

#[test]
fn programs_are_listed_and_a_missing_one_is_told() {
    let hosts = Hosts::installed();
    let listed = hosts.berth(&["open"]);
    assert!(
        listed.stdout.contains("VS Code") && listed.stdout.contains("JetBrains Gateway"),
        "{}",
        listed.stdout
    );
    let unknown = hosts.berth(&["open", SESSION, "--in", "ed"]);
    assert!(unknown.stderr.contains("tool-unknown"), "{}", unknown.stderr);
    // A program of the user's own, found by the search path.
    let bin = hosts.world.home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let words = hosts.world.home.path().join("words");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}.new; mv {0}.new {0}\n", words.display());
    fs::write(bin.join("windsurf"), script).unwrap();
    fs::set_permissions(bin.join("windsurf"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = hosts.world.berth(["open", SESSION, "--in", "windsurf"]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    command.env("BERTH_SSH_DIR", hosts.ssh_folder()).env("PATH", path);
    let run = finish(command);
    assert_eq!(run.code, 0, "{run:?}");
    while !words.exists() {
        std::thread::yield_now();
    }
    let expected = format!("--folder-uri\nvscode-remote://ssh-remote+{HOST}/home/work\n");
    assert_eq!(fs::read_to_string(&words).unwrap(), expected);
}

#[test]
fn keys_of_the_users_own() {
    let hosts = Hosts::installed();
    let key = hosts.ssh_folder().join("id_ed25519");
    let key = key.to_str().unwrap();
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", key]).status().unwrap();
    assert!(made.success());
    let listed = hosts.berth(&["keys", "list"]);
    assert!(listed.stdout.contains("id_ed25519.pub") && listed.stderr.contains("account"), "{listed:?}");
    let added = hosts.berth(&["keys", "add", SESSION, &format!("{key}.pub")]);
    assert!(added.stderr.contains("may log in to llama-finetune now"), "{}", added.stderr);
    let private = hosts.berth(&["keys", "add", SESSION, key]);
    assert!(private.stderr.contains("public-key-invalid"), "{}", private.stderr);

    let ppk = format!("{key}.ppk");
    assert_eq!(hosts.berth(&["keys", "convert", key, "--to", "ppk2"]).code, 0);
    assert!(fs::read_to_string(&ppk).unwrap().starts_with("PuTTY-User-Key-File-2: ssh-ed25519\n"));
    assert!(hosts.berth(&["keys", "convert", key]).stderr.contains("file-exists"));
    assert_eq!(hosts.berth(&["keys", "convert", key, "--force"]).code, 0);
    assert!(fs::read_to_string(&ppk).unwrap().starts_with("PuTTY-User-Key-File-3"));

    fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(hosts.berth(&["keys", "list"]).stdout.contains("too open"));
    assert!(hosts.berth(&["keys", "mend"]).stderr.contains("is private now"));
    assert!(sshkit_private(key));
    assert!(hosts.berth(&["keys", "renew"]).stderr.contains("--yes"));
    assert_eq!(hosts.berth(&["keys", "renew", "--yes"]).code, 0);
    assert_eq!(hosts.berth(&["keys", "register", key, "--yes"]).code, 0);
    let script = hosts.berth(&["keys", "script", &format!("{key}.pub")]);
    assert!(script.stdout.contains("authorized_keys"), "{}", script.stdout);
}

fn sshkit_private(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}

#[test]
fn a_stream_opens_while_the_session_is_found_and_a_wrong_guess_reaches_nobody() {
    let hosts = Hosts::installed();
    let control = hosts.world.cluster().control();
    let opened = || control.requests().iter().filter(|r| r.path.contains("/stream/")).count();
    hosts.world.run(["ps"]);
    assert_eq!(hosts.ok("ssh", &[HOST, "echo there"]), "there\n");
    assert_eq!(opened(), 1, "the one that was opened early is used");
    fs::write(hosts.world.session_home("data-prep").join("me"), "the new one").unwrap();
    control.rename_session(SESSION, "former").unwrap();
    control.rename_session("data-prep", SESSION).unwrap();
    assert_eq!(hosts.ok("ssh", &[HOST, "cat me"]), "the new one");
    assert_eq!(opened(), 3, "one was opened in vain");
    until("a stream stays", || control.open_streams() == 0);
}
