//! A session in the programs that people work with.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sshkit::ppk::{PpkOptions, PpkVersion, to_ppk};
use sshkit::private_file::{Overwrite, create_private_dir, write_private_file};
use sshkit::ssh_config::state;
use sshkit::tools::{self, Computer, Kind, Launch, LaunchError, Place, Site, Tool, cyberduck_bookmark};

use crate::connections::SESSION_USER;
use crate::{Berth, Error, ToolKind, ToolOffer, error};

/// What every session opens at.
const FOLDER: &str = "/home/work";
/// How long an editor may take to fetch its extension; it opens without it afterwards and asks for it.
const STEP_WITHIN: Duration = Duration::from_secs(120);

impl Berth {
    /// The programs that exist for this computer, and which of them it has.
    pub fn tools(&self) -> Vec<ToolOffer> {
        let computer = self.computer();
        Tool::ALL
            .into_iter()
            .filter(|tool| tool.is_for(computer.os))
            .map(|tool| ToolOffer {
                id: tool.id().into(),
                name: tool.name().into(),
                kind: match tool.kind() {
                    Kind::Editor => ToolKind::Editor,
                    Kind::Shell => ToolKind::Shell,
                    Kind::Files => ToolKind::Files,
                },
                installed: tools::find(tool, &computer).is_some(),
                needs_host: tool.needs_host(computer.os),
                needs_port: tool.needs_port(),
                page: tool.page().map(str::to_owned),
            })
            .collect()
    }

    /// Where a program can be got.
    ///
    /// # Errors
    /// `tool-unknown`.
    pub fn tool_page(&self, tool: &str) -> Result<&'static str, Error> {
        Tool::by_id(tool).and_then(Tool::page).ok_or_else(|| error::tool_unknown(tool))
    }

    /// Opens a session in a program. `connection` is the id of an open port, for programs with an SSH of their own.
    ///
    /// # Errors
    /// `tool-unknown`, `tool-missing`, `ssh-hosts-missing` where the program needs the session in the `ssh_config`,
    /// `port-needed`, `tool-failed`; those of writing a file.
    pub async fn open_in(&self, tool: &str, session: &str, connection: Option<&str>) -> Result<(), Error> {
        let tool = Tool::by_id(tool).ok_or_else(|| error::tool_unknown(tool))?;
        let computer = self.computer();
        let found =
            tools::find(tool, &computer).ok_or_else(|| error::tool_missing(tool.name(), tool.page()))?;
        let host = self.ssh_host(session)?;
        let installed = self.place().is_ok_and(|place| state(&place).is_installed());
        let mut place = Place {
            host: installed.then(|| host.clone()),
            user: SESSION_USER.into(),
            folder: FOLDER.into(),
            port: connection.and_then(|id| self.connections().ssh_target(id)),
            ppk: None,
            bookmark: None,
            site: host.clone(),
        };
        if tool.needs_port() && place.port.is_some() {
            self.prepare_files(tool, &host, &mut place, &computer)?;
        }
        let steps = tools::launch(&found, &place, &computer).map_err(|e| match e {
            LaunchError::NoHost => error::ssh_hosts_missing(tool.name()),
            _ => error::port_needed(tool.name()),
        })?;
        for step in &steps {
            start(step).await.map_err(|e| error::tool_failed(tool.name(), &e.to_string()))?;
        }
        tracing::info!(tool = tool.id(), session, "opened in another program");
        Ok(())
    }

    pub(crate) fn computer(&self) -> Computer {
        Computer::this(self.options.paths.home().unwrap_or(Path::new("")))
    }

    /// Writes what programs with an SSH of their own read: the key in PuTTY's format, a bookmark, a site.
    fn prepare_files(
        &self,
        tool: Tool,
        host: &str,
        place: &mut Place,
        computer: &Computer,
    ) -> Result<(), Error> {
        let Some(target) = &place.port else { return Ok(()) };
        let folder = self.host_folder(host);
        create_private_dir(&folder).map_err(|e| error::file(&e, &folder))?;
        let write = |path: &Path, bytes: &[u8]| {
            write_private_file(path, bytes, Overwrite::Replace).map_err(|e| error::file(&e, path))
        };
        let mut key = target.key.clone();
        if let (Some(from), true) = (&target.key, tool != Tool::Cyberduck) {
            let bytes = std::fs::read(from).map_err(|e| error::read_file(from, &e))?;
            // The old form is read by every version of every program here; without a passphrase it is no weaker.
            let options = PpkOptions {
                version: PpkVersion::V2,
                comment: Some(host.to_owned()),
                ..PpkOptions::default()
            };
            let ppk = to_ppk(&bytes, &options).map_err(|e| error::key_not_a_key(host, &e.to_string()))?;
            let path = folder.join("id_container.ppk");
            write(&path, ppk.as_bytes())?;
            place.ppk = Some(path.clone());
            key = Some(path);
        }
        let site = Site {
            name: host.to_owned(),
            host: target.host.clone(),
            port: target.port,
            user: target.user.clone(),
            key,
            folder: FOLDER.into(),
        };
        match tool {
            Tool::Cyberduck => {
                let path = folder.join(format!("{host}.duck"));
                write(&path, cyberduck_bookmark(&site).as_bytes())?;
                place.bookmark = Some(path);
            }
            Tool::FileZilla => add_filezilla_site(&tools::filezilla_sites(computer), &site)?,
            _ => {}
        }
        Ok(())
    }
}

/// Puts a site into FileZilla's own file, which may be a link.
fn add_filezilla_site(path: &Path, site: &Site) -> Result<(), Error> {
    let path: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let old = match std::fs::read_to_string(&path) {
        Ok(old) => old,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(error::read_file(&path, &e)),
    };
    let new = tools::with_filezilla_site(&old, site)
        .map_err(|e| error::tool_failed("FileZilla", &format!("{}: {e}", path.display())))?;
    if new == old {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| error::read_file(folder, &e))?;
    }
    write_private_file(&path, new.as_bytes(), Overwrite::Replace).map_err(|e| error::file(&e, &path))
}

/// Starts a program that outlives this one.
async fn start(step: &Launch) -> std::io::Result<()> {
    let mut command = tokio::process::Command::new(&step.program);
    command.args(&step.words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C in the terminal that started us is not meant for it.
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    {
        /// `CREATE_NEW_CONSOLE` and `CREATE_NO_WINDOW`.
        const CONSOLE: (u32, u32) = (0x10, 0x0800_0000);
        if step.new_console {
            command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
            command.creation_flags(CONSOLE.0);
        } else if step.waits {
            command.creation_flags(CONSOLE.1);
        }
    }
    let mut child = command.spawn()?;
    if step.waits {
        match tokio::time::timeout(STEP_WITHIN, child.wait()).await {
            Ok(ended) => {
                let ended = ended?;
                if !ended.success() {
                    tracing::warn!(program = %step.program.display(), status = %ended, "a step before opening failed");
                }
            }
            Err(_) => tracing::warn!(program = %step.program.display(), "a step before opening takes long"),
        }
    }
    Ok(())
}
