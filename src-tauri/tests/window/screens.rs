//! A picture of every screen, light and dark, into `target/screens`: to be looked at, and the README's are among them.
//!
//! The tests fail when a screen does not come up or is empty; beauty is judged by eyes.

use anyhow::{Result, ensure};
use demo_cluster::{DemoCluster, Options};

use crate::app::App;
use crate::bench::Bench;
use crate::steps;

#[tokio::test(flavor = "multi_thread")]
async fn screens_in_light() -> Result<()> {
    screens("light").await
}

#[tokio::test(flavor = "multi_thread")]
async fn screens_in_dark() -> Result<()> {
    screens("dark").await
}

async fn screens(tag: &str) -> Result<()> {
    let bench = Bench::for_pictures()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    app.click("nav-settings").await?;
    app.click(&format!("settings-theme-{tag}")).await?;
    take(&app, &format!("settings-{tag}")).await?;

    app.click("nav-sessions").await?;
    app.find("session-row-llama-finetune").await?;
    take(&app, &format!("sessions-{tag}")).await?;
    app.click("session-apps-llama-finetune").await?;
    app.find("launcher-app-sshd").await?;
    take(&app, &format!("launcher-{tag}")).await?;
    app.click("launcher-app-sshd").await?;
    app.find("connection-port").await?;
    take(&app, &format!("connection-{tag}")).await?;
    steps::close_dialog(&bench, &app, "connection-dialog").await?;

    app.click("nav-connections").await?;
    app.find("connections-table").await?;
    take(&app, &format!("connections-{tag}")).await?;
    app.click("user-menu").await?;
    app.click("user-menu-about").await?;
    app.find("about-server-version").await?;
    take(&app, &format!("about-{tag}")).await?;
    steps::close_dialog(&bench, &app, "about-dialog").await?;

    steps::sign_out(&app).await?;
    take(&app, &format!("sign-in-{tag}")).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

async fn take(app: &App, name: &str) -> Result<()> {
    still(app).await?;
    let text = app.script("return document.body.innerText.length").await?.as_u64().unwrap_or(0);
    ensure!(text > 40, "the screen {name} is empty");
    app.drawn().await?;
    app.screenshot(name).await.map(drop)
}

/// Waits until nothing moves: a picture in the middle of a fade shows nothing.
async fn still(app: &App) -> Result<()> {
    const MOVING: &str = "return document.getAnimations().filter(a => a.playState === 'running' \
                          && a.effect?.getTiming().iterations !== Infinity).length";
    app.eventually("a still screen", async || {
        app.script(MOVING).await.ok().and_then(|n| n.as_u64()) == Some(0)
    })
    .await
}
