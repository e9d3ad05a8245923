//! `berth web`: which words the desktop app gets, and what is said where there is none to ask.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use demo_cluster::Dialect;
use support::{Run, World, finish};

/// The program in a folder of its own, beside a desktop app that writes down its words.
fn installed(world: &World, desktop: &str) -> PathBuf {
    let folder = world.home.path().join("bin");
    fs::create_dir(&folder).unwrap();
    let berth = folder.join("berth");
    // Beside the one that was built lies the real app.
    let built = env!("CARGO_BIN_EXE_berth");
    if fs::hard_link(built, &berth).is_err() {
        fs::copy(built, &berth).unwrap();
    }
    let app = folder.join("berth-desktop");
    fs::write(&app, format!("#!/bin/sh\n{desktop}\n")).unwrap();
    fs::set_permissions(&app, fs::Permissions::from_mode(0o755)).unwrap();
    berth
}

fn web(world: &World, desktop: &str, words: &[&str]) -> Run {
    let program = installed(world, desktop);
    let mut command = world.program(&program, words);
    command.env("DISPLAY", ":99");
    finish(command)
}

const WRITES: &str = "for word; do echo \"$word\"; done > \"$HOME/words\"";

#[test]
fn the_app_gets_the_profile_and_the_session() {
    let world = World::signed_in();
    let run = web(&world, WRITES, &["web", "llama-finetune"]);
    seen!(world, run);
    let url = world.cluster().webserver_url();
    let profile = format!("{}@{}", world.account().email, url.trim_end_matches('/'));
    let wanted = format!("--web-ui\n{profile}\n--session\n{}\n", world.session_id("llama-finetune"));
    assert_eq!(fs::read_to_string(world.home.path().join("words")).unwrap(), wanted);
}

#[test]
fn without_a_session_nobody_is_asked_for_anything() {
    let mut world = World::signed_in();
    world.stop_cluster();
    let run = web(&world, WRITES, &["web"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
    let words = fs::read_to_string(world.home.path().join("words")).unwrap();
    assert_eq!(words.lines().count(), 2, "{words}");
}

#[test]
fn an_old_webui_has_a_list_only() {
    let world = World::like(Dialect::V23_09);
    world.sign_in();
    seen!(world, web(&world, WRITES, &["web", "llama-finetune"]));
}

#[test]
fn what_stands_in_the_way_is_said() {
    let world = World::signed_in();
    seen!(world, web(&world, "echo 'Failed to open the display' >&2; exit 1", &["web"]));
    // No display.
    let command = world.program(&world.home.path().join("bin/berth"), ["web"]);
    seen!(world, finish(command));
    // A keypair leads to a manager.
    let mut command = world.berth(["web"]);
    world.keypair_environment(&mut command);
    seen!(world, finish(command));
}
