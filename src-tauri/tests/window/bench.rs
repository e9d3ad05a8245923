//! What one test works with: a display, a home folder of its own, and the app started in it as often as it likes.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::app::App;
use crate::desk::{self, Desk};

/// One test's computer.
pub(crate) struct Bench {
    /// The display.
    pub(crate) desk: Desk,
    home: TempDir,
    variables: Vec<(String, String)>,
    missing: Vec<&'static str>,
}

impl Bench {
    /// An empty home on a fresh display; its path has spaces, as people's have.
    pub(crate) fn new() -> Result<Self> {
        Self::at("berth window ")
    }

    /// The same with a plain path, which looks better in pictures.
    pub(crate) fn for_pictures() -> Result<Self> {
        Self::at("mina-")
    }

    fn at(prefix: &str) -> Result<Self> {
        let home = tempfile::Builder::new().prefix(prefix).tempdir()?;
        for folder in ["data", "runtime", "config", "cache", "share", "tmp"] {
            fs::DirBuilder::new().mode(0o700).create(home.path().join(folder))?;
        }
        Ok(Self { desk: Desk::start()?, home, variables: Vec::new(), missing: Vec::new() })
    }

    /// Sets one more environment variable for the apps started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Leaves out one of the environment variables.
    pub(crate) fn without(&mut self, name: &'static str) {
        self.missing.push(name);
    }

    /// The home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the app keeps everything (`BERTH_DATA_DIR`).
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Starts the app and waits until its first screen is there.
    pub(crate) async fn open(&self) -> Result<App> {
        App::start(self).await
    }

    /// The environment of the app: nothing of the person's who runs the tests but the search path.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let at = |name: &str| self.home.path().join(name).to_string_lossy().into_owned();
        let mut variables = vec![
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("HOME".to_owned(), self.home.path().to_string_lossy().into_owned()),
            ("XDG_RUNTIME_DIR".to_owned(), at("runtime")),
            ("XDG_CONFIG_HOME".to_owned(), at("config")),
            ("XDG_CACHE_HOME".to_owned(), at("cache")),
            ("XDG_DATA_HOME".to_owned(), at("share")),
            ("TMPDIR".to_owned(), at("tmp")),
            ("DISPLAY".to_owned(), self.desk.name()),
            ("GDK_BACKEND".to_owned(), "x11".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            // No session bus and no accessibility bus: both would be launched anew for each display, and outlive it.
            (
                "DBUS_SESSION_BUS_ADDRESS".to_owned(),
                format!("unix:path={}", at("runtime/none").replace(' ', "%20")),
            ),
            ("NO_AT_BRIDGE".to_owned(), "1".to_owned()),
            ("BERTH_DATA_DIR".to_owned(), at("data")),
            ("BERTH_SECRETS".to_owned(), "memory".to_owned()),
            ("BERTH_NO_SINGLE_INSTANCE".to_owned(), "1".to_owned()),
        ];
        variables.extend(self.variables.iter().cloned());
        variables.retain(|(name, _)| !self.missing.contains(&name.as_str()));
        variables
    }

    /// What the app has written into its log.
    pub(crate) fn log(&self) -> String {
        let files = fs::read_dir(self.data().join("logs")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect()
    }

    /// Processes of this test's app, its web view and whatever they started, as `pid name`.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let mark = format!("BERTH_DATA_DIR={}", self.data().to_string_lossy());
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| {
                let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
                let environment = fs::read(entry.path().join("environ")).ok()?;
                environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark.as_bytes())
                    .then_some(())?;
                let name = fs::read_to_string(entry.path().join("comm")).ok()?;
                Some((pid, name.trim().to_owned()))
            })
            .collect()
    }

    /// The app's own processes, without the driver that started it.
    pub(crate) fn app_processes(&self) -> Vec<(u32, String)> {
        let mut processes = self.processes();
        processes
            .retain(|(_, name)| !name.starts_with("tauri-driver") && !name.starts_with("WebKitWebDrive"));
        processes
    }

    /// The process id of the running app.
    pub(crate) fn app_process(&self) -> Result<u32> {
        self.app_processes()
            .into_iter()
            .find(|(_, name)| name.starts_with("berth-desktop"))
            .map(|(pid, _)| pid)
            .context("the app does not run")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // An app that outlived its driver would hold the test runner's pipes.
        for (pid, _) in self.processes() {
            desk::signal(&pid.to_string(), "KILL");
        }
    }
}
