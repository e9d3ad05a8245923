//! The main job: from the icon to a shell and to files, with nothing but what the window shows.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use demo_cluster::{DemoCluster, Dialect, Options};

use crate::bench::Bench;
use crate::openssh::{self, Target};
use crate::steps;

const CHECKSUMS: &str = "export LC_ALL=C; find . -type f -print0 | sort -z | xargs -0 sha256sum";

#[tokio::test(flavor = "multi_thread")]
async fn from_the_icon_to_a_shell_and_files() -> Result<()> {
    the_whole_way(Dialect::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_way_on_the_oldest_server() -> Result<()> {
    the_whole_way(Dialect::V22_09).await
}

async fn the_whole_way(dialect: Dialect) -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options { dialect, ..Options::default() }).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;

    let shown = steps::connect(&app, "llama-finetune").await?;
    ensure!(shown.user == "work" && shown.host == "127.0.0.1", "{shown:?}");
    ensure!((10_000..=65_000).contains(&shown.port), "{shown:?}");
    ensure!(shown.ssh_url == format!("ssh://work@127.0.0.1:{}", shown.port), "{shown:?}");
    ensure!(shown.sftp_url == format!("sftp://work@127.0.0.1:{}", shown.port), "{shown:?}");

    // The key, through the native dialog, to a place with a space in its name.
    let folder = bench.home().join("my keys");
    fs::create_dir(&folder)?;
    let key = folder.join("id_container");
    steps::save_key(&bench, &app, &key).await?;
    let session = cluster.sessions().into_iter().find(|session| session.name == "llama-finetune");
    let wanted = session.and_then(|session| session.key).context("llama-finetune has no key")?;
    ensure!(fs::read_to_string(&key)?.trim() == wanted.trim(), "the saved key is another one");
    ensure!(fs::metadata(&key)?.permissions().mode() & 0o777 == 0o600, "the saved key's mode");

    // What the dialog says can be pasted as it is.
    ensure!(app.attribute("connection-bytes-down", "data-bytes").await? == "0");
    let line = app.text("connection-command-ssh").await?;
    let said = openssh::paste(&line, bench.home(), "echo $((6 * 7))-$(id -u)\nexit\n").await?;
    ensure!(said.contains("42-"), "the shell said {said:?}");
    let line = app.text("connection-command-sftp").await?;
    let said = openssh::paste(&line, bench.home(), "pwd\nbye\n").await?;
    ensure!(said.contains("/home/work"), "sftp said {said:?}");
    app.eventually("bytes in both directions", async || {
        let up = app.attribute("connection-bytes-up", "data-bytes").await.unwrap_or_default();
        let down = app.attribute("connection-bytes-down", "data-bytes").await.unwrap_or_default();
        // Two logins carry some thousand bytes each way.
        [up, down].iter().all(|bytes| bytes.parse::<u64>().is_ok_and(|bytes| bytes > 1000))
    })
    .await?;

    // And what people do with it.
    let target = Target { key, port: shown.port, home: bench.home().to_owned() };
    let id = String::from_utf8(target.ssh("id").await?)?;
    ensure!(id.starts_with("uid="), "id said {id:?}");
    transfers(&bench, &target).await?;

    // The proxy outlives its dialog and can be seen in the table.
    steps::close_dialog(&bench, &app, "connection-dialog").await?;
    app.find("session-proxy-llama-finetune").await?;
    target.ssh("true").await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

async fn transfers(bench: &Bench, target: &Target) -> Result<()> {
    let sent = bench.home().join("sent");
    openssh::sample_folder(&sent)?;
    let big = openssh::noise(16 << 20)?;
    fs::write(bench.home().join("big.bin"), &big)?;

    let (from, back) = (bench.home().join("big.bin"), bench.home().join("back.bin"));
    target.sftp(&format!("put \"{}\" big.bin\nget big.bin \"{}\"\n", from.display(), back.display())).await?;
    ensure!(fs::read(&back)? == big, "sftp put and get changed the bytes");
    ensure!(target.ssh("cat big.bin").await? == big, "ssh cat changed the bytes");

    let wanted = openssh::paste(&format!("cd '{}' && {CHECKSUMS}", sent.display()), bench.home(), "").await?;
    target.scp(&sent, "by-scp").await?;
    let got = String::from_utf8(target.ssh(&format!("cd by-scp && {CHECKSUMS}")).await?)?;
    ensure!(got == wanted, "scp -r: {got}\nwanted: {wanted}");
    target.rsync(&sent, "by-rsync").await?;
    let got = String::from_utf8(target.ssh(&format!("cd by-rsync && {CHECKSUMS}")).await?)?;
    ensure!(got == wanted, "rsync: {got}\nwanted: {wanted}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_cluster_is_one_click_away() -> Result<()> {
    let bench = Bench::new()?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.find("sessions-table").await?;
    let shown = steps::connect(&app, "notebook-7f").await?;
    steps::gets_in(&bench, &shown.ssh_command).await?;
    app.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preferred_port_is_used_and_a_second_session_gets_another() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;

    // A session is connected before the port is set: that port stays what it is.
    let first = steps::connect(&app, "vision-train").await?;
    steps::close_dialog(&bench, &app, "connection-dialog").await?;

    let preferred = free_port()?;
    app.click("nav-settings").await?;
    app.fill("settings-preferred-port", &preferred.to_string()).await?;
    app.press("settings-preferred-port", fantoccini::key::Key::Enter).await?;
    app.find("settings-saved").await?;

    app.click("nav-sessions").await?;
    let again = steps::connect(&app, "vision-train").await?;
    ensure!(again.port == first.port, "an open proxy changed its port: {first:?} {again:?}");
    // Stopping closes the dialog as well.
    app.click("connection-stop").await?;
    app.gone("connection-dialog").await?;
    app.gone("session-proxy-vision-train").await?;

    let third = steps::connect(&app, "vision-train").await?;
    ensure!(third.port == preferred, "wanted {preferred}: {third:?}");
    steps::close_dialog(&bench, &app, "connection-dialog").await?;

    let other = steps::connect(&app, "data-prep").await?;
    ensure!(other.port != preferred, "two sessions share a port: {other:?}");
    let reason = app.text("connection-port-reason").await?;
    ensure!(reason.contains(&preferred.to_string()) && reason.contains("vision-train"), "it says {reason:?}");

    // Both work side by side.
    let said = openssh::paste(&other.ssh_command, bench.home(), "hostname; echo $((6 * 7))\nexit\n").await?;
    ensure!(said.contains("42"), "{said:?}");
    steps::gets_in(&bench, &third.ssh_command).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

/// A port that was free a moment ago, within what Berth recommends.
pub(crate) fn free_port() -> Result<u16> {
    loop {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        if (10_000..=65_000).contains(&port) {
            return Ok(port);
        }
    }
}
