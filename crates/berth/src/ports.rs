//! The port each session had last, so that FileZilla sites and VS Code windows keep working.
//!
//! Kept by session *name*: a session that is created again under its name gets its port back.

use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::json_file;

/// The ports file and its present content, the latest used first.
#[derive(Debug)]
pub(crate) struct LastPorts {
    path: PathBuf,
    current: Mutex<Vec<Entry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    profile: String,
    session: String,
    app: String,
    port: u16,
}

/// Sessions come and go by the hundred; older ones may lose their port.
const KEPT: usize = 500;

impl LastPorts {
    pub(crate) fn open(path: PathBuf) -> Self {
        let current = json_file::read(&path);
        Self { path, current: Mutex::new(current) }
    }

    pub(crate) fn get(&self, profile: &str, session: &str, app: &str) -> Option<u16> {
        self.lock()
            .iter()
            .find(|e| e.profile == profile && e.session == session && e.app == app)
            .map(|e| e.port)
    }

    /// Remembers a port. Failing to write costs a convenience only, so it is logged and no more.
    pub(crate) fn set(&self, profile: &str, session: &str, app: &str, port: u16) {
        let entry = Entry { profile: profile.into(), session: session.into(), app: app.into(), port };
        let mut current = self.lock();
        if current.first() == Some(&entry) {
            return;
        }
        current.retain(|e| !(e.profile == profile && e.session == session && e.app == app));
        current.insert(0, entry);
        current.truncate(KEPT);
        if let Err(e) = json_file::write(&self.path, &*current) {
            tracing::warn!(error = %e.message, "cannot remember the port");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_kept_per_profile_session_and_app() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ports.json");
        let ports = LastPorts::open(path.clone());
        ports.set("p", "train", "sshd", 30001);
        ports.set("p", "train", "vnc", 30002);
        ports.set("q", "train", "sshd", 30003);
        ports.set("p", "train", "sshd", 30004);
        let again = LastPorts::open(path);
        assert_eq!(again.get("p", "train", "sshd"), Some(30004));
        assert_eq!(again.get("p", "train", "vnc"), Some(30002));
        assert_eq!(again.get("q", "train", "sshd"), Some(30003));
        assert_eq!(again.get("q", "other", "sshd"), None);
    }
}
