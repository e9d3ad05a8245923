//! The main job against a real cluster: `cargo xtask test-real --endpoint URL --user NAME --session NAME`.
//!
//! Not part of the ordinary run: it needs an account. It only reads, opens ports and copies files inside
//! a folder of its own in the named session, which it removes again.
//! Environment: `BERTH_REAL_ENDPOINT`, `BERTH_REAL_USER`, `BERTH_REAL_SECRET`, `BERTH_REAL_SESSION`
//! (default: the first running one), `BERTH_REAL_FOREIGN` (UUID of somebody else's session),
//! `BERTH_REAL_IDLE_MINUTES` (how long the idle ssh is left alone; default 1).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by it"
)]

mod support;

use berth::{
    AccessMode, Berth, ConnectionState, Options, Overwrite, Paths, SSHD, SecretsChoice, SignInRequest,
    TlsChoice,
};
use std::sync::Arc;

struct Real {
    berth: Arc<Berth>,
    home: tempfile::TempDir,
    session: berth::Session,
}

fn wanted(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

async fn signed_in() -> Real {
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
        user: wanted("BERTH_REAL_USER").expect("BERTH_REAL_USER"),
        secret: wanted("BERTH_REAL_SECRET").expect("BERTH_REAL_SECRET"),
        otp: None,
        force: false,
        remember: true,
        tls: TlsChoice::default(),
    };
    berth.sign_in(request).await.unwrap();
    let list = berth.refresh_sessions().await.unwrap();
    let name = wanted("BERTH_REAL_SESSION");
    let session = list
        .sessions
        .into_iter()
        .find(|s| s.status == "RUNNING" && name.as_ref().is_none_or(|n| *n == s.name))
        .expect("a running session");
    Real { berth, home, session }
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
    let done = support::shell(&put).await;
    assert_eq!(done.status, 0, "sftp: {}", done.stderr);
    let done = support::shell(&format!("scp {options} -P {port} {here}/up.bin work@127.0.0.1:{folder}/c.bin && scp {options} -P {port} work@127.0.0.1:{folder}/c.bin {here}/c.bin")).await;
    assert_eq!(done.status, 0, "scp: {}", done.stderr);
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
        let done = support::shell(&format!(
            "rsync -a -e 'ssh {options} -p {port}' {here}/up.bin work@127.0.0.1:{folder}/r.bin"
        ))
        .await;
        assert_eq!(done.status, 0, "rsync: {}", done.stderr);
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
    let cut = support::shell(&format!("{} | head -n 3", inside("yes".into()))).await;
    assert_eq!(cut.stdout, "y\ny\ny\n");
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
    if let Some(foreign) = wanted("BERTH_REAL_FOREIGN") {
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
    let output =
        tokio::time::timeout(std::time::Duration::from_secs(minutes * 60 + 60), child.wait_with_output())
            .await
            .expect("it hangs")
            .unwrap();
    let traffic = real.berth.connections().get(&connection.id).unwrap().traffic;
    println!("after {} s: {:?}, {traffic:?}", started.elapsed().as_secs(), output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "still-there\n");
    real.berth.shut_down().await;
}
