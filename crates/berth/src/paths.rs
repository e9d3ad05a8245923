//! Where Berth keeps its files.
//!
//! One folder holds everything, so that "what does this program keep about me" has one answer:
//! Linux `~/.local/share/berth`, macOS `~/Library/Application Support/berth`,
//! Windows `%LOCALAPPDATA%\berth`. `BERTH_DATA_DIR` moves it. Beside it Berth knows the user's home, where other
//! programs keep theirs.

use std::path::{Path, PathBuf};

use crate::{Error, error};

/// The data folder and what lies in it.
#[derive(Debug, Clone)]
pub struct Paths {
    data: PathBuf,
    moved: bool,
    home: Option<PathBuf>,
    ssh_folder: Option<PathBuf>,
    program: Option<PathBuf>,
}

impl Paths {
    /// The folder of this user, or `BERTH_DATA_DIR`.
    pub fn of_this_user() -> Result<Self, Error> {
        let given = |name| std::env::var_os(name).filter(|p| !p.is_empty()).map(PathBuf::from);
        let dirs = directories::BaseDirs::new();
        let moved = given("BERTH_DATA_DIR");
        let usual = || dirs.as_ref().map(|dirs| dirs.data_local_dir().join("berth"));
        let data = moved
            .clone()
            .or_else(usual)
            .ok_or_else(|| error::internal("the operating system names no home folder"))?;
        let paths = Self::at(data)?;
        Ok(Self {
            moved: moved.is_some(),
            home: dirs.map(|dirs| dirs.home_dir().to_path_buf()),
            ssh_folder: given("BERTH_SSH_DIR"),
            ..paths
        })
    }

    /// A folder of the caller's choice; it is created, for its owner only.
    pub fn at(data: PathBuf) -> Result<Self, Error> {
        sshkit::private_file::create_private_dir(&data).map_err(|e| error::file(&e, &data))?;
        Ok(Self { data, moved: false, home: None, ssh_folder: None, program: None })
    }

    /// The same with a home folder. Without one nothing outside the data folder is touched.
    #[must_use]
    pub fn with_home(self, home: PathBuf) -> Self {
        Self { home: Some(home), ..self }
    }

    /// The same with another folder than `~/.ssh`, for `ssh -F` (`BERTH_SSH_DIR`).
    #[must_use]
    pub fn with_ssh_folder(self, folder: PathBuf) -> Self {
        Self { ssh_folder: Some(folder), ..self }
    }

    /// The same with a program `berth` at a place that other programs are to call it by.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    /// The data folder itself.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The data folder, where `BERTH_DATA_DIR` has moved it.
    pub(crate) fn moved(&self) -> Option<&Path> {
        self.moved.then_some(self.data.as_path())
    }

    /// The user's home folder.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// A folder that stands in for `~/.ssh`.
    pub(crate) fn ssh_folder(&self) -> Option<&Path> {
        self.ssh_folder.as_deref()
    }

    /// Where the program `berth` is, if that was said.
    pub(crate) fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// Sessions as hosts of `ssh`: a folder each, with the key, and a file of the clusters' names.
    pub fn hosts(&self) -> PathBuf {
        self.data.join("hosts")
    }

    /// Settings, JSON.
    pub fn settings(&self) -> PathBuf {
        self.data.join("settings.json")
    }

    /// Clusters signed in to before, JSON.
    pub fn profiles(&self) -> PathBuf {
        self.data.join("profiles.json")
    }

    /// The port each session had last, JSON.
    pub fn ports(&self) -> PathBuf {
        self.data.join("ports.json")
    }

    /// Secrets where no keychain exists, JSON, mode 0600.
    pub fn secrets(&self) -> PathBuf {
        self.data.join("secrets.json")
    }

    /// Logins that outlive a command, one private JSON file each.
    pub fn logins(&self) -> PathBuf {
        self.data.join("logins")
    }

    /// Names of sessions, for completing them in a shell; one JSON file per profile.
    pub fn session_names(&self) -> PathBuf {
        self.data.join("session-names")
    }

    /// The demo cluster that runs now in some terminal, private JSON.
    pub fn demo(&self) -> PathBuf {
        self.data.join("demo.json")
    }

    /// Private keys of sessions.
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Pinned host keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.data.join("known_hosts")
    }

    /// Which start of its session each pinned host key belongs to, a JSON file each.
    pub fn pins(&self) -> PathBuf {
        self.data.join("pins")
    }

    /// Where the user has saved keys, JSON.
    pub fn saved_keys(&self) -> PathBuf {
        self.data.join("saved-keys.json")
    }

    /// What pages of clusters keep, a folder for each profile.
    pub fn web_uis(&self) -> PathBuf {
        self.data.join("web-ui")
    }

    /// Log files.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }
}
