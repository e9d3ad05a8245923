//! The cluster's own WebUI in a second window, with its SSH/SFTP icon served by Berth.
//!
//! The page is whatever the cluster sends, so it is not trusted: it reaches one command, `local_proxy`, from its own
//! origin in its own window, and that command knows ports of the signed-in account's sessions and nothing else
//! (`docs/decisions/0012`). Its answers are `webui-bridge`'s; here are the window, the login, downloads and links.

mod downloads;
mod leads;
#[cfg(target_os = "linux")]
mod linux;
mod login;
mod tunnels;
mod watchdog;
mod window;
mod wish;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth::{Error, WebUi, WebUiWish};
use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Manager, State, Url, WebviewWindow};
use webui_bridge::{Answer, Bridge, Call, Problem};

use crate::message::message;
use crate::shell::{self, Shell};
use crate::words::Words;
use leads::Leads;
use tunnels::PageTunnels;

pub(crate) use login::follow;
pub(crate) use wish::{wanted, wanted_at_start};

/// The window of a WebUI, if one is open.
#[derive(Default)]
pub(crate) struct HostedWebUi {
    page: Mutex<Option<Arc<Page>>>,
    /// The number of each profile's window, which has the same label whenever it is opened: a capability once
    /// granted to a label stays, and so does what WebKitGTK knows about downloads of a folder.
    numbers: Mutex<BTreeMap<String, usize>>,
    opening: tokio::sync::Mutex<()>,
    /// What `berth web` wants, until somebody is signed in.
    wish: Mutex<Option<WebUiWish>>,
}

/// A download on its way.
struct Download {
    url: Url,
    /// Where it goes for now.
    place: PathBuf,
    /// What the page calls it.
    name: String,
}

/// One window and what belongs to it.
pub(crate) struct Page {
    label: String,
    web_ui: WebUi,
    words: Arc<Words>,
    url: Url,
    origin: url::Origin,
    bridge: Bridge<PageTunnels>,
    zoom: Mutex<f64>,
    leads: Mutex<Leads>,
    downloads: Mutex<Vec<Download>>,
    /// Addresses of another site that the person agreed to have downloaded, until that begins.
    agreed: Mutex<Vec<Url>>,
    saving: tokio::sync::Mutex<()>,
    looking: tokio::sync::Mutex<()>,
    look_waits: AtomicBool,
    /// Nobody is signed in, and the window stays because the page itself signed out.
    stays: AtomicBool,
}

/// Keeps a page's own `alert` and `confirm`, for `bridge.js` to put back. Those of the dialogs' plugin reach a command
/// that a hosted page may not use: nothing would be shown, and `confirm` be a promise, which counts as yes.
pub(crate) fn page_dialogs() -> TauriPlugin<tauri::Wry> {
    const KEEP: &str = "Object.defineProperty(window, '__berth_dialogs', \
                        { value: { alert: window.alert, confirm: window.confirm }, configurable: true });";
    tauri::plugin::Builder::new("page-dialogs").js_init_script(KEEP).build()
}

impl HostedWebUi {
    fn page(&self) -> Option<Arc<Page>> {
        lock(&self.page).clone()
    }

    /// The number of a profile's window, and whether it is a new one.
    fn number(&self, profile_id: &str) -> (usize, bool) {
        let mut numbers = lock(&self.numbers);
        let next = numbers.len();
        match numbers.get(profile_id) {
            Some(number) => (*number, false),
            None => {
                numbers.insert(profile_id.to_owned(), next);
                (next, true)
            }
        }
    }
}

/// A window is gone: what belonged to it is let go, and without the main window there is no WebUI either.
pub(crate) fn window_gone(app: &AppHandle, label: &str) {
    let hosted = app.state::<HostedWebUi>();
    if label == crate::window::MAIN {
        if let Some(window) = hosted.page().and_then(|page| page.window(app)) {
            let _ = window.destroy();
        }
    } else {
        lock(&hosted.page).take_if(|page| page.label == label);
    }
}

impl Page {
    fn window(&self, app: &AppHandle) -> Option<WebviewWindow> {
        app.get_webview_window(&self.label)
    }

    fn downloads(&self) -> MutexGuard<'_, Vec<Download>> {
        lock(&self.downloads)
    }

    fn agreed(&self) -> MutexGuard<'_, Vec<Url>> {
        lock(&self.agreed)
    }

    fn leads(&self) -> MutexGuard<'_, Leads> {
        lock(&self.leads)
    }

    /// Says something over the window.
    fn tell(&self, app: &AppHandle, sentence: &str) {
        if let Some(window) = self.window(app) {
            message(app, sentence).title("Berth").parent(&window).show(|_| ());
        }
    }
}

/// Opens the window, or brings it to the front.
#[tauri::command]
pub(crate) async fn open_web_ui(app: AppHandle) -> Result<(), Error> {
    open(&app, None).await
}

/// The same, at a session if one is named.
async fn open(app: &AppHandle, session_id: Option<&str>) -> Result<(), Error> {
    let (shell, hosted) = (app.state::<Shell>(), app.state::<HostedWebUi>());
    Words::learn(app);
    let failed = |e: tauri::Error| shell::failure(&format!("The window did not open: {e}"));
    let _one_at_a_time = hosted.opening.lock().await;
    let account = shell.berth().account();
    if let Some(page) = hosted.page()
        && let Some(window) = page.window(app)
    {
        if account.is_some_and(|account| account.profile_id == page.bridge.tunnels().profile_id()) {
            let _ = window.unminimize();
            let _ = window.set_focus();
            return session_id.map_or(Ok(()), |id| window::lead_to(&window, &page, id)).map_err(failed);
        }
        let _ = window.destroy();
    }
    let web_ui = shell.berth().web_ui().await?;
    window::open(app, web_ui, session_id).await.map_err(failed)
}

/// What the page asks of its local proxy, and a little of its window.
#[tauri::command]
pub(crate) async fn local_proxy(
    app: AppHandle,
    window: WebviewWindow,
    hosted: State<'_, HostedWebUi>,
    call: Call,
) -> Result<Answer, String> {
    // The capability says the same; this does not depend on it.
    let page = hosted.page().filter(|page| page.label == window.label());
    let shown = window.url().ok().map(|url| url.origin());
    let Some(page) = page.filter(|page| shown.as_ref() == Some(&page.origin)) else {
        tracing::warn!(label = window.label(), "a call from where none is served");
        return Err("This window has no local proxy.".into());
    };
    let Some(own) = call.path.strip_prefix("berth/") else { return Ok(page.bridge.answer(&call).await) };
    match (call.method.as_str(), own) {
        ("POST", "login") => login::look(&app, &page).await,
        ("POST", "loaded") => {
            let contract = word(&call.query);
            tracing::info!(contract, "the WebUI's page has loaded");
            let say = (contract != KNOWN).then(|| page.words.say("native.unknownContract"));
            return Ok(Answer { say, ..nothing() });
        }
        ("POST", "zoom") => window::zoom(&page, &window, &call.query),
        _ => return Ok(page.bridge.refused(Problem::new(404, "webui-call", "There is no such call."))),
    }
    Ok(nothing())
}

fn nothing() -> Answer {
    Answer { status: 200, body: serde_json::json!({}), say: None }
}

/// What a page says that has kept to the contract.
const KNOWN: &str = "known";

/// A word of the page's, fit for a line of the log.
fn word(text: &str) -> &str {
    match text {
        KNOWN => KNOWN,
        _ => "unknown",
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
