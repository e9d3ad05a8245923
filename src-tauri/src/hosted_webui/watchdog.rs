//! Notices a page that no longer answers, and reads it again when the person says so.

use std::sync::Arc;
use std::time::Duration;

use tauri::AppHandle;
use tauri_plugin_dialog::{MessageDialogButtons, MessageDialogKind};

use super::Page;
use crate::message::message;

/// Between two questions.
const EVERY: Duration = Duration::from_secs(5);
/// A page that is busy for longer than this is taken for stuck.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Rest after the person wants to wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Watches a page for as long as its window exists.
pub(crate) fn start(app: &AppHandle, page: &Arc<Page>) {
    let (app, page) = (app.clone(), Arc::clone(page));
    tauri::async_runtime::spawn(async move {
        let mut waited = false;
        loop {
            tokio::time::sleep(EVERY).await;
            let waits = waits_for_person(&app, &page).await;
            if waits && !waited {
                tracing::info!("the WebUI's page waits for an answer of the person");
            }
            waited = waits;
            if waits {
                continue;
            }
            match answers(&app, &page).await {
                None => return,
                Some(true) => {}
                // It may have come while the page was asked.
                Some(false) if waits_for_person(&app, &page).await => {}
                Some(false) => {
                    tracing::warn!("the WebUI's page does not answer");
                    if ask(&app, &page).await {
                        tracing::info!("the WebUI's page is read again");
                        super::window::recover(&app, &page).await;
                    } else {
                        tokio::time::sleep(PATIENCE).await;
                    }
                }
            }
        }
    });
}

/// `None` when there is no window any more.
async fn answers(app: &AppHandle, page: &Page) -> Option<bool> {
    let window = page.window(app)?;
    let (answer, answered) = tokio::sync::oneshot::channel();
    let answer = std::sync::Mutex::new(Some(answer));
    let asked = window.eval_with_callback("1", move |_| {
        if let Ok(mut answer) = answer.lock()
            && let Some(answer) = answer.take()
        {
            let _ = answer.send(());
        }
    });
    if asked.is_err() {
        return page.window(app).map(|_| true);
    }
    let answered = tokio::time::timeout(ANSWERS_WITHIN, answered).await;
    page.window(app).map(|_| answered.is_ok())
}

/// Whether a dialog is open that the page stands still for.
async fn waits_for_person(app: &AppHandle, page: &Page) -> bool {
    #[cfg(target_os = "linux")]
    if let Some(window) = page.window(app) {
        return super::linux::waits_for_person(&window).await;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (app, page);
    false
}

async fn ask(app: &AppHandle, page: &Page) -> bool {
    let Some(window) = page.window(app) else { return false };
    let (answer, answered) = tokio::sync::oneshot::channel();
    let words = &page.words;
    message(app, &words.say("native.hang"))
        .title("WebUI")
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::OkCancelCustom(
            words.say("native.loadAgain"),
            words.say("native.wait"),
        ))
        .parent(&window)
        .show(move |yes| {
            let _ = answer.send(yes);
        });
    answered.await.unwrap_or(false)
}
