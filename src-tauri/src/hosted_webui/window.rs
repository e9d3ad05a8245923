//! The window itself: its guards, its title, its first page.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use berth::WebUi;
use serde_json::json;
use tauri::ipc::CapabilityBuilder;
use tauri::webview::{DownloadEvent, NewWindowResponse, PermissionResponse};
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use webui_bridge::{Bridge, PROXY};

use super::tunnels::PageTunnels;
use super::{HostedWebUi, Page, downloads, leads, lock, login, watchdog};
use crate::shell::Shell;
use crate::words::Words;

/// Zoom: least, most, step.
const ZOOM: (f64, f64, f64) = (0.3, 3.0, 1.1);

/// Opens a window on a WebUI: empty first, the login into it, then the page.
pub(super) async fn open(app: &AppHandle, web_ui: WebUi, session_id: Option<&str>) -> tauri::Result<()> {
    let hosted = app.state::<HostedWebUi>();
    let url = Url::parse(&web_ui.url).map_err(|e| unreadable(&e))?;
    let (number, first) = hosted.number(&web_ui.profile_id);
    let label = format!("web-ui-{number}");
    let first_page = first_page(&web_ui, session_id)?;
    let berth = app.state::<Shell>().berth().clone();
    let words = Arc::clone(&app.state::<Arc<Words>>());
    let page = Arc::new(Page {
        label: label.clone(),
        origin: url.origin(),
        url,
        bridge: Bridge::new(PageTunnels::new(berth, Arc::clone(&words), web_ui.profile_id.clone())),
        web_ui,
        words,
        zoom: 1.0.into(),
        leads: Default::default(),
        downloads: Default::default(),
        agreed: Default::default(),
        saving: Default::default(),
        looking: Default::default(),
        look_waits: AtomicBool::new(false),
        stays: AtomicBool::new(false),
    });
    if first {
        // A profile has one address, so this window will never show another origin's page.
        let capability = CapabilityBuilder::new(&label)
            .local(false)
            .remote(format!("{}/*", page.origin.ascii_serialization()))
            .window(&label)
            .permission("local-proxy");
        app.add_capability(capability)?;
    }
    let window = build(app, &page)?;
    *lock(&hosted.page) = Some(Arc::clone(&page));
    #[cfg(target_os = "linux")]
    super::linux::prepare(&window, &page)?;
    login::put(&window, &page, &page.web_ui.cookies).await;
    window.navigate(first_page)?;
    watchdog::start(app, &page);
    Ok(())
}

/// What the window shows first: a session, or whatever the WebUI begins with.
fn first_page(web_ui: &WebUi, session_id: Option<&str>) -> tauri::Result<Url> {
    let url = session_id.map_or_else(|| web_ui.url.clone(), |id| web_ui.session_url(id));
    Url::parse(&url).map_err(|e| unreadable(&e))
}

/// Leads a window that is open to a session.
pub(super) fn lead_to(window: &WebviewWindow, page: &Page, session_id: &str) -> tauri::Result<()> {
    window.navigate(first_page(&page.web_ui, Some(session_id))?)
}

fn build(app: &AppHandle, page: &Arc<Page>) -> tauri::Result<WebviewWindow> {
    let blank = Url::parse("about:blank").map_err(|e| unreadable(&e))?;
    let of = || (app.clone(), Arc::clone(page));
    WebviewWindowBuilder::new(app, &page.label, WebviewUrl::External(blank))
        // The host, so that nobody takes the page for Berth's own or for another cluster's.
        .title(title(&page.url))
        .inner_size(1280.0, 860.0)
        .min_inner_size(640.0, 480.0)
        .data_directory(page.web_ui.folder.join("browser"))
        .initialization_script(script(page))
        .enable_clipboard_access()
        .devtools(cfg!(debug_assertions))
        .on_navigation({
            let (app, page) = of();
            move |url| leads::navigation(&app, &page, url)
        })
        .on_new_window({
            let (app, page) = of();
            move |url, _| {
                leads::new_window(&app, &page, &url);
                NewWindowResponse::Deny
            }
        })
        .on_permission_request(|_, _| PermissionResponse::Deny)
        .on_download({
            let app = app.clone();
            move |window, event| {
                // Not the page that this was built for: of a folder's windows, the first one is told for all.
                let page = app.state::<HostedWebUi>().page().filter(|page| page.label == window.label());
                match (page, event) {
                    (Some(page), DownloadEvent::Requested { url, destination }) => {
                        match downloads::begin(&page, url, destination) {
                            Some(place) => {
                                *destination = place;
                                true
                            }
                            None => false,
                        }
                    }
                    (Some(page), DownloadEvent::Finished { url, path, success }) => {
                        downloads::finish(&app, &page, &url, path, success);
                        true
                    }
                    _ => false,
                }
            }
        })
        .build()
}

fn title(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port} – WebUI"),
        None => format!("{host} – WebUI"),
    }
}

fn script(page: &Page) -> String {
    let configuration = json!({
        "origin": page.origin.ascii_serialization(),
        "base": page.url.as_str(),
        "proxy": PROXY,
    });
    include_str!("bridge.js").replacen("BERTH_CONFIG", &configuration.to_string(), 1)
}

/// `in`, `out`, anything else for the size it has by itself.
pub(super) fn zoom(page: &Page, window: &WebviewWindow, how: &str) {
    let (least, most, step) = ZOOM;
    let mut zoom = lock(&page.zoom);
    *zoom = match how {
        "in" => (*zoom * step).min(most),
        "out" => (*zoom / step).max(least),
        _ => 1.0,
    };
    let _ = window.set_zoom(*zoom);
}

/// Puts a fresh page in place of one that is stuck.
pub(super) async fn recover(app: &AppHandle, page: &Arc<Page>) {
    let Some(window) = page.window(app) else { return };
    #[cfg(target_os = "linux")]
    super::linux::end_process(&window);
    #[cfg(not(target_os = "linux"))]
    let _ = window.reload();
    // A process that ends takes the page with it; the address is asked for anew.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _ = window.navigate(page.url.clone());
}

fn unreadable(error: &dyn std::error::Error) -> tauri::Error {
    tauri::Error::from(std::io::Error::other(error.to_string()))
}
