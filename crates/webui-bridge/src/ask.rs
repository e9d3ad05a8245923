//! What a page may ask, read strictly: whatever is not understood is refused and never passed on.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use crate::problem::Problem;

/// Longest path, in bytes. `proxy/TOKEN/UUID/delete` is the longest there is.
const PATH: usize = 400;
/// Longest query, in bytes: arguments and variables of an app travel in it.
const QUERY: usize = 8 << 10;
/// Longest body, in bytes: only `conf` has one.
const BODY: usize = 8 << 10;
/// Most arguments or environment variables of an app.
const PARAMETERS: usize = 64;
/// Longest name of a session or an app.
const NAME: usize = 128;

/// One request as the page would have sent it to its local proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// `GET` or `PUT`.
    pub method: String,
    /// Path without the proxy's address.
    pub path: String,
    /// Query without the question mark.
    #[serde(default)]
    pub query: String,
    /// Body, for `PUT`.
    #[serde(default)]
    pub body: Option<String>,
}

/// A port that a page wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// UUID or name of the session.
    pub session: String,
    /// App.
    pub app: String,
    /// Port to be tried first, 1025-65534 as the WebUI has it.
    pub port: Option<u16>,
    /// Options of the app's command line.
    pub arguments: BTreeMap<String, Option<String>>,
    /// Environment variables of the app.
    pub environment: BTreeMap<String, String>,
}

/// What a call means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// `GET status`: is there a proxy?
    Status,
    /// `GET /`: which ports are open?
    List,
    /// `PUT conf`: take this login. It is not taken: the host has its own.
    Configure,
    /// `GET proxy/TOKEN/SESSION`: is anything open to this session?
    IsOpen {
        /// UUID or name.
        session: String,
    },
    /// `GET proxy/TOKEN/SESSION/add`.
    Open(Open),
    /// `GET proxy/TOKEN/SESSION/delete`.
    Close {
        /// UUID or name.
        session: String,
        /// App; all of the session's without.
        app: Option<String>,
    },
    /// `GET redirect?port=N` and `GET APP?port=N`: the page looks whether its port is there.
    Look {
        /// The port.
        port: u16,
    },
    /// `GET problem?n=N`: what went wrong with the `add` before.
    Explain {
        /// Its number.
        number: u64,
    },
}

impl Ask {
    /// Reads a call.
    ///
    /// # Errors
    /// Status 400, 404 or 405 for everything that is not exactly one of the known calls.
    pub fn read(call: &Call) -> Result<Self, Problem> {
        if call.path.len() > PATH || call.query.len() > QUERY || call.method.len() > 8 {
            return Err(Problem::bad("The call is too long."));
        }
        let body = call.body.as_deref().unwrap_or_default();
        if body.len() > BODY {
            return Err(Problem::bad("The call's body is too long."));
        }
        let path = call.path.trim_start_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let query = Query::read(&call.query)?;
        match (call.method.as_str(), parts.as_slice()) {
            ("PUT", ["conf"]) => configure(body),
            ("GET", _) if !body.is_empty() => Err(Problem::bad("A question has no body.")),
            ("GET", [""]) => Ok(Self::List),
            ("GET", ["status"]) => Ok(Self::Status),
            // The token is not looked at: some generations send the access key in its place, and who asks is
            // known from the window.
            ("GET", ["proxy", token, session]) => Ok(Self::IsOpen { session: named(token, session)? }),
            ("GET", ["proxy", token, session, "add"]) => {
                let session = named(token, session)?;
                Ok(Self::Open(open(session, &query)?))
            }
            ("GET", ["proxy", token, session, "delete"]) => {
                let session = named(token, session)?;
                Ok(Self::Close { session, app: query.one("app")?.map(app).transpose()? })
            }
            ("GET", ["problem"]) => {
                let number = query.one("n")?.and_then(|n| n.parse().ok());
                let number = number.ok_or_else(|| Problem::bad("Which problem?"))?;
                Ok(Self::Explain { number })
            }
            // `/redirect?port=N` for HTTP apps, `/sshd?port=N&dummy=1` and the like for the others.
            ("GET", [name]) if app(name).is_ok() => {
                let port = query.one("port")?.and_then(|port| port.parse().ok());
                Ok(Self::Look { port: port.ok_or_else(|| Problem::bad("Which port?"))? })
            }
            ("GET" | "PUT", _) => Err(Problem::new(404, "webui-call", "The local proxy has no such path.")),
            _ => Err(Problem::new(405, "webui-call", "The local proxy does not do that.")),
        }
    }
}

/// A query with each key at most once where it matters.
struct Query(Vec<(String, String)>);

impl Query {
    fn read(text: &str) -> Result<Self, Problem> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        if pairs.len() > 32 {
            return Err(Problem::bad("The call has too many parameters."));
        }
        if pairs.iter().any(|(key, value)| has_control(key) || has_control(value)) {
            return Err(Problem::bad("The call has control characters in it."));
        }
        Ok(Self(pairs))
    }

    fn one(&self, key: &str) -> Result<Option<&str>, Problem> {
        let mut found = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            _ => Err(Problem::bad(format!("The call names {key:?} twice."))),
        }
    }
}

/// Only that it is one is of interest: neither the endpoint nor the login in it is used.
fn configure(body: &str) -> Result<Ask, Problem> {
    #[derive(Deserialize)]
    struct Configuration {
        mode: String,
    }
    let configuration: Configuration =
        serde_json::from_str(body).map_err(|_| Problem::bad("The configuration cannot be read."))?;
    match configuration.mode.as_str() {
        "SESSION" => Ok(Ask::Configure),
        _ => Err(Problem::new(501, "webui-api-mode", "Only a login by e-mail and password is served here.")),
    }
}

/// A session behind a token that is at least one.
fn named(token: &str, session: &str) -> Result<String, Problem> {
    if !is_word(token, 256) {
        return Err(Problem::bad("The token is none."));
    }
    // Names and UUIDs are plain ASCII (protocol.md 3.2); a dot at the beginning could be a step up.
    let plain = is_word(session, NAME) && session.starts_with(|c: char| c.is_ascii_alphanumeric());
    if plain { Ok(session.to_owned()) } else { Err(Problem::bad("The session is none.")) }
}

fn app(name: &str) -> Result<String, Problem> {
    let plain = is_word(name, NAME) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if plain { Ok(name.to_owned()) } else { Err(Problem::bad("The app is none.")) }
}

fn is_word(text: &str, most: usize) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= most && text.bytes().all(plain)
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn open(session: String, query: &Query) -> Result<Open, Problem> {
    let port = match query.one("port")? {
        None | Some("") => None,
        Some(text) => {
            let port: u16 = text.parse().map_err(|_| Problem::bad("The port is none."))?;
            // The page's own bounds; 0 and 1024 are what it sends for "none".
            match port {
                1025..=65534 => Some(port),
                0 | 1024 => None,
                _ => return Err(Problem::bad("Ports below 1025 are not opened for a page.")),
            }
        }
    };
    Ok(Open {
        session,
        app: match query.one("app")? {
            Some(name) => app(name)?,
            // What the incumbent takes for granted.
            None => "jupyter".to_owned(),
        },
        port,
        arguments: arguments(query.one("args")?)?,
        environment: environment(query.one("envs")?)?,
    })
}

/// `{"--option": "value" | null, ...}`; values may be numbers, too.
fn arguments(text: Option<&str>) -> Result<BTreeMap<String, Option<String>>, Problem> {
    let read = |value: Value| match value {
        Value::Null => Some(None),
        other => plain_text(other).map(Some),
    };
    parameters(text, read)
}

fn environment(text: Option<&str>) -> Result<BTreeMap<String, String>, Problem> {
    let found = parameters(text, plain_text)?;
    let named = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if found.keys().all(|name| named(name)) {
        Ok(found)
    } else {
        Err(Problem::bad("An environment variable has a name that is none."))
    }
}

fn parameters<T>(
    text: Option<&str>,
    read: impl Fn(Value) -> Option<T>,
) -> Result<BTreeMap<String, T>, Problem> {
    let bad = || Problem::bad("The app's parameters cannot be read.");
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(BTreeMap::new()) };
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return Err(bad()) };
    if members.len() > PARAMETERS {
        return Err(bad());
    }
    let mut parameters = BTreeMap::new();
    for (name, value) in members {
        if name.is_empty() || name.len() > NAME || has_control(&name) {
            return Err(bad());
        }
        parameters.insert(name, read(value).ok_or_else(bad)?);
    }
    Ok(parameters)
}

fn plain_text(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return None,
    };
    (!has_control(&text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11";

    fn get(path: &str, query: &str) -> Result<Ask, Problem> {
        Ask::read(&Call { method: "GET".into(), path: path.into(), query: query.into(), body: None })
    }

    fn put(body: &str) -> Result<Ask, Problem> {
        let body = Some(body.to_owned());
        Ask::read(&Call { method: "PUT".into(), path: "conf".into(), query: String::new(), body })
    }

    fn wanted(session: &str, app: &str) -> Open {
        Open {
            session: session.into(),
            app: app.into(),
            port: None,
            arguments: BTreeMap::new(),
            environment: BTreeMap::new(),
        }
    }

    #[test]
    fn what_both_generations_send_is_understood() {
        // As seen on 23.09.10 and on 26.9.6.
        let old = r#"{"endpoint":"http://127.0.0.1:28090","mode":"SESSION","auth_mode":"cookie","session":"x","api_version":7}"#;
        let new = r#"{"endpoint":"http://127.0.0.1:26090","mode":"SESSION","auth_mode":"header","session":"x","api_version":9}"#;
        assert_eq!(put(old).unwrap(), Ask::Configure);
        assert_eq!(put(new).unwrap(), Ask::Configure);
        let add = format!("proxy/local/{ID}/add");
        assert_eq!(get(&add, "app=sshd&protocol=tcp").unwrap(), Ask::Open(wanted(ID, "sshd")));
        let port = Open { port: Some(31922), ..wanted(ID, "sshd") };
        assert_eq!(get(&add, "app=sshd&port=31922&protocol=tcp").unwrap(), Ask::Open(port));
        // Encoded once by encodeURI and once by the URL, or once by URLSearchParams.
        let with = Open {
            arguments: [("--logdir".to_owned(), Some("/home/work/a b".to_owned()))].into(),
            environment: [("PASSWORD".to_owned(), "1".to_owned())].into(),
            ..wanted(ID, "tensorboard")
        };
        for query in [
            "app=tensorboard&envs={%22PASSWORD%22:1}&args={%22--logdir%22:%22/home/work/a%20b%22}&protocol=http",
            "app=tensorboard&envs=%7B%22PASSWORD%22%3A%221%22%7D&args=%7B%22--logdir%22%3A%22%2Fhome%2Fwork%2Fa+b%22%7D",
        ] {
            assert_eq!(get(&add, query).unwrap(), Ask::Open(with.clone()), "{query}");
        }
        // 23.09 closes with the access key for a token, newer ones with "local" or a random one.
        for token in ["AKIANABBDUSEREXAMPLE", "local", "q3-_Zk2mYxk3JpHnVt0a9cQf1sLbWgErDuOiPzXvNm4"] {
            let close = get(&format!("proxy/{token}/{ID}/delete"), "app=sshd").unwrap();
            assert_eq!(close, Ask::Close { session: ID.into(), app: Some("sshd".into()) });
        }
        assert_eq!(
            get(&format!("/proxy/local/{ID}/delete"), "").unwrap(),
            Ask::Close { session: ID.into(), app: None }
        );
        // From mid 2026 on some calls name the session instead.
        assert_eq!(
            get("proxy/local/my-session_1", "").unwrap(),
            Ask::IsOpen { session: "my-session_1".into() }
        );
        assert_eq!(get("status", "").unwrap(), Ask::Status);
        assert_eq!(get("", "").unwrap(), Ask::List);
        assert_eq!(get("/sshd", "port=30722&dummy=1").unwrap(), Ask::Look { port: 30722 });
        assert_eq!(get("redirect", "port=30723&redirect=/lab").unwrap(), Ask::Look { port: 30723 });
        assert_eq!(get("problem", "n=3").unwrap(), Ask::Explain { number: 3 });
        // Ports that mean "none" to the page.
        for port in ["", "0", "1024"] {
            assert_eq!(get(&add, &format!("app=sshd&port={port}")).unwrap(), Ask::Open(wanted(ID, "sshd")));
        }
        // What only a browser's proxy understands is passed over.
        let public = "app=sshd&open_to_public=true&allowed_client_ips=10.0.0.1&subdomain=x&is_inference=true";
        assert_eq!(get(&add, public).unwrap(), Ask::Open(wanted(ID, "sshd")));
    }

    #[test]
    fn what_a_hostile_page_sends_is_refused() {
        let add = format!("proxy/local/{ID}/add");
        let long = "x".repeat(QUERY + 1);
        let many: String = (0..40).map(|n| format!("k{n}=1&")).collect();
        let crowded = format!(
            "args={{{}}}",
            (0..=PARAMETERS).map(|n| format!("\"a{n}\":1")).collect::<Vec<_>>().join(",")
        );
        let table: &[(&str, &str)] = &[
            // Paths that lead elsewhere.
            ("proxy/local/../../etc/passwd/add", "app=sshd"),
            ("proxy/local/..%2f..%2fetc/add", "app=sshd"),
            ("proxy/local/.hidden/add", "app=sshd"),
            ("proxy/local//add", "app=sshd"),
            ("proxy//x/add", "app=sshd"),
            ("proxy/local/a b/add", "app=sshd"),
            ("proxy/local/a?b/add", "app=sshd"),
            ("proxy/local/a\r\nHost: evil/add", "app=sshd"),
            ("proxy/local/세션/add", "app=sshd"),
            ("proxy/lo cal/x/add", "app=sshd"),
            ("proxy/local/x/add/more", "app=sshd"),
            ("proxy/local/x/execute", "app=sshd"),
            ("proxy/__proto__", ""),
            ("window/../status", ""),
            // Apps that are none.
            (&add, "app=sshd%26x%3D1"),
            (&add, "app=../sshd"),
            (&add, "app=.."),
            (&add, "app="),
            (&add, "app=ss%0d%0ahd"),
            (&add, "app=sshd&app=ttyd"),
            // Ports.
            (&add, "app=sshd&port=22"),
            (&add, "app=sshd&port=80"),
            (&add, "app=sshd&port=1023"),
            (&add, "app=sshd&port=65535"),
            (&add, "app=sshd&port=65536"),
            (&add, "app=sshd&port=-1"),
            (&add, "app=sshd&port=2222;id"),
            (&add, "app=sshd&port=2222&port=3333"),
            // Parameters.
            (&add, "app=ttyd&envs=[]"),
            (&add, "app=ttyd&envs={"),
            (&add, "app=ttyd&envs={\"a b\":\"c\"}"),
            (&add, "app=ttyd&envs={\"LD_PRELOAD=x\":\"c\"}"),
            (&add, "app=ttyd&envs={\"A\":{\"b\":1}}"),
            (&add, "app=ttyd&args={\"a\":[1]}"),
            (&add, "app=ttyd&args={\"\":\"x\"}"),
            (&add, "app=ttyd&args={\"a\":\"x\\ny\"}"),
            (&add, &crowded),
            (&add, &long),
            (&add, &many),
            // Others.
            ("sshd", "port=x"),
            ("redirect", ""),
            ("problem", "n=-1"),
            ("problem", ""),
            (&"p".repeat(PATH + 1), ""),
        ];
        for (path, query) in table {
            let refused = get(path, query).expect_err(&format!("{path:.80} {query:.80}"));
            assert!(matches!(refused.status, 400 | 404), "{path:.80} {query:.80}: {refused:?}");
        }
        for method in ["POST", "DELETE", "get", "", "OPTIONS", "CONNECT"] {
            let call = Call { method: method.into(), path: "status".into(), ..Call::default() };
            assert_eq!(Ask::read(&call).unwrap_err().status, 405, "{method}");
        }
        let body = Call { method: "GET".into(), path: add, body: Some("{}".into()), ..Call::default() };
        assert_eq!(Ask::read(&body).unwrap_err().status, 400);
        for body in ["", "{", "[]", "null", "{}", r#"{"mode":1}"#, &"[".repeat(5000), &" ".repeat(BODY + 1)] {
            assert_eq!(put(body).unwrap_err().status, 400, "{body:.40}");
        }
        let keypair = r#"{"mode":"API","access_key":"a","secret_key":"b","endpoint":"https://evil.example"}"#;
        assert_eq!(put(keypair).unwrap_err().status, 501);
    }

    #[test]
    fn calls_are_read_strictly() {
        let read = serde_json::from_str::<Call>;
        assert!(read(r#"{"method":"GET","path":"status"}"#).is_ok());
        for text in [
            r#"{"method":"GET"}"#,
            r#"{"method":"GET","path":["status"]}"#,
            r#"{"method":"GET","path":"status","__proto__":{}}"#,
            r#"{"method":"GET","path":"status","window":"main"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
