//! The stock programs of OpenSSH and rsync, run as a person runs them: with the key that was saved and the port shown.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long a transfer may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(90);

/// A session reached through a local port.
pub(crate) struct Target {
    /// The private key file.
    pub(crate) key: PathBuf,
    /// The local port.
    pub(crate) port: u16,
    /// The user's home, where OpenSSH looks for nothing of the person's who runs the tests.
    pub(crate) home: PathBuf,
}

impl Target {
    /// The options every program takes; `port` is `-p` or `-P`.
    fn options(&self, port: &str) -> Vec<String> {
        let hosts = self.home.join("known_hosts").to_string_lossy().into_owned();
        vec![
            "-i".to_owned(),
            self.key.to_string_lossy().into_owned(),
            port.to_owned(),
            self.port.to_string(),
            "-F".to_owned(),
            "/dev/null".to_owned(),
            "-o".to_owned(),
            "BatchMode=yes".to_owned(),
            "-o".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            "-o".to_owned(),
            // OpenSSH splits this value at spaces.
            format!("UserKnownHostsFile=\"{hosts}\""),
        ]
    }

    /// `ssh … work@127.0.0.1 COMMAND`: its standard output.
    pub(crate) async fn ssh(&self, command: &str) -> Result<Vec<u8>> {
        self.run("ssh", self.options("-p"), &["work@127.0.0.1", command], b"").await
    }

    /// `sftp` with a batch on standard input.
    pub(crate) async fn sftp(&self, batch: &str) -> Result<()> {
        self.run("sftp", self.options("-P"), &["-b", "-", "work@127.0.0.1"], batch.as_bytes()).await.map(drop)
    }

    /// `scp -r FROM work@127.0.0.1:TO`.
    pub(crate) async fn scp(&self, from: &Path, to: &str) -> Result<()> {
        let from = from.to_string_lossy();
        let to = format!("work@127.0.0.1:{to}");
        self.run("scp", self.options("-P"), &["-r", "-q", &from, &to], b"").await.map(drop)
    }

    /// `rsync -a FROM/ work@127.0.0.1:TO/`.
    pub(crate) async fn rsync(&self, from: &Path, to: &str) -> Result<()> {
        // rsync splits the value of -e at spaces and keeps what is quoted together.
        let quoted = |word: String| format!("'{}'", word.replace('\'', "''"));
        let shell = std::iter::once("ssh".to_owned()).chain(self.options("-p").into_iter().map(quoted));
        let shell = shell.collect::<Vec<_>>().join(" ");
        let from = format!("{}/", from.to_string_lossy());
        let to = format!("work@127.0.0.1:{to}/");
        self.run("rsync", vec!["-a".to_owned(), "-e".to_owned(), shell], &[&from, &to], b"").await.map(drop)
    }

    async fn run(&self, program: &str, options: Vec<String>, rest: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let mut command = Command::new(program);
        command.args(options).args(rest);
        run(command, &self.home, input).await
    }
}

/// Runs a line in `sh` as if it had been pasted into a terminal, with what is typed afterwards as input.
pub(crate) async fn paste(line: &str, home: &Path, typed: &str) -> Result<String> {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    let output = run(command, home, typed.as_bytes()).await?;
    String::from_utf8(output).context("not UTF-8")
}

async fn run(mut command: Command, home: &Path, input: &[u8]) -> Result<Vec<u8>> {
    let shown = format!("{:?}", command.as_std());
    command
        .env("HOME", home)
        .env_remove("SSH_AUTH_SOCK")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends early does not read its input; its exit status says more than the broken pipe.
        let _ = stdin.write_all(input).await;
    }
    let output = tokio::time::timeout(LIMIT, child.wait_with_output())
        .await
        .with_context(|| format!("{shown} hangs"))??;
    if !output.status.success() {
        bail!("{shown} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Bytes that do not compress and do not repeat.
pub(crate) fn noise(length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open("/dev/urandom")?.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A folder with awkward names in it; gives back its files with their contents.
pub(crate) fn sample_folder(root: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let files = [
        ("weights.bin", noise(3 << 20)?),
        ("empty", Vec::new()),
        ("with space.txt", b"two words\n".to_vec()),
        ("하위 폴더/데이터.csv", noise(100_000)?),
        ("deep/er/still/x", b"x".to_vec()),
    ];
    let mut made = Vec::new();
    for (name, content) in files {
        let path = root.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &content)?;
        made.push((PathBuf::from(name), content));
    }
    Ok(made)
}
