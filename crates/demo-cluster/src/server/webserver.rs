//! The webserver: the address users know from the WebUI. Logins with cookies under `/server`,
//! the manager's API under `/func`, and a page for everything else (protocol.md 1, appendix B).

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::{call_api, cookie, log, login};
use crate::api;
use crate::cluster::{Caller, Cluster, Hop};
use crate::problem::Problem;
use crate::session::{iso, now};

/// Stands in for the WebUI: lists the sessions, and asks a local proxy for ports as the WebUI does in its desktop app.
const INDEX: &str = include_str!("page.html");

/// Largest login body.
const BODY_LIMIT: usize = 64 * 1024;

#[derive(Clone)]
struct Web {
    cluster: Arc<Cluster>,
    api: Router,
}

/// The whole webserver.
pub(crate) fn router(cluster: Arc<Cluster>) -> Router {
    let api = api::router(cluster.clone());
    Router::new().fallback(handle).with_state(Web { cluster, api })
}

async fn handle(State(web): State<Web>, request: Request) -> Response {
    let cluster = &web.cluster;
    log(cluster, &request, Hop::Webserver);
    let path = request.uri().path().to_owned();
    if let Some(fault) = cluster.faults.find(&path) {
        return fault.answer(&cluster.stop).await;
    }
    if let Some(rest) = path.strip_prefix("/func/") {
        return func(&web, request, rest).await;
    }
    if let Some(action) = path.strip_prefix("/server/") {
        return server(cluster, action, request).await;
    }
    match path.as_str() {
        "/config.toml" => config(cluster, &request),
        "/version.json" => axum::Json(json!({
            "package": cluster.dialect().manager_version(), "buildNumber": "0", "buildDate": "", "revision": "",
        }))
        .into_response(),
        "/report" if request.method() == Method::POST => report(cluster, request).await,
        // The WebUI is a single page: every unknown path is its index (appendix B).
        _ if request.method() == Method::GET => {
            Html(cluster.state().page.clone().unwrap_or_else(|| INDEX.to_owned())).into_response()
        }
        _ => Problem::method_not_allowed().into_response(),
    }
}

/// What a page of a test has to tell.
async fn report(cluster: &Cluster, request: Request) -> Response {
    match to_bytes(request.into_body(), BODY_LIMIT).await {
        Ok(body) => {
            cluster.state().reports.push(String::from_utf8_lossy(&body).into_owned());
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

/// `/server/{action}`.
async fn server(cluster: &Cluster, action: &str, request: Request) -> Response {
    if request.method() != Method::POST {
        return Problem::method_not_allowed().into_response();
    }
    let (parts, body) = request.into_parts();
    match action {
        "login" => match to_bytes(body, BODY_LIMIT).await {
            Ok(body) => login::login(cluster, &parts.headers, &body),
            Err(_) => Problem::invalid_params("The request body is too large.").into_response(),
        },
        "update-password-no-auth" => match to_bytes(body, BODY_LIMIT).await {
            Ok(body) => login::update_password_no_auth(cluster, &body),
            Err(_) => Problem::invalid_params("The request body is too large.").into_response(),
        },
        "login-check" => login::login_check(cluster, &parts.headers),
        "logout" => login::logout(cluster, &parts.headers),
        "extend-login-session" if cluster.dialect().has_extend_login() => {
            match signed_in(cluster, &parts.headers) {
                Some(_) => {
                    axum::Json(json!({"status": 201, "expires": iso(now() + time::Duration::days(7))}))
                        .into_response()
                }
                None => unauthorized(cluster),
            }
        }
        _ => Problem::new(StatusCode::NOT_FOUND, "url-not-found", "Unknown URL path.").into_response(),
    }
}

/// `/func/{path}`: the manager's API for who is logged in.
async fn func(web: &Web, request: Request, rest: &str) -> Response {
    let cluster = &web.cluster;
    let dialect = cluster.dialect();
    let path = format!("/{rest}");
    match rest {
        "ping" => {
            return axum::Json(json!({"version": dialect.manager_version(), "details": "Success"}))
                .into_response();
        }
        "health" => {
            return axum::Json(json!({"status": "ok", "version": dialect.manager_version()})).into_response();
        }
        _ => {}
    }
    let caller = signed_in(cluster, request.headers());
    if caller.is_none() && !rest.is_empty() {
        if rest == "admin/gql" && cluster.settings.federation_router {
            return federation_refusal();
        }
        return unauthorized(cluster);
    }
    call_api(cluster, &web.api, request, &path, caller, Hop::Webserver)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

fn signed_in(cluster: &Cluster, headers: &axum::http::HeaderMap) -> Option<Caller> {
    let id = cookie::read(headers)?;
    let login = cluster.state().logins.get(&id).copied()?;
    Some(Caller { account: login.account })
}

/// 401 with a cookie for a new, anonymous session (appendix A).
fn unauthorized(cluster: &Cluster) -> Response {
    let mut response = Problem::unauthorized().into_response();
    let id = cluster.new_anonymous_cookie();
    response.headers_mut().append(header::SET_COOKIE, cookie::write(cluster.dialect(), &id));
    response
}

/// What an expired login looks like behind the federation router: 200, and the 401 deep inside
/// (appendix B).
fn federation_refusal() -> Response {
    let body = json!({"errors": [{
        "message": "Unexpected empty \"data\" and \"errors\" fields in result: \
                    {\"type\":\"https://api.backend.ai/probs/auth-failed\"}",
        "extensions": {
            "code": "RESPONSE_VALIDATION_FAILED",
            "response": {"status": 401, "body": {"type": "https://api.backend.ai/probs/auth-failed"}},
        },
    }]});
    axum::Json(body).into_response()
}

fn config(cluster: &Cluster, request: &Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let text = format!(
        "[general]\napiEndpoint = \"http://{host}\"\napiEndpointText = \"Berth demo cluster\"\n\
         connectionMode = \"SESSION\"\nsiteDescription = \"Berth demo cluster\"\n\
         allowSignout = false\nenableRegistrationPage = false\n\n[wsproxy]\nproxyURL = \"\"\n\n\
         # Berth's embedded demo cluster, imitating Backend.AI {}\n",
        cluster.dialect().manager_version()
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
