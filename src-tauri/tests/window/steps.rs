//! What people do again and again: signing in, opening the SSH/SFTP dialog of a session, saving its key.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use demo_cluster::DemoCluster;

use crate::app::App;
use crate::bench::Bench;
use crate::openssh;

/// The title of the native dialog that saves a key.
pub(crate) const SAVE_DIALOG: &str = "Save SSH key";

/// What the connection dialog shows.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) ssh_url: String,
    pub(crate) sftp_url: String,
    pub(crate) ssh_command: String,
}

/// Signs in with the demo user's e-mail address and password, typing both.
pub(crate) async fn sign_in(app: &App, cluster: &DemoCluster) -> Result<()> {
    let account = cluster.account();
    fill_sign_in(app, &cluster.webserver_url(), &account.email, &account.password).await?;
    app.click("signin-submit").await?;
    app.find("sessions-table").await.map(drop)
}

/// Fills the form for session mode, without sending it.
pub(crate) async fn fill_sign_in(app: &App, address: &str, user: &str, secret: &str) -> Result<()> {
    app.fill("signin-address", address).await?;
    app.fill("signin-user", user).await?;
    app.fill("signin-secret", secret).await
}

/// From the sessions table to the connection dialog, by the two icons.
pub(crate) async fn connect(app: &App, session: &str) -> Result<Shown> {
    app.click(&format!("session-apps-{session}")).await?;
    app.find("launcher-dialog").await?;
    app.click("launcher-app-sshd").await?;
    app.find("connection-dialog").await?;
    shown(app).await
}

/// Reads the connection dialog.
pub(crate) async fn shown(app: &App) -> Result<Shown> {
    let port = app.text("connection-port").await?;
    let link = async |id: &str| -> Result<String> { Ok(app.text(id).await?.trim().to_owned()) };
    Ok(Shown {
        user: link("connection-user").await?,
        host: link("connection-host").await?,
        port: port.trim().parse().with_context(|| format!("the dialog's port is {port:?}"))?,
        ssh_url: link("connection-ssh-url").await?,
        sftp_url: link("connection-sftp-url").await?,
        ssh_command: link("connection-command-ssh").await?,
    })
}

/// Saves the key through the native dialog.
pub(crate) async fn save_key(bench: &Bench, app: &App, path: &Path) -> Result<()> {
    app.click("connection-download-key").await?;
    bench.desk.save_as(SAVE_DIALOG, path).await?;
    let wanted = path.to_string_lossy().into_owned();
    app.text_that("connection-saved-key", |text| text.contains(&wanted)).await.map(drop)
}

/// Signs out, agreeing that open ports are closed when asked.
pub(crate) async fn sign_out(app: &App) -> Result<()> {
    app.click("user-menu").await?;
    app.click("user-menu-signout").await?;
    app.eventually("the sign-in page or a question", async || {
        app.is_visible("signout-confirm").await || app.is_visible("signin-address").await
    })
    .await?;
    if app.is_visible("signout-confirm").await {
        app.click("signout-confirm").await?;
    }
    app.find("signin-address").await.map(drop)
}

/// Closes the dialog that is on top.
pub(crate) async fn close_dialog(bench: &Bench, app: &App, id: &str) -> Result<()> {
    for _ in 0..20 {
        if !app.is_visible(id).await {
            return Ok(());
        }
        bench.desk.key("Escape");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    app.gone(id).await
}

/// Pastes an ssh line into a terminal and has the session work something out.
pub(crate) async fn gets_in(bench: &Bench, ssh_command: &str) -> Result<()> {
    let said = openssh::paste(ssh_command, bench.home(), "echo $((6 * 7))\nexit\n").await?;
    ensure!(said.contains("42"), "{said:?}");
    Ok(())
}
