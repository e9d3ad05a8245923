//! What happens to the user's sessions, as the server tells it (protocol.md 3.4): server-sent events.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use reqwest::Response;
use reqwest::header::{ACCEPT, HeaderValue};
use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::problem::text;
use crate::transport::{CALL_TIMEOUT, Call, broken, timed_out};

/// Servers send at least a comment every 15 s or so; this long without any is a dead connection.
const SILENCE: Duration = Duration::from_secs(90);
/// Bound of one event, in bytes.
const EVENT_LIMIT: usize = 256 << 10;

/// Something that happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEvent {
    /// e.g. `session_started`, `session_terminated`.
    pub name: String,
    /// UUID of the session; absent when the server names none.
    pub session_id: Option<String>,
    /// The server's reason.
    pub reason: Option<String>,
    /// All that the server says of it; null where that is no JSON.
    pub data: Value,
}

/// The events of the user's own sessions, from now on. Nothing is replayed: read the list after opening it.
pub struct SessionEvents {
    response: Response,
    lines: Lines,
    name: String,
    data: String,
}

impl std::fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionEvents").finish_non_exhaustive()
    }
}

impl Client {
    /// Subscribes to the events of the user's own sessions; administrators are told of others, too. Those of another
    /// `owner`, by their access key, are for administrators only.
    pub async fn session_events(&self, owner: Option<&str>) -> Result<SessionEvents, Error> {
        let mut path = "/events/session?sessionName=*".to_owned();
        if let Some(owner) = owner {
            path.push_str("&ownerAccessKey=");
            path.extend(url::form_urlencoded::byte_serialize(owner.as_bytes()));
        }
        let mut call = Call::get(path);
        call.headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let login = self.login()?;
        let open = self.transport().open(Some(&login.proof), &call);
        let response = tokio::time::timeout(CALL_TIMEOUT, open)
            .await
            .map_err(|_| timed_out())?
            .map_err(|failure| failure.into_error(self.mode()))?;
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
        let stream = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !stream {
            return Err(Error::BadAnswer("no event stream".to_owned()));
        }
        Ok(SessionEvents { response, lines: Lines::default(), name: String::new(), data: String::new() })
    }
}

impl SessionEvents {
    /// The next event; `None` once the server ends the stream, which it does in good health too: open it again.
    /// Nothing is lost when the waiting is broken off.
    pub async fn next(&mut self) -> Result<Option<SessionEvent>, Error> {
        loop {
            while let Some(line) = self.lines.next()? {
                if let Some(event) = self.line(&line)? {
                    return Ok((event.name != "server_close").then_some(event));
                }
            }
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk())
                .await
                .map_err(|_| Error::Unreachable { what: format!("no event for {} s", SILENCE.as_secs()) })?
                .map_err(|e| broken(&e))?;
            match chunk {
                Some(chunk) => self.lines.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }

    /// Takes in one line; an empty one completes an event.
    fn line(&mut self, line: &str) -> Result<Option<SessionEvent>, Error> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            return Ok((!name.is_empty()).then(|| event(name, &data)));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                if self.data.len() > EVENT_LIMIT {
                    return Err(Error::TooLarge { limit: EVENT_LIMIT });
                }
            }
            _ => {}
        }
        Ok(None)
    }
}

fn event(name: String, data: &str) -> SessionEvent {
    let data = serde_json::from_str(data).unwrap_or(Value::Null);
    let any = |keys: [&str; 2]| keys.iter().find_map(|key| text(Some(&data), key)).map(str::to_owned);
    let (session_id, reason) = (any(["sessionId", "session_id"]), any(["reason", "reason"]));
    SessionEvent { session_id, reason, name, data }
}

/// Cuts bytes into lines.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    /// Bytes at the front that hold no line end.
    searched: usize,
}

impl Lines {
    fn next(&mut self) -> Result<Option<String>, Error> {
        let end = self.buffer[self.searched..].iter().position(|b| *b == b'\n');
        let Some(end) = end.map(|end| end + self.searched) else {
            self.searched = self.buffer.len();
            if self.searched > EVENT_LIMIT {
                return Err(Error::TooLarge { limit: EVENT_LIMIT });
            }
            return Ok(None);
        };
        let line = self.buffer.split_to(end);
        self.buffer.advance(1);
        self.searched = 0;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }
}
