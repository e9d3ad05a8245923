//! A demo cluster, a data folder of its own, and the real program against them.

#![allow(dead_code, reason = "each test file uses its part")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use demo_cluster::{Account, DEMO_USER, DemoCluster, Dialect};

/// One test's world.
pub(crate) struct World {
    pub(crate) cluster: Option<DemoCluster>,
    pub(crate) home: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

/// What a run of the program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::like(Dialect::default())
    }

    pub(crate) fn like(dialect: Dialect) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let pace = std::time::Duration::from_millis(50);
        let options = demo_cluster::Options { dialect, pace, ..Default::default() };
        let cluster = runtime.block_on(DemoCluster::start(options)).unwrap();
        let home = tempfile::tempdir().unwrap();
        for folder in ["work", "run"] {
            std::fs::create_dir(home.path().join(folder)).unwrap();
        }
        Self { cluster: Some(cluster), home, runtime }
    }

    /// Signed in, by the program itself.
    pub(crate) fn signed_in() -> Self {
        let world = Self::new();
        world.sign_in();
        world
    }

    /// Signed in, and has listed its sessions, so that ssh gets a head start. Its sockets are in [`World::sockets`].
    pub(crate) fn listed() -> Self {
        let world = Self::signed_in();
        let run = world.run(["ps"]);
        assert_eq!(run.code, 0, "{run:?}");
        world
    }

    pub(crate) fn sign_in(&self) {
        let account = self.account();
        let url = self.cluster().webserver_url();
        let run = self.with_input(["login", &url], &format!("{}\n{}\n", account.email, account.password));
        assert_eq!(run.code, 0, "{run:?}");
    }

    pub(crate) fn stop_cluster(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            self.runtime.block_on(cluster.stop());
        }
    }

    pub(crate) fn cluster(&self) -> &DemoCluster {
        self.cluster.as_ref().unwrap()
    }

    pub(crate) fn account(&self) -> Account {
        self.account_of(DEMO_USER)
    }

    pub(crate) fn account_of(&self, email: &str) -> Account {
        self.cluster().accounts().into_iter().find(|a| a.email == email).unwrap()
    }

    /// The folder that plays a session's `/home/work`.
    pub(crate) fn session_home(&self, name: &str) -> PathBuf {
        self.cluster().sessions().into_iter().find(|s| s.name == name).unwrap().home.unwrap()
    }

    pub(crate) fn session_id(&self, name: &str) -> String {
        self.cluster().sessions().into_iter().find(|s| s.name == name).unwrap().id
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Where the program is run.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// As if all listings had been made an hour ago: names are no longer believed without asking.
    pub(crate) fn age_listings(&self) {
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        for listing in std::fs::read_dir(self.data().join("session-names")).unwrap() {
            let file = std::fs::File::options().write(true).open(listing.unwrap().path()).unwrap();
            file.set_modified(long_ago).unwrap();
        }
    }

    /// What relays that wait for ssh have left of their sockets.
    pub(crate) fn sockets(&self) -> usize {
        std::fs::read_dir(self.home.path().join("run")).unwrap().count()
    }

    /// The program with these words, in a clean environment.
    pub(crate) fn berth<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_berth")), words)
    }

    pub(crate) fn program<W: AsRef<OsStr>>(
        &self,
        program: &Path,
        words: impl IntoIterator<Item = W>,
    ) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.folder()).env_clear();
        for name in ["PATH", "SystemRoot", "TEMP"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.home.path())
            .env("BERTH_DATA_DIR", self.data())
            .env("BERTH_SECRETS", "file")
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Run {
        finish(self.berth(words))
    }

    pub(crate) fn with_input<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>, input: &str) -> Run {
        finish_with_input(self.berth(words), input)
    }

    /// With the environment that names the demo cluster's manager.
    pub(crate) fn keypair_environment(&self, command: &mut Command) {
        let account = self.account();
        command
            .env("BACKEND_ENDPOINT", self.cluster().manager_url())
            .env("BACKEND_ACCESS_KEY", account.access_key)
            .env("BACKEND_SECRET_KEY", account.secret_key);
    }

    /// What shown texts have in common, whatever cluster and day.
    pub(crate) fn shown(&self, run: &Run) -> String {
        let mut text = format!("{}\n--- stderr\n{}\n--- exit code {}", run.stdout, run.stderr, run.code);
        if let Some(cluster) = &self.cluster {
            for (real, shown) in
                [(cluster.webserver_url(), "http://WEBSERVER"), (cluster.manager_url(), "http://MANAGER")]
            {
                text = text.replace(&real, shown).replace(real.trim_start_matches("http://"), &shown[7..]);
            }
            for account in cluster.accounts() {
                text = text.replace(&account.access_key, "ACCESS_KEY").replace(&account.password, "PASSWORD");
            }
        }
        for path in [self.home.path().canonicalize().unwrap(), self.home.path().to_owned()] {
            text = text.replace(&path.display().to_string(), "HOME");
        }
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_cluster();
    }
}

impl Run {
    pub(crate) fn of(output: std::process::Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

pub(crate) fn finish(mut command: Command) -> Run {
    Run::of(command.output().unwrap())
}

pub(crate) fn finish_with_input(mut command: Command, input: &str) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that asks fewer questions has gone.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Run::of(child.wait_with_output().unwrap())
}

/// Waits for what nothing tells.
pub(crate) fn until(otherwise: &str, mut done: impl FnMut() -> bool) {
    let hang = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !done() {
        assert!(std::time::Instant::now() < hang, "{otherwise}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The first line of a child's stdout.
pub(crate) fn first_line(child: &mut Child) -> String {
    use std::io::BufRead as _;
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Compares with what was seen before, whatever ids, times and ports.
#[macro_export]
macro_rules! seen {
    ($world:expr, $run:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings
            .add_filter("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-1111-2222-3333-444444444444");
        settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", "2026-11-23T00:00:00Z");
        settings.add_filter(r"( localhost|127\.0\.0\.1):\d{4,5}", "$1:PORT");
        settings.add_filter(r#"Secret key: ".{4}"#, "Secret key: \"....");
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!($world.shown(&$run)));
    }};
}
