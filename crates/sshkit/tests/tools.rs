//! Which programs are found where, and the exact words they are started with, for every system.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which fail by it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sshkit::command::Target;
use sshkit::os::Os;
use sshkit::tools::{Computer, LaunchError, Place, Tool, filezilla_sites, find, launch};

/// A computer on which just these paths exist.
fn computer(os: Os, home: &str, variables: &[(&str, &str)], path: &[&str], there: &[&str]) -> Computer {
    let there: Vec<PathBuf> = there.iter().map(PathBuf::from).collect();
    Computer {
        os,
        home: home.into(),
        variables: variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        path: path.iter().map(PathBuf::from).collect(),
        exists: Box::new(move |path| there.iter().any(|there| there == path)),
        names: Box::new(|_| None),
    }
}

fn place(key: &str) -> Place {
    Place {
        host: Some("train.seoul.berth".into()),
        user: "work".into(),
        folder: "/home/work".into(),
        port: Some(Target {
            user: "work".into(),
            host: "127.0.0.1".into(),
            port: 30722,
            key: Some(key.into()),
            known_hosts: format!("{key}.known_hosts").into(),
            host_key_alias: "backendai-1".into(),
        }),
        ppk: Some(format!("{key}.ppk").into()),
        bookmark: Some(format!("{key}.duck").into()),
        site: "train/seoul".into(),
    }
}

/// Every program that is found and how it is started, a word a line.
fn all(computer: &Computer, place: &Place) -> String {
    let mut out = String::new();
    for tool in Tool::ALL {
        let Some(found) = find(tool, computer) else {
            let _ = writeln!(out, "{}: -", tool.id());
            continue;
        };
        let _ = writeln!(out, "{}:", tool.id());
        for step in launch(&found, place, computer).unwrap() {
            let marks = [(step.waits, " (waits)"), (step.new_console, " (new console)")];
            let marks: String = marks.iter().filter(|m| m.0).map(|m| m.1).collect();
            let _ = writeln!(out, "  {}{marks}", step.program.display());
            for word in step.words {
                let _ = writeln!(out, "    {word}");
            }
        }
    }
    out
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(text, expected, "{}", path.display());
}

#[cfg(unix)]
#[test]
fn linux() {
    let names = [
        "code",
        "code-insiders",
        "cursor",
        "windsurf",
        "codium",
        "zeditor",
        "filezilla",
        "putty",
        "nautilus",
        "dolphin",
        "gnome-terminal",
    ];
    let mut there: Vec<String> = names.iter().map(|name| format!("/usr/bin/{name}")).collect();
    there.push("/home/김 진/.local/share/JetBrains/Toolbox/scripts/gateway".into());
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let computer =
        computer(Os::Linux, "/home/김 진", &[("XDG_CURRENT_DESKTOP", "KDE")], &["/usr/bin"], &there);
    golden("tools-linux.txt", &all(&computer, &place("/home/김 진/keys/100% \"k\"")));
}

#[cfg(unix)]
#[test]
fn macos() {
    let apps =
        ["Visual Studio Code", "Cursor", "VSCodium", "Zed", "JetBrains Gateway", "FileZilla", "Cyberduck"];
    let mut there: Vec<String> = apps.iter().map(|name| format!("/Applications/{name}.app")).collect();
    there.push("/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code".into());
    there.push("/Applications/FileZilla.app/Contents/MacOS/filezilla".into());
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let computer = computer(Os::MacOs, "/Users/jin", &[], &["/usr/bin"], &there);
    golden("tools-macos.txt", &all(&computer, &place("/Users/jin/Library/Application Support/k")));
}

#[test]
fn windows() {
    let local = r"C:\Users\김 진\AppData\Local";
    let files = r"C:\Program Files";
    let there = [
        format!(r"{local}\Programs\Microsoft VS Code\Code.exe"),
        format!(r"{local}\Programs\cursor\Cursor.exe"),
        format!(r"{files}\VSCodium\VSCodium.exe"),
        format!(r"{local}\Programs\Zed\bin\zed.exe"),
        format!(r"{local}\Programs\Gateway\bin\gateway64.exe"),
        format!(r"{local}\Microsoft\WindowsApps\wt.exe"),
        format!(r"{files}\FileZilla FTP Client\filezilla.exe"),
        r"C:\Program Files (x86)\WinSCP\WinSCP.exe".to_owned(),
        format!(r"{files}\Cyberduck\Cyberduck.exe"),
        format!(r"{files}\PuTTY\putty.exe"),
    ];
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let variables = [
        ("LOCALAPPDATA", local),
        ("ProgramFiles", files),
        ("ProgramFiles(x86)", r"C:\Program Files (x86)"),
        ("APPDATA", r"C:\Users\김 진\AppData\Roaming"),
    ];
    let computer = computer(Os::Windows, r"C:\Users\김 진", &variables, &[], &there);
    golden("tools-windows.txt", &all(&computer, &place(r"C:\Users\김 진\k")));
    assert_eq!(
        filezilla_sites(&computer),
        Path::new(r"C:\Users\김 진\AppData\Roaming\FileZilla\sitemanager.xml")
    );
}

#[cfg(unix)]
#[test]
fn each_terminal_takes_a_command_in_its_own_way() {
    let mut out = String::new();
    let names = [
        "xdg-terminal-exec",
        "x-terminal-emulator",
        "gnome-terminal",
        "kgx",
        "konsole",
        "xfce4-terminal",
        "kitty",
        "wezterm",
        "alacritty",
        "foot",
        "xterm",
    ];
    for name in names {
        let there = format!("/usr/bin/{name}");
        let computer = computer(Os::Linux, "/home/jin", &[], &["/usr/bin"], &[&there]);
        let found = find(Tool::Terminal, &computer).unwrap();
        let step = launch(&found, &place("/k"), &computer).unwrap().remove(0);
        let _ = writeln!(out, "{name} {}", step.words.join(" "));
    }
    golden("terminals-linux.txt", &out);
}

#[cfg(unix)]
#[test]
fn the_users_own_choices_come_first() {
    let there = ["/usr/bin/xterm", "/usr/bin/kitty", "/usr/bin/odd", "/usr/bin/nautilus", "/usr/bin/thunar"];
    let with = |variables: &[(&str, &str)], tool| {
        let computer = computer(Os::Linux, "/home/jin", variables, &["/usr/bin"], &there);
        find(tool, &computer).unwrap().program
    };
    assert_eq!(with(&[("TERMINAL", "xterm")], Tool::Terminal), Path::new("/usr/bin/xterm"));
    assert_eq!(with(&[("TERMINAL", "/usr/bin/xterm")], Tool::Terminal), Path::new("/usr/bin/xterm"));
    // How that one takes a command is not known.
    assert_eq!(with(&[("TERMINAL", "odd")], Tool::Terminal), Path::new("/usr/bin/kitty"));
    assert_eq!(with(&[("XDG_CURRENT_DESKTOP", "XFCE")], Tool::FileManager), Path::new("/usr/bin/thunar"));
    assert_eq!(with(&[], Tool::FileManager), Path::new("/usr/bin/nautilus"));
}

#[cfg(unix)]
#[test]
fn without_a_host_or_a_port_it_is_told() {
    let there = ["/usr/bin/code", "/usr/bin/filezilla", "/usr/bin/xterm"];
    let computer = computer(Os::Linux, "/home/jin", &[], &["/usr/bin"], &there);
    let try_with = |tool, place: &Place| launch(&find(tool, &computer).unwrap(), place, &computer);
    let no_host = Place { host: None, ..place("/k") };
    let neither = Place { port: None, ..no_host.clone() };
    assert_eq!(try_with(Tool::VsCode, &no_host), Err(LaunchError::NoHost));
    assert_eq!(try_with(Tool::FileZilla, &neither), Err(LaunchError::NoPort));
    assert_eq!(try_with(Tool::Terminal, &neither), Err(LaunchError::NoHost));
    let words = try_with(Tool::Terminal, &no_host).unwrap().remove(0).words;
    assert_eq!(words[..2], ["-e", "ssh"]);
    assert!(words.contains(&"30722".to_owned()) && words.ends_with(&["work@127.0.0.1".to_owned()]));
}

#[cfg(unix)]
#[test]
fn an_editors_extension_is_installed_once() {
    let mut computer =
        computer(Os::Linux, "/home/jin", &[], &["/usr/bin"], &["/usr/bin/code", "/usr/bin/codium"]);
    let steps =
        |computer: &Computer, tool| launch(&find(tool, computer).unwrap(), &place("/k"), computer).unwrap();
    assert_eq!(steps(&computer, Tool::VsCode).len(), 2);
    computer.names = Box::new(|folder| {
        assert!(folder.ends_with(".vscode/extensions") || folder.ends_with(".vscode-oss/extensions"));
        Some(vec![
            "ms-vscode-remote.remote-ssh-edit-0.87.0".into(),
            "ms-vscode-remote.remote-ssh-0.115.1".into(),
        ])
    });
    assert_eq!(steps(&computer, Tool::VsCode).len(), 1);
    assert_eq!(
        steps(&computer, Tool::VsCodium)[0].words,
        ["--install-extension", "jeanp413.open-remote-ssh"]
    );
}
