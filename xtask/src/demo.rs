//! `cargo xtask demo`: from a fresh clone to a running Berth with a working ssh line.
//!
//! The debug profile is built: it compiles in about two thirds of the CPU time of the shipped one and shares its
//! artefacts with `cargo xtask test`. The app prints the ssh line itself once its tunnel has been tried; this program
//! passes it through, waits for Ctrl-C and then ends what it started.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::display::{self, Display};
use crate::{run, setup};

/// How long the app may take to close its tunnels and end the demo cluster.
const GRACE: Duration = Duration::from_secs(10);

/// Builds, starts and stays.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut app_arguments = vec!["--demo".to_owned()];
    match arguments {
        [] => {}
        [flag, name] if flag == "--connect" => app_arguments.extend([flag.clone(), name.clone()]),
        _ => bail!("usage: cargo xtask demo [--connect SESSION_NAME]"),
    }

    setup::demo()?;
    let app = build_app()?;
    // Only one in a terminal's way of asking twice: the first signal is answered by an orderly end.
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = stop.send(());
    })
    .context("cannot handle Ctrl-C")?;

    let display = if Display::present() {
        None
    } else {
        let display = Display::start()?;
        eprintln!("There is no display here: Berth's window is on the virtual display {}.", display.name());
        Some(display)
    };
    let mut app = start(&app, &app_arguments, display.as_ref())?;
    eprintln!("Berth is starting; Ctrl-C ends it and everything it started.");

    let status = loop {
        if let Some(status) = app.try_wait()? {
            break Some(status);
        }
        match stopped.recv_timeout(Duration::from_millis(200)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    match status {
        // The window was closed, or the app could not start.
        Some(status) => Ok(code(status)),
        None => {
            end(&mut app)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Builds the UI and the debug app with the UI inside, and says where it is.
pub(crate) fn build_app() -> Result<PathBuf> {
    build_ui()?;
    run::run("cargo", BUILD_APP)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let app = target.join("debug").join(format!("berth-desktop{}", std::env::consts::EXE_SUFFIX));
    app.canonicalize().with_context(|| format!("{} was not built", app.display()))
}

/// Builds `ui/dist`, which the app embeds.
pub(crate) fn build_ui() -> Result<()> {
    setup::ui_packages()?;
    run::run_in(Path::new("ui"), run::npm(), &["run", "build"])
}

/// The features are those of the whole workspace, so that `cargo xtask test` finds the same dependencies compiled;
/// `custom-protocol` embeds the UI, as `tauri build` does.
const BUILD_APP: &[&str] =
    &["build", "--workspace", "--bin", "berth-desktop", "--features", "berth-desktop/custom-protocol"];

fn start(app: &Path, arguments: &[String], display: Option<&Display>) -> Result<Child> {
    let mut command = Command::new(app);
    // The demo has its own state: it must not meet the user's own Berth.
    command
        .args(arguments)
        .env("BERTH_NO_SINGLE_INSTANCE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    if std::env::var_os("BERTH_DATA_DIR").is_none() {
        command.env("BERTH_DATA_DIR", std::env::current_dir()?.join("target/demo"));
    }
    if let Some(display) = display {
        command.env("DISPLAY", display.name()).env_remove("WAYLAND_DISPLAY").env("GDK_BACKEND", "x11");
    }
    display::own_group(&mut command);
    command.spawn().with_context(|| format!("cannot start {}", app.display()))
}

fn end(app: &mut Child) -> Result<()> {
    eprintln!("Ending Berth.");
    display::terminate(app);
    let started = Instant::now();
    while started.elapsed() < GRACE {
        if app.try_wait()?.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if app.try_wait()?.is_none() {
        eprintln!("Berth did not end within {} seconds and is killed.", GRACE.as_secs());
    }
    // Web view helpers that outlived the app are in its group.
    display::kill(app);
    app.wait()?;
    Ok(())
}

fn code(status: ExitStatus) -> ExitCode {
    match status.code() {
        Some(0) => ExitCode::SUCCESS,
        Some(code) => {
            eprintln!("Berth ended with exit code {code}.");
            u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        None => {
            eprintln!("Berth ended: {status}.");
            ExitCode::FAILURE
        }
    }
}
