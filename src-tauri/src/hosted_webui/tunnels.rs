//! The page's ports among Berth's own.

use std::sync::{Arc, Mutex, PoisonError};

use berth::{Berth, Connection, ConnectionState, Error, HostedApp};
use webui_bridge::{Open, Opened, Problem, Tunnels};

use crate::words::Words;

/// Ports of the account that the window belongs to.
pub(crate) struct PageTunnels {
    berth: Arc<Berth>,
    words: Arc<Words>,
    profile_id: Mutex<String>,
}

impl PageTunnels {
    pub(crate) fn new(berth: Arc<Berth>, words: Arc<Words>, profile_id: String) -> Self {
        Self { berth, words, profile_id: Mutex::new(profile_id) }
    }

    pub(crate) fn profile_id(&self) -> String {
        self.profile_id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody else has signed in, in the page.
    pub(crate) fn belong_to(&self, profile_id: String) {
        *self.profile_id.lock().unwrap_or_else(PoisonError::into_inner) = profile_id;
    }
}

impl Tunnels for PageTunnels {
    async fn open(&self, open: &Open) -> Result<Opened, Problem> {
        let wanted = HostedApp {
            session: open.session.clone(),
            app: open.app.clone(),
            port: open.port,
            arguments: open.arguments.clone(),
            environment: open.environment.clone(),
        };
        let connected = self.berth.connect_for_web_ui(&self.profile_id(), &wanted).await;
        let problem = |e: Error| problem(&self.words.error(e));
        connected.map(|(connection, fresh)| opened(connection, fresh)).map_err(problem)
    }

    async fn close(&self, id: &str) {
        self.berth.connections().stop(id).await;
    }

    fn all(&self) -> Vec<Opened> {
        let profile = self.profile_id();
        let all = self.berth.connections().all().into_iter();
        all.filter(|c| c.profile_id == profile && is_open(c.state)).map(|c| opened(c, false)).collect()
    }

    fn in_words(&self, problem: Problem) -> Problem {
        let said = self.words.error(Error::new(&problem.code, problem.message, problem.hint));
        Problem { message: said.message, hint: said.hint, ..Problem::new(problem.status, &problem.code, "") }
    }
}

fn is_open(state: ConnectionState) -> bool {
    matches!(state, ConnectionState::Listening | ConnectionState::SignInNeeded)
}

fn opened(connection: Connection, fresh: bool) -> Opened {
    Opened {
        id: connection.id,
        session_id: connection.session_id,
        session_name: connection.session_name,
        app: connection.app,
        port: connection.port,
        fresh,
    }
}

pub(crate) fn problem(error: &Error) -> Problem {
    let status = match error.code.as_str() {
        "not-signed-in" => 401,
        "session-not-found" | "app-not-offered" | "session-not-running" | "session-ended" => 404,
        "gateway" | "unreachable" => 502,
        _ => 500,
    };
    Problem { hint: error.hint.clone(), ..Problem::new(status, &error.code, error.message.clone()) }
}
