//! Streams to apps, against an independent WebSocket server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::any;
use backend_ai::{AccessMode, SessionRef, SessionScope, StreamEnd, StreamError};
use common::{Seen, UUID, answer, not_found, page, problem, raw, session, signed_in};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use AccessMode::{Api, Session};

const FUNC: &str = "/func/stream/session/{session}/tcpproxy";
const PLAIN: &str = "/stream/session/{session}/tcpproxy";

/// A route that hands each WebSocket to a function.
fn proxy<F>(path: &str, serve: impl Fn(WebSocket) -> F + Clone + Send + Sync + 'static) -> Router
where
    F: Future<Output = ()> + Send + 'static,
{
    Router::new().route(path, any(move |ws: WebSocketUpgrade| async move { ws.on_upgrade(serve) }))
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Binary(bytes) = message
            && socket.send(Message::Binary(bytes)).await.is_err()
        {
            return;
        }
    }
}

/// Bytes that do not repeat soon.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

#[tokio::test]
async fn bytes_come_back_as_they_were() {
    for (mode, path) in [(Session, FUNC), (Api, PLAIN)] {
        let (_, client) = signed_in(mode, "23.09.10", proxy(path, echo), |_| not_found()).await;
        let stream = client.open_stream(&session(), "sshd").await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let sent = noise(8 << 20);
        let expected = Sha256::digest(&sent);
        let write = tokio::spawn(async move {
            // Bytes one by one first, then pieces of all sizes.
            let (single, rest) = sent.split_at(300);
            for byte in single {
                writer.write_all(std::slice::from_ref(byte)).await.unwrap();
            }
            for (i, piece) in rest.chunks(200_003).enumerate() {
                writer.write_all(piece).await.unwrap();
                if i % 3 == 0 {
                    writer.flush().await.unwrap();
                }
            }
            writer.flush().await.unwrap();
            writer
        });
        let mut got = vec![0; 8 << 20];
        reader.read_exact(&mut got).await.unwrap();
        assert_eq!(Sha256::digest(&got), expected);
        let mut writer = write.await.unwrap();
        writer.shutdown().await.unwrap();
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
        let stream = reader.unsplit(writer);
        assert_eq!(stream.close_code(), Some(1000));
    }
}

#[tokio::test]
async fn the_handshake_carries_the_login_and_nothing_that_is_not_needed() {
    let heads: Arc<Mutex<Vec<(String, String, HeaderMap)>>> = Arc::default();
    let seen = heads.clone();
    let handler = move |Path(session): Path<String>,
                        RawQuery(query): RawQuery,
                        headers: HeaderMap,
                        ws: WebSocketUpgrade| async move {
        seen.lock().unwrap().push((session, query.unwrap_or_default(), headers));
        ws.on_upgrade(echo)
    };
    let router = Router::new().route(FUNC, any(handler.clone())).route(PLAIN, any(handler));
    for mode in [Session, Api] {
        let (_, client) = signed_in(mode, "23.09.10", router.clone(), |_| not_found()).await;
        client.open_stream(&session(), "my app&x").await.unwrap();
    }
    let heads = heads.lock().unwrap();
    let text = |headers: &HeaderMap, name: &str| {
        headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    for (session, query, headers) in heads.iter() {
        assert_eq!((session.as_str(), query.as_str()), (UUID, "app=my+app%26x"));
        assert_eq!(text(headers, "x-backendai-version"), "v7.20230615");
        for absent in ["sec-websocket-extensions", "sec-websocket-protocol", "content-type", "origin"] {
            assert!(!headers.contains_key(absent), "{absent}");
        }
    }
    assert!(text(&heads[0].2, "cookie").contains("AIOHTTP_SESSION=abc"));
    assert!(text(&heads[1].2, "authorization").starts_with("BackendAI signMethod=HMAC-SHA256"));
    assert!(text(&heads[1].2, "date").ends_with("+00:00"));
}

#[tokio::test]
async fn a_later_login_is_used_by_the_next_stream() {
    let cookies: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = cookies.clone();
    let router = Router::new().route(
        FUNC,
        any(move |headers: HeaderMap, ws: WebSocketUpgrade| async move {
            let cookie = headers["cookie"].to_str().unwrap().to_owned();
            seen.lock().unwrap().push(cookie);
            ws.on_upgrade(echo)
        }),
    );
    let count = Arc::new(Mutex::new(0));
    let stub = common::stub_with(router, move |seen| {
        if seen.path != "/server/login" {
            return not_found();
        }
        *count.lock().unwrap() += 1;
        common::logged_in(&format!("login{}", count.lock().unwrap()))
    })
    .await;
    let client = stub.client(Session, "23.09.10");
    let connector = client.clone();
    client.sign_in(&common::password()).await.unwrap();
    let mut first = connector.open_stream(&session(), "sshd").await.unwrap();
    client.sign_in(&common::password()).await.unwrap();
    connector.open_stream(&session(), "sshd").await.unwrap();
    let cookies = cookies.lock().unwrap().clone();
    assert!(cookies[0].contains("login1") && cookies[1].contains("login2"), "{cookies:?}");
    first.write_all(b"still open").await.unwrap();
    first.flush().await.unwrap();
    let mut got = [0; 10];
    first.read_exact(&mut got).await.unwrap();
}

#[tokio::test]
async fn close_codes_arrive_as_typed_ends() {
    for (code, end) in [
        (1000, None),
        (1001, None),
        (1009, Some(StreamEnd::TooLarge)),
        (1011, Some(StreamEnd::Failed)),
        (1013, Some(StreamEnd::Refused)),
    ] {
        let serve = move |mut socket: WebSocket| async move {
            socket.send(Message::Binary(Bytes::from_static(b"last"))).await.unwrap();
            let frame = CloseFrame { code, reason: "x".into() };
            socket.send(Message::Close(Some(frame))).await.unwrap();
            while let Some(Ok(_)) = socket.recv().await {}
        };
        let (_, client) = signed_in(Api, "23.09.10", proxy(PLAIN, serve), |_| not_found()).await;
        let mut stream = client.open_stream(&session(), "sshd").await.unwrap();
        let mut got = Vec::new();
        let result = stream.read_to_end(&mut got).await;
        assert_eq!(got, b"last");
        assert_eq!(result.err().as_ref().and_then(StreamEnd::of), end.as_ref(), "{code}");
        assert_eq!(stream.close_code(), Some(code));
    }
}

#[tokio::test]
async fn a_server_that_vanishes_is_a_reset() {
    let serve = |socket: WebSocket| async move { drop(socket) };
    let (_, client) = signed_in(Api, "23.09.10", proxy(PLAIN, serve), |_| not_found()).await;
    let mut stream = client.open_stream(&session(), "sshd").await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(matches!(StreamEnd::of(&error), Some(StreamEnd::Reset(_))), "{error:?}");
}

#[tokio::test]
async fn pings_of_the_server_are_answered_and_text_is_ignored() {
    let serve = |mut socket: WebSocket| async move {
        socket.send(Message::Text("ignore me".into())).await.unwrap();
        socket.send(Message::Ping(Bytes::from_static(b"are you there"))).await.unwrap();
        loop {
            if let Message::Pong(bytes) = socket.recv().await.unwrap().unwrap() {
                socket.send(Message::Binary(bytes)).await.unwrap();
                return;
            }
        }
    };
    let (_, client) = signed_in(Session, "23.09.10", proxy(FUNC, serve), |_| not_found()).await;
    let mut stream = client.open_stream(&session(), "sshd").await.unwrap();
    let mut got = [0; 13];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"are you there");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_streams_at_once() {
    let (_, client) = signed_in(Session, "23.09.10", proxy(FUNC, echo), |_| not_found()).await;
    let mut all = JoinSet::new();
    for number in 0..200u32 {
        let client = client.clone();
        all.spawn(async move {
            let mut stream = client.open_stream(&session(), "sshd").await.unwrap();
            let sent = number.to_be_bytes().repeat(500);
            stream.write_all(&sent).await.unwrap();
            stream.flush().await.unwrap();
            let mut got = vec![0; sent.len()];
            stream.read_exact(&mut got).await.unwrap();
            assert!(got == sent);
            stream
        });
    }
    // All stay open until the last one has answered.
    assert_eq!(all.join_all().await.len(), 200);
}

async fn refused(
    mode: AccessMode,
    manager: &'static str,
    by: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static,
) -> StreamError {
    let (_, client) = signed_in(mode, manager, Router::new(), by).await;
    client.open_stream(&session(), "sshd").await.unwrap_err()
}

#[tokio::test]
async fn a_manager_says_why() {
    let cases: Vec<(Response, StreamError)> = vec![
        (
            problem(401, "auth-failed", "Credential/signature mismatch.", Some("Signature mismatch")),
            StreamError::NotSignedIn,
        ),
        (
            problem(404, "object-not-found", "No such session.", None),
            StreamError::SessionNotFound("lab1".into()),
        ),
        (
            problem(404, "object-not-found", "No such app service.", Some("lab1:sshd")),
            StreamError::AppNotFound("sshd".into()),
        ),
        (
            problem(403, "not-enough-permission", "Not enough permission", None),
            StreamError::SessionNotFound("lab1".into()),
        ),
        (
            problem(500, "app-service-start-failed", "Failed", Some("operation blocked")),
            StreamError::AppFailed("operation blocked".into()),
        ),
        (problem(429, "rate-limit-exceeded", "Slow down", None), StreamError::RateLimited),
        (page(), StreamError::NotAWebSocket("the answer is 200 OK".into())),
    ];
    for (response, expected) in cases {
        let (status, body) = {
            let (head, body) = response.into_parts();
            (head.status.as_u16(), axum::body::to_bytes(body, 1 << 16).await.unwrap())
        };
        let error = refused(Api, "23.09.10", move |seen| {
            if seen.path.ends_with("/tcpproxy") {
                raw(status, "application/problem+json", body.clone())
            } else {
                not_found()
            }
        })
        .await;
        assert_eq!(error, expected);
    }
}

/// What a webserver's session looks like to the calls that tell why a stream did not open.
fn behind_502(seen: &Seen, authenticated: bool, status: Option<&str>, apps: &[&str]) -> Response {
    match seen.path.as_str() {
        "/server/login-check" => answer(
            200,
            json!({"authenticated": authenticated, "data": {"access_key": "AKIAUSER", "role": "user"}}),
        ),
        "/func/admin/gql" => {
            let session = status.map(|status| json!({"session_id": UUID, "name": "lab1", "status": status}));
            answer(200, json!({"data": {"compute_session": session}}))
        }
        path if path.ends_with("/apps") => {
            let apps: Vec<_> =
                apps.iter().map(|app| json!({"name": app, "protocol": "tcp", "ports": [2200]})).collect();
            answer(200, json!(apps))
        }
        _ => answer(
            502,
            json!({"type": "https://api.backend.ai/probs/bad-gateway", "title": "The proxy target server is inaccessible."}),
        ),
    }
}

#[tokio::test]
async fn a_webserver_is_asked_why() {
    type Case = (bool, Option<&'static str>, &'static [&'static str], StreamError);
    let cases: [Case; 6] = [
        (false, Some("RUNNING"), &["sshd"], StreamError::NotSignedIn),
        (true, None, &[], StreamError::SessionNotFound("lab1".into())),
        (true, Some("TERMINATED"), &[], StreamError::SessionNotFound("lab1".into())),
        (true, Some("PENDING"), &[], StreamError::SessionNotRunning { status: "PENDING".into() }),
        (true, Some("RUNNING"), &["ttyd"], StreamError::AppNotFound("sshd".into())),
        (true, Some("RUNNING"), &["sshd"], StreamError::Gateway),
    ];
    for (authenticated, status, apps, expected) in cases {
        let error =
            refused(Session, "23.09.10", move |seen| behind_502(seen, authenticated, status, apps)).await;
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_session_that_does_not_run_is_told_from_an_app_that_fails() {
    let error = refused(Api, "23.09.10", |seen| match seen.path.as_str() {
        "/admin/gql" => answer(
            200,
            json!({"data": {"compute_session": {"session_id": UUID, "name": "lab1", "status": "PREPARING"}}}),
        ),
        _ => problem(500, "internal-server-error", "Internal server error", None),
    })
    .await;
    assert_eq!(error, StreamError::SessionNotRunning { status: "PREPARING".into() });
}

#[tokio::test]
async fn servers_that_take_only_names_are_remembered() {
    let names: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = names.clone();
    let router = Router::new().route(
        FUNC,
        any(move |Path(name): Path<String>, ws: WebSocketUpgrade| async move {
            seen.lock().unwrap().push(name.clone());
            if name == "lab1" {
                ws.on_upgrade(echo)
            } else {
                raw(
                    502,
                    "application/json",
                    json!({"title": "The proxy target server is inaccessible."}).to_string(),
                )
            }
        }),
    );
    let (_, client) =
        signed_in(Session, "26.4.3", router, |seen| behind_502(seen, true, Some("RUNNING"), &["sshd"])).await;
    client.open_stream(&session(), "sshd").await.unwrap();
    client.open_stream(&session(), "sshd").await.unwrap();
    assert_eq!(*names.lock().unwrap(), [UUID, "lab1", "lab1"]);
    // Another session's name is never taken for this one's.
    let renamed = SessionRef { id: UUID.to_owned(), name: "other".to_owned() };
    assert!(client.open_stream(&renamed, "sshd").await.is_err());
    assert_eq!(names.lock().unwrap().last().map(String::as_str), Some(UUID));
}

#[tokio::test]
async fn a_false_handshake_is_refused() {
    let head = |accept: &str, more: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        )
    };
    for reply in [
        head("AAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_owned(),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            // The sign-in, then the handshake, each on any connection.
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let reply = reply.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while stream.read_buf(&mut request).await.unwrap_or(0) > 0 {
                        if !request.windows(4).any(|w| w == b"\r\n\r\n") {
                            continue;
                        }
                        let answer = if request.starts_with(b"GET /auth/role") {
                            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                        } else {
                            &reply
                        };
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        request.clear();
                    }
                });
            }
        });
        let server = backend_ai::Server {
            endpoint: backend_ai::Endpoint::parse(&address.to_string()).unwrap(),
            mode: Api,
            manager_version: "23.09.10".to_owned(),
            api_version: "v7.20230615".to_owned(),
        };
        let client = backend_ai::Client::new(server, &backend_ai::Network::default()).unwrap();
        client.sign_in(&common::keypair()).await.unwrap();
        let error = client.open_stream(&session(), "sshd").await.unwrap_err();
        assert!(matches!(error, StreamError::NotAWebSocket(_)), "{error:?}");
    }
}

/// Serves `sshd` as an echo and refuses every other app, as a webserver of 25.12 or later does; tells of refusals.
fn with_pool(path: &str, refused: tokio::sync::mpsc::UnboundedSender<SocketAddr>) -> Router {
    let answer = move |RawQuery(query): RawQuery,
                       ConnectInfo(peer): ConnectInfo<SocketAddr>,
                       ws: WebSocketUpgrade| async move {
        if query.as_deref() == Some("app=sshd") {
            return ws.on_upgrade(echo);
        }
        refused.send(peer).unwrap();
        problem(502, "bad-gateway", "The proxy target server is inaccessible.", None)
    };
    Router::new().route(path, any(answer))
}

#[tokio::test]
async fn streams_keep_the_pool_of_a_webserver_from_closing_them() {
    let (tell, mut refused) = tokio::sync::mpsc::unbounded_channel();
    let (_, client) = signed_in(Session, "26.9.6", with_pool(FUNC, tell), |_| not_found()).await;
    let first = client.open_stream(&session(), "sshd").await.unwrap();
    let second = client.open_stream(&session(), "sshd").await.unwrap();
    drop(first);
    let mut peers = HashSet::new();
    for _ in 0..20 {
        assert!(peers.insert(refused.recv().await.unwrap()), "each over a connection of its own");
    }
    drop(second);
    while refused.try_recv().is_ok() {}
    // Two hundred calls are far longer than the rest between two refreshes; one refresh may have been under way.
    for _ in 0..200 {
        client.sessions(SessionScope::Live).await.unwrap_err();
    }
    assert!(std::iter::from_fn(|| refused.try_recv().ok()).count() <= 1, "no stream, no refresh");
}

#[tokio::test]
async fn servers_without_such_a_pool_are_left_alone() {
    for (mode, path, manager) in
        [(Session, FUNC, "25.11.9"), (Session, FUNC, "23.09.10"), (Api, PLAIN, "26.9.6")]
    {
        let (tell, mut refused) = tokio::sync::mpsc::unbounded_channel();
        let (_, client) = signed_in(mode, manager, with_pool(path, tell), |_| not_found()).await;
        let mut stream = client.open_stream(&session(), "sshd").await.unwrap();
        // Two hundred round trips are far longer than the rest between two refreshes.
        for _ in 0..200 {
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'x');
        }
        assert!(refused.try_recv().is_err(), "{mode:?} {manager}");
    }
}

#[tokio::test]
async fn the_next_stream_finds_a_connection_made_in_advance() {
    let (tell, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let serve = move |ConnectInfo(peer): ConnectInfo<SocketAddr>, ws: WebSocketUpgrade| async move {
        tell.send(peer).unwrap();
        ws.on_upgrade(echo)
    };
    let (warm, mut warmed) = tokio::sync::mpsc::unbounded_channel();
    let (_, client) = signed_in(Session, "26.9.6", Router::new().route(FUNC, any(serve)), move |seen| {
        assert_eq!(
            (seen.path.as_str(), seen.header("cookie")),
            ("/func/", ""),
            "nothing but a look at the door"
        );
        warm.send(seen.peer).unwrap();
        answer(200, json!({"version": "v9.20250722", "manager": "26.9.6"}))
    })
    .await;
    // A stream that is opened too early makes a connection of its own; hardly a hundred do.
    let mut streams = Vec::new();
    let mut spares = HashSet::new();
    for _ in 0..100 {
        streams.push(client.open_stream(&session(), "sshd").await.unwrap());
        spares.extend(std::iter::from_fn(|| warmed.try_recv().ok()));
        if spares.contains(&opened.recv().await.unwrap()) {
            return;
        }
    }
    panic!("none of {spares:?} was used");
}
