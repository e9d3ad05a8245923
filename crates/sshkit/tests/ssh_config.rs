//! Berth's hosts in the user's `ssh_config`: the file's text for every system, and the odd cases of putting it in.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by it")]

use std::fs;
use std::path::{Path, PathBuf};

use sshkit::os::Os;
use sshkit::ssh_config::{
    ClusterHosts, ConfigError, HostsFile, Made, Place, install, plan, state, uninstall, write_hosts,
};

fn file(os: Os, home: &str) -> HostsFile {
    let at = |rest: &str| PathBuf::from(format!("{home}/{rest}"));
    let program = match os {
        Os::Linux => "/usr/bin/berth".into(),
        Os::MacOs => "/Applications/Berth.app/Contents/MacOS/berth".into(),
        Os::Windows => at(r"AppData\Local\Programs\Berth\berth.exe"),
    };
    HostsFile {
        os,
        program,
        data_folder: (os == Os::Linux).then(|| at("data folder")),
        user: "work".into(),
        keys: at("berth/hosts"),
        known_hosts: at("berth/known_hosts"),
        own_keys: vec![at(".ssh/id_ed25519")],
        clusters: vec![
            ClusterHosts {
                label: "seoul".into(),
                title: "https://seoul.example.com\n(jin@example.com)".into(),
                sessions: vec!["train".into(), "my.model".into(), "Not A Part".into()],
            },
            ClusterHosts { label: "demo".into(), title: "Demo cluster".into(), sessions: vec![] },
        ],
        left_out: vec!["my.model.seoul.berth".into()],
        made: Made { folder: false, config: os == Os::MacOs },
    }
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(text, expected, "{}", path.display());
}

#[test]
fn every_system_has_its_own_paths_and_quotes() {
    golden("ssh_config-linux.txt", &file(Os::Linux, "/home/김 진's \"100%\"").render());
    golden("ssh_config-macos.txt", &file(Os::MacOs, "/Users/jin/Library/Application Support").render());
    golden("ssh_config-windows.txt", &file(Os::Windows, r"C:\Users\김 진's 100%").render());
}

/// A home with a `.ssh`, unless told otherwise.
struct Home {
    folder: tempfile::TempDir,
    place: Place,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::in_home(folder.path());
        fs::create_dir(folder.path().join(".ssh")).unwrap();
        Self { folder, place }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with(self, config: &str) -> Self {
        fs::write(self.place.config(), config).unwrap();
        self
    }

    fn install(&self) -> Result<sshkit::ssh_config::Installed, ConfigError> {
        install(&self.place, |made| HostsFile { made, ..file(Os::Linux, "/home/jin") })
    }

    fn config(&self) -> String {
        fs::read_to_string(self.place.config()).unwrap()
    }
}

#[test]
fn a_fresh_home_gets_folder_and_file_and_loses_both_again() {
    let home = Home::new();
    fs::remove_dir(home.at(".ssh")).unwrap();
    let planned = plan(&home.place).unwrap();
    assert!(planned.creates && planned.backup.is_none());
    let done = home.install().unwrap();
    assert!(done.changed && done.backup.is_none());
    assert_eq!(home.config(), "Include berth_config\n");
    assert!(sshkit::private_file::is_private(home.at(".ssh")).unwrap());
    assert!(sshkit::private_file::is_private(home.place.config()).unwrap());
    assert!(sshkit::private_file::is_private(home.place.hosts()).unwrap());
    // Written anew in between, it still knows what it made.
    write_hosts(&home.place, |made| HostsFile { made, clusters: vec![], ..file(Os::Linux, "/home/jin") })
        .unwrap();
    uninstall(&home.place).unwrap();
    assert!(!home.at(".ssh").exists());
}

#[test]
fn what_the_user_adds_meanwhile_stays() {
    let home = Home::new();
    home.install().unwrap();
    fs::write(home.place.config(), "# first\nInclude berth_config\nHost a\n").unwrap();
    fs::write(home.at(".ssh/id_ed25519"), "key").unwrap();
    assert!(uninstall(&home.place).unwrap().line);
    assert_eq!(home.config(), "# first\nHost a\n");
    let again = uninstall(&home.place).unwrap();
    assert!(!again.line && !again.file);
}

#[test]
fn the_copy_is_kept_when_the_file_has_changed() {
    let home = Home::new().with("Host a\n");
    let backup = home.install().unwrap().backup.unwrap();
    assert_eq!(fs::read_to_string(&backup).unwrap(), "Host a\n");
    fs::write(home.place.config(), "Include berth_config\nHost a b\n").unwrap();
    uninstall(&home.place).unwrap();
    assert_eq!(home.config(), "Host a b\n");
    assert!(backup.exists());
}

#[test]
fn a_preview_shows_the_place_and_writes_nothing() {
    let home = Home::new().with("\r\nHost a\r\n  User x\r\n  Port 1\r\n");
    let planned = plan(&home.place).unwrap();
    assert_eq!(planned.line, "Include berth_config");
    assert_eq!(planned.below, ["", "Host a", "  User x"]);
    assert_eq!(planned.backup, Some(home.at(".ssh/config.before-berth")));
    assert_eq!(fs::read_dir(home.at(".ssh")).unwrap().count(), 1);
}

#[test]
fn a_line_of_the_users_own_is_enough() {
    for line in ["include ~/.ssh/berth_config", "INCLUDE=\"berth_config\"", "Include other berth_config"] {
        let home = Home::new().with(&format!("# mine\n{line}\nHost a\n"));
        assert!(!home.install().unwrap().changed, "{line}");
        assert!(state(&home.place).is_installed());
    }
    // Inside a Host block it holds for that host only.
    let home = Home::new().with("Host a\n  Include berth_config\n");
    assert!(home.install().unwrap().changed);
    uninstall(&home.place).unwrap();
    assert_eq!(home.config(), "Host a\n  Include berth_config\n");
}

#[test]
fn files_that_another_program_writes_are_left_alone() {
    let home = Home::new().with("# Ansible managed\nHost a\n");
    assert!(matches!(home.install(), Err(ConfigError::Managed { .. })));
    assert_eq!(home.config(), "# Ansible managed\nHost a\n");
    // Added there by that program, the line works at once.
    fs::write(home.place.config(), "# Ansible managed\nInclude berth_config\nHost a\n").unwrap();
    assert!(state(&home.place).is_installed());
}

#[test]
fn what_ssh_cannot_read_is_not_written_to() {
    let home = Home::new();
    fs::write(home.place.config(), b"\xff\xfeH\0o\0s\0t\0").unwrap();
    assert!(matches!(home.install(), Err(ConfigError::Encoding { .. })));
    fs::remove_file(home.place.config()).unwrap();
    fs::create_dir(home.place.config()).unwrap();
    assert!(matches!(home.install(), Err(ConfigError::NotAFile { .. })));
}

#[test]
fn hosts_of_the_users_own_are_told() {
    let home = Home::new().with("Host *\n  User jin\nHost train.demo.berth *.berth\n");
    let found: Vec<_> =
        plan(&home.place).unwrap().own_hosts.into_iter().map(|h| (h.pattern, h.line)).collect();
    assert_eq!(found, [("train.demo.berth".to_owned(), 3), ("*.berth".to_owned(), 3)]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_is_followed_and_stays() {
        let home = Home::new();
        fs::create_dir(home.at("dotfiles")).unwrap();
        fs::write(home.at("dotfiles/ssh"), "Host a\n").unwrap();
        fs::set_permissions(home.at("dotfiles/ssh"), fs::Permissions::from_mode(0o644)).unwrap();
        symlink("../dotfiles/ssh", home.place.config()).unwrap();
        home.install().unwrap();
        assert!(fs::symlink_metadata(home.place.config()).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(home.at("dotfiles/ssh")).unwrap(), "Include berth_config\nHost a\n");
        assert_eq!(fs::metadata(home.at("dotfiles/ssh")).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(
            fs::read_dir(home.at("dotfiles")).unwrap().count(),
            1,
            "no copy among the user's dotfiles"
        );
        uninstall(&home.place).unwrap();
        assert_eq!(fs::read_to_string(home.at("dotfiles/ssh")).unwrap(), "Host a\n");
    }

    #[test]
    fn a_second_name_of_the_file_stays_one() {
        let home = Home::new().with("Host a\n");
        fs::hard_link(home.place.config(), home.at("second")).unwrap();
        home.install().unwrap();
        assert_eq!(fs::read_to_string(home.at("second")).unwrap(), "Include berth_config\nHost a\n");
        uninstall(&home.place).unwrap();
        assert_eq!(fs::read_to_string(home.at("second")).unwrap(), "Host a\n");
        assert_eq!(fs::metadata(home.place.config()).unwrap().nlink(), 2);
    }

    #[test]
    fn a_link_to_nothing_is_told() {
        let home = Home::new();
        symlink("nowhere", home.place.config()).unwrap();
        assert!(matches!(home.install(), Err(ConfigError::Dangling { .. })));
        assert!(!home.at(".ssh/nowhere").exists());
    }

    #[test]
    fn a_read_only_file_stays_as_it_is() {
        let home = Home::new().with("Host a\n");
        fs::set_permissions(home.place.config(), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(matches!(home.install(), Err(ConfigError::ReadOnly { .. })));
        assert_eq!(home.config(), "Host a\n");
        assert!(!home.place.hosts().exists() && !home.place.backup().exists());
    }

    /// Root may write anywhere.
    #[test]
    fn a_folder_that_may_not_be_written_is_told() {
        if rustix::process::geteuid().is_root() {
            return;
        }
        let home = Home::new().with("Host a\n");
        fs::set_permissions(home.at(".ssh"), fs::Permissions::from_mode(0o500)).unwrap();
        assert!(matches!(home.install(), Err(ConfigError::File(_))));
        fs::set_permissions(home.at(".ssh"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(home.config(), "Host a\n");
    }
}
