//! Stock ssh, scp, sftp and rsync through the program, as people type it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]
#![cfg(unix)]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use support::{Run, World, finish, first_line, until};

const SESSION: &str = "llama-finetune";

#[test]
fn the_exit_status_is_sshs_and_the_output_its_own() {
    let world = World::listed();
    let run = world.run(["ssh", SESSION, "printf", "'%s|'", "a b", "'c  d'", "-p", "3"]);
    assert_eq!((run.stdout.as_str(), run.code), ("a|b|c  d|-p|3|", 0), "{run:?}");
    assert_eq!(world.run(["ssh", SESSION, "exit 42"]).code, 42);
    assert_eq!(world.run(["ssh", SESSION, "kill -TERM $$"]).code, 255, "as ssh itself reports it");
    let run = world.with_input(["ssh", SESSION, "cat"], "through\n");
    assert_eq!((run.stdout.as_str(), run.code), ("through\n", 0));
    let run = world.run(["session", "ssh", &world.session_id(SESSION), "-o", "LogLevel=ERROR", "pwd"]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn host_keys_are_pinned_and_a_false_one_is_refused() {
    let world = World::signed_in();
    assert_eq!(world.run(["ssh", SESSION, "true"]).code, 0);
    let path = world.data().join("known_hosts");
    let pinned = std::fs::read_to_string(&path).unwrap();
    assert_eq!(pinned.lines().count(), 1);
    // As if another key had been seen in its place; names may be hashed, so the key is changed and not the name.
    assert_eq!(world.run(["ssh", "data-prep", "true"]).code, 0);
    let both = std::fs::read_to_string(&path).unwrap();
    let key = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    let (first, second) = both.split_once('\n').unwrap();
    std::fs::write(&path, format!("{}\n", first.replace(&key(first), &key(second.trim_end())))).unwrap();
    let run = world.run(["ssh", SESSION, "true"]);
    assert_eq!(run.code, 255);
    assert!(run.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{}", run.stderr);
}

#[test]
fn a_terminal_is_given_on_demand() {
    let world = World::signed_in();
    let run = world.run(["ssh", SESSION, "-tt", "test -t 0 && echo terminal"]);
    assert!(run.stdout.contains("terminal"), "{run:?}");
}

#[test]
fn a_port_is_open_as_long_as_ssh_runs() {
    let world = World::signed_in();
    let port = free_port();
    let mut command = world.berth(["ssh", SESSION, "-p", &port.to_string(), "echo ready; cat"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    assert_eq!(first_line(&mut child), "ready");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let taken = world.run(["ssh", SESSION, "-p", &port.to_string(), "true"]);
    assert_eq!(taken.code, 1);
    assert!(taken.stderr.contains("port-taken"), "{}", taken.stderr);
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&format!("∙ running a temporary sshd proxy at localhost:{port} ...")), "{said}");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the listener is gone");
}

#[test]
fn told_to_stop_it_leaves_nothing() {
    let world = World::signed_in();
    let mut command = world.berth(["ssh", SESSION, "-p", "0", "echo ready; exec sleep 1000"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    assert_eq!(first_line(&mut child), "ready");
    send("TERM", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(255), "ssh's own answer to SIGTERM");
    let ssh_folder = world.home.path().join(".ssh");
    assert!(!ssh_folder.exists() || std::fs::read_dir(ssh_folder).unwrap().count() == 0);
}

#[test]
fn a_session_that_ends_ends_its_ssh() {
    let world = World::listed();
    for port in [None, Some("-p0")] {
        let session = if port.is_some() { "vision-train" } else { "notebook-7f" };
        let words = ["ssh", session].into_iter().chain(port).chain(["echo ready; exec sleep 1000"]);
        let mut command = world.berth(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        assert_eq!(first_line(&mut child), "ready");
        world.cluster().control().terminate_session(session).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(255));
    }
}

#[test]
fn a_killed_ssh_leaves_no_proxy() {
    let world = World::listed();
    let mut command = world.berth(["ssh", SESSION, "echo ready; exec sleep 1000"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    assert_eq!(first_line(&mut child), "ready");
    assert_eq!(world.cluster().control().open_streams(), 1);
    // Without a port ssh has taken the program's place: this is ssh.
    child.kill().unwrap();
    child.wait().unwrap();
    no_streams(&world);
}

/// Waits until no stream is open.
fn no_streams(world: &World) {
    until("a proxy goes on without ssh", || world.cluster().control().open_streams() == 0);
}

/// The `ProxyCommand` that ssh says it runs.
fn proxy_command(run: &Run) -> &str {
    let said = run.stderr.lines().find(|line| line.contains("Executing proxy"));
    said.unwrap_or_else(|| panic!("{run:?}"))
}

#[test]
fn a_session_seen_before_gets_a_head_start() {
    let world = World::listed();
    let run = world.run(["ssh", SESSION, "-v", "echo here"]);
    assert_eq!((run.stdout.as_str(), run.code), ("here\n", 0), "{run:?}");
    assert!(proxy_command(&run).contains("--through="), "{run:?}");
    no_streams(&world);
    assert_eq!(world.sockets(), 0);
    let opened = world.cluster().control().requests().iter().filter(|r| r.path.contains("/stream/")).count();
    assert_eq!(opened, 1, "the stream that was opened early is the one that is used");
    let lists = || world.cluster().control().requests().iter().filter(|r| r.path.contains("gql")).count();
    let before = lists();
    assert!(before > 0);
    assert_eq!(world.run(["ssh", SESSION, "exit 7"]).code, 7);
    assert_eq!(lists(), before, "within seconds nobody is asked again");
    world.age_listings();
    assert_eq!(world.run(["ssh", SESSION, "exit 7"]).code, 7);
    assert_eq!(lists(), before + 1);
    // A session of which nothing is known is looked up first.
    std::fs::remove_dir_all(world.data().join("session-names")).unwrap();
    let run = world.run(["ssh", SESSION, "-v", "true"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!proxy_command(&run).contains("--through="), "{run:?}");
}

#[test]
fn a_wrong_guess_reaches_nobody() {
    let world = World::listed();
    let home = world.session_home("data-prep");
    std::fs::write(home.join("me"), "the new one").unwrap();
    world.cluster().control().rename_session(SESSION, "former").unwrap();
    world.cluster().control().rename_session("data-prep", SESSION).unwrap();
    world.age_listings();
    let run = world.run(["ssh", SESSION, "-v", "cat me"]);
    assert_eq!((run.stdout.as_str(), run.code), ("the new one", 0), "{run:?}");
    assert!(!proxy_command(&run).contains("--through="), "{run:?}");
    world.cluster().control().terminate_session(SESSION).unwrap();
    let run = world.run(["ssh", SESSION, "true"]);
    assert_eq!(run.code, 255, "ended seconds after it was seen: {run:?}");
    assert!(run.stderr.contains("session-not-found"), "{run:?}");
    world.age_listings();
    let run = world.run(["ssh", SESSION, "true"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("session-ended"), "{run:?}");
    no_streams(&world);
    assert_eq!(world.sockets(), 0);
}

#[test]
fn a_relay_that_nobody_wants_any_more_goes() {
    let world = World::listed();
    world.age_listings();
    world.cluster().control().fail("/admin/gql", demo_cluster::Fault::Hang);
    // The relay has its stream, and the command waits for the list.
    let mut command = world.berth(["ssh", SESSION, "true"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("no stream", || world.cluster().control().open_streams() == 1);
    assert_eq!(world.sockets(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    no_streams(&world);
    until("the socket stays", || world.sockets() == 0);
}

#[test]
fn each_connection_of_one_program_gets_a_relay() {
    let world = World::listed();
    std::fs::write(world.session_home(SESSION).join("a"), "1").unwrap();
    let run = world.run(["scp", SESSION, "-v", ":a", ":b"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.matches("Executing proxy").count() >= 2, "two ssh, one after the other: {run:?}");
    assert_eq!(std::fs::read_to_string(world.session_home(SESSION).join("b")).unwrap(), "1");
    no_streams(&world);
    assert_eq!(world.sockets(), 0);
}

#[test]
fn ssh_goes_to_the_background_with_its_connection() {
    let world = World::listed();
    let here = free_port();
    let there = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let forward = format!("{here}:127.0.0.1:{}", there.local_addr().unwrap().port());
    let mut command =
        world.berth(["ssh", SESSION, "-f", "-N", "-o", "ExitOnForwardFailure=yes", "-L", &forward]);
    // The one in the background keeps what it was given.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(command.status().unwrap().code(), Some(0));
    let mut near = std::net::TcpStream::connect(("127.0.0.1", here)).unwrap();
    near.write_all(b"hello").unwrap();
    let (mut far, _) = there.accept().unwrap();
    let mut heard = [0; 5];
    far.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    drop((near, far));
    world.cluster().control().terminate_session(SESSION).unwrap();
    no_streams(&world);
}

#[test]
fn a_shared_connection_is_shared() {
    let world = World::listed();
    std::fs::create_dir(world.home.path().join(".ssh")).unwrap();
    let socket = world.home.path().join("run").join("%C");
    let options = ["-o", "ControlMaster=auto", "-o", "ControlPersist=yes", "-o"].map(str::to_owned);
    let path = format!("ControlPath={}", socket.display());
    let ssh = |words: &[&str]| {
        let mut command = world.berth(["ssh", SESSION]);
        command.args(&options).arg(&path).args(words).stderr(Stdio::null());
        finish(command)
    };
    assert_eq!(ssh(&["echo one"]).stdout, "one\n");
    assert_eq!(world.cluster().control().open_streams(), 1, "it stays");
    assert_eq!(ssh(&["echo two"]).stdout, "two\n");
    let opened = world.cluster().control().requests().iter().filter(|r| r.path.contains("/stream/")).count();
    assert_eq!(opened, 1, "nothing was opened for the second one");
    assert_eq!(ssh(&["-O", "exit"]).code, 0);
    no_streams(&world);
}

#[test]
fn sftp_goes_on_after_ctrl_c() {
    // At a terminal the key reaches the proxy, too, and sftp has only broken off a transfer.
    let world = World::signed_in();
    let mut command = world.berth(["proxy", "--stdio", SESSION]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut version = String::new();
    output.read_line(&mut version).unwrap();
    assert!(version.starts_with("SSH-2.0-"), "{version}");
    send("INT", child.id());
    child.stdin.as_mut().unwrap().write_all(b"SSH-2.0-test\r\n").unwrap();
    let mut packet = [0; 5];
    output.read_exact(&mut packet).unwrap();
    send("TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(143), "it was there until it was told itself");
}

#[test]
fn forwardings_pass() {
    let world = World::listed();
    let here = free_port();
    let there = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let forward = format!("{here}:127.0.0.1:{}", there.local_addr().unwrap().port());
    let mut command = world.berth(["ssh", SESSION, "-L", &forward, "echo ready; cat"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap();
    assert_eq!(first_line(&mut child), "ready");
    let mut near = std::net::TcpStream::connect(("127.0.0.1", here)).unwrap();
    near.write_all(b"hello").unwrap();
    let (mut far, _) = there.accept().unwrap();
    let mut heard = [0; 5];
    std::io::Read::read_exact(&mut far, &mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    drop((near, far, child.stdin.take()));
    child.wait().unwrap();
}

#[test]
fn odd_names_are_copied_both_ways() {
    let world = World::listed();
    let names =
        ["a b", "it's \"quoted\"", "김치.txt", "line\nbreak", "-dash", "$HOME;x", "st*r[1]", "co:lon"];
    for name in names {
        std::fs::write(world.folder().join(name), name).unwrap();
        let here = format!("./{name}");
        let run = world.run(["scp", SESSION, &here, ":"]);
        assert_eq!(run.code, 0, "{name:?}: {run:?}");
        let there = world.session_home(SESSION).join(name);
        assert_eq!(std::fs::read_to_string(there).unwrap(), name);
        let back = world.folder().join("back");
        let run = world.run(["scp", SESSION, &format!("work@localhost:./{name}"), "back"]);
        assert_eq!(run.code, 0, "{name:?}: {run:?}");
        assert_eq!(std::fs::read_to_string(&back).unwrap(), name, "{name:?}");
        std::fs::remove_file(back).unwrap();
    }
}

#[test]
fn folders_are_copied_as_the_manual_says() {
    let world = World::signed_in();
    let folder = world.folder().join("tmp/deep");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("x"), "1").unwrap();
    let port = free_port().to_string();
    let run = world.run(["scp", SESSION, "-p", &port, "-r", "tmp/", "work@localhost:tmp2/"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(std::fs::read_to_string(world.session_home(SESSION).join("tmp2/deep/x")).unwrap(), "1");
    let run = world.run(["scp", SESSION, "-r", &format!("{SESSION}:tmp2"), "."]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(world.folder().join("tmp2/deep/x").is_file());
}

#[test]
fn sftp_takes_a_batch() {
    let world = World::listed();
    std::fs::write(world.folder().join("up"), "1").unwrap();
    let run = world.with_input(["sftp", SESSION, "-b", "-"], "put up down\nget down \"got it\"\n");
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(std::fs::read_to_string(world.folder().join("got it")).unwrap(), "1");
}

#[test]
fn rsync_synchronises() {
    if std::process::Command::new("rsync").arg("--version").output().is_err() {
        eprintln!("no rsync here");
        return;
    }
    let world = World::listed();
    let folder = world.folder().join("data set");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("it's"), "1").unwrap();
    let run = world.run(["rsync", SESSION, "-a", "data set", ":"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(std::fs::read_to_string(world.session_home(SESSION).join("data set/it's")).unwrap(), "1");
    let run = world.run(["rsync", SESSION, "-as", &format!("{SESSION}:data set/"), "back"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(world.folder().join("back/it's").is_file());
}

#[test]
fn any_ssh_configuration_can_use_the_proxy() {
    let world = World::signed_in();
    assert_eq!(world.run(["session", "download", SESSION, "id_container"]).code, 0);
    let config = world.folder().join("config");
    let text = format!(
        "Host {SESSION}\n  User work\n  IdentityFile {}\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  \
         LogLevel ERROR\n  ProxyCommand '{}' proxy --stdio %n\n",
        world.folder().join("id_container").display(),
        env!("CARGO_BIN_EXE_berth"),
    );
    std::fs::write(&config, text).unwrap();
    let run =
        finish(world.program("ssh".as_ref(), ["-F", config.to_str().unwrap(), SESSION, "echo $((6 * 7))"]));
    assert_eq!((run.stdout.as_str(), run.code), ("42\n", 0), "{run:?}");
    // Nothing but the far end's bytes; and it ends when its input does.
    let run = world.run(["proxy", "--stdio", SESSION]);
    assert!(run.stdout.starts_with("SSH-2.0-") && run.stdout.lines().count() <= 2, "{run:?}");
}

#[test]
fn an_expired_login_is_renewed_and_a_lost_one_is_said() {
    let world = World::signed_in();
    assert_eq!(world.run(["ssh", SESSION, "true"]).code, 0);
    world.cluster().control().expire_logins();
    let run = world.run(["ssh", SESSION, "true"]);
    assert_eq!(run.code, 0, "renewed by the relay: {run:?}");
    world.cluster().control().expire_logins();
    world.age_listings();
    let run = world.run(["ssh", SESSION, "true"]);
    assert_eq!(run.code, 0, "renewed by the look at the sessions: {run:?}");
    let logins = |world: &World| {
        world.cluster().control().requests().iter().filter(|r| r.path == "/server/login").count()
    };
    assert_eq!(logins(&world), 3, "one login for three runs, and each renewed once");
    std::fs::remove_file(world.data().join("secrets.json")).unwrap();
    world.cluster().control().expire_logins();
    world.age_listings();
    let run = world.run(["ssh", SESSION, "true"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("not-signed-in"), "{run:?}");
    assert_eq!(logins(&world), 3, "nothing is tried without credentials");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn send(signal: &str, pid: u32) {
    let sent = std::process::Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn names_that_ssh_refuses_are_reached_all_the_same() {
    let world = World::listed();
    for name in ["b@d name", "-oProxyCommand=x", "김치"] {
        world.cluster().control().rename_session(SESSION, name).unwrap();
        let run = world.run(["ssh", "--", name, "exit 9"]);
        assert_eq!(run.code, 9, "{name}: {run:?}");
        let home = world.session_home(name);
        std::fs::write(home.join("there"), "1").unwrap();
        let run = world.run(["scp", "--", name, ":there", "here"]);
        assert_eq!(run.code, 0, "{name}: {run:?}");
        world.cluster().control().rename_session(name, SESSION).unwrap();
    }
}

#[test]
fn keys_of_sessions_that_have_ended_are_forgotten() {
    let world = World::signed_in();
    assert_eq!(world.run(["ssh", SESSION, "true"]).code, 0);
    assert_eq!(world.run(["ssh", "data-prep", "true"]).code, 0);
    let keys = || std::fs::read_dir(world.data().join("keys")).unwrap().count();
    let known = || std::fs::read_to_string(world.data().join("known_hosts")).unwrap().lines().count();
    assert_eq!((keys(), known()), (2, 2));
    world.cluster().control().set_status("data-prep", "TERMINATED").unwrap();
    assert_eq!(world.run(["ps"]).code, 0);
    assert_eq!((keys(), known()), (1, 1));
}
