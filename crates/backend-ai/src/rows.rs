//! Sessions as rows of fields that the caller names, as the server gives them (protocol.md 2.1, 9.2).
//!
//! For a command line whose user chooses columns, filter and order; everything else reads [`Session`].
//!
//! [`Session`]: crate::Session

use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::graphql::QueryError;

/// Largest page that servers give.
const PAGE: usize = 100;
/// Keeps statuses that later lines add.
const LIVE: &str = "status != \"TERMINATED\" & status != \"CANCELLED\"";

/// Which rows, and what of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowQuery {
    /// Field names of the server's schema, e.g. `session_id`.
    pub fields: Vec<String>,
    /// Which statuses.
    pub statuses: Statuses,
    /// A further condition in the server's filter language.
    pub filter: Option<String>,
    /// The server's order language, e.g. `+name,-created_at`; the newest first without.
    pub order: Option<String>,
    /// Rows to leave out at the beginning.
    pub offset: usize,
    /// Most rows; all without.
    pub limit: Option<usize>,
    /// Another owner's access key, for administrators; the own without.
    pub access_key: Option<String>,
}

/// Which statuses to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Statuses {
    /// All that are not an end.
    #[default]
    Live,
    /// All.
    All,
    /// These, in upper case. One that the server does not know is an error there.
    These(Vec<String>),
}

/// Rows of one query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// How many there are on the server.
    pub total: u64,
    /// Field names and values.
    pub rows: Vec<Map<String, Value>>,
}

impl Client {
    /// Lists sessions by the fields that are asked for.
    ///
    /// # Errors
    /// [`Error::Server`] with the server's words for a field, filter or order that it does not know.
    pub async fn session_rows(&self, wanted: &RowQuery) -> Result<Rows, Error> {
        if let Some(odd) = wanted.fields.iter().find(|field| !is_field(field)) {
            return Err(Error::Server { status: 400, title: format!("{odd:?} is no field"), msg: None });
        }
        let own = self.login()?.identity.access_key.clone();
        let access_key = wanted.access_key.clone().unwrap_or(own);
        let mut filter = wanted.filter.clone();
        let mut status = None;
        match &wanted.statuses {
            Statuses::Live => filter = Some(filter.map_or(LIVE.into(), |f| format!("({LIVE}) & ({f})"))),
            Statuses::All => {}
            Statuses::These(names) => status = Some(names.join(",")),
        }
        let query = format!(
            "query($limit:Int!, $offset:Int!, $ak:String, $status:String, $filter:String, $order:String) {{ \
             compute_session_list(limit:$limit, offset:$offset, access_key:$ak, status:$status, \
             filter:$filter, order:$order) {{ items {{ {} }} total_count }} }}",
            wanted.fields.join(" ")
        );
        let most = wanted.limit.unwrap_or(usize::MAX);
        let mut found = Rows::default();
        while found.rows.len() < most {
            let asked = (most - found.rows.len()).min(PAGE);
            let variables = json!({
                "limit": asked, "offset": wanted.offset + found.rows.len(), "ak": access_key,
                "status": status, "filter": filter,
                "order": wanted.order.as_deref().unwrap_or("-created_at"),
            });
            let answer = self.query(&query, variables, "compute_session_list").await;
            let list = answer.map_err(|e: QueryError| e.into_error(self))?;
            let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            let got = items.len();
            found.total = list.get("total_count").and_then(Value::as_u64).unwrap_or(got as u64);
            found.rows.extend(items.into_iter().filter_map(|item| match item {
                Value::Object(row) => Some(row),
                _ => None,
            }));
            if got < asked {
                break;
            }
        }
        Ok(found)
    }
}

impl Client {
    /// One session by the fields that are asked for; `None` when there is none, or not for this user.
    ///
    /// # Errors
    /// [`Error::Server`] with the server's words for a field that it does not know.
    pub async fn session_row(&self, id: &str, fields: &[&str]) -> Result<Option<Map<String, Value>>, Error> {
        let query = format!("query($id:UUID!) {{ compute_session(id:$id) {{ {} }} }}", fields.join(" "));
        let answer = self.query(&query, json!({"id": id}), "compute_session").await;
        match answer.map_err(|e| e.into_error(self))? {
            Value::Object(row) => Ok(Some(row)),
            _ => Ok(None),
        }
    }
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_fields() {
        assert!(is_field("session_id"));
        assert!(!is_field("name } } mutation {"));
        assert!(!is_field(""));
    }
}
