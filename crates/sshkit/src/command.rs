//! Command lines and URLs for one open port, to be pasted into a shell or handed to a program.
//!
//! Every line pins the session's host key under its own name in Berth's own file, so that neither a
//! re-used port nor another session behind 127.0.0.1 raises a false alarm, and a real one is not
//! switched off. A path goes through up to four readers on its way (shell, C runtime on Windows, rsync,
//! OpenSSH's option parser), each with quotes of its own; a line carries only those it needs.

mod option;
mod proxied;
mod shell;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use url::Url;

pub(crate) use option::config_value;
pub use proxied::Proxied;
pub use shell::Shell;
use shell::rsync_word;
pub(crate) use shell::{c_runtime, posix, posix_quoted, windows_path};

/// Requests that sftp and scp may have under way, of [`SFTP_BUFFER`] bytes each: half of OpenSSH's window. With more the
/// sshd of sessions sends more than the window takes, and downloads break off (docs/compatibility.md, 23.09.10 and 26.9.6).
pub const SFTP_REQUESTS: &str = "32";

/// Bytes of one such request. Without it OpenSSH 9 takes what the server offers, eight times as much.
pub const SFTP_BUFFER: &str = "32768";

/// A session's sshd as local programs see it: a port on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user inside the session; `work` on ordinary images (protocol.md 5.3).
    pub user: String,
    /// The address the port listens on, mostly `127.0.0.1`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The private key; none leaves the choice to ssh (its agent, its default keys).
    pub key: Option<PathBuf>,
    /// The file in which host keys are pinned.
    pub known_hosts: PathBuf,
    /// The session's name in it: [`crate::known_hosts::alias`].
    pub host_key_alias: String,
}

/// False for the few paths that OpenSSH's options cannot express, or that no line can show: those with
/// `${` (taken for an environment variable, no escape exists), with control characters, or that are no text.
pub fn supports_path(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains("${") && !text.contains(char::is_control))
}

/// A remote shell and its arguments as one word for rsync's `-e`.
pub fn rsync_shell(words: &[String]) -> String {
    words.iter().map(|word| rsync_word(word)).collect::<Vec<_>>().join(" ")
}

impl Target {
    /// `ssh` into the session. Paths must be such as [`supports_path`] allows.
    pub fn ssh(&self, shell: Shell) -> String {
        shell.line("ssh", &self.ssh_words(shell))
    }

    /// `sftp`, interactive.
    pub fn sftp(&self, shell: Shell) -> String {
        let mut words = self.options(shell);
        words.extend([
            "-B".into(),
            SFTP_BUFFER.into(),
            "-R".into(),
            SFTP_REQUESTS.into(),
            "-P".into(),
            self.port.to_string(),
            format!("{}@{}", self.user, self.bracketed_host()),
        ]);
        shell.line("sftp", &words)
    }

    /// `scp` of a file or folder into the session. `local` is the file, or a word that stands for it;
    /// `remote` a path inside the session, taken literally up to wildcards.
    pub fn scp_upload(&self, shell: Shell, local: &str, remote: &str) -> String {
        let mut words = self.options(shell);
        words.extend(["-P".into(), self.port.to_string(), "-r".into()]);
        words.extend([local_operand(shell, local), self.remote_operand(remote)]);
        shell.line("scp", &words)
    }

    /// `rsync` of a file or folder into the session, resumable, with progress. `local` and `remote` as in
    /// [`Self::scp_upload`]; a `local` that ends in `/` means what is inside the folder. The session's image
    /// must have rsync.
    pub fn rsync_upload(&self, shell: Shell, local: &str, remote: &str) -> String {
        let mut ssh = vec!["ssh".to_owned()];
        ssh.extend(self.options(shell).iter().map(|word| rsync_word(word)));
        ssh.extend(["-p".into(), self.port.to_string()]);
        let mut words = vec!["-avP".to_owned()];
        if remote.contains(|c: char| !(c.is_alphanumeric() || "/._-+@%~*?".contains(c))) {
            // Before 3.2.4 the far shell splits the path otherwise.
            words.push("-s".into());
        }
        words.extend(["-e".into(), ssh.join(" ")]);
        words.extend([local_operand(shell, local), self.remote_operand(remote)]);
        shell.line("rsync", &words)
    }

    /// PuTTY, with a key in its own format.
    pub fn putty(&self, shell: Shell, ppk: &Path) -> String {
        let key = if shell.is_windows() {
            shell.native_path(ppk).replace('/', "\\")
        } else {
            shell.native_path(ppk)
        };
        let words =
            ["-ssh", "-P", &self.port.to_string(), "-i", &key, &format!("{}@{}", self.user, self.host)];
        shell.line("putty", &words.map(str::to_owned))
    }

    /// The arguments of `ssh` for spawning it without a shell on this computer; the program is not among them.
    pub fn ssh_args(&self) -> Vec<OsString> {
        self.ssh_words(Shell::of_this_computer()).into_iter().map(OsString::from).collect()
    }

    /// The options among [`Self::ssh_args`], which scp and sftp take too: neither port nor destination.
    pub fn option_words(&self) -> Vec<String> {
        self.options(Shell::of_this_computer())
    }

    /// `ssh://work@127.0.0.1:10022`.
    pub fn ssh_url(&self) -> String {
        self.url("ssh")
    }

    /// `sftp://work@127.0.0.1:10022`.
    pub fn sftp_url(&self) -> String {
        self.url("sftp")
    }

    fn ssh_words(&self, shell: Shell) -> Vec<String> {
        let mut words = self.options(shell);
        words.extend(["-p".into(), self.port.to_string(), format!("{}@{}", self.user, self.host)]);
        words
    }

    /// What ssh, scp and sftp take alike.
    fn options(&self, shell: Shell) -> Vec<String> {
        let mut words = Vec::with_capacity(10);
        let mut set = |name: &str, value: &str| words.extend(["-o".to_owned(), format!("{name}={value}")]);
        set("HostKeyAlias", &self.host_key_alias);
        set("UserKnownHostsFile", &option::file_value(&shell.native_path(&self.known_hosts), shell));
        set("StrictHostKeyChecking", "accept-new");
        if let Some(key) = &self.key {
            set("IdentitiesOnly", "yes");
            let key = shell.native_path(key);
            if key.contains('%') {
                // `-i` first looks for the file without expanding `%%`, and gives up.
                set("IdentityFile", &option::file_value(&key, shell));
            } else {
                words.extend(["-i".into(), option::not_a_home(&key)]);
            }
        }
        words
    }

    fn remote_operand(&self, remote: &str) -> String {
        format!("{}@{}:{remote}", self.user, self.bracketed_host())
    }

    fn bracketed_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    fn url(&self, scheme: &str) -> String {
        let host = self.bracketed_host();
        let with_user = Url::parse(&format!("{scheme}://{host}:{}", self.port)).ok().and_then(|mut url| {
            url.set_username(&self.user).ok()?;
            Some(url.to_string())
        });
        with_user.unwrap_or_else(|| format!("{scheme}://{}@{host}:{}", self.user, self.port))
    }
}

/// A local file for scp and rsync, which take a word with a colon for a remote one, and one that begins
/// with a hyphen for an option.
fn local_operand(shell: Shell, local: &str) -> String {
    let local = shell.native_path(Path::new(local));
    let colon_before_slash = local.split('/').next().is_some_and(|first| first.contains(':'));
    if local.starts_with('-') || (colon_before_slash && !shell.is_windows()) {
        format!("./{local}")
    } else {
        local
    }
}
