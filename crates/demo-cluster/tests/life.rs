//! Sessions begin and end, and nothing survives: streams, programs, folders.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::process::Stdio;
use std::time::Duration;

use demo_cluster::{DemoCluster, Dialect, Options};
use futures_util::SinkExt as _;
use reqwest::Method;
use serde_json::json;
use support::*;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_tungstenite::tungstenite::Message;

fn is_alive(pid: &str) -> bool {
    // A zombie has ended, whoever has yet to notice.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

/// Starts a command and gives the first line it prints.
async fn first_line(bridge: &Bridge, line: &str) -> (tokio::process::Child, String) {
    let mut command = bridge.ssh();
    command.arg(line).stdout(Stdio::piped()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    (child, line)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn programs_end_with_their_connection() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let (mut ssh, pid) = first_line(&bridge, "trap '' HUP; echo $$; while :; do sleep 1; done").await;
    assert!(is_alive(&pid));
    ssh.kill().await.unwrap();
    eventually("the loop ends", async || !is_alive(&pid)).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn background_programs_live_on_until_the_cluster_stops() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let mut command = bridge.ssh();
    command.arg("nohup sleep 1000 >/dev/null 2>&1 & echo $!; setsid sh -c 'echo $$ > free; exec sleep 1000' >/dev/null 2>&1 &");
    let nohup = run(command).await.success().out.trim().to_owned();
    let free = bridge.home.join("free");
    eventually("both run", async || free.exists() && !std::fs::read_to_string(&free).unwrap().is_empty())
        .await;
    let free = std::fs::read_to_string(free).unwrap().trim().to_owned();
    // The connection has gone, as with a training started over ssh.
    eventually("no stream", async || cluster.control().open_streams() == 0).await;
    assert!(is_alive(&nohup) && is_alive(&free));
    let home = bridge.home.clone();
    within(cluster.stop()).await;
    eventually("both end", async || !is_alive(&nohup) && !is_alive(&free)).await;
    assert!(!home.exists());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_dropped_cluster_takes_its_programs_along() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let (_ssh, pid) = first_line(&bridge, "echo $$; exec sleep 1000").await;
    drop(cluster);
    eventually("the program ends", async || !is_alive(&pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_terminated_session_ends_all_of_it() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let other = support::bridge(&cluster, "data-prep").await;
    let (_ssh, pid) = first_line(&bridge, "echo $$; exec sleep 1000").await;
    let (_other, other_pid) = first_line(&other, "echo $$; exec sleep 1000").await;
    let mut direct = manager_stream(&cluster, "llama-finetune/tcpproxy?app=sshd").await.unwrap();
    data(&mut direct).await;

    cluster.control().terminate_session("llama-finetune").unwrap();
    assert_eq!(close_code(&mut direct).await, Some(1001));
    eventually("its program ends", async || !is_alive(&pid)).await;
    assert!(is_alive(&other_pid) && !bridge.home.exists());
    let login = login(&cluster).await;
    assert_eq!(login.get("/func/session/llama-finetune").await.0, 404);
    assert_eq!(session(&cluster, "llama-finetune").status, "TERMINATED");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_webserver_an_end_is_silence() {
    let cluster = start(Options::default()).await;
    let login = login(&cluster).await;
    let mut stream = login.stream("llama-finetune/tcpproxy?app=sshd").await.unwrap();
    data(&mut stream).await;
    cluster.control().terminate_session("llama-finetune").unwrap();
    // Swallowed, without an answer; only the ping is answered, so it must be the next thing read.
    stream.send(Message::binary(noise(100_000))).await.unwrap();
    stream.send(Message::Ping("still there".into())).await.unwrap();
    assert_eq!(next(&mut stream).await, Message::Pong("still there".into()));
    assert_eq!(cluster.control().open_streams(), 1);
    stream.close(None).await.unwrap();
    eventually("closed", async || cluster.control().open_streams() == 0).await;
    cluster.stop().await;
}

async fn next(stream: &mut Ws) -> Message {
    use futures_util::StreamExt as _;
    within(stream.next()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_can_be_muted_and_cut() {
    let cluster = start(Options::default()).await;
    let login = login(&cluster).await;
    let mut stream = login.stream("data-prep/tcpproxy?app=sshd").await.unwrap();
    data(&mut stream).await;
    cluster.control().silence_streams();
    stream.send(Message::binary(b"SSH-2.0-test\r\n".to_vec())).await.unwrap();
    stream.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(next(&mut stream).await, Message::Pong("x".into()));
    cluster.control().drop_streams();
    assert_eq!(close_code(&mut stream).await, None);
    eventually("gone", async || cluster.control().open_streams() == 0).await;

    // New ones flow again; the manager's are muted alike.
    let mut stream = manager_stream(&cluster, "data-prep/tcpproxy?app=sshd").await.unwrap();
    data(&mut stream).await;
    cluster.control().freeze_streams();
    stream.send(Message::Ping("x".into())).await.unwrap();
    cluster.control().drop_streams();
    assert_eq!(close_code(&mut stream).await, None);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_ports_show_as_each_server_shows_them() {
    let cluster = start(Options::default()).await;
    cluster.control().refuse_ports(true);
    let mut direct = manager_stream(&cluster, "data-prep/tcpproxy?app=sshd").await.unwrap();
    assert_eq!(close_code(&mut direct).await, Some(1013));
    let mut silent = login(&cluster).await.stream("data-prep/tcpproxy?app=sshd").await.unwrap();
    silent.send(Message::Ping("x".into())).await.unwrap();
    assert_eq!(next(&mut silent).await, Message::Pong("x".into()));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_messages_close_with_1009() {
    let cluster = start(Options::default()).await;
    let login = login(&cluster).await;
    let mut stream = login.stream("data-prep/tcpproxy?app=sshd").await.unwrap();
    data(&mut stream).await;
    // Text is dropped without a word.
    stream.send(Message::text("ignored")).await.unwrap();
    // The server hangs up while the message is still on its way.
    let _ = stream.send(Message::binary(vec![0; 4 * 1024 * 1024])).await;
    assert_eq!(close_code(&mut stream).await, Some(1009));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_created_used_and_deleted() {
    let cluster = start(Options { pace: Duration::from_millis(20), ..Options::default() }).await;
    let login = login(&cluster).await;
    let mut events =
        login.request(Method::GET, "/func/events/session?sessionName=fresh-one").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let body = json!({
        "name": "fresh-one", "image": "cr.backend.ai/stable/python:3.12-ubuntu22.04", "type": "interactive",
        "enqueueOnly": true, "reuseIfExists": false, "bootstrap_script": "echo from bootstrap > started",
        "config": {"resources": {"cpu": 2, "mem": "512m"}},
    });
    let (status, made) = answer(login.request(Method::POST, "/func/session").json(&body)).await;
    assert_eq!((status, &made["status"], &made["created"]), (201, &json!("PENDING"), &json!(true)), "{made}");
    let (status, again) = answer(login.request(Method::POST, "/func/session").json(&body)).await;
    assert_eq!(status, 400);
    assert!(again["type"].as_str().unwrap().ends_with("/session-already-exists"));

    let mut text = String::new();
    let mut until = async |wanted: &str| {
        while !text.contains(wanted) {
            text.push_str(&String::from_utf8_lossy(&within(events.chunk()).await.unwrap().unwrap()));
        }
    };
    until("event: session_enqueued").await;
    until("event: session_started").await;
    let bridge = bridge(&cluster, "fresh-one").await;
    let mut command = bridge.ssh();
    command.arg("until [ -s started ]; do sleep 0.05; done; cat started");
    assert_eq!(run(command).await.success().out, "from bootstrap\n");

    let id = made["sessionId"].as_str().unwrap();
    let (status, _) = answer(login.request(Method::DELETE, &format!("/func/session/{id}?forced=true"))).await;
    assert_eq!(status, 200);
    until("event: session_terminated").await;
    assert!(!text.contains("llama"), "{text}");
    within(cluster.stop()).await;
    // The event stream ends with the server.
    while within(events.chunk()).await.is_ok_and(|chunk| chunk.is_some()) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_folder_keeps_ids_keys_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { data_dir: Some(folder.path().join("demo")), ..Options::default() };
    let cluster = start(options.clone()).await;
    let before = session(&cluster, "notebook-7f");
    std::fs::write(before.home.clone().unwrap().join("mine"), "kept").unwrap();
    let first = login(&cluster).await;
    let mut stream = first.stream("notebook-7f/tcpproxy?app=sshd").await.unwrap();
    data(&mut stream).await;
    let password = cluster.account().password;
    cluster.stop().await;

    let cluster = start(options).await;
    assert_eq!(session(&cluster, "notebook-7f"), before);
    assert_eq!(std::fs::read_to_string(before.home.clone().unwrap().join("mine")).unwrap(), "kept");
    assert_ne!(cluster.account().password, password);
    cluster.control().terminate_session("notebook-7f").unwrap();
    cluster.stop().await;

    let cluster = start(Options { data_dir: Some(folder.path().join("demo")), ..Options::default() }).await;
    let again = session(&cluster, "notebook-7f");
    assert!(again.id != before.id && again.key != before.key && again.status == "RUNNING");
    cluster.stop().await;
    assert!(folder.path().join("demo").exists());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn what_a_killed_cluster_left_is_ended_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo");
    let options = Options { data_dir: Some(path.clone()), ..Options::default() };
    let cluster = start(options.clone()).await;
    assert!(DemoCluster::start(options.clone()).await.is_err());
    cluster.stop().await;
    // As if that cluster had been killed and one of its programs had outlived it.
    let run = std::fs::read_to_string(path.join("lock")).unwrap();
    let mut orphan = tokio::process::Command::new("sleep");
    let mut orphan = orphan.arg("1000").env("BERTH_DEMO_CLUSTER", &run).kill_on_drop(true).spawn().unwrap();
    // A program that has just been started has no environment yet that others could read.
    let environment = format!("/proc/{}/environ", orphan.id().unwrap());
    eventually("the environment of the program that is left", async || {
        std::fs::read(&environment).unwrap().windows(run.len()).any(|part| part == run.as_bytes())
    })
    .await;
    let cluster = start(options).await;
    assert!(within(orphan.wait()).await.unwrap().code().is_none());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_an_error_that_names_it() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = DemoCluster::start(Options { port: Some(port), ..Options::default() }).await.unwrap_err();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[test]
fn secrets_are_not_in_debug_output_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cluster = runtime.block_on(start(Options::default()));
    let account = cluster.account();
    let text = format!("{cluster:?} {account:?}");
    assert!(!text.contains(&account.password) && !text.contains(&account.secret_key), "{text}");
    let home = session(&cluster, "llama-finetune").home.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.join("id_container")), 0o600);
    assert_eq!((mode(&home), mode(home.parent().unwrap())), (0o700, 0o700));
    runtime.block_on(cluster.stop());
}

/// The container's id as both ways tell it, and the host key as `ssh-keyscan` sees it.
async fn container_and_host_key(login: &Login, bridge: &Bridge, id: &str) -> (String, String) {
    let (_, info) = login.get(&format!("/func/session/{id}")).await;
    let told = info["containerId"].as_str().unwrap().to_owned();
    let query = "query($id:UUID!){compute_session(id:$id){status containers{cluster_role container_id}}}";
    let row = login.gql(query, json!({"id": id})).await["data"]["compute_session"].clone();
    assert_eq!(row["containers"], json!([{"cluster_role": "main", "container_id": told}]));
    assert_eq!(row["status"], "RUNNING");
    let mut scan = tokio::process::Command::new("ssh-keyscan");
    scan.args(["-t", "rsa", "-p", &bridge.port.to_string(), "127.0.0.1"]);
    let key = run(scan).await.out;
    assert!(key.contains(" ssh-rsa "), "{key}");
    (told, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_gives_another_container_and_up_to_26_2_another_host_key() {
    for dialect in [Dialect::V23_09, Dialect::V26_9] {
        let cluster = start(Options { dialect, ..Default::default() }).await;
        let login = login(&cluster).await;
        let bridge = bridge(&cluster, "llama-finetune").await;
        let id = session(&cluster, "llama-finetune").id;
        let first = container_and_host_key(&login, &bridge, &id).await;
        assert!(first.0.len() == 64 && first.0.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", first.0);
        std::fs::write(bridge.home.join("kept"), "1").unwrap();
        let key = session(&cluster, "llama-finetune").key;

        cluster.control().restart_session("llama-finetune").unwrap();
        let second = container_and_host_key(&login, &bridge, &id).await;
        assert_ne!(second.0, first.0);
        assert_eq!(second.1 == first.1, dialect == Dialect::V26_9);
        assert!(bridge.home.join("kept").exists());
        assert_eq!(session(&cluster, "llama-finetune").key, key, "it is in the home");

        cluster.control().replace_host_key("llama-finetune").unwrap();
        let third = container_and_host_key(&login, &bridge, &id).await;
        assert_eq!(third.0, second.0);
        assert_ne!(third.1, second.1);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_restart_ends_what_ran_and_nothing_that_comes_after() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let (mut before, old) = first_line(&bridge, "echo $$; exec sleep 1000").await;
    cluster.control().restart_session("llama-finetune").unwrap();
    let (_after, new) = first_line(&bridge, "echo $$; exec sleep 1000").await;
    eventually("the old program ends", async || !is_alive(&old)).await;
    // Behind the webserver its stream is silent now; without it nothing of the old container is left.
    before.kill().await.unwrap();
    eventually("one stream", async || cluster.control().open_streams() == 1).await;
    assert!(is_alive(&new));
    // One that does not run is left alone.
    cluster.control().restart_session("eval-sweep").unwrap();
    assert_eq!(session(&cluster, "eval-sweep").status, "PENDING");
    cluster.stop().await;
}
