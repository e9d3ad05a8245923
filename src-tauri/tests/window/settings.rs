//! Settings and words: what is refused, what is kept over restarts, and both languages.

use anyhow::{Result, ensure};
use demo_cluster::{DemoCluster, Dialect, Options};
use fantoccini::key::Key;

use crate::bench::Bench;
use crate::main_job::free_port;
use crate::steps;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_port_is_refused_in_place_and_a_good_one_survives_a_restart() -> Result<()> {
    let bench = Bench::new()?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.click("nav-settings").await?;
    for bad in ["80", "1023", "65536", "99999"] {
        app.fill("settings-preferred-port", bad).await?;
        app.press("settings-preferred-port", Key::Enter).await?;
        let error = app.text_that("settings-preferred-port-error", |text| !text.is_empty()).await?;
        ensure!(error.contains("1024") && error.contains("65535"), "for {bad} it says {error:?}");
    }
    let good = free_port()?.to_string();
    app.fill("settings-preferred-port", &good).await?;
    app.press("settings-preferred-port", Key::Enter).await?;
    app.find("settings-saved").await?;
    app.gone("settings-preferred-port-error").await?;
    app.end().await;

    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.click("nav-settings").await?;
    app.text_that("settings-preferred-port", |text| text == good).await?;
    app.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_changes_at_once_and_stays() -> Result<()> {
    let bench = Bench::new()?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.click("nav-settings").await?;
    app.text_that("nav-sessions", |text| text.contains("Sessions")).await?;
    app.click("settings-language-ko").await?;
    app.text_that("nav-sessions", |text| text.contains("세션")).await?;
    app.end().await;

    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.text_that("nav-sessions", |text| text.contains("세션")).await?;
    app.click("nav-settings").await?;
    app.click("settings-language-en").await?;
    app.text_that("nav-sessions", |text| text.contains("Sessions")).await?;
    app.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn about_shows_both_versions() -> Result<()> {
    let bench = Bench::new()?;
    let dialect = Dialect::V23_09;
    let cluster = DemoCluster::start(Options { dialect, ..Options::default() }).await?;
    let app = bench.open().await?;
    steps::sign_in(&app, &cluster).await?;
    app.click("user-menu").await?;
    app.click("user-menu-about").await?;
    app.find("about-dialog").await?;
    app.text_that("about-app-version", |text| text.contains(env!("CARGO_PKG_VERSION"))).await?;
    app.text_that("about-server-version", |text| text.contains(dialect.manager_version())).await?;
    app.text_that("about-api-version", |text| text.contains(dialect.api_version())).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}
