//! What the tests share: real keys made by the programs that people have.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Runs a program to its end and returns what it said.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// Runs a program that must succeed and returns its standard output.
pub(crate) fn ok(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// True when a program is installed.
pub(crate) fn installed(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}

/// Says aloud that a test did nothing, and returns true, when a program is missing.
pub(crate) fn missing(program: &str) -> bool {
    let missing = !installed(program);
    if missing {
        eprintln!("skipped: {program} is not installed");
    }
    missing
}

/// A key pair made by `ssh-keygen` with these arguments; the private key's path.
pub(crate) fn keygen(folder: &Path, name: &str, args: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    if !args.contains(&"-N") {
        command.args(["-N", ""]);
    }
    ok(command.arg("-q").args(args).arg("-f").arg(&path));
    path
}

/// `SHA256:…` as `ssh-keygen -l` prints it for a private or public key file.
pub(crate) fn fingerprint(path: &Path) -> String {
    let line = ok(Command::new("ssh-keygen").arg("-lf").arg(path));
    line.split(' ').nth(1).unwrap().to_owned()
}
