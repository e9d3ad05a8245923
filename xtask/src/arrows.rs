//! Who may depend on whom, checked with what Cargo resolves and not with what the manifests seem to say.
//!
//! Nothing under `crates/` may reach Tauri, so that the command line and other hosts stay free of it. The libraries
//! do not know each other, and the demo cluster knows none of them: a wrong idea about the protocol would otherwise be
//! shared by both ends and found by no test.

use std::fs;

use anyhow::{Result, bail};

use crate::run;

/// What each crate may use of this workspace; dev-dependencies are free.
const ALLOWED: &[(&str, &[&str])] = &[
    ("backend-ai", &[]),
    ("tunnel", &[]),
    ("sshkit", &[]),
    ("demo-cluster", &[]),
    ("fault-proxy", &[]),
    ("webui-bridge", &[]),
    ("berth", &["backend-ai", "tunnel", "sshkit"]),
    ("berth-cli", &["berth", "demo-cluster"]),
    ("tunnel-bench", &["backend-ai", "tunnel", "fault-proxy"]),
];

/// The crates under `crates/`, by folder, which is the package's name too.
pub(crate) fn crates() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir("crates")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Fails on the first arrow that points the wrong way.
pub(crate) fn check() -> Result<()> {
    let crates = crates()?;
    for name in &crates {
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| known == name) else {
            bail!("xtask/src/arrows.rs does not say what crates/{name} may depend on");
        };
        let whole = tree(name, &["--edges", "normal,build,dev"])?;
        if let Some(tauri) = whole.iter().find(|dependency| is_tauri(dependency)) {
            bail!(
                "crates/{name} depends on {tauri}; nothing under crates/ may (see `cargo tree -p {name} -i {tauri}`)"
            );
        }
        let direct = tree(name, &["--edges", "normal,build", "--depth", "1"])?;
        let wrong = direct.iter().find(|dependency| {
            *dependency != name && crates.contains(dependency) && !allowed.contains(&dependency.as_str())
        });
        if let Some(wrong) = wrong {
            bail!("crates/{name} may not depend on {wrong}");
        }
    }
    eprintln!("{} crates checked", crates.len());
    Ok(())
}

fn is_tauri(package: &str) -> bool {
    package == "tauri" || package.starts_with("tauri-") || package == "wry" || package == "tao"
}

fn tree(package: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let mut line = vec![
        "tree",
        "--package",
        package,
        "--all-features",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    line.extend(arguments);
    let text = run::output("cargo", &line)?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::is_tauri;

    #[test]
    fn tauri_is_told_from_others() {
        assert!(["tauri", "tauri-utils", "wry", "tao"].into_iter().all(is_tauri));
        assert!(!["taurus", "writeable", "tar"].into_iter().any(is_tauri));
    }
}
