//! The manager's REST and GraphQL API, as both servers offer it to a known caller.

mod account;
mod apps;
mod create;
mod events;
mod files;
mod resources;
mod session;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

use crate::cluster::{Caller, Cluster};
use crate::gql;
use crate::problem::Problem;

pub(crate) type Shared = State<Arc<Cluster>>;

/// Largest request body: an upload of 20 files of 1 MiB (protocol.md 5.2), and a little more.
const BODY_LIMIT: usize = 24 * 1024 * 1024;

/// The API. Requests carry a [`Caller`] (unless anonymous) and a [`Hop`](crate::cluster::Hop).
pub(crate) fn router(cluster: Arc<Cluster>) -> Router {
    Router::new()
        .route("/", get(version))
        .route("/auth/authorize", post(account::authorize))
        .route("/auth/role", get(account::role))
        .route("/auth/update-password", post(account::update_password))
        .route("/auth/update-password-no-auth", post(account::update_expired_password))
        .route(
            "/auth/ssh-keypair",
            get(account::ssh_key).patch(account::renew_ssh_key).post(account::set_ssh_key),
        )
        .route("/admin/gql", post(gql::handle))
        .route("/session", post(create::create))
        .route("/session/_/match", get(session::find))
        .route("/session/{session}", get(session::info).delete(session::destroy))
        .route("/session/{session}/logs", get(session::logs))
        .route("/session/{session}/rename", post(session::rename))
        .route("/session/{session}/start-service", post(session::start_service))
        .route("/session/{session}/direct-access-info", get(session::direct_access))
        .route("/session/{session}/files", get(files::list))
        .route("/session/{session}/download", any(files::download))
        .route("/session/{session}/download_single", any(files::download_single))
        .route("/session/{session}/upload", post(files::upload))
        .route("/stream/session/{session}/apps", get(session::apps))
        .route("/stream/session/{session}/tcpproxy", any(stream::tcpproxy))
        .route("/stream/session/{session}/httpproxy", any(stream::tcpproxy))
        .route("/events/session", get(events::sessions))
        .route("/folders", get(resources::folders).post(resources::create_folder))
        .route("/folders/_/hosts", get(resources::folder_hosts))
        .route("/manager/announcement", get(resources::announcement))
        .route("/config/resource-slots", get(resources::slots))
        .route("/resource/presets", get(resources::presets))
        .route("/scaling-groups", get(resources::scaling_groups))
        .route("/scaling-groups/{name}/wsproxy-version", get(resources::wsproxy_version))
        .route("/v2/sessions/my/search", post(session::search_v2))
        .fallback(unknown_url)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(cluster)
}

/// `GET /`, without a caller.
async fn version(State(cluster): Shared) -> Response {
    axum::Json(json!({
        "version": cluster.dialect().api_version(),
        "manager": cluster.dialect().manager_version(),
    }))
    .into_response()
}

async fn unknown_url() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "url-not-found", "Unknown URL path.")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        parts.extensions.get::<Caller>().copied().ok_or_else(Problem::unauthorized)
    }
}

/// Query parameters, decoded, in order.
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    /// The first value of a parameter.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Refuses keys outside the list where the server does that (protocol.md 1.4).
    pub(crate) fn only(&self, cluster: &Cluster, known: &[&str]) -> Result<(), Problem> {
        only_keys(cluster, self.0.iter().map(|(name, _)| name.as_str()), known)
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        Ok(Query(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()))
    }
}

/// The strict schemas of old servers: any key outside the list is 400.
pub(crate) fn only_keys<'a>(
    cluster: &Cluster,
    keys: impl Iterator<Item = &'a str>,
    known: &[&str],
) -> Result<(), Problem> {
    if !cluster.dialect().refuses_unknown_keys() {
        return Ok(());
    }
    let mut keys = keys;
    match keys.find(|key| !known.contains(key)) {
        Some(key) => Err(Problem::schema(key, "is not allowed key")),
        None => Ok(()),
    }
}

/// A JSON object body.
pub(crate) fn parse_object(body: &[u8]) -> Result<serde_json::Map<String, Value>, Problem> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Problem::invalid_params("The request body must be a JSON object.")),
        Err(_) => Err(Problem::invalid_params("The request body is not valid JSON.")),
    }
}
