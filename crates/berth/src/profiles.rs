//! Clusters that were signed in to before: the address history, and what "remember me" needs.

use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::{Error, Profile, json_file};

/// The profiles file. It is read anew each time, because the desktop app and the command line share it.
#[derive(Debug)]
pub(crate) struct Profiles {
    path: PathBuf,
    /// One change at a time.
    changing: Mutex<()>,
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
        Self { path, changing: Mutex::new(()) }
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

    /// The profile that is signed in, remembered or not.
    pub(crate) fn active(&self) -> Option<Profile> {
        let content = self.content();
        let id = content.signed_in?;
        content.profiles.into_iter().find(|p| p.id == id)
    }

    /// Makes a known profile the one that is signed in; false when there is none of that id.
    pub(crate) fn activate(&self, id: &str) -> Result<bool, Error> {
        let Some(profile) = self.all().into_iter().find(|p| p.id == id) else { return Ok(false) };
        self.signed_in(&profile)?;
        Ok(true)
    }

    /// Notes that a profile's credentials are no longer remembered.
    pub(crate) fn not_remembered(&self, id: &str) -> Result<(), Error> {
        self.change(|content| {
            for profile in content.profiles.iter_mut().filter(|p| p.id == id) {
                profile.remembered = false;
            }
        })
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
        json_file::read(&self.path)
    }

    fn change(&self, edit: impl FnOnce(&mut Content)) -> Result<(), Error> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut content = self.content();
        edit(&mut content);
        json_file::write(&self.path, &content)
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
