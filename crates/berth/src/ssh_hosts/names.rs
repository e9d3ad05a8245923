//! Which cluster has which label, and which sessions it had when somebody last looked.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sshkit::ssh_config::{ClusterHosts, alias, cluster_label, is_part, session_part};

use crate::{Account, Error, error, json_file};

/// A cluster's label in host names and what is known of its sessions. Labels stay: people and editors remember them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClusterName {
    pub(crate) label: String,
    /// Empty for the demo cluster, whose address changes.
    pub(crate) profile_id: String,
    pub(crate) user: String,
    pub(crate) title: String,
    /// Names of sessions that had not ended.
    pub(crate) sessions: Vec<String>,
}

/// What a look at a cluster's sessions has shown.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) is_new: bool,
    /// Names of hosts.
    pub(crate) gone: Vec<String>,
}

/// The label of the demo cluster.
pub(crate) const DEMO: &str = "demo";

/// The file of labels. Read anew each time, because the desktop app and the command line share it.
#[derive(Debug)]
pub(crate) struct ClusterNames {
    path: PathBuf,
    changing: Mutex<()>,
}

impl ClusterNames {
    pub(crate) fn open(folder: &Path) -> Self {
        Self { path: folder.join("clusters.json"), changing: Mutex::new(()) }
    }

    pub(crate) fn all(&self) -> Vec<ClusterName> {
        let all: Vec<ClusterName> = json_file::read(&self.path);
        all.into_iter().filter(|cluster| is_part(&cluster.label)).collect()
    }

    pub(crate) fn by_label(&self, label: &str) -> Option<ClusterName> {
        self.all().into_iter().find(|cluster| cluster.label.eq_ignore_ascii_case(label))
    }

    /// The label of an account's cluster, given to it now if it has none.
    pub(crate) fn label(&self, account: &Account) -> Result<String, Error> {
        self.change(account, |_| {})
    }

    /// Notes the sessions of a cluster; gives whether anything is new, and the hosts that are no more.
    pub(crate) fn seen(&self, account: &Account, mut sessions: Vec<String>) -> Result<Seen, Error> {
        sessions.sort();
        sessions.dedup();
        let mut seen = Seen::default();
        let label = self.change(account, |cluster| {
            seen.is_new = cluster.sessions != sessions;
            let before = std::mem::replace(&mut cluster.sessions, sessions.clone());
            seen.gone = before.into_iter().filter(|name| !sessions.contains(name)).collect();
        })?;
        seen.gone = seen.gone.iter().map(|name| alias(name, &label)).collect();
        Ok(seen)
    }

    /// Forgets a cluster that is no longer signed in to.
    pub(crate) fn forget(&self, profile_id: &str) -> Result<(), Error> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all = self.all();
        let before = all.len();
        all.retain(|cluster| cluster.profile_id.is_empty() || cluster.profile_id != profile_id);
        if all.len() == before { Ok(()) } else { self.write(&all) }
    }

    fn change(&self, account: &Account, edit: impl FnOnce(&mut ClusterName)) -> Result<String, Error> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all = self.all();
        let before = all.clone();
        let id = if account.demo { "" } else { &account.profile_id };
        let at = match all.iter().position(|cluster| cluster.profile_id == id) {
            Some(at) => at,
            None => {
                let label = if account.demo { DEMO.to_owned() } else { free_label(account, &all) };
                let title = if account.demo {
                    "The demo cluster".to_owned()
                } else {
                    format!("{} ({})", account.server.address, account.user)
                };
                all.push(ClusterName {
                    label,
                    profile_id: id.to_owned(),
                    user: account.user.clone(),
                    title,
                    sessions: Vec::new(),
                });
                all.len() - 1
            }
        };
        edit(&mut all[at]);
        let label = all[at].label.clone();
        if all != before {
            self.write(&all)?;
        }
        Ok(label)
    }

    fn write(&self, all: &[ClusterName]) -> Result<(), Error> {
        if let Some(folder) = self.path.parent() {
            sshkit::private_file::create_private_dir(folder).map_err(|e| error::file(&e, folder))?;
        }
        json_file::write(&self.path, &all)
    }
}

impl ClusterName {
    pub(crate) fn hosts(&self) -> ClusterHosts {
        let mut sessions: Vec<String> = self.sessions.iter().map(|name| session_part(name)).collect();
        sessions.sort();
        sessions.dedup();
        ClusterHosts { label: self.label.clone(), title: self.title.clone(), sessions }
    }
}

/// The cluster's own label; where another has it, with its port or the user's name, then with a number.
fn free_label(account: &Account, taken: &[ClusterName]) -> String {
    let address = &account.server.address;
    let label = cluster_label(address);
    let user = account.user.split('@').next().unwrap_or_default();
    let user: String = user.to_lowercase().chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let with_user = (!user.is_empty()).then(|| format!("{label}-{user}"));
    // Two accounts of one cluster differ by their users, two clusters of one name by their ports.
    let port = url::Url::parse(address).ok().and_then(|url| url.port());
    let same_cluster =
        taken.iter().any(|cluster| cluster.profile_id == crate::profiles::id(address, &cluster.user));
    let with_port = port.filter(|_| !same_cluster).map(|port| format!("{label}-{port}"));
    let is_free = |wanted: &String| wanted != DEMO && !taken.iter().any(|cluster| cluster.label == *wanted);
    let numbered = (2..).map(|n: u32| format!("{label}-{n}"));
    let mut wanted = std::iter::once(label.clone()).chain(with_port).chain(with_user).chain(numbered);
    wanted.find(is_free).unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessMode, Compatibility, SecretPlace, ServerInfo, TlsChoice};

    fn account(address: &str, user: &str) -> Account {
        Account {
            profile_id: crate::profiles::id(address, user),
            user: user.into(),
            role: None,
            server: ServerInfo {
                address: address.into(),
                mode: AccessMode::Session,
                manager_version: "26.9.6".into(),
                api_version: "v9.20250722".into(),
                compatibility: Compatibility::Supported,
                private: true,
            },
            tls: TlsChoice::default(),
            secret_place: SecretPlace::Memory,
            demo: false,
        }
    }

    #[test]
    fn every_account_keeps_a_label_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let names = ClusterNames::open(&dir.path().join("hosts"));
        let first = account("https://seoul.example.com", "jin@example.com");
        let second = account("https://seoul.example.com", "jin@example.org");
        let third = account("https://seoul.example.com", "jin@example.net");
        assert_eq!(names.label(&first).unwrap(), "seoul");
        assert_eq!(names.label(&second).unwrap(), "seoul-jin");
        assert_eq!(names.label(&third).unwrap(), "seoul-2");
        let elsewhere = account("https://seoul.example.com:8443", "jin@example.com");
        assert_eq!(names.label(&elsewhere).unwrap(), "seoul-8443");
        let demo = account("https://demo.example.com", "a@b.c");
        assert_eq!(names.label(&demo).unwrap(), "demo-a", "demo is the demo cluster's");
        assert_eq!(names.label(&Account { demo: true, ..demo.clone() }).unwrap(), "demo");
        names.forget(&first.profile_id).unwrap();
        let again = ClusterNames::open(&dir.path().join("hosts"));
        assert_eq!(again.label(&second).unwrap(), "seoul-jin", "labels stay");
        assert_eq!(again.all().len(), 5);
    }

    #[test]
    fn sessions_are_noted_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let names = ClusterNames::open(dir.path());
        let me = account("https://seoul.example.com", "jin@example.com");
        let seen = |list: &[&str]| names.seen(&me, list.iter().map(|n| (*n).to_owned()).collect()).unwrap();
        assert!(seen(&["train", "Eval"]).is_new);
        assert!(!seen(&["Eval", "train"]).is_new);
        let hosts = names.by_label("SEOUL").unwrap().hosts();
        assert_eq!(hosts.sessions.len(), 2);
        assert_eq!(hosts.sessions[1], "train");
        assert_eq!(seen(&["Eval"]).gone, ["train.seoul.berth"]);
        assert!(seen(&[]).is_new);
    }
}
