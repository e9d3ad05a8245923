//! scp between a stock client and a real sshd, both on this computer.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::Process;

/// One cipher for all, so that the two ends do not choose differently from computer to computer.
const CIPHER: &str = "aes128-gcm@openssh.com";

/// An sshd of this user for this user, and a file to copy.
pub(crate) struct Sshd {
    _process: Process,
    port: u16,
    folder: PathBuf,
    /// Bytes of the file.
    size: u64,
}

impl Sshd {
    /// Starts it on a free port.
    pub(crate) fn start(folder: &Path, size: u64) -> Result<Self> {
        let folder = fs::canonicalize(folder)?;
        for key in ["host_key", "user_key"] {
            let path = folder.join(key);
            if !path.exists() {
                finish(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path))?;
            }
        }
        fs::copy(folder.join("user_key.pub"), folder.join("authorized_keys"))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = folder.join("sshd_config");
        fs::write(
            &configuration,
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey \"{0}/host_key\"\nAuthorizedKeysFile \"{0}/authorized_keys\"\n\
                 StrictModes no\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n",
                folder.display()
            ),
        )?;
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/opt/homebrew/sbin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .context("no sshd on this computer")?;
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f"]).arg(&configuration).stderr(Stdio::null());
        let process = Process::start(&mut command)?;
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                bail!("sshd opens no port");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let file = fs::File::create(folder.join("file"))?;
        let mut random = fs::File::open("/dev/urandom").map(|random| std::io::Read::take(random, size))?;
        std::io::copy(&mut random, &mut &file)?;
        Ok(Self { _process: process, port, folder, size })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Copies the file there by way of a port; MiB per second.
    pub(crate) fn put(&self, port: u16) -> Result<f64> {
        let there = format!("127.0.0.1:{}", self.folder.join("there").display());
        self.copy(port, self.folder.join("file").as_os_str(), there.as_ref())
    }

    /// Copies what was put back.
    pub(crate) fn get(&self, port: u16) -> Result<f64> {
        let there = format!("127.0.0.1:{}", self.folder.join("there").display());
        let back = self.folder.join("back");
        let rate = self.copy(port, there.as_ref(), back.as_os_str())?;
        finish(Command::new("cmp").arg(self.folder.join("file")).arg(back))?;
        Ok(rate)
    }

    fn copy(&self, port: u16, from: &std::ffi::OsStr, to: &std::ffi::OsStr) -> Result<f64> {
        let mut command = Command::new("scp");
        command
            .args(["-q", "-F", "none", "-c", CIPHER, "-P", &port.to_string(), "-o", "BatchMode=yes"])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-i"])
            .arg(self.folder.join("user_key"))
            .args([from, to]);
        let start = Instant::now();
        // The proxies are other processes; nothing waits for this one.
        finish(&mut command)?;
        Ok(self.size as f64 / (1 << 20) as f64 / start.elapsed().as_secs_f64())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for name in ["file", "there", "back"] {
            // What was not made is not there.
            let _ = fs::remove_file(self.folder.join(name));
        }
    }
}

fn finish(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
