//! Logins that outlive a command, one private file per profile.
//!
//! A login is a cookie that the server forgets after hours or days, so it is worth less than a password and is
//! needed by every command at once; a keychain would have to be unlocked and tried each time. With it is kept what
//! the server was seen to be, which saves a request per command for some hours.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use backend_ai::{Endpoint, SavedLogin, Server};
use serde::{Deserialize, Serialize};

use crate::{AccessMode, Error, error, json_file};

/// How long a server is believed to be what it was: upgrades happen.
const SERVER_KEPT: Duration = Duration::from_secs(6 * 3600);

/// The folder of kept logins.
#[derive(Debug)]
pub(crate) struct KeptLogins {
    folder: PathBuf,
}

/// What is kept of one login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeptLogin {
    address: String,
    mode: AccessMode,
    manager_version: String,
    api_version: String,
    /// When the server was last asked what it is, seconds since 1970.
    probed_at: u64,
    /// The cookie; none in API mode.
    pub(crate) login: Option<SavedLogin>,
}

impl KeptLogin {
    pub(crate) fn new(server: &Server, login: Option<SavedLogin>) -> Self {
        Self {
            address: server.endpoint.to_string(),
            mode: match server.mode {
                backend_ai::AccessMode::Session => AccessMode::Session,
                backend_ai::AccessMode::Api => AccessMode::Api,
            },
            manager_version: server.manager_version.clone(),
            api_version: server.api_version.clone(),
            probed_at: now(),
            login,
        }
    }

    /// The same server with another login.
    pub(crate) fn with_login(self, login: SavedLogin) -> Self {
        Self { login: Some(login), ..self }
    }

    /// The server, while what was seen of it is fresh enough.
    pub(crate) fn server(&self) -> Option<Server> {
        let age = Duration::from_secs(now().saturating_sub(self.probed_at));
        if age > SERVER_KEPT {
            return None;
        }
        Some(Server {
            endpoint: Endpoint::parse(&self.address).ok()?,
            mode: match self.mode {
                AccessMode::Session => backend_ai::AccessMode::Session,
                AccessMode::Api => backend_ai::AccessMode::Api,
            },
            manager_version: self.manager_version.clone(),
            api_version: self.api_version.clone(),
        })
    }
}

impl KeptLogins {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn get(&self, profile_id: &str) -> Option<KeptLogin> {
        json_file::read(&self.path(profile_id))
    }

    /// Keeps a login in place of the one that was.
    pub(crate) fn set(&self, profile_id: &str, kept: &KeptLogin) -> Result<(), Error> {
        sshkit::private_file::create_private_dir(&self.folder).map_err(|e| error::file(&e, &self.folder))?;
        json_file::write(&self.path(profile_id), kept)
    }

    pub(crate) fn remove(&self, profile_id: &str) {
        let path = self.path(profile_id);
        if let Err(e) = std::fs::remove_file(&path)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), error = %e, "a kept login was not removed");
        }
    }

    fn path(&self, profile_id: &str) -> PathBuf {
        self.folder.join(format!("{}.json", file_name(profile_id)))
    }
}

/// A profile's id as a file name on every system.
pub(crate) fn file_name(profile_id: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(profile_id.as_bytes()).collect();
    // Kept plain by forms, but not by Windows.
    escaped.replace('*', "%2A")
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_for_its_owner_only_and_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let logins = KeptLogins::new(dir.path().join("logins"));
        let id = "me@example.com@http://127.0.0.1:8090";
        assert_eq!(logins.get(id), None);
        let server = Server {
            endpoint: Endpoint::parse("http://127.0.0.1:8090").unwrap(),
            mode: backend_ai::AccessMode::Session,
            manager_version: "23.09.10".into(),
            api_version: "v7.20230615".into(),
        };
        let kept = KeptLogin::new(&server, None);
        logins.set(id, &kept).unwrap();
        let again = KeptLogins::new(dir.path().join("logins")).get(id).unwrap();
        assert_eq!(again, kept);
        assert_eq!(again.server().unwrap(), server);
        assert!(sshkit::private_file::is_private(logins.path(id)).unwrap());
        logins.remove(id);
        logins.remove(id);
        assert_eq!(logins.get(id), None);
    }

    #[test]
    fn an_old_look_at_the_server_is_not_believed() {
        let server = Server {
            endpoint: Endpoint::parse("http://127.0.0.1").unwrap(),
            mode: backend_ai::AccessMode::Api,
            manager_version: String::new(),
            api_version: "v7".into(),
        };
        let mut kept = KeptLogin::new(&server, None);
        kept.probed_at -= SERVER_KEPT.as_secs() + 1;
        assert_eq!(kept.server(), None);
    }

    #[test]
    fn file_names_hold_no_separators() {
        assert!(!file_name("a@http://h:1/p*?").contains(['/', ':', '*', '?', '\\']));
    }
}
