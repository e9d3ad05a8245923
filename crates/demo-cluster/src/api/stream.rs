//! `tcpproxy`: a WebSocket that carries the bytes of one connection to an app (protocol.md 4).
//!
//! What the two servers do when the far side ends differs, and clients must cope with both: the
//! manager closes with 1001, the webserver says nothing, keeps answering pings and swallows what
//! it is sent (4.4).

use std::sync::Arc;

use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Query, Shared, apps};
use crate::cluster::{Caller, Cluster, Hop, Lookup};
use crate::container::Container;
use crate::problem::Problem;
use crate::ssh;
use crate::streams::{Mode, StreamEntry};

/// Largest frame to the client (protocol.md 4.2).
const DOWN_FRAME: usize = 256 * 1024;
/// Bytes in flight between the WebSocket and the app.
const PIPE: usize = 512 * 1024;
/// How long an app may go on with what it was sent after its client has left.
const PARTING_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// The endpoint.
pub(super) async fn tcpproxy(
    State(cluster): Shared,
    caller: Caller,
    Extension(hop): Extension<Hop>,
    Path(reference): Path<String>,
    query: Query,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let pooled = (hop == Hop::Webserver).then_some(caller.account);
    if let Some(account) = pooled {
        cluster.streams.acquire(account);
    }
    let target = match resolve(&cluster, caller, &reference, &query) {
        Ok(target) => target,
        // The webserver has only one answer to everything that goes wrong behind it.
        Err(_) if hop == Hop::Webserver => {
            return Problem::bad_gateway(cluster.dialect().has_error_code()).into_response();
        }
        Err(problem) => return problem.into_response(),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => {
            return Problem::new(StatusCode::BAD_REQUEST, "generic-bad-request", "Bad request.")
                .msg("No WebSocket UPGRADE hdr: None")
                .into_response();
        }
    };
    // A message of exactly the limit is too much already (appendix B).
    let limit = match hop {
        Hop::Webserver => 4 * 1024 * 1024 - 1,
        Hop::Manager => 16 * 1024 * 1024 - 1,
    };
    let entry = cluster.streams.register(pooled);
    let upgrade = upgrade.max_message_size(limit).max_frame_size(limit).write_buffer_size(0);
    upgrade.on_upgrade(move |socket| {
        let tracker = cluster.tasks.clone();
        tracker.track_future(run(cluster, hop, target, socket, entry))
    })
}

/// What a stream leads to.
struct Target {
    container: Arc<Container>,
    app: String,
    refused: bool,
}

/// Checks a request in the manager's order (protocol.md 4.4).
fn resolve(cluster: &Cluster, caller: Caller, reference: &str, query: &Query) -> Result<Target, Problem> {
    query.only(cluster, &["app", "service", "port", "envs", "arguments"])?;
    let dialect = cluster.dialect();
    let app = query.get("app").or(query.get("service"));
    let app = app.filter(|app| !app.is_empty()).ok_or_else(|| {
        Problem::invalid_params("Input validation error").with("data", json!({"app": "is required"}))
    })?;
    let port = match query.get("port") {
        None => None,
        Some(text) => Some(
            text.parse::<u16>()
                .ok()
                .filter(|port| *port >= 1024)
                .ok_or_else(|| Problem::schema("port", "value should be greater than 1023"))?,
        ),
    };
    let session = cluster.find(caller, reference, Lookup::Stream)?;
    let Some(container) = session.container.clone() else {
        return Err(if dialect.not_running_is_not_found() {
            Problem::not_found("session")
        } else {
            Problem::internal("The session has no ports yet.")
        });
    };
    let offered = session.apps.iter().find(|offered| offered.name == app);
    let offered =
        offered.ok_or_else(|| Problem::not_found("app service").msg(format!("{}:{app}", session.name)))?;
    if let Some(port) = port
        && (dialect.port_parameter_never_matches() || port != offered.port)
    {
        return Err(Problem::invalid_params(format!("Service {app} does not open the port number {port}")));
    }
    let refused = cluster.state().refuse_ports;
    Ok(Target { container, app: app.to_owned(), refused })
}

/// How the relay of a stream came to its end.
enum End {
    /// The app's side ended, or refused.
    FarSide(u16),
    /// The client closed, or its connection broke.
    Client,
    /// A message was too long.
    TooLarge,
    /// The server goes away, or a test cuts the line: no close frame.
    Cut,
}

async fn run(cluster: Arc<Cluster>, hop: Hop, target: Target, socket: WebSocket, entry: StreamEntry) {
    let (mut sink, mut source) = socket.split();
    let ended = CancellationToken::new();
    // Whatever way the relay ends, the app's side is told.
    let _guard = ended.clone().drop_guard();
    let end = if target.refused {
        End::FarSide(1013)
    } else {
        let (stream, app) = open_app(&cluster, target, ended.clone());
        let end = relay(&cluster, stream, &mut sink, &mut source, entry.mode.clone()).await;
        if matches!(end, End::Client) {
            // What the client had sent before it left is still worked on.
            let _ = tokio::time::timeout(PARTING_TIME, app).await;
        }
        end
    };
    ended.cancel();
    match end {
        End::FarSide(code) if hop == Hop::Manager => close(&mut sink, &mut source, code, &cluster).await,
        End::TooLarge => close(&mut sink, &mut source, 1009, &cluster).await,
        End::FarSide(_) => swallow(&cluster, &mut source, entry.mode.clone()).await,
        End::Client | End::Cut => {}
    }
}

/// Starts the app's side and gives this side of the pipe to it.
fn open_app(
    cluster: &Arc<Cluster>,
    target: Target,
    ended: CancellationToken,
) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(PIPE);
    let app = cluster.tasks.spawn(async move {
        let gone = target.container.gone.clone();
        let serving = async {
            if target.app == "sshd" {
                ssh::serve(target.container.clone(), far, ended.clone()).await;
            } else {
                apps::serve_page(far, &target.container.session_name, &target.app).await;
            }
        };
        tokio::select! {
            () = serving => {}
            () = gone.cancelled() => {}
            () = ended.cancelled() => {}
        }
    });
    (near, app)
}

async fn relay(
    cluster: &Cluster,
    stream: DuplexStream,
    sink: &mut SplitSink<WebSocket, Message>,
    source: &mut SplitStream<WebSocket>,
    mode: watch::Receiver<Mode>,
) -> End {
    let (reader, writer) = tokio::io::split(stream);
    tokio::select! {
        end = upwards(source, writer, mode.clone()) => end,
        end = downwards(sink, reader, mode.clone()) => end,
        () = until(mode, Mode::Dropped) => End::Cut,
        () = cluster.stop.cancelled() => End::Cut,
    }
}

/// Client to app. Ends with the client; an app that no longer listens is the other side's matter.
async fn upwards(
    source: &mut SplitStream<WebSocket>,
    mut writer: WriteHalf<DuplexStream>,
    mode: watch::Receiver<Mode>,
) -> End {
    loop {
        let message = tokio::select! {
            biased;
            () = until(mode.clone(), Mode::Frozen) => {
                pass_unless(&mode, Mode::Frozen).await;
                continue;
            }
            message = source.next() => message,
        };
        match message {
            Some(Ok(Message::Binary(data))) => {
                if *mode.borrow() == Mode::Flow {
                    // Refused bytes are dropped: the reading side notices the end.
                    let _ = writer.write_all(&data).await;
                }
            }
            // Text is dropped silently; pings are answered by the WebSocket itself.
            Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return End::Client,
            Some(Err(error)) => {
                return if is_too_large(&error) { End::TooLarge } else { End::Client };
            }
        }
    }
}

/// App to client.
async fn downwards(
    sink: &mut SplitSink<WebSocket, Message>,
    mut reader: ReadHalf<DuplexStream>,
    mode: watch::Receiver<Mode>,
) -> End {
    let mut buffer = BytesMut::with_capacity(DOWN_FRAME);
    loop {
        pass_unless_muted(&mode).await;
        buffer.reserve(DOWN_FRAME);
        match reader.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return End::FarSide(1001),
            Ok(_) => {
                pass_unless_muted(&mode).await;
                if sink.send(Message::Binary(buffer.split().freeze())).await.is_err() {
                    return End::Client;
                }
            }
        }
    }
}

/// Tells the client and waits for its answer.
async fn close(
    sink: &mut SplitSink<WebSocket, Message>,
    source: &mut SplitStream<WebSocket>,
    code: u16,
    cluster: &Cluster,
) {
    if sink.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await.is_err() {
        return;
    }
    let drained = async { while let Some(Ok(_)) = source.next().await {} };
    tokio::select! {
        () = drained => {}
        () = cluster.stop.cancelled() => {}
        () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {}
    }
}

/// The webserver after the far side has ended: takes everything, answers pings, says nothing.
async fn swallow(cluster: &Cluster, source: &mut SplitStream<WebSocket>, mode: watch::Receiver<Mode>) {
    let drained = async { while let Some(Ok(_)) = source.next().await {} };
    tokio::select! {
        () = drained => {}
        () = cluster.stop.cancelled() => {}
        () = until(mode, Mode::Dropped) => {}
    }
}

async fn until(mut mode: watch::Receiver<Mode>, wanted: Mode) {
    if mode.wait_for(|mode| *mode == wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn pass_unless(mode: &watch::Receiver<Mode>, halted: Mode) {
    if *mode.borrow() == halted {
        let mut mode = mode.clone();
        if mode.wait_for(|mode| *mode != halted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn pass_unless_muted(mode: &watch::Receiver<Mode>) {
    pass_unless(mode, Mode::Mute).await;
    pass_unless(mode, Mode::Frozen).await;
}

/// Whether a read failed because a message exceeded the limit.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().to_lowercase().contains("too large") || error.to_string().contains("too long")
}
