//! Listing sessions over all server lines (protocol.md 2.1-2.3).
//!
//! Servers differ in the status names and the fields they know, and an unknown one fails the whole query. So
//! forms are tried from the best to the plainest, and the one that worked is remembered.

use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::graphql::QueryError;
use crate::problem::text;
use crate::session::{Session, SessionScope};
use crate::transport::Call;
use crate::version::ManagerVersion;

/// Largest page that servers give.
const PAGE: usize = 100;
/// Bound of pages, against a server whose `total_count` grows without end.
const MAX_PAGES: usize = 200;

const FIELDS: &str = "session_id name type status status_info created_at terminated_at image scaling_group \
    group_name cluster_size service_ports occupied_slots access_key";
const FEWER_FIELDS: &str = "session_id name status image created_at access_key group_name service_ports";

/// Status names that every line knows and that are not an end.
const LIVE: &str = "PENDING,SCHEDULED,PREPARING,PULLING,RUNNING,RESTARTING,TERMINATING,ERROR";
const ALL: &str =
    "PENDING,SCHEDULED,PREPARING,PULLING,RUNNING,RESTARTING,TERMINATING,TERMINATED,ERROR,CANCELLED";
/// Keeps statuses that later lines add.
const LIVE_FILTER: &str = "status != \"TERMINATED\" & status != \"CANCELLED\"";

fn max_pages(scope: SessionScope) -> usize {
    match scope {
        SessionScope::Recent => 1,
        SessionScope::Live | SessionScope::All => MAX_PAGES,
    }
}

/// First line with the REST search that needs no GraphQL.
const SEARCH_SINCE: ManagerVersion = ManagerVersion::new(26, 4, 0);

/// Which form of the queries this server was seen to take.
#[derive(Default)]
pub(crate) struct Dialect {
    form: AtomicU8,
}

impl Dialect {
    /// Begins with the best form again: the server may have been upgraded, or have had a bad moment.
    pub(crate) fn forget(&self) {
        self.form.store(0, Ordering::Relaxed);
    }
}

/// Forms of the list query: how ended sessions are left out, and which fields are asked for.
const FORMS: [(bool, &str); 4] =
    [(true, FIELDS), (false, FIELDS), (true, FEWER_FIELDS), (false, FEWER_FIELDS)];

impl Client {
    /// The user's own sessions, newest first. Also for administrators: only those of the own access key.
    pub async fn sessions(&self, scope: SessionScope) -> Result<Vec<Session>, Error> {
        let known = usize::from(self.dialect().form.load(Ordering::Relaxed)).min(FORMS.len() - 1);
        let mut refused = None;
        for (index, (filter, fields)) in FORMS.iter().enumerate().skip(known) {
            match self.list(scope, *filter, fields).await {
                Ok(sessions) => {
                    self.dialect().form.store(index as u8, Ordering::Relaxed);
                    return Ok(sessions);
                }
                Err(QueryError::Query(words)) => {
                    tracing::debug!(form = index, %words, "the server does not take this form of the list query");
                    // The first refusal says most; the others are about plainer queries.
                    refused.get_or_insert(words);
                }
                Err(QueryError::Call(failure)) => {
                    let down = matches!(failure.status(), Some(404 | 405 | 502 | 503));
                    if down && self.server().manager() >= SEARCH_SINCE {
                        return self.search(scope).await;
                    }
                    return Err(failure.into_error(self.mode()));
                }
            }
        }
        Err(QueryError::Query(refused.unwrap_or_default()).into_error(self))
    }

    async fn list(
        &self,
        scope: SessionScope,
        filter: bool,
        fields: &str,
    ) -> Result<Vec<Session>, QueryError> {
        let (status, filter) = match (scope, filter) {
            (SessionScope::Live, true) => (None, Some(LIVE_FILTER)),
            (SessionScope::Live, false) => (Some(LIVE), None),
            (SessionScope::Recent | SessionScope::All, true) => (None, None),
            (SessionScope::Recent | SessionScope::All, false) => (Some(ALL), None),
        };
        let (parameter, argument) = match filter {
            Some(_) => (", $filter:String", ", filter:$filter"),
            None => (", $status:String", ", status:$status"),
        };
        let query = format!(
            "query($limit:Int!, $offset:Int!, $ak:String{parameter}) {{ \
             compute_session_list(limit:$limit, offset:$offset, access_key:$ak{argument}, order:\"-created_at\") {{ \
             items {{ {fields} }} total_count }} }}"
        );
        let access_key =
            self.login().map_err(|error| QueryError::Call(error.into()))?.identity.access_key.clone();
        let mut sessions: Vec<Session> = Vec::new();
        for page in 0..max_pages(scope) {
            let mut variables = json!({"limit": PAGE, "offset": page * PAGE, "ak": access_key});
            match filter {
                Some(filter) => variables["filter"] = json!(filter),
                None => variables["status"] = json!(status),
            }
            let list = self.query(&query, variables, "compute_session_list").await?;
            let items = list.get("items").and_then(Value::as_array).ok_or_else(|| {
                QueryError::Call(Error::BadAnswer("a session list without items".to_owned()).into())
            })?;
            let total = list.get("total_count").and_then(Value::as_u64).unwrap_or(items.len() as u64);
            for item in items {
                // A server that ignores the argument must not make strangers' sessions look like own ones.
                if text(Some(item), "access_key").is_some_and(|owner| owner != access_key) {
                    continue;
                }
                let session = Session::from_graphql(item).map_err(|e| QueryError::Call(e.into()))?;
                // A page moves while sessions come and go.
                if !sessions.iter().any(|known| known.id == session.id) {
                    sessions.push(session);
                }
            }
            if items.is_empty() || ((page + 1) * PAGE) as u64 >= total {
                break;
            }
        }
        if scope == SessionScope::Live {
            sessions.retain(|session| !session.has_ended());
        }
        Ok(sessions)
    }

    /// The user's sessions without GraphQL, for when the federation router is down (protocol.md 2.3).
    /// It names no apps and no image.
    async fn search(&self, scope: SessionScope) -> Result<Vec<Session>, Error> {
        let mut sessions = Vec::new();
        for page in 0..max_pages(scope) {
            let call =
                Call::post("/v2/sessions/my/search").json(json!({"limit": PAGE, "offset": page * PAGE}));
            let answer = self.call_json(&call).await.map_err(|failure| failure.into_error(self.mode()))?;
            let items = answer
                .get("items")
                .and_then(Value::as_array)
                .ok_or_else(|| Error::BadAnswer("a session search without items".to_owned()))?;
            for item in items {
                sessions.push(Session::from_search(item)?);
            }
            let more = answer.get("has_next_page").and_then(Value::as_bool);
            if items.is_empty() || more != Some(true) {
                break;
            }
        }
        if scope == SessionScope::Live {
            sessions.retain(|session: &Session| !session.has_ended());
        }
        sessions.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        Ok(sessions)
    }

    /// One session by its UUID.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, or not for this user.
    pub async fn session(&self, id: &str) -> Result<Session, Error> {
        let missing = || Error::NotFound(format!("session {id}"));
        let mut refused = None;
        for fields in [FIELDS, FEWER_FIELDS] {
            let query = format!("query($id:UUID!) {{ compute_session(id:$id) {{ {fields} }} }}");
            match self.query(&query, json!({"id": id}), "compute_session").await {
                Ok(Value::Null) => return Err(missing()),
                Ok(item) => return Session::from_graphql(&item),
                Err(QueryError::Query(words)) => {
                    let lower = words.to_lowercase();
                    if ["not found", "no such", "does not exist", "badly formed", "invalid uuid"]
                        .iter()
                        .any(|phrase| lower.contains(phrase))
                    {
                        return Err(missing());
                    }
                    refused.get_or_insert(words);
                }
                Err(error) => return Err(error.into_error(self)),
            }
        }
        Err(QueryError::Query(refused.unwrap_or_default()).into_error(self))
    }
}
