//! Owner-only files by mode bits.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Group's and others' bits.
const OTHERS: u32 = 0o077;

pub(super) fn create_dir_all(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn is_own(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

pub(super) fn make_dir_private(path: &Path, found: &Metadata) -> io::Result<()> {
    // The owner needs all three bits too: a folder of mode 0500 could not take keys.
    if found.permissions().mode() & 0o777 == 0o700 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// A new empty file of mode 0600 under a name of its own, removed when dropped.
pub(super) fn private_temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".berth-").permissions(Permissions::from_mode(0o600)).tempfile_in(folder)
}

/// Makes a rename inside the folder last through a power failure.
pub(super) fn sync_dir(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|dir| dir.sync_all()) {
        // A folder that may be written but not read, and file systems that cannot flush a folder.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

pub(super) fn is_private(path: &Path) -> io::Result<bool> {
    let found = std::fs::metadata(path)?;
    Ok(is_own(&found) && found.permissions().mode() & OTHERS == 0)
}

pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let mode = if std::fs::metadata(path)?.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}
