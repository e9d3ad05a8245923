//! The manager: every request signed with a keypair (protocol.md 1.3).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use time::macros::format_description;

use super::{call_api, log, signature};
use crate::api;
use crate::cluster::{Cluster, Hop};
use crate::session::now;

#[derive(Clone)]
struct Manager {
    cluster: Arc<Cluster>,
    api: Router,
}

/// The whole manager.
pub(crate) fn router(cluster: Arc<Cluster>) -> Router {
    let api = api::router(cluster.clone());
    Router::new().fallback(handle).with_state(Manager { cluster, api })
}

async fn handle(State(manager): State<Manager>, request: Request) -> Response {
    let cluster = &manager.cluster;
    log(cluster, &request, Hop::Manager);
    let path = request.uri().path().to_owned();
    if let Some(fault) = cluster.faults.find(&path) {
        return fault.answer(&cluster.stop).await;
    }
    let shift = cluster.state().clock_shift;
    let anonymous = matches!(path.as_str(), "/" | "/auth/authorize" | "/auth/update-password-no-auth");
    let caller = if anonymous {
        Ok(None)
    } else {
        signature::verify(cluster, request.method(), request.uri(), request.headers(), shift).map(Some)
    };
    let answer = match caller {
        Ok(caller) => call_api(cluster, &manager.api, request, &path, caller, Hop::Manager).await,
        Err(problem) => Err(problem),
    };
    let mut response = answer.unwrap_or_else(IntoResponse::into_response);
    if shift != 0 {
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let date = (now() + time::Duration::seconds(shift)).format(&format).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(header::DATE, value);
        }
    }
    response
}
