//! The exact words with which a program is started into a session.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Tool;
use super::computer::Computer;
use super::find::Found;
use crate::command::Target;
use crate::os::Os;

/// A program and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The file that is started.
    pub program: PathBuf,
    /// Its words, without its own name.
    pub words: Vec<String>,
    /// Whether it wants a console window of its own (Windows).
    pub new_console: bool,
    /// Whether the next step waits for its end.
    pub waits: bool,
}

/// The place inside a session that is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The session as a host of `ssh`, where that is installed.
    pub host: Option<String>,
    /// The user inside the session.
    pub user: String,
    /// The folder, absolute.
    pub folder: String,
    /// The local port, where one is open.
    pub port: Option<Target>,
    /// The key as PuTTY reads it.
    pub ppk: Option<PathBuf>,
    /// A bookmark for Cyberduck ([`super::cyberduck_bookmark`]).
    pub bookmark: Option<PathBuf>,
    /// The site in FileZilla's site manager ([`super::with_filezilla_site`]).
    pub site: String,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The session is no host of `ssh`.
    #[error("the session is no host of ssh on this computer")]
    NoHost,
    /// There is no local port.
    #[error("no local port is open")]
    NoPort,
}

/// How to start a program into a session; several steps where something must be installed first.
///
/// # Errors
/// What `place` lacks.
pub fn launch(found: &Found, place: &Place, computer: &Computer) -> Result<Vec<Launch>, LaunchError> {
    match found.tool {
        Tool::Terminal => {
            let words = match (&place.host, &place.port) {
                (Some(host), _) => vec![host.clone()],
                // On macOS a terminal of the user's choice takes an address and no words.
                (None, Some(target)) if computer.os != Os::MacOs => ssh_words(target),
                (None, _) => return Err(LaunchError::NoHost),
            };
            Ok(vec![terminal(found, &words, computer)])
        }
        Tool::FileZilla | Tool::WinScp | Tool::Cyberduck | Tool::Putty => {
            let target = place.port.as_ref().ok_or(LaunchError::NoPort)?;
            Ok(vec![own_ssh(found, place, target, computer)])
        }
        _ => {
            let host = place.host.as_deref().ok_or(LaunchError::NoHost)?;
            let mut steps: Vec<Launch> = extension(found, computer).into_iter().collect();
            steps.push(by_host(found, host, place, computer));
            Ok(steps)
        }
    }
}

/// A terminal in which `ssh` runs with these words; on macOS with the last of them, a host.
pub fn terminal(found: &Found, words: &[String], computer: &Computer) -> Launch {
    let ssh = |before: &[&str]| {
        let before = before.iter().map(|word| (*word).to_owned());
        before.chain(std::iter::once("ssh".to_owned())).chain(words.iter().cloned()).collect::<Vec<_>>()
    };
    let name = found.program.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned();
    match computer.os {
        Os::MacOs => {
            plain(&found.program, words.last().map(|host| format!("ssh://{host}")).into_iter().collect())
        }
        // Its own name is no word of a terminal's; a console is made by the system, in the terminal that the user chose.
        Os::Windows if name.ends_with("ssh.exe") => {
            Launch { new_console: true, ..plain(&found.program, words.to_vec()) }
        }
        // Windows Terminal takes a semicolon for the end of a command.
        Os::Windows => {
            let words = ssh(&["new-tab"]);
            plain(&found.program, words.iter().map(|word| word.replace(';', "\\;")).collect())
        }
        Os::Linux => plain(
            &found.program,
            match name.as_str() {
                "gnome-terminal" | "ptyxis" => ssh(&["--"]),
                "kgx" | "xdg-terminal-exec" | "kitty" | "foot" => {
                    ssh(if name == "kgx" { &["--"] } else { &[] })
                }
                "xfce4-terminal" | "mate-terminal" | "terminator" => ssh(&["-x"]),
                "wezterm" => ssh(&["start", "--"]),
                _ => ssh(&["-e"]),
            },
        ),
    }
}

/// The words of ssh for a local port.
fn ssh_words(target: &Target) -> Vec<String> {
    target.ssh_args().into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

fn plain(program: &Path, words: Vec<String>) -> Launch {
    Launch { program: program.to_path_buf(), words, new_console: false, waits: false }
}

/// The extension by which an editor knows ssh, installed where it is missing. Other editors bring their own.
fn extension(found: &Found, computer: &Computer) -> Option<Launch> {
    let (folder, id) = match found.tool {
        Tool::VsCode => (".vscode", "ms-vscode-remote.remote-ssh"),
        Tool::VsCodeInsiders => (".vscode-insiders", "ms-vscode-remote.remote-ssh"),
        Tool::VsCodium => (".vscode-oss", "jeanp413.open-remote-ssh"),
        _ => return None,
    };
    if is_app(&found.program) {
        return None;
    }
    let extensions = computer.below(&computer.home, &format!("{folder}/extensions"));
    let beginning = format!("{id}-");
    let installed = (computer.names)(&extensions).unwrap_or_default();
    if installed.iter().any(|name| name.to_lowercase().starts_with(&beginning)) {
        return None;
    }
    // The window program of Windows takes no such request; its neighbour for consoles does.
    let program = if computer.os == Os::Windows {
        let (folder, name) = match found.tool {
            Tool::VsCodium => ("bin", "codium.cmd"),
            Tool::VsCodeInsiders => ("bin", "code-insiders.cmd"),
            _ => ("bin", "code.cmd"),
        };
        let own = found.program.to_string_lossy().into_owned();
        let (parent, _) = own.rsplit_once('\\')?;
        PathBuf::from(format!("{parent}\\{folder}\\{name}"))
    } else {
        found.program.clone()
    };
    Some(Launch { waits: true, ..plain(&program, vec!["--install-extension".into(), id.into()]) })
}

/// Programs that look the host up in the `ssh_config`.
fn by_host(found: &Found, host: &str, place: &Place, computer: &Computer) -> Launch {
    let folder = &place.folder;
    let at = format!("{}@{host}", place.user);
    let scheme = match found.tool {
        Tool::VsCode => "vscode",
        Tool::VsCodeInsiders => "vscode-insiders",
        Tool::Cursor => "cursor",
        Tool::Windsurf => "windsurf",
        Tool::VsCodium => "vscodium",
        Tool::Zed => {
            let url = if is_app(&found.program) {
                format!("zed://ssh/{at}{folder}")
            } else {
                format!("ssh://{at}{folder}")
            };
            return open(found, url, computer);
        }
        Tool::Gateway => {
            let folder = url::form_urlencoded::byte_serialize(folder.as_bytes()).collect::<String>();
            let user = &place.user;
            let url = format!(
                "jetbrains-gateway://connect#type=ssh&deploy=false&host={host}&port=22&user={user}&projectPath={folder}"
            );
            return open(found, url, computer);
        }
        _ => return open(found, format!("sftp://{host}{folder}"), computer),
    };
    if is_app(&found.program) {
        return open(
            found,
            format!("{scheme}://vscode-remote/ssh-remote+{host}{folder}?windowId=_blank"),
            computer,
        );
    }
    plain(&found.program, vec!["--folder-uri".into(), format!("vscode-remote://ssh-remote+{host}{folder}")])
}

/// A program that takes an address as its word; an application of macOS gets it through `open`.
fn open(found: &Found, url: String, computer: &Computer) -> Launch {
    if computer.os == Os::MacOs && is_app(&found.program) {
        return plain(Path::new("/usr/bin/open"), vec!["-a".into(), text(&found.program), url]);
    }
    plain(&found.program, vec![url])
}

/// Programs with an SSH of their own.
fn own_ssh(found: &Found, place: &Place, target: &Target, computer: &Computer) -> Launch {
    let key = place.ppk.as_deref().map(text);
    match found.tool {
        Tool::FileZilla => {
            let site = place.site.replace('\\', r"\\").replace('/', r"\/");
            plain(&found.program, vec![format!("--site=0/{}/{site}", super::sites::FOLDER)])
        }
        Tool::WinScp => {
            let mut words = vec![format!("{}{}/", target.sftp_url(), place.folder)];
            words.extend(key.map(|key| format!("/privatekey={key}")));
            plain(&found.program, words)
        }
        Tool::Putty => {
            let mut words = vec!["-ssh".to_owned(), "-P".to_owned(), target.port.to_string()];
            words.extend(key.into_iter().flat_map(|key| ["-i".to_owned(), key]));
            words.push(format!("{}@{}", target.user, target.host));
            plain(&found.program, words)
        }
        _ => {
            let what = match &place.bookmark {
                Some(bookmark) => text(bookmark),
                None => format!("{}{}", target.sftp_url(), place.folder),
            };
            open(found, what, computer)
        }
    }
}

fn is_app(program: &Path) -> bool {
    program.extension() == Some(OsStr::new("app"))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
