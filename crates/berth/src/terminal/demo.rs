//! The note that a demo cluster leaves while it runs, so that other processes of this user find it.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Reach;
use super::find::names_file;
use crate::kept_login::KeptLogins;
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

impl Note {
    fn access(self) -> DemoAccess {
        DemoAccess { url: self.url, email: self.email, password: self.password }
    }
}

/// The note of a running demo cluster; dropped, it takes away the note and what commands have kept of the cluster.
#[derive(Debug)]
pub struct DemoGuard {
    paths: Paths,
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
        // Another one may have had this port.
        forget(paths, access);
        json_file::write(&paths.demo(), &note)?;
        Ok(Self { paths: paths.clone(), url: access.url.clone() })
    }
}

impl Drop for DemoGuard {
    fn drop(&mut self) {
        // Another demo that started later has put its own in place.
        let note: Note = json_file::read(&self.paths.demo());
        if note.url == self.url {
            take_away(&self.paths, &note.access());
        }
    }
}

fn take_away(paths: &Paths, access: &DemoAccess) {
    let _ = std::fs::remove_file(paths.demo());
    forget(paths, access);
}

/// A demo cluster's logins and sessions are not those of the next one.
fn forget(paths: &Paths, access: &DemoAccess) {
    let id = Reach::Demo(access.clone()).profile().id;
    KeptLogins::new(paths.logins()).remove(&id);
    let _ = std::fs::remove_file(names_file(paths, &id));
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
    let access = note.access();
    if alive {
        return Some(access);
    }
    take_away(paths, &access);
    None
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
