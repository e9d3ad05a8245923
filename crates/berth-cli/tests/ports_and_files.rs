//! App ports, downloads and uploads, the demo: what stays, what ends, what lands where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use support::{World, first_line};

const SESSION: &str = "data-prep";

fn start(world: &World, words: &[&str]) -> Child {
    let mut command = world.berth(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[cfg(unix)]
fn stop(child: Child, signal: &str) -> support::Run {
    let sent =
        std::process::Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    support::Run::of(child.wait_with_output().unwrap())
}

#[test]
#[cfg(unix)]
fn an_app_port_serves_until_told_to_stop() {
    let world = World::signed_in();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut child = start(&world, &["app", SESSION, "sshd", "-b", "0"]);
        let url = first_line(&mut child);
        let address = url.strip_prefix("tcp://").unwrap_or_else(|| panic!("{url}")).to_owned();
        let mut banner = [0; 8];
        TcpStream::connect(&address).unwrap().read_exact(&mut banner).unwrap();
        assert_eq!(&banner, b"SSH-2.0-");
        let run = stop(child, signal);
        assert_eq!(run.code, code, "{run:?}");
        assert!(
            run.stderr.contains("∙ A local proxy to the application \"sshd\" provided by the session \"data-prep\" is available at:")
                && run.stderr.ends_with("∙ Shutting down....\n∙ The local proxy to \"sshd\" has terminated.\n"),
            "{run:?}"
        );
        assert!(TcpStream::connect(&address).is_err());
    }
}

#[test]
fn an_app_port_ends_with_its_session() {
    let world = World::signed_in();
    let mut child = start(&world, &["app", "notebook-7f", "sshd", "-b", "0", "--json"]);
    // The first line is the bracket that opens the object.
    assert_eq!(first_line(&mut child), "{");
    world.cluster().control().terminate_session("notebook-7f").unwrap();
    let run = support::Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("session-ended"), "{run:?}");
}

#[test]
fn a_taken_port_is_said() {
    let world = World::signed_in();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = world.run(["app", SESSION, "sshd", "-b", &port]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("port-taken"), "{run:?}");
}

#[test]
fn small_files_and_folders_are_downloaded() {
    let world = World::signed_in();
    let home = world.session_home(SESSION);
    std::fs::create_dir_all(home.join("results/a b")).unwrap();
    std::fs::write(home.join("results/a b/김"), "one").unwrap();
    let run = world.run(["session", "download", SESSION, "id_container", "results", "--dest", "into/here"]);
    assert_eq!(run.code, 0, "{run:?}");
    let key = world.folder().join("into/here/id_container");
    assert!(std::fs::read_to_string(&key).unwrap().starts_with("-----BEGIN"));
    assert_eq!(std::fs::read_to_string(world.folder().join("into/here/results/a b/김")).unwrap(), "one");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o077, 0, "as ssh wants it");
    }
}

#[test]
#[cfg(unix)]
fn big_folders_come_and_go_by_ssh() {
    let world = World::signed_in();
    let home = world.session_home(SESSION);
    std::fs::create_dir_all(home.join("big one/deep")).unwrap();
    let content: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(home.join("big one/deep/it's.bin"), &content).unwrap();
    std::fs::write(home.join("big one/small"), "x").unwrap();
    let run = world.run(["session", "download", SESSION, "big one", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(std::fs::read(world.folder().join("big one/deep/it's.bin")).unwrap() == content);
    assert!(run.stdout.contains("\"files\": 2"), "{run:?}");
    std::fs::rename(world.folder().join("big one"), world.folder().join("sent back")).unwrap();
    let run = world.run(["session", "upload", SESSION, "sent back"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(std::fs::read(home.join("sent back/deep/it's.bin")).unwrap() == content);
}

#[test]
#[cfg(unix)]
fn links_that_lead_out_are_refused() {
    let world = World::signed_in();
    let home = world.session_home(SESSION);
    for (folder, bytes) in [("small", 10), ("big", 3 << 20)] {
        let folder = home.join(folder);
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/etc", folder.join("a")).unwrap();
        std::fs::write(folder.join("b"), vec![7; bytes]).unwrap();
    }
    for folder in ["small", "big"] {
        let run = world.run(["session", "download", SESSION, folder]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains("archive-unsafe"), "{run:?}");
        assert!(!world.folder().join(folder).join("a").exists());
    }
}

#[test]
fn small_files_are_uploaded_with_their_paths() {
    let world = World::signed_in();
    std::fs::create_dir_all(world.folder().join("x/y")).unwrap();
    std::fs::write(world.folder().join("x/y/a 김.txt"), "1").unwrap();
    let run = world.run(["session", "upload", SESSION, "x"]);
    assert_eq!(run.code, 0, "{run:?}");
    let home = world.session_home(SESSION);
    assert_eq!(std::fs::read_to_string(home.join("x/y/a 김.txt")).unwrap(), "1");
    if cfg!(unix) {
        std::fs::write(world.folder().join("x/\"it's\";\\"), "2").unwrap();
        let run = world.run(["session", "upload", SESSION, "x"]);
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(std::fs::read_to_string(home.join("x/\"it's\";\\")).unwrap(), "2");
    }
    std::fs::write(world.home.path().join("above"), "1").unwrap();
    let run = world.run(["session", "upload", SESSION, "../above"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("path-outside-folder"), "{run:?}");
}

#[test]
#[cfg(unix)]
fn a_target_that_cannot_be_written_is_said() {
    let world = World::signed_in();
    std::fs::write(world.folder().join("file"), "").unwrap();
    let run = world.run(["session", "download", SESSION, "id_container", "--dest", "file/x"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("file-not-writable"), "{run:?}");
}

#[test]
#[cfg(unix)]
fn a_demo_is_used_while_it_runs() {
    let world = World::new();
    let mut demo = start(&world, &["demo", "--json"]);
    let mut head = String::new();
    let stdout = demo.stdout.as_mut().unwrap();
    let mut byte = [0];
    while !head.ends_with("}\n") {
        stdout.read_exact(&mut byte).unwrap();
        head.push(char::from(byte[0]));
    }
    assert!(head.contains("\"endpoint_type\": \"session\""), "{head}");
    let run = world.run(["ps", "--name-only"]);
    assert!(run.stdout.contains("llama-finetune"), "{run:?}");
    let run = world.run(["ssh", "llama-finetune", "exit 5"]);
    assert_eq!(run.code, 5, "{run:?}");
    assert!(world.run(["demo"]).stderr.contains("demo-running"));
    let run = stop(demo, "INT");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.ends_with("∙ The demo cluster has terminated.\n"), "{run:?}");
    let run = world.run(["ps"]);
    assert!(run.stderr.contains("not-signed-in"), "{run:?}");
    let keys = std::fs::read_dir(world.data().join("keys")).unwrap().count();
    assert_eq!(keys, 0, "keys of its sessions are gone");
    for folder in ["session-names", "logins"] {
        assert_eq!(std::fs::read_dir(world.data().join(folder)).unwrap().count(), 0, "{folder}");
    }
    assert!(!world.data().join("demo.json").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::signed_in();
    let mut command = world.berth(["ps", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    std::io::stdout().flush().unwrap();
}
