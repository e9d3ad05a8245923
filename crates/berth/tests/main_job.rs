//! The main job without a window: sign in, find a session, open its SSH port, and be inside with stock `ssh`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by it"
)]

mod support;

use std::process::Stdio;

use berth::{AccessMode, ConnectionState, Event, Overwrite, PortReason, SSHD, Settings, SignInOutcome};
use demo_cluster::{Dialect, Fault};
use support::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn ssh_gets_in_on_every_server_line_in_both_modes() {
    for dialect in Dialect::all() {
        for mode in [AccessMode::Session, AccessMode::Api] {
            let bench = Bench::with(dialect).await;
            bench.sign_in(mode).await;
            let session = bench.running(0).await;
            let connection = bench
                .berth
                .connect(&session.id, SSHD)
                .await
                .unwrap_or_else(|e| panic!("{dialect:?} {mode:?}: {e:?}"));
            assert_eq!(connection.state, ConnectionState::Listening);
            let output =
                support::shell(&format!("{} 'echo inside as $USER; exit 7'", connection.commands[0].line))
                    .await;
            assert_eq!(output.stdout, "inside as work\n", "{dialect:?} {mode:?}: {}", output.stderr);
            assert_eq!(output.status, 7, "the exit status of the remote command arrives");
            bench.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_saved_key_is_the_sessions_and_private() {
    let bench = Bench::signed_in().await;
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    let folder = bench.home.path().join("with space and 'quote'");
    std::fs::create_dir(&folder).unwrap();
    let to = folder.join("id_container");
    let saved = bench.berth.connections().save_key(&connection.id, &to, Overwrite::Refuse).unwrap();
    let expected = bench.cluster.sessions().into_iter().find(|s| s.id == session.id).unwrap().key.unwrap();
    assert_eq!(std::fs::read_to_string(&to).unwrap().trim(), expected.trim());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    let output = support::shell(&format!("{} pwd", saved.ssh_command)).await;
    assert_eq!(output.status, 0, "{}", output.stderr);

    let refused = bench.berth.connections().save_key(&connection.id, &to, Overwrite::Refuse).unwrap_err();
    assert_eq!(refused.code, "file-exists");
    let nowhere = bench.home.path().join("missing").join("id_container");
    let refused =
        bench.berth.connections().save_key(&connection.id, &nowhere, Overwrite::Refuse).unwrap_err();
    assert_eq!(refused.code, "no-such-folder");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preferred_port_goes_to_the_first_session_and_the_second_says_who_has_it() {
    let bench = Bench::signed_in().await;
    let free = support::free_port().await;
    bench
        .berth
        .update_settings(Settings { preferred_ssh_port: Some(free), ..bench.berth.settings() })
        .unwrap();
    let (one, two) = (bench.running(0).await, bench.running(1).await);
    let first = bench.berth.connect(&one.id, SSHD).await.unwrap();
    assert_eq!((first.port, &first.port_reason), (free, &PortReason::Preferred));
    let second = bench.berth.connect(&two.id, SSHD).await.unwrap();
    assert_ne!(second.port, free);
    assert!((10000..=65000).contains(&second.port));
    match second.port_reason {
        PortReason::Random { preferred_refused: Some(refusal) } => {
            assert_eq!(refusal.port, free);
            assert_eq!(refusal.held_by.as_deref(), Some(one.name.as_str()));
        }
        other => panic!("{other:?}"),
    }
    let again = bench.berth.connect(&one.id, SSHD).await.unwrap();
    assert_eq!(again.id, first.id, "a second click gives the tunnel that is there");

    bench.berth.connections().stop(&second.id).await;
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", second.port)).await.is_err(), "the port is closed");
    let reopened = bench.berth.connect(&two.id, SSHD).await.unwrap();
    assert_eq!(reopened.port, second.port, "a session gets the port it had");
    assert!(matches!(reopened.port_reason, PortReason::LastTime { preferred_refused: Some(_) }));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_refused_before_a_port_is_announced() {
    let bench = Bench::signed_in().await;
    let list = bench.berth.refresh_sessions().await.unwrap();
    for status in ["PENDING", "TERMINATED"] {
        let session = list.sessions.iter().find(|s| s.status == status).unwrap();
        let error = bench.berth.connect(&session.id, SSHD).await.unwrap_err();
        assert!(
            matches!(error.code.as_str(), "session-not-running" | "session-ended" | "session-not-found"),
            "{status}: {error:?}"
        );
    }
    let account = bench.cluster.account().email;
    let foreign =
        bench.cluster.sessions().into_iter().find(|s| s.owner != account && s.status == "RUNNING").unwrap();
    assert_eq!(bench.berth.connect(&foreign.id, SSHD).await.unwrap_err().code, "session-not-found");
    let unknown = "00000000-0000-4000-8000-000000000000";
    assert_eq!(bench.berth.connect(unknown, SSHD).await.unwrap_err().code, "session-not-found");
    let session = bench.running(0).await;
    let error = bench.berth.connect(&session.id, "nosuch").await.unwrap_err();
    assert_eq!(error.code, "app-not-offered");
    assert!(error.hint.contains(SSHD), "it says what is offered: {}", error.hint);
    assert!(bench.berth.connections().all().is_empty());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_id_container_opens_all_the_same_and_says_so() {
    let bench = Bench::signed_in().await;
    let session = bench.running(0).await;
    bench.cluster.control().remove_id_container(&session.name).unwrap();
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    assert_eq!(connection.key, None);
    assert_eq!(connection.key_problem.unwrap().code, "key-missing");
    assert!(!connection.commands[0].line.contains(" -i "), "no key is promised");
    let to = bench.home.path().join("id_container");
    let error = bench.berth.connections().save_key(&connection.id, &to, Overwrite::Replace).unwrap_err();
    assert_eq!(error.code, "key-missing");
    assert!(!to.exists());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_login_is_asked_for_once_and_the_waiting_ssh_goes_on() {
    let bench = Bench::signed_in().await;
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    let mut events = bench.berth.events();
    bench.cluster.control().expire_logins();

    let line = format!("{} echo went on", connection.commands[0].line);
    let ssh = tokio::spawn(async move { support::shell(&line).await });
    support::wait_for(&mut events, |e| matches!(e, Event::SignInNeeded { .. })).await;
    assert_eq!(bench.berth.connections().get(&connection.id).unwrap().state, ConnectionState::SignInNeeded);
    bench.sign_in(AccessMode::Session).await;
    let output = ssh.await.unwrap();
    assert_eq!(output.stdout, "went on\n", "{}", output.stderr);
    assert_eq!(bench.berth.connections().get(&connection.id).unwrap().port, connection.port);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_login_is_renewed_without_a_word() {
    let bench = Bench::new().await;
    let request = bench.request(AccessMode::Session, true);
    assert!(matches!(bench.berth.sign_in(request).await.unwrap(), SignInOutcome::SignedIn { .. }));
    let session = bench.running(0).await;
    bench.cluster.control().expire_logins();
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    bench.cluster.control().expire_logins();
    let output = support::shell(&format!("{} true", connection.commands[0].line)).await;
    assert_eq!(output.status, 0, "{}", output.stderr);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_changed_by_another_host_renews_the_login_here() {
    let bench = Bench::new().await;
    bench.berth.sign_in(bench.request(AccessMode::Session, true)).await.unwrap();
    let session = bench.running(0).await;
    let other = support::start(&bench.home.path().join("data"));
    other.sign_in(bench.request(AccessMode::Session, true)).await.unwrap();
    other.change_password(&bench.cluster.account().password, "winter 2026").await.unwrap();
    bench.cluster.control().expire_logins();
    // Both have the new one now: this one from the place that both remember in.
    bench.berth.connect(&session.id, SSHD).await.unwrap();
    bench.cluster.control().expire_logins();
    other.refresh_sessions().await.unwrap();
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_ends_its_ssh_and_says_why() {
    let bench = Bench::signed_in().await;
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    let mut events = bench.berth.events();
    let mut ssh = support::spawn(&format!("{} 'echo ready; sleep 600'", connection.commands[0].line));
    support::first_line(&mut ssh).await;
    bench.cluster.control().terminate_session(&session.name).unwrap();
    support::wait_for(&mut events, |e| {
        matches!(e, Event::ConnectionChanged { connection } if connection.state == ConnectionState::SessionEnded)
    })
    .await;
    let status = ssh.wait().await.unwrap();
    assert!(!status.success(), "ssh ended");
    let seen = bench.berth.connections().get(&connection.id).unwrap();
    assert_eq!(seen.incident.unwrap().error.code, "session-ended");
    assert_eq!(seen.traffic.open, 0);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_every_tunnel_and_forgets_the_secret() {
    let bench = Bench::new().await;
    bench.berth.sign_in(bench.request(AccessMode::Session, true)).await.unwrap();
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    let mut ssh = support::spawn(&format!("{} 'echo ready; sleep 600'", connection.commands[0].line));
    support::first_line(&mut ssh).await;
    bench.berth.sign_out().await;
    assert!(!ssh.wait().await.unwrap().success());
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", connection.port)).await.is_err());
    assert!(bench.berth.connections().all().is_empty());
    assert_eq!(bench.berth.account(), None);
    let again = bench.restart().await;
    again.berth.restore().await;
    assert_eq!(again.berth.account(), None, "nothing was left to sign in with");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_restores_the_login_but_no_tunnel() {
    let bench = Bench::new().await;
    bench.berth.sign_in(bench.request(AccessMode::Session, true)).await.unwrap();
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    bench.berth.shut_down().await;
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", connection.port)).await.is_err());
    let again = bench.restart().await;
    again.berth.restore().await;
    assert!(again.berth.account().is_some());
    assert!(again.berth.connections().all().is_empty());
    assert_eq!(again.berth.connect(&session.id, SSHD).await.unwrap().port, connection.port);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_secret_is_gone_is_no_longer_waited_for() {
    let bench = Bench::new().await;
    bench.berth.sign_in(bench.request(AccessMode::Session, true)).await.unwrap();
    std::fs::remove_file(bench.data().join("secrets.json")).unwrap();
    let again = bench.restart().await;
    again.berth.expect_restore();
    assert!(again.berth.startup().await.restoring);
    let mut events = again.berth.events();
    again.berth.restore().await;
    assert!(!again.berth.startup().await.restoring);
    assert!(matches!(events.recv().await.unwrap(), Event::SignedOut { error: None, .. }));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_sign_ins_have_codes_and_leave_nothing_behind() {
    let bench = Bench::new().await;
    let wrong = berth::SignInRequest { secret: "wrong".into(), ..bench.request(AccessMode::Session, true) };
    assert_eq!(bench.berth.sign_in(wrong).await.unwrap_err().code, "wrong-credentials");
    let wrong = berth::SignInRequest { secret: "wrong".into(), ..bench.request(AccessMode::Api, true) };
    assert_eq!(bench.berth.sign_in(wrong).await.unwrap_err().code, "wrong-credentials");
    let swapped = berth::SignInRequest { mode: AccessMode::Api, ..bench.request(AccessMode::Session, true) };
    assert_eq!(bench.berth.sign_in(swapped).await.unwrap_err().code, "wrong-mode");
    for (address, code) in
        [("http://127.0.0.1:1", "unreachable"), ("ftp://x", "address-invalid"), ("", "address-invalid")]
    {
        let request =
            berth::SignInRequest { address: address.into(), ..bench.request(AccessMode::Session, true) };
        assert_eq!(bench.berth.sign_in(request).await.unwrap_err().code, code, "{address}");
    }
    assert!(bench.berth.startup().await.profiles.is_empty());
    assert_eq!(bench.berth.account(), None);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_talks_nonsense_makes_the_list_stale_and_nothing_else() {
    let bench = Bench::signed_in().await;
    let before = bench.berth.refresh_sessions().await.unwrap();
    bench.cluster.control().fail("/admin/gql", Fault::GarbageJson);
    let error = bench.berth.refresh_sessions().await.unwrap_err();
    assert_eq!(error.code, "bad-answer");
    assert_eq!(bench.berth.sessions().unwrap().sessions.len(), before.sessions.len(), "the old list stays");
    bench.cluster.control().clear_faults();
    assert_eq!(bench.berth.refresh_sessions().await.unwrap().stale, None);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_upstream_is_open_while_no_local_program_is() {
    let bench = Bench::signed_in().await;
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    bench.until(|b| b.cluster.control().open_streams() == 0).await;
    let mut ssh = support::spawn(&format!("{} 'echo ready; cat'", connection.commands[0].line));
    support::first_line(&mut ssh).await;
    assert_eq!(bench.cluster.control().open_streams(), 1);
    let seen = bench.berth.connections().get(&connection.id).unwrap();
    assert_eq!((seen.traffic.open, seen.traffic.total), (1, 1));
    assert!(seen.traffic.busy_since.is_some(), "it says since when the session is kept awake");
    drop(ssh.stdin.take());
    assert!(ssh.wait().await.unwrap().success());
    bench.until(|b| b.cluster.control().open_streams() == 0).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_reach_neither_the_log_nor_any_readable_file() {
    let bench = Bench::new().await;
    let request = bench.request(AccessMode::Session, true);
    let secret = request.secret.clone();
    assert!(!format!("{request:?}").contains(&secret));
    bench.berth.sign_in(request).await.unwrap();
    let session = bench.running(0).await;
    bench.berth.connect(&session.id, SSHD).await.unwrap();
    support::assert_nobody_else_can_read(bench.data().as_path());
    let ps = tokio::process::Command::new("ps")
        .args(["-eo", "args"])
        .stdout(Stdio::piped())
        .output()
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&ps.stdout).contains(&secret));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_demo_outlives_its_tunnel() {
    let bench = Bench::new().await;
    let account = bench.cluster.account();
    let access = berth::DemoAccess {
        url: bench.cluster.webserver_url(),
        email: account.email,
        password: account.password,
    };
    bench.berth.sign_in_demo(&access).await.unwrap();
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    let key = std::path::PathBuf::from(connection.key.unwrap().path);
    let output = support::shell(&format!("{} true", connection.commands[0].line)).await;
    assert_eq!(output.status, 0, "{}", output.stderr);
    let known_hosts = bench.data().join("known_hosts");
    assert!(key.exists() && !std::fs::read(&known_hosts).unwrap().is_empty());
    bench.berth.shut_down().await;
    assert!(!key.exists(), "its key");
    assert_eq!(std::fs::read_to_string(&known_hosts).unwrap(), "", "its host key");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_ssh_survives_the_sweeps_of_the_webservers_pool() {
    let bench = Bench::signed_in().await;
    let session = bench.running(0).await;
    let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
    let mut ssh = support::spawn(&format!("{} cat", connection.commands[0].line));
    assert_eq!(echoed(&mut ssh, "before\n").await, "before\n");
    let control = bench.cluster.control();
    control.sweep_webserver_pool();
    bench.until(|_| control.is_webserver_pool_fresh()).await;
    control.sweep_webserver_pool();
    assert_eq!(echoed(&mut ssh, "after\n").await, "after\n");
    drop(ssh);
    bench.stop().await;
}

/// What a running `cat` makes of a line.
async fn echoed(cat: &mut tokio::process::Child, line: &str) -> String {
    use tokio::io::AsyncWriteExt;
    cat.stdin.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
    support::first_line(cat).await
}

/// The port stays open over the restart, and so does the user's command line.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_session_is_let_in_through_the_port_that_was_open() {
    for mode in [AccessMode::Session, AccessMode::Api] {
        let bench = Bench::with(Dialect::V25).await;
        bench.sign_in(mode).await;
        let session = bench.running(0).await;
        let connection = bench.berth.connect(&session.id, SSHD).await.unwrap();
        let mut events = bench.berth.events();
        let line = format!("{} 'echo in'", connection.commands[0].line);
        let first = support::shell(&line).await;
        assert_eq!((first.stdout.as_str(), first.status), ("in\n", 0), "{}", first.stderr);
        bench.cluster.control().restart_session(&session.name).unwrap();
        let second = support::shell(&line).await;
        assert_eq!((second.stdout.as_str(), second.status), ("in\n", 0), "{}", second.stderr);
        let mut told = Vec::new();
        while let Ok(event) = events.try_recv() {
            if let Event::HostKeyRenewed { session_id, session_name } = event {
                told.push((session_id, session_name));
            }
        }
        assert_eq!(told, [(session.id.clone(), session.name.clone())]);
        bench.cluster.control().replace_host_key(&session.name).unwrap();
        let third = support::shell(&line).await;
        assert_eq!(third.status, 255, "{}", third.stderr);
        assert!(third.stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "{}", third.stderr);
        bench.stop().await;
    }
}
