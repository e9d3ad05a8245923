//! Command lines through the real shell and the real `ssh -G`, and as they look on every system.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sshkit::command::{Shell, Target, supports_path};
use support::{missing, ok};

/// Folder names that some reader on the way to ssh might take for something else.
const AWKWARD: [&str; 22] = [
    "plain",
    "two words",
    "two  spaces and a tail ",
    "김 진의 폴더",
    "it's",
    "\"quoted\"",
    "mixed ' and \" quotes",
    "$HOME",
    "$(touch sshkit-was-here)",
    "`id`",
    "100%",
    "%d %h",
    "back\\slash",
    "ends with a backslash\\",
    "\\\\two\\'three\\\"",
    "~jin",
    "#hash # tag",
    "a=b",
    "semi;colon & pipe | >",
    "*?[a]{b,c}",
    "!bang",
    "-dash",
];

fn target(folder: &Path) -> Target {
    Target {
        user: "work".into(),
        host: "127.0.0.1".into(),
        port: 30722,
        key: Some(folder.join("id_container")),
        known_hosts: folder.join("known_hosts"),
        host_key_alias: "backendai-0f2f3f4f-1111-4222-8333-444455556666".into(),
    }
}

/// What `ssh` makes of arguments: option name to value.
fn parsed(output: &str) -> BTreeMap<String, String> {
    output.lines().filter_map(|line| line.split_once(' ')).map(|(k, v)| (k.into(), v.into())).collect()
}

/// Runs a line in a shell with `ssh` replaced by `ssh -G`, in an empty home.
fn through(shell: &str, line: &str) -> BTreeMap<String, String> {
    let line = line.strip_prefix("ssh ").unwrap();
    let output = ok(Command::new(shell).arg("-c").arg(format!("ssh -G -F none {line}")));
    parsed(&output)
}

fn assert_means(options: &BTreeMap<String, String>, target: &Target) {
    let is =
        |name: &str, value: &str| assert_eq!(options.get(name).map(String::as_str), Some(value), "{name}");
    is("user", &target.user);
    is("hostname", &target.host);
    is("port", &target.port.to_string());
    is("hostkeyalias", &target.host_key_alias);
    is("identitiesonly", "yes");
    is("stricthostkeychecking", "accept-new");
    is("userknownhostsfile", target.known_hosts.to_str().unwrap());
    // `ssh -G` shows keys before it expands `%%`; tests/real_sshd.rs shows that it does.
    is("identityfile", &target.key.as_ref().unwrap().to_str().unwrap().replace('%', "%%"));
}

fn shells() -> Vec<&'static str> {
    ["sh", "dash", "bash", "zsh", "ksh"].into_iter().filter(|shell| support::installed(shell)).collect()
}

#[test]
fn ssh_reads_back_every_path_through_a_shell() {
    if missing("ssh") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in AWKWARD {
        let target = target(&folder.path().join(name));
        std::fs::create_dir(folder.path().join(name)).unwrap();
        // `-i` looks for the file at once.
        std::fs::write(target.key.as_ref().unwrap(), "").unwrap();
        for shell in shells() {
            let line = target.ssh(Shell::Posix);
            eprintln!("{shell}: {line}");
            assert_means(&through(shell, &line), &target);
        }
    }
    assert!(!Path::new("sshkit-was-here").exists());
}

#[test]
fn ssh_reads_back_every_path_without_a_shell() {
    if missing("ssh") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in AWKWARD {
        let target = target(&folder.path().join(name));
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(target.key.as_ref().unwrap(), "").unwrap();
        let output = ok(Command::new("ssh").args(["-G", "-F", "none"]).args(target.ssh_args()));
        assert_means(&parsed(&output), &target);
    }
}

#[test]
fn relative_paths_are_not_taken_for_options_or_homes() {
    if missing("ssh") {
        return;
    }
    for name in ["-key", "~key", "key"] {
        let target = Target { key: Some(name.into()), known_hosts: "~kh".into(), ..target(Path::new("/")) };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), "").unwrap();
        let mut command = Command::new("ssh");
        let output =
            ok(command.current_dir(folder.path()).args(["-G", "-F", "none"]).args(target.ssh_args()));
        let options = parsed(&output);
        assert_eq!(options["identityfile"].trim_start_matches("./"), name);
        assert_eq!(options["userknownhostsfile"], "./~kh");
    }
}

#[test]
fn without_a_key_the_choice_is_left_to_ssh() {
    let target = Target { key: None, ..target(Path::new("/home/jin")) };
    let line = target.ssh(Shell::Posix);
    assert!(!line.contains("-i ") && !line.contains("Identit"), "{line}");
}

#[test]
fn paths_that_ssh_cannot_express_are_known() {
    for name in AWKWARD {
        assert!(supports_path(&Path::new("/").join(name)), "{name}");
    }
    assert!(!supports_path(Path::new("/home/${USER}/k")));
    assert!(!supports_path(Path::new("/home/a\nb")));
    let no_text: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"/\xff");
    assert!(!supports_path(Path::new(no_text)));
}

#[test]
fn urls_name_user_host_and_port() {
    let plain = target(Path::new("/"));
    assert_eq!(plain.ssh_url(), "ssh://work@127.0.0.1:30722");
    assert_eq!(plain.sftp_url(), "sftp://work@127.0.0.1:30722");
    let odd = Target { user: "a b@c".into(), host: "::1".into(), ..plain };
    assert_eq!(odd.sftp_url(), "sftp://a%20b%40c@[::1]:30722");
}

/// One golden file per shell: the lines exactly as a person sees them.
#[test]
fn lines_look_like_the_golden_files() {
    let homes: [(&str, Shell, &[&str]); 4] = [
        (
            "linux",
            Shell::Posix,
            &[
                "/home/jin/.local/share/berth",
                "/home/jin/two words",
                "/home/김진/it's",
                "/home/jin/100% $HOME `id`",
                "/home/jin/a\"b\\c",
            ],
        ),
        ("macos", Shell::Posix, &["/Users/jin/Library/Application Support/berth", "/Volumes/데이터 1/berth"]),
        (
            "windows-powershell",
            Shell::PowerShell,
            &[
                r"C:\Users\jin\AppData\Local\berth",
                r"C:\Users\Jin Kim\AppData\Local\berth",
                r"C:\Users\김진\AppData\Local\berth",
                r"C:\Users\O'Brien\AppData\Local\berth",
                r"D:\100% $done\a %TEMP%",
                r"\\?\C:\Users\jin\berth",
                r"\\server\share\berth",
            ],
        ),
        (
            "windows-cmd",
            Shell::Cmd,
            &[
                r"C:\Users\jin\AppData\Local\berth",
                r"C:\Users\Jin Kim\AppData\Local\berth",
                r"C:\Users\김진\AppData\Local\berth",
                r"C:\Users\O'Brien & Co\AppData\Local\berth",
                r"D:\100%\%TEMP%",
            ],
        ),
    ];
    for (name, shell, folders) in homes {
        let mut text = String::new();
        for folder in folders {
            // Windows paths are no paths here, so joined by hand.
            let separator = if shell == Shell::Posix { '/' } else { '\\' };
            let file = |name: &str| PathBuf::from(format!("{folder}{separator}{name}"));
            let target =
                Target { key: Some(file("key")), known_hosts: file("known_hosts"), ..target(Path::new("/")) };
            text += &format!("# {folder}\n");
            for line in [
                target.ssh(shell),
                target.sftp(shell),
                target.scp_upload(shell, "FILE", "/home/work/"),
                target.rsync_upload(shell, "FOLDER/", "/home/work/data/"),
            ] {
                text += &format!("{line}\n");
            }
            text.push('\n');
        }
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default().replace("\r\n", "\n");
        assert_eq!(text, expected, "{name}: set UPDATE_GOLDEN=1 to accept, then read the difference");
    }
}
