//! The host keys of sessions, in a `known_hosts` file of Berth's own.
//!
//! Every session makes its own host key, and all of them sit behind 127.0.0.1 (protocol.md 5.4), so
//! entries by address would clash. Each session gets a name of its own (`HostKeyAlias`); `ssh` adds
//! the entry at the first connection (`accept-new`) and refuses a changed key afterwards. Entries are
//! dropped here when a session ends. Debian's ssh hashes the names it writes, so both forms are read.

use std::io;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use ssh_key::HashAlg;
use ssh_key::known_hosts::{Entry, HostPatterns};

use crate::private_file::{self, FileError, Overwrite};

/// The file in which host keys are pinned.
#[derive(Debug, Clone)]
pub struct KnownHosts {
    path: PathBuf,
}

impl KnownHosts {
    /// The file at `path`; created, empty and for its owner only, if it does not exist, and made private
    /// if it is not. Its folder must exist.
    ///
    /// # Errors
    /// When it can be neither created nor made private.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        match private_file::write_private_file(&path, b"", Overwrite::Refuse) {
            Ok(()) => {}
            Err(FileError::Exists { .. }) => {
                let private = private_file::is_private(&path).and_then(|private| match private {
                    true => Ok(()),
                    false => private_file::make_private(&path),
                });
                private.map_err(|source| FileError::NotWritable { path: path.clone(), source })?;
            }
            Err(other) => return Err(other),
        }
        Ok(Self { path })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name under which a session's host key is pinned: `backendai-<session id>`.
    pub fn alias(&self, session_id: &str) -> String {
        alias(session_id)
    }

    /// Drops the host keys pinned under a name; the next connection pins what it finds.
    ///
    /// Returns whether there were any. All other lines stay as they are, byte for byte.
    ///
    /// # Errors
    /// When the file cannot be read or replaced; it is then as it was.
    pub fn forget(&self, alias: &str) -> Result<bool, FileError> {
        let text = self.read().map_err(|e| FileError::Io { path: self.path.clone(), source: e })?;
        let mut kept = Vec::with_capacity(text.len());
        for line in text.split_inclusive(|b| *b == b'\n') {
            if !entry(line).is_some_and(|entry| names(&entry, alias)) {
                kept.extend_from_slice(line);
            }
        }
        if kept.len() == text.len() {
            return Ok(false);
        }
        private_file::write_private_file(&self.path, &kept, Overwrite::Replace)?;
        Ok(true)
    }

    /// The fingerprints (`SHA256:…`) of the host keys pinned under a name, in the order of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fingerprints(&self, alias: &str) -> io::Result<Vec<String>> {
        let text = self.read()?;
        let entries = text.split(|b| *b == b'\n').filter_map(entry).filter(|entry| names(entry, alias));
        Ok(entries.map(|entry| entry.public_key().fingerprint(HashAlg::Sha256).to_string()).collect())
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        match std::fs::read(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }
}

/// The name under which a session's host key is pinned: `backendai-<session id>`.
///
/// A session id is a UUID. Anything else that a server might send is escaped, so that the name is
/// always one word of letters, digits, `-` and `_`, and never an option or a pattern to `ssh`.
pub fn alias(session_id: &str) -> String {
    use std::fmt::Write as _;
    let mut alias = String::from("backendai-");
    for byte in session_id.bytes() {
        match byte.to_ascii_lowercase() {
            byte @ (b'a'..=b'z' | b'0'..=b'9' | b'-') => alias.push(char::from(byte)),
            // Writing to a String does not fail.
            byte => drop(write!(alias, "_{byte:02x}")),
        }
    }
    alias
}

fn entry(line: &[u8]) -> Option<Entry> {
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

fn names(entry: &Entry, alias: &str) -> bool {
    match entry.host_patterns() {
        HostPatterns::Patterns(names) => names.iter().any(|name| name.eq_ignore_ascii_case(alias)),
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(alias.as_bytes()).verify_slice(hash).is_ok()),
    }
}
