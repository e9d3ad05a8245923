//! The note that a demo cluster leaves while it runs, so that other processes of this user find it.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DemoAccess, Error, Paths, json_file};

/// On loopback an answer takes microseconds.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Note {
    url: String,
    email: String,
    password: String,
}

/// The note of a running demo cluster; dropped, it takes the note away.
#[derive(Debug)]
pub struct DemoGuard {
    path: PathBuf,
    url: String,
}

impl DemoGuard {
    /// Leaves the note, for this user only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(paths: &Paths, access: &DemoAccess) -> Result<Self, Error> {
        let note =
            Note { url: access.url.clone(), email: access.email.clone(), password: access.password.clone() };
        json_file::write(&paths.demo(), &note)?;
        Ok(Self { path: paths.demo(), url: access.url.clone() })
    }
}

impl Drop for DemoGuard {
    fn drop(&mut self) {
        // Another demo that started later has put its own in place.
        if json_file::read::<Note>(&self.path).url == self.url {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The demo cluster that runs now, if one does. A note that was left behind by a killed one is taken away.
pub fn running_demo(paths: &Paths) -> Option<DemoAccess> {
    let path = paths.demo();
    if !path.exists() {
        return None;
    }
    let note: Note = json_file::read(&path);
    let address = note.url.strip_prefix("http://").and_then(|host| host.parse::<SocketAddr>().ok());
    let alive = address.is_some_and(|address| TcpStream::connect_timeout(&address, ANSWERS_WITHIN).is_ok());
    if !alive {
        let _ = std::fs::remove_file(&path);
        return None;
    }
    Some(DemoAccess { url: note.url, email: note.email, password: note.password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_lives_as_long_as_its_demo() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::at(dir.path().join("data")).unwrap();
        assert!(running_demo(&paths).is_none());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = DemoAccess { url: url.clone(), email: "e".into(), password: "p".into() };
        let guard = DemoGuard::new(&paths, &access).unwrap();
        assert!(sshkit::private_file::is_private(paths.demo()).unwrap());
        assert_eq!(running_demo(&paths).unwrap().url, url);
        drop(guard);
        assert!(running_demo(&paths).is_none());
        let killed = DemoGuard::new(&paths, &access).unwrap();
        drop(listener);
        std::mem::forget(killed);
        assert!(running_demo(&paths).is_none());
        assert!(!paths.demo().exists(), "what a killed demo left is gone");
    }
}
