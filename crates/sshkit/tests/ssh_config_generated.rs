//! Thousands of configs as people have them: put the line in, ask ssh, take it out.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sshkit::os::Os;
use sshkit::ssh_config::{ClusterHosts, HostsFile, Made, Place, install, state, uninstall};
use support::{missing, run};

/// How many are generated, and every how manieth is shown to ssh.
const CONFIGS: usize = 3000;
const ASKED: usize = 60;

/// One line, without its end.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = "[a-z0-9.*?-]{1,12}";
    let text = |line: String| line.into_bytes();
    prop_oneof![
        3 => "[ \t]{0,2}".prop_map(text),
        3 => "#[ a-z가-힣!\"'\\\\%]{0,30}".prop_map(text),
        // An encoding of another century in a remark.
        1 => Just(b"# \xb1\xe8\xc1\xf8\xbc\xf6".to_vec()),
        4 => (word, word).prop_map(move |(a, b)| text(format!("Host {a} !{b}"))),
        2 => (word, prop_oneof![Just("host"), Just("HOST"), Just("hOsT")])
            .prop_map(move |(a, key)| text(format!("  {key} = \"{a}\" # mine"))),
        2 => word.prop_map(move |a| text(format!("Match host {a} user jin"))),
        1 => Just(text("Match all".into())),
        1 => word.prop_map(move |a| text(format!("Include {a}.conf"))),
        1 => Just(text("Include ~/.ssh/conf.d/*".into())),
        3 => word.prop_map(move |a| text(format!("\tUser {a}"))),
        2 => (1u16..).prop_map(move |port| text(format!("    Port={port}  "))),
        2 => word.prop_map(move |a| text(format!("    IdentityFile \"~/.ssh/with blank/{a}\""))),
        1 => word.prop_map(move |a| text(format!("    ProxyCommand ssh -W '%h:%p' {a}"))),
        1 => word.prop_map(move |a| text(format!("    HostName {a}.example.com"))),
        1 => Just(text("    ServerAliveInterval 7".into())),
        // What ssh refuses it refuses before and after.
        1 => Just(text("NoSuchOption yes".into())),
    ]
}

#[derive(Debug, Clone)]
struct Sample {
    bytes: Vec<u8>,
    mode: u32,
    link: bool,
}

fn sample() -> impl Strategy<Value = Sample> {
    let end = prop_oneof![4 => Just(0u8), 2 => Just(1), 1 => Just(2)];
    let mode = prop_oneof![Just(0o600u32), Just(0o644), Just(0o640)];
    (proptest::collection::vec(line(), 0..25), end, any::<bool>(), 0..12u8, mode, 0..6u8).prop_map(
        |(lines, end, last, mark, mode, link)| {
            let mut bytes = if mark == 0 { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
            let count = lines.len();
            for (index, line) in lines.into_iter().enumerate() {
                bytes.extend(line);
                if last || index + 1 < count {
                    let windows = end == 1 || (end == 2 && index % 3 == 0);
                    bytes.extend_from_slice(if windows { b"\r\n" } else { b"\n" });
                }
            }
            Sample { bytes, mode, link: link == 0 }
        },
    )
}

fn hosts(folder: &Path) -> impl FnOnce(Made) -> HostsFile + use<> {
    let at = |name: &str| folder.join(name);
    let (program, keys, known_hosts) = (at("berth"), at("keys"), at("known_hosts"));
    move |made| HostsFile {
        os: Os::of_this_computer(),
        program,
        data_folder: None,
        user: "work".into(),
        keys,
        known_hosts,
        own_keys: vec![],
        clusters: vec![ClusterHosts {
            label: "demo".into(),
            title: "Demo".into(),
            sessions: vec!["train".into()],
        }],
        left_out: vec![],
        made,
    }
}

/// What ssh makes of a host, or that it refuses the file.
fn ask(config: &Path, host: &str) -> String {
    let output = run(Command::new("ssh").arg("-F").arg(config).args(["-G", host]));
    // Why it refuses names lines, and the word that a byte order mark spoils.
    if !output.status.success() {
        return "refused".to_owned();
    }
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn other_hosts_stay_as_they_are_and_undo_gives_the_file_back() {
    let no_ssh = missing("ssh");
    // In memory where that is to be had: each file is flushed to the disk many times.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = sample();
    let mut worked = 0;
    for number in 0..CONFIGS {
        let sample = strategy.new_tree(&mut runner).unwrap().current();
        let ssh = folder.path().join(format!("{number}"));
        fs::create_dir(&ssh).unwrap();
        let place = Place::in_folder(folder.path(), &ssh);
        let target: PathBuf = if sample.link { ssh.join("elsewhere") } else { place.config() };
        fs::write(&target, &sample.bytes).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(sample.mode)).unwrap();
        if sample.link {
            std::os::unix::fs::symlink("elsewhere", place.config()).unwrap();
        }
        let asked = !no_ssh && number % ASKED == 0;
        let others = ["prod", "a.example.com"];
        let before = if asked { others.map(|host| ask(&place.config(), host)) } else { Default::default() };

        assert!(install(&place, hosts(folder.path())).unwrap().changed, "{sample:?}");
        assert!(state(&place).is_installed(), "{sample:?}");
        let during = fs::read(&target).unwrap();
        assert!(during.ends_with(sample.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&sample.bytes)));
        assert_eq!(fs::read(place.backup()).unwrap(), sample.bytes);
        if asked {
            assert_eq!(others.map(|host| ask(&place.config(), host)), before, "{sample:?}");
            let ours = ask(&place.config(), "train.demo.berth");
            // A file that ssh reads as a whole has our host in it.
            if before[0] != "refused" {
                assert!(
                    ours.contains("user work\n") && ours.contains(" proxy --stdio train.demo.berth\n"),
                    "{ours}"
                );
                worked += 1;
            }
        }
        // Once more is no change.
        assert!(!install(&place, hosts(folder.path())).unwrap().changed);

        let undone = uninstall(&place).unwrap();
        assert!(undone.line && undone.file);
        assert_eq!(fs::read(&target).unwrap(), sample.bytes, "{sample:?}");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, sample.mode);
        assert_eq!(fs::symlink_metadata(place.config()).unwrap().is_symlink(), sample.link);
        assert!(!place.hosts().exists() && !place.backup().exists());
        fs::remove_dir_all(&ssh).unwrap();
    }
    assert!(no_ssh || worked > 10, "ssh could read {worked} of the files");
}
