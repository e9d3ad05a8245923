//! One session's life as it goes on: the server's events, and what its list says where they are silent.
//!
//! Events are not replayed, streams of them end, and 23.09.10 leaves out those of a session's way to RUNNING (seen
//! there). So the session itself is looked at from time to time, and an event that nobody sent is made up for.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use backend_ai::SessionEvents;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use crate::cluster::Cluster;
use crate::model::is_over;
use crate::{Berth, Error, Session};

/// Rest between two looks at the session.
const LOOK: Duration = Duration::from_secs(5);
/// The same behind an event: servers tell it before their list shows it.
const LOOK_SOON: Duration = Duration::from_millis(500);
/// Rest before events are subscribed to again.
const SUBSCRIBE: Duration = Duration::from_secs(2);
/// What a look asks for; known on every server line.
const FIELDS: [&str; 4] = ["status", "status_info", "type", "result"];

/// Something that happened to the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// e.g. `session_started`, `session_terminated`, `kernel_pulling` (protocol.md 3.4).
    pub event: String,
    /// What the server says of it: `reason`, `sessionId`, `exitCode`, ...
    pub data: Map<String, Value>,
    /// It had happened when the following began.
    pub before: bool,
}

/// Follows a session until it has ended.
pub struct Follower {
    cluster: Arc<Cluster>,
    id: String,
    name: String,
    owner: Option<String>,
    events: Option<SessionEvents>,
    subscribe_at: Instant,
    look_at: Instant,
    has_looked: bool,
    /// Events of the session that have been given.
    told: HashSet<String>,
    /// Those of them that the server has not sent yet.
    made_up: HashSet<String>,
    /// A status that no event has led to yet.
    suspected: Option<String>,
    due: VecDeque<Happened>,
    /// The last status.
    status: String,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("session", &self.name).finish_non_exhaustive()
    }
}

impl Berth {
    /// Follows a session from now on. `owner` is another owner's access key, for administrators.
    ///
    /// # Errors
    /// `not-signed-in`.
    pub fn follow_session(&self, session: &Session, owner: Option<&str>) -> Result<Follower, Error> {
        let now = Instant::now();
        let mut follower = Follower {
            cluster: self.signed_in()?,
            id: session.id.clone(),
            name: session.name.clone(),
            owner: owner.map(str::to_owned),
            events: None,
            subscribe_at: now,
            look_at: now,
            has_looked: false,
            told: HashSet::new(),
            made_up: HashSet::new(),
            suspected: None,
            due: VecDeque::new(),
            status: session.status.clone(),
        };
        // Of one that is over, the look tells more.
        if !session.is_over() {
            let events = reached(&session.status, &session.session_type, "");
            follower.make_up(&events, session.status_info.as_deref().unwrap_or_default(), true);
        }
        Ok(follower)
    }
}

impl Follower {
    /// The next thing that happens; none when the session has ended and everything has been told.
    ///
    /// # Errors
    /// Of the first look: `session-not-found`, `forbidden`, and whatever stands between here and the cluster. Later it
    /// goes on when the cluster answers again.
    pub async fn next(&mut self) -> Result<Option<Happened>, Error> {
        loop {
            if let Some(happened) = self.due.pop_front() {
                return Ok(Some(happened));
            }
            if self.has_ended() {
                return Ok(None);
            }
            if self.events.is_none() && Instant::now() >= self.subscribe_at {
                self.subscribe().await?;
            }
            // The list is read when the stream is open: what happens in between is in one of them.
            if !self.has_looked {
                self.look().await?;
                continue;
            }
            let next_look = self.look_at;
            tokio::select! {
                event = next_event(&mut self.events) => match event {
                    Ok(Some(event)) => {
                        if event.session_id.as_deref() == Some(self.id.as_str()) {
                            self.heard(event.name, event.data);
                        }
                    }
                    Ok(None) | Err(_) => {
                        self.events = None;
                        self.subscribe_at = Instant::now() + SUBSCRIBE;
                        self.look_at = self.subscribe_at;
                    }
                },
                () = sleep_until(next_look) => {
                    if let Err(e) = self.look().await {
                        match e.code.as_str() {
                            "unreachable" | "gateway" | "rate-limited" | "tls" | "server-error" => {
                                tracing::info!(code = %e.code, "the session was not looked at");
                                self.look_at = Instant::now() + LOOK;
                            }
                            _ => return Err(e),
                        }
                    }
                }
            }
        }
    }

    /// The session's status as it was seen last, e.g. `RUNNING`.
    pub fn status(&self) -> &str {
        &self.status
    }

    fn has_ended(&self) -> bool {
        self.has_looked && is_over(&self.status)
    }

    /// Without a stream the looks alone must do: proxies exist that let none through.
    async fn subscribe(&mut self) -> Result<(), Error> {
        let owner = self.owner.as_deref();
        let subscribed = self.cluster.call(|c| {
            let owner = owner.map(str::to_owned);
            async move { c.session_events(owner.as_deref()).await }
        });
        match subscribed.await {
            Ok(events) => self.events = Some(events),
            Err(e) if matches!(e.code.as_str(), "forbidden" | "not-signed-in") => return Err(e),
            Err(e) => {
                tracing::info!(code = %e.code, "no events of the session");
                self.subscribe_at = Instant::now() + SUBSCRIBE;
            }
        }
        Ok(())
    }

    fn heard(&mut self, event: String, data: Value) {
        self.look_at = Instant::now() + LOOK_SOON;
        // It has been made up for already.
        if self.made_up.remove(&event) {
            return;
        }
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        match event.as_str() {
            "session_terminated" => "TERMINATED".clone_into(&mut self.status),
            "session_cancelled" => "CANCELLED".clone_into(&mut self.status),
            _ => {}
        }
        self.told.insert(event.clone());
        self.due.push_back(Happened { event, data, before: false });
    }

    /// Puts events that nobody sent in line.
    fn make_up(&mut self, events: &[&str], reason: &str, before: bool) {
        for event in events {
            self.told.insert((*event).to_owned());
            let data = [
                ("reason", json!(reason)),
                ("sessionName", json!(self.name)),
                ("sessionId", json!(self.id)),
                ("exitCode", Value::Null),
            ];
            let data = data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            self.due.push_back(Happened { event: (*event).to_owned(), data, before });
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let asked = self.cluster.call(|c| {
            let id = self.id.clone();
            async move { c.session_row(&id, &FIELDS).await }
        });
        let row = asked.await?.ok_or_else(|| crate::error::session_unknown(&self.name, &[]))?;
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let status = text("status");
        let missing: Vec<&str> = reached(status, text("type"), text("result"))
            .into_iter()
            .filter(|event| !self.told.contains(*event))
            .collect();
        // The event says more than the list, and may be on its way.
        let was_over = !self.has_looked && is_over(&self.status);
        let is_certain = was_over || self.events.is_none() || self.suspected.as_deref() == Some(status);
        self.has_looked = true;
        if !missing.is_empty() && !is_certain {
            self.suspected = Some(status.to_owned());
            self.look_at = Instant::now() + LOOK_SOON;
            return Ok(());
        }
        if !was_over {
            self.made_up.extend(missing.iter().map(|event| (*event).to_owned()));
        }
        self.make_up(&missing, text("status_info"), was_over);
        self.status = status.to_owned();
        self.suspected = None;
        self.look_at = Instant::now() + LOOK;
        Ok(())
    }
}

/// The next event of a stream, if there is a stream.
async fn next_event(
    events: &mut Option<SessionEvents>,
) -> Result<Option<backend_ai::SessionEvent>, backend_ai::Error> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// What must have happened to a session that is in this state.
fn reached(status: &str, kind: &str, result: &str) -> Vec<&'static str> {
    let is_batch = kind.eq_ignore_ascii_case("batch");
    match (status, result) {
        ("RUNNING" | "RUNNING_DEGRADED", _) => vec!["session_started"],
        ("TERMINATED", "SUCCESS") if is_batch => vec!["session_success", "session_terminated"],
        ("TERMINATED", "FAILURE") if is_batch => vec!["session_failure", "session_terminated"],
        ("TERMINATED", _) => vec!["session_terminated"],
        ("CANCELLED", _) => vec!["session_cancelled"],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_tells_what_led_to_it() {
        assert_eq!(reached("RUNNING", "BATCH", "UNDEFINED"), ["session_started"]);
        assert_eq!(reached("TERMINATED", "BATCH", "FAILURE"), ["session_failure", "session_terminated"]);
        assert_eq!(reached("TERMINATED", "INTERACTIVE", "UNDEFINED"), ["session_terminated"]);
        assert_eq!(reached("CANCELLED", "INTERACTIVE", "UNDEFINED"), ["session_cancelled"]);
        assert!(reached("PENDING", "BATCH", "UNDEFINED").is_empty() && reached("ERROR", "", "").is_empty());
    }
}
