//! Putting the hosts into the user's `ssh_config`, keeping them fresh, and taking them out.

use std::path::{Path, PathBuf};

use sshkit::os::Os;
use sshkit::ssh_config::{
    self, ConfigError, HostsFile, Made, OwnHost, Place, install, plan, state, uninstall, write_hosts,
};

use crate::connections::SESSION_USER;
use crate::{Account, Berth, Error, SshConfigPreview, SshHosts, UserHost, error};

/// The user's own keys that ssh tries by itself, in its order.
const OWN_KEYS: &[&str] = &["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

impl Berth {
    /// Whether sessions are hosts of `ssh` on this computer, and what making them so would change. Writes nothing.
    pub fn ssh_hosts(&self) -> SshHosts {
        let place = match self.place() {
            Ok(place) => place,
            Err(problem) => return SshHosts { problem: Some(problem), ..SshHosts::default() },
        };
        let state = state(&place);
        let planned = plan(&place).map_err(|e| error::ssh_config(&e, &place));
        let problem = planned.as_ref().err().cloned().or_else(|| self.berth_program().err());
        let preview = planned.ok().map(|plan| SshConfigPreview {
            target: shown(&plan.target),
            creates: plan.creates,
            below: plan.below,
            backup: plan.backup.as_deref().map(shown),
            byte_order_mark: plan.has_mark,
            own_hosts: plan.own_hosts.iter().map(user_host).collect(),
        });
        let hosts = self.cluster_names.all().into_iter().flat_map(|cluster| {
            let hosts = cluster.hosts();
            let label = hosts.label;
            hosts.sessions.into_iter().map(move |part| format!("{part}.{label}.{}", ssh_config::DOMAIN))
        });
        SshHosts {
            installed: state.is_installed(),
            config: shown(&place.config()),
            file: shown(&place.hosts()),
            line: place.line().to_owned(),
            hosts: hosts.collect(),
            preview,
            problem: if state.is_installed() { None } else { problem },
        }
    }

    /// The text of the file that Berth writes, as it would be now.
    ///
    /// # Errors
    /// `program-not-found`, and where there is no home folder.
    pub fn ssh_hosts_text(&self) -> Result<String, Error> {
        let place = self.place()?;
        Ok(self.hosts_file(&place, Made::default())?.render())
    }

    /// Makes sessions hosts of `ssh`: Berth's own file, and one `Include` line at the top of the user's.
    ///
    /// # Errors
    /// `ssh-config-managed`, `ssh-config-read-only`, `ssh-config-unreadable`, `program-not-found`, and those of writing
    /// a file. The user's file is then as it was.
    pub fn install_ssh_hosts(&self) -> Result<SshHosts, Error> {
        let place = self.place()?;
        ssh_is_new_enough()?;
        if let Some(account) = self.account() {
            self.cluster_names.label(&account)?;
            if let Some(list) = self.sessions() {
                self.cluster_names.seen(&account, living(&list.sessions))?;
            }
        }
        let file = self.hosts_file(&place, Made::default())?;
        install(&place, |made| HostsFile { made, ..file }).map_err(|e| error::ssh_config(&e, &place))?;
        tracing::info!("sessions are hosts of ssh now");
        Ok(self.ssh_hosts())
    }

    /// Takes it out again; the user's file is what it was, byte for byte, but for the user's own changes.
    ///
    /// # Errors
    /// As [`Berth::install_ssh_hosts`].
    pub fn uninstall_ssh_hosts(&self) -> Result<SshHosts, Error> {
        let place = self.place()?;
        uninstall(&place).map_err(|e| error::ssh_config(&e, &place))?;
        tracing::info!("sessions are no longer hosts of ssh");
        Ok(self.ssh_hosts())
    }

    /// The name of a session as a host of `ssh`, on the cluster that is signed in.
    ///
    /// # Errors
    /// `not-signed-in`.
    pub fn ssh_host(&self, session_name: &str) -> Result<String, Error> {
        let account = self.account().ok_or_else(error::not_signed_in)?;
        Ok(ssh_config::alias(session_name, &self.cluster_names.label(&account)?))
    }

    /// Notes which sessions there are, so that editors can list them.
    pub(crate) fn note_hosts(&self, account: &Account, sessions: Vec<String>) {
        match self.cluster_names.seen(account, sessions) {
            Ok(seen) => {
                for host in &seen.gone {
                    self.forget_host(host);
                }
                if seen.is_new {
                    self.refresh_hosts();
                }
            }
            Err(e) => tracing::warn!(error = %e.message, "cannot note the names of hosts"),
        }
    }

    /// Gives a cluster its name, so that its sessions can be dialled before any was listed.
    pub(crate) fn note_cluster(&self, account: &Account) {
        let before = self.cluster_names.all().len();
        match self.cluster_names.label(account) {
            Ok(_) if self.cluster_names.all().len() != before => self.refresh_hosts(),
            Ok(_) => {}
            Err(e) => tracing::warn!(error = %e.message, "cannot note the name of a cluster"),
        }
    }

    /// Forgets a cluster's hosts.
    pub(crate) fn forget_hosts(&self, profile_id: &str) {
        match self.cluster_names.forget(profile_id) {
            Ok(()) => self.refresh_hosts(),
            Err(e) => tracing::warn!(error = %e.message, "cannot forget the names of hosts"),
        }
    }

    /// Drops the key and the pinned host key of a session that has ended.
    pub(crate) fn forget_host(&self, host: &str) {
        let forgotten = self.connections().host_keys.forget(host);
        if let Err(e) = forgotten {
            tracing::warn!(error = %e, "cannot forget the host key of an ended session");
        }
        match std::fs::remove_dir_all(self.host_folder(host)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(error = %e, "cannot remove the key of an ended session");
            }
            _ => {}
        }
    }

    /// Writes Berth's file anew where it is installed.
    fn refresh_hosts(&self) {
        let Ok(place) = self.place() else { return };
        if !state(&place).file {
            return;
        }
        let written = self.hosts_file(&place, Made::default()).and_then(|file| {
            write_hosts(&place, |made| HostsFile { made, ..file }).map_err(|e| error::ssh_config(&e, &place))
        });
        if let Err(e) = written {
            tracing::warn!(error = %e.message, "cannot renew the file of hosts");
        }
    }

    fn hosts_file(&self, place: &Place, made: Made) -> Result<HostsFile, Error> {
        let paths = &self.options.paths;
        let folder = place.config().parent().map(Path::to_path_buf).unwrap_or_default();
        let own_keys = OWN_KEYS.iter().map(|name| folder.join(name)).filter(|key| key.is_file()).collect();
        let own_hosts = plan(place).map(|plan| plan.own_hosts).unwrap_or_default();
        Ok(HostsFile {
            os: Os::of_this_computer(),
            program: self.berth_program()?,
            data_folder: paths.moved().map(Path::to_path_buf),
            user: SESSION_USER.into(),
            keys: paths.hosts(),
            known_hosts: paths.known_hosts(),
            own_keys,
            clusters: self.cluster_names.all().iter().map(|cluster| cluster.hosts()).collect(),
            left_out: own_hosts.into_iter().filter(OwnHost::is_name).map(|host| host.pattern).collect(),
            made,
        })
    }

    pub(crate) fn place(&self) -> Result<Place, Error> {
        let paths = &self.options.paths;
        let home =
            paths.home().ok_or_else(|| error::internal("the operating system names no home folder"))?;
        Ok(match paths.ssh_folder() {
            Some(folder) => Place::in_folder(home, folder),
            None => Place::in_home(home),
        })
    }

    /// The program `berth`: this one, the one beside this one, or the one that a shell would find.
    fn berth_program(&self) -> Result<PathBuf, Error> {
        if let Some(program) = self.options.paths.program() {
            return Ok(program.to_path_buf());
        }
        let name = format!("berth{}", std::env::consts::EXE_SUFFIX);
        let own = std::env::current_exe().ok();
        if let Some(own) = own.as_deref().filter(|own| own.file_name().is_some_and(|n| n == name.as_str())) {
            return Ok(own.to_path_buf());
        }
        let beside = own.as_deref().and_then(Path::parent).map(|folder| folder.join(&name));
        let beside = beside.filter(|path| stays(path));
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(&name));
        beside.into_iter().chain(on_path).find(|path| path.is_file()).ok_or_else(error::program_not_found)
    }
}

/// False for places that are gone when the app ends: a mounted AppImage, and where macOS moves a download before its
/// first start.
fn stays(path: &Path) -> bool {
    let mounted =
        std::env::var_os("APPDIR").is_some_and(|folder| !folder.is_empty() && path.starts_with(folder));
    !mounted && !path.components().any(|part| part.as_os_str() == "AppTranslocation")
}

/// An older ssh stops at words of Berth's file, for every host. None at all is none of ours: other programs read it.
fn ssh_is_new_enough() -> Result<(), Error> {
    let mut ssh = std::process::Command::new("ssh");
    ssh.arg("-V").stdin(std::process::Stdio::null());
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut ssh, 0x0800_0000);
    let Ok(output) = ssh.output() else { return Ok(()) };
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match ssh_config::openssh_version(&said) {
        Some(version) if version < ssh_config::OLDEST_OPENSSH => Err(error::ssh_too_old(&said)),
        _ => Ok(()),
    }
}

/// Names of sessions that have not ended.
pub(crate) fn living(sessions: &[crate::Session]) -> Vec<String> {
    sessions.iter().filter(|s| !s.is_over() && s.session_type != "SYSTEM").map(|s| s.name.clone()).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn user_host(host: &OwnHost) -> UserHost {
    UserHost {
        pattern: host.pattern.clone(),
        file: shown(&host.file),
        line: u32::try_from(host.line).unwrap_or(0),
    }
}

/// What stands in the way of the user's file.
pub(crate) fn problem(e: &ConfigError, place: &Place) -> Error {
    let line = place.line();
    let by_hand = format!("Add this line at its top by hand: {line}");
    let path = shown(&place.config());
    match e {
        ConfigError::Managed { by, .. } => Error::new(
            "ssh-config-managed",
            format!("{path} is managed by {by}, which would undo a change of Berth's."),
            format!("Add this line at the top of its source: {line}"),
        )
        .with("by", by),
        ConfigError::ReadOnly { path } => Error::new(
            "ssh-config-read-only",
            format!("{} is read-only.", path.display()),
            format!("Make it writable and try again. {by_hand}"),
        ),
        ConfigError::Dangling { target, .. } => Error::new(
            "ssh-config-unreadable",
            format!("{path} is a link to {}, which does not exist.", target.display()),
            "Mend or remove the link.",
        ),
        ConfigError::NotAFile { .. } => Error::new(
            "ssh-config-unreadable",
            format!("{path} is not a file."),
            "Move it away and try again.",
        ),
        ConfigError::Encoding { .. } => Error::new(
            "ssh-config-unreadable",
            format!("{path} is not written in an encoding that ssh reads."),
            "Save it as UTF-8 without a byte order mark and try again.",
        ),
        ConfigError::File(e) => error::file(e, &place.config()),
        other => error::internal(&other.to_string()),
    }
    .with("path", path)
    .with("line", line)
    .with("detail", e)
}
