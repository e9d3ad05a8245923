//! Owner-only files and folders on a real file system.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use sshkit::private_file::{
    FileError, Overwrite, create_private_dir, is_private, make_private, write_private_file,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Root may write anywhere; tests of refused permissions mean nothing then.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_private_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    write_private_file(&path, b"first", Overwrite::Refuse).unwrap();
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"first".to_vec(), 0o600));
    write_private_file(&path, b"second", Overwrite::Replace).unwrap();
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"second".to_vec(), 0o600));
    assert_eq!(names(folder.path()), ["key"]);
}

#[test]
fn replacing_a_wide_open_file_makes_it_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "old").unwrap();
    set_mode(&path, 0o644);
    write_private_file(&path, b"new", Overwrite::Replace).unwrap();
    assert_eq!(mode(&path), 0o600);
}

/// What others hold open is the old file: the new bytes never pass through it.
#[test]
fn an_open_handle_to_the_old_file_does_not_see_the_new_bytes() {
    use std::io::{Read as _, Seek as _};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "old").unwrap();
    let mut watcher = fs::File::open(&path).unwrap();
    write_private_file(&path, b"new secret", Overwrite::Replace).unwrap();
    let mut seen = String::new();
    watcher.rewind().unwrap();
    watcher.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "old");
}

#[test]
fn an_existing_file_is_left_alone_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "old").unwrap();
    assert!(matches!(write_private_file(&path, b"new", Overwrite::Refuse), Err(FileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["key"]);
}

#[test]
fn a_link_at_the_target_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (victim, link) = (folder.path().join("victim"), folder.path().join("key"));
    fs::write(&victim, "untouched").unwrap();
    symlink(&victim, &link).unwrap();
    assert!(matches!(write_private_file(&link, b"new", Overwrite::Refuse), Err(FileError::Exists { .. })));
    write_private_file(&link, b"new", Overwrite::Replace).unwrap();
    assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");

    // A link into nowhere counts as existing: writing through it would create a file elsewhere.
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("elsewhere"), &dangling).unwrap();
    assert!(matches!(
        write_private_file(&dangling, b"new", Overwrite::Refuse),
        Err(FileError::Exists { .. })
    ));
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn every_bad_target_has_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let write = |path: &Path| write_private_file(path, b"x", Overwrite::Replace).unwrap_err();
    assert!(matches!(write(&folder.path().join("none/key")), FileError::NoSuchFolder { .. }));
    assert!(matches!(write(folder.path()), FileError::IsFolder { .. }));
    assert!(matches!(write(&file.join("key")), FileError::NotAFolder { .. }));
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_folder_that_may_not_be_written_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    // Root may write into any folder, but not into a file system that is read-only.
    let _mount = if is_root() {
        match Mount::new(folder.path(), "ro") {
            Some(mount) => Some(mount),
            None => return,
        }
    } else {
        set_mode(folder.path(), 0o500);
        None
    };
    let error = write_private_file(folder.path().join("key"), b"x", Overwrite::Replace).unwrap_err();
    assert!(matches!(error, FileError::NotWritable { .. }), "{error:?}");
}

#[test]
fn a_full_disk_is_said_so_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::new(folder.path(), "size=64k") else { return };
    let path = folder.path().join("key");
    write_private_file(&path, b"old", Overwrite::Refuse).unwrap();
    let error = write_private_file(&path, &vec![7; 1 << 20], Overwrite::Replace).unwrap_err();
    assert!(matches!(error, FileError::DiskFull { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["key"]);
}

/// A file system of its own on a folder, where root may mount one.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(folder: &'a Path, options: &str) -> Option<Self> {
        let mut command = Command::new("mount");
        let done = is_root()
            && support::run(command.args(["-t", "tmpfs", "-o", options, "none"]).arg(folder))
                .status
                .success();
        if !done {
            eprintln!("skipped: no file system can be mounted here");
        }
        done.then_some(Self(folder))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        support::run(Command::new("umount").arg(self.0));
    }
}

#[test]
fn a_relative_name_goes_to_the_current_folder() {
    let name = format!("sshkit-test-{}", std::process::id());
    write_private_file(&name, b"x", Overwrite::Refuse).unwrap();
    let found = is_private(&name);
    fs::remove_file(&name).unwrap();
    assert!(found.unwrap());
}

#[test]
fn a_folder_is_created_private_with_those_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/keys");
    create_private_dir(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&folder.path().join("a")), 0o700);
    create_private_dir(&path).unwrap();
}

#[test]
fn a_wide_open_or_too_narrow_folder_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    fs::create_dir(&path).unwrap();
    for before in [0o755, 0o777, 0o1777, 0o500, 0o750] {
        set_mode(&path, before);
        create_private_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o700, "{before:o}");
    }
}

#[test]
fn what_is_no_folder_of_ones_own_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(create_private_dir(&file), Err(FileError::NotAFolder { .. })));
    assert!(matches!(create_private_dir(file.join("keys")), Err(FileError::NotAFolder { .. })));
    let link = folder.path().join("link");
    symlink(folder.path(), &link).unwrap();
    assert!(matches!(create_private_dir(&link), Err(FileError::IsLink { .. })));
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("nowhere"), &dangling).unwrap();
    assert!(matches!(create_private_dir(&dangling), Err(FileError::IsLink { .. })));

    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    let foreign = if is_root() {
        std::os::unix::fs::chown(&foreign, Some(12345), Some(12345)).unwrap();
        foreign
    } else {
        Path::new("/").to_path_buf()
    };
    assert!(matches!(create_private_dir(&foreign), Err(FileError::OtherOwner { .. })));
}

#[test]
fn permissions_are_judged_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "key").unwrap();
    for wide in [0o644, 0o640, 0o604, 0o602, 0o610] {
        set_mode(&path, wide);
        assert!(!is_private(&path).unwrap(), "{wide:o}");
        make_private(&path).unwrap();
        assert!(is_private(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
    }
    set_mode(&path, 0o400);
    assert!(is_private(&path).unwrap());
    set_mode(folder.path(), 0o755);
    assert!(!is_private(folder.path()).unwrap());
    make_private(folder.path()).unwrap();
    assert_eq!(mode(folder.path()), 0o700);
    assert!(is_private(folder.path().join("none")).is_err());
}
