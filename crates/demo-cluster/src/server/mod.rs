//! The two HTTP servers of a Backend.AI cluster: the webserver with its login cookies, and the
//! manager with its signed requests. Both hand what they accept to the same API ([`crate::api`]).

mod cookie;
mod login;
mod manager;
mod signature;
mod webserver;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

pub(crate) use login::{BLOCK_TIME, authorize_keypair, update_expired_password, update_password};
pub(crate) use manager::router as manager_router;
pub(crate) use webserver::router as webserver_router;

use crate::cluster::{Caller, Cluster, Hop};
use crate::control::Request;
use crate::problem::Problem;

/// Binds a loopback port; 0 takes a free one.
pub(crate) async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until the cluster stops.
pub(crate) fn serve(
    cluster: &Cluster,
    listener: TcpListener,
    router: Router,
) -> impl Future<Output = ()> + use<> {
    use axum::serve::ListenerExt as _;
    let stop = cluster.stop.clone();
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::warn!(%error, "demo server ended");
        }
    }
}

/// Notes a request in the log, for tests.
fn log(cluster: &Cluster, request: &HttpRequest, hop: Hop) {
    cluster.log_request(Request {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().map(str::to_owned),
        webserver: hop == Hop::Webserver,
    });
}

/// Hands a request to the API as `caller` (None: anonymous), under the path it has there.
async fn call_api(
    cluster: &Cluster,
    api: &Router,
    mut request: HttpRequest,
    path: &str,
    caller: Option<Caller>,
    hop: Hop,
) -> Result<Response, Problem> {
    check_api_version(cluster, request.headers())?;
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    *request.uri_mut() =
        target.parse::<Uri>().map_err(|_| Problem::invalid_params("The path is not a valid URL."))?;
    let quota = match caller {
        Some(caller) => Some(cluster.count_request(caller.account).ok_or_else(Problem::rate_limited)?),
        None => None,
    };
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    request.extensions_mut().insert(hop);
    let mut response = match api.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (limit, remaining) = quota.unwrap_or((1_000, 999));
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
    headers.insert("x-ratelimit-window", HeaderValue::from(900));
    Ok(response)
}

/// Refuses a version that is not in the server's list (protocol.md 1.1).
fn check_api_version(cluster: &Cluster, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(version) = headers.get("x-backendai-version") else { return Ok(()) };
    if version.to_str().is_ok_and(|version| cluster.dialect().accepts_api_version(version)) {
        return Ok(());
    }
    Err(Problem::new(axum::http::StatusCode::BAD_REQUEST, "generic-bad-request", "Bad request.")
        .msg("Unsupported API version."))
}
