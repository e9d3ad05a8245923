//! `GET /events/session`: server-sent events about the caller's sessions (protocol.md 3.4).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::{Query, Shared};
use crate::cluster::{Caller, Event};
use crate::problem::Problem;

/// Streams events until the client leaves or the cluster stops.
pub(super) async fn sessions(
    State(cluster): Shared,
    caller: Caller,
    query: Query,
) -> Result<Response, Problem> {
    query.only(&cluster, &["name", "sessionName", "ownerAccessKey", "sessionId", "group", "scope"])?;
    let wanted = query.get("sessionName").filter(|name| *name != "*").map(str::to_owned);
    let access_key = cluster.account(caller).access_key.clone();
    let tells_exit_codes = cluster.dialect().events_have_exit_codes();
    let stop = cluster.stop.clone();
    let receiver = cluster.events.subscribe();
    let concerns = move |event: &Event| {
        event.owner == caller.account && wanted.as_ref().is_none_or(|name| *name == event.session_name)
    };
    let cuts = cluster.event_cuts.subscribe();
    let frames = stream::unfold(Some((receiver, cuts, concerns)), move |place| {
        let (stop, access_key) = (stop.clone(), access_key.clone());
        async move {
            let (mut receiver, mut cuts, concerns) = place?;
            loop {
                let received = tokio::select! {
                    received = receiver.recv() => received,
                    () = stop.cancelled() => Err(RecvError::Closed),
                    _ = cuts.changed() => Err(RecvError::Closed),
                };
                match received {
                    Ok(event) if concerns(&event) => {
                        let frame = frame(&event, &access_key, tells_exit_codes);
                        return Some((Ok::<_, Infallible>(frame), Some((receiver, cuts, concerns))));
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => {
                        let last = Frame::default().event("server_close").data("");
                        return Some((Ok(last), None));
                    }
                }
            }
        }
    });
    let comments = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(frames).keep_alive(comments).into_response())
}

fn frame(event: &Event, access_key: &str, tells_exit_codes: bool) -> Frame {
    let has_code = tells_exit_codes && matches!(event.name, "session_success" | "session_failure");
    let exit_code = event.exit_code.filter(|_| has_code);
    let data = json!({
        "reason": event.reason,
        "sessionName": event.session_name,
        "ownerAccessKey": access_key,
        "sessionId": event.session_id,
        "exitCode": exit_code,
    });
    Frame::default().event(event.name).data(data.to_string())
}
