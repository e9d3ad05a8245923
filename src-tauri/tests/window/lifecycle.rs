//! Beginning and end: quitting ends every proxy, a new start opens none by itself, and a login that expires is renewed
//! under the open dialog.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use demo_cluster::{DemoCluster, Options};
use fantoccini::key::Key;

use crate::bench::Bench;
use crate::desk;
use crate::keychain::Keychain;
use crate::openssh;
use crate::steps;

/// The title of the main window.
const WINDOW: &str = "Berth";

async fn has_ended(bench: &Bench) -> Result<()> {
    for _ in 0..200 {
        if bench.app_processes().is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("still running: {:?}", bench.app_processes())
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_ends_the_proxies_and_a_new_start_wants_a_click() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    let first = steps::connect(&app, "llama-finetune").await?;
    ensure!(is_open(first.port));

    // A shell is open in the session while the window is closed.
    let mut line = tokio::process::Command::new("sh");
    line.args(["-c", &format!("exec {}", first.ssh_command)]).env("HOME", bench.home());
    line.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).kill_on_drop(true);
    let mut shell = line.spawn()?;
    app.eventually("a program on the port", async || cluster.control().open_streams() > 0).await?;

    bench.desk.close_window(WINDOW).await?;
    has_ended(&bench).await?;
    ensure!(!is_open(first.port), "the port outlived the app");
    let status = tokio::time::timeout(Duration::from_secs(10), shell.wait()).await??;
    ensure!(!status.success(), "ssh was cut off and says {status}");
    drop(app);

    // Nothing listens until the icon is clicked; then the session has its port again.
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    ensure!(!is_open(first.port), "a port was opened without a click");
    let again = steps::connect(&app, "llama-finetune").await?;
    ensure!(again.port == first.port, "{first:?} {again:?}");
    steps::gets_in(&bench, &again.ssh_command).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_signal_ends_everything_in_order() -> Result<()> {
    let bench = Bench::new()?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.find("sessions-table").await?;
    let shown = steps::connect(&app, "data-prep").await?;
    desk::signal(&bench.app_process()?.to_string(), "TERM");
    has_ended(&bench).await?;
    ensure!(!is_open(shown.port), "the port outlived the app");
    // The demo cluster's files went with it.
    let left: Vec<_> =
        fs::read_dir(bench.home().join("tmp"))?.flatten().map(|entry| entry.file_name()).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_login_is_asked_for_again_and_the_port_stays() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    let shown = steps::connect(&app, "llama-finetune").await?;

    // The password alone no longer does, so Berth cannot renew the login by itself.
    cluster.control().require_otp(&account.email, Some("246810"))?;
    cluster.control().expire_logins();
    let (line, home) = (shown.ssh_command.clone(), bench.home().to_owned());
    // It waits or is refused, as the connector decides; what matters is what comes after.
    let meanwhile = tokio::spawn(async move { openssh::paste(&line, &home, "exit\n").await });

    app.find("signin-again-dialog").await?;
    app.fill("signin-secret", &account.password).await?;
    app.click("signin-submit").await?;
    app.fill("signin-otp", "246810").await?;
    app.click("signin-submit").await?;
    app.gone("signin-again-dialog").await?;
    let _ = meanwhile.await?;

    // What was behind is still there, and the port serves again.
    app.attribute_is("connection-state", "data-state", "listening").await?;
    let after = steps::shown(&app).await?;
    ensure!(after.port == shown.port, "{shown:?} {after:?}");
    steps::gets_in(&bench, &after.ssh_command).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

/// A login that is remembered is renewed without asking, also with a password changed since, and is there again after a
/// restart; ports are not.
async fn remembered(bench: &Bench) -> Result<()> {
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    let app = bench.open().await?;
    steps::fill_sign_in(&app, &cluster.webserver_url(), &account.email, &account.password).await?;
    const REMEMBER: &str = "const box = document.querySelector('[data-testid=signin-remember]'); \
                            return (box.matches('input') ? box : box.querySelector('input')).checked";
    ensure!(app.script(REMEMBER).await? == true, "“Remember me” is not offered first where it is safe");
    app.click("signin-submit").await?;
    let shown = steps::connect(&app, "data-prep").await?;
    steps::close_dialog(bench, &app, "connection-dialog").await?;
    app.click("user-menu").await?;
    app.click("user-menu-password").await?;
    app.fill("change-password-current", &account.password).await?;
    app.fill("new-password-first", "winter 2026").await?;
    app.fill("new-password-again", "winter 2026").await?;
    app.press("new-password-again", Key::Enter).await?;
    app.gone("change-password-dialog").await?;

    cluster.control().expire_logins();
    steps::gets_in(bench, &shown.ssh_command).await?;
    ensure!(!app.is_visible("signin-again-dialog").await, "it asked for what it knows");

    bench.desk.close_window(WINDOW).await?;
    has_ended(bench).await?;
    drop(app);
    let app = bench.open().await?;
    app.find("sessions-table").await?;
    ensure!(!is_open(shown.port), "a port was opened without a click");
    let again = steps::connect(&app, "data-prep").await?;
    steps::gets_in(bench, &again.ssh_command).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_remembered_in_a_private_file_where_no_keychain_is() -> Result<()> {
    let mut bench = Bench::new()?;
    bench.set("BERTH_SECRETS", "file");
    remembered(&bench).await?;
    let file = bench.data().join("secrets.json");
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "the mode of {}", file.display());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_remembered_in_the_keychain() -> Result<()> {
    let mut bench = Bench::new()?;
    bench.set("BERTH_SECRETS", "keychain");
    let _keychain = Keychain::start(&mut bench)?;
    remembered(&bench).await?;
    ensure!(!bench.data().join("secrets.json").exists(), "the secret went to a file");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_closes_every_port() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    let shown = steps::connect(&app, "notebook-7f").await?;
    steps::close_dialog(&bench, &app, "connection-dialog").await?;
    steps::sign_out(&app).await?;
    app.eventually("the port being closed", async || !is_open(shown.port)).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}
