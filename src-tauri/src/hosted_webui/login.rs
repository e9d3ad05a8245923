//! One sign-in for both windows: cookies go in, and what the page does to them comes out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use berth::{Event, WebLogin};
use tauri::webview::Cookie;
use tauri::{AppHandle, Manager, WebviewWindow};
use tokio::sync::broadcast::error::RecvError;

use super::{HostedWebUi, Page, wish};
use crate::shell::Shell;

/// How long a cookie may take into the web view's store.
const STORED_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks at the store.
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// Puts the cookies of the login into the web view, and waits until they are there.
pub(crate) async fn put(window: &WebviewWindow, page: &Page, cookies: &[(String, String)]) {
    for (name, value) in cookies {
        let cookie = Cookie::build((name.clone(), value.clone()))
            .domain(page.url.host_str().unwrap_or_default().to_owned())
            .path("/")
            .http_only(true)
            .secure(page.url.scheme() == "https")
            .build();
        if let Err(e) = window.set_cookie(cookie) {
            tracing::warn!(error = %e, "the web view takes no cookie");
        }
    }
    let stored = async {
        loop {
            let there = get(window, page).await;
            if cookies.iter().all(|cookie| there.contains(cookie)) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    if tokio::time::timeout(STORED_WITHIN, stored).await.is_err() {
        tracing::warn!("the web view did not keep the login; it will ask for it");
    }
}

/// The cookies that the web view would send to the cluster.
async fn get(window: &WebviewWindow, page: &Page) -> Vec<(String, String)> {
    let (window, url) = (window.clone(), page.url.clone());
    // Waits for the main thread, and on Windows must not do so from a handler.
    let read = tokio::task::spawn_blocking(move || window.cookies_for_url(url)).await;
    let cookies = read.ok().and_then(Result::ok).unwrap_or_default();
    cookies.into_iter().map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned())).collect()
}

/// Looks what the page has done to its login. One look may wait for another; more are the same one.
pub(crate) async fn look(app: &AppHandle, page: &Arc<Page>) {
    if page.look_waits.swap(true, Ordering::AcqRel) {
        return;
    }
    let _one_at_a_time = page.looking.lock().await;
    page.look_waits.store(false, Ordering::Release);
    let Some(window) = page.window(app) else { return };
    let cookies = get(&window, page).await;
    let own = cookies.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
    let berth = app.state::<Shell>().berth().clone();
    // Whoever signs out here stays at the page's own form.
    page.stays.store(true, Ordering::Release);
    match berth.web_login_seen(&page.web_ui, &pairs.join("; ")).await {
        Ok(WebLogin::SignedIn(profile)) => page.bridge.tunnels().belong_to(profile),
        Ok(WebLogin::SignedOut | WebLogin::Unchanged) => {}
        Err(e) => tracing::info!(code = %e.code, "what the page did to its login is not known"),
    }
    page.stays.store(berth.account().is_none(), Ordering::Release);
}

/// Follows what happens to the login in the main window.
pub(crate) fn follow(app: &AppHandle) {
    let app = app.clone();
    let mut events = app.state::<Shell>().berth().events();
    tauri::async_runtime::spawn(async move {
        loop {
            match events.recv().await {
                Ok(Event::SignedIn { account }) => {
                    renewed(&app, &account.profile_id).await;
                    wish::signed_in(&app, &account).await;
                }
                Ok(Event::SignedOut { profile_id, .. }) => {
                    let page = app.state::<HostedWebUi>().page();
                    if let Some(page) = page.filter(|p| p.bridge.tunnels().profile_id() == profile_id)
                        && !page.stays.load(Ordering::Acquire)
                    {
                        leave(&app, &page).await;
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
}

/// A new login: the page gets its cookies, and is read again where it still has an older one.
async fn renewed(app: &AppHandle, profile_id: &str) {
    let Some(page) = app.state::<HostedWebUi>().page() else { return };
    let Some(window) = page.window(app) else { return };
    // It may be the page's own doing, which is then written down first.
    let _one_at_a_time = page.looking.lock().await;
    page.stays.store(false, Ordering::Release);
    if page.bridge.tunnels().profile_id() != profile_id {
        leave(app, &page).await;
        return;
    }
    let Some(cookies) = app.state::<Shell>().berth().web_cookies(profile_id) else { return };
    let there = get(&window, &page).await;
    if cookies.iter().all(|cookie| there.contains(cookie)) {
        return;
    }
    put(&window, &page, &cookies).await;
    let _ = window.reload();
}

/// Takes the login out of the web view and closes its window.
async fn leave(app: &AppHandle, page: &Arc<Page>) {
    let Some(window) = page.window(app) else { return };
    for (name, value) in get(&window, page).await {
        let host = page.url.host_str().unwrap_or_default().to_owned();
        let _ = window.delete_cookie(Cookie::build((name, value)).domain(host).path("/").build());
    }
    let _ = window.destroy();
}
