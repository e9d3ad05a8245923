//! The file of hosts that Berth writes and the user's `ssh_config` includes.
//!
//! Each session is listed, because editors offer only hosts that are named, and one pattern per cluster catches
//! those that are newer than the file. Paths hold the host's own name (`%h`), so nothing here depends on a
//! session's id. Everything is read by OpenSSH 7.6 and later, on Windows too.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::alias::{DOMAIN, is_part};
use super::own_hosts::matches;
use crate::command::{c_runtime, config_value, posix, posix_quoted, windows_path};
use crate::os::Os;

/// What Berth made that was not there, so that it can be taken away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Made {
    /// The folder `.ssh`.
    pub folder: bool,
    /// The user's `config`.
    pub config: bool,
}

/// The sessions of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterHosts {
    /// The middle part of its hosts' names ([`super::cluster_label`]).
    pub label: String,
    /// Which cluster that is, for people who read the file.
    pub title: String,
    /// The first parts of its hosts' names ([`super::session_part`]).
    pub sessions: Vec<String>,
}

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostsFile {
    /// Whose paths and quotes.
    pub os: Os,
    /// The program `berth`; it is called with `proxy --stdio HOST`.
    pub program: PathBuf,
    /// Berth's data folder, where it is not the usual one and the program must be told. Unix only.
    pub data_folder: Option<PathBuf>,
    /// The user inside sessions.
    pub user: String,
    /// Each host's key is `KEYS/HOST/id_container`.
    pub keys: PathBuf,
    /// Berth's own `known_hosts`.
    pub known_hosts: PathBuf,
    /// The user's own keys, tried after the session's.
    pub own_keys: Vec<PathBuf>,
    /// The clusters.
    pub clusters: Vec<ClusterHosts>,
    /// Hosts that the user has defined: those are left alone.
    pub left_out: Vec<String>,
    /// What to take away in the end.
    pub made: Made,
}

const HEAD: &str = "# Written by Berth, and written anew when your sessions change.\n\
                    # Take it out with: berth ssh-config uninstall\n";
const MADE: &str = "# Made by Berth, too:";

/// Name of a host's key inside the host's folder.
pub const KEY_FILE: &str = "id_container";

/// Name of the same key when it has just changed. ssh reads the public half of a key when it starts, before the
/// ProxyCommand can bring another; a file that was not there yet it reads when it logs in.
pub const NEW_KEY_FILE: &str = "id_container.new";

/// How many unanswered questions, 20 seconds apart, make ssh give up.
const QUESTIONS: u32 = 3;

impl HostsFile {
    /// The file's text.
    pub fn render(&self) -> String {
        let mut out = String::from(HEAD);
        let made: Vec<&str> = [(self.made.folder, ".ssh"), (self.made.config, "config")]
            .iter()
            .filter(|m| m.0)
            .map(|m| m.1)
            .collect();
        if !made.is_empty() {
            let _ = writeln!(out, "{MADE} {}", made.join(" "));
        }
        for cluster in self.clusters.iter().filter(|cluster| is_part(&cluster.label)) {
            let _ = writeln!(out, "\n# {}", one_line(&cluster.title));
            let suffix = format!("{}.{DOMAIN}", cluster.label);
            for session in cluster.sessions.iter().filter(|session| is_part(session)) {
                let host = format!("{session}.{suffix}");
                if !self.left_out.contains(&host) {
                    let _ = writeln!(out, "Host {host}");
                    self.options(&mut out, Some(&host));
                }
            }
            // Shells read the ProxyCommand, and OpenSSH before 9.6 lets any character into a host's name: this one
            // would end the quotes around it.
            let mut patterns = vec![format!("*.{suffix}"), "\"!*'*\"".to_owned()];
            let own = self.left_out.iter().filter(|host| matches(&patterns[0], host));
            let own: Vec<String> = own.map(|host| format!("!{host}")).collect();
            patterns.extend(own);
            let _ = writeln!(out, "Host {}", patterns.join(" "));
            self.options(&mut out, None);
        }
        out
    }

    /// What Berth noted in such a file.
    pub(super) fn made_of(text: &[u8]) -> Made {
        let text = String::from_utf8_lossy(text);
        let noted = text.lines().find_map(|line| line.strip_prefix(MADE)).unwrap_or_default();
        let has = |name: &str| noted.split_whitespace().any(|word| word == name);
        Made { folder: has(".ssh"), config: has("config") }
    }

    fn options(&self, out: &mut String, host: Option<&str>) {
        let mut set = |name: &str, value: &str| {
            let _ = writeln!(out, "    {name} {value}");
        };
        set("User", &self.user);
        set("ProxyCommand", &self.proxy_command(host));
        if let Some(host) = host {
            set("HostKeyAlias", host);
        }
        set("UserKnownHostsFile", &config_value(&self.native(&self.known_hosts), ""));
        set("StrictHostKeyChecking", "accept-new");
        for name in [KEY_FILE, NEW_KEY_FILE] {
            let key = format!("/{}/{name}", host.unwrap_or("%h"));
            set("IdentityFile", &config_value(&self.native(&self.keys), &key));
        }
        for key in &self.own_keys {
            set("IdentityFile", &config_value(&self.native(key), ""));
        }
        set("IdentitiesOnly", "yes");
        set("CanonicalizeHostname", "no");
        set("ServerAliveInterval", "20");
        set("ServerAliveCountMax", &QUESTIONS.to_string());
    }

    fn proxy_command(&self, host: Option<&str>) -> String {
        let windows = self.os == Os::Windows;
        let word = |text: &str| if windows { c_runtime(text) } else { posix(text) };
        let mut words = Vec::new();
        if let (Some(folder), false) = (&self.data_folder, windows) {
            words.push("env".to_owned());
            words.push(word(&format!("BERTH_DATA_DIR={}", folder.to_string_lossy())));
        }
        words.extend([word(&self.native(&self.program)), "proxy".to_owned(), "--stdio".to_owned()]);
        let command = words.join(" ").replace('%', "%%");
        let host = match host {
            Some(host) => word(host),
            None if windows => "\"%h\"".to_owned(),
            None => posix_quoted("%h"),
        };
        format!("{command} {host}")
    }

    /// A path as the file carries it: with forward slashes on Windows, which no reader takes for an escape.
    fn native(&self, path: &Path) -> String {
        if self.os == Os::Windows { windows_path(path) } else { path.to_string_lossy().into_owned() }
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
