//! What the shell holds, and what it does at the start and at the end.

use std::process::ExitCode;
use std::sync::Arc;

use berth::{Account, Berth, Error};
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::broadcast::error::RecvError;

use crate::arguments::Arguments;
use crate::demo::Demo;

/// Tauri's name of the one event that the UI listens to.
const EVENT: &str = "berth";

/// The product, and the demo cluster once it runs.
pub(crate) struct Shell {
    berth: Arc<Berth>,
    demo: Demo,
    arguments: Arguments,
}

impl Shell {
    pub(crate) fn new(berth: Arc<Berth>, arguments: Arguments) -> Self {
        berth.expect_restore();
        Self { berth, demo: Demo::default(), arguments }
    }

    pub(crate) fn berth(&self) -> &Arc<Berth> {
        &self.berth
    }

    /// What the app was started with.
    pub(crate) fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    pub(crate) async fn sign_in_demo(&self) -> Result<Account, Error> {
        self.berth.sign_in_demo(&self.demo.access(self.berth.paths()).await?).await
    }

    pub(crate) async fn shut_down(&self) {
        self.berth.shut_down().await;
        self.demo.stop().await;
    }
}

/// Passes everything that changes on to the page.
pub(crate) fn forward_events(app: &AppHandle) {
    let app = app.clone();
    let mut events = app.state::<Shell>().berth().events();
    tauri::async_runtime::spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => {
                    let _ = app.emit(EVENT, event);
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "the page is slow, events were dropped")
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// Ctrl-C in the terminal and an orderly kill end the app as closing its window does.
pub(crate) fn quit_on_signals(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if asked_to_quit().await.is_ok() {
            app.exit(0);
        }
    });
}

#[cfg(unix)]
async fn asked_to_quit() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_quit() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Signs in to the demo cluster, if asked to, or to the cluster that is asked for or was used last, if its credentials
/// are remembered.
pub(crate) fn sign_in_at_start(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let shell = app.state::<Shell>();
        if !shell.arguments.demo {
            match &shell.arguments.web_ui {
                Some(wish) => shell.berth().restore_as(&wish.profile_id).await,
                None => shell.berth().restore().await,
            }
            return;
        }
        if let Err(e) = crate::demo::print_ssh_command(&shell, shell.arguments.connect.as_deref()).await {
            refuse(&format!("{} {}", e.message, e.hint));
            app.exit(1);
        }
    });
}

/// An error of the shell's own.
pub(crate) fn failure(what: &str) -> Error {
    Error {
        code: "internal".into(),
        message: what.into(),
        hint: "Try again; if it stays, report it with the log file.".into(),
        details: Default::default(),
    }
}

/// Says on the terminal why the app does not start.
#[expect(clippy::print_stderr, reason = "there is no window yet to say it in")]
pub(crate) fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}
