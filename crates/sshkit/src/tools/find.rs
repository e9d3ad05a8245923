//! Where programs are installed, on each system.

use std::path::{Path, PathBuf};

use super::Tool;
use super::computer::Computer;
use crate::os::Os;

/// A program that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub tool: Tool,
    /// The file that is started; on macOS it may be the application's folder, for `open`.
    pub program: PathBuf,
}

/// Terminals of Linux by their programs, the ones of a desktop first.
pub(super) const TERMINALS: &[&str] = &[
    "xdg-terminal-exec",
    "x-terminal-emulator",
    "gnome-terminal",
    "ptyxis",
    "kgx",
    "konsole",
    "xfce4-terminal",
    "mate-terminal",
    "tilix",
    "terminator",
    "lxterminal",
    "qterminal",
    "ghostty",
    "kitty",
    "wezterm",
    "alacritty",
    "foot",
    "xterm",
];

/// File managers that know `sftp://`, with the desktop each belongs to.
const FILE_MANAGERS: &[(&str, &str)] = &[
    ("gnome", "nautilus"),
    ("kde", "dolphin"),
    ("xfce", "thunar"),
    ("cinnamon", "nemo"),
    ("mate", "caja"),
    ("lxqt", "pcmanfm-qt"),
    ("lxde", "pcmanfm"),
];

/// Looks for a program.
pub fn find(tool: Tool, computer: &Computer) -> Option<Found> {
    if !tool.is_for(computer.os) {
        return None;
    }
    let program = match computer.os {
        Os::Linux => linux(tool, computer),
        Os::MacOs => macos(tool, computer),
        Os::Windows => windows(tool, computer),
    }?;
    Some(Found { tool, program })
}

fn linux(tool: Tool, computer: &Computer) -> Option<PathBuf> {
    let (names, flatpak): (&[&str], &str) = match tool {
        Tool::VsCode => (&["code"], "com.visualstudio.code"),
        Tool::VsCodeInsiders => (&["code-insiders"], "com.visualstudio.code.insiders"),
        Tool::Cursor => (&["cursor"], ""),
        Tool::Windsurf => (&["windsurf"], ""),
        Tool::VsCodium => (&["codium", "vscodium"], "com.vscodium.codium"),
        Tool::Zed => (&["zed", "zeditor", "zedit", "zed-editor"], "dev.zed.Zed"),
        Tool::Gateway => (&["jetbrains-gateway"], ""),
        Tool::FileZilla => (&["filezilla"], ""),
        Tool::Putty => (&["putty"], ""),
        Tool::Terminal => return terminal(computer),
        Tool::FileManager => return file_manager(computer),
        Tool::WinScp | Tool::Cyberduck => return None,
    };
    // A desktop app's PATH often lacks what a shell's has.
    let more = ["/snap/bin".into(), computer.home.join(".local/bin"), "/usr/local/bin".into()];
    let on_path = names.iter().find_map(|name| computer.on_path(name));
    on_path
        .or_else(|| {
            computer.first(more.iter().flat_map(|folder: &PathBuf| names.iter().map(|n| folder.join(n))))
        })
        .or_else(|| {
            let exports = [
                PathBuf::from("/var/lib/flatpak/exports/bin"),
                computer.home.join(".local/share/flatpak/exports/bin"),
            ];
            computer.first(exports.iter().filter(|_| !flatpak.is_empty()).map(|folder| folder.join(flatpak)))
        })
        .or_else(|| {
            let toolbox = computer.home.join(".local/share/JetBrains/Toolbox");
            let gateway = ["scripts/gateway", "apps/gateway/bin/gateway", "apps/gateway/bin/gateway.sh"];
            computer.first(gateway.iter().filter(|_| tool == Tool::Gateway).map(|rest| toolbox.join(rest)))
        })
}

fn terminal(computer: &Computer) -> Option<PathBuf> {
    let own = computer.variable("TERMINAL").and_then(|own| {
        let path = Path::new(own);
        if path.is_absolute() { computer.first([path.to_path_buf()]) } else { computer.on_path(own) }
    });
    // Only one whose way of taking a command is known.
    let own = own.filter(|own| own.file_name().is_some_and(|n| TERMINALS.iter().any(|known| n == *known)));
    own.or_else(|| TERMINALS.iter().find_map(|name| computer.on_path(name)))
}

fn file_manager(computer: &Computer) -> Option<PathBuf> {
    let desktop = computer.variable("XDG_CURRENT_DESKTOP").unwrap_or_default().to_lowercase();
    let own = FILE_MANAGERS.iter().filter(|(of, _)| desktop.contains(of));
    own.chain(FILE_MANAGERS).find_map(|(_, name)| computer.on_path(name))
}

fn macos(tool: Tool, computer: &Computer) -> Option<PathBuf> {
    let names: &[&str] = match tool {
        Tool::VsCode => &["Visual Studio Code.app"],
        Tool::VsCodeInsiders => &["Visual Studio Code - Insiders.app"],
        Tool::Cursor => &["Cursor.app"],
        Tool::Windsurf => &["Windsurf.app"],
        Tool::VsCodium => &["VSCodium.app"],
        Tool::Zed => &["Zed.app"],
        Tool::Gateway => &["JetBrains Gateway.app", "Gateway.app"],
        Tool::FileZilla => &["FileZilla.app"],
        Tool::Cyberduck => &["Cyberduck.app"],
        // `open` finds the terminal that the user has chosen for ssh:// addresses.
        Tool::Terminal => return Some("/usr/bin/open".into()),
        Tool::FileManager | Tool::WinScp | Tool::Putty => return None,
    };
    let folders = [PathBuf::from("/Applications"), computer.home.join("Applications")];
    let app = computer.first(folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))))?;
    let inner: &[&str] = match tool {
        Tool::VsCodeInsiders => {
            &["Contents/Resources/app/bin/code-insiders", "Contents/Resources/app/bin/code"]
        }
        Tool::VsCode => &["Contents/Resources/app/bin/code"],
        Tool::VsCodium => &["Contents/Resources/app/bin/codium"],
        Tool::Cursor => &["Contents/Resources/app/bin/cursor"],
        Tool::Windsurf => &["Contents/Resources/app/bin/windsurf"],
        Tool::Zed => &["Contents/MacOS/cli"],
        Tool::Gateway => &["Contents/MacOS/gateway"],
        Tool::FileZilla => &["Contents/MacOS/filezilla"],
        _ => &[],
    };
    Some(computer.first(inner.iter().map(|rest| app.join(rest))).unwrap_or(app))
}

fn windows(tool: Tool, computer: &Computer) -> Option<PathBuf> {
    // Installed for this user, or for all.
    let programs = |rest: &str| {
        [
            computer.in_variable("LOCALAPPDATA", &format!("Programs/{rest}")),
            computer.in_variable("ProgramFiles", rest),
            computer.in_variable("ProgramFiles(x86)", rest),
        ]
        .into_iter()
        .flatten()
    };
    let first = |rest: &str| computer.first(programs(rest));
    match tool {
        Tool::VsCode => first("Microsoft VS Code/Code.exe"),
        Tool::VsCodeInsiders => first("Microsoft VS Code Insiders/Code - Insiders.exe"),
        Tool::Cursor => first("cursor/Cursor.exe"),
        Tool::Windsurf => first("Windsurf/Windsurf.exe"),
        Tool::VsCodium => first("VSCodium/VSCodium.exe"),
        Tool::Zed => first("Zed/bin/zed.exe").or_else(|| first("Zed/Zed.exe")),
        Tool::Gateway => first("Gateway/bin/gateway64.exe")
            .or_else(|| first("JetBrains Gateway/bin/gateway64.exe"))
            .or_else(|| {
                computer.first(computer.in_variable("ProgramFiles", "JetBrains/Gateway/bin/gateway64.exe"))
            }),
        Tool::FileZilla => first("FileZilla FTP Client/filezilla.exe"),
        Tool::WinScp => first("WinSCP/WinSCP.exe"),
        Tool::Cyberduck => first("Cyberduck/Cyberduck.exe"),
        Tool::Putty => first("PuTTY/putty.exe").or_else(|| computer.on_path("putty.exe")),
        Tool::Terminal => computer
            .first(computer.in_variable("LOCALAPPDATA", "Microsoft/WindowsApps/wt.exe"))
            .or_else(|| computer.first(computer.in_variable("SystemRoot", "System32/OpenSSH/ssh.exe")))
            .or_else(|| computer.on_path("ssh.exe")),
        Tool::FileManager => None,
    }
}
