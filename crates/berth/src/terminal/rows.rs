//! Sessions as rows of fields, for a host whose user chooses the columns.

use backend_ai::{RowQuery, Rows, Statuses};

use crate::terminal::KnownName;
use crate::{Berth, Error};

impl Berth {
    /// Sessions by the fields that are asked for, as the server gives them.
    ///
    /// # Errors
    /// `not-signed-in`; `server-error` for a field, filter or order that the server does not know.
    pub async fn session_rows(&self, wanted: &RowQuery) -> Result<Rows, Error> {
        let cluster = self.signed_in()?;
        let found = cluster
            .call(|c| {
                let wanted = wanted.clone();
                async move { c.session_rows(&wanted).await }
            })
            .await?;
        // A demo's address is another one each time.
        let everything = !cluster.account().demo
            && wanted.statuses == Statuses::Live
            && wanted.filter.is_none()
            && wanted.access_key.is_none()
            && wanted.offset == 0
            && found.total == found.rows.len() as u64
            && ["session_id", "name", "status", "image"]
                .iter()
                .all(|field| wanted.fields.iter().any(|f| f == field));
        if everything {
            let names: Vec<KnownName> = found
                .rows
                .iter()
                .map(|row| {
                    let text =
                        |key: &str| row.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                    let (id, name) = (text("session_id"), text("name"));
                    KnownName { id, name, status: text("status"), image: text("image") }
                })
                .collect();
            self.keep_names(&cluster.profile_id(), names);
        }
        Ok(found)
    }

    /// One session by the fields that are asked for.
    ///
    /// # Errors
    /// `session-not-found`; `server-error` for a field that the server does not know.
    pub async fn session_row(
        &self,
        id: &str,
        fields: &'static [&'static str],
    ) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let id = id.to_owned();
            async move { c.session_row(&id, fields).await }
        });
        asked.await?.ok_or_else(|| crate::error::session_unknown(id, &[]))
    }
}
