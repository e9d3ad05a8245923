//! Clusters that were signed in to before: the address history, and what "remember me" needs.

use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::{Error, Profile, json_file};

/// The profiles file and its present content, the latest used first.
#[derive(Debug)]
pub(crate) struct Profiles {
    path: PathBuf,
    current: Mutex<Content>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    profiles: Vec<Profile>,
    /// The profile to sign in to at the next start.
    signed_in: Option<String>,
}

/// More than anybody has clusters, and few enough for a list to choose from.
const KEPT: usize = 20;

impl Profiles {
    pub(crate) fn open(path: PathBuf) -> Self {
        let content = json_file::read(&path);
        Self { path, current: Mutex::new(content) }
    }

    pub(crate) fn all(&self) -> Vec<Profile> {
        self.content().profiles
    }

    /// The profile that was signed in when the program last ended, if its credentials are remembered.
    pub(crate) fn to_restore(&self) -> Option<Profile> {
        let content = self.content();
        let id = content.signed_in?;
        content.profiles.into_iter().find(|p| p.id == id && p.remembered)
    }

    /// Puts a profile first and notes that it is signed in.
    pub(crate) fn signed_in(&self, profile: &Profile) -> Result<(), Error> {
        self.change(|content| {
            content.profiles.retain(|p| p.id != profile.id);
            content.profiles.insert(0, profile.clone());
            content.profiles.truncate(KEPT);
            content.signed_in = Some(profile.id.clone());
        })
    }

    pub(crate) fn signed_out(&self) -> Result<(), Error> {
        self.change(|content| content.signed_in = None)
    }

    pub(crate) fn forget(&self, id: &str) -> Result<(), Error> {
        self.change(|content| {
            content.profiles.retain(|p| p.id != id);
            content.signed_in.take_if(|s| s == id);
        })
    }

    fn content(&self) -> Content {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn change(&self, edit: impl FnOnce(&mut Content)) -> Result<(), Error> {
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut next = current.clone();
        edit(&mut next);
        json_file::write(&self.path, &next)?;
        *current = next;
        Ok(())
    }
}

/// The id of a profile: one per server address and user, readable in files and logs.
pub(crate) fn id(address: &str, user: &str) -> String {
    format!("{user}@{}", address.trim_start_matches("https://").trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessMode, TlsChoice};

    fn profile(n: usize, remembered: bool) -> Profile {
        let address = format!("https://c{n}.example.com");
        Profile {
            id: id(&address, "me@example.com"),
            address,
            mode: AccessMode::Session,
            user: "me@example.com".into(),
            tls: TlsChoice::default(),
            remembered,
        }
    }

    #[test]
    fn latest_first_and_restored_only_when_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("profiles.json");
        let profiles = Profiles::open(path.clone());
        profiles.signed_in(&profile(1, true)).unwrap();
        profiles.signed_in(&profile(2, false)).unwrap();
        assert_eq!(profiles.to_restore(), None, "its credentials are not remembered");
        profiles.signed_in(&profile(1, true)).unwrap();
        let again = Profiles::open(path);
        assert_eq!(again.to_restore().map(|p| p.id), Some("me@example.com@c1.example.com".into()));
        assert_eq!(again.all().len(), 2);
        again.signed_out().unwrap();
        assert_eq!(again.to_restore(), None);
        again.forget("me@example.com@c1.example.com").unwrap();
        assert_eq!(again.all().len(), 1);
    }
}
