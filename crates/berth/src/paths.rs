//! Where Berth keeps its files.
//!
//! One folder holds everything, so that "what does this program keep about me" has one answer:
//! Linux `~/.local/share/berth`, macOS `~/Library/Application Support/berth`,
//! Windows `%LOCALAPPDATA%\berth`. `BERTH_DATA_DIR` moves it.

use std::path::{Path, PathBuf};

use crate::{Error, error};

/// The data folder and what lies in it.
#[derive(Debug, Clone)]
pub struct Paths {
    data: PathBuf,
}

impl Paths {
    /// The folder of this user, or `BERTH_DATA_DIR`.
    pub fn of_this_user() -> Result<Self, Error> {
        if let Some(path) = std::env::var_os("BERTH_DATA_DIR").filter(|p| !p.is_empty()) {
            return Self::at(PathBuf::from(path));
        }
        let dirs = directories::BaseDirs::new()
            .ok_or_else(|| error::internal("the operating system names no home folder"))?;
        Self::at(dirs.data_local_dir().join("berth"))
    }

    /// A folder of the caller's choice; it is created, for its owner only.
    pub fn at(data: PathBuf) -> Result<Self, Error> {
        sshkit::private_file::create_private_dir(&data).map_err(|e| error::file(&e, &data))?;
        Ok(Self { data })
    }

    /// The data folder itself.
    pub fn data(&self) -> &Path {
        &self.data
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

    /// Log files.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }
}
