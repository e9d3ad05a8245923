//! Pinned host keys, and which start of its session each belongs to.
//!
//! Up to 26.2 a restarted session shows a new host key (protocol.md 5.4), and ssh would call that an attack. So beside
//! each pin stands the container that the session had when somebody last connected. Another container now, told by the
//! signed-in cluster, means a restart: the pin is of a key that is gone, and is dropped before ssh reads it.
//!
//! Whatever is not sure stays ssh's refusal: the same container, a container that the cluster does not tell, a pin
//! without a note. Such a pin gets its note now. It need not match for that: whenever it was made, the present container
//! is the last it can be of, and the next one makes it stale. From 26.3 on the key outlives restarts, and nothing here
//! asks or drops. Times of status changes are no substitute for the container: 22.09 changes none at a restart, and
//! later lines change them without one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_ai::SessionRef;
use serde::{Deserialize, Serialize};
use sshkit::known_hosts::KnownHosts;
use sshkit::private_file::{FileError, create_private_dir};
use tokio::sync::broadcast;

use crate::cluster::Cluster;
use crate::{Error, Event, error, json_file};

/// ssh does not wait longer than this for what it can do without.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// All pinned host keys.
#[derive(Debug)]
pub(crate) struct HostKeys {
    pub(crate) pinned: KnownHosts,
    /// A folder with a file for each name.
    notes: PathBuf,
    changing: Mutex<()>,
    events: broadcast::Sender<Event>,
}

/// A name under which ssh pins a session's host key.
#[derive(Debug, Clone)]
pub(crate) struct PinnedAs {
    pub(crate) keys: Arc<HostKeys>,
    /// What ssh has as its `HostKeyAlias`.
    pub(crate) alias: String,
}

/// What stands beside a pin.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Note {
    /// Id of the container; empty when it is not known.
    container: String,
}

/// What becomes of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pin {
    /// It stays, and so does the note.
    Stays,
    /// It stays, if there is one, and belongs to the present container at the latest.
    Noted,
    /// There is none, and the container of the next one is not known.
    Unknown,
    /// The session was restarted.
    Stale,
}

impl HostKeys {
    pub(crate) fn new(pinned: KnownHosts, notes: PathBuf, events: broadcast::Sender<Event>) -> Self {
        Self { pinned, notes, changing: Mutex::new(()), events }
    }

    /// Drops what is pinned under a name, of whichever session that was.
    pub(crate) fn forget(&self, alias: &str) -> Result<(), FileError> {
        let _one_at_a_time = self.lock();
        self.pinned.forget(alias)?;
        self.drop_note(alias)
    }

    /// Compares a pin with the container that the session has now, and gives whether it was dropped: the session was
    /// restarted since.
    fn runs_in(&self, alias: &str, container: Option<&str>) -> Result<bool, Error> {
        let _one_at_a_time = self.lock();
        let in_known_hosts = |e: &FileError| error::file(e, self.pinned.path());
        let pinned = self
            .pinned
            .fingerprints(alias)
            .map_err(|source| in_known_hosts(&FileError::Io { path: self.pinned.path().into(), source }))?;
        let note: Note = json_file::read(&self.note(alias));
        let pin = judge(!pinned.is_empty(), &note.container, container);
        if pin == Pin::Stale {
            self.pinned.forget(alias).map_err(|e| in_known_hosts(&e))?;
        }
        match (pin, container) {
            (Pin::Stays, _) => {}
            (Pin::Noted | Pin::Stale, Some(container)) => {
                create_private_dir(&self.notes).map_err(|e| error::file(&e, &self.notes))?;
                json_file::write(&self.note(alias), &Note { container: container.to_owned() })?;
            }
            (Pin::Unknown, _) | (_, None) => {
                self.drop_note(alias).map_err(|e| error::file(&e, &self.note(alias)))?;
            }
        }
        Ok(pin == Pin::Stale)
    }

    fn drop_note(&self, alias: &str) -> Result<(), FileError> {
        let path = self.note(alias);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(FileError::Io { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Names are ssh's hosts and `backendai-` with an id, so each is the name of a file, too.
    fn note(&self, alias: &str) -> PathBuf {
        self.notes.join(format!("{alias}.json"))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judge(pinned: bool, noted: &str, now: Option<&str>) -> Pin {
    match now {
        Some(now) if noted == now => Pin::Stays,
        Some(_) if pinned && !noted.is_empty() => Pin::Stale,
        Some(_) => Pin::Noted,
        None if pinned || noted.is_empty() => Pin::Stays,
        // What is pinned next may be of a later container than the note says.
        None => Pin::Unknown,
    }
}

impl PinnedAs {
    /// Sees that ssh does not take a restarted session's new host key for an attack. To be done before ssh gets the
    /// server's first byte, because it reads pinned keys after that. What cannot be found out leaves everything as it is.
    pub(crate) async fn follow(&self, cluster: &Cluster, session: &SessionRef) {
        if !cluster.client().server().renews_host_keys() {
            return;
        }
        let asked = cluster.call(|c| {
            let id = session.id.clone();
            // A login that the user has to renew takes longer, but the stream waits for that, too.
            async move {
                let told = tokio::time::timeout(ASK_WITHIN, c.container_id(&id)).await;
                told.unwrap_or(Ok(None))
            }
        });
        let container = asked.await.unwrap_or_else(|e| {
            tracing::debug!(session = %session.name, error = %e.message, "container not told");
            None
        });
        match self.keys.runs_in(&self.alias, container.as_deref()) {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(session = %session.name, alias = %self.alias, "restarted: its old host key is forgotten");
                let _ = self.keys.events.send(Event::HostKeyRenewed {
                    session_id: session.id.clone(),
                    session_name: session.name.clone(),
                });
            }
            Err(e) => tracing::warn!(error = %e.message, "cannot compare a pinned host key with its session"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn only_another_container_makes_a_pin_stale() {
        let table = [
            (true, "a", Some("a"), Pin::Stays),
            (true, "a", Some("b"), Pin::Stale),
            (true, "a", None, Pin::Stays),
            (true, "", Some("b"), Pin::Noted),
            (true, "", None, Pin::Stays),
            (false, "a", Some("a"), Pin::Stays),
            (false, "a", Some("b"), Pin::Noted),
            (false, "a", None, Pin::Unknown),
            (false, "", Some("b"), Pin::Noted),
            (false, "", None, Pin::Stays),
        ];
        for (pinned, noted, now, pin) in table {
            assert_eq!(judge(pinned, noted, now), pin, "{pinned} {noted:?} {now:?}");
        }
    }

    #[test]
    fn one_hosts_pin_goes_with_its_container() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        let events = broadcast::channel(1).0;
        let keys = HostKeys::new(KnownHosts::open(&file).unwrap(), dir.path().join("pins"), events);
        let text = || std::fs::read_to_string(&file).unwrap();
        let others = format!("# mine\nb.demo.berth {KEY}\n");
        let both = format!("# mine\na.demo.berth {KEY}\nb.demo.berth {KEY}\n");
        let at = |container| keys.runs_in("a.demo.berth", container).unwrap();

        // A pin of an earlier version of Berth, without a note.
        std::fs::write(&file, &both).unwrap();
        assert!(!at(None) && !at(Some("first")) && !at(Some("first")) && !at(None));
        assert_eq!(text(), both);
        assert!(at(Some("second")));
        assert_eq!(text(), others);
        // ssh pins the new key.
        std::fs::write(&file, &both).unwrap();
        assert!(!at(Some("second")));
        assert_eq!(text(), both);
        // Taken out by hand; pinned again while the cluster did not tell the container.
        std::fs::write(&file, &others).unwrap();
        assert!(!at(None));
        std::fs::write(&file, &both).unwrap();
        assert!(!at(Some("third")), "it may well be the third's");
        assert!(at(Some("fourth")));

        std::fs::write(&file, &both).unwrap();
        keys.forget("a.demo.berth").unwrap();
        assert_eq!(text(), others);
        assert_eq!(std::fs::read_dir(dir.path().join("pins")).unwrap().count(), 0);
        keys.forget("a.demo.berth").unwrap();
    }
}
