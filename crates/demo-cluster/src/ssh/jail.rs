//! Paths of SFTP clients: `/home/work` is the session's home, and there is nothing else.
//!
//! `/` and `/home` exist as folders to walk through. The home's real path is understood too,
//! because programs run by SSH print it. Links are followed only as long as they stay inside.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The home as clients see it.
pub(super) const POSED_HOME: &str = "/home/work";

/// Where a client's path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `/` or `/home`, which have only one entry each.
    Above(&'static str),
    /// A file or folder in the home; it need not exist.
    Inside(PathBuf),
    /// Somewhere else: as good as not there.
    Nowhere,
}

/// A session's home, with the translation of paths.
#[derive(Debug, Clone)]
pub(super) struct Jail {
    home: PathBuf,
}

impl Jail {
    /// `home` is canonical.
    pub(super) fn new(home: &Path) -> Jail {
        Jail { home: home.to_owned() }
    }

    /// The client's path in normal form: absolute, without `.` and `..`, links not looked at.
    pub(super) fn normalize(&self, path: &str) -> String {
        let real_home = self.home.to_string_lossy();
        let absolute = match path.strip_prefix(real_home.as_ref()) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{POSED_HOME}{rest}"),
            _ if path.starts_with('/') => path.to_owned(),
            _ => format!("{POSED_HOME}/{path}"),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in absolute.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                _ => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    /// Finds a path; of a link itself, not of what it points to.
    pub(super) fn find(&self, path: &str) -> io::Result<Place> {
        let normal = self.normalize(path);
        let relative = match normal.as_str() {
            "/" => return Ok(Place::Above("home")),
            "/home" => return Ok(Place::Above("work")),
            POSED_HOME => return Ok(Place::Inside(self.home.clone())),
            other => match other.strip_prefix("/home/work/") {
                Some(relative) => PathBuf::from(relative),
                None => return Ok(Place::Nowhere),
            },
        };
        // On Windows a name may carry a drive; that is no name in the home.
        if !relative.components().all(|component| matches!(component, Component::Normal(_))) {
            return Ok(Place::Nowhere);
        }
        let target = self.home.join(&relative);
        let parent = target.parent().unwrap_or(&self.home);
        // A parent that is a link out of the home is refused; one that is missing is an error
        // of its own.
        let parent = parent.canonicalize()?;
        if !plain(&parent).starts_with(&self.home) {
            return Ok(Place::Nowhere);
        }
        Ok(Place::Inside(target))
    }

    /// Finds a path with all links followed, the last included. What does not exist is where its
    /// parent is.
    pub(super) fn follow(&self, path: &str) -> io::Result<Place> {
        let place = self.find(path)?;
        if let Place::Inside(target) = &place {
            match target.canonicalize() {
                Ok(real) if plain(&real).starts_with(&self.home) => return Ok(Place::Inside(plain(&real))),
                Ok(_) => return Ok(Place::Nowhere),
                // A dangling link must not create something outside either.
                Err(_) if target.is_symlink() => return Ok(Place::Nowhere),
                Err(_) => {}
            }
        }
        Ok(place)
    }

    /// A link's target as it is stored: inside the home by its real path.
    pub(super) fn stored_target(&self, target: &str) -> PathBuf {
        match target.strip_prefix(POSED_HOME) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                self.home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(target),
        }
    }

    /// A stored link target as clients see it.
    pub(super) fn shown_target(&self, target: &Path) -> String {
        match target.strip_prefix(&self.home) {
            Ok(rest) if rest.as_os_str().is_empty() => POSED_HOME.to_owned(),
            Ok(rest) => format!("{POSED_HOME}/{}", rest.to_string_lossy().replace('\\', "/")),
            Err(_) => target.to_string_lossy().into_owned(),
        }
    }
}

/// Without the prefix that canonical paths have on Windows.
fn plain(path: &Path) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(plain) if cfg!(windows) => PathBuf::from(plain),
        _ => path.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[allow(clippy::unwrap_used)] // A helper of tests, which may.
    fn jail() -> (tempfile::TempDir, Jail) {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap().join("home");
        std::fs::create_dir(&home).unwrap();
        (folder, Jail::new(&home))
    }

    #[test]
    fn paths_in_all_spellings() {
        let (_folder, jail) = jail();
        let inside = |name: &str| Place::Inside(jail.home.join(name));
        for path in ["a", "./a", "/home/work/a", "/home/work/../work//a", "/a/../home/work/a"] {
            assert_eq!(jail.find(path).unwrap(), inside("a"), "{path}");
        }
        assert_eq!(jail.find(jail.home.join("a").to_str().unwrap()).unwrap(), inside("a"));
        assert_eq!(jail.normalize("."), "/home/work");
        assert_eq!(jail.normalize(".."), "/home");
        assert_eq!(jail.find("..").unwrap(), Place::Above("work"));
        assert_eq!(jail.find("/../..").unwrap(), Place::Above("home"));
        assert_eq!(jail.find("/etc/passwd").unwrap(), Place::Nowhere);
        assert_eq!(jail.find("/home/worker/x").unwrap(), Place::Nowhere);
    }

    #[test]
    fn links_lead_nowhere_outside() {
        let (folder, jail) = jail();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", jail.home.join("leak")).unwrap();
        std::os::unix::fs::symlink("..", jail.home.join("up")).unwrap();
        std::os::unix::fs::symlink("../new", jail.home.join("dangling")).unwrap();
        assert_eq!(jail.follow("leak").unwrap(), Place::Nowhere);
        assert_eq!(jail.follow("dangling").unwrap(), Place::Nowhere);
        assert_eq!(jail.find("up/secret").unwrap(), Place::Nowhere);
        // The link itself can be looked at and removed.
        assert_eq!(jail.find("leak").unwrap(), Place::Inside(jail.home.join("leak")));
        assert!(jail.find("missing/file").is_err());
    }

    #[test]
    fn link_targets_keep_their_meaning() {
        let (_folder, jail) = jail();
        assert_eq!(jail.stored_target("/home/work/a"), jail.home.join("a"));
        assert_eq!(jail.stored_target("a/b"), PathBuf::from("a/b"));
        assert_eq!(jail.shown_target(&jail.home.join("a")), "/home/work/a");
        assert_eq!(jail.shown_target(Path::new("a/b")), "a/b");
    }
}
