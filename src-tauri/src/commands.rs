//! What the UI may ask for. Each command takes state, calls `berth`, and gives its answer or error back.

use berth::{
    About, Account, App, Connection, Error, SavedKey, ServerInfo, SessionList, Settings, SignInOutcome,
    SignInRequest, Startup, TlsChoice,
};
use tauri::{AppHandle, State};
use tauri_plugin_clipboard_manager::ClipboardExt;
use tauri_plugin_notification::NotificationExt;
use tauri_plugin_opener::OpenerExt;

use crate::save_key;
use crate::shell::{self, Shell};

#[tauri::command]
pub(crate) async fn startup(shell: State<'_, Shell>) -> Result<Startup, Error> {
    Ok(shell.berth().startup().await)
}

#[tauri::command]
pub(crate) async fn probe_server(
    shell: State<'_, Shell>,
    address: String,
    tls: TlsChoice,
) -> Result<ServerInfo, Error> {
    shell.berth().probe_server(&address, &tls).await
}

#[tauri::command]
pub(crate) async fn sign_in(shell: State<'_, Shell>, request: SignInRequest) -> Result<SignInOutcome, Error> {
    shell.berth().sign_in(request).await
}

#[tauri::command]
pub(crate) async fn change_expired_password(
    shell: State<'_, Shell>,
    request: SignInRequest,
    password: String,
) -> Result<(), Error> {
    shell.berth().change_expired_password(&request, &password).await
}

#[tauri::command]
pub(crate) async fn change_password(
    shell: State<'_, Shell>,
    current: String,
    password: String,
) -> Result<(), Error> {
    shell.berth().change_password(&current, &password).await
}

#[tauri::command]
pub(crate) async fn sign_in_demo(shell: State<'_, Shell>) -> Result<Account, Error> {
    shell.sign_in_demo().await
}

#[tauri::command]
pub(crate) async fn sign_out(shell: State<'_, Shell>) -> Result<(), Error> {
    shell.berth().sign_out().await;
    Ok(())
}

#[tauri::command]
pub(crate) async fn forget_profile(shell: State<'_, Shell>, id: String) -> Result<(), Error> {
    shell.berth().forget_profile(&id).await
}

#[tauri::command]
pub(crate) async fn refresh_sessions(shell: State<'_, Shell>) -> Result<SessionList, Error> {
    shell.berth().refresh_sessions().await
}

#[tauri::command]
pub(crate) async fn session_apps(shell: State<'_, Shell>, session_id: String) -> Result<Vec<App>, Error> {
    shell.berth().session_apps(&session_id).await
}

#[tauri::command]
pub(crate) async fn connect(
    shell: State<'_, Shell>,
    session_id: String,
    app: String,
) -> Result<Connection, Error> {
    shell.berth().connect(&session_id, &app).await
}

#[tauri::command]
pub(crate) async fn disconnect(shell: State<'_, Shell>, id: String) -> Result<(), Error> {
    shell.berth().connections().stop(&id).await;
    Ok(())
}

#[tauri::command]
pub(crate) async fn connections(shell: State<'_, Shell>) -> Result<Vec<Connection>, Error> {
    Ok(shell.berth().connections().all())
}

#[tauri::command]
pub(crate) async fn save_ssh_key(
    app: AppHandle,
    shell: State<'_, Shell>,
    id: String,
) -> Result<Option<SavedKey>, Error> {
    match save_key::ask_where(&app, "id_container").await? {
        Some(path) => shell.berth().connections().save_key(&id, &path, berth::Overwrite::Replace).map(Some),
        None => Ok(None),
    }
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UrlKind {
    Ssh,
    Sftp,
}

/// Opens a connection's own URL, never one that the page names.
#[tauri::command]
pub(crate) async fn open_connection_url(
    app: AppHandle,
    shell: State<'_, Shell>,
    id: String,
    kind: UrlKind,
) -> Result<(), Error> {
    let connection = shell.berth().connections().get(&id);
    let url = connection.and_then(|c| match kind {
        UrlKind::Ssh => c.ssh_url,
        UrlKind::Sftp => c.sftp_url,
    });
    let url = url.ok_or_else(|| shell::failure("This connection is closed."))?;
    app.opener().open_url(url, None::<&str>).map_err(|e| shell::failure(&e.to_string()))
}

#[tauri::command]
pub(crate) async fn update_settings(shell: State<'_, Shell>, settings: Settings) -> Result<Settings, Error> {
    shell.berth().update_settings(settings)
}

#[tauri::command]
pub(crate) async fn about(shell: State<'_, Shell>) -> Result<About, Error> {
    Ok(shell.berth().about())
}

#[tauri::command]
pub(crate) async fn copy_text(app: AppHandle, text: String) -> Result<(), Error> {
    app.clipboard().write_text(text).map_err(|e| shell::failure(&e.to_string()))
}

/// Longest texts that a notification carries, in characters: the system cuts them anyway.
const NOTIFICATION: (usize, usize) = (100, 400);

/// Tells the user something while the window is out of sight. Where the system shows no notifications, the window
/// still says it.
#[tauri::command]
pub(crate) async fn notify(app: AppHandle, title: String, body: String) -> Result<(), Error> {
    let cut = |text: String, most: usize| text.chars().take(most).collect::<String>();
    let shown =
        app.notification().builder().title(cut(title, NOTIFICATION.0)).body(cut(body, NOTIFICATION.1)).show();
    if let Err(e) = shown {
        tracing::info!(error = %e, "the system shows no notification");
    }
    Ok(())
}
