//! SSH programs that reach a session without a port: a `ProxyCommand` brings the bytes.
//!
//! These words are for starting a program directly, not for a shell. Only the `ProxyCommand` itself is read by
//! one: `ssh` hands it to the user's `$SHELL` on Unix, and on Windows makes a process of it as it stands.

use std::path::PathBuf;

use super::{Shell, option, shell};

/// A session's sshd behind a program that speaks with it on its standard input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxied {
    /// The user inside the session; `work` on ordinary images (protocol.md 5.3).
    pub user: String,
    /// What `ssh` calls the host, in its messages and for the user's own `ssh_config`: the session's name.
    pub name: String,
    /// The private key; none leaves the choice to ssh (its agent, its default keys).
    pub key: Option<PathBuf>,
    /// The file in which host keys are pinned.
    pub known_hosts: PathBuf,
    /// The session's name in it: [`crate::known_hosts::alias`].
    pub host_key_alias: String,
    /// The program that brings the bytes, and its arguments.
    pub proxy: Vec<String>,
    /// It sends `ssh` a connected socket over its standard output and ends, instead of relaying.
    pub hands_over: bool,
}

impl Proxied {
    /// Options that ssh, scp and sftp take alike. ssh takes the first value it meets, so options of the
    /// user's own belong before them.
    pub fn options(&self) -> Vec<String> {
        let shell = Shell::of_this_computer();
        let mut words = Vec::with_capacity(20);
        let mut set = |name: &str, value: &str| words.extend(["-o".to_owned(), format!("{name}={value}")]);
        set("ProxyCommand", &self.proxy_command());
        if self.hands_over {
            set("ProxyUseFdpass", "yes");
        }
        // Unlike the name, it is never another session's: not in a ControlPath, not in a known_hosts.
        set("HostName", &self.host_key_alias);
        set("HostKeyAlias", &self.host_key_alias);
        set("UserKnownHostsFile", &option::file_value(&shell.native_path(&self.known_hosts), shell));
        set("StrictHostKeyChecking", "accept-new");
        // The proxy notices a dead path within a minute; this is for what it cannot see.
        set("ServerAliveInterval", "20");
        if let Some(key) = &self.key {
            set("IdentitiesOnly", "yes");
            set("IdentityFile", &option::file_value(&shell.native_path(key), shell));
        }
        words
    }

    /// `work@NAME`.
    pub fn destination(&self) -> String {
        format!("{}@{}", self.user, self.name)
    }

    fn proxy_command(&self) -> String {
        let words: Vec<String> = self.proxy.iter().map(|word| shell::proxy_word(word)).collect();
        words.join(" ").replace('%', "%%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied() -> Proxied {
        Proxied {
            user: "work".into(),
            name: "train".into(),
            key: Some("/data/keys/k".into()),
            known_hosts: "/data/known hosts".into(),
            host_key_alias: "backendai-1".into(),
            proxy: vec!["/opt/my tools/berth".into(), "proxy".into(), "100%".into()],
            hands_over: false,
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_proxy_is_one_option_for_a_shell() {
        let options = proxied().options();
        assert_eq!(options[1], "ProxyCommand='/opt/my tools/berth' proxy 100%%");
        assert!(options.contains(&"IdentityFile=/data/keys/k".to_owned()));
        assert!(options.contains(&"UserKnownHostsFile=\"/data/known hosts\"".to_owned()));
        assert!(!options.iter().any(|word| word.contains("Fdpass")));
        assert_eq!(proxied().destination(), "work@train");
        let options = Proxied { hands_over: true, ..proxied() }.options();
        assert!(options.contains(&"ProxyUseFdpass=yes".to_owned()));
    }

    #[test]
    fn without_a_key_ssh_chooses() {
        let options = Proxied { key: None, ..proxied() }.options();
        assert!(!options.iter().any(|word| word.contains("Identit")));
    }
}
