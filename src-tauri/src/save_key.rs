//! The native “save as” dialog of Download SSH key. The key itself never passes through the page.

use std::path::PathBuf;

use berth::Error;
use tauri::{AppHandle, Manager};
use tauri_plugin_dialog::DialogExt;

use crate::{shell, window};

/// Asks where to save; proposes `id_container` in `~/.ssh`. `None`: the user cancelled.
/// The dialog itself asks before it names a file that exists.
pub(crate) async fn ask_where(app: &AppHandle) -> Result<Option<PathBuf>, Error> {
    let mut dialog = app.dialog().file().set_title("Save SSH key").set_file_name("id_container");
    if let Ok(home) = app.path().home_dir() {
        let ssh = home.join(".ssh");
        dialog = dialog.set_directory(if ssh.is_dir() { ssh } else { home });
    }
    if let Some(window) = app.get_webview_window(window::MAIN) {
        dialog = dialog.set_parent(&window);
    }
    let (answer, answered) = tokio::sync::oneshot::channel();
    dialog.save_file(move |path| {
        let _ = answer.send(path);
    });
    let chosen = answered.await.map_err(|_| shell::failure("The file dialog did not open."))?;
    chosen.map(|path| path.into_path().map_err(|e| shell::failure(&e.to_string()))).transpose()
}
