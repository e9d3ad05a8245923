//! Signing in, in both modes, on servers of different lines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backend_ai::{AccessMode, Client, Credentials, Error, Identity, Network, SignInError};
use common::{answer, endless, keypair, logged_in, not_found, page, password, problem, raw, signs_in, stub};
use serde_json::{Value, json};

use AccessMode::{Api, Session};

fn refusal(kind: &str, details: Option<&str>) -> Value {
    json!({"authenticated": false, "data": {
        "type": format!("https://api.backend.ai/probs/{kind}"),
        "title": "Credential/signature mismatch.", "details": details}})
}

#[tokio::test]
async fn the_cookies_of_the_login_prove_it_from_then_on() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/server/login-check" => answer(
            200,
            json!({"authenticated": true, "data": {"access_key": "AKIAUSER", "role": "user"}, "session_id": "x"}),
        ),
        "/server/logout" => raw(200, "text/plain", ""),
        _ => signs_in(seen).unwrap_or_else(not_found),
    })
    .await;
    let client = stub.client(Session, "24.09.14");
    assert_eq!(client.check_login().await, Ok(None));
    let identity = client.sign_in(&password()).await.unwrap();
    let expected = Identity { access_key: "AKIAUSER".to_owned(), role: Some("user".to_owned()) };
    assert_eq!(identity, expected);
    // A clone made before or after shares the login.
    assert_eq!(client.clone().check_login().await, Ok(Some(expected)));
    client.sign_out().await.unwrap();
    assert_eq!(client.check_login().await, Ok(None));

    let seen = stub.seen();
    assert_eq!(stub.lines(), ["POST /server/login", "POST /server/login-check", "POST /server/logout"]);
    // No key that was not needed: old servers hand all of them to the manager.
    assert_eq!(seen[0].json(), json!({"username": "user@example.com", "password": "hunter2 is secret"}));
    for one in &seen[1..] {
        let cookies = one.header("cookie");
        assert!(cookies.contains("AIOHTTP_SESSION=abc") && cookies.contains("route=n1"), "{cookies}");
    }
    assert_eq!(seen[0].header("x-backendai-version"), "v7.20230615");
}

#[tokio::test]
async fn a_login_that_names_no_account_is_asked_for_it() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/server/login" => answer(200, json!({"authenticated": true, "data": null})),
        _ => answer(200, json!({"authenticated": true, "data": {"access_key": "AKIAUSER", "role": null}})),
    })
    .await;
    let client = stub.client(Session, "23.09.10");
    assert_eq!(client.sign_in(&password()).await.unwrap().access_key, "AKIAUSER");
    assert_eq!(stub.lines(), ["POST /server/login", "POST /server/login-check"]);
}

#[tokio::test]
async fn a_new_login_carries_nothing_of_the_old_one() {
    let count = Arc::new(AtomicUsize::new(0));
    let stub = stub(move |seen| match seen.path.as_str() {
        "/server/login" => logged_in(&format!("login{}", count.fetch_add(1, Ordering::SeqCst))),
        // A refusal sets a cookie that means nobody.
        _ => {
            let mut response = problem(401, "auth-failed", "Unauthorized access", None);
            response.headers_mut().insert("set-cookie", "AIOHTTP_SESSION=nobody; Path=/".parse().unwrap());
            response
        }
    })
    .await;
    let client = stub.client(Session, "23.09.10");
    let other = client.clone();
    client.sign_in(&password()).await.unwrap();
    assert_eq!(client.session_events(None).await.unwrap_err(), Error::NotSignedIn);
    client.sign_in(&password()).await.unwrap();
    assert_eq!(other.session_events(None).await.unwrap_err(), Error::NotSignedIn);
    let cookies: Vec<_> = stub.seen().iter().map(|seen| seen.header("cookie").to_owned()).collect();
    assert_eq!(cookies[0], "");
    assert!(cookies[1].contains("login0") && !cookies[1].contains("nobody"), "{cookies:?}");
    assert_eq!(cookies[2], "");
    assert!(cookies[3].contains("login1") && !cookies[3].contains("nobody"), "{cookies:?}");
}

#[tokio::test]
async fn refusals_are_read_from_the_body_whatever_the_status() {
    let cases = [
        (200, refusal("auth-failed", Some("User credential mismatch.")), SignInError::WrongCredentials),
        (401, refusal("auth-failed", Some("User credential mismatch.")), SignInError::WrongCredentials),
        (200, refusal("auth-failed", None), SignInError::WrongCredentials),
        (200, refusal("rejected-by-hook", Some("OTP not provided")), SignInError::OtpRequired),
        (401, refusal("require-totp-authentication", None), SignInError::OtpRequired),
        (400, refusal("rejected-by-hook", Some("Invalid TOTP code provided")), SignInError::OtpWrong),
        (401, refusal("require-totp-registration", None), SignInError::OtpEnrolmentRequired),
        (401, refusal("password-expired", None), SignInError::PasswordExpired),
        (409, refusal("active-login-session-exists", None), SignInError::TooManyLogins),
        (
            400,
            refusal("rejected-by-hook", Some("Not today.")),
            SignInError::RefusedByHook("Not today.".into()),
        ),
        (
            429,
            json!({"type": "https://api.backend.ai/probs/too-many-requests", "title": "Too many"}),
            SignInError::Blocked,
        ),
        (429, refusal("login-blocked", None), SignInError::Blocked),
        (
            429,
            json!({"type": "https://api.backend.ai/probs/rate-limit-exceeded", "title": "Slow down"}),
            SignInError::Other(Error::RateLimited),
        ),
        (
            502,
            json!({"type": "https://api.backend.ai/probs/bad-gateway", "title": "Bad gateway"}),
            SignInError::Other(Error::Gateway),
        ),
    ];
    for (status, body, expected) in cases {
        let sent = body.clone();
        let stub = stub(move |_| answer(status, sent.clone())).await;
        let client = stub.client(Session, "26.9.6");
        assert_eq!(client.sign_in(&password()).await, Err(expected), "{status} {body}");
        assert_eq!(stub.seen().len(), 1, "a sign-in is never repeated by itself");
        assert_eq!(client.sessions(backend_ai::SessionScope::Live).await, Err(Error::NotSignedIn));
    }
}

#[tokio::test]
async fn otp_and_force_are_sent_only_where_they_are_known() {
    let stub = stub(|seen| signs_in(seen).unwrap_or_else(not_found)).await;
    let credentials = Credentials::Password {
        user: "u".to_owned(),
        password: "p".to_owned(),
        otp: Some("123456".to_owned()),
        force: true,
    };
    stub.client(Session, "26.4.0").sign_in(&credentials).await.unwrap();
    stub.client(Session, "25.15.12").sign_in(&credentials).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[0].json(), json!({"username": "u", "password": "p", "otp": "123456", "force": true}));
    assert_eq!(seen[1].json(), json!({"username": "u", "password": "p", "otp": "123456"}));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect() {
    let other = stub(|_| logged_in("stolen")).await;
    let to = format!("http://{}/server/login", other.address);
    let location = to.clone();
    let stub = stub(move |_| {
        let mut response = raw(307, "text/plain", "");
        response.headers_mut().insert("location", location.parse().unwrap());
        response
    })
    .await;
    let client = stub.client(Session, "23.09.10");
    assert_eq!(client.sign_in(&password()).await, Err(SignInError::Other(Error::Redirected { to })));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    let stub = stub(|seen| match seen.header("user-agent") {
        "page" => page(),
        "endless" => endless(),
        "null" => answer(200, json!({"authenticated": null})),
        _ => answer(200, json!([1, 2, 3])),
    })
    .await;
    for kind in ["page", "null", "list"] {
        let network = Network { user_agent: kind.to_owned(), ..Network::default() };
        let client = Client::new(stub.server(Session, "23.09.10", "v7.20230615"), &network).unwrap();
        let error = client.sign_in(&password()).await.unwrap_err();
        assert!(matches!(error, SignInError::Other(Error::BadAnswer(_))), "{kind}: {error:?}");
    }
    let network = Network { user_agent: "endless".to_owned(), ..Network::default() };
    let client = Client::new(stub.server(Session, "23.09.10", "v7.20230615"), &network).unwrap();
    let error = client.sign_in(&password()).await.unwrap_err();
    assert!(matches!(error, SignInError::Other(Error::TooLarge { .. })), "{error:?}");
}

#[tokio::test]
async fn a_keypair_is_checked_with_a_signed_request() {
    let stub = stub(|seen| signs_in(seen).unwrap_or_else(not_found)).await;
    let client = stub.client(Api, "23.09.10");
    let identity = client.sign_in(&keypair()).await.unwrap();
    assert_eq!(identity.access_key, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(identity.role.as_deref(), Some("admin"));
    let seen = &stub.seen()[0];
    assert!(
        seen.header("authorization")
            .starts_with("BackendAI signMethod=HMAC-SHA256, credential=AKIAIOSFODNN7EXAMPLE:"),
        "{}",
        seen.header("authorization")
    );
    assert!(seen.header("date").ends_with("+00:00"));
    assert_eq!(seen.header("host"), stub.address.to_string());
    assert_eq!(seen.header("content-type"), "");
    assert!(!format!("{client:?}").contains("wJalr"));
    assert!(!format!("{:?} {:?}", keypair(), password()).contains("secret"));
}

#[tokio::test]
async fn keypair_refusals_are_told_apart() {
    for (msg, expected) in [
        ("Access key not found", SignInError::WrongCredentials),
        ("Signature mismatch", SignInError::WrongCredentials),
        (
            "'10.0.0.9' is not allowed IP address",
            SignInError::RefusedByHook("'10.0.0.9' is not allowed IP address".to_owned()),
        ),
    ] {
        let stub =
            stub(move |_| problem(401, "auth-failed", "Credential/signature mismatch.", Some(msg))).await;
        assert_eq!(stub.client(Api, "26.9.6").sign_in(&keypair()).await, Err(expected));
    }
    let stub = stub(|seen| signs_in(seen).unwrap_or_else(not_found)).await;
    assert_eq!(
        stub.client(Session, "26.9.6").sign_in(&keypair()).await,
        Err(SignInError::KeypairNotAccepted)
    );
    assert!(stub.seen().is_empty(), "a keypair goes to no webserver");
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_once_by_the_servers() {
    let stub = stub(|seen| {
        // The server lives in 2031.
        if seen.header("date").starts_with("2031-05-05T") {
            return answer(200, json!({"global_role": "superadmin"}));
        }
        let mut response = problem(400, "invalid-auth-params", "Invalid", Some("Date/time sync error"));
        let date = "Mon, 05 May 2031 12:00:00 GMT".parse().unwrap();
        response.headers_mut().insert("date", date);
        response
    })
    .await;
    let client = stub.client(Api, "24.03.11");
    let identity = client.sign_in(&keypair()).await.unwrap();
    assert_eq!(identity.role.as_deref(), Some("superadmin"));
    assert_eq!(stub.seen().len(), 2);
    assert!(client.clock_skew() > 0);
    assert!(client.check_login().await.unwrap().is_some());
    assert_eq!(stub.seen().len(), 3, "the correction is remembered");
}

#[tokio::test]
async fn a_date_that_is_refused_with_the_right_clock_is_not_sent_again() {
    let stub = stub(|_| problem(400, "invalid-auth-params", "Invalid", Some("Date/time sync error"))).await;
    let error = stub.client(Api, "24.03.11").sign_in(&keypair()).await.unwrap_err();
    assert!(matches!(error, SignInError::Other(Error::Server { status: 400, .. })), "{error:?}");
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_password_at_a_manager_gives_the_keypair() {
    let stub = stub(|seen| match seen.path.as_str() {
        "/auth/authorize" => {
            answer(200, json!({"data": {"access_key": "AKIAOTHER", "secret_key": "s", "role": "user"}}))
        }
        _ => signs_in(seen).unwrap_or_else(not_found),
    })
    .await;
    let client = stub.client(Api, "25.6.17");
    assert_eq!(client.sign_in(&password()).await.unwrap().access_key, "AKIAOTHER");
    assert!(client.check_login().await.unwrap().is_some());
    let seen = stub.seen();
    assert_eq!(seen[0].header("authorization"), "");
    assert!(seen[1].header("authorization").contains("credential=AKIAOTHER:"));
}

#[tokio::test]
async fn servers_of_another_age_are_told() {
    let stub = stub(|_| page()).await;
    let new = |api: &str| Client::new(stub.server(Session, "19.09.0", api), &Network::default()).map(|_| ());
    assert!(matches!(new("v4.20190615"), Err(Error::TooOld { .. })));
    assert!(matches!(new("whatever"), Err(Error::NotBackendAi)));
    assert!(new("v12.20310101").is_ok());
}
