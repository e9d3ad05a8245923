//! The developer's chores: generated files, pictures, packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{run, setup};

/// Tauri's command line, as pinned by `ui/package-lock.json`.
const TAURI: &str = "ui/node_modules/.bin/tauri";

/// Sizes that `tauri.conf.json` and the shell name; the phone and store ones that the generator adds are dropped.
const ICONS: &[&str] = &["32x32.png", "128x128.png", "128x128@2x.png", "icon.png", "icon.ico", "icon.icns"];

/// The tray icon's width and height in pixels: twice the largest that panels show.
const TRAY: &str = "64";

/// Writes `ui/src/bindings`.
pub(crate) fn bindings() -> Result<()> {
    run::run("cargo", &["test", "--package", "berth", "bindings"])
}

/// Draws the icons from their sources.
pub(crate) fn icons() -> Result<()> {
    setup::icons()?;
    let drawn = Path::new("target/icons");
    run::run(TAURI, &["icon", "--output", "target/icons", "icons/berth.svg"])?;
    for name in ICONS {
        fs::copy(drawn.join(name), Path::new("icons").join(name))
            .with_context(|| format!("{name} was not drawn"))?;
    }
    run::run(
        "rsvg-convert",
        &["--width", TRAY, "--height", TRAY, "icons/tray.svg", "--output", "icons/tray.png"],
    )
}

/// Takes the README's pictures: the window tests take one of every screen, and the README's are among them.
pub(crate) fn screenshots() -> Result<()> {
    setup::rust()?;
    crate::demo::build_ui()?;
    let driver = setup::tauri_driver()?;
    let mut command = Command::new("cargo");
    command
        .args(["test", "--workspace", "--features", "berth-desktop/custom-protocol", "--test", "window"])
        .args(["--", "screens"])
        .env("BERTH_TAURI_DRIVER", driver);
    run::finish(&mut command)?;
    fs::create_dir_all("docs/images")?;
    for (taken, kept) in
        [("connection-light.png", "connection-dialog.png"), ("sessions-light.png", "sessions.png")]
    {
        fs::copy(Path::new("target/screens").join(taken), Path::new("docs/images").join(kept))
            .with_context(|| format!("the window tests took no {taken}"))?;
    }
    Ok(())
}

/// Builds the packages that users install.
pub(crate) fn package() -> Result<()> {
    setup::package()?;
    run::run(TAURI, &["build", "--bundles", "deb,rpm", "--", "--profile", "dist", "--locked"])
}
