//! Other programs: the line in the user's ssh config, PuTTY's key format, and the page of keys.

use std::fs;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::steps;

#[tokio::test(flavor = "multi_thread")]
async fn the_ssh_config_gets_one_line_and_loses_it_again() -> Result<()> {
    let bench = Bench::new()?;
    let config = bench.home().join(".ssh/config");
    fs::create_dir(bench.home().join(".ssh"))?;
    fs::write(&config, "Host mine\r\n  User me\r\n")?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.click("nav-settings").await?;
    app.click("settings-ssh-hosts").await?;
    app.text_that("ssh-hosts-preview", |text| {
        text.contains("+ Include berth_config") && text.contains("Host mine")
    })
    .await?;
    app.click("ssh-hosts-add").await?;
    app.text_that("settings-ssh-hosts-example", |text| text.ends_with(".demo.berth")).await?;
    ensure!(fs::read_to_string(&config)? == "Include berth_config\r\nHost mine\r\n  User me\r\n");
    let hosts = fs::read_to_string(bench.home().join(".ssh/berth_config"))?;
    ensure!(hosts.contains(" proxy --stdio '%h'\n"), "{hosts}");
    app.click("settings-ssh-hosts").await?;
    app.gone("settings-ssh-hosts-example").await?;
    ensure!(fs::read_to_string(&config)? == "Host mine\r\n  User me\r\n");
    ensure!(fs::read_dir(bench.home().join(".ssh"))?.count() == 1);
    app.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_saved_for_putty() -> Result<()> {
    let bench = Bench::new()?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    steps::connect(&app, "llama-finetune").await?;
    app.click("connection-save-ppk").await?;
    app.click("ppk-save").await?;
    let path = bench.home().join("my key.ppk");
    bench.desk.save_as("Save SSH key", &path).await?;
    app.text_that("ppk-saved", |text| text == path.to_string_lossy()).await?;
    ensure!(fs::read_to_string(&path)?.starts_with("PuTTY-User-Key-File-3: ssh-rsa\n"));
    app.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_key_is_let_into_a_session() -> Result<()> {
    let bench = Bench::new()?;
    let app = bench.open().await?;
    app.click("signin-demo").await?;
    app.click("nav-keys").await?;
    app.find("keys-local-none").await?;
    app.click("keys-paste").await?;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ mina";
    app.fill("add-key-line", key).await?;
    app.click("add-key-confirm").await?;
    app.find("add-key-done").await?;
    app.end().await;
    Ok(())
}
