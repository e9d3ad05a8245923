//! Answers in the words that the page understands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};
use url::{Origin, Url};

use crate::PROXY;
use crate::ask::{Ask, Call, Open};
use crate::link::Link;
use crate::problem::Problem;
use crate::rate::Rate;
use crate::tunnels::{Opened, Tunnels};

/// Ports that one page may have opened at a time.
pub const MOST_OPEN: usize = 32;
/// Problems kept until the page asks for them.
const PROBLEMS: usize = 16;
/// Apps for which the page opens a page of its own and no window.
const WITHOUT_PAGE: [&str; 4] = ["sshd", "vscode-desktop", "vnc", "xrdp"];

/// What the page gets for a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
    /// A sentence that is to be shown whatever the page makes of the answer: 23.09 shows no failure at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub say: Option<String>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: 200, body, say: None }
    }

    fn refused(problem: &Problem) -> Self {
        Self { status: problem.status, body: problem.members(), say: None }
    }
}

/// One page's local proxy.
pub struct Bridge<T> {
    tunnels: T,
    state: Mutex<State>,
}

struct State {
    configured: bool,
    rate: Rate,
    /// What the page has opened: ids by session and app.
    own: BTreeMap<(String, String), String>,
    problems: VecDeque<(u64, Problem)>,
    counter: u64,
}

impl<T: Tunnels> Bridge<T> {
    /// A bridge to a host's ports.
    pub fn new(tunnels: T) -> Self {
        let rate = Rate::new(Instant::now());
        let state =
            State { configured: false, rate, own: BTreeMap::new(), problems: VecDeque::new(), counter: 0 };
        Self { tunnels, state: Mutex::new(state) }
    }

    /// The host's ports.
    pub fn tunnels(&self) -> &T {
        &self.tunnels
    }

    /// Answers a call. Never fails: what cannot be done is an answer, too.
    pub async fn answer(&self, call: &Call) -> Answer {
        let taken = self.state().rate.take(Instant::now());
        if let Err(first) = taken {
            if first {
                tracing::warn!("the WebUI calls too often; its calls are refused");
            }
            return self.refused(Problem::new(429, "webui-rate", "Too many calls at once."));
        }
        match Ask::read(call) {
            Ok(ask) => self.serve(ask).await,
            Err(problem) => {
                // Not the call itself: it may carry a login.
                tracing::warn!(reason = %problem, "a call of the WebUI was refused");
                let problem = self.tunnels.in_words(problem);
                Answer { say: Some(problem.sentence()), ..Answer::refused(&problem) }
            }
        }
    }

    /// A refusal in the page's words, for calls that are the host's own.
    pub fn refused(&self, problem: Problem) -> Answer {
        Answer::refused(&self.tunnels.in_words(problem))
    }

    async fn serve(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Status => Answer::ok(json!({"api_version": "v1"})),
            Ask::List => {
                let all = self.tunnels.all();
                Answer::ok(all.iter().map(|o| format!("{}|{}", o.session_id, o.app)).collect())
            }
            Ask::Configure => {
                self.state().configured = true;
                Answer::ok(json!({"token": "local"}))
            }
            Ask::IsOpen { session } => {
                let open = self.tunnels.all().iter().any(|o| is_of(o, &session));
                let code = match (self.state().configured, open) {
                    (false, _) => 401,
                    (true, true) => 200,
                    (true, false) => 404,
                };
                Answer::ok(json!({ "code": code }))
            }
            Ask::Open(open) => match self.open(&open).await {
                Ok(opened) => Answer::ok(added(&open, &opened)),
                Err(problem) => self.failed(problem),
            },
            Ask::Close { session, app } => self.close(&session, app.as_deref()).await,
            Ask::Look { port } => match self.tunnels.all().iter().any(|o| o.port == port) {
                true => Answer::ok(json!({})),
                false => self.refused(Problem::new(404, "webui-port", "There is no such port.")),
            },
            Ask::Explain { number } => {
                let state = self.state();
                let found = state.problems.iter().find(|(n, _)| *n == number);
                let mut body = match found {
                    Some((_, problem)) => problem.members(),
                    None => Problem::new(500, "internal", "The app could not be opened.").members(),
                };
                // An address that is none keeps 23.09 from showing a dialog without a port.
                body["redirect_url"] = json!("none");
                Answer::ok(body)
            }
        }
    }

    async fn open(&self, open: &Open) -> Result<Opened, Problem> {
        let all = self.tunnels.all();
        {
            let mut state = self.state();
            state.own.retain(|_, id| all.iter().any(|o| o.id == *id));
            let there = all.iter().any(|o| is_of(o, &open.session) && o.app == open.app);
            if !there && state.own.len() >= MOST_OPEN {
                let message = format!("The WebUI has opened {MOST_OPEN} ports, which is as many as it may.");
                let problem = Problem::new(429, "webui-ports", message);
                return Err(Problem { hint: "Stop some of them in Berth first.".into(), ..problem });
            }
        }
        let opened = self.tunnels.open(open).await?;
        if opened.fresh {
            let key = (opened.session_id.clone(), opened.app.clone());
            self.state().own.insert(key, opened.id.clone());
        }
        Ok(opened)
    }

    /// Closes what the page has opened; ports that were opened in the host's own window are not the page's.
    async fn close(&self, session: &str, app: Option<&str>) -> Answer {
        let all = self.tunnels.all();
        let meant: Vec<&Opened> =
            all.iter().filter(|o| is_of(o, session) && app.is_none_or(|app| app == o.app)).collect();
        for opened in &meant {
            let own = self.state().own.remove(&(opened.session_id.clone(), opened.app.clone()));
            if let Some(id) = own.filter(|id| *id == opened.id) {
                self.tunnels.close(&id).await;
            }
        }
        Answer::ok(json!({"code": if meant.is_empty() { 404 } else { 200 }}))
    }

    /// The page goes on to the address in the answer, and finds the reason there.
    fn failed(&self, problem: Problem) -> Answer {
        tracing::info!(code = %problem.code, "the WebUI's app was not opened");
        let problem = self.tunnels.in_words(problem);
        let say = problem.sentence();
        let mut state = self.state();
        state.counter += 1;
        let number = state.counter;
        let mut body = problem.members();
        body["code"] = json!(500);
        body["url"] = json!(format!("{PROXY}problem?n={number}"));
        // 26.9 takes a status in the body for the answer's own and would not go on.
        state.problems.push_back((number, problem));
        if state.problems.len() > PROBLEMS {
            state.problems.pop_front();
        }
        Answer { status: 200, body, say: Some(say) }
    }

    /// Where an address leads that the page wants to open.
    pub fn link(&self, url: &Url, home: &Origin) -> Link {
        let ports: Vec<u16> = self.tunnels.all().iter().map(|o| o.port).collect();
        Link::read(url, home, &ports)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(opened: &Opened, session: &str) -> bool {
    opened.session_id.eq_ignore_ascii_case(session) || opened.session_name == session
}

/// The answer to `add`. `url` is needed for apps without a page, too: both generations parse it.
fn added(open: &Open, opened: &Opened) -> Value {
    let port = opened.port;
    let page = if WITHOUT_PAGE.contains(&open.app.as_str()) { open.app.as_str() } else { "redirect" };
    let more = if page == "redirect" { "" } else { "&dummy=1" };
    json!({
        "code": 200,
        "proxy": format!("http://127.0.0.1:{port}"),
        "port": port,
        "url": format!("{PROXY}{page}?port={port}{more}"),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const ID: &str = "0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11";

    /// Opens whatever is asked of sessions that run.
    #[derive(Default)]
    struct Host {
        open: Mutex<Vec<Opened>>,
        opened: AtomicUsize,
    }

    impl Tunnels for Host {
        async fn open(&self, open: &Open) -> Result<Opened, Problem> {
            if open.session == "ended" {
                let problem = Problem::new(404, "session-not-running", "“ended” is TERMINATED.");
                return Err(Problem { hint: "Start it again.".into(), ..problem });
            }
            let mut all = self.open.lock().unwrap();
            if let Some(there) = all.iter().find(|o| is_of(o, &open.session) && o.app == open.app) {
                return Ok(Opened { fresh: false, ..there.clone() });
            }
            let number = self.opened.fetch_add(1, Ordering::Relaxed);
            let opened = Opened {
                id: format!("c{number}"),
                session_id: open.session.clone(),
                session_name: format!("name-of-{}", open.session),
                app: open.app.clone(),
                port: open.port.unwrap_or(40_000 + u16::try_from(number).unwrap()),
                fresh: true,
            };
            all.push(opened.clone());
            Ok(opened)
        }

        async fn close(&self, id: &str) {
            self.open.lock().unwrap().retain(|o| o.id != id);
        }

        fn all(&self) -> Vec<Opened> {
            self.open.lock().unwrap().clone()
        }

        fn in_words(&self, problem: Problem) -> Problem {
            let own = problem.code.starts_with("webui-");
            if own { Problem { hint: "Said by the host.".into(), ..problem } } else { problem }
        }
    }

    async fn get(bridge: &Bridge<Host>, path: &str, query: &str) -> Answer {
        let call = Call { method: "GET".into(), path: path.into(), query: query.into(), body: None };
        // Each call comes after a rest, except where the rest is what is tested.
        bridge.state().rate = Rate::new(Instant::now());
        bridge.answer(&call).await
    }

    #[tokio::test]
    async fn every_refusal_passes_the_hosts_words() {
        let bridge = Bridge::new(Host::default());
        let refusals =
            [get(&bridge, "proxy/local/a b/add", "app=sshd").await, get(&bridge, "sshd", "port=40000").await];
        for answer in refusals {
            assert!(answer.body["msg"].as_str().unwrap().ends_with("Said by the host."), "{answer:?}");
        }
        let refused = bridge.refused(Problem::new(404, "webui-call", "No."));
        assert_eq!(refused.body["msg"], "No. Said by the host.");
    }

    async fn conf(bridge: &Bridge<Host>) -> Answer {
        let body = Some(r#"{"mode":"SESSION","session":"x","endpoint":"http://x"}"#.to_owned());
        bridge.answer(&Call { method: "PUT".into(), path: "conf".into(), query: String::new(), body }).await
    }

    #[tokio::test]
    async fn a_click_on_ssh_is_answered_as_the_incumbent_does() {
        let bridge = Bridge::new(Host::default());
        assert_eq!(get(&bridge, "status", "").await.body, json!({"api_version": "v1"}));
        let is_open = format!("proxy/local/{ID}");
        assert_eq!(get(&bridge, &is_open, "").await.body, json!({"code": 401}));
        assert_eq!(conf(&bridge).await.body, json!({"token": "local"}));
        assert_eq!(get(&bridge, &is_open, "").await.body, json!({"code": 404}));
        let added = get(&bridge, &format!("proxy/local/{ID}/add"), "app=sshd&port=31922&protocol=tcp").await;
        assert_eq!(
            added.body,
            json!({
                "code": 200, "proxy": "http://127.0.0.1:31922", "port": 31922,
                "url": "https://local-proxy.invalid/sshd?port=31922&dummy=1",
            })
        );
        // Both generations look at the address, twice.
        for _ in 0..2 {
            let looked = get(&bridge, "sshd", "port=31922&dummy=1").await;
            assert_eq!((looked.status, looked.body), (200, json!({})));
        }
        assert_eq!(get(&bridge, "sshd", "port=31923&dummy=1").await.status, 404);
        assert_eq!(get(&bridge, &is_open, "").await.body, json!({"code": 200}));
        assert_eq!(get(&bridge, "", "").await.body, json!([format!("{ID}|sshd")]));
        // The same again is the same port.
        let again = get(&bridge, &format!("proxy/local/{ID}/add"), "app=sshd").await;
        assert_eq!(again.body["port"], 31922);
        let closed = get(&bridge, &format!("proxy/AKIAEXAMPLE/{ID}/delete"), "app=sshd").await;
        assert_eq!(closed.body, json!({"code": 200}));
        assert!(bridge.tunnels().all().is_empty());
        let closed = get(&bridge, &format!("proxy/AKIAEXAMPLE/{ID}/delete"), "").await;
        assert_eq!(closed.body, json!({"code": 404}));
    }

    #[tokio::test]
    async fn an_app_with_a_page_leads_to_its_port() {
        let bridge = Bridge::new(Host::default());
        let added = get(&bridge, &format!("proxy/local/{ID}/add"), "app=ttyd&protocol=http").await;
        let url = Url::parse(added.body["url"].as_str().unwrap()).unwrap();
        assert_eq!(url.as_str(), "https://local-proxy.invalid/redirect?port=40000");
        let home = Url::parse("http://127.0.0.1:8090").unwrap().origin();
        let shown = Url::parse("http://127.0.0.1:40000/").unwrap();
        assert_eq!(bridge.link(&url, &home), Link::App(shown));
        let foreign = Url::parse("https://local-proxy.invalid/redirect?port=40001").unwrap();
        assert_eq!(bridge.link(&foreign, &home), Link::Nowhere);
    }

    #[tokio::test]
    async fn a_failure_is_a_sentence_where_the_page_looks_for_it() {
        let bridge = Bridge::new(Host::default());
        let added = get(&bridge, "proxy/local/ended/add", "app=sshd").await;
        let sentence = "“ended” is TERMINATED. Start it again.";
        assert_eq!((added.status, added.say.as_deref()), (200, Some(sentence)));
        assert_eq!(added.body["code"], 500);
        assert_eq!(added.body.get("port"), None);
        let url = Url::parse(added.body["url"].as_str().unwrap()).unwrap();
        let told = get(&bridge, url.path(), url.query().unwrap()).await;
        assert_eq!(told.status, 200);
        assert_eq!(told.body["error_code"], "session-not-running");
        assert_eq!(told.body["msg"], sentence);
        assert!(Url::parse(told.body["redirect_url"].as_str().unwrap()).is_err());
        // Old ones are forgotten.
        for _ in 0..PROBLEMS {
            get(&bridge, "proxy/local/ended/add", "app=sshd").await;
        }
        let told = get(&bridge, url.path(), url.query().unwrap()).await;
        assert_eq!(told.body["error_code"], "internal");
    }

    #[tokio::test]
    async fn a_page_opens_only_so_many_ports() {
        let bridge = Bridge::new(Host::default());
        for number in 0..MOST_OPEN {
            let added = get(&bridge, &format!("proxy/local/s{number}/add"), "app=sshd").await;
            assert_eq!(added.body["code"], 200, "{number}");
        }
        let more = get(&bridge, "proxy/local/one-more/add", "app=sshd").await;
        assert_eq!((&more.body["code"], &more.body["error_code"]), (&json!(500), &json!("webui-ports")));
        assert_eq!(bridge.tunnels().all().len(), MOST_OPEN);
        // What is there is given, and what was closed elsewhere makes room.
        assert_eq!(get(&bridge, "proxy/local/s3/add", "app=sshd").await.body["code"], 200);
        bridge.tunnels().close("c5").await;
        assert_eq!(get(&bridge, "proxy/local/one-more/add", "app=sshd").await.body["code"], 200);
    }

    #[tokio::test]
    async fn a_page_closes_only_what_it_opened() {
        let bridge = Bridge::new(Host::default());
        let opened_in_berth = Open {
            session: ID.into(),
            app: "sshd".into(),
            port: None,
            arguments: BTreeMap::new(),
            environment: BTreeMap::new(),
        };
        bridge.tunnels().open(&opened_in_berth).await.unwrap();
        let shared = get(&bridge, &format!("proxy/local/{ID}/add"), "app=sshd").await;
        assert_eq!(shared.body["port"], 40_000);
        get(&bridge, &format!("proxy/local/{ID}/add"), "app=ttyd").await;
        let closed = get(&bridge, &format!("proxy/local/{ID}/delete"), "").await;
        assert_eq!(closed.body, json!({"code": 200}));
        let left: Vec<String> = bridge.tunnels().all().into_iter().map(|o| o.app).collect();
        assert_eq!(left, ["sshd"]);
    }

    #[tokio::test]
    async fn a_flood_is_refused_without_reaching_the_host() {
        let bridge = Bridge::new(Host::default());
        let mut refused = 0;
        for number in 0..2_000 {
            let path = format!("proxy/local/s{number}/add");
            let call = Call { method: "GET".into(), path, query: "app=sshd".into(), body: None };
            refused += usize::from(bridge.answer(&call).await.status == 429);
        }
        assert!(refused > 1_800, "{refused}");
        assert!(bridge.tunnels().all().len() <= MOST_OPEN);
    }

    #[tokio::test]
    async fn a_refused_call_is_said_and_reaches_nobody() {
        let bridge = Bridge::new(Host::default());
        let refused = get(&bridge, "proxy/local/../x/add", "app=sshd").await;
        assert!(matches!(refused.status, 400 | 404));
        assert!(refused.say.is_some());
        assert_eq!(bridge.tunnels().opened.load(Ordering::Relaxed), 0);
    }
}
