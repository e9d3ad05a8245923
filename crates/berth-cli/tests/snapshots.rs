//! What every subcommand prints, where, and with which exit code.
//!
//! `INSTA_UPDATE=always cargo test -p berth-cli --test snapshots` writes them anew; read the difference then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod support;

use demo_cluster::Dialect;
use support::{World, finish};

#[test]
fn version_and_wrong_usage() {
    let world = World::new();
    assert_eq!(world.run(["--version"]).stdout, format!("berth {}\n", env!("CARGO_PKG_VERSION")));
    seen!(world, world.run(["nosuch"]));
    seen!(world, world.run(["ssh"]));
    seen!(world, world.run(["ps", "--status", "no such"]));
    seen!(world, world.run(["scp", "llama-finetune", "a", "b"]));
}

#[test]
fn help_names_everything() {
    let world = World::new();
    seen!(world, world.run(["--help"]));
    seen!(world, world.run(["ssh", "--help"]));
    seen!(world, world.run(["session", "--help"]));
}

#[test]
fn not_signed_in() {
    let world = World::new();
    for words in [
        &["ps"][..],
        &["ssh", "x"],
        &["logout"],
        &["config"],
        &["info", "x"],
        &["apps", "x"],
        &["app", "x", "sshd"],
        &["session", "download", "x", "y"],
    ] {
        let run = world.run(words);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{words:?}");
        assert_eq!(run.stderr, "✘ You are not signed in. (not-signed-in)\n  ➜ Sign in with: berth login\n");
    }
    seen!(world, world.run(["--json", "ps"]));
    seen!(world, world.run(["profile", "list"]));
}

#[test]
fn login_config_and_logout() {
    let world = World::new();
    let account = world.account();
    let url = world.cluster().webserver_url();
    let answers = format!("{}\n{}\n", account.email, account.password);
    seen!(world, world.with_input(["login", &url], &answers));
    seen!(world, world.run(["config"]));
    seen!(world, world.run(["config", "--json"]));
    seen!(world, world.run(["profile", "list"]));
    seen!(world, world.run(["profile", "list", "--output", "json"]));
    seen!(world, world.run(["profile", "use", "nosuch"]));
    seen!(world, world.run(["logout"]));
    seen!(world, world.run(["ps"]));
    seen!(world, world.with_input(["login"], &format!("{}\nwrong\n", account.email)));
    seen!(world, world.with_input(["login"], ""));
}

#[test]
fn passwords() {
    let world = World::signed_in();
    let password = world.account().password;
    seen!(world, world.with_input(["update-password"], "guessed\nwinter 2026\n"));
    seen!(world, world.with_input(["update-password"], &format!("{password}\nshort\n")));
    seen!(world, world.with_input(["update-password"], ""));
    seen!(world, world.with_input(["update-password"], &format!("{password}\nwinter 2026\n")));
    seen!(world, world.run(["update-password", "a", "b", "b"]));
}

#[test]
fn lists() {
    let world = World::signed_in();
    seen!(world, world.run(["ps"]));
    seen!(world, world.run(["ps", "--detail", "-a"]));
    seen!(world, world.run(["session", "list", "--name-only", "--running"]));
    seen!(world, world.run(["ps", "--dead", "-f", "name,status"]));
    seen!(world, world.run(["ps", "--status", "PENDING", "--plain"]));
    seen!(world, world.run(["ps", "--json", "--limit", "1", "--order", "+name"]));
    seen!(world, world.run(["ps", "--filter", "name ilike \"%train%\"", "-f", "name"]));
    seen!(world, world.run(["ps", "-f", "nosuchfield"]));
    seen!(world, world.run(["info", "llama-finetune"]));
    seen!(world, world.run(["info", "llama-finetune", "--json"]));
    seen!(world, world.run(["apps", "llama-finetune"]));
    seen!(world, world.run(["apps", "llama-finetune", "-l"]));
    seen!(world, world.run(["apps", "llama-finetune", "sshd", "--json"]));
    seen!(world, world.run(["apps", "llama-finetune", "nosuch"]));
    seen!(world, world.run(["ps", "-s", "NOSUCH"]));
}

#[test]
fn following() {
    let world = World::signed_in();
    seen!(world, world.run(["watch", "tokenizer-test"]));
    seen!(world, world.run(["watch", "tokenizer-test", "--json"]));
    seen!(world, world.run(["events", "tokenizer-test"]));
    seen!(world, world.run(["events", "tokenizer-test", "--wait", "session_started"]));
    seen!(world, world.run(["session", "events", "data-prep", "--wait", "session_started"]));
}

#[test]
fn lists_of_an_old_server() {
    let world = World::like(Dialect::V22_09);
    let mut command = world.berth(["ps"]);
    world.keypair_environment(&mut command);
    seen!(world, finish(command));
    let mut command = world.berth(["config"]);
    world.keypair_environment(&mut command);
    seen!(world, finish(command));
}

#[test]
fn sessions_that_are_not_meant() {
    let world = World::signed_in();
    seen!(world, world.run(["ssh", "llama-fintune"]));
    seen!(world, world.run(["ssh", "zzz"]));
    seen!(world, world.run(["ssh", "eval-sweep"]));
    seen!(world, world.run(["ssh", "tokenizer-test"]));
    seen!(world, world.run(["--json", "ssh", "zzz"]));
    seen!(world, world.run(["app", "llama-finetune", "nosuch"]));
    seen!(world, world.run(["app", "llama-finetune", "sshd", "-b", "0.0.0.0:9922"]));
    seen!(world, world.run(["proxy", "--stdio", "zzz"]));
    let control = world.cluster().control();
    control.rename_session("vision-train", "llama-finetune").unwrap();
    seen!(world, world.run(["ssh", "llama-finetune"]));
}

#[test]
fn making_and_ending() {
    let world = World::signed_in();
    let image = "cr.backend.ai/stable/python:3.12-ubuntu22.04";
    seen!(world, world.run(["create", "-t", "made-here", "-r", "cpu=1", "-r", "mem=512", image]));
    seen!(world, world.run(["create", "-t", "made-here", image]));
    seen!(world, world.run(["create", "-t", "made-here", "--no-reuse", image]));
    seen!(world, world.run(["create", "-t", "queued", "--enqueue-only", "--json", image]));
    seen!(world, world.run(["create", "nosuch/image:1"]));
    seen!(world, world.run(["session", "rename", "made-here", "renamed"]));
    let logs = world.run(["logs", "renamed"]);
    assert!(logs.stdout.starts_with("session renamed ("), "{logs:?}");
    assert_eq!(logs.stderr, "⋯ Retrieving live container logs...\n✓ End of logs.\n");
    seen!(world, world.run(["rm", "renamed", "nosuch"]));
    seen!(world, world.run(["destroy"]));
}

#[test]
fn files() {
    let world = World::signed_in();
    seen!(world, world.run(["session", "download", "data-prep"]));
    seen!(world, world.run(["session", "download", "data-prep", "nosuch"]));
    seen!(world, world.run(["session", "download", "data-prep", "/etc/passwd"]));
    seen!(world, world.run(["session", "download", "data-prep", "id_container", "--dest", "keys"]));
    seen!(world, world.run(["session", "upload", "data-prep", "nosuch"]));
    std::fs::write(world.folder().join("a b.txt"), "x").unwrap();
    seen!(world, world.run(["session", "upload", "data-prep", "a b.txt", "--json"]));
    seen!(world, world.run(["session", "ls", "data-prep", "nosuch"]));
}

#[test]
fn scripts_and_manual_pages() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let run = world.run(["completion", shell]);
        assert_eq!(run.code, 0);
        assert!(run.stdout.contains("COMPLETE"), "{shell}: {}", run.stdout);
    }
    let page = world.run(["man", "ssh"]).stdout;
    assert!(page.contains(".TH") && page.contains("SSH OPTIONS"), "{page}");
    assert_eq!(world.run(["man", "--dir", "man"]).code, 0);
    assert!(world.folder().join("man/berth-session-download.1").is_file());
}
