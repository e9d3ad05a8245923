//! What `berth web` wants: fulfilled at once where its account is signed in, else when it has signed in.

use berth::{Account, WebUiWish};
use tauri::{AppHandle, Manager};
use tauri_plugin_dialog::MessageDialogKind;

use super::{HostedWebUi, lock};
use crate::message::message;
use crate::shell::Shell;
use crate::window::MAIN;
use crate::words::Words;

/// Notes what the app was started for. The sign-in at the start comes next.
pub(crate) fn wanted_at_start(app: &AppHandle) {
    let wish = app.state::<Shell>().arguments().web_ui.clone();
    *lock(&app.state::<HostedWebUi>().wish) = wish;
}

/// A process that was started later has handed its wish over.
pub(crate) fn wanted(app: &AppHandle, wish: WebUiWish) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        tracing::info!(session = wish.session_id.is_some(), "the WebUI is wanted from outside");
        let berth = app.state::<Shell>().berth().clone();
        *lock(&app.state::<HostedWebUi>().wish) = Some(wish.clone());
        match berth.is_signed_in_as(&wish.profile_id) {
            Ok(()) => fulfil(&app).await,
            Err(e) if e.is_not_signed_in() => berth.sign_in_unasked(&wish.profile_id).await,
            Err(elsewhere) => tell(&app, elsewhere),
        }
    });
}

/// Somebody has signed in: a wish for that account is fulfilled, any other is given up.
pub(super) async fn signed_in(app: &AppHandle, account: &Account) {
    lock(&app.state::<HostedWebUi>().wish).take_if(|wish| wish.profile_id != account.profile_id);
    fulfil(app).await;
}

async fn fulfil(app: &AppHandle) {
    let berth = app.state::<Shell>().berth().clone();
    let is_theirs = |wish: &mut WebUiWish| berth.is_signed_in_as(&wish.profile_id).is_ok();
    let wish = lock(&app.state::<HostedWebUi>().wish).take_if(is_theirs);
    if let Some(wish) = wish
        && let Err(e) = super::open(app, wish.session_id.as_deref()).await
    {
        tell(app, e);
    }
}

/// Says over the main window why there is no WebUI: the page there has not asked for it, so it has no place for this.
fn tell(app: &AppHandle, error: berth::Error) {
    let error = app.state::<std::sync::Arc<Words>>().error(error);
    let sentences = format!("{}\n\n{}", error.message, error.hint);
    let mut dialog = message(app, sentences.trim()).title("WebUI").kind(MessageDialogKind::Warning);
    if let Some(window) = app.get_webview_window(MAIN) {
        dialog = dialog.parent(&window);
    }
    dialog.show(|_| ());
}
