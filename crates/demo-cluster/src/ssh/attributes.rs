//! File attributes between SFTP and this computer's file system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use russh_sftp::protocol::{File as Entry, FileAttributes};

/// An entry with the line that `ls -l` in SFTP clients shows.
pub(super) fn entry(name: &str, attrs: FileAttributes) -> Entry {
    let mode = attrs.permissions.unwrap_or(0);
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    };
    let rights: String =
        (0..9).rev().map(|bit| if mode & (1 << bit) != 0 { ['x', 'w', 'r'][bit % 3] } else { '-' }).collect();
    let time = time::OffsetDateTime::from_unix_timestamp(i64::from(attrs.mtime.unwrap_or(0)))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!("[month repr:short] [day padding:space] [hour]:[minute]");
    let longname = format!(
        "{kind}{rights}    1 work     work     {:>12} {} {name}",
        attrs.size.unwrap_or(0),
        time.format(&format).unwrap_or_default()
    );
    Entry { filename: name.to_owned(), longname, attrs }
}

pub(super) fn attributes(metadata: &fs::Metadata) -> FileAttributes {
    let seconds = |time: io::Result<std::time::SystemTime>| {
        let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.and_then(|since| u32::try_from(since.as_secs()).ok())
    };
    FileAttributes {
        size: Some(metadata.len()),
        uid: Some(1000),
        gid: Some(1000),
        permissions: Some(mode_of(metadata)),
        atime: seconds(metadata.accessed()).or(Some(0)),
        mtime: seconds(metadata.modified()).or(Some(0)),
        ..FileAttributes::empty()
    }
}

/// What `/` and `/home` are.
pub(super) fn folder_attributes() -> FileAttributes {
    FileAttributes {
        size: Some(0),
        uid: Some(0),
        gid: Some(0),
        permissions: Some(0o040_755),
        atime: Some(0),
        mtime: Some(0),
        ..FileAttributes::empty()
    }
}

#[cfg(unix)]
pub(super) fn mode_of(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode()
}

#[cfg(not(unix))]
pub(super) fn mode_of(metadata: &fs::Metadata) -> u32 {
    let kind = if metadata.is_dir() {
        0o040_000
    } else if metadata.is_symlink() {
        0o120_000
    } else {
        0o100_000
    };
    kind | if metadata.permissions().readonly() { 0o555 } else { 0o755 }
}

/// The mode of a file that opening creates.
#[cfg(unix)]
pub(super) fn set_creation_mode(options: &mut OpenOptions, attrs: &FileAttributes) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(attrs.permissions.map_or(0o644, |mode| mode & 0o777));
}

/// Windows has no modes to set.
#[cfg(not(unix))]
pub(super) fn set_creation_mode(_: &mut OpenOptions, _: &FileAttributes) {}

#[cfg(unix)]
pub(super) fn set_mode(
    attrs: &FileAttributes,
    set: impl FnOnce(fs::Permissions) -> io::Result<()>,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match attrs.permissions {
        Some(mode) => set(fs::Permissions::from_mode(mode & 0o7777)),
        None => Ok(()),
    }
}

/// Windows has no modes to set.
#[cfg(not(unix))]
pub(super) fn set_mode(
    _: &FileAttributes,
    _: impl FnOnce(fs::Permissions) -> io::Result<()>,
) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_times(attrs: &FileAttributes, file: impl FnOnce() -> io::Result<File>) -> io::Result<()> {
    let (None, None) = (attrs.atime, attrs.mtime) else {
        let at = |seconds: u32| UNIX_EPOCH + Duration::from_secs(u64::from(seconds));
        let mut times = fs::FileTimes::new();
        if let Some(seconds) = attrs.atime {
            times = times.set_accessed(at(seconds));
        }
        if let Some(seconds) = attrs.mtime {
            times = times.set_modified(at(seconds));
        }
        return file()?.set_times(times);
    };
    Ok(())
}
