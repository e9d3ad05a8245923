//! Which container a session runs in: by it, one start of a session is told from the next.

use crate::client::Client;
use crate::error::Error;
use crate::probe::Server;
use crate::problem::text;
use crate::transport::{Call, segment};

/// Years of releases, before which a version is none that was understood.
const FIRST_YEAR: u16 = 20;
/// Year and month of the first line whose agent makes the host key, once for each session (protocol.md 5.4).
const KEPT_SINCE: (u16, u16) = (26, 3);
/// Longer ones are no container's. Docker's have 64 characters.
const LONGEST: usize = 128;

impl Server {
    /// Whether a session's sshd makes itself a new host key each time the session is started: up to 26.2
    /// (protocol.md 5.4). False where the server does not tell its version.
    pub fn renews_host_keys(&self) -> bool {
        let version = self.manager();
        // Releases on the way to 26.3 are taken for it: what they do was not seen.
        version.year >= FIRST_YEAR && (version.year, version.month) < KEPT_SINCE
    }
}

impl Client {
    /// The id of the main container that a session has now; `None` where it has none, or the server does not say.
    ///
    /// A restarted session keeps its own id and gets another container. This call tells it to its owner on all lines
    /// from 22.09; GraphQL leaves it out where the administrator hides agents (read in 22.09, 23.09 and 25.15).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session any more.
    pub async fn container_id(&self, session_id: &str) -> Result<Option<String>, Error> {
        let call = Call::get(format!("/session/{}", segment(session_id)?));
        let answer = self.call_json(&call).await.map_err(|failure| failure.into_error(self.mode()))?;
        Ok(text(Some(&answer), "containerId").and_then(container).map(str::to_owned))
    }
}

/// An id as container runtimes make them. Before there is a container, servers write Python's `None`.
fn container(id: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!id.is_empty() && id != "None" && id.len() <= LONGEST && id.bytes().all(plain)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessMode, Endpoint};

    #[test]
    fn host_keys_are_renewed_up_to_26_2() {
        let renews = |version: &str| {
            let endpoint = Endpoint::parse("https://seoul.example.com").unwrap();
            let (mode, api_version) = (AccessMode::Session, "v9.20250722".to_owned());
            Server { endpoint, mode, manager_version: version.to_owned(), api_version }.renews_host_keys()
        };
        for version in ["22.09.23", "23.09.10", "24.03.11", "25.15.12", "26.1.0", "26.2.9"] {
            assert!(renews(version), "{version}");
        }
        for version in ["26.3.0", "26.3.0rc1", "26.3.0.dev2", "26.9.6", "27.1.0", "", "unknown", "9"] {
            assert!(!renews(version), "{version}");
        }
    }

    #[test]
    fn only_ids_are_containers() {
        let id = "3f4e".repeat(16);
        assert_eq!(container(&id), Some(id.as_str()));
        assert_eq!(container("kernel-0b7d2a51"), Some("kernel-0b7d2a51"));
        for none in ["", "None", "a b", "../x", &"a".repeat(129)] {
            assert_eq!(container(none), None, "{none}");
        }
    }
}
