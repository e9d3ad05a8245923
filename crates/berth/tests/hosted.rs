//! The cluster's own page in a window of ours: one sign-in for both, and ports among all others.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, which fail by it")]

mod support;

use backend_ai::{Client, Credentials, Endpoint, Network, probe};
use berth::terminal::{DemoGuard, Reach};
use berth::{AccessMode, DemoAccess, Event, HostedApp, PortReason, SSHD, WebLogin, WebUi, shows_one_session};
use demo_cluster::{Dialect, Fault};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_an_address_where_the_webui_has_one_for_it() {
    let bench = Bench::new().await;
    let page = opened(&bench).await;
    let id = "5b5e0c6e-0000-4000-8000-000000000001";
    assert_eq!(page.session_url(id), format!("{}job?sessionDetail={id}", page.url));
    let odd = page.session_url("a&b=c/../d");
    assert!(odd.ends_with("job?sessionDetail=a%26b%3Dc%2F..%2Fd"), "{odd}");
    assert!(shows_one_session(&bench.berth.account().unwrap().server));
    let old = Bench::with(Dialect::V23_09).await;
    old.sign_in(AccessMode::Session).await;
    assert!(!shows_one_session(&old.berth.account().unwrap().server));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_wanted_is_one_of_the_account_that_is_signed_in() {
    let bench = Bench::new().await;
    assert_eq!(bench.berth.is_signed_in_as("me@c").unwrap_err().code, "not-signed-in");
    let page = opened(&bench).await;
    assert!(bench.berth.is_signed_in_as(&page.profile_id).is_ok());
    let error = bench.berth.is_signed_in_as("me@c").unwrap_err();
    assert_eq!(error.code, "signed-in-elsewhere");
    assert!(error.message.contains("me@c"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_cluster_that_runs_elsewhere_is_signed_in_to_unasked() {
    let bench = Bench::new().await;
    let account = bench.cluster.account();
    let access =
        DemoAccess { url: bench.cluster.webserver_url(), email: account.email, password: account.password };
    let _note = DemoGuard::new(bench.berth.paths(), &access).unwrap();
    let id = Reach::Demo(access).web_profile().unwrap();
    bench.berth.sign_in_unasked("somebody else").await;
    assert!(bench.berth.account().is_none());
    bench.berth.sign_in_unasked(&id).await;
    assert!(bench.berth.is_signed_in_as(&id).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_for_one_account_does_not_wait_for_another() {
    let bench = Bench::new().await;
    bench.berth.sign_in(bench.request(AccessMode::Session, true)).await.unwrap();
    let id = bench.berth.account().unwrap().profile_id;
    let again = bench.restart().await;
    again.berth.expect_restore();
    let mut events = again.berth.events();
    again.berth.restore_as("somebody else").await;
    assert!(matches!(events.recv().await.unwrap(), Event::SignedOut { error: None, .. }));
    assert!(again.berth.account().is_none() && !again.berth.startup().await.restoring);
    again.berth.sign_in_unasked(&id).await;
    assert!(again.berth.is_signed_in_as(&id).is_ok());
    again.stop().await;
}
