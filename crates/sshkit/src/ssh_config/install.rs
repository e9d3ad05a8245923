//! Putting Berth's file and the `Include` line in, and taking both out again.
//!
//! The user's file keeps its permissions, its owner, its links and every byte of its own. Where it cannot be changed
//! that way it is not changed at all, and the error says which line to add by hand.

use std::io;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::hosts::{HostsFile, Made};
use super::own_hosts::{OwnHost, included_path, own_hosts};
use super::{managed, text};
use crate::private_file::{self, FileError, Overwrite};

/// Name of Berth's file, beside the user's `config`.
const FILE: &str = "berth_config";
/// What the copy of the user's file is called while the line stands in it.
const BACKUP: &str = "config.before-berth";
/// Lines of the user's file that a preview shows below the new one.
const SHOWN: usize = 3;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    home: PathBuf,
    folder: PathBuf,
    line: String,
}

impl Place {
    /// `.ssh` in a home folder. OpenSSH looks up relative names of an `Include` there, so the line is the same on
    /// every computer and a synchronised config stays right.
    pub fn in_home(home: &Path) -> Self {
        Self { home: home.to_path_buf(), folder: home.join(".ssh"), line: format!("Include {FILE}") }
    }

    /// Another folder with a `config`, for `ssh -F`. The line then names the whole path.
    pub fn in_folder(home: &Path, folder: &Path) -> Self {
        // Looked up as a pattern, after the quotes.
        let mut word = String::new();
        for c in
            folder.join(FILE).to_string_lossy().replace('\\', if cfg!(windows) { "/" } else { r"\\" }).chars()
        {
            if "*?[".contains(c) {
                word.push('\\');
            }
            word.push(c);
        }
        let word = word.replace('\\', r"\\").replace('"', "\\\"");
        Self { home: home.to_path_buf(), folder: folder.to_path_buf(), line: format!("Include \"{word}\"") }
    }

    /// The user's file.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    /// Berth's file.
    pub fn hosts(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The copy of the user's file, as it was before the line.
    pub fn backup(&self) -> PathBuf {
        self.folder.join(BACKUP)
    }

    /// The one line.
    pub fn line(&self) -> &str {
        &self.line
    }
}

/// Why the user's file cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Another program writes it.
    #[error("{} is managed by {by}", path.display())]
    Managed {
        /// The user's file.
        path: PathBuf,
        /// That program.
        by: String,
    },
    /// Its owner has made it read-only.
    #[error("{} is read-only", path.display())]
    ReadOnly {
        /// The file itself, behind links.
        path: PathBuf,
    },
    /// It is a link to nothing.
    #[error("{} is a link to {}, which does not exist", path.display(), target.display())]
    Dangling {
        /// The link.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
    },
    /// It is a folder or a device.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// It.
        path: PathBuf,
    },
    /// It is UTF-16, or holds zero bytes: `ssh` cannot read it either.
    #[error("{} is not written in an encoding that ssh reads (it looks like UTF-16)", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
    /// It, or a file beside it, cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The user's file includes Berth's, from its top.
    pub line: bool,
    /// Berth's file is there.
    pub file: bool,
}

impl State {
    /// Both are there, so the hosts work.
    pub fn is_installed(self) -> bool {
        self.line && self.file
    }
}

/// What an installation would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The user's file.
    pub config: PathBuf,
    /// The file that is written: the same, or what it is a link to.
    pub target: PathBuf,
    /// Whether the user has no such file yet.
    pub creates: bool,
    /// Whether the line is there already; nothing is written to the user's file then.
    pub has_line: bool,
    /// The line.
    pub line: String,
    /// The first lines of the file as it is, to show the place; other encodings than UTF-8 show signs for what is lost.
    pub below: Vec<String>,
    /// Where the copy of the old file will be; none where there is nothing to copy.
    pub backup: Option<PathBuf>,
    /// The file begins with a byte order mark, at which every version of OpenSSH stops.
    pub has_mark: bool,
    /// The user's own hosts that end in `.berth`.
    pub own_hosts: Vec<OwnHost>,
}

/// What an installation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The user's file was changed or made.
    pub changed: bool,
    /// The copy of the old file.
    pub backup: Option<PathBuf>,
}

/// What taking out did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The line was there and is gone.
    pub line: bool,
    /// Berth's file was there and is gone.
    pub file: bool,
}

/// What is there now.
pub fn state(place: &Place) -> State {
    let line = std::fs::read(place.config()).is_ok_and(|text| includes(&text, place));
    State { line, file: place.hosts().is_file() }
}

/// What [`install`] would do. Nothing is written.
///
/// # Errors
/// Why it would refuse.
pub fn plan(place: &Place) -> Result<Plan, ConfigError> {
    look(place).map(|(plan, _)| plan)
}

/// Writes Berth's file and adds the line. `hosts` makes the file's text; it is told what else is made.
///
/// # Errors
/// A [`ConfigError`]; the user's file is then as it was. Where another program manages it, Berth's file is written all
/// the same, so that the line works once it is added there.
pub fn install(place: &Place, hosts: impl FnOnce(Made) -> HostsFile) -> Result<Installed, ConfigError> {
    let before = made(place);
    let (plan, old) = match look(place) {
        Ok(looked) => looked,
        Err(refused @ ConfigError::Managed { .. }) => {
            write_private(&place.hosts(), hosts(before).render().as_bytes())?;
            return Err(refused);
        }
        Err(refused) => return Err(refused),
    };
    let folder = !place.folder.exists();
    if folder {
        private_file::create_private_dir(&place.folder)?;
    }
    let made = Made { folder: folder || before.folder, config: plan.creates || before.config };
    // First what is included: a line that leads nowhere is harmless, but of no use.
    write_private(&place.hosts(), hosts(made).render().as_bytes())?;
    if plan.has_line {
        return Ok(Installed { changed: false, backup: None });
    }
    if let Some(backup) = &plan.backup {
        write_private(backup, &old)?;
    }
    let new = text::insert(&old, &place.line);
    if plan.creates {
        private_file::write_private_file(&plan.target, &new, Overwrite::Refuse)?;
    } else {
        rewrite(&plan.target, &new)?;
    }
    Ok(Installed { changed: true, backup: plan.backup })
}

/// Writes Berth's file anew, if it differs; says whether it did. For when sessions come and go.
///
/// # Errors
/// When it cannot be written.
pub fn write_hosts(place: &Place, hosts: impl FnOnce(Made) -> HostsFile) -> Result<bool, ConfigError> {
    let text = hosts(made(place)).render();
    if std::fs::read(place.hosts()).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(false);
    }
    write_private(&place.hosts(), text.as_bytes())?;
    Ok(true)
}

/// Takes the line and Berth's file out; what Berth had made goes too, if nothing else is in it.
///
/// # Errors
/// A [`ConfigError`]; nothing is changed then.
pub fn uninstall(place: &Place) -> Result<Undone, ConfigError> {
    let made = made(place);
    let config = place.config();
    let mut line = false;
    if state(place).line {
        let (plan, old) = look(place)?;
        if let Some(new) = text::remove(&old, &place.line) {
            line = true;
            if made.config && new.is_empty() && plan.target == config {
                std::fs::remove_file(&config).map_err(|e| failed(&config, e))?;
            } else {
                rewrite(&plan.target, &new)?;
            }
            let backup = place.backup();
            // Kept where the file has been changed since: it is the user's to throw away.
            if std::fs::read(&backup).is_ok_and(|kept| kept == new) {
                std::fs::remove_file(&backup).map_err(|e| failed(&backup, e))?;
            }
        }
    }
    let file = match std::fs::remove_file(place.hosts()) {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => return Err(failed(&place.hosts(), e)),
    };
    if made.folder {
        // Fails where something has been added since, and then stays.
        let _ = std::fs::remove_dir(&place.folder);
    }
    Ok(Undone { line, file })
}

/// The plan, and the user's file as it is.
fn look(place: &Place) -> Result<(Plan, Vec<u8>), ConfigError> {
    let config = place.config();
    let mut plan = Plan {
        target: config.clone(),
        creates: true,
        has_line: false,
        line: place.line.clone(),
        below: Vec::new(),
        backup: None,
        has_mark: false,
        own_hosts: Vec::new(),
        config,
    };
    let found = match std::fs::symlink_metadata(&plan.config) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((plan, Vec::new())),
        Err(e) => return Err(failed(&plan.config, e)),
    };
    if found.is_symlink() {
        plan.target = match std::fs::canonicalize(&plan.config) {
            Ok(target) => target,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let target = std::fs::read_link(&plan.config).unwrap_or_default();
                return Err(ConfigError::Dangling { path: plan.config, target });
            }
            Err(e) => return Err(failed(&plan.config, e)),
        };
    }
    let found = std::fs::metadata(&plan.target).map_err(|e| failed(&plan.target, e))?;
    if !found.is_file() {
        return Err(ConfigError::NotAFile { path: plan.target });
    }
    let old = std::fs::read(&plan.target).map_err(|e| failed(&plan.target, e))?;
    plan.creates = false;
    plan.has_line = includes(&old, place);
    plan.has_mark = text::has_mark(&old);
    plan.below = below(&old);
    plan.own_hosts = own_hosts(&plan.config, &place.folder, &place.home, &place.hosts());
    if plan.has_line {
        return Ok((plan, old));
    }
    if let Some(by) = managed::manager(&plan.config, &plan.target, &old, &place.home) {
        return Err(ConfigError::Managed { path: plan.config, by });
    }
    if text::is_wide(&old) {
        return Err(ConfigError::Encoding { path: plan.target });
    }
    if is_read_only(&found) {
        return Err(ConfigError::ReadOnly { path: plan.target });
    }
    plan.backup = Some(place.backup());
    Ok((plan, old))
}

/// Whether the file includes Berth's before its first `Host` or `Match`.
fn includes(text: &[u8], place: &Place) -> bool {
    text::lines(text)
        .take_while(|line| !matches!(line.keyword.as_str(), "host" | "match"))
        .filter(|line| line.keyword == "include")
        .flat_map(|line| line.words)
        .any(|word| included_path(&word.replace('\\', ""), &place.folder, &place.home) == place.hosts())
}

fn below(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.trim_start_matches('\u{feff}').lines().take(SHOWN).map(|line| line.trim_end().to_owned()).collect()
}

fn made(place: &Place) -> Made {
    std::fs::read(place.hosts()).map(|text| HostsFile::made_of(&text)).unwrap_or_default()
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    Ok(private_file::write_private_file(path, bytes, Overwrite::Replace)?)
}

/// Replaces a file's content and nothing else about it.
fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    let found = std::fs::metadata(path).map_err(|e| failed(path, e))?;
    if is_read_only(&found) {
        return Err(ConfigError::ReadOnly { path: path.to_path_buf() });
    }
    if is_shared(&found) {
        // A new file would leave the other names, or the other owner, behind. The copy covers a power failure.
        let written = std::fs::OpenOptions::new().write(true).open(path).and_then(|mut file| {
            file.rewind()?;
            file.write_all(bytes)?;
            file.set_len(bytes.len() as u64)?;
            file.sync_all()
        });
        return written.map_err(|e| failed(path, e));
    }
    write_private(path, bytes)?;
    std::fs::set_permissions(path, found.permissions()).map_err(|e| failed(path, e))
}

#[cfg(unix)]
fn is_read_only(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    // Asked of the owner's bit, because root may write everything and still should not.
    found.permissions().mode() & 0o200 == 0
}

#[cfg(not(unix))]
fn is_read_only(found: &std::fs::Metadata) -> bool {
    found.permissions().readonly()
}

/// True for a file with a second name, or of another owner.
#[cfg(unix)]
fn is_shared(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.nlink() > 1 || found.uid() != rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_shared(_found: &std::fs::Metadata) -> bool {
    false
}

fn failed(path: &Path, source: io::Error) -> ConfigError {
    ConfigError::File(FileError::of(path, source))
}
