//! What the page downloads: into a private folder first, then where the person wants it, a key for its owner only.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use berth::Overwrite;
use tauri::{AppHandle, Manager, Url};
use tauri_plugin_dialog::DialogExt;

use super::{Download, Page};

/// The longest name that is proposed, in characters.
const NAME: usize = 120;
/// Downloads that wait for their dialog at a time; a page that makes more gets none.
const WAITING: usize = 8;
/// The largest private key, in bytes; real ones have about 3 kB.
const KEY: u64 = 64 << 10;

/// Whether what is at another site can be saved; elsewhere the system's browser has to.
pub(crate) const FROM_ELSEWHERE: bool = cfg!(target_os = "linux");

/// Downloads what the person agreed to have from another site.
pub(crate) fn fetch(app: &AppHandle, page: &Page, url: &Url) {
    page.agreed().push(url.clone());
    #[cfg(target_os = "linux")]
    if let Some(window) = page.window(app) {
        super::linux::download(&window, url);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = app;
}

/// Where a download goes until the person has said where it is to be; `None` refuses it.
pub(crate) fn begin(page: &Page, url: Url, proposed: &Path) -> Option<PathBuf> {
    let is_agreed = {
        let mut agreed = page.agreed();
        agreed.iter().position(|agreed| *agreed == url).map(|at| agreed.remove(at)).is_some()
    };
    if url.scheme() != "data" && url.origin() != page.origin && !is_agreed {
        tracing::warn!("the WebUI wants a download from elsewhere, which is refused");
        return None;
    }
    let folder = page.web_ui.folder.join("downloads");
    let mut downloads = page.downloads();
    if let Some(same) = downloads.iter().find(|download| download.url == url) {
        return Some(same.place.clone());
    }
    if downloads.len() >= WAITING {
        tracing::warn!("the WebUI makes too many downloads at once");
        return None;
    }
    if let Err(e) = berth::create_private_dir(&folder) {
        tracing::warn!(error = %e, "there is no place for a download");
        return None;
    }
    let name = safe_name(&proposed.file_name().unwrap_or_default().to_string_lossy());
    // A name of our own: what the page calls it is only proposed in the dialog.
    let place = tempfile::Builder::new().prefix("download-").tempfile_in(&folder).ok()?;
    let path = place.path().to_path_buf();
    // WebKit makes the file itself and refuses one that is there.
    drop(place);
    downloads.push(Download { url, place: path.clone(), name });
    Some(path)
}

/// Asks where a finished download is to be.
pub(crate) fn finish(app: &AppHandle, page: &Arc<Page>, url: &Url, path: Option<PathBuf>, success: bool) {
    let found = {
        let mut downloads = page.downloads();
        // macOS does not say where it went.
        let is_it = |download: &Download| match &path {
            Some(path) => download.place == *path,
            None => download.url == *url,
        };
        downloads.iter().position(is_it).map(|index| downloads.remove(index))
    };
    let Some(Download { place, name, .. }) = found else { return };
    if !success {
        let _ = fs::remove_file(&place);
        page.tell(app, &page.words.with("native.notDownloaded", &[("name", &name)]));
        return;
    }
    let (app, page) = (app.clone(), Arc::clone(page));
    tauri::async_runtime::spawn(async move {
        let _one_at_a_time = page.saving.lock().await;
        if let Err(e) = save(&app, &page, &place, &name).await {
            tracing::warn!(error = %e, "a download was not saved");
            let values = [("name", name.as_str()), ("why", e.trim_end_matches('.'))];
            page.tell(&app, &page.words.with("native.notSaved", &values));
        }
        let _ = fs::remove_file(&place);
    });
}

async fn save(app: &AppHandle, page: &Page, place: &Path, name: &str) -> Result<(), String> {
    let key = private_key(place);
    let home = app.path().home_dir().ok();
    let folder = match &key {
        Some(_) => home.as_ref().map(|home| home.join(".ssh")).filter(|ssh| ssh.is_dir()).or(home),
        None => app.path().download_dir().ok().filter(|folder| folder.is_dir()).or(home),
    };
    let title = page.words.say(if key.is_some() { "native.saveKey" } else { "native.saveFile" });
    let mut dialog = app.dialog().file().set_title(title).set_file_name(name);
    if let Some(folder) = folder {
        dialog = dialog.set_directory(folder);
    }
    if let Some(window) = page.window(app) {
        dialog = dialog.set_parent(&window);
    }
    let (answer, answered) = tokio::sync::oneshot::channel();
    dialog.save_file(move |path| {
        let _ = answer.send(path);
    });
    let Some(to) = answered.await.map_err(|e| e.to_string())? else { return Ok(()) };
    let to = to.into_path().map_err(|e| e.to_string())?;
    match key {
        Some(key) => berth::write_private_file(&to, &key, Overwrite::Replace).map_err(|e| e.to_string()),
        None => {
            let place = place.to_path_buf();
            let copied = tokio::task::spawn_blocking(move || copy(&place, &to)).await;
            copied.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
        }
    }
}

/// Into a file made anew, so that neither the mode of the private one nor an executable bit comes along.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut source = fs::File::open(from)?;
    let mut target = fs::File::create(to)?;
    std::io::copy(&mut source, &mut target)?;
    Ok(())
}

/// The bytes of a file that is a private SSH key.
fn private_key(path: &Path) -> Option<Vec<u8>> {
    let file = fs::File::open(path).ok()?;
    if file.metadata().ok()?.len() > KEY {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(KEY).read_to_end(&mut bytes).ok()?;
    is_private_key(&bytes).then_some(bytes)
}

fn is_private_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    (first.starts_with("-----BEGIN ") && first.ends_with("PRIVATE KEY-----"))
        || first.starts_with("PuTTY-User-Key-File-")
}

/// A file name without folders, control characters and leading dots.
fn safe_name(proposed: &str) -> String {
    let last = proposed.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|'))
        // Letters that turn the order of what follows make another extension appear.
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .take(NAME)
        .collect();
    let plain = plain.trim_start_matches('.').trim();
    if plain.is_empty() { "download".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_only_names() {
        for (proposed, name) in [
            ("id_container", "id_container"),
            ("../../evil.sh", "evil.sh"),
            ("..\\..\\evil.bat", "evil.bat"),
            ("/etc/passwd", "passwd"),
            (".bashrc", "bashrc"),
            ("..", "download"),
            ("", "download"),
            ("a\r\nb.txt", "ab.txt"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("C:evil", "Cevil"),
            ("세션 로그.txt", "세션 로그.txt"),
        ] {
            assert_eq!(safe_name(proposed), name, "{proposed:?}");
        }
        assert_eq!(safe_name(&"x".repeat(500)).len(), NAME);
    }

    #[test]
    fn private_keys_are_recognised() {
        for key in [
            "-----BEGIN RSA PRIVATE KEY-----\nMII",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            "\n-----BEGIN PRIVATE KEY-----\r\n",
            "PuTTY-User-Key-File-3: ssh-rsa",
        ] {
            assert!(is_private_key(key.as_bytes()), "{key:?}");
        }
        for other in ["", "-----BEGIN PUBLIC KEY-----", "ssh-rsa AAAA", "-----BEGIN CERTIFICATE-----"] {
            assert!(!is_private_key(other.as_bytes()), "{other:?}");
        }
    }
}
