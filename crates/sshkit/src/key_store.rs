//! The private keys of sessions, one file each, in a folder that only their owner can enter.
//!
//! Files are named after the session, so that a command line stays valid as long as the session lives,
//! however often its key is fetched again. A key usually opens all sessions of its user
//! (protocol.md 5.3), hence the care.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::{self, KeyError, KeySummary};
use crate::private_file::{self, FileError, Overwrite};

/// What follows the session id in a file name: the name that the file has inside the session.
const SUFFIX: &str = ".id_container";

/// The folder of keys.
#[derive(Debug, Clone)]
pub struct KeyStore {
    folder: PathBuf,
}

/// A key that is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The file, 0600.
    pub path: PathBuf,
    /// What the key is.
    pub summary: KeySummary,
}

/// Why a key was not stored, found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The session id is not a UUID, and so cannot become a file name.
    #[error("“{0}” is not a session id")]
    BadSessionId(String),
    /// The bytes are not a private key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file could not be written, read or removed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl KeyStore {
    /// The keys in `folder`, which is created and made private where needed.
    ///
    /// # Errors
    /// See [`private_file::create_private_dir`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, FileError> {
        let folder = folder.into();
        private_file::create_private_dir(&folder)?;
        Ok(Self { folder })
    }

    /// Checks a key and writes it down for a session, in place of the one that was there.
    ///
    /// Junk around the key is left out and line ends are made what OpenSSH wants ([`key::normalize`]); a
    /// clean key is stored byte for byte. The file is not touched when it holds the same already.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`] when it is not a private key; the old file then stays.
    pub fn store(&self, session_id: &str, bytes: &[u8]) -> Result<StoredKey, KeyStoreError> {
        let path = self.path(session_id)?;
        let summary = key::inspect(bytes)?;
        let clean = key::normalize(bytes)?;
        let unchanged = std::fs::read(&path).map(Zeroizing::new).is_ok_and(|old| *old == *clean)
            && is_plain_private_file(&path);
        if !unchanged {
            private_file::write_private_file(&path, &clean, Overwrite::Replace)?;
        }
        Ok(StoredKey { path, summary })
    }

    /// The key of a session, if one is stored. A file that others could read is made private first.
    ///
    /// # Errors
    /// [`KeyStoreError::Key`] when the file no longer holds a key.
    pub fn load(&self, session_id: &str) -> Result<Option<StoredKey>, KeyStoreError> {
        let path = self.path(session_id)?;
        let Some(bytes) = self.read(&path)? else { return Ok(None) };
        if !private_file::is_private(&path).map_err(|e| io_error(&path, e))? {
            private_file::make_private(&path).map_err(|e| io_error(&path, e))?;
        }
        Ok(Some(StoredKey { summary: key::inspect(&bytes)?, path }))
    }

    /// The key file's content, for saving it elsewhere.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self, session_id: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
        let path = self.path(session_id)?;
        self.read(&path)
    }

    /// Removes the key of a session and says whether there was one.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(&self, session_id: &str) -> Result<bool, KeyStoreError> {
        let path = self.path(session_id)?;
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(io_error(&path, e).into()),
        }
    }

    /// The ids of the sessions whose keys are stored, sorted. Other files in the folder are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<String>, KeyStoreError> {
        let failed = |e| KeyStoreError::from(io_error(&self.folder, e));
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            ids.extend(id.filter(|id| canonical(id).as_deref() == Some(*id)).map(str::to_owned));
        }
        ids.sort();
        Ok(ids)
    }

    /// The file in which a session's key is or would be.
    ///
    /// # Errors
    /// [`KeyStoreError::BadSessionId`].
    pub fn path(&self, session_id: &str) -> Result<PathBuf, KeyStoreError> {
        let id = canonical(session_id).ok_or_else(|| KeyStoreError::BadSessionId(session_id.into()))?;
        Ok(self.folder.join(format!("{id}{SUFFIX}")))
    }

    fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyStoreError> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error(path, e).into()),
        }
    }
}

/// A session id as it is written in file names: lower case with hyphens.
fn canonical(session_id: &str) -> Option<String> {
    Uuid::try_parse(session_id).ok().map(|id| id.hyphenated().to_string())
}

fn is_plain_private_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
        && private_file::is_private(path).unwrap_or(false)
}

fn io_error(path: &Path, source: io::Error) -> FileError {
    FileError::Io { path: path.into(), source }
}
