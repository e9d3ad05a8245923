//! The window with the cluster's own page: what a WebUI of either generation needs of it, and what no page gets.
//!
//! WebDriver reaches one window only, so the pages drive themselves and tell the demo cluster what they saw.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use demo_cluster::{DemoCluster, Options};
use serde_json::{Value, json};

use crate::app::App;
use crate::bench::Bench;
use crate::main_job::free_port;
use crate::steps;

/// A bench whose browser is a file of addresses.
fn bench_with_browser() -> Result<(Bench, PathBuf)> {
    let mut bench = Bench::new()?;
    let folder = bench.home().join("bin");
    let opened = bench.home().join("opened.txt");
    fs::create_dir(&folder)?;
    let browser = folder.join("xdg-open");
    fs::write(&browser, format!("#!/bin/sh\necho \"$1\" >> '{}'\n", opened.display()))?;
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755))?;
    let path = std::env::var("PATH").unwrap_or_default();
    bench.set("PATH", &format!("{}:{path}", folder.display()));
    Ok((bench, opened))
}

/// Opens the WebUI's window on a page and waits for what the page tells.
async fn opened_with(app: &App, cluster: &DemoCluster, page: &str) -> Result<Value> {
    cluster.control().show_page(page);
    steps::sign_in(app, cluster).await?;
    app.click("open-webui").await?;
    app.eventually("the page's report", async || !cluster.control().reports().is_empty()).await?;
    let reports = cluster.control().reports();
    let report: Value = serde_json::from_str(reports.first().context("no report")?)?;
    ensure!(report.get("broken").is_none(), "the page failed: {report}");
    Ok(report)
}

fn is_open(port: u64) -> bool {
    u16::try_from(port).is_ok_and(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_generations_of_the_webui_get_ports_and_keys_and_one_sign_in() -> Result<()> {
    let (bench, opened) = bench_with_browser()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    let preferred = u64::from(free_port()?);
    let page = include_str!("pages/contract.html").replace("PREFERRED", &preferred.to_string());
    let report = opened_with(&app, &cluster, &page).await?;
    ensure!(report["electron"] == true && report["type"] == "renderer", "{report}");
    ensure!(report["config"].as_str().is_some_and(|text| text.contains("apiEndpoint")), "{report}");
    let sshd = json!({
        "code": 200, "port": preferred, "proxy": format!("http://127.0.0.1:{preferred}"),
        "url": format!("https://local-proxy.invalid/sshd?port={preferred}&dummy=1"),
    });
    for generation in ["old", "now"] {
        let told = &report[generation];
        ensure!(told["token"] == "local" && told["added"] == sshd, "{generation}: {told}");
        ensure!(told["looked"] == json!({}) && told["again"] == 200, "{generation}: {told}");
    }
    let web = report["web"]["added"]["port"].as_u64().context("no port of the web app")?;
    ensure!(is_open(preferred) && is_open(web));
    let failed = &report["failed"];
    ensure!(failed["added"]["code"] == 500 && failed["added"].get("port").is_none(), "{failed}");
    ensure!(failed["looked"]["error_code"] == "session-not-running", "{failed}");
    ensure!(report["closed"] == json!({ "code": 404 }), "{report}");

    // The key comes by the native dialog, and opens the session.
    let key = bench.home().join("id_from_webui");
    bench.desk.save_as(steps::SAVE_DIALOG, &key).await?;
    app.eventually("the key's file", async || key.is_file()).await?;
    ensure!(fs::metadata(&key)?.permissions().mode() & 0o777 == 0o600);
    let line = format!(
        "ssh -i '{}' -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
         -p {preferred} work@127.0.0.1",
        key.display()
    );
    let said = crate::openssh::paste(&line, bench.home(), "echo $((6 * 7))\nexit\n").await?;
    ensure!(said.contains("42"), "{said:?}");

    // The web app went to the browser, and the connection is one of Berth's.
    let wanted = format!("http://127.0.0.1:{web}/console?x=1");
    app.eventually("the browser", async || {
        fs::read_to_string(&opened).is_ok_and(|text| text.lines().any(|line| line == wanted))
    })
    .await?;
    app.find("webui-opened").await?;
    app.click("webui-opened-show").await?;
    app.find("connection-dialog").await?;

    // Signing out there is signing out here.
    let title = cluster.webserver_url().replace("http://", "").trim_end_matches('/').to_owned();
    bench.desk.type_into(&format!("{title} – WebUI"), "l").await?;
    app.find("signin-address").await?;
    app.eventually("the ports being closed", async || !is_open(preferred) && !is_open(web)).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_page_gets_nothing() -> Result<()> {
    let (bench, opened) = bench_with_browser()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    // Every command that the main window has, from the list that grants them.
    let permissions = include_str!("../../permissions/app.toml");
    let main = permissions.split("[[permission]]").nth(1).context("no permission")?;
    let commands: Vec<&str> = main.split('"').filter(|word| is_command(word)).collect();
    ensure!(commands.len() > 20 && commands.contains(&"sign_out"), "{commands:?}");
    let page = include_str!("pages/hostile.html").replace("COMMANDS", &json!(commands).to_string());
    let report = opened_with(&app, &cluster, &page).await?;
    let tried = report["tried"].as_object().context("no attempts")?;
    ensure!(tried.len() > commands.len() + 40, "{}", tried.len());
    let succeeded: Vec<_> = tried.iter().filter(|(_, how)| how.get("refused").is_none()).collect();
    ensure!(succeeded.is_empty(), "{succeeded:?}");
    for (name, how) in tried.iter().filter(|(name, _)| name.starts_with("invoke ")) {
        let why = how["refused"].as_str().unwrap_or_default();
        ensure!(why.contains("not allowed"), "{name}: {why}");
    }
    ensure!(report["at"].as_str().is_some_and(|at| at.starts_with(&cluster.webserver_url())), "{report}");
    let refused = report["flood"]["429"].as_u64().unwrap_or_default();
    ensure!(refused > 1500, "{}", report["flood"]);

    // Its file is offered under a plain name, and cancelled leaves nothing.
    bench.desk.cancel("Save file").await?;
    // Nobody was signed out, nothing was opened, and the main window goes on.
    app.click("nav-connections").await?;
    app.click("nav-sessions").await?;
    app.find("sessions-table").await?;
    ensure!(!opened.exists(), "{:?}", fs::read_to_string(&opened));
    app.end().await;
    cluster.stop().await;
    Ok(())
}

fn is_command(word: &str) -> bool {
    !word.is_empty() && word != "berth-commands" && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}
