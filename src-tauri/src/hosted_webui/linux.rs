//! What only WebKitGTK needs: certificates of the profile's rules, late windows, pages for failures.

use std::sync::Arc;

use base64::Engine;
use gtk::prelude::*;
use tauri::{Url, WebviewWindow};
use webkit2gtk::gio::TlsCertificate;
use webkit2gtk::{
    LoadEvent, NetworkError, PolicyError, SettingsExt, WebContextExt, WebProcessTerminationReason, WebViewExt,
};

use super::Page;
use crate::words::Words;

/// To be called before the first page is loaded.
pub(super) fn prepare(window: &WebviewWindow, page: &Arc<Page>) -> tauri::Result<()> {
    let host = page.url.host_str().unwrap_or_default().to_owned();
    let certificate = page.web_ui.certificate.as_deref().map(pem);
    let home = page.url.to_string();
    let failures = Failures { words: Arc::clone(&page.words) };
    window.with_webview(move |webview| {
        let view = webview.inner();
        if let Some(settings) = WebViewExt::settings(&view) {
            // The WebUI opens an app's window a second after the click, which counts as without one.
            settings.set_javascript_can_open_windows_automatically(true);
        }
        if let (Some(pem), Some(context)) = (certificate, view.context()) {
            match TlsCertificate::from_pem(&pem) {
                Ok(certificate) => context.allow_tls_certificate_for_host(&certificate, &host),
                Err(e) => tracing::warn!(error = %e, "the cluster's certificate cannot be read"),
            }
        }
        let (tls_failures, crashes) = (failures.clone(), failures.clone());
        view.connect_load_failed(move |view, event, uri, error| {
            if event != LoadEvent::Started && event != LoadEvent::Redirected && event != LoadEvent::Committed
            {
                return false;
            }
            if error.matches(NetworkError::Cancelled)
                || error.matches(PolicyError::FrameLoadInterruptedByPolicyChange)
            {
                return false;
            }
            failures.show(view, uri, "native.notLoaded", error.message());
            true
        });
        view.connect_load_failed_with_tls_errors(move |view, uri, _, flags| {
            let why = tls_failures.words.with("native.otherCertificate", &[("flags", &format!("{flags:?}"))]);
            tls_failures.show(view, uri, "native.untrusted", &why);
            true
        });
        view.connect_web_process_terminated(move |view, reason| {
            if reason != WebProcessTerminationReason::TerminatedByApi {
                crashes.show(view, &home, "native.ended", &crashes.words.say("native.endedWhy"));
            }
        });
    })
}

/// Whether the page waits for the person: an `alert`, `confirm` or `prompt` of its own, or its print dialog. Its
/// scripts stand still meanwhile, and nothing is wrong with them.
pub(super) async fn waits_for_person(window: &WebviewWindow) -> bool {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let asked = window.with_webview(move |webview| {
        let _ = answer.send(has_dialog(&webview.inner()));
    });
    asked.is_ok() && answered.await.unwrap_or(false)
}

/// WebKitGTK draws script dialogs as a child of the view, and prints by a window of GTK's before it.
fn has_dialog(view: &webkit2gtk::WebView) -> bool {
    let mut found = false;
    // Internal children, too, which this one is.
    view.forall(|child| found |= child.type_().name() == "WebKitScriptDialogImpl");
    let own = view.toplevel().and_then(|top| top.downcast::<gtk::Window>().ok());
    found
        || gtk::Window::list_toplevels()
            .into_iter()
            .filter_map(|top| top.downcast::<gtk::Window>().ok())
            .any(|top| top.is_visible() && top.is_modal() && own.is_some() && top.transient_for() == own)
}

/// Downloads what is at an address, without leading the page there.
pub(super) fn download(window: &WebviewWindow, url: &Url) {
    let url = url.to_string();
    let _ = window.with_webview(move |webview| {
        let _ = webview.inner().download_uri(&url);
    });
}

/// Ends the process of a page that is stuck.
pub(super) fn end_process(window: &WebviewWindow) {
    let _ = window.with_webview(|webview| webview.inner().terminate_web_process());
}

/// Berth's own page, without any script, in place of one that did not come.
#[derive(Clone)]
struct Failures {
    words: Arc<Words>,
}

impl Failures {
    fn show(&self, view: &webkit2gtk::WebView, uri: &str, what: &str, why: &str) {
        tracing::info!(what, why, "the WebUI is not shown");
        let (what, retry) = (self.words.say(what), self.words.say("native.retry"));
        let page = failure_page(self.words.locale().tag(), uri, &what, why, &retry);
        view.load_alternate_html(&page, uri, None);
    }
}

fn failure_page(language: &str, uri: &str, what: &str, why: &str, retry: &str) -> String {
    let (uri, what, why, retry) = (escape(uri), escape(what), escape(why), escape(retry));
    format!(
        "<!doctype html><html lang={language}><meta charset=utf-8><meta http-equiv=Content-Security-Policy \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>Berth</title>\
         <style>body{{font:15px/1.6 system-ui,sans-serif;max-width:34em;margin:18vh auto;padding:0 2em;\
         color:#1f1f1f;background:#fff;word-break:keep-all}}h1{{font-size:20px}}a{{display:inline-block;\
         margin-top:1em;padding:.35em 1em;border-radius:6px;background:#1668dc;color:#fff;text-decoration:none}}\
         code{{color:#666;word-break:break-all}}@media(prefers-color-scheme:dark){{body{{color:#eee;\
         background:#141414}}code{{color:#aaa}}}}</style>\
         <h1>{what}</h1><p>{why}</p><p><code>{uri}</code></p><a href=\"{uri}\">{retry}</a>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn pem(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_text_on_the_failure_page() {
        let page = failure_page("ko", "https://x/\"><script>", "<b>", "a & b", "다시");
        assert!(!page.contains("<script>") && !page.contains("<b>") && page.contains("a &amp; b"));
        assert!(page.contains("href=\"https://x/&quot;&gt;&lt;script&gt;\""));
    }

    #[test]
    fn certificates_are_wrapped_at_64_letters() {
        let pem = pem(&[7; 100]);
        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!(lines.first(), Some(&"-----BEGIN CERTIFICATE-----"));
        assert!(lines.iter().all(|line| line.len() <= 64));
        assert_eq!(lines.len(), 2 + 136_usize.div_ceil(64));
    }
}
