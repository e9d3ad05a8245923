//! The main job against a real cluster: `cargo xtask test-real --endpoint URL --user NAME --session NAME`.
//!
//! Not part of the ordinary run: it needs an account. It only reads, opens ports and copies files inside
//! a folder of its own in the named session, which it removes again.
//! Environment: `BERTH_REAL_ENDPOINT`, `BERTH_REAL_USER`, `BERTH_REAL_SECRET`, `BERTH_REAL_SESSION`
//! (default: the first running one), `BERTH_REAL_FOREIGN` (UUID of somebody else's session),
//! `BERTH_REAL_FOREIGN_USER` and `BERTH_REAL_FOREIGN_SECRET` (somebody else's account, to find that UUID with),
//! `BERTH_REAL_IMAGE` (make and end a session of this image), `BERTH_REAL_RESTART` and `BERTH_REAL_RESTART_WEBSERVER`
//! (shell commands that restart a server of the cluster), `BERTH_REAL_IDLE_MINUTES` (how long the idle ssh is left alone; default 1).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by it"
)]

mod support;

use berth::terminal::CreateSession;
use berth::{
    AccessMode, Berth, ConnectionState, Options, Overwrite, Paths, SSHD, SecretsChoice, SignInRequest,
    TlsChoice,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// Far longer than anything takes that does not hang.
const HANG: Duration = Duration::from_secs(60);

struct Real {
    berth: Arc<Berth>,
    home: tempfile::TempDir,
    session: berth::Session,
}

fn wanted(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// Runs a copy. The dropbear of 26.9 now and then sends more than ssh's window, with and without Berth in between
/// (docs/compatibility.md), so that failure may come, and is tried again.
async fn copied(line: &str) {
    const OVERRUN: [&str; 2] = ["rcvd too much data", "Received message too long"];
    for tries in 1.. {
        let done = support::shell(line).await;
        if done.status == 0 {
            if tries > 1 {
                println!("the server overran the window {} times: {line:.60}…", tries - 1);
            }
            return;
        }
        let overrun = OVERRUN.iter().any(|words| done.stderr.contains(words));
        assert!(overrun && tries < 20, "{line}: {}", done.stderr);
    }
}

/// A session of another account, ended ones too; none if it has none.
async fn any_session_of(user: &str, secret: &str) -> Option<String> {
    let (berth, _home) = sign_in(user, secret).await;
    let id = berth.refresh_sessions().await.unwrap().sessions.into_iter().next().map(|session| session.id);
    if id.is_none() {
        println!("{user} has no session to try to reach");
    }
    berth.shut_down().await;
    id
}

async fn signed_in() -> Real {
    let (user, secret) = (wanted("BERTH_REAL_USER"), wanted("BERTH_REAL_SECRET"));
    signed_in_as(
        &user.expect("BERTH_REAL_USER"),
        &secret.expect("BERTH_REAL_SECRET"),
        wanted("BERTH_REAL_SESSION"),
    )
    .await
}

async fn signed_in_as(user: &str, secret: &str, name: Option<String>) -> Real {
    let (berth, home) = sign_in(user, secret).await;
    let list = berth.refresh_sessions().await.unwrap();
    let session = list
        .sessions
        .into_iter()
        .find(|s| s.status == "RUNNING" && name.as_ref().is_none_or(|n| *n == s.name))
        .expect("a running session");
    Real { berth, home, session }
}

async fn sign_in(user: &str, secret: &str) -> (Arc<Berth>, tempfile::TempDir) {
    let address = wanted("BERTH_REAL_ENDPOINT").expect("BERTH_REAL_ENDPOINT");
    let home = tempfile::tempdir().unwrap();
    let berth = Berth::start(Options {
        paths: Paths::at(home.path().join("data")).unwrap(),
        secrets: SecretsChoice::Memory,
        demo_available: false,
        build: "test".into(),
    })
    .unwrap();
    let server = berth.probe_server(&address, &TlsChoice::default()).await.unwrap();
    println!(
        "{} {:?} manager {} API {}",
        server.address, server.mode, server.manager_version, server.api_version
    );
    let request = SignInRequest {
        address,
        mode: server.mode,
        user: user.into(),
        secret: secret.into(),
        otp: None,
        force: false,
        remember: true,
        tls: TlsChoice::default(),
    };
    berth.sign_in(request).await.unwrap();
    (berth, home)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster"]
async fn shell_and_files_go_through() {
    let real = signed_in().await;
    let connection = real.berth.connect(&real.session.id, SSHD).await.unwrap();
    assert_eq!(connection.state, ConnectionState::Listening);
    println!("{}: {:?} key {:?}", real.session.name, connection.port_reason, connection.key);
    let ssh = &connection.commands[0].line;
    let output = support::shell(&format!("{ssh} 'id -un; exit 7'")).await;
    assert_eq!((output.stdout.as_str(), output.status), ("work\n", 7), "{}", output.stderr);

    let key = real.home.path().join("id_container");
    real.berth.connections().save_key(&connection.id, &key, Overwrite::Refuse).unwrap();

    // 24 MiB each way by each program, compared by checksum.
    let up = real.home.path().join("up.bin");
    let made =
        support::shell(&format!("head -c 25165824 /dev/urandom > {0} && sha256sum < {0}", up.display()))
            .await;
    let sum = made.stdout.trim().to_owned();
    let folder = format!("berth-test-{}", connection.port);
    let options =
        ssh.strip_prefix("ssh ").unwrap().replace(&format!("-p {} work@127.0.0.1", connection.port), "");
    let inside = |command: String| format!("{ssh} '{command}'");
    assert_eq!(support::shell(&inside(format!("mkdir -p {folder}"))).await.status, 0);

    let port = connection.port;
    let here = real.home.path().display();
    let put = format!(
        "printf 'put {here}/up.bin {folder}/s.bin\\nget {folder}/s.bin {here}/s.bin\\n' | sftp {options} -P {port} -b - work@127.0.0.1"
    );
    copied(&put).await;
    copied(&format!("scp {options} -P {port} {here}/up.bin work@127.0.0.1:{folder}/c.bin && scp {options} -P {port} work@127.0.0.1:{folder}/c.bin {here}/c.bin")).await;
    let done = support::shell(
        &inside(format!("cat > {folder}/p.bin")).replace("ssh ", &format!("cat {here}/up.bin | ssh ")),
    )
    .await;
    assert_eq!(done.status, 0, "ssh < file: {}", done.stderr);
    let sums = support::shell(&inside(format!("sha256sum {folder}/*.bin | cut -c1-64 | sort -u"))).await;
    assert_eq!(sums.stdout.trim(), &sum[..64], "every copy inside equals");
    let sums = support::shell(&format!("sha256sum {here}/s.bin {here}/c.bin | cut -c1-64 | sort -u")).await;
    assert_eq!(sums.stdout.trim(), &sum[..64], "every copy back equals");

    if support::shell(&inside("command -v rsync".into())).await.status == 0 {
        copied(&format!("rsync -a -e 'ssh {options} -p {port}' {here}/up.bin work@127.0.0.1:{folder}/r.bin"))
            .await;
    } else {
        println!("this image has no rsync");
    }

    let local = support::free_port().await;
    let forward = format!("-f -o ExitOnForwardFailure=yes -L {local}:127.0.0.1:2200 -p");
    let line = ssh.replacen("-p", &forward, 1);
    let done = support::shell(
        &format!(
            "{line} sleep 10 >/dev/null 2>&1 </dev/null; exec 3<>/dev/tcp/127.0.0.1/{local}; head -c 4 <&3"
        )
        .replace("exec 3", "bash -c 'exec 3")
        .replace("<&3", "<&3'"),
    )
    .await;
    println!("forwarding to the session's own port 2200 said {:?}", done.stdout);

    // A burst, as VS Code and parallel scp make it: nobody is turned away.
    let many = format!("for i in $(seq 20); do {ssh} 'echo in' & done; wait");
    let done = support::shell(&many).await;
    assert_eq!(done.stdout.matches("in\n").count(), 20, "{}", done.stderr);

    let flooded = support::shell(&inside("yes | head -n 200000 | wc -l".into())).await;
    assert_eq!(flooded.stdout.trim(), "200000");
    // Not `yes | head` here: dropbear does not hear that ssh reads no more, also without Berth
    // (docs/compatibility.md).
    assert_eq!(support::shell(&inside(format!("rm -r {folder}"))).await.status, 0);
    real.berth.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster"]
async fn what_is_not_there_is_told_apart() {
    let real = signed_in().await;
    let error = real.berth.connect(&real.session.id, "nosuch").await.unwrap_err();
    assert_eq!(error.code, "app-not-offered", "{error:?}");
    let unknown = "00000000-0000-4000-8000-000000000000";
    assert_eq!(real.berth.connect(unknown, SSHD).await.unwrap_err().code, "session-not-found");
    let foreign = match (wanted("BERTH_REAL_FOREIGN_USER"), wanted("BERTH_REAL_FOREIGN_SECRET")) {
        (Some(user), Some(secret)) => any_session_of(&user, &secret).await,
        _ => wanted("BERTH_REAL_FOREIGN"),
    };
    if let Some(foreign) = foreign {
        assert_eq!(real.berth.connect(&foreign, SSHD).await.unwrap_err().code, "session-not-found");
    }
    let account = real.berth.account().unwrap();
    if account.server.mode == AccessMode::Api {
        let wrong = SignInRequest {
            address: account.server.address,
            mode: AccessMode::Api,
            user: account.user,
            secret: "wrong-wrong-wrong-wrong-wrong-wrong-wron".into(),
            otp: None,
            force: false,
            remember: false,
            tls: TlsChoice::default(),
        };
        assert_eq!(real.berth.sign_in(wrong).await.unwrap_err().code, "wrong-credentials");
    }
    real.berth.shut_down().await;
}

/// An ssh that nobody types into, as a long training log or a VS Code window of a night is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster"]
async fn an_idle_ssh_stays_alive() {
    let minutes: u64 = wanted("BERTH_REAL_IDLE_MINUTES").map_or(1, |m| m.parse().expect("minutes"));
    let real = signed_in().await;
    let connection = real.berth.connect(&real.session.id, SSHD).await.unwrap();
    let line = &connection.commands[0].line;
    let started = std::time::Instant::now();
    let typed = format!("(sleep {}; echo still-there) | {line} 'read word; echo $word'", minutes * 60);
    let child = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(&typed)
        .kill_on_drop(true)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = tokio::time::timeout(Duration::from_secs(minutes * 60 + 60), child.wait_with_output())
        .await
        .expect("it hangs")
        .unwrap();
    let traffic = real.berth.connections().get(&connection.id).unwrap().traffic;
    println!("after {} s: {:?}, {traffic:?}", started.elapsed().as_secs(), output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "still-there\n");
    real.berth.shut_down().await;
}

/// Ends a session under an open ssh. Makes that session itself, and only when an image for it is named.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster"]
async fn the_end_of_a_session_ends_its_ssh_and_says_so() {
    let Some(image) = wanted("BERTH_REAL_IMAGE") else {
        println!("left out: no --create IMAGE");
        return;
    };
    let mut real = signed_in().await;
    real.session = real.make_session(&image).await;
    let connection = real.berth.connect(&real.session.id, SSHD).await.unwrap();
    let mut child = real.talk(&connection).await;
    real.berth.destroy_session(&real.session, false, false, None).await.unwrap();
    let status = tokio::time::timeout(HANG, child.wait()).await.expect("ssh hangs").unwrap();
    assert!(!status.success(), "{status}");
    real.seen("the dialog tells why", |c| c.state == ConnectionState::SessionEnded, &connection.id).await;
    let shown = real.berth.connections().get(&connection.id).unwrap();
    println!("{:?}", shown.incident);
    assert_eq!(shown.incident.unwrap().error.code, "session-ended");
    assert!(std::net::TcpStream::connect(("127.0.0.1", connection.port)).is_err(), "its port is closed");
    real.berth.shut_down().await;
}

/// Restarts a server of the cluster under an open ssh, where the caller says how (`BERTH_REAL_RESTART`, a shell
/// command; `BERTH_REAL_RESTART_WEBSERVER` likewise): the ssh ends, the reason is told, the next one works.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real cluster"]
async fn a_restarted_server_costs_the_open_ssh_and_nothing_else() {
    let mut any = false;
    for name in ["BERTH_REAL_RESTART", "BERTH_REAL_RESTART_WEBSERVER"] {
        let Some(restart) = wanted(name) else { continue };
        any = true;
        let real = signed_in().await;
        let connection = real.berth.connect(&real.session.id, SSHD).await.unwrap();
        let mut child = real.talk(&connection).await;
        let restarting = support::shell(&restart);
        let ended = tokio::time::timeout(HANG * 2, child.wait());
        let (restarted, ended) = tokio::join!(restarting, ended);
        assert_eq!(restarted.status, 0, "{}", restarted.stderr);
        assert!(!ended.expect("ssh hangs").unwrap().success());
        let shown = real.berth.connections().get(&connection.id).unwrap();
        println!("{name}: {:?}", shown.incident.as_ref().map(|i| (&i.error.code, &i.error.message)));
        assert_eq!(shown.state, ConnectionState::Listening, "the port stays open");
        let again = format!("{} 'echo again'", connection.commands[0].line);
        let mut tries = 0;
        while support::shell(&again).await.stdout != "again\n" {
            tries += 1;
            assert!(tries < 60, "the next ssh never works again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        println!("{name}: the next ssh worked after {tries} that did not");
        real.berth.shut_down().await;
    }
    if !any {
        println!("left out: nobody said how to restart a server");
    }
}

impl Real {
    async fn make_session(&self, image: &str) -> berth::Session {
        let made = self
            .berth
            .create_session(&CreateSession {
                name: format!("berth-test-{}", std::process::id()),
                image: image.to_owned(),
                architecture: "x86_64".into(),
                session_type: "interactive".into(),
                domain: "default".into(),
                project: "default".into(),
                cluster_size: 1,
                cluster_mode: "single-node".into(),
                enqueue_only: true,
                resources: vec![("cpu".into(), "1".into()), ("mem".into(), "512m".into())],
                ..CreateSession::default()
            })
            .await
            .unwrap();
        let running = async {
            loop {
                let session = self.berth.session_now(&made.id).await.unwrap();
                if session.status == "RUNNING" {
                    return session;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::time::timeout(HANG * 3, running).await.expect("the session does not start")
    }

    /// An ssh that has said some words, as a shell does, and then is silent for ever.
    async fn talk(&self, connection: &berth::Connection) -> Child {
        let mut child = tokio::process::Command::new("sh")
            .arg("-c")
            .arg(format!(
                "exec {} 'for word in 1 2 3; do echo in; sleep 0.3; done; exec sleep 3600'",
                connection.commands[0].line
            ))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..3 {
            assert_eq!(stdout.next_line().await.unwrap().as_deref(), Some("in"));
        }
        child
    }

    async fn seen(&self, what: &str, holds: impl Fn(&berth::Connection) -> bool, id: &str) {
        let mut events = self.berth.events();
        let seen = async {
            while !self.berth.connections().get(id).is_some_and(|c| holds(&c)) {
                events.recv().await.ok();
            }
        };
        tokio::time::timeout(HANG, seen).await.unwrap_or_else(|_| panic!("never: {what}"));
    }
}
