//! Host keys that change: a restart of the session is told from an attack, by stock ssh and scp.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]
#![cfg(unix)]

mod support;

use std::fs;
use std::process::Command;

use demo_cluster::{Dialect, Fault};
use support::{Run, World, finish};

const SESSION: &str = "llama-finetune";
const HOST: &str = "llama-finetune.127-0-0-1.berth";
/// What ssh shouts.
const CHANGED: &str = "REMOTE HOST IDENTIFICATION HAS CHANGED";
/// What Berth says.
const TOLD: &str = "∙ “llama-finetune” was restarted; its SSH server has a new host key.\n";

/// Two ways of stock ssh into a session, each with a pin of its own, and both pinned.
fn pinned(dialect: Dialect) -> World {
    let world = World::like(dialect);
    world.sign_in();
    let folder = world.home.path().join(".ssh");
    fs::create_dir(&folder).unwrap();
    let mut install = world.berth(["ssh-config", "install", "--yes"]);
    install.env("BERTH_SSH_DIR", &folder);
    let install = finish(install);
    assert_eq!(install.code, 0, "{install:?}");
    for run in both(&world) {
        assert_eq!((run.stdout.as_str(), run.code), ("in\n", 0), "{run:?}");
        assert!(!run.stderr.contains("restarted"), "{}", run.stderr);
    }
    assert_eq!(pins(&world).len(), 2);
    world
}

/// By `berth ssh`, and by the session's name as a host.
fn both(world: &World) -> [Run; 2] {
    let mut by_name = Command::new("ssh");
    by_name.arg("-F").arg(world.home.path().join(".ssh/config")).args([HOST, "echo in"]);
    by_name
        .env("HOME", world.home.path())
        .env("BERTH_SECRETS", "file")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(std::process::Stdio::null());
    [world.run(["ssh", SESSION, "echo in"]), finish(by_name)]
}

fn pins(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.data().join("known_hosts")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn refused(world: &World, why: &str) {
    let before = pins(world);
    for run in both(world) {
        assert_eq!((run.stdout.as_str(), run.code), ("", 255), "{why}: {run:?}");
        assert!(run.stderr.contains(CHANGED) && !run.stderr.contains("restarted"), "{why}: {}", run.stderr);
    }
    assert_eq!(pins(world), before, "{why}");
}

fn let_in(world: &World, why: &str) {
    for run in both(world) {
        assert_eq!((run.stdout.as_str(), run.code), ("in\n", 0), "{why}: {run:?}");
        assert!(!run.stderr.contains(CHANGED) && !run.stderr.contains("restarted"), "{why}: {}", run.stderr);
    }
}

#[test]
fn a_restarted_session_is_no_attack_and_that_is_said_once() {
    let world = pinned(Dialect::V23_09);
    let other = world.run(["ssh", "data-prep", "true"]);
    assert_eq!(other.code, 0, "{other:?}");
    let before = pins(&world);
    world.cluster().control().restart_session(SESSION).unwrap();
    for run in both(&world) {
        assert_eq!((run.stdout.as_str(), run.code), ("in\n", 0), "{run:?}");
        assert_eq!(run.stderr.matches(TOLD).count(), 1, "{}", run.stderr);
        assert!(!run.stderr.contains(CHANGED), "{}", run.stderr);
    }
    let after = pins(&world);
    assert_eq!(after.len(), 3);
    let kept: Vec<_> = before.iter().filter(|pin| after.contains(pin)).collect();
    assert_eq!(kept, [&before[2]], "the other session's pin, and no other");
    let_in(&world, "pinned again");
    // A port of one's own, and a copy by scp.
    world.cluster().control().restart_session(SESSION).unwrap();
    let run = world.run(["ssh", SESSION, "-p", "0", "echo in"]);
    assert_eq!((run.stdout.as_str(), run.code), ("in\n", 0), "{run:?}");
    assert_eq!(run.stderr.matches(TOLD).count(), 1, "{}", run.stderr);
    world.cluster().control().restart_session(SESSION).unwrap();
    let run = world.run(["scp", SESSION, ":README.md", "."]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.stderr.matches(TOLD).count(), 1, "{}", run.stderr);
}

#[test]
fn a_key_that_changes_without_a_restart_is_refused() {
    let world = pinned(Dialect::V23_09);
    world.cluster().control().replace_host_key(SESSION).unwrap();
    refused(&world, "the same container");
    refused(&world, "and again");
}

/// From 26.3 on the agent keeps the key.
#[test]
fn servers_that_keep_the_key_give_no_reason_for_another() {
    let world = pinned(Dialect::V26_9);
    world.cluster().control().restart_session(SESSION).unwrap();
    let_in(&world, "the same key");
    world.cluster().control().restart_session(SESSION).unwrap();
    world.cluster().control().replace_host_key(SESSION).unwrap();
    refused(&world, "a restart is no reason");
}

#[test]
fn what_the_cluster_does_not_tell_is_no_restart() {
    let world = pinned(Dialect::V24_03);
    world.cluster().control().restart_session(SESSION).unwrap();
    let id = world.session_id(SESSION);
    for fault in [Fault::Status(500), Fault::Empty, Fault::Html] {
        world.cluster().control().fail(&format!("/session/{id}"), fault);
        refused(&world, "not told");
        world.cluster().control().clear_faults();
    }
    for run in both(&world) {
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(run.stderr.matches(TOLD).count(), 1, "{}", run.stderr);
    }
}

/// As pinned by a version of Berth that noted no containers.
#[test]
fn a_pin_without_a_note_outlives_no_second_restart() {
    let world = pinned(Dialect::V22_09);
    fs::remove_dir_all(world.data().join("pins")).unwrap();
    world.cluster().control().restart_session(SESSION).unwrap();
    refused(&world, "nobody knows since when");
    world.cluster().control().restart_session(SESSION).unwrap();
    for run in both(&world) {
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(run.stderr.matches(TOLD).count(), 1, "{}", run.stderr);
    }
}
