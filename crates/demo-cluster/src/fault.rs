//! Wrong answers on demand, for tests of what a client does with them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use crate::problem::Problem;

/// How a request is answered instead of properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 200 `application/json` whose body is no JSON.
    GarbageJson,
    /// 200 with an HTML page, as a captive portal or a wrong address gives.
    Html,
    /// 200 `application/json` with a body that never ends.
    EndlessBody,
    /// This status with the problem body that goes with it; 429 is the rate limit, 502 the gateway.
    Status(u16),
    /// No answer at all.
    Hang,
    /// 302 to this address.
    Redirect(String),
    /// 200 `application/json` with an empty body.
    Empty,
}

/// The faults in force, by path prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    active: Arc<Mutex<Vec<(String, Fault)>>>,
}

impl Faults {
    /// Adds a fault for paths that begin with `prefix`, with or without the leading `/func`.
    pub(crate) fn add(&self, prefix: &str, fault: Fault) {
        self.lock().push((prefix.to_owned(), fault));
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The newest fault for a path.
    pub(crate) fn find(&self, path: &str) -> Option<Fault> {
        let bare = path.strip_prefix("/func").unwrap_or(path);
        let active = self.lock();
        let hit =
            active.iter().rev().find(|(prefix, _)| path.starts_with(prefix) || bare.starts_with(prefix));
        hit.map(|(_, fault)| fault.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Fault)>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    /// The wrong answer. `stop` ends a hang, so that the cluster can stop.
    pub(crate) async fn answer(self, stop: &CancellationToken) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json")];
        match self {
            Fault::GarbageJson => (json, "{\"version\": \"v9.2025").into_response(),
            Fault::Empty => (json, "").into_response(),
            Fault::Html => Html("<!doctype html><title>Welcome</title><p>It works!</p>").into_response(),
            Fault::EndlessBody => {
                let stop = stop.clone();
                let chunk = Bytes::from(vec![b' '; 64 * 1024]);
                let endless = stream::unfold(chunk, move |chunk| {
                    let stop = stop.clone();
                    async move {
                        // Yields to the other tasks of the runtime between chunks.
                        tokio::task::yield_now().await;
                        (!stop.is_cancelled()).then(|| (Ok::<_, std::io::Error>(chunk.clone()), chunk))
                    }
                });
                (json, Body::from_stream(endless)).into_response()
            }
            Fault::Status(429) => Problem::rate_limited().into_response(),
            Fault::Status(502) => Problem::bad_gateway(true).into_response(),
            Fault::Status(503) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service-unavailable",
                "Serving unavailable due to maintenance.",
            )
            .into_response(),
            Fault::Status(401) => Problem::unauthorized().into_response(),
            Fault::Status(code) => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Problem::new(status, "internal-server-error", "Internal server error").into_response()
            }
            Fault::Hang => {
                stop.cancelled().await;
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
            Fault::Redirect(target) => (StatusCode::FOUND, [(header::LOCATION, target)]).into_response(),
        }
    }
}
