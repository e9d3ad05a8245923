//! Tauri's code generation, with capabilities and permissions kept beside the shell's sources.

use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    println!("cargo:rerun-if-changed=src-tauri/permissions");
    println!("cargo:rerun-if-env-changed=BERTH_BUILD");
    let revision = std::env::var("BERTH_BUILD").ok().or_else(revision).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env=BERTH_REVISION={revision}");
    println!("cargo:rustc-env=BERTH_PROFILE={}", std::env::var("PROFILE")?);
    tauri_build::try_build(
        tauri_build::Attributes::new()
            .capabilities_path_pattern("./src-tauri/capabilities/**/*.json")
            .app_manifest(
                tauri_build::AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*.toml"),
            ),
    )?;
    Ok(())
}

fn revision() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
