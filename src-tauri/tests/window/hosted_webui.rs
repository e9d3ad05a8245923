//! The window with the cluster's own page: what a WebUI of either generation needs of it, and what no page gets.
//!
//! WebDriver reaches one window only, so the pages drive themselves and tell the demo cluster what they saw.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use demo_cluster::{DemoCluster, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::app::App;
use crate::bench::Bench;
use crate::keychain::Bus;
use crate::main_job::free_port;
use crate::steps;

/// A bench whose browser is a file of addresses, and whose FileZilla a file of its words.
fn bench_with_browser() -> Result<(Bench, PathBuf)> {
    let mut bench = Bench::new()?;
    let folder = bench.home().join("bin");
    let opened = bench.home().join("opened.txt");
    fs::create_dir(&folder)?;
    for (name, file) in [("xdg-open", &opened), ("filezilla", &bench.home().join("filezilla.txt"))] {
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\necho \"$1\" >> '{}'\n", file.display()))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
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

/// The title of the WebUI's window.
fn title(cluster: &DemoCluster) -> String {
    format!("{} – WebUI", cluster.webserver_url().replace("http://", "").trim_end_matches('/'))
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

    // The notice in the main window shows how the port does, and leads on from there.
    app.find("webui-opened").await?;
    app.attribute_is("webui-opened-state", "data-state", "listening").await?;
    app.click("webui-open-in").await?;
    app.click("webui-open-in-filezilla").await?;
    app.eventually("FileZilla", async || bench.home().join("filezilla.txt").is_file()).await?;
    let sites = fs::read_to_string(bench.home().join("config/filezilla/sitemanager.xml"))?;
    ensure!(sites.contains(&format!("<Port>{preferred}</Port>")), "{sites}");

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
    steps::gets_in(&bench, &line).await?;

    // The web app went to the browser, and the connection is one of Berth's.
    let wanted = format!("http://127.0.0.1:{web}/console?x=1");
    app.eventually("the browser", async || {
        fs::read_to_string(&opened).is_ok_and(|text| text.lines().any(|line| line == wanted))
    })
    .await?;
    app.click("webui-opened-show").await?;
    app.find("connection-dialog").await?;

    // Signing out there is signing out here.
    bench.desk.type_into(&title(&cluster), "l").await?;
    app.find("signin-address").await?;
    app.eventually("the ports being closed", async || !is_open(preferred) && !is_open(web)).await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

/// Tells where it is, and which login it kept from its last time; keeps one as WebUIs do, for which it counts more than
/// the cookie.
const WHERE: &str = "<!doctype html><meta charset=utf-8><title>Where</title><script>\
                     const kept = localStorage.getItem('backendaiwebui.sessionid') ?? '';\
                     localStorage.setItem('backendaiwebui.sessionid', '#an-older-login');\
                     fetch('/report', { method: 'POST', body: location.pathname + location.search + kept })</script>";

/// What `berth web` does: the app started with its words, which hands them to the one that runs.
async fn wish(bench: &Bench, words: &[&str]) -> Result<()> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_berth-desktop"));
    command.args(words).env_clear().envs(bench.environment()).kill_on_drop(true);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), command.output()).await;
    let ended = ended.context("the app did not hand its words over: another one runs now")??;
    ensure!(ended.status.success(), "{ended:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_app_is_told_from_a_terminal_which_window_to_open() -> Result<()> {
    let (mut bench, _) = bench_with_browser()?;
    let _bus = Bus::start(&mut bench)?;
    bench.without("BERTH_NO_SINGLE_INSTANCE");
    let cluster = DemoCluster::start(Options::default()).await?;
    cluster.control().show_page(WHERE);
    let app = bench.open().await?;
    let reports = async |wanted: &str| {
        app.eventually(wanted, async || cluster.control().reports().iter().any(|said| said == wanted)).await
    };

    // Nobody is signed in yet: it opens when somebody is.
    let profile = format!("{}@{}", cluster.account().email, cluster.webserver_url().trim_end_matches('/'));
    wish(&bench, &["--web-ui", &profile]).await?;
    steps::sign_in(&app, &cluster).await?;
    reports("/").await?;

    // The window that is there goes to the session.
    let sessions = cluster.sessions();
    let id = &sessions.iter().find(|s| s.name == "llama-finetune").context("no session")?.id;
    wish(&bench, &["--web-ui", &profile, "--session", id]).await?;
    reports(&format!("/job?sessionDetail={id}")).await?;

    // Closed, it opens there; and for somebody else there is a sentence and no window.
    bench.desk.close_window(&title(&cluster)).await?;
    app.eventually("the window closing", async || !bench.desk.shows(&title(&cluster))).await?;
    let before = cluster.control().reports().len();
    wish(&bench, &["--web-ui", "somebody@else.example.com"]).await?;
    bench.desk.cancel("WebUI").await?;
    wish(&bench, &["--web-ui", &profile, "--session", id]).await?;
    app.eventually("the window", async || cluster.control().reports().len() > before).await?;
    ensure!(cluster.control().reports().last() == Some(&format!("/job?sessionDetail={id}")));
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_the_page_is_not_taken_for_a_page_that_hangs() -> Result<()> {
    let bench = Bench::new()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    let page = "<!doctype html><meta charset=utf-8><title>Asks</title><script>\
                const report = (what) => fetch('/report', { method: 'POST', body: JSON.stringify({ what }) });\
                report('asking').then(() => report(confirm('Are you there?') === true ? 'yes' : 'no'))\
                .then(() => document.querySelector('a').click())</script>\
                <a href='https://docs.example.org/' target='_blank'>Help</a>";
    let first = opened_with(&app, &cluster, page).await?;
    ensure!(first["what"] == "asking", "{first}");
    app.eventually("the watchdog", async || bench.log().contains("waits for an answer")).await?;
    ensure!(cluster.control().reports().len() == 1, "{:?}", cluster.control().reports());
    ensure!(!bench.desk.shows("WebUI"), "it asks whether to load the page again");
    bench.desk.key_in(&title(&cluster), "Return").await?;
    app.eventually("the answer", async || {
        cluster.control().reports().last().is_some_and(|said| said.contains("yes"))
    })
    .await?;
    // A link is asked about, too, and not lost.
    bench.desk.cancel("docs.example.org").await?;
    app.end().await;
    cluster.stop().await;
    Ok(())
}

/// A storage of another address, which gives one file to whoever has the token.
async fn storage(file: Vec<u8>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n")
                && client.read_buf(&mut asked).await.is_ok_and(|read| read > 0)
            {}
            let head = if asked.starts_with(b"GET /v/download?token=secret ") {
                "200 OK\r\nContent-Disposition: attachment; filename=\"weights.bin\""
            } else {
                "404 Not Found"
            };
            let length = file.len();
            let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = client.write_all(&[head.as_bytes(), &file].concat()).await;
        }
    });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_storage_comes_by_the_native_dialog() -> Result<()> {
    let (bench, opened) = bench_with_browser()?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    let file: Vec<u8> = (0..300_000u32).map(|i| (i * 7) as u8).collect();
    let address = storage(file.clone()).await?;
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>Files</title><a target='_blank' \
         href='http://{address}/v/download?token=secret'>weights.bin</a><script>\
         fetch('/report', {{ method: 'POST', body: '{{}}' }}).then(() => document.querySelector('a').click())</script>"
    );
    opened_with(&app, &cluster, &page).await?;
    // It is another address, so the person is asked first.
    bench.desk.agree("127.0.0.1").await?;
    let saved = bench.home().join("weights.bin");
    bench.desk.save_as("Save file", &saved).await?;
    app.eventually("the file", async || fs::read(&saved).is_ok_and(|bytes| bytes == file)).await?;
    ensure!(!opened.exists(), "the browser has it, too");
    app.end().await;
    cluster.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_speaks_the_language_of_the_settings() -> Result<()> {
    let (bench, _) = bench_with_browser()?;
    fs::write(bench.data().join("settings.json"), r#"{"language": "ko"}"#)?;
    let cluster = DemoCluster::start(Options::default()).await?;
    let app = bench.open().await?;
    let page = include_str!("pages/contract.html").replace("PREFERRED", &free_port()?.to_string());
    let report = opened_with(&app, &cluster, &page).await?;
    let said = report["failed"]["looked"]["msg"].as_str().unwrap_or_default();
    ensure!(said.contains("실행 중인 세션에만"), "{report}");
    bench.desk.cancel("SSH 키 저장").await?;
    app.text_that("webui-open-in", |text| text.contains("열기")).await?;
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
