//! A server that answers what a test says and remembers what it was asked.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use backend_ai::{AccessMode, Client, Credentials, Endpoint, Network, Server, SessionRef};
use serde_json::{Value, json};

pub const UUID: &str = "0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11";

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The client's end of the TCP connection.
    pub peer: SocketAddr,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `METHOD /path`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

#[derive(Clone)]
pub struct Stub {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("http://{}", self.address)).unwrap()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub fn server(&self, mode: AccessMode, manager: &str, api: &str) -> Server {
        Server {
            endpoint: self.endpoint(),
            mode,
            manager_version: manager.to_owned(),
            api_version: api.to_owned(),
        }
    }

    pub fn client(&self, mode: AccessMode, manager: &str) -> Client {
        // Often, so that tests need not wait for it.
        let network = Network { pool_refresh: Duration::from_millis(5), ..Network::default() };
        Client::new(self.server(mode, manager, "v7.20230615"), &network).unwrap()
    }
}

/// Answers every request by a function.
pub async fn stub(answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static) -> Stub {
    stub_with(Router::new(), answer).await
}

/// As `stub`, with some paths answered by a router.
pub async fn stub_with(
    router: Router,
    answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static,
) -> Stub {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    let router = router.fallback(move |request: Request| {
        let (answer, record) = (answer.clone(), record.clone());
        async move {
            let (head, body) = request.into_parts();
            let ConnectInfo(peer) = *head.extensions.get::<ConnectInfo<SocketAddr>>().unwrap();
            let one = Seen {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers,
                body: axum::body::to_bytes(body, 1 << 20).await.unwrap(),
                peer,
            };
            record.lock().unwrap().push(one.clone());
            answer(&one)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Stub { address, seen }
}

pub fn answer(status: u16, body: Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub fn raw(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

pub fn problem(status: u16, kind: &str, title: &str, msg: Option<&str>) -> Response {
    let mut body = json!({"type": format!("https://api.backend.ai/probs/{kind}"), "title": title});
    if let Some(msg) = msg {
        body["msg"] = json!(msg);
    }
    answer(status, body)
}

pub fn page() -> Response {
    raw(200, "text/html", "<!doctype html><title>Backend.AI</title>")
}

/// A body that never ends.
pub fn endless() -> Response {
    let block = Bytes::from(vec![b' '; 64 << 10]);
    let blocks = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(block.clone()));
    raw(200, "application/json", Body::from_stream(blocks))
}

pub fn password() -> Credentials {
    Credentials::Password {
        user: "user@example.com".to_owned(),
        password: "hunter2 is secret".to_owned(),
        otp: None,
        force: false,
    }
}

pub fn keypair() -> Credentials {
    Credentials::Keypair {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
    }
}

pub fn session() -> SessionRef {
    SessionRef { id: UUID.to_owned(), name: "lab1".to_owned() }
}

/// What a webserver answers to a login, with the cookie `value`.
pub fn logged_in(value: &str) -> Response {
    let mut response = answer(
        200,
        json!({"authenticated": true, "data": {"access_key": "AKIAUSER", "role": "user", "status": "active"}}),
    );
    let cookie = format!(
        "AIOHTTP_SESSION={value}; expires=2020-11-30T23:59:59.123456+00:00; HttpOnly; Max-Age=604800; Path=/"
    );
    let headers = response.headers_mut();
    headers.append("set-cookie", cookie.parse().unwrap());
    headers.append("set-cookie", "route=n1; Path=/".parse().unwrap());
    response
}

/// The answers every signed-in client needs, in both modes; `None` for anything else.
pub fn signs_in(seen: &Seen) -> Option<Response> {
    match seen.path.as_str() {
        "/server/login" => Some(logged_in("abc")),
        "/auth/role" => {
            Some(answer(200, json!({"global_role": "user", "domain_role": "admin", "group_role": null})))
        }
        _ => None,
    }
}

/// A signed-in client of a server of one line.
pub async fn signed_in(
    mode: AccessMode,
    manager: &str,
    router: Router,
    answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static,
) -> (Stub, Client) {
    let stub = stub_with(router, move |seen| signs_in(seen).unwrap_or_else(|| answer(seen))).await;
    let client = stub.client(mode, manager);
    let credentials = match mode {
        AccessMode::Session => password(),
        AccessMode::Api => keypair(),
    };
    client.sign_in(&credentials).await.unwrap();
    (stub, client)
}

pub fn not_found() -> Response {
    raw(404, "text/plain", "nothing here")
}
