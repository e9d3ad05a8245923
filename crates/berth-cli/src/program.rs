//! This program as a process: its name, its path, its runtime.

use std::path::{Path, PathBuf};

use berth::Error;

/// The name of the Python client whose place this program can take.
pub(crate) const CLIENT: &str = "backend.ai";

/// The name it was called by: [`CLIENT`], or `berth`.
pub(crate) fn name() -> &'static str {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    name_in(&called)
}

fn name_in(called: &Path) -> &'static str {
    let file = called.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    if file.strip_suffix(".exe").unwrap_or(&file) == CLIENT { CLIENT } else { "berth" }
}

/// This program's own path, for commands that others run.
pub(crate) fn path() -> Result<String, Error> {
    let path = std::env::current_exe().map_err(|e| {
        Error::new(
            "internal",
            format!("The path of this program is not known: {e}."),
            "Start it by its full path.",
        )
    })?;
    path.into_os_string().into_string().map_err(|path| {
        Error::new(
            "internal",
            format!("The path of this program is no text: {}.", path.to_string_lossy()),
            "Move it to a folder with a plain name.",
        )
    })
}

/// A runtime: with threads for a command that stays and serves, else the one that starts soonest.
pub(crate) fn runtime(stays: bool) -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = if stays {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder
        .enable_all()
        .build()
        .map_err(|e| Error::new("internal", format!("The program cannot start: {e}."), "Try again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides() {
        assert_eq!(name_in(Path::new("/usr/local/bin/backend.ai")), CLIENT);
        assert_eq!(name_in(Path::new("Backend.AI.EXE")), CLIENT);
        assert_eq!(name_in(Path::new("/opt/berth")), "berth");
        assert_eq!(name_in(Path::new("")), "berth");
    }
}
