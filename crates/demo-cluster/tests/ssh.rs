//! The stock OpenSSH programs against a session, through the webserver's stream.
#![cfg(unix)]

mod support;

use demo_cluster::Options;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn exec_tells_status_and_keeps_stderr_apart() {
    let cluster = start(Options::default()).await;
    let bridge = bridge(&cluster, "llama-finetune").await;
    let mut command = bridge.ssh();
    command.arg("echo out; echo err >&2; exit 7");
    let output = run(command).await;
    assert_eq!((output.code, output.out.as_str(), output.err.as_str()), (Some(7), "out\n", "err\n"));
    cluster.stop().await;
}
