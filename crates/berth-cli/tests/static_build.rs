//! The program as the container image has it: static, small, and at work against a cluster.
//!
//! `cargo test -p berth-cli --test static_build -- --ignored`; the build takes minutes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{World, finish};

/// Most bytes of the program without the demo cluster.
const LARGEST: u64 = 12 << 20;

#[test]
#[ignore = "builds for minutes"]
fn a_static_program_needs_nothing() {
    let program = build();
    let size = program.metadata().unwrap().len();
    assert!(size <= LARGEST, "{size} bytes");
    assert!(is_static(&program));
    let world = World::new();
    let account = world.account();
    let mut command = world.program(&program, ["ps", "--name-only"]);
    world.keypair_environment(&mut command);
    // A name has to be looked up, which static programs are known to fail at.
    command.env("BACKEND_ENDPOINT", world.cluster().manager_url().replace("127.0.0.1", "localhost"));
    let run = finish(command);
    assert!(run.stdout.contains("data-prep"), "{run:?}");
    let mut command = world.program(&program, ["ssh", "data-prep", "exit 6"]);
    world.keypair_environment(&mut command);
    let run = finish(command);
    assert_eq!(run.code, 6, "{run:?}");
    let run = finish(world.program(&program, ["demo"]));
    assert!(run.stderr.contains("demo-failed"), "{run:?}");
    assert!(!run.stderr.contains(&account.password));
}

fn build() -> PathBuf {
    let said = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let words = [
        "build",
        "--locked",
        "--profile",
        "dist",
        "--no-default-features",
        "-p",
        "berth-cli",
        "--target",
        host,
    ];
    let built = Command::new(env!("CARGO"))
        .args(words)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        // As in the Containerfile: what carries bytes are the cipher's own routines, and they are C and assembly.
        .env("CARGO_PROFILE_DIST_OPT_LEVEL", "s")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join(host).join("dist/berth")
}

/// An executable without an interpreter (ELF program header of type 3) loads no libraries.
fn is_static(program: &Path) -> bool {
    let bytes = std::fs::read(program).unwrap();
    let number = |at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    assert_eq!(&bytes[..5], b"\x7fELF\x02", "a 64-bit executable");
    let (headers, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).all(|index| number(headers + index * size, 4) != 3)
}
