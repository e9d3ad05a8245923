//! What can be asked of a computer when programs are looked for; made up in tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::os::Os;

/// A computer, as far as finding programs goes.
pub struct Computer {
    /// Its system.
    pub os: Os,
    /// The user's home folder.
    pub home: PathBuf,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The folders in which a shell looks for programs.
    pub path: Vec<PathBuf>,
    /// Whether there is a file or folder.
    pub exists: Box<Exists>,
    /// The names in a folder; none where there is no such folder.
    pub names: Box<Names>,
}

/// Whether there is a file or folder.
pub type Exists = dyn Fn(&Path) -> bool + Send + Sync;
/// The names in a folder.
pub type Names = dyn Fn(&Path) -> Option<Vec<String>> + Send + Sync;

impl std::fmt::Debug for Computer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Computer").field("os", &self.os).field("home", &self.home).finish_non_exhaustive()
    }
}

impl Computer {
    /// This one.
    pub fn this(home: &Path) -> Self {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        Self {
            os: Os::of_this_computer(),
            home: home.to_path_buf(),
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            path: std::env::split_paths(&folders).collect(),
            exists: Box::new(Path::exists),
            names: Box::new(|folder| {
                let entries = std::fs::read_dir(folder).ok()?;
                Some(entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
            }),
        }
    }

    /// An environment variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A path below a folder, with the separators of this computer's system.
    pub fn below(&self, folder: &Path, rest: &str) -> PathBuf {
        if self.os == Os::Windows {
            let folder = folder.to_string_lossy();
            PathBuf::from(format!("{}\\{}", folder.trim_end_matches('\\'), rest.replace('/', "\\")))
        } else {
            folder.join(rest)
        }
    }

    /// A path below the folder that a variable names.
    pub fn in_variable(&self, name: &str, rest: &str) -> Option<PathBuf> {
        self.variable(name).map(|folder| self.below(Path::new(folder), rest))
    }

    /// A program that a shell would find.
    pub fn on_path(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| self.below(folder, name)).find(|path| (self.exists)(path))
    }

    /// The first of several paths that is there.
    pub fn first(&self, paths: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
        paths.into_iter().find(|path| (self.exists)(path))
    }
}
