//! The stock OpenSSH programs against a session, through the webserver's stream.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use demo_cluster::Options;
use support::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn exec_tells_status_and_keeps_stderr_apart() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let mut command = bridge.ssh();
    command.arg("echo out; echo err >&2; exit 7");
    let output = run(command).await;
    assert_eq!((output.code, output.out.as_str(), output.err.as_str()), (Some(7), "out\n", "err\n"));

    // Ended by a signal: ssh has no status to give.
    let mut command = bridge.ssh();
    command.arg("kill -TERM $$");
    assert_eq!(run(command).await.code, Some(255));

    let mut command = bridge.ssh();
    command.arg("no-such-program-here");
    assert_eq!(run(command).await.code, Some(127));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_see_the_session_and_nothing_of_the_host_app() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "vision-train").await;
    let mut command = bridge.ssh();
    command.arg("env; pwd; ls -a; cat README.md; ls /home/work");
    let output = run(command).await.success();
    for line in
        ["USER=work", "LOGNAME=work", "BACKENDAI_SESSION_NAME=vision-train", "id_container", "train.py"]
    {
        assert!(output.out.lines().any(|found| found == line), "{line} in {}", output.out);
    }
    assert!(output.out.contains(&format!("BACKENDAI_SESSION_ID={}", session(&cluster, "vision-train").id)));
    assert!(output.out.contains(&format!("HOME={}\n", bridge.home.display())));
    // Cargo sets this one for the test itself.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!output.out.contains("CARGO"), "{}", output.out);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sessions_key_and_user_get_in() {
    let cluster = start(Options::default()).await;
    let right = bridge(&cluster, "llama-finetune").await;
    let mut command = right.ssh();
    command.arg("true");
    run(command).await.success();

    // Another session's key, and another user name.
    write_key(&right.path("key"), &session(&cluster, "data-prep").key.unwrap());
    let mut command = right.ssh();
    command.arg("true");
    let output = run(command).await;
    assert!(output.code == Some(255) && output.err.contains("Permission denied (publickey)"), "{output:?}");
    write_key(&right.path("key"), &session(&cluster, "llama-finetune").key.unwrap());
    let mut command = right.ssh_with(&["-l", "root"]);
    command.arg("true");
    // The destination names `work`; the option comes first and wins.
    assert!(run(command).await.err.contains("Permission denied (publickey)"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_added_to_the_running_session_works() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "data-prep").await;
    let own = bridge.path("own");
    let mut keygen = tokio::process::Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&own);
    run(keygen).await.success();
    let public = std::fs::read_to_string(own.with_extension("pub")).unwrap();

    let login = login(&cluster).await;
    let (status, known) =
        answer(login.request(
            reqwest::Method::POST,
            "/func/session/data-prep/download_single?file=.ssh/authorized_keys",
        ))
        .await;
    assert_eq!(status, 200);
    let lines = format!("{}{public}", known.as_str().unwrap());
    let part = reqwest::multipart::Part::text(lines).file_name(".ssh/authorized_keys");
    let form = reqwest::multipart::Form::new().part("src", part);
    let (status, body) =
        answer(login.request(reqwest::Method::POST, "/func/session/data-prep/upload").multipart(form)).await;
    assert_eq!(status, 204, "{body}");

    std::fs::rename(&own, bridge.path("key")).unwrap();
    let mut command = bridge.ssh();
    command.arg("echo in");
    assert_eq!(run(command).await.success().out, "in\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_mebibytes_through_a_program_and_back() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let sent = noise(64 * 1024 * 1024);
    // Both directions at once: neither may stop the other.
    let mut command = bridge.ssh();
    command.arg("cat");
    assert!(run_with(command, &sent).await.success().bytes == sent);
    // Half-close: the program answers after its input has ended.
    let mut command = bridge.ssh();
    command.arg("wc -c");
    assert_eq!(run_with(command, &sent).await.success().out.trim(), sent.len().to_string());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_do_not_read_or_write_to_the_end() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let sent = noise(16 * 1024 * 1024);
    let mut command = bridge.ssh();
    command.arg("sleep 0.3; echo unread");
    assert_eq!(run_with(command, &sent).await.success().out, "unread\n");
    let mut command = bridge.ssh();
    command.arg("exec 0<&-; echo closed");
    assert_eq!(run_with(command, &sent).await.success().out, "closed\n");
    let mut command = bridge.ssh();
    command.arg("yes | head -3");
    assert_eq!(run(command).await.success().out, "y\ny\ny\n");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_on_a_terminal() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let (mut screen, pts) = pty_process::open().unwrap();
    screen.resize(pty_process::Size::new(30, 100)).unwrap();
    let mut ssh = pty_process::Command::new("ssh").args(bridge.options()).env("TERM", "xterm");
    ssh = ssh.args(["-p", &bridge.port.to_string(), "work@127.0.0.1"]);
    let mut child = ssh.spawn(pts).unwrap();

    let mut seen = String::new();
    expect(&mut screen, &mut seen, "work@main1[llama-finetune]:~$ ").await;
    screen.write_all(b"stty size; echo $TERM\n").await.unwrap();
    expect(&mut screen, &mut seen, "30 100\r\nxterm\r\n").await;
    screen.resize(pty_process::Size::new(43, 132)).unwrap();
    // Told to ssh by SIGWINCH, and by ssh to the session: the shell sees it soon.
    screen
        .write_all(b"until [ \"$(stty size)\" = '43 132' ]; do sleep 0.05; done; echo resi\"zed\"\n")
        .await
        .unwrap();
    expect(&mut screen, &mut seen, "resized").await;
    screen.write_all(b"sh -c 'echo be\"gun\"; exec sleep 1000'\n").await.unwrap();
    expect(&mut screen, &mut seen, "begun").await;
    screen.write_all(b"\x03").await.unwrap();
    expect(&mut screen, &mut seen, "^C").await;
    screen.write_all(b"echo status $?; exit 9\n").await.unwrap();
    expect(&mut screen, &mut seen, "status 130").await;
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(9));
    cluster.stop().await;
}

/// Reads a terminal until a text has appeared, and forgets what came before it.
async fn expect(screen: &mut pty_process::Pty, seen: &mut String, wanted: &str) {
    let mut buffer = [0; 4096];
    while !seen.contains(wanted) {
        let read = tokio::time::timeout(std::time::Duration::from_secs(30), screen.read(&mut buffer)).await;
        let Ok(Ok(count)) = read else { panic!("{wanted:?} not in {seen:?}: {read:?}") };
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    let end = seen.find(wanted).unwrap() + wanted.len();
    seen.drain(..end);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_without_a_terminal_reads_a_script() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "notebook-7f").await;
    let output = run_with(bridge.ssh(), b"echo one; echo two >&2; exit 3\n").await;
    assert_eq!((output.code, output.out.as_str(), output.err.as_str()), (Some(3), "one\n", "two\n"));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_both_ways() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    // A service on the session's side: sends back what it gets once the input has ended.
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service_port = service.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = service.accept().await {
            tokio::spawn(async move {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.unwrap();
                stream.write_all(&all).await.unwrap();
            });
        }
    });
    let (local, remote) = (free_port().await, free_port().await);
    let mut command = bridge.ssh_with(&[
        "-o",
        "ExitOnForwardFailure=yes",
        "-L",
        &format!("127.0.0.1:{local}:127.0.0.1:{service_port}"),
        "-R",
        &format!("127.0.0.1:{remote}:127.0.0.1:{service_port}"),
    ]);
    command.arg("echo up; cat").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut up = [0; 3];
    within(child.stdout.as_mut().unwrap().read_exact(&mut up)).await.unwrap();

    let exchanges = (0..40_usize).map(|index| async move {
        let sent = noise(200_000 + index);
        let port = if index % 2 == 0 { local } else { remote };
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut back = Vec::new();
        let (wrote, read) = tokio::join!(
            async {
                writer.write_all(&sent).await?;
                writer.shutdown().await
            },
            reader.read_to_end(&mut back)
        );
        wrote.unwrap();
        read.unwrap();
        assert!(back == sent, "exchange {index}");
    });
    within(futures_util::future::join_all(exchanges)).await;

    // Nothing listens there: the connection ends, the tunnel goes on.
    drop(child.stdin.take());
    assert!(within(child.wait()).await.unwrap().success());
    cluster.stop().await;
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_at_once() {
    let cluster = start(Options { unauthenticated_limit: None, ..Options::default() }).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let runs = (0..24).map(|index| {
        let mut command = bridge.ssh();
        command.arg(format!("echo {index}"));
        async move { assert_eq!(run(command).await.success().out, format!("{index}\n")) }
    });
    futures_util::future::join_all(runs).await;
    eventually("all streams closed", async || cluster.control().open_streams() == 0).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_unauthenticated_connection_is_turned_away() {
    let cluster = start(Options::default()).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut stream = manager_stream(&cluster, "data-prep/tcpproxy?app=sshd").await.unwrap();
        assert!(data(&mut stream).await.starts_with("SSH-2.0-dropbear_"));
        waiting.push(stream);
    }
    let mut sixth = manager_stream(&cluster, "data-prep/tcpproxy?app=sshd").await.unwrap();
    assert_eq!(close_code(&mut sixth).await, Some(1001));
    // Another session has its own count, and one that leaves makes room.
    let mut other = manager_stream(&cluster, "notebook-7f/tcpproxy?app=sshd").await.unwrap();
    assert!(data(&mut other).await.starts_with("SSH-2.0-"));
    drop(waiting);
    let bridge = bridge(&cluster, "data-prep").await;
    eventually("room again", async || {
        let mut command = bridge.ssh();
        command.arg("true");
        run(command).await.code == Some(0)
    })
    .await;
    cluster.stop().await;
}
