//! Files and folders that only their owner can read.
//!
//! A private key must not be readable by others for an instant, must not be half-written when the
//! power fails, and must not be written through a link that somebody else laid out. So: a temporary
//! file in the same folder, owner-only before the first byte, flushed to the disk, renamed into place.

#[cfg(any(windows, test))]
mod sddl;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as os;
#[cfg(windows)]
use windows as os;

use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What to do when the target exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Leave it alone and say [`FileError::Exists`].
    Refuse,
    /// Put the new file in its place. A symbolic link is replaced, not followed.
    Replace,
}

/// Why a private file or folder could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Something of that name is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// The folder or the file may not be written: permissions, or a read-only file system.
    #[error("{} may not be written ({source})", path.display())]
    NotWritable {
        /// The target.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder that should hold the file does not exist.
    #[error("the folder {} does not exist", path.display())]
    NoSuchFolder {
        /// The missing folder.
        path: PathBuf,
    },
    /// The target is a folder where a file is wanted.
    #[error("{} is a folder", path.display())]
    IsFolder {
        /// The target.
        path: PathBuf,
    },
    /// The target, or a part of its path, is no folder where one is wanted.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// What is not a folder.
        path: PathBuf,
    },
    /// A folder that should be private is a symbolic link.
    #[error("{} is a symbolic link", path.display())]
    IsLink {
        /// The link.
        path: PathBuf,
    },
    /// A folder that should be private belongs to another user.
    #[error("{} belongs to another user", path.display())]
    OtherOwner {
        /// The folder.
        path: PathBuf,
    },
    /// No room left, or the user's quota is used up.
    #[error("there is no room left for {}", path.display())]
    DiskFull {
        /// The target.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{}: {source}", path.display())]
    Io {
        /// The target.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FileError {
    /// Sorts what the system said about writing `path`.
    pub(crate) fn of(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path }
            }
            io::ErrorKind::IsADirectory => Self::IsFolder { path },
            io::ErrorKind::NotADirectory => Self::NotAFolder { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Creates a folder that only this user can enter: mode 0700, on Windows an access list with only the owner.
///
/// Missing folders above it are created likewise. A folder of this user's that exists already is used,
/// and made private if it is not.
///
/// # Errors
/// [`FileError::IsLink`], [`FileError::OtherOwner`] and [`FileError::NotAFolder`] when something else is
/// in its place; the others as the system reports them.
pub fn create_private_dir(path: impl AsRef<Path>) -> Result<(), FileError> {
    let path = path.as_ref();
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            os::create_dir_all(path).map_err(|e| match e.kind() {
                // Some part of the path is a file.
                io::ErrorKind::AlreadyExists => FileError::NotAFolder { path: path.into() },
                _ => FileError::of(path, e),
            })?;
        }
        Err(e) => return Err(FileError::of(path, e)),
        Ok(_) => {}
    }
    // Looked at again after creation: somebody may have been quicker in a shared folder.
    let found = std::fs::symlink_metadata(path).map_err(|e| FileError::of(path, e))?;
    if found.is_symlink() {
        return Err(FileError::IsLink { path: path.into() });
    }
    if !found.is_dir() {
        return Err(FileError::NotAFolder { path: path.into() });
    }
    if !os::is_own(&found) {
        return Err(FileError::OtherOwner { path: path.into() });
    }
    os::make_dir_private(path, &found).map_err(|e| FileError::of(path, e))
}

/// Writes a whole file that only this user can read: mode 0600, on Windows an access list with only the owner.
///
/// All or nothing: after a crash the target is the old file or the new one. The folder must exist and
/// may be anybody's; the file is private from its first instant, under its temporary name too. (File
/// systems without owners, such as a memory stick's, keep nothing private: see [`is_private`].)
///
/// # Errors
/// A [`FileError`]; the target is then as it was and no temporary file is left.
pub fn write_private_file(
    path: impl AsRef<Path>,
    bytes: &[u8],
    overwrite: Overwrite,
) -> Result<(), FileError> {
    let path = path.as_ref();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(FileError::NotAFolder { path: folder.into() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(FileError::NoSuchFolder { path: folder.into() });
        }
        Err(e) => return Err(FileError::of(folder, e)),
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => return Err(FileError::IsFolder { path: path.into() }),
        Ok(_) if overwrite == Overwrite::Refuse => return Err(FileError::Exists { path: path.into() }),
        _ => {}
    }
    let of = |e| FileError::of(path, e);
    let mut file = os::private_temporary(folder).map_err(of)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(of)?;
    match overwrite {
        Overwrite::Replace => file.persist(path).map(drop).map_err(|e| of(e.error))?,
        Overwrite::Refuse => match file.persist_noclobber(path) {
            Ok(_) => {}
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => return Err(of(e.error)),
            // File systems without hard links: memory sticks, some network drives.
            Err(e) => persist_over_placeholder(e.file, path).map_err(of)?,
        },
    }
    os::sync_dir(folder).map_err(of)
}

/// Renames a file to a name that is taken first, so that nothing of anybody's is replaced.
fn persist_over_placeholder(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    std::fs::File::create_new(path)?;
    file.persist(path).map(drop).map_err(|e| {
        // What is left is our own empty file; the first failure is the one to tell.
        drop(std::fs::remove_file(path));
        e.error
    })
}

/// True when nobody but this user can read or change the file or folder.
///
/// On Windows administrators and the system may have access too, as OpenSSH allows it. A symbolic link
/// is followed, as OpenSSH does it with keys.
///
/// # Errors
/// When it does not exist or its permissions cannot be read.
pub fn is_private(path: impl AsRef<Path>) -> io::Result<bool> {
    os::is_private(path.as_ref())
}

/// Takes everybody else's rights away from a file (0600) or folder (0700).
///
/// # Errors
/// When it does not exist or belongs to another user.
pub fn make_private(path: impl AsRef<Path>) -> io::Result<()> {
    os::make_private(path.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_replaced_and_a_file_of_anybodys_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let with = |text: &str| {
            let mut file = os::private_temporary(folder.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        persist_over_placeholder(with("first"), &path).unwrap();
        assert!(is_private(&path).unwrap());
        let error = persist_over_placeholder(with("second"), &path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
