//! Keys that the user has saved elsewhere, remembered so that one whose permissions were widened is noticed.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sshkit::private_file::{is_private, make_private};

use crate::{Berth, Error, SavedKeyFile, error, json_file};

/// More than anybody saves; the oldest is forgotten then.
const KEPT: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Saved {
    path: PathBuf,
    session: String,
    fingerprint: String,
}

/// The list of them.
#[derive(Debug)]
pub(crate) struct SavedKeys {
    path: PathBuf,
    changing: Mutex<()>,
}

impl SavedKeys {
    pub(crate) fn open(path: PathBuf) -> Self {
        Self { path, changing: Mutex::new(()) }
    }

    /// Notes a key file. Failing to costs the notice only.
    pub(crate) fn add(&self, path: &Path, session: &str, fingerprint: &str) {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all = self.read();
        all.retain(|saved| saved.path != path && saved.path.exists());
        all.insert(
            0,
            Saved { path: path.to_path_buf(), session: session.into(), fingerprint: fingerprint.into() },
        );
        all.truncate(KEPT);
        if let Err(e) = json_file::write(&self.path, &all) {
            tracing::warn!(error = %e.message, "cannot note where a key was saved");
        }
    }

    /// Those that are still there.
    pub(crate) fn all(&self) -> Vec<SavedKeyFile> {
        let there = self.read().into_iter().filter(|saved| saved.path.is_file());
        there
            .map(|saved| SavedKeyFile {
                too_open: too_open(&saved.path),
                path: saved.path.display().to_string(),
                session: saved.session,
                fingerprint: saved.fingerprint,
            })
            .collect()
    }

    fn read(&self) -> Vec<Saved> {
        json_file::read(&self.path)
    }
}

/// Whether others can read a key, so that ssh refuses it. What cannot be told is no reason to warn.
pub(crate) fn too_open(path: &Path) -> bool {
    is_private(path).is_ok_and(|private| !private)
}

impl Berth {
    /// The keys that were saved with Berth, and whether each is still private.
    pub fn saved_keys(&self) -> Vec<SavedKeyFile> {
        self.connections().saved_keys.all()
    }

    /// Takes everybody else's rights away from a key file: one that was saved with Berth, or one of the user's own in
    /// `.ssh`. Other files are left alone.
    ///
    /// # Errors
    /// `file-not-writable`.
    pub fn mend_key(&self, path: &str) -> Result<(), Error> {
        let known = self.saved_keys().into_iter().map(|saved| saved.path);
        let own = self.local_keys().into_iter().filter_map(|key| key.private_path);
        if !known.chain(own).any(|known| known == path) {
            return Err(error::internal("this file is no key that Berth knows"));
        }
        let path = Path::new(path);
        make_private(path).map_err(|e| error::read_file(path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_widened_key_is_noticed() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let keys = SavedKeys::open(dir.path().join("saved-keys.json"));
        let key = dir.path().join("k");
        std::fs::write(&key, "key").unwrap();
        let set = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o600);
        keys.add(&key, "train", "SHA256:x");
        keys.add(&key, "train", "SHA256:y");
        let all = keys.all();
        assert_eq!((all.len(), all[0].too_open, all[0].fingerprint.as_str()), (1, false, "SHA256:y"));
        set(0o644);
        assert!(keys.all()[0].too_open);
        std::fs::remove_file(&key).unwrap();
        assert!(keys.all().is_empty());
    }
}
