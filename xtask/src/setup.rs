//! What Berth needs on a developer's computer, found out and installed.
//!
//! On Debian and Ubuntu missing packages are installed by apt, as root or through a sudo that asks no password, and
//! named before. Elsewhere the missing programs are listed. Tools from crates.io go to `target/tools`, inside the clone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::run;

/// Needed to compile the desktop app.
const BUILD: &[&str] = &[
    "build-essential",
    "pkg-config",
    "libwebkit2gtk-4.1-dev",
    "libayatana-appindicator3-dev",
    "librsvg2-dev",
];

/// Needed to open a window where there is no display, and to use what the demo prints.
const SHOW: &[&str] = &["xvfb", "fonts-dejavu-core", "openssh-client"];

/// Needed by the tests only.
const TESTS: &[&str] = &[
    "chromium",
    "dbus-x11",
    "filezilla",
    "fonts-noto-cjk",
    "git",
    "gnome-keyring",
    "libsecret-tools",
    "openbox",
    "openssh-server",
    "openssh-sftp-server",
    "procps",
    "putty-tools",
    "rsync",
    "webkit2gtk-driver",
    "wmctrl",
    "x11-utils",
    "xdotool",
];

/// Needed to draw the icons.
const ICONS: &[&str] = &["librsvg2-bin"];

/// The WebDriver server for Tauri apps, pinned: its protocol and the harness in `src-tauri/tests` fit each other.
const TAURI_DRIVER: (&str, &str) = ("tauri-driver", "2.1.0");

/// Licences, bans and sources of the dependencies.
const CARGO_DENY: (&str, &str) = ("cargo-deny", "0.20.2");

/// For `cargo xtask demo`.
pub(crate) fn demo() -> Result<()> {
    node()?;
    packages(&[BUILD, SHOW])
}

/// For the steps of `cargo xtask test` that only compile and run Rust.
pub(crate) fn rust() -> Result<()> {
    packages(&[BUILD, SHOW, TESTS])
}

/// For every command of this program.
pub(crate) fn everything() -> Result<()> {
    node()?;
    packages(&[BUILD, SHOW, TESTS, ICONS])?;
    tauri_driver()?;
    ui_packages()
}

/// For `cargo xtask icons`.
pub(crate) fn icons() -> Result<()> {
    packages(&[ICONS])?;
    ui_packages()
}

/// For `cargo xtask package`.
pub(crate) fn package() -> Result<()> {
    packages(&[BUILD])?;
    ui_packages()
}

/// The `ui` folder's packages, exactly as its lock file names them; nothing is done when they are there already.
pub(crate) fn ui_packages() -> Result<()> {
    node()?;
    let lock = Path::new("ui/package-lock.json");
    let installed = Path::new("ui/node_modules/.package-lock.json");
    if let (Some(wanted), Some(got)) = (changed(lock), changed(installed))
        && got >= wanted
    {
        return Ok(());
    }
    run::run_in(Path::new("ui"), run::npm(), &["ci", "--no-audit", "--no-fund"])
}

/// tauri-driver, compiled once into `target/tools`.
pub(crate) fn tauri_driver() -> Result<PathBuf> {
    tool(TAURI_DRIVER)
}

/// cargo-deny, compiled once into `target/tools` unless the computer has it.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    if run::exists(CARGO_DENY.0) {
        return Ok(PathBuf::from(CARGO_DENY.0));
    }
    tool(CARGO_DENY)
}

fn tool((name, version): (&str, &str)) -> Result<PathBuf> {
    let folder = std::env::current_dir()?.join("target/tools");
    // The version is part of the path, so a new pin is not mistaken for the old one.
    let root = folder.join(format!("{name}-{version}"));
    let program = root.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        eprintln!("Installing {name} {version} into {}", root.display());
        let root = root.to_string_lossy();
        run::run("cargo", &["install", &format!("{name}@{version}"), "--locked", "--root", &root])?;
    }
    Ok(program)
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn node() -> Result<()> {
    let Ok(version) = run::output("node", &["--version"]) else {
        bail!(
            "Node.js is missing: install version 20 or newer (on Debian 12 and later: apt-get install nodejs npm)"
        );
    };
    let major =
        version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(20..) => Ok(()),
        _ => bail!("Node.js {} is too old: version 20 or newer is needed", version.trim()),
    }
}

fn packages(groups: &[&[&str]]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        // macOS and Windows bring their web view; compilers are what rustup asked for.
        return Ok(());
    }
    if !run::exists("dpkg-query") {
        let list = groups.concat().join(" ");
        eprintln!(
            "This is not Debian or Ubuntu: if a step below fails, install what these Debian packages hold: {list}"
        );
        return Ok(());
    }
    let missing: Vec<&str> = groups.concat().into_iter().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Installing Debian packages: {}", missing.join(" "));
    apt(&["update", "-q"]).and_then(|()| {
        let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
        arguments.extend(&missing);
        apt(&arguments)
    })
}

fn installed(package: &str) -> bool {
    run::output("dpkg-query", &["-W", "-f=${db:Status-Status}", package])
        .is_ok_and(|status| status == "installed")
}

fn apt(arguments: &[&str]) -> Result<()> {
    let root = run::output("id", &["-u"])?.trim() == "0";
    let sudo = !root && run::exists("sudo") && run::output("sudo", &["-n", "true"]).is_ok();
    if !root && !sudo {
        bail!("run this as root, then try again: apt-get {}", arguments.join(" "));
    }
    let mut command = if root {
        Command::new("apt-get")
    } else {
        let mut command = Command::new("sudo");
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    };
    // Another installation may be running: wait for it instead of failing.
    command.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    run::finish(&mut command).context("the system's packages could not be installed")
}
