//! Sessions made, ended and looked into.

use backend_ai::{CreateSession, CreatedSession, ManagerVersion, RemoteFile, SessionRef, UploadFile};

use super::find::{is_uuid, outdate};
use crate::cluster::Cluster;
use crate::connections::{offered_apps, running_session};
use crate::{Berth, Error, Session, cluster, error};

/// An app with what it can be started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppDetails {
    /// The server's name for it.
    pub name: String,
    /// `tcp`, `http` or what else the server says.
    pub protocol: String,
    /// Ports inside the container.
    pub ports: Vec<u16>,
    /// Options that its start takes, each with its default, if the server names one.
    pub arguments: Vec<(String, Option<String>)>,
    /// Environment variables that its start takes, likewise.
    pub environment: Vec<(String, Option<String>)>,
}

impl Berth {
    /// The apps that a running session offers, in detail.
    ///
    /// # Errors
    /// `session-not-found`, `session-not-running`, ...
    pub async fn app_details(&self, session_id: &str) -> Result<Vec<AppDetails>, Error> {
        let cluster = self.signed_in()?;
        let session = running_session(&cluster, session_id).await?;
        let apps = offered_apps(&cluster, &session.reference()).await?;
        Ok(apps
            .into_iter()
            .map(|app| AppDetails {
                name: app.name,
                protocol: app.protocol,
                ports: app.ports,
                arguments: app.allowed_arguments,
                environment: app.allowed_environment,
            })
            .collect())
    }

    /// Makes a session and says what the server made of it; it is queued, not yet running. Its network may be given
    /// by its name, too.
    ///
    /// # Errors
    /// `not-supported`, `network-not-found`, `network-ambiguous`; whatever the server refuses, in its words.
    pub async fn create_session(&self, wanted: &CreateSession) -> Result<CreatedSession, Error> {
        let cluster = self.signed_in()?;
        let version = cluster.client().server().manager();
        for (what, since, asked) in [
            ("A priority", ManagerVersion::new(24, 9, 0), wanted.priority.is_some()),
            ("A time limit", ManagerVersion::new(24, 9, 0), wanted.batch_timeout.is_some()),
            ("A network", ManagerVersion::new(24, 12, 0), wanted.network.is_some()),
        ] {
            if asked && version < since {
                return Err(error::not_supported(what, since, &cluster.account().server.manager_version));
            }
        }
        let mut wanted = wanted.clone();
        if let Some(network) = wanted.network.as_mut().filter(|network| !is_uuid(network)) {
            *network = network_id(&cluster, network).await?;
        }
        let asked = cluster.call(|c| {
            let wanted = wanted.clone();
            async move { c.create_session(&wanted).await }
        });
        asked.await.map_err(not_the_session)
    }

    /// One session as it is now.
    ///
    /// # Errors
    /// `session-not-found`.
    pub async fn session_now(&self, id: &str) -> Result<Session, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let id = id.to_owned();
            async move { c.session(&id).await }
        });
        asked.await.map(|session| cluster::session(&session))
    }

    /// Ends a session; its key and its pinned host key are forgotten here. Gives the server's statistics as JSON.
    ///
    /// # Errors
    /// `session-not-found`, `forbidden`, ...
    pub async fn destroy_session(
        &self,
        session: &Session,
        forced: bool,
        recursive: bool,
        owner: Option<&str>,
    ) -> Result<serde_json::Value, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let reference = reference(session);
            let owner = owner.map(str::to_owned);
            async move { c.destroy_session(&reference, forced, recursive, owner.as_deref()).await }
        });
        let answer = asked.await?;
        outdate(&self.options.paths, &cluster.profile_id());
        self.connections().forget_session(&session.id);
        if let Ok(host) = self.ssh_host(&session.name) {
            self.forget_host(&host);
        }
        Ok(answer)
    }

    /// What a session's container has written; ended sessions, too.
    ///
    /// # Errors
    /// `session-not-found`, ...
    pub async fn session_logs(&self, session: &Session, kernel: Option<&str>) -> Result<String, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let (reference, kernel) = (reference(session), kernel.map(str::to_owned));
            async move { c.session_logs(&reference, kernel.as_deref()).await }
        });
        asked.await
    }

    /// Gives a running session another name.
    ///
    /// # Errors
    /// `server-error` when the name is taken or not one.
    pub async fn rename_session(&self, session: &Session, name: &str) -> Result<(), Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let (reference, name) = (reference(session), name.to_owned());
            async move { c.rename_session(&reference, &name).await }
        });
        asked.await?;
        outdate(&self.options.paths, &cluster.profile_id());
        Ok(())
    }

    /// The files of a folder inside a running session.
    ///
    /// # Errors
    /// `file-not-found`.
    pub async fn list_files(&self, session: &Session, path: &str) -> Result<Vec<RemoteFile>, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let (reference, path) = (reference(session), path.to_owned());
            async move { c.list_files(&reference, &path).await }
        });
        asked.await.map_err(|e| about_file(e, &session.name, path))
    }

    /// A file or folder of a running session as an uncompressed tar, up to the server's limit of 1 MiB.
    ///
    /// # Errors
    /// `file-not-found`, `too-large`.
    pub async fn download_archive(&self, session: &Session, path: &str) -> Result<Vec<u8>, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let (reference, path) = (reference(session), path.to_owned());
            async move { c.download_archive(&reference, &path).await }
        });
        asked.await.map(|bytes| bytes.to_vec()).map_err(|e| about_file(e, &session.name, path))
    }

    /// Uploads files, each less than 1 MiB, into a running session's home folder.
    ///
    /// # Errors
    /// `too-large` before anything is sent.
    pub async fn upload_files(&self, session: &Session, files: &[UploadFile]) -> Result<(), Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let (reference, files) = (reference(session), files.to_vec());
            async move { c.upload_files(&reference, &files).await }
        });
        asked.await.map_err(|e| about_file(e, &session.name, ""))
    }
}

/// The id of the network with a name.
async fn network_id(cluster: &Cluster, name: &str) -> Result<String, Error> {
    let asked = cluster.call(|c| {
        let name = name.to_owned();
        async move { c.networks(&name).await }
    });
    let mut found = asked.await?;
    match (found.pop(), found.len()) {
        (Some(id), 0) => Ok(id),
        (Some(_), others) => Err(Error::new(
            "network-ambiguous",
            format!("{} networks are named “{name}”.", others + 1),
            "Name the one you mean by its id.",
        )),
        (None, _) => Err(Error::new(
            "network-not-found",
            format!("There is no network “{name}” in your projects."),
            "Ask the administrator of the cluster for its name.",
        )),
    }
}

fn reference(session: &Session) -> SessionRef {
    SessionRef { id: session.id.clone(), name: session.name.clone() }
}

/// In a call about files, "not found" is the file.
fn about_file(error: Error, session: &str, path: &str) -> Error {
    let file = error.details.get("detail").is_some_and(|d| d.contains("file ") || d.contains("folder "));
    match error.code.as_str() {
        "session-not-found" if file => error::remote_file(session, path),
        "bad-answer" if error.details.get("detail").is_some_and(|d| d.contains("larger than")) => {
            error::too_large(path)
        }
        _ => error,
    }
}

/// In a call that makes a session, "not found" is its image, its project or its resource group.
fn not_the_session(error: Error) -> Error {
    if error.code != "session-not-found" {
        return error;
    }
    let detail = error.details.get("detail").cloned().unwrap_or_default();
    let what = detail.strip_prefix("not found: ").unwrap_or(&detail);
    Error::new(
        "server-error",
        format!("The cluster did not make the session: {what}"),
        "Check the image, the project and the resource group.",
    )
    .with("detail", what)
}
