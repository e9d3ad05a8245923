//! The far computer sleeps: its process is stopped and goes on.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::server::Far;
use crate::world::{greeted, guarded, random};

#[tokio::test]
async fn a_server_that_sleeps_for_a_while_is_waited_for() {
    let far = Far::new().await;
    let mut ssh = Command::new("sh")
        .arg("-c")
        .arg(format!("exec {} cat", far.connection.commands[0].line))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
    let bytes = random(4 * 1024 * 1024);
    let sent = bytes.clone();
    let sending = tokio::spawn(async move { stdin.write_all(&sent).await.unwrap() });
    let mut got = vec![0; bytes.len()];
    let (begin, rest) = got.split_at_mut(300_000);
    guarded(stdout.read_exact(begin)).await.unwrap();
    far.server.signal("-STOP", 'T');
    // Both wait: the transfer, and a program that comes meanwhile.
    let other = tokio::spawn(greeted(far.local().await));
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(3)).await;
    tokio::time::resume();
    assert_eq!(far.now().traffic.open, 2);
    far.server.signal("-CONT", 'S');
    guarded(stdout.read_exact(rest)).await.unwrap();
    assert!(got == bytes, "other bytes came back");
    guarded(sending).await.unwrap();
    guarded(other).await.unwrap();
    assert!(guarded(ssh.wait()).await.unwrap().success());
    assert_eq!(far.now().incident, None);
}

#[tokio::test]
async fn a_server_that_sleeps_on_is_given_up_and_found_again() {
    let far = Far::new().await;
    let mut local = far.local().await;
    guarded(crate::world::line(&mut local)).await.unwrap();
    far.server.signal("-STOP", 'T');
    tokio::time::pause();
    while far.now().traffic.open > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::resume();
    assert_eq!(guarded(local.read_to_end(&mut Vec::new())).await.unwrap(), 0);
    far.server.signal("-CONT", 'S');
    greeted(far.local().await).await;
    let code = far.now().incident.map(|incident| incident.error.code);
    assert_eq!(code.as_deref(), Some("path-lost"));
}
