//! The path from here to the server, as all streams of a client see it: what one stream doubts, a new connection
//! confirms or refutes. It asks for the servers' version, which anybody may, over a TCP connection of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::pulse::{DUE, Path};
use crate::client::Client;
use crate::transport::{Call, Failure, JSON_LIMIT};

/// How long a new connection and its answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Rest before another one is tried.
const REST: Duration = Duration::from_secs(1);
/// A doubt that is not repeated for so long has passed, or its stream has ended.
const REPEATED_WITHIN: Duration = Duration::from_secs(3);

/// What is known of the path.
pub(crate) struct PathWatch {
    known: Mutex<Known>,
    /// Some ping of some stream was answered.
    answers_pings: AtomicBool,
    silent_since: watch::Sender<Option<SystemTime>>,
}

#[derive(Default)]
struct Known {
    /// When a new connection was last answered.
    answered: Option<Instant>,
    /// When a stream last doubted.
    doubted: Option<Instant>,
    asking: bool,
}

impl Default for PathWatch {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            answers_pings: AtomicBool::new(false),
            silent_since: watch::Sender::new(None),
        }
    }
}

impl PathWatch {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, silent_since: Option<SystemTime>) {
        self.silent_since.send_if_modified(|told| {
            let news = told.is_some() != silent_since.is_some();
            if news {
                *told = silent_since;
            }
            news
        });
    }
}

/// A client's path, as its streams hold it.
pub(super) struct ClientPath(pub(super) Client);

impl Path for ClientPath {
    fn doubted(&self, since: Instant) -> Option<Instant> {
        let watch = self.0.path_watch();
        let mut known = watch.known();
        known.doubted = Some(Instant::now());
        if !known.asking && known.answered.is_none_or(|answered| answered < since + DUE) {
            known.asking = true;
            tokio::spawn(self.0.clone().ask_anew(since));
        }
        known.answered
    }

    fn answered(&self) {
        self.0.path_watch().answers_pings.store(true, Ordering::Relaxed);
    }

    fn answers(&self) -> bool {
        self.0.path_watch().answers_pings.load(Ordering::Relaxed)
    }
}

impl Client {
    /// Since when the server has answered neither its open streams nor a new connection; `None` while it answers, and
    /// while no stream is open.
    pub fn silent_since(&self) -> watch::Receiver<Option<SystemTime>> {
        self.path_watch().silent_since.subscribe()
    }

    /// This client's path, for a stream.
    pub(super) fn path(&self) -> Arc<dyn Path> {
        Arc::new(ClientPath(self.clone()))
    }

    /// Tries new connections until one is answered, or nobody doubts any more.
    async fn ask_anew(self, since: Instant) {
        let watch = self.path_watch();
        while !self.is_answered().await {
            tracing::info!(server = %self.server().endpoint, "no answer");
            watch.tell(Some(SystemTime::now() - since.elapsed()));
            sleep(REST).await;
            let mut known = watch.known();
            if known.doubted.is_none_or(|doubted| doubted.elapsed() > REPEATED_WITHIN) {
                known.asking = false;
                drop(known);
                watch.tell(None);
                return;
            }
        }
        let mut known = watch.known();
        known.answered = Some(Instant::now());
        known.asking = false;
        drop(known);
        watch.tell(None);
    }

    /// Whether a new connection to the server is answered, with whatever.
    async fn is_answered(&self) -> bool {
        let mut call = Call::get("/");
        call.fresh = true;
        match timeout(ANSWER_WITHIN, self.transport().send(None, &call, JSON_LIMIT)).await {
            Ok(Ok(_) | Err(Failure::Refused(_))) => true,
            Ok(Err(Failure::Broken(error))) => {
                tracing::debug!(%error, "asked whether the server is there");
                false
            }
            Err(_) => false,
        }
    }

    /// Ends when the server is found not to answer new connections, while somebody waits for it on another one.
    pub(super) async fn fell_silent(&self) {
        loop {
            sleep(ANSWER_WITHIN).await;
            if !self.is_answered().await {
                return;
            }
        }
    }
}
