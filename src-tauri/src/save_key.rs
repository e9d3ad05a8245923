//! The native dialogs for key files. A key itself never passes through the page.

use std::path::PathBuf;
use std::sync::Arc;

use berth::Error;
use tauri::{AppHandle, Manager};
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};

use crate::words::Words;
use crate::{shell, window};

/// Asks where to save; proposes the name in `~/.ssh`. `None`: the user cancelled.
/// The dialog itself asks before it names a file that exists.
pub(crate) async fn ask_where(app: &AppHandle, name: &str) -> Result<Option<PathBuf>, Error> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    dialog(app, "native.saveKey").set_file_name(name).save_file(move |path| {
        let _ = answer.send(path);
    });
    chosen(answered.await)
}

/// Asks for a private key. `None`: the user cancelled.
pub(crate) async fn ask_which(app: &AppHandle) -> Result<Option<PathBuf>, Error> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    dialog(app, "native.chooseKey").pick_file(move |path| {
        let _ = answer.send(path);
    });
    chosen(answered.await)
}

fn dialog(app: &AppHandle, title: &str) -> FileDialogBuilder<tauri::Wry> {
    Words::learn(app);
    let mut dialog = app.dialog().file().set_title(app.state::<Arc<Words>>().say(title));
    if let Ok(home) = app.path().home_dir() {
        let ssh = home.join(".ssh");
        dialog = dialog.set_directory(if ssh.is_dir() { ssh } else { home });
    }
    if let Some(window) = app.get_webview_window(window::MAIN) {
        dialog = dialog.set_parent(&window);
    }
    dialog
}

fn chosen<E>(answered: Result<Option<FilePath>, E>) -> Result<Option<PathBuf>, Error> {
    let chosen = answered.map_err(|_| shell::failure("The file dialog did not open."))?;
    chosen.map(|path| path.into_path().map_err(|e| shell::failure(&e.to_string()))).transpose()
}
