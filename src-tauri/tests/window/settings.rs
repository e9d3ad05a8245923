//! Settings and words: what is refused, what is kept over restarts, and both languages.

use anyhow::{Result, ensure};
use demo_cluster::{DemoCluster, Dialect, Options};
use fantoccini::Locator;
use fantoccini::key::Key;

use crate::app::App;
use crate::bench::Bench;
use crate::main_job::free_port;
use crate::steps;

/// Picks a value of a selection by its words, whether it is a list that opens or a row of buttons.
pub async fn choose(app: &App, id: &str, words: &str) -> Result<()> {
    app.find(id).await?;
    let within = format!("//*[@data-testid='{id}']//*[normalize-space(text())='{words}']");
    let listed = format!(
        "//*[contains(@class,'option')]//*[normalize-space(text())='{words}'] | //*[contains(@class,'option')][normalize-space(text())='{words}']"
    );
    app.eventually(&format!("{words} in {id}"), async || {
        for path in [&listed, &within] {
            for element in app.client.find_all(Locator::XPath(path)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or(false) && element.click().await.is_ok() {
                    return true;
                }
            }
        }
        let _ = app.click(id).await;
        false
    })
    .await
}

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
    choose(&app, "settings-language", "한국어").await?;
    app.text_that("nav-sessions", |text| text.contains("세션")).await?;
    app.end().await;

    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.text_that("nav-sessions", |text| text.contains("세션")).await?;
    app.click("nav-settings").await?;
    choose(&app, "settings-language", "English").await?;
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
