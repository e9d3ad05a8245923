//! The main window.

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindowBuilder};

/// Its label.
pub(crate) const MAIN: &str = "main";

pub(crate) fn open(app: &AppHandle) -> tauri::Result<()> {
    WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title("Berth")
        .inner_size(1100.0, 720.0)
        .min_inner_size(800.0, 560.0)
        // The page is Berth's own and stays so: a link that leads away is not followed in this window.
        .on_navigation(|url| {
            matches!(url.scheme(), "tauri" | "about")
                || url.host_str().is_some_and(|h| h == "tauri.localhost" || h == "localhost")
        })
        .build()?;
    Ok(())
}

/// Brings it to the front.
pub(crate) fn show(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
}
