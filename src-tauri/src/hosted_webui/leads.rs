//! Where the page may lead: apps at their ports, and other sites once the person has agreed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tauri::{AppHandle, Url};
use tauri_plugin_dialog::MessageDialogButtons;
use tauri_plugin_opener::OpenerExt;
use webui_bridge::Link;

use super::{Page, downloads};
use crate::message::message;

/// What is opened or asked at most within [`WITHIN`].
const MOST: usize = 5;
const WITHIN: Duration = Duration::from_secs(10);
/// How much of an address a question shows, in letters.
const SHOWN: usize = 100;

/// What the person has said about other sites, and how much was opened lately.
#[derive(Default)]
pub(crate) struct Leads {
    /// Yes or no, by host or scheme, and for files by host alone; `None` while the question is open.
    said: BTreeMap<(String, How), Option<bool>>,
    lately: VecDeque<Instant>,
}

/// What becomes of an address outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// The system opens it.
    Open,
    /// What is there is saved.
    Save,
}

impl Leads {
    fn is_time(&mut self, now: Instant) -> bool {
        self.lately.retain(|at| now.saturating_duration_since(*at) < WITHIN);
        let free = self.lately.len() < MOST;
        if free {
            self.lately.push_back(now);
        }
        free
    }
}

/// Whether an address may be shown in the window itself. What may not is offered to the system.
pub(crate) fn navigation(app: &AppHandle, page: &Arc<Page>, url: &Url) -> bool {
    if url.as_str() == "about:blank" || url.as_str() == "about:srcdoc" {
        return true;
    }
    match page.bridge.link(url, &page.origin) {
        Link::Inside => true,
        other => {
            follow(app, page, other);
            false
        }
    }
}

/// A new window: the system's browser has it, never a window of Berth's.
pub(crate) fn new_window(app: &AppHandle, page: &Arc<Page>, url: &Url) {
    match page.bridge.link(url, &page.origin) {
        // The browser knows nothing of this login, and of what the page has in memory.
        Link::Inside if url.scheme() != "blob" => follow(app, page, Link::Outside(url.clone())),
        Link::Inside => {}
        other => follow(app, page, other),
    }
}

fn follow(app: &AppHandle, page: &Arc<Page>, link: Link) {
    let mut leads = page.leads();
    if matches!(link, Link::Nowhere | Link::Inside) || !leads.is_time(Instant::now()) {
        tracing::warn!("the WebUI wants to lead somewhere it may not");
        return;
    }
    let (url, who, how) = match link {
        Link::App(url) => {
            open(app, &url);
            return;
        }
        Link::Program(url) => (url.clone(), format!("{}:", url.scheme()), How::Open),
        Link::File(url) if downloads::FROM_ELSEWHERE => {
            (url.clone(), url.host_str().unwrap_or_default().to_owned(), How::Save)
        }
        Link::File(url) | Link::Outside(url) => {
            (url.clone(), url.host_str().unwrap_or_default().to_owned(), How::Open)
        }
        Link::Nowhere | Link::Inside => return,
    };
    let question = (who, how);
    match leads.said.get(&question) {
        Some(Some(true)) => go(app, page, how, &url),
        Some(_) => {}
        None => {
            // One question at a time; the next ones are dropped.
            if leads.said.values().all(Option::is_some) {
                leads.said.insert(question.clone(), None);
                ask(app, page, url, question);
            }
        }
    }
}

fn go(app: &AppHandle, page: &Arc<Page>, how: How, url: &Url) {
    match how {
        How::Open => open(app, url),
        How::Save => downloads::fetch(app, page, url),
    }
}

fn ask(app: &AppHandle, page: &Arc<Page>, url: Url, question: (String, How)) {
    let Some(window) = page.window(app) else { return };
    let (app, page) = (app.clone(), Arc::clone(page));
    let shown = beginning(url.as_str());
    let words = Arc::clone(&page.words);
    let (sentence, yes) = match question.1 {
        How::Open => ("native.leadsOutside", "native.open"),
        How::Save => ("native.downloads", "native.download"),
    };
    let buttons = MessageDialogButtons::OkCancelCustom(words.say(yes), words.say("native.cancel"));
    message(&app, &words.with(sentence, &[("address", &shown)]))
        .title(question.0.clone())
        .buttons(buttons)
        .parent(&window)
        .show(move |yes| {
            let how = question.1;
            page.leads().said.insert(question, Some(yes));
            if yes {
                go(&app, &page, how, &url);
            }
        });
}

/// As much of an address as fits on a screen: a token in it is one long word.
fn beginning(address: &str) -> String {
    let mut letters = address.chars();
    let shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() { shown + "…" } else { shown }
}

fn open(app: &AppHandle, url: &Url) {
    if let Err(e) = app.opener().open_url(url.as_str(), None::<&str>) {
        tracing::warn!(error = %e, "the system opens no browser");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_much_is_opened_in_a_while() {
        let start = Instant::now();
        let mut leads = Leads::default();
        let opened = (0..1000).filter(|_| leads.is_time(start)).count();
        assert_eq!(opened, MOST);
        assert!(leads.is_time(start + WITHIN));
    }

    #[test]
    fn long_addresses_are_cut_where_it_shows() {
        assert_eq!(beginning("https://site.example/a"), "https://site.example/a");
        let long = beginning(&format!("https://site.example/?token={}", "x".repeat(500)));
        assert!(long.starts_with("https://site.example/?token=x") && long.ends_with("x…"), "{long}");
        assert_eq!(long.chars().count(), SHOWN + 1);
    }
}
