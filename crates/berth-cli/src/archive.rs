//! Unpacking what a session sent, which may be anything, without leaving the target folder.
//!
//! Refused: absolute paths, `..`, links that lead out, entries behind a link. Links that stay inside are made last,
//! so that nothing is written through them.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType};

/// What was unpacked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// Files, links included.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// What is no file, folder or link, e.g. a socket, and was left out.
    pub(crate) left_out: Vec<PathBuf>,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// An entry that would land elsewhere.
    #[error("the archive wants to write outside the folder: {0}")]
    Outside(String),
    /// The archive is broken off or none.
    #[error("the archive is not whole: {0}")]
    Broken(io::Error),
    /// The target cannot be written.
    #[error("{path} cannot be written: {source}", path = path.display())]
    Unwritable {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

enum Link {
    Soft { at: PathBuf, to: PathBuf },
    Hard { at: PathBuf, to: PathBuf },
}

/// Unpacks a tar into a folder that exists.
pub(crate) fn unpack(reader: impl Read, target: &Path) -> Result<Unpacked, UnpackError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| UnpackError::Unwritable { path, source }
    };
    let mut archive = Archive::new(reader);
    let mut unpacked = Unpacked::default();
    let mut links = Vec::new();
    let mut ended = true;
    for entry in archive.entries().map_err(UnpackError::Broken)? {
        let mut entry = entry.map_err(UnpackError::Broken)?;
        ended = false;
        let path = inside(&entry.path().map_err(UnpackError::Broken)?)?;
        let full = target.join(&path);
        refuse_links_above(target, &path)?;
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&full).map_err(unwritable(&full))?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                make_parent(&full)?;
                // A link or a read-only file of that name is replaced, not written through.
                if fs::symlink_metadata(&full).is_ok_and(|there| !there.is_dir()) {
                    fs::remove_file(&full).map_err(unwritable(&full))?;
                }
                unpacked.bytes += entry.size();
                unpacked.files += 1;
                entry.set_preserve_mtime(true);
                entry.unpack(&full).map_err(|e| told_apart(e, &full))?;
            }
            EntryType::Symlink => links.push(Link::Soft { to: link_target(&entry, &path)?, at: path }),
            EntryType::Link => {
                let to = entry.link_name().map_err(UnpackError::Broken)?.unwrap_or_default();
                links.push(Link::Hard { to: inside(&to)?, at: path });
            }
            // Headers that say something about other entries.
            EntryType::XGlobalHeader
            | EntryType::XHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => {}
            _ => unpacked.left_out.push(path),
        }
    }
    if ended {
        return Err(UnpackError::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty")));
    }
    for link in links {
        if make(target, &link)? {
            unpacked.files += 1;
        } else {
            let (Link::Soft { at, .. } | Link::Hard { at, .. }) = link;
            unpacked.left_out.push(at);
        }
    }
    Ok(unpacked)
}

/// Where a link leads, if that is inside.
fn link_target(entry: &Entry<'_, impl Read>, path: &Path) -> Result<PathBuf, UnpackError> {
    let to = entry.link_name().map_err(UnpackError::Broken)?.unwrap_or_default().into_owned();
    let outside = || UnpackError::Outside(format!("{} → {}", path.display(), to.display()));
    let mut depth = path.components().count().saturating_sub(1);
    for part in to.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(outside)?,
            Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    Ok(to)
}

/// Makes a link; false where the system has none of the kind.
fn make(target: &Path, link: &Link) -> Result<bool, UnpackError> {
    let (Link::Soft { at, to } | Link::Hard { at, to }) = link;
    refuse_links_above(target, at)?;
    let full = target.join(at);
    make_parent(&full)?;
    let unwritable = |source| UnpackError::Unwritable { path: full.clone(), source };
    if fs::symlink_metadata(&full).is_ok_and(|there| !there.is_dir()) {
        fs::remove_file(&full).map_err(unwritable)?;
    }
    match link {
        Link::Soft { .. } => symlink(to, &full).map_err(unwritable),
        Link::Hard { .. } => {
            refuse_links_above(target, to)?;
            let source = target.join(to);
            if fs::symlink_metadata(&source).is_ok_and(|there| there.is_symlink()) {
                return Err(UnpackError::Outside(format!("{} → {}", at.display(), to.display())));
            }
            // A copy is as good, and no second name for a file that may be changed.
            fs::copy(&source, &full).map_err(unwritable)?;
            Ok(true)
        }
    }
}

#[cfg(unix)]
fn symlink(to: &Path, at: &Path) -> io::Result<bool> {
    std::os::unix::fs::symlink(to, at).map(|()| true)
}

/// Making links is a privilege on Windows.
#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// An entry's path as one below the target.
fn inside(path: &Path) -> Result<PathBuf, UnpackError> {
    let mut below = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => below.push(name),
            Component::CurDir => {}
            _ => return Err(UnpackError::Outside(path.display().to_string())),
        }
    }
    Ok(below)
}

/// No folder on the way to an entry may be a link, be it of the archive or there before.
fn refuse_links_above(target: &Path, path: &Path) -> Result<(), UnpackError> {
    let mut so_far = target.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        so_far.push(part);
        if fs::symlink_metadata(&so_far).is_ok_and(|there| there.is_symlink()) {
            return Err(UnpackError::Outside(format!("{} is a link", so_far.display())));
        }
    }
    Ok(())
}

fn make_parent(path: &Path) -> Result<(), UnpackError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|source| UnpackError::Unwritable { path: parent.to_owned(), source })
}

/// The archive's own end and the disk's refusal both come out of one call.
fn told_apart(error: io::Error, path: &Path) -> UnpackError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        UnpackError::Broken(error)
    } else {
        UnpackError::Unwritable { path: path.to_owned(), source: error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of hostile entries: `tar` itself refuses to write them, so names go into the header as bytes.
    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
            if is_link {
                header.as_mut_bytes()[157..157 + content.len()].copy_from_slice(content.as_bytes());
            }
            let body = if is_link { &b""[..] } else { content.as_bytes() };
            header.set_size(body.len() as u64);
            header.set_cksum();
            builder.append(&header, body).unwrap();
        }
        builder.into_inner().unwrap()
    }

    use EntryType::{Link as Hard, Regular as File, Symlink as Soft};

    #[test]
    fn files_land_inside_with_their_folders() {
        let target = tempfile::tempdir().unwrap();
        let tar =
            archive(&[("a/b c.txt", File, "one"), ("./김.txt", File, "two"), ("a/b c.txt", File, "three")]);
        let done = unpack(&tar[..], target.path()).unwrap();
        assert_eq!((done.files, done.bytes), (3, 11));
        assert_eq!(fs::read_to_string(target.path().join("a/b c.txt")).unwrap(), "three");
        assert_eq!(fs::read_to_string(target.path().join("김.txt")).unwrap(), "two");
    }

    #[test]
    fn nothing_gets_out() {
        let hostile: [&[(&str, EntryType, &str)]; 7] = [
            &[("../out", File, "x")],
            &[("a/../../out", File, "x")],
            &[("/out", File, "x")],
            &[("l", Soft, "../out")],
            &[("l", Soft, "/etc/passwd")],
            &[("a/l", Soft, "../../out")],
            &[("h", Hard, "../out")],
        ];
        for entries in hostile {
            let top = tempfile::tempdir().unwrap();
            let target = top.path().join("target");
            fs::create_dir(&target).unwrap();
            fs::write(top.path().join("out"), "untouched").unwrap();
            let outcome = unpack(&archive(entries)[..], &target);
            assert!(matches!(outcome, Err(UnpackError::Outside(_))), "{entries:?}: {outcome:?}");
            assert_eq!(fs::read_to_string(top.path().join("out")).unwrap(), "untouched");
            assert_eq!(fs::read_dir(&target).unwrap().count(), 0, "{entries:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_inside_are_made_and_never_written_through() {
        let top = tempfile::tempdir().unwrap();
        let target = top.path().join("target");
        fs::create_dir(&target).unwrap();
        let tar = archive(&[("d/real", File, "x"), ("l", Soft, "d/real"), ("h", Hard, "d/real")]);
        assert_eq!(unpack(&tar[..], &target).unwrap().files, 3);
        assert_eq!(fs::read_to_string(target.join("l")).unwrap(), "x");
        assert_eq!(fs::read_to_string(target.join("h")).unwrap(), "x");
        // A file of the name of a link takes its place.
        unpack(&archive(&[("l", File, "new")])[..], &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("d/real")).unwrap(), "x");
        // Behind a link that was there before, nothing is written; nor behind one of the archive.
        std::os::unix::fs::symlink(top.path(), target.join("way")).unwrap();
        let outcome = unpack(&archive(&[("way/out", File, "x")])[..], &target);
        assert!(matches!(outcome, Err(UnpackError::Outside(_))), "{outcome:?}");
        // Each of these alone stays inside; the second, made through the first, would not.
        let chained = archive(&[("e/f/x", File, ""), ("e/g", Soft, ".."), ("e/g/l", Soft, "../../out")]);
        assert!(matches!(unpack(&chained[..], &target), Err(UnpackError::Outside(_))));
        assert!(!top.path().join("out").exists());
    }

    #[test]
    fn what_is_no_file_is_left_out_and_a_broken_archive_is_said() {
        let target = tempfile::tempdir().unwrap();
        let tar = archive(&[("pipe", EntryType::Fifo, ""), ("a", File, "x")]);
        assert_eq!(unpack(&tar[..], target.path()).unwrap().left_out, [PathBuf::from("pipe")]);
        assert!(matches!(unpack(&tar[..1100], target.path()), Err(UnpackError::Broken(_))));
        assert!(matches!(unpack(&b""[..], target.path()), Err(UnpackError::Broken(_))));
    }
}
