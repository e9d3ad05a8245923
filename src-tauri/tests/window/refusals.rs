//! What goes wrong for people, each with its own error code on screen and nothing lost.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use demo_cluster::{DemoCluster, LoginRefusal, Options};
use fantoccini::key::Key;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::App;
use crate::bench::Bench;
use crate::main_job::free_port;
use crate::steps;

async fn refused(app: &App, code: &str) -> Result<()> {
    app.press("signin-secret", Key::Enter).await?;
    app.attribute_is("signin-error", "data-code", code).await?;
    let words = app.text("signin-error").await?;
    ensure!(words.split_whitespace().count() > 4, "{code} is explained by {words:?}");
    Ok(())
}

/// A web server that answers everything with a page.
async fn web_page() -> Result<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let page = "<!doctype html><title>It works!</title>";
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    page.len()
                );
                let _ = stream.write_all(format!("{head}{page}").as_bytes()).await;
            });
        }
    });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_says_what_is_wrong_and_goes_on() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    let app = bench.open().await?;

    let nobody = format!("http://127.0.0.1:{}", free_port()?);
    steps::fill_sign_in(&app, &nobody, &account.email, &account.password).await?;
    refused(&app, "unreachable").await?;

    app.fill("signin-address", &web_page().await?).await?;
    refused(&app, "not-backend-ai").await?;

    app.fill("signin-address", &cluster.webserver_url()).await?;
    app.fill("signin-secret", "not the password").await?;
    refused(&app, "wrong-credentials").await?;
    // Nothing that was typed is lost.
    ensure!(app.text("signin-address").await? == cluster.webserver_url());
    ensure!(app.text("signin-user").await? == account.email);

    app.fill("signin-secret", &account.password).await?;
    app.press("signin-secret", Key::Enter).await?;
    app.find("sessions-table").await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_is_asked_for_and_a_wrong_one_refused() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    cluster.control().require_otp(&account.email, Some("246810"))?;
    let app = bench.open().await?;
    steps::fill_sign_in(&app, &cluster.webserver_url(), &account.email, &account.password).await?;
    app.click("signin-submit").await?;
    app.fill("signin-otp", "111111").await?;
    app.press("signin-otp", Key::Enter).await?;
    app.attribute_is("signin-error", "data-code", "otp-wrong").await?;
    app.fill("signin-otp", "246810").await?;
    app.press("signin-otp", Key::Enter).await?;
    app.find("sessions-table").await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_is_named_as_such() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    cluster.control().lock_account(&account.email)?;
    let app = bench.open().await?;
    steps::fill_sign_in(&app, &cluster.webserver_url(), &account.email, &account.password).await?;
    refused(&app, "login-blocked").await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_has_expired_is_changed_on_the_way_in() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    cluster.control().refuse_login(&account.email, Some(LoginRefusal::PasswordExpired))?;
    let app = bench.open().await?;
    steps::fill_sign_in(&app, &cluster.webserver_url(), &account.email, &account.password).await?;
    app.press("signin-secret", Key::Enter).await?;
    app.find("new-password").await?;
    app.fill("new-password-first", &account.password).await?;
    app.fill("new-password-again", &account.password).await?;
    app.press("new-password-again", Key::Enter).await?;
    app.attribute_is("new-password-error", "data-code", "new-password-refused").await?;
    app.fill("new-password-first", "winter 2026").await?;
    app.fill("new-password-again", "winter 2026").await?;
    app.press("new-password-again", Key::Enter).await?;
    let shown = steps::connect(&app, "llama-finetune").await?;
    steps::gets_in(&bench, &shown.ssh_command).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_mode_works_with_a_keypair_and_refuses_a_wrong_one() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let account = cluster.account();
    let app = bench.open().await?;
    app.fill("signin-address", &cluster.manager_url()).await?;
    app.click("signin-mode-api").await?;
    app.fill("signin-user", &account.access_key).await?;
    app.fill("signin-secret", &"x".repeat(40)).await?;
    refused(&app, "wrong-credentials").await?;
    app.fill("signin-secret", &account.secret_key).await?;
    app.press("signin-secret", Key::Enter).await?;
    app.find("sessions-table").await?;
    let shown = steps::connect(&app, "llama-finetune").await?;
    steps::gets_in(&bench, &shown.ssh_command).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_meanwhile_is_refused_in_the_launcher() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    app.find("session-apps-data-prep").await?;
    cluster.control().terminate_session("data-prep")?;
    app.click("session-apps-data-prep").await?;
    // Either the list of apps or the click on SSH meets the end.
    app.eventually("a refusal", async || {
        if app.is_visible("launcher-app-sshd").await && !app.is_visible("launcher-error").await {
            let _ = app.click("launcher-app-sshd").await;
        }
        app.is_visible("launcher-error").await
    })
    .await?;
    let code = app.attribute("launcher-error", "data-code").await?;
    ensure!(
        ["session-not-running", "session-ended", "session-not-found"].contains(&code.as_str()),
        "code {code}"
    );
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_key_says_so_and_keeps_its_port() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    cluster.control().remove_id_container("vision-train")?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    app.click("session-apps-vision-train").await?;
    app.click("launcher-app-sshd").await?;
    app.find("connection-dialog").await?;
    app.find("connection-port").await?;
    app.attribute_is("connection-key-problem", "data-code", "key-missing").await?;
    ensure!(!app.is_visible("connection-download-key").await, "a key is offered that does not exist");
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preferred_port_that_another_program_has_is_said_and_replaced() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    let taken = free_port()?;
    let _holder = TcpListener::bind(("127.0.0.1", taken))?;
    app.click("nav-settings").await?;
    app.fill("settings-preferred-port", &taken.to_string()).await?;
    app.press("settings-preferred-port", Key::Enter).await?;
    app.find("settings-saved").await?;
    app.click("nav-sessions").await?;
    let shown = steps::connect(&app, "llama-finetune").await?;
    ensure!(shown.port != taken);
    let reason = app.text("connection-port-reason").await?;
    ensure!(reason.contains(&taken.to_string()), "it says {reason:?}");
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn saving_a_key_asks_before_it_replaces_and_names_a_place_it_cannot_write() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    steps::connect(&app, "llama-finetune").await?;

    // Cancelled: nothing is said, nothing is written.
    app.click("connection-download-key").await?;
    bench.desk.cancel(steps::SAVE_DIALOG).await?;
    ensure!(!app.is_visible("connection-saved-key").await);

    // There is a file of that name: the native dialog stays and asks; Escape keeps the file.
    let file = bench.home().join("id_container");
    fs::write(&file, "something of mine\n")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    app.click("connection-download-key").await?;
    ensure!(!bench.desk.try_save_as(steps::SAVE_DIALOG, &file).await?, "it did not ask");
    bench.desk.key("Escape");
    bench.desk.cancel(steps::SAVE_DIALOG).await?;
    ensure!(fs::read_to_string(&file)? == "something of mine\n", "the file was replaced without a yes");

    // A place where nobody can write, not even root.
    app.click("connection-download-key").await?;
    bench.desk.save_as(steps::SAVE_DIALOG, std::path::Path::new("/proc/self/id_container")).await?;
    app.attribute_is("connection-key-error", "data-code", "file-not-writable").await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}
