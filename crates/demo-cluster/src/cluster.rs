//! The state both servers work on: accounts, sessions, logins, and what happens to them.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::account::Account;
use crate::container::{Container, ContainerError, ContainerSpec, forget_container, forget_host_key};
use crate::control::{LoginRefusal, Request};
use crate::dialect::Dialect;
use crate::fault::Faults;
use crate::home::{create_private_dir, write_private};
use crate::keys::SshKey;
use crate::problem::Problem;
use crate::sample;
use crate::session::{Session, now};
use crate::streams::Streams;

/// Requests kept for [`Control::requests`](crate::Control::requests).
const REQUEST_LOG: usize = 10_000;
/// Output of a batch session's command, in the home.
pub(crate) const BATCH_LOG: &str = "batch.log";
/// Anonymous login cookies remembered.
const ANONYMOUS_COOKIES: usize = 1_000;

/// Who sends a request, once the webserver's cookie or the manager's signature has told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Index among the accounts.
    pub(crate) account: usize,
}

/// Which server a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hop {
    Webserver,
    Manager,
}

/// How the session part of a path is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// As the dialect does it for REST calls.
    Rest,
    /// As the dialect does it under `/stream`.
    Stream,
    /// Like `Rest`, and ended sessions count too.
    WithEnded,
}

/// Something that happened to a session (protocol.md 3.4).
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) session_id: Uuid,
    pub(crate) session_name: String,
    pub(crate) owner: usize,
    pub(crate) reason: String,
    /// Of a batch session's command.
    pub(crate) exit_code: Option<i32>,
}

/// What the cluster was started with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) dialect: Dialect,
    pub(crate) federation_router: bool,
    pub(crate) unauthenticated_limit: Option<usize>,
    /// Time a created session takes from PENDING to RUNNING, and an ending one to TERMINATED.
    pub(crate) pace: Duration,
}

/// A login at the webserver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login {
    pub(crate) account: usize,
}

/// What changes about an account.
#[derive(Debug, Default)]
pub(crate) struct UserState {
    /// Once it has been changed.
    pub(crate) password: Option<String>,
    pub(crate) otp: Option<String>,
    pub(crate) refusal: Option<LoginRefusal>,
    pub(crate) failures: u32,
    pub(crate) blocked_until: Option<Instant>,
    pub(crate) ssh_key: Option<SshKey>,
    pub(crate) requests: u32,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: Vec<Session>,
    pub(crate) logins: HashMap<String, Login>,
    pub(crate) anonymous: VecDeque<String>,
    pub(crate) users: Vec<UserState>,
    pub(crate) requests: VecDeque<Request>,
    /// Added to this computer's time by the manager, in seconds.
    pub(crate) clock_shift: i64,
    pub(crate) request_limit: Option<u32>,
    pub(crate) refuse_ports: bool,
    /// What the webserver shows instead of its own page.
    pub(crate) page: Option<String>,
    /// What that page has told.
    pub(crate) reports: Vec<String>,
}

/// The cluster behind both servers.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) settings: Settings,
    pub(crate) accounts: Vec<Account>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) events: broadcast::Sender<Event>,
    /// Changes when the streams of events are cut.
    pub(crate) event_cuts: watch::Sender<()>,
    pub(crate) streams: Streams,
    pub(crate) faults: Faults,
    /// Random per start.
    pub(crate) run: Uuid,
    folder: PathBuf,
    state: Mutex<State>,
}

impl Cluster {
    /// Lays out the cluster in a folder: sessions of an earlier start there keep their ids.
    pub(crate) fn create(
        settings: Settings,
        accounts: Vec<Account>,
        folder: &Path,
        run: Uuid,
    ) -> Result<Arc<Cluster>, ContainerError> {
        let ids_file = folder.join("sessions.json");
        let mut ids = read_ids(&ids_file)?;
        // A session that was ended comes back as another one: it gets another host key, too.
        ids.retain(|_, id| folder.join(id.to_string()).exists());
        let sessions =
            sample::sessions(now(), |name| *ids.entry(name.to_owned()).or_insert_with(Uuid::new_v4));
        let text = serde_json::to_vec_pretty(&ids).map_err(io::Error::other)?;
        write_private(&ids_file, &text)?;

        let mut users: Vec<UserState> = accounts.iter().map(|_| UserState::default()).collect();
        for (user, account) in users.iter_mut().zip(&accounts) {
            if account.email == crate::account::OTP_USER {
                user.otp = Some(crate::account::OTP_CODE.to_owned());
            }
        }
        let cluster = Arc::new(Cluster {
            settings,
            accounts,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            events: broadcast::channel(256).0,
            event_cuts: watch::Sender::new(()),
            streams: Streams::default(),
            faults: Faults::default(),
            run,
            folder: folder.to_owned(),
            state: Mutex::new(State { sessions, users, ..State::default() }),
        });
        let mut state = cluster.state();
        for index in 0..state.sessions.len() {
            if state.sessions[index].status == "RUNNING" {
                let container = cluster.container_for(&state.sessions[index], None)?;
                state.sessions[index].container = Some(container);
            }
        }
        drop(state);
        Ok(cluster)
    }

    /// The state, locked. Never held over an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.settings.dialect
    }

    pub(crate) fn account(&self, caller: Caller) -> &Account {
        &self.accounts[caller.account]
    }

    /// Index of the account with an e-mail.
    pub(crate) fn account_index(&self, email: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.email.eq_ignore_ascii_case(email))
    }

    /// Whether that is the password of the account with this index.
    pub(crate) fn is_password(&self, index: usize, password: &str) -> bool {
        let state = self.state();
        let changed = state.users[index].password.as_ref();
        changed.unwrap_or(&self.accounts[index].password) == password
    }

    /// Index of the account with an access key.
    pub(crate) fn account_by_key(&self, access_key: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.access_key == access_key)
    }

    /// Writes a request into the log.
    pub(crate) fn log_request(&self, request: Request) {
        let mut state = self.state();
        if state.requests.len() == REQUEST_LOG {
            state.requests.pop_front();
        }
        state.requests.push_back(request);
    }

    /// A fresh cookie value that no login belongs to yet.
    pub(crate) fn new_anonymous_cookie(&self) -> String {
        let id = crate::account::random_hex();
        let mut state = self.state();
        if state.anonymous.len() == ANONYMOUS_COOKIES {
            state.anonymous.pop_front();
        }
        state.anonymous.push_back(id.clone());
        id
    }

    /// Counts a request against the keypair's quota; what is left, or None when it is used up.
    pub(crate) fn count_request(&self, account: usize) -> Option<(u32, u32)> {
        let mut state = self.state();
        let limit = state.request_limit.unwrap_or(30_000);
        let used = &mut state.users[account].requests;
        *used = used.saturating_add(1);
        limit.checked_sub(*used).map(|left| (limit, left))
    }

    /// Finds a session of the caller by the session part of a path (protocol.md 1.4). Sessions of
    /// others are not found, not even for administrators (appendix A).
    pub(crate) fn find(&self, caller: Caller, reference: &str, lookup: Lookup) -> Result<Session, Problem> {
        let dialect = self.dialect();
        let state = self.state();
        let mine = || {
            state
                .sessions
                .iter()
                .filter(|session| session.owner == caller.account)
                .filter(|session| lookup == Lookup::WithEnded || session.is_live())
        };
        let missing = || Problem::not_found("session");
        if let Ok(id) = Uuid::parse_str(reference) {
            if lookup == Lookup::Stream && dialect.streams_by_name_only() {
                return Err(missing().msg(format!("Session (name={id}) does not exist.")));
            }
            let found = mine().find(|session| session.id == id).cloned();
            return found.ok_or_else(|| {
                if dialect.foreign_uuid_is_forbidden() { Problem::forbidden() } else { missing() }
            });
        }
        // The newest first: ended sessions may share a name with a live one.
        let mut exact: Vec<&Session> = mine().filter(|session| session.name == reference).collect();
        exact.sort_by_key(|session| std::cmp::Reverse((session.is_live(), session.created_at)));
        if !dialect.matches_name_prefix() || lookup == Lookup::WithEnded {
            return exact.first().map(|session| (*session).clone()).ok_or_else(missing);
        }
        let matches: Vec<&Session> = mine()
            .filter(|session| {
                session.name.starts_with(reference) || session.id.to_string().starts_with(reference)
            })
            .collect();
        match matches.as_slice() {
            [] => Err(missing()),
            [one] => Ok((*one).clone()),
            several => Err(Problem::new(
                axum::http::StatusCode::NOT_FOUND,
                "too-many-sessions-matched",
                "Too many sessions matched.",
            )
            .with(
                "data",
                serde_json::json!({"matches": several.iter().map(|session| serde_json::json!({
                    "id": session.id, "name": session.name, "status": session.status,
                    "created_at": crate::session::iso(session.created_at),
                })).collect::<Vec<_>>()}),
            )),
        }
    }

    /// Adds a session in PENDING. The caller has checked that the name is free.
    pub(crate) fn enqueue(&self, session: Session) {
        self.announce(&session, "session_enqueued", "");
        self.state().sessions.push(session);
    }

    /// Brings a session to RUNNING at once, with a home and keys to be made.
    pub(crate) fn start(&self, id: Uuid) -> Result<(), ContainerError> {
        let Some(session) = self.session_by_id(id) else { return Ok(()) };
        if session.container.is_some() || !session.is_live() || self.stop.is_cancelled() {
            return Ok(());
        }
        let key = self.state().users[session.owner].ssh_key.clone();
        let container = self.container_for(&session, key)?;
        if let Some(script) = &session.bootstrap {
            container.processes.run_bootstrap(&container, script);
        }
        let mut state = self.state();
        if let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == id && entry.is_live()) {
            entry.status = "RUNNING".into();
            entry.status_info = None;
            entry.status_changed = now();
            entry.container = Some(container);
        }
        drop(state);
        self.announce(&session, "session_started", "new-container-started");
        Ok(())
    }

    /// Runs the command of a batch session that has started, and ends the session with it.
    pub(crate) async fn run_batch(&self, id: Uuid) {
        let Some(session) = self.session_by_id(id) else { return };
        let (Some(command), Some(container)) = (&session.command, &session.container) else { return };
        let log = container.home.join(BATCH_LOG);
        let exit = match container.processes.run_to_its_end(container, command, &log) {
            Ok(exit) => tokio::select! {
                exit = exit => exit.unwrap_or(-1),
                () = container.gone.cancelled() => return,
            },
            Err(error) => {
                tracing::warn!(session = %session.name, %error, "command of a batch session not run");
                -1
            }
        };
        let written = tokio::fs::read(&log).await.unwrap_or_default();
        let mut state = self.state();
        let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == id && entry.is_live()) else {
            return;
        };
        entry.outcome = Some(exit);
        entry.log = String::from_utf8_lossy(&written).into_owned();
        let session = entry.clone();
        drop(state);
        let (event, reason) =
            if exit == 0 { ("session_success", "task-done") } else { ("session_failure", "task-failed") };
        self.announce(&session, event, reason);
        self.terminate(id, if exit == 0 { "task-finished" } else { "task-failed" });
    }

    /// Restarts a running session: another container on the same home. Does nothing to one that does not run.
    pub(crate) fn restart(&self, id: Uuid) -> Result<(), ContainerError> {
        let keeps_host_key = self.dialect().host_key_outlives_restarts();
        let Some(session) = self.replace_container(id, "RESTARTING", |folder| {
            forget_container(folder)?;
            if keeps_host_key { Ok(()) } else { forget_host_key(folder) }
        })?
        else {
            return Ok(());
        };
        self.announce(&session, "session_started", "");
        Ok(())
    }

    /// Gives a running session's sshd another host key with nothing else to show for it, as one in between would.
    pub(crate) fn replace_host_key(&self, id: Uuid) -> Result<(), ContainerError> {
        self.replace_container(id, "RUNNING", forget_host_key).map(drop)
    }

    /// Ends a session's container, lets its folder be changed, and runs another there. Gives the session.
    fn replace_container(
        &self,
        id: Uuid,
        meanwhile: &str,
        change: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Option<Session>, ContainerError> {
        let mut state = self.state();
        let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == id) else { return Ok(None) };
        let Some(old) = entry.container.take() else { return Ok(None) };
        let status = std::mem::replace(&mut entry.status, meanwhile.to_owned());
        let restarts = status != meanwhile;
        let session = entry.clone();
        let key = state.users[session.owner].ssh_key.clone();
        drop(state);
        old.end();
        change(&self.folder.join(id.to_string()))?;
        let container = self.container_for(&session, key)?;
        let mut state = self.state();
        let entry = state.sessions.iter_mut().find(|entry| entry.id == id && entry.status == meanwhile);
        if let Some(entry) = entry {
            entry.status = status;
            entry.container = Some(container);
            if restarts {
                entry.status_changed = now();
            }
        }
        Ok(Some(session))
    }

    /// Moves a session to a status on its way, e.g. PREPARING.
    pub(crate) fn advance(&self, id: Uuid, status: &str, event: &'static str) {
        let mut state = self.state();
        let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == id && entry.is_live()) else {
            return;
        };
        entry.status = status.to_owned();
        entry.status_changed = now();
        let session = entry.clone();
        drop(state);
        self.announce(&session, event, "");
    }

    /// Ends a session at once: its streams, programs and then itself. Its folder goes too.
    pub(crate) fn terminate(&self, id: Uuid, reason: &str) {
        let mut state = self.state();
        let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == id && entry.is_live()) else {
            return;
        };
        let container = entry.container.take();
        let ran = container.is_some();
        entry.status = if ran { "TERMINATED" } else { "CANCELLED" }.into();
        entry.status_info = Some(reason.to_owned());
        entry.status_changed = now();
        entry.terminated_at = Some(now());
        let session = entry.clone();
        drop(state);
        if let Some(container) = container {
            self.announce(&session, "session_terminating", reason);
            container.end();
        }
        self.announce(&session, if ran { "session_terminated" } else { "session_cancelled" }, reason);
        if let Err(error) = fs::remove_dir_all(self.folder.join(id.to_string())) {
            tracing::debug!(session = %session.name, %error, "folder of an ended session stays");
        }
    }

    /// A copy of one session.
    pub(crate) fn session_by_id(&self, id: Uuid) -> Option<Session> {
        self.state().sessions.iter().find(|session| session.id == id).cloned()
    }

    /// The newest session of any owner with a name, live ones first.
    pub(crate) fn session_by_name(&self, name: &str) -> Option<Session> {
        let state = self.state();
        let named = state.sessions.iter().filter(|session| session.name == name);
        named.max_by_key(|session| (session.is_live(), session.created_at)).cloned()
    }

    /// Ends everything that runs inside sessions.
    pub(crate) fn end_containers(&self) {
        let containers: Vec<_> =
            self.state().sessions.iter().filter_map(|session| session.container.clone()).collect();
        for container in containers {
            container.end();
        }
    }

    fn announce(&self, session: &Session, name: &'static str, reason: &str) {
        // Nobody listening is fine.
        let _ = self.events.send(Event {
            name,
            session_id: session.id,
            session_name: session.name.clone(),
            owner: session.owner,
            reason: reason.to_owned(),
            exit_code: session.outcome,
        });
    }

    fn container_for(
        &self,
        session: &Session,
        key: Option<SshKey>,
    ) -> Result<Arc<Container>, ContainerError> {
        let folder = self.folder.join(session.id.to_string());
        create_private_dir(&folder)?;
        let spec = ContainerSpec {
            session_id: session.id,
            session_name: &session.name,
            folder: &folder,
            dialect: self.dialect(),
            unauthenticated_limit: self.settings.unauthenticated_limit,
            run: self.run,
            gone: self.stop.child_token(),
            account_key: key,
        };
        Ok(Arc::new(Container::create(spec)?))
    }
}

/// Session ids by name, as an earlier start wrote them.
fn read_ids(file: &Path) -> Result<std::collections::BTreeMap<String, Uuid>, io::Error> {
    match fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Default::default()),
        Err(error) => Err(error),
    }
}
