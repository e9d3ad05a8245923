//! The folder a cluster works in, and what is left of clusters that were killed.
//!
//! A running cluster holds a lock in its folder. A temporary folder whose lock is free belongs to
//! a cluster that could not clean up; the next start ends its programs and deletes it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use crate::home::create_private_dir;
use crate::ssh::end_programs_of;

/// Beginning of a temporary folder's name.
const PREFIX: &str = "berth-demo-";
/// The lock file; its text is the id of the run that holds or last held it.
const LOCK: &str = "lock";
/// How often a folder is tried to be deleted, and the pause between: a program that is just
/// ending may still write into it.
const REMOVALS: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// A cluster's folder, locked as long as this exists, and deleted then if it is temporary.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
    lock: Option<File>,
}

impl Folder {
    /// Takes the given folder, or a temporary one. `run` identifies this start.
    pub(crate) fn take(given: Option<&Path>, run: Uuid) -> io::Result<Folder> {
        let Some(path) = given else {
            remove_abandoned(&std::env::temp_dir());
            let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
            let path = temporary.path().to_owned();
            let lock = Some(lock_new(&path, run)?);
            return Ok(Folder { path, temporary: Some(temporary), lock });
        };
        create_private_dir(path)?;
        let lock = match lock_existing(path)? {
            None => lock_new(path, run)?,
            Some(Existing::Held) => {
                return Err(io::Error::other("another demo cluster runs in this folder"));
            }
            Some(Existing::Free(mut lock, before)) => {
                end_programs_of(&before);
                lock.set_len(0)?;
                lock.rewind()?;
                lock.write_all(run.to_string().as_bytes())?;
                lock
            }
        };
        Ok(Folder { path: path.to_owned(), temporary: None, lock: Some(lock) })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Windows deletes no file that is open; nobody takes an unlocked folder in between, since
        // taking it only means deleting it too.
        self.lock = None;
        if let Some(temporary) = self.temporary.take()
            && let Err(error) = remove(&temporary.keep())
        {
            tracing::warn!(%error, "the demo cluster's folder was not removed");
        }
    }
}

/// A lock file that was there already.
enum Existing {
    /// A running cluster has it.
    Held,
    /// Taken now, with the id of the run that had it.
    Free(File, String),
}

/// Makes a lock that nobody ever sees free: it gets its name when it is held.
fn lock_new(folder: &Path, run: Uuid) -> io::Result<File> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(run.to_string().as_bytes())?;
    file.as_file().lock()?;
    file.persist(folder.join(LOCK)).map_err(|error| error.error)
}

fn lock_existing(folder: &Path) -> io::Result<Option<Existing>> {
    let file = match OpenOptions::new().read(true).write(true).open(folder.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Some(Existing::Held)),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut run = String::new();
    (&file).take(64).read_to_string(&mut run)?;
    Ok(Some(Existing::Free(file, run)))
}

/// Deletes what killed clusters of this user have left among the temporary files.
fn remove_abandoned(temporary_files: &Path) {
    let Ok(entries) = fs::read_dir(temporary_files) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !named || !entry.metadata().is_ok_and(|metadata| is_own_folder(&metadata)) {
            continue;
        }
        if let Ok(Some(Existing::Free(lock, run))) = lock_existing(&path) {
            end_programs_of(&run);
            drop(lock);
            if let Err(error) = remove(&path) {
                tracing::debug!(%error, "an abandoned demo folder stays");
            }
        }
    }
}

/// A folder, not a link to one, of the user who runs this.
fn is_own_folder(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if metadata.uid() != rustix::process::getuid().as_raw() {
            return false;
        }
    }
    metadata.is_dir()
}

fn remove(path: &Path) -> io::Result<()> {
    let mut outcome = Ok(());
    for _ in 0..REMOVALS {
        outcome = match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other,
        };
        if outcome.is_ok() {
            return outcome;
        }
        std::thread::sleep(PAUSE);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_cluster_at_a_time_and_temporary_ones_go() {
        let kept = tempfile::tempdir().unwrap();
        let first = Folder::take(Some(kept.path()), Uuid::new_v4()).unwrap();
        assert!(Folder::take(Some(kept.path()), Uuid::new_v4()).is_err());
        drop(first);
        drop(Folder::take(Some(kept.path()), Uuid::new_v4()).unwrap());
        assert!(kept.path().exists());

        let temporary = Folder::take(None, Uuid::new_v4()).unwrap();
        let path = temporary.path().to_owned();
        fs::write(path.join("file"), "x").unwrap();
        drop(temporary);
        assert!(!path.exists());
    }

    #[test]
    fn abandoned_folders_are_deleted_and_live_ones_are_not() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = place.path().join(name);
            create_private_dir(&path).map(|()| path)
        };
        let abandoned = folder("berth-demo-abandoned").unwrap();
        drop(lock_new(&abandoned, Uuid::new_v4()).unwrap());
        let live = folder("berth-demo-live").unwrap();
        let _lock = lock_new(&live, Uuid::new_v4()).unwrap();
        let unlocked = folder("berth-demo-just-made").unwrap();
        let other = folder("something-else").unwrap();
        drop(lock_new(&other, Uuid::new_v4()).unwrap());
        remove_abandoned(place.path());
        assert!(!abandoned.exists() && live.exists() && unlocked.exists() && other.exists());
    }
}
