//! The programs that people work with, and how each is started into a session.
//!
//! Editors, terminals and file managers know the session as a host of `ssh` ([`crate::ssh_config`]); programs with an
//! SSH of their own (FileZilla, WinSCP, Cyberduck, PuTTY) get a local port and a key file. A program is started by its
//! path and words, never through a shell, and no secret is among the words: anybody on the computer can read them.

mod computer;
mod find;
mod launch;
mod sites;

pub use computer::{Computer, Exists, Names};
pub use find::{Found, find};
pub use launch::{Launch, LaunchError, Place, launch, terminal};
pub use sites::{Site, SiteError, cyberduck_bookmark, filezilla_sites, with_filezilla_site};

use crate::os::Os;

/// A program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    /// Visual Studio Code.
    VsCode,
    /// Its daily build.
    VsCodeInsiders,
    /// Cursor.
    Cursor,
    /// Windsurf.
    Windsurf,
    /// VSCodium.
    VsCodium,
    /// Zed.
    Zed,
    /// JetBrains Gateway.
    Gateway,
    /// The terminal that the user has chosen.
    Terminal,
    /// The desktop's file manager.
    FileManager,
    /// FileZilla.
    FileZilla,
    /// WinSCP.
    WinScp,
    /// Cyberduck.
    Cyberduck,
    /// PuTTY.
    Putty,
}

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Editing in the session.
    Editor,
    /// A shell.
    Shell,
    /// Moving files.
    Files,
}

impl Tool {
    /// All, in the order of menus.
    pub const ALL: [Self; 13] = [
        Self::VsCode,
        Self::VsCodeInsiders,
        Self::Cursor,
        Self::Windsurf,
        Self::VsCodium,
        Self::Zed,
        Self::Gateway,
        Self::Terminal,
        Self::Putty,
        Self::FileManager,
        Self::FileZilla,
        Self::WinScp,
        Self::Cyberduck,
    ];

    /// The name on a command line and in the interface between the parts.
    pub fn id(self) -> &'static str {
        match self {
            Self::VsCode => "vscode",
            Self::VsCodeInsiders => "vscode-insiders",
            Self::Cursor => "cursor",
            Self::Windsurf => "windsurf",
            Self::VsCodium => "vscodium",
            Self::Zed => "zed",
            Self::Gateway => "gateway",
            Self::Terminal => "terminal",
            Self::FileManager => "files",
            Self::FileZilla => "filezilla",
            Self::WinScp => "winscp",
            Self::Cyberduck => "cyberduck",
            Self::Putty => "putty",
        }
    }

    /// The program with that id.
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.id() == id)
    }

    /// Its own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::VsCode => "VS Code",
            Self::VsCodeInsiders => "VS Code Insiders",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::VsCodium => "VSCodium",
            Self::Zed => "Zed",
            Self::Gateway => "JetBrains Gateway",
            Self::Terminal => "Terminal",
            Self::FileManager => "File manager",
            Self::FileZilla => "FileZilla",
            Self::WinScp => "WinSCP",
            Self::Cyberduck => "Cyberduck",
            Self::Putty => "PuTTY",
        }
    }

    /// What it is for.
    pub fn kind(self) -> Kind {
        match self {
            Self::Terminal | Self::Putty => Kind::Shell,
            Self::FileManager | Self::FileZilla | Self::WinScp | Self::Cyberduck => Kind::Files,
            _ => Kind::Editor,
        }
    }

    /// True for those that know the session only by its name in the `ssh_config`.
    pub fn needs_host(self, os: Os) -> bool {
        match self {
            Self::Terminal => os == Os::MacOs,
            other => !other.needs_port(),
        }
    }

    /// True for those with an SSH of their own, which need a local port.
    pub fn needs_port(self) -> bool {
        matches!(self, Self::FileZilla | Self::WinScp | Self::Cyberduck | Self::Putty)
    }

    /// Where to get it; none for what every desktop has.
    pub fn page(self) -> Option<&'static str> {
        Some(match self {
            Self::VsCode => "https://code.visualstudio.com/download",
            Self::VsCodeInsiders => "https://code.visualstudio.com/insiders/",
            Self::Cursor => "https://cursor.com/download",
            Self::Windsurf => "https://windsurf.com/download",
            Self::VsCodium => "https://vscodium.com/",
            Self::Zed => "https://zed.dev/download",
            Self::Gateway => "https://www.jetbrains.com/remote-development/gateway/",
            Self::FileZilla => "https://filezilla-project.org/",
            Self::WinScp => "https://winscp.net/eng/download.php",
            Self::Cyberduck => "https://cyberduck.io/download/",
            Self::Putty => "https://www.chiark.greenend.org.uk/~sgtatham/putty/latest.html",
            Self::Terminal | Self::FileManager => return None,
        })
    }

    /// Whether it exists for a system, or opens sessions there.
    pub fn is_for(self, os: Os) -> bool {
        match self {
            Self::WinScp => os == Os::Windows,
            Self::Cyberduck => os != Os::Linux,
            // Neither Finder nor Explorer knows sftp.
            Self::FileManager => os == Os::Linux,
            Self::Putty => os != Os::MacOs,
            _ => true,
        }
    }
}
