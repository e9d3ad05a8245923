//! What the UI may ask for about other programs: hosts of ssh, PuTTY's keys, editors, keys of the user's own.

use berth::{AddedKey, Error, OwnKeys, PpkRequest, SavedKey, SavedKeyFile, SshHosts, ToolOffer};
use tauri::{AppHandle, State};
use tauri_plugin_opener::OpenerExt;

use crate::save_key;
use crate::shell::{self, Shell};

#[tauri::command]
pub(crate) async fn save_ssh_key_as_ppk(
    app: AppHandle,
    shell: State<'_, Shell>,
    id: String,
    request: PpkRequest,
) -> Result<Option<SavedKey>, Error> {
    let Some(path) = save_key::ask_where(&app, "id_container.ppk").await? else { return Ok(None) };
    // Deriving a key from a passphrase takes a tenth of a second by design.
    let connections = shell.berth().connections().clone();
    let saved = tokio::task::spawn_blocking(move || {
        connections.save_key_as_ppk(&id, &path, &request, berth::Overwrite::Replace)
    });
    saved.await.map_err(|e| shell::failure(&e.to_string()))?.map(Some)
}

#[tauri::command]
pub(crate) async fn tools(shell: State<'_, Shell>) -> Result<Vec<ToolOffer>, Error> {
    Ok(shell.berth().tools())
}

/// Opens the session of a connection in a program.
#[tauri::command]
pub(crate) async fn open_in(shell: State<'_, Shell>, id: String, tool: String) -> Result<(), Error> {
    let connection = shell.berth().connections().get(&id);
    let connection = connection.ok_or_else(|| shell::failure("This connection is closed."))?;
    shell.berth().open_in(&tool, &connection.session_name, Some(&id)).await
}

/// Opens the page where a program can be got; the page of Berth's window names only the program.
#[tauri::command]
pub(crate) async fn open_tool_page(
    app: AppHandle,
    shell: State<'_, Shell>,
    tool: String,
) -> Result<(), Error> {
    let page = shell.berth().tool_page(&tool)?;
    app.opener().open_url(page, None::<&str>).map_err(|e| shell::failure(&e.to_string()))
}

#[tauri::command]
pub(crate) async fn ssh_hosts(shell: State<'_, Shell>) -> Result<SshHosts, Error> {
    Ok(shell.berth().ssh_hosts())
}

/// The name by which ssh knows a connection's session.
#[tauri::command]
pub(crate) async fn ssh_host(shell: State<'_, Shell>, id: String) -> Result<String, Error> {
    let connection = shell.berth().connections().get(&id);
    let connection = connection.ok_or_else(|| shell::failure("This connection is closed."))?;
    shell.berth().ssh_host(&connection.session_name)
}

#[tauri::command]
pub(crate) async fn install_ssh_hosts(shell: State<'_, Shell>) -> Result<SshHosts, Error> {
    shell.berth().install_ssh_hosts()
}

#[tauri::command]
pub(crate) async fn uninstall_ssh_hosts(shell: State<'_, Shell>) -> Result<SshHosts, Error> {
    shell.berth().uninstall_ssh_hosts()
}

#[tauri::command]
pub(crate) async fn own_keys(shell: State<'_, Shell>) -> Result<OwnKeys, Error> {
    shell.berth().own_keys().await
}

#[tauri::command]
pub(crate) async fn renew_account_key(shell: State<'_, Shell>) -> Result<OwnKeys, Error> {
    shell.berth().renew_account_key().await
}

/// Asks for a private key file and registers it. `None`: the user cancelled.
#[tauri::command]
pub(crate) async fn register_account_key(
    app: AppHandle,
    shell: State<'_, Shell>,
) -> Result<Option<OwnKeys>, Error> {
    match save_key::ask_which(&app).await? {
        Some(path) => shell.berth().register_account_key(&path).await.map(Some),
        None => Ok(None),
    }
}

#[tauri::command]
pub(crate) async fn add_key_to_session(
    shell: State<'_, Shell>,
    session_id: String,
    line: String,
) -> Result<AddedKey, Error> {
    shell.berth().add_key_to_session(&session_id, &line).await
}

#[tauri::command]
pub(crate) async fn saved_keys(shell: State<'_, Shell>) -> Result<Vec<SavedKeyFile>, Error> {
    Ok(shell.berth().saved_keys())
}

#[tauri::command]
pub(crate) async fn mend_key(shell: State<'_, Shell>, path: String) -> Result<(), Error> {
    shell.berth().mend_key(&path)
}
