//! Sessions as hosts of ssh: what is written, and what is brought when one is dialled.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use berth::{AccessMode, Berth, Options, Paths, SecretsChoice};
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
    berth.set_unattended();
    berth.sign_in(bench.request(AccessMode::Session, false)).await.unwrap();
    (berth, home)
}

#[tokio::test]
async fn sessions_become_hosts_and_stop_being_hosts() {
    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    let config = home.join(".ssh/config");
    fs::write(&config, "Host a\n  User x").unwrap();
    let before = berth.ssh_hosts();
    assert!(!before.installed && before.problem.is_none());
    assert_eq!(before.preview.unwrap().below, ["Host a", "  User x"]);

    berth.list_sessions(berth::terminal::Scope::Live).await.unwrap();
    let hosts = berth.install_ssh_hosts().unwrap();
    assert!(hosts.installed);
    assert!(hosts.hosts.iter().any(|host| host.ends_with(".127-0-0-1.berth")), "{:?}", hosts.hosts);
    assert_eq!(fs::read_to_string(&config).unwrap(), "Include berth_config\nHost a\n  User x");
    let text = fs::read_to_string(home.join(".ssh/berth_config")).unwrap();
    assert_eq!(text, berth.ssh_hosts_text().unwrap());
    assert!(text.contains("    ProxyCommand /opt/berth/berth proxy --stdio '%h'\n"), "{text}");
    assert!(text.contains(&format!("Host {}\n", hosts.hosts[0])), "{text}");

    assert!(!berth.uninstall_ssh_hosts().unwrap().installed);
    assert_eq!(fs::read_to_string(&config).unwrap(), "Host a\n  User x");
    assert_eq!(fs::read_dir(home.join(".ssh")).unwrap().count(), 1);
    berth.shut_down().await;
    bench.stop().await;
}

#[tokio::test]
async fn a_dialled_host_gets_its_key_and_its_host_key_a_fresh_start() {
    let bench = Bench::new().await;
    let (berth, _) = with_home(&bench).await;
    let all = berth.list_sessions(berth::terminal::Scope::Live).await.unwrap();
    let session = all.iter().find(|s| s.status == "RUNNING").unwrap();
    let host = berth.ssh_host(&session.name).unwrap();
    let ready = berth.ready_host(&host.to_uppercase()).await.unwrap();
    assert_eq!((ready.session.id.as_str(), ready.key_problem), (session.id.as_str(), None));
    let folder = bench.home.path().join("data2/hosts").join(&host);
    let key = folder.join("id_container");
    assert!(is_private(&key).unwrap());
    assert!(sshkit::key::inspect(&fs::read(&key).unwrap()).is_ok());

    // What ssh pins stays as long as the session, and goes with it.
    let known_hosts = bench.home.path().join("data2/known_hosts");
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    fs::write(&known_hosts, format!("{host} {line}\nother.demo.berth {line}\n")).unwrap();
    berth.ready_host(&host).await.unwrap();
    assert!(fs::read_to_string(&known_hosts).unwrap().contains(&host));
    fs::write(folder.join("session.json"), r#"{"sessionId": "another"}"#).unwrap();
    fs::write(&key, "old").unwrap();
    berth.ready_host(&host).await.unwrap();
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), format!("other.demo.berth {line}\n"));
    assert_ne!(fs::read_to_string(&key).unwrap(), "old");
    // For an ssh that has read the old one already.
    let new = folder.join("id_container.new");
    assert_eq!(fs::read(&key).unwrap(), fs::read(&new).unwrap());
    assert!(is_private(&new).unwrap());

    // With the session both are gone.
    fs::write(&known_hosts, format!("{host} {line}\nother.demo.berth {line}\n")).unwrap();
    bench.cluster.control().terminate_session(&session.name).unwrap();
    while berth.list_sessions(berth::terminal::Scope::Live).await.unwrap().iter().any(|s| s.id == session.id)
    {
    }
    assert!(!folder.exists());
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), format!("other.demo.berth {line}\n"));
    berth.shut_down().await;
    bench.stop().await;
}

#[tokio::test]
async fn what_is_no_host_is_told() {
    let bench = Bench::new().await;
    let (berth, _) = with_home(&bench).await;
    let host = berth.ssh_host("no-such-session").unwrap();
    for (host, code) in [
        (host.as_str(), "session-not-found"),
        ("train.elsewhere.berth", "host-unknown"),
        ("train.demo.berth", "demo-not-running"),
        ("train", "host-unknown"),
        ("..%2f.127-0-0-1.berth", "session-not-found"),
    ] {
        assert_eq!(berth.ready_host(host).await.unwrap_err().code, code, "{host}");
    }
    berth.shut_down().await;
    bench.stop().await;
}

#[tokio::test]
async fn a_config_of_another_program_is_explained() {
    let bench = Bench::new().await;
    let (berth, home) = with_home(&bench).await;
    fs::write(home.join(".ssh/config"), "# Ansible managed\n").unwrap();
    let hosts = berth.ssh_hosts();
    assert!(hosts.preview.is_none());
    let problem = hosts.problem.unwrap();
    assert_eq!(problem.code, "ssh-config-managed");
    assert!(problem.hint.contains("Include berth_config"));
    assert_eq!(berth.install_ssh_hosts().unwrap_err().code, "ssh-config-managed");
    assert_eq!(fs::read_to_string(home.join(".ssh/config")).unwrap(), "# Ansible managed\n");
    berth.shut_down().await;
    bench.stop().await;
}
