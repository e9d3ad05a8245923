//! The cluster's own page in a window of ours: one sign-in for both, and ports among all others.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, which fail by it")]

mod support;

use backend_ai::{Client, Credentials, Endpoint, Network, probe};
use berth::{AccessMode, Event, HostedApp, PortReason, SSHD, WebLogin, WebUi};
use demo_cluster::Fault;
use support::Bench;

fn app(session: &str, app: &str) -> HostedApp {
    HostedApp {
        session: session.into(),
        app: app.into(),
        port: None,
        arguments: Default::default(),
        environment: Default::default(),
    }
}

fn pairs(cookies: &[(String, String)]) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// What a browser's window on the cluster is to the server.
async fn page(bench: &Bench) -> Client {
    let endpoint = Endpoint::parse(&bench.cluster.webserver_url()).unwrap();
    let network = Network::default();
    let server = probe(&endpoint, &network).await.unwrap();
    Client::new(server, &network).unwrap()
}

async fn sign_in_there(bench: &Bench) -> String {
    let page = page(bench).await;
    let account = bench.cluster.account();
    let credentials =
        Credentials::Password { user: account.email, password: account.password, otp: None, force: false };
    page.sign_in(&credentials).await.unwrap();
    pairs(&page.saved_login().unwrap().cookies())
}

async fn opened(bench: &Bench) -> WebUi {
    bench.sign_in(AccessMode::Session).await;
    bench.berth.web_ui().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_gets_the_address_and_the_login() {
    let bench = Bench::new().await;
    let error = bench.berth.web_ui().await.err().unwrap();
    assert_eq!(error.code, "not-signed-in");
    let page = opened(&bench).await;
    assert_eq!(page.url, format!("{}/", bench.cluster.webserver_url().trim_end_matches('/')));
    assert!(page.cookies.iter().any(|(name, _)| name == "AIOHTTP_SESSION"));
    assert!(page.certificate.is_none());
    assert!(sshkit::private_file::is_private(&page.folder).unwrap());
    assert_eq!(bench.berth.web_cookies(&page.profile_id).unwrap(), page.cookies);
    assert!(bench.berth.web_cookies("somebody else").is_none());

    bench.cluster.control().fail("/", Fault::Status(503));
    assert_eq!(bench.berth.web_ui().await.err().unwrap().code, "web-ui-missing");
    bench.cluster.control().clear_faults();
    bench.sign_in(AccessMode::Api).await;
    assert_eq!(bench.berth.web_ui().await.err().unwrap().code, "web-ui-needs-webserver");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_s_ports_are_ours() {
    let bench = Bench::new().await;
    let page = opened(&bench).await;
    let session = bench.running(0).await;
    let mut events = bench.berth.events();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    // By name, as some releases of the WebUI do, and with a port that the page prefers.
    let wanted = HostedApp { port: Some(free), ..app(&session.name, SSHD) };
    let (connection, fresh) = bench.berth.connect_for_web_ui(&page.profile_id, &wanted).await.unwrap();
    assert!(fresh);
    assert_eq!((connection.port, &connection.port_reason), (free, &PortReason::Preferred));
    loop {
        if let Event::OpenedByWebUi { id } = events.recv().await.unwrap() {
            assert_eq!(id, connection.id);
            break;
        }
    }
    // The dialog of the main window gives the same one.
    assert_eq!(bench.berth.connect(&session.id, SSHD).await.unwrap().id, connection.id);
    let (again, fresh) =
        bench.berth.connect_for_web_ui(&page.profile_id, &app(&session.id, SSHD)).await.unwrap();
    assert_eq!((again.id, fresh), (connection.id, false));

    let other = bench.berth.connect_for_web_ui("somebody else", &app(&session.id, SSHD)).await;
    assert_eq!(other.unwrap_err().code, "not-signed-in");
    let unknown = bench.berth.connect_for_web_ui(&page.profile_id, &app("no-such", SSHD)).await;
    assert_eq!(unknown.unwrap_err().code, "session-not-found");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_and_in_again_there_is_signing_out_and_in_here() {
    let bench = Bench::new().await;
    let window = opened(&bench).await;
    let own = pairs(&window.cookies);
    assert_eq!(bench.berth.web_login_seen(&window, &own).await.unwrap(), WebLogin::Unchanged);

    // A server that is away says nothing about the login.
    bench.cluster.control().fail("/server/login-check", Fault::Status(502));
    assert!(bench.berth.web_login_seen(&window, &own).await.is_err());
    bench.cluster.control().clear_faults();
    assert!(bench.berth.account().is_some());

    bench.cluster.control().expire_logins();
    assert_eq!(bench.berth.web_login_seen(&window, &own).await.unwrap(), WebLogin::SignedOut);
    assert!(bench.berth.account().is_none());
    assert_eq!(bench.berth.web_login_seen(&window, &own).await.unwrap(), WebLogin::Unchanged);
    assert_eq!(bench.berth.web_login_seen(&window, "").await.unwrap(), WebLogin::Unchanged);

    let theirs = sign_in_there(&bench).await;
    let seen = bench.berth.web_login_seen(&window, &theirs).await.unwrap();
    assert_eq!(seen, WebLogin::SignedIn(window.profile_id.clone()));
    let account = bench.berth.account().unwrap();
    assert_eq!(account.user, bench.cluster.account().email);
    let session = bench.running(0).await;
    bench.berth.connect(&session.id, SSHD).await.unwrap();
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_renewed_there_keeps_the_ports_here() {
    let bench = Bench::new().await;
    let window = opened(&bench).await;
    let session = bench.running(0).await;
    let (before, _) =
        bench.berth.connect_for_web_ui(&window.profile_id, &app(&session.id, SSHD)).await.unwrap();
    bench.cluster.control().expire_logins();
    let theirs = sign_in_there(&bench).await;
    let seen = bench.berth.web_login_seen(&window, &theirs).await.unwrap();
    assert_eq!(seen, WebLogin::SignedIn(window.profile_id.clone()));
    assert_eq!(pairs(&bench.berth.web_cookies(&window.profile_id).unwrap()), theirs);
    let after = bench.berth.connections().get(&before.id).unwrap();
    assert_eq!(after.port, before.port);
    let ssh = support::shell(&format!("{} true", after.commands[0].line)).await;
    assert_eq!(ssh.status, 0, "{}", ssh.stderr);
    bench.stop().await;
}
