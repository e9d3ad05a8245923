//! A session in other programs: PuTTY's own, the user's own keys, editors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers of tests, which fail by it"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use berth::{AccessMode, Berth, Connection, Options, Overwrite, Paths, PpkRequest, SSHD, SecretsChoice};
use sshkit::private_file::is_private;
use support::Bench;

/// A Berth with a home of its own beside the bench's, signed in.
async fn with_home(bench: &Bench) -> (Arc<Berth>, PathBuf) {
    let home = bench.home.path().join("home");
    fs::create_dir_all(home.join(".ssh")).unwrap();
    let paths = Paths::at(bench.home.path().join("data2")).unwrap();
    let paths = paths.with_home(home.clone()).with_program("/opt/berth/berth".into());
    let secrets = SecretsChoice::File;
    let berth =
        Berth::start(Options { paths, secrets, demo_available: false, build: "test".into() }).unwrap();
    berth.sign_in(bench.request(AccessMode::Session, false)).await.unwrap();
    (berth, home)
}

async fn connected(berth: &Berth) -> Connection {
    let list = berth.refresh_sessions().await.unwrap();
    let session = list.sessions.iter().find(|s| s.status == "RUNNING").unwrap();
    berth.connect(&session.id, SSHD).await.unwrap()
}

fn missing(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = !std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if missing {
        eprintln!("skipped: {program} is not installed");
    }
    missing
}

/// Runs a program to its end without blocking the tunnels of this test.
async fn run(program: &str, arguments: &[&str], input: &str) -> Output {
    use std::io::Write as _;

    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("SSH_AUTH_SOCK");
    let input = input.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn puttys_own_programs_log_in_with_the_saved_key() {
    if missing("plink") || missing("puttygen") || missing("psftp") {
        return;
    }
    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let connection = connected(&berth).await;
    let port = connection.port.to_string();
    for old in [false, true] {
        let to = home.join(format!("my key {old}.ppk"));
        let request = PpkRequest { old, passphrase: None };
        let saved =
            berth.connections().save_key_as_ppk(&connection.id, &to, &request, Overwrite::Refuse).unwrap();
        assert!(is_private(&to).unwrap());
        assert!(saved.ssh_command.starts_with("putty -ssh -P "), "{}", saved.ssh_command);
        let key = to.to_str().unwrap();
        let shown = run("puttygen", &[key, "-l"], "").await;
        assert!(said(&shown).contains(&connection.key.as_ref().unwrap().fingerprint), "{}", said(&shown));
        // The first time each program asks about the host key; batch mode takes it from its fingerprint.
        let login = ["-batch", "-P", &port, "-i", key, "work@127.0.0.1"];
        let refused = run("plink", &login, "").await;
        let said_of_host = said(&refused);
        let fingerprint = said_of_host.split_whitespace().find(|word| word.starts_with("SHA256:"));
        let fingerprint = fingerprint.unwrap_or_else(|| panic!("{said_of_host}")).to_owned();
        let with_host = [&["-hostkey", &fingerprint][..], &login[..]].concat();
        let echoed = run("plink", &[&with_host[..], &["echo", "hello"]].concat(), "").await;
        assert_eq!(String::from_utf8_lossy(&echoed.stdout), "hello\n", "{}", said(&echoed));
        let listed = run("psftp", &with_host, "ls\nquit\n").await;
        assert!(said(&listed).contains("id_container"), "{}", said(&listed));
    }
    let locked = home.join("locked.ppk");
    let request = PpkRequest { old: false, passphrase: Some("비밀 words".into()) };
    berth.connections().save_key_as_ppk(&connection.id, &locked, &request, Overwrite::Refuse).unwrap();
    let text = fs::read_to_string(&locked).unwrap();
    assert!(text.contains("Encryption: aes256-cbc") && text.contains("Argon2id"));
    let again = berth.connections().save_key_as_ppk(&connection.id, &locked, &request, Overwrite::Refuse);
    assert_eq!(again.unwrap_err().code, "file-exists");
    berth.shut_down().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_users_own_is_let_in() {
    if missing("ssh") || missing("ssh-keygen") {
        return;
    }
    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let connection = connected(&berth).await;
    let own = home.join(".ssh/id_ed25519");
    let own_text = own.to_str().unwrap();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "jin's laptop", "-f", own_text], "").await;
    let login = |key: &Path| {
        let known_hosts = home.join("known_hosts");
        let words = [
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=accept-new",
            "-o",
            &format!("UserKnownHostsFile={}", known_hosts.display()),
            "-i",
            key.to_str().unwrap(),
            "-p",
            &connection.port.to_string(),
            "work@127.0.0.1",
            "echo",
            "in",
        ]
        .map(str::to_owned);
        async move { run("ssh", &words.iter().map(String::as_str).collect::<Vec<_>>(), "").await }
    };
    assert!(!login(&own).await.status.success());

    let local = berth.local_keys();
    assert_eq!(local[0].private_path.as_deref(), Some(own_text));
    assert!(!local[0].too_open);
    let added = berth.add_key_to_session(&connection.session_id, &local[0].key.line).await.unwrap();
    assert!(!added.was_there);
    assert_eq!(said(&login(&own).await), "in\n");
    // The session's own key still opens it, and adding twice is no change.
    let container: PathBuf = connection.key.as_ref().unwrap().path.clone().into();
    assert_eq!(said(&login(&container).await), "in\n");
    assert!(berth.add_key_to_session(&connection.session_id, &local[0].key.line).await.unwrap().was_there);

    let private = fs::read_to_string(&own).unwrap();
    let refused = berth.add_key_to_session(&connection.session_id, &private).await.unwrap_err();
    assert_eq!(refused.code, "public-key-invalid");
    assert!(!refused.message.contains("AAAA") && !format!("{refused:?}").contains("b3BlbnNzaC"));
    berth.shut_down().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accounts_key_is_shown_renewed_and_replaced() {
    if missing("ssh-keygen") {
        return;
    }
    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let before = berth.own_keys().await.unwrap();
    let renewed = berth.renew_account_key().await.unwrap();
    assert_ne!(before.account, renewed.account);
    let own = home.join(".ssh/id_ed25519");
    let own_text = own.to_str().unwrap();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", own_text], "").await;
    let registered = berth.register_account_key(&own).await.unwrap();
    assert_eq!(registered.account.unwrap().fingerprint, registered.local[0].key.fingerprint);

    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "secret", "-f", &format!("{own_text}2")], "").await;
    let broken = home.join("broken");
    fs::write(&broken, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").unwrap();
    for file in [home.join(".ssh/id_ed255192"), home.join(".ssh/id_ed25519.pub"), broken] {
        let refused = berth.register_account_key(&file).await.unwrap_err();
        assert_eq!(refused.code, "key-file-unusable", "{}", file.display());
    }
    assert_eq!(berth.register_account_key(&home.join("none")).await.unwrap_err().code, "file-not-readable");
    berth.shut_down().await;
    bench.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_widened_key_is_noticed_and_mended() {
    use std::os::unix::fs::PermissionsExt as _;

    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let connection = connected(&berth).await;
    let to = home.join("id_container");
    berth.connections().save_key(&connection.id, &to, Overwrite::Refuse).unwrap();
    assert!(!berth.saved_keys()[0].too_open);
    fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
    let saved = berth.saved_keys().remove(0);
    assert!(saved.too_open);
    assert_eq!(saved.session, connection.session_name);
    berth.mend_key(&saved.path).unwrap();
    assert!(is_private(&to).unwrap());
    assert!(!berth.saved_keys()[0].too_open);

    let other = home.join("other");
    fs::write(&other, "not ours").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(berth.mend_key(other.to_str().unwrap()).is_err());
    assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o644);
    berth.shut_down().await;
    bench.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_editor_is_started_with_the_hosts_name() {
    use std::os::unix::fs::PermissionsExt as _;

    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let connection = connected(&berth).await;
    assert_eq!(
        berth.open_in("notepad", &connection.session_name, None).await.unwrap_err().code,
        "tool-unknown"
    );
    if !missing("cursor") {
        return;
    }
    let name = &connection.session_name;
    assert_eq!(berth.open_in("cursor", name, None).await.unwrap_err().code, "tool-missing");
    let program = home.join(".local/bin/cursor");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    let words = home.join("words");
    fs::write(
        &program,
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{0}.new'; mv '{0}.new' '{0}'\n", words.display()),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(berth.tools().iter().any(|tool| tool.id == "cursor" && tool.installed && tool.needs_host));
    assert_eq!(berth.open_in("cursor", name, None).await.unwrap_err().code, "ssh-hosts-missing");
    berth.install_ssh_hosts().unwrap();
    berth.open_in("cursor", name, None).await.unwrap();
    bench.until(|_| words.exists()).await;
    let host = berth.ssh_host(name).unwrap();
    assert_eq!(
        fs::read_to_string(&words).unwrap(),
        format!("--folder-uri\nvscode-remote://ssh-remote+{host}/home/work\n")
    );
    berth.shut_down().await;
    bench.stop().await;
}

/// A program that ends with the test, however that ends.
#[cfg(target_os = "linux")]
struct Running(std::process::Child);

#[cfg(target_os = "linux")]
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// FileZilla itself, on a display of its own: it must log in with the key of the site and list the home folder.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn filezilla_opens_the_site() {
    use sshkit::ppk::{PpkOptions, PpkVersion, to_ppk};
    use sshkit::tools::{Site, with_filezilla_site};

    if missing("filezilla") || missing("Xvfb") || missing("xdotool") {
        return;
    }
    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let connection = connected(&berth).await;
    let key = fs::read(&connection.key.as_ref().unwrap().path).unwrap();
    let options = PpkOptions { version: PpkVersion::V2, ..PpkOptions::default() };
    let ppk = home.join("김 & key.ppk");
    sshkit::private_file::write_private_file(
        &ppk,
        to_ppk(&key, &options).unwrap().as_bytes(),
        Overwrite::Refuse,
    )
    .unwrap();
    let site = Site {
        name: "train.seoul.berth".into(),
        host: connection.host.clone(),
        port: connection.port,
        user: "work".into(),
        key: Some(ppk),
        folder: "/home/work".into(),
    };
    let config = home.join(".config/filezilla");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("sitemanager.xml"), with_filezilla_site("", &site).unwrap()).unwrap();
    // No greeting, no search for updates.
    let settings = "<FileZilla3><Settings><Setting name=\"Greeting version\">99.0.0</Setting>\
                    <Setting name=\"Update Check\">0</Setting>\
                    <Setting name=\"Logging file\" platform=\"unix\">LOG</Setting></Settings></FileZilla3>";
    let settings = settings.replace("LOG", home.join("log").to_str().unwrap());
    fs::write(config.join("filezilla.xml"), settings).unwrap();

    let number = home.join("display");
    // Without -noreset it ends every client when the last one leaves, and xdotool may come and go before FileZilla comes.
    let screen = ["-displayfd", "1", "-screen", "0", "1100x750x24", "-nolisten", "tcp", "-noreset"];
    let mut display = Command::new("Xvfb");
    display.args(screen).stdout(fs::File::create(&number).unwrap()).stderr(Stdio::null());
    let display = Running(display.spawn().unwrap());
    bench.until(|_| fs::read_to_string(&number).unwrap().ends_with('\n')).await;
    let name = format!(":{}", fs::read_to_string(&number).unwrap().trim());
    let on_display = |program: &str| {
        let mut command = Command::new(program);
        command.env("DISPLAY", &name).env("HOME", &home).env_remove("XDG_CONFIG_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut filezilla = on_display("filezilla");
    let filezilla = filezilla.arg("--site=0/Berth/train.seoul.berth").current_dir(&home).spawn();
    let filezilla = Running(filezilla.unwrap());
    let log = home.join("log");
    let listed = || {
        fs::read_to_string(&log)
            .unwrap_or_default()
            .contains("Directory listing of \"/home/work\" successful")
    };
    bench
        .until(|_| {
            if !listed() {
                // The host key is new to it; Enter trusts it.
                let press = ["search", "--name", "Unknown host key", "windowfocus", "key", "Return"];
                let _ = on_display("xdotool").args(press).status();
            }
            listed()
        })
        .await;
    if let Some(picture) = std::env::var_os("BERTH_PICTURE") {
        // Of the listing, for the guide; nothing is asserted about it.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let _ = on_display("import").args(["-window", "root"]).arg(picture).status();
    }
    let traffic = berth.connections().get(&connection.id).unwrap().traffic;
    drop((filezilla, display));
    assert!(traffic.open >= 1, "it is not logged in: {traffic:?}");
    berth.shut_down().await;
    bench.stop().await;
}
