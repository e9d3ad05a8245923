//! The Debian file system of a room: made by debootstrap, with the distribution's servers and Backend.AI's packages.
//!
//! Its first state, before anything else is installed, is also the image of the compute sessions.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{Cluster, release};
use crate::run;

/// In the sessions too, so what tests use over ssh has to be here.
const BASE: &str = "ca-certificates,openssh-client,netcat-openbsd,procps,python3-minimal,rsync";

/// Backend.AI's packages that every release needs.
const BACKEND_AI: &[&str] = &["manager", "webserver", "client", "agent", "storage-proxy"];

/// What a company's network may need; nothing else of the caller's environment gets in.
const PASSED: &[&str] = &["http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"];

/// Where the computer's own certificates are on Debian, and where the room's programs find them.
const CERTIFICATES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/computer.crt"];

impl Cluster {
    pub(super) fn root(&self) -> PathBuf {
        self.base.join("root")
    }

    /// Builds the file system; what was finished by an earlier run is kept.
    pub(super) fn build(&self) -> Result<()> {
        let finished = self.base.join("root/.finished");
        // What is wanted is the mark: a changed list builds anew.
        let constraints = fs::read_to_string(self.files().join("constraints.txt"))?;
        let debian = [release::DEBIAN, self.release.debian].concat();
        let wanted = format!("{}\n{constraints}", debian.join(" "));
        if fs::read_to_string(&finished).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        if self.found_room().is_some() {
            bail!("the list of packages has changed: `down {}` first", self.release.name);
        }
        self.host_programs()?;
        self.bootstrap()?;
        self.say("installing Debian packages");
        let root = self.root();
        fs::write(root.join("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n")?;
        self.in_root("apt", "chmod", &["755", "/usr/sbin/policy-rc.d"])?;
        fs::write(root.join("etc/dpkg/dpkg.cfg.d/unsafe-io"), "force-unsafe-io\n")?;
        fs::create_dir_all(root.join("etc/postgresql-common"))?;
        fs::write(root.join("etc/postgresql-common/createcluster.conf"), "create_main_cluster = false\n")?;
        for file in ["etc/resolv.conf", "etc/hosts"] {
            fs::copy(Path::new("/").join(file), root.join(file)).with_context(|| format!("/{file}"))?;
        }
        if Path::new(CERTIFICATES[0]).exists() {
            fs::copy(CERTIFICATES[0], root.join(CERTIFICATES[1]))?;
        }
        self.in_root("apt", "apt-get", &["update", "-q"])?;
        let mut words = vec!["install", "-q", "-y", "--no-install-recommends"];
        words.extend(debian);
        self.in_root("apt", "apt-get", &words)?;

        self.say(&format!("installing Backend.AI {}", self.release.backend_ai));
        fs::write(root.join("opt/constraints.txt"), constraints)?;
        self.in_root("pip", "python3", &["-m", "venv", "/opt/backend.ai"])?;
        let packages: Vec<String> = BACKEND_AI
            .iter()
            .chain(self.release.packages)
            .map(|name| format!("backend.ai-{name}=={}", self.release.backend_ai))
            .collect();
        let mut words =
            vec!["install", "-q", "--no-input", "--no-cache-dir", "-c", "/opt/constraints.txt", "setuptools"];
        words.extend(packages.iter().map(String::as_str));
        self.in_root("pip", "/opt/backend.ai/bin/pip", &words)?;
        fs::write(finished, wanted)?;
        Ok(())
    }

    fn bootstrap(&self) -> Result<()> {
        let (root, image) = (self.root(), self.base.join("image.tar"));
        if root.join(".bootstrapped").exists() && image.exists() {
            return Ok(());
        }
        self.say(&format!("making a file system of Debian {}", self.release.suite));
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let mut command = Command::new("debootstrap");
        command.arg("--variant=minbase").arg(format!("--include={BASE}")).arg(self.release.suite).arg(&root);
        if let Some(mirror) = std::env::var_os("BERTH_DEBIAN_MIRROR") {
            command.arg(mirror);
        }
        self.logged("debootstrap", &mut command)?;
        let mut command = Command::new("tar");
        command.arg("-C").arg(&root).args([
            "--numeric-owner",
            "--exclude=./var/cache/apt/archives/*.deb",
            "--exclude=./var/lib/apt/lists/*",
            "--exclude=./dev/*",
            "-cf",
        ]);
        self.logged("image", command.arg(&image).arg("."))?;
        File::create(root.join(".bootstrapped"))?;
        Ok(())
    }

    /// The few programs that the computer itself must have.
    fn host_programs(&self) -> Result<()> {
        let missing: Vec<&str> = ["debootstrap", "nsenter", "setsid", "tar", "unshare"]
            .into_iter()
            .filter(|program| !run::exists(program) && !Path::new("/usr/sbin").join(program).exists())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !run::exists("apt-get") {
            bail!("install first: {}", missing.join(", "));
        }
        let wait = "DPkg::Lock::Timeout=300";
        run::run("apt-get", &["-o", wait, "update", "-q"])?;
        run::run("apt-get", &["-o", wait, "install", "-q", "-y", "debootstrap", "util-linux", "tar"])
    }

    /// Runs a program in the file system while it is not a room yet.
    fn in_root(&self, log: &str, program: &str, words: &[&str]) -> Result<()> {
        const ENTER: &str = "mount --make-rprivate / && mount -t proc proc \"$0/proc\" && \
            mount --rbind /dev \"$0/dev\" && exec chroot \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", ENTER])
            .arg(self.root())
            .arg(program)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive");
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if self.root().join(CERTIFICATES[1]).exists() {
            command.env("PIP_CERT", Path::new("/").join(CERTIFICATES[1]));
        }
        self.logged(log, &mut command)
    }

    /// Runs a command whose output goes to a log file; its end is shown when the command fails.
    pub(super) fn logged(&self, log: &str, command: &mut Command) -> Result<()> {
        let path = self.base.join("log").join(format!("{log}.log"));
        let file = File::options().create(true).append(true).open(&path)?;
        let status = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        if !status.success() {
            bail!("{log} ended with {status}; the end of {}:\n{}", path.display(), tail(&path));
        }
        Ok(())
    }
}

/// The last lines of a log.
pub(super) fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_end_of_a_file_and_empty_without_one() {
        let path = std::env::temp_dir().join(format!("berth-tail-{}", std::process::id()));
        fs::write(&path, (1..=40).map(|n| format!("line {n}\n")).collect::<String>()).unwrap();
        let end = tail(&path);
        fs::remove_file(&path).unwrap();
        assert!(end.starts_with("line 26\n") && end.ends_with("line 40"), "{end}");
        assert_eq!(tail(&path), "");
    }
}
