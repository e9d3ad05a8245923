//! What the tests share: a bare client of the webserver, a bridge from TCP to its streams, and
//! the stock OpenSSH programs on it. Nothing here comes from the product's client.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use demo_cluster::{DemoCluster, Options, SessionInfo};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub type Ws = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A login at a cluster's webserver.
#[derive(Clone)]
pub struct Login {
    pub http: Client,
    pub base: String,
    pub cookie: String,
}

pub fn http() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub async fn start(options: Options) -> DemoCluster {
    DemoCluster::start(options).await.unwrap()
}

/// Sends a login and gives the answer as it is.
pub async fn try_login(cluster: &DemoCluster, body: &Value) -> Response {
    http().post(format!("{}/server/login", cluster.webserver_url())).json(body).send().await.unwrap()
}

pub async fn login_as(cluster: &DemoCluster, email: &str) -> Login {
    let account = cluster.accounts().into_iter().find(|account| account.email == email).unwrap();
    let response = try_login(cluster, &json!({"username": email, "password": account.password})).await;
    let cookie = cookie_of(&response).unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["authenticated"], true, "{answer}");
    Login { http: http(), base: cluster.webserver_url(), cookie }
}

pub async fn login(cluster: &DemoCluster) -> Login {
    login_as(cluster, demo_cluster::DEMO_USER).await
}

/// `NAME=value` of a fresh cookie.
pub fn cookie_of(response: &Response) -> Option<String> {
    let header = response.headers().get("set-cookie")?.to_str().unwrap();
    Some(header.split(';').next().unwrap().to_owned())
}

impl Login {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("Cookie", &self.cookie)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn gql(&self, query: &str, variables: Value) -> Value {
        let request = self.request(Method::POST, "/func/admin/gql");
        let (status, body) = answer(request.json(&json!({"query": query, "variables": variables}))).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub async fn stream(&self, target: &str) -> Result<Ws, WsError> {
        let url = format!("{}/func/stream/session/{target}", self.base.replace("http://", "ws://"));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Cookie", self.cookie.parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(socket)
    }
}

/// Status and JSON body (a JSON string where the body is none).
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The status of a refused handshake.
pub fn refusal(outcome: Result<Ws, WsError>) -> u16 {
    match outcome {
        Err(WsError::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => 101,
    }
}

pub fn session(cluster: &DemoCluster, name: &str) -> SessionInfo {
    cluster.sessions().into_iter().find(|session| session.name == name).unwrap()
}

/// A local port whose connections lead to a session's sshd, and the key for it.
pub struct Bridge {
    pub port: u16,
    pub folder: tempfile::TempDir,
    pub home: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn bridge(cluster: &DemoCluster, name: &str) -> Bridge {
    bridge_with(cluster, login(cluster).await, name).await
}

pub async fn bridge_with(cluster: &DemoCluster, login: Login, name: &str) -> Bridge {
    let session = session(cluster, name);
    let target = format!("{name}/tcpproxy?app=sshd");
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((local, _)) = listener.accept().await {
            let (login, target) = (login.clone(), target.clone());
            tokio::spawn(async move {
                if let Ok(remote) = login.stream(&target).await {
                    carry(local, remote).await;
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    write_key(&folder.path().join("key"), &session.key.unwrap());
    Bridge { port, folder, home: session.home.unwrap(), task }
}

pub fn write_key(path: &Path, key: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, key).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

async fn carry(local: TcpStream, remote: Ws) {
    local.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = local.into_split();
    let (mut sink, mut source) = remote.split();
    let up = async move {
        let mut buffer = vec![0; 128 * 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            if sink.send(Message::binary(buffer[..count].to_vec())).await.is_err() {
                return;
            }
        }
        let _ = sink.close().await;
    };
    let down = async move {
        while let Some(Ok(message)) = source.next().await {
            match message {
                Message::Binary(data) => {
                    let Ok(()) = writer.write_all(&data).await else { return };
                }
                Message::Close(_) => return,
                _ => {}
            }
        }
    };
    tokio::select! { () = up => {}, () = down => {} }
}

impl Bridge {
    /// Options that every OpenSSH program takes; nothing of the user's own setup counts.
    pub fn options(&self) -> Vec<String> {
        let mut all = vec!["-F".to_owned(), "/dev/null".to_owned()];
        let key = self.folder.path().join("key");
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "LogLevel=ERROR",
            "ConnectTimeout=20",
            &format!("IdentityFile={}", key.display()),
        ] {
            all.extend(["-o".to_owned(), option.to_owned()]);
        }
        all
    }

    pub fn ssh(&self) -> Command {
        self.ssh_with(&[])
    }

    /// `ssh` with further options before the destination.
    pub fn ssh_with(&self, further: &[&str]) -> Command {
        let mut command = quiet("ssh");
        command.args(self.options()).args(["-p", &self.port.to_string()]).args(further).arg("work@127.0.0.1");
        command
    }

    pub fn scp(&self, further: &[&str]) -> Command {
        let mut command = quiet("scp");
        command.args(self.options()).args(["-P", &self.port.to_string()]).args(further);
        command
    }

    /// `sftp` with a batch of commands from its standard input.
    pub async fn sftp(&self, batch: &str) -> Output {
        let mut command = quiet("sftp");
        command.args(self.options()).args(["-P", &self.port.to_string(), "-b", "-", "work@127.0.0.1"]);
        run_with(command, batch.as_bytes()).await
    }

    pub fn rsync(&self, further: &[&str]) -> Command {
        let mut command = quiet("rsync");
        let shell = format!("ssh {} -p {}", self.options().join(" "), self.port);
        command.args(["-e", &shell]).args(further);
        command
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true).env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
    command
}

#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub bytes: Vec<u8>,
}

impl Output {
    #[track_caller]
    pub fn success(self) -> Output {
        assert_eq!(self.code, Some(0), "{} {}", self.out, self.err);
        self
    }
}

/// Runs to the end; a program that hangs fails the test.
pub async fn run(command: Command) -> Output {
    run_with(command, b"").await
}

pub async fn run_with(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = tokio::spawn(async move {
        // A program that does not read all of it is a case of its own.
        let _ = stdin.write_all(&input).await;
    });
    let output = within(child.wait_with_output()).await.unwrap();
    feeding.abort();
    Output {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        bytes: output.stdout,
    }
}

/// A bound for what must not hang; generous, because it only matters when something is broken.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(60), work).await.expect("hangs")
}

/// Bytes that do not repeat soon.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if condition().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

/// Headers of a signed request to the manager (protocol.md 1.3), computed here on its own.
pub fn sign(
    cluster: &DemoCluster,
    method: &str,
    target: &str,
    content_type: &str,
) -> Vec<(&'static str, String)> {
    let account = cluster.account();
    sign_with(cluster, &account.access_key, &account.secret_key, method, target, content_type)
}

pub fn sign_with(
    cluster: &DemoCluster,
    access_key: &str,
    secret_key: &str,
    method: &str,
    target: &str,
    content_type: &str,
) -> Vec<(&'static str, String)> {
    use hmac::{Hmac, Mac as _};
    use sha2::{Digest as _, Sha256};
    let mac = |key: &[u8], data: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(data.as_bytes());
        mac.finalize().into_bytes()
    };
    let now = time::OffsetDateTime::now_utc();
    let date = now
        .format(time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00"
        ))
        .unwrap();
    let host = cluster.manager_url().replace("http://", "");
    let version = cluster.dialect().api_version();
    let nothing = hex::encode(Sha256::digest(b""));
    let text = format!(
        "{method}\n{target}\n{date}\nhost:{host}\ncontent-type:{content_type}\nx-backendai-version:{version}\n{nothing}"
    );
    let day = mac(secret_key.as_bytes(), &date[..10].replace('-', ""));
    let signature = hex::encode(mac(&mac(&day, &host), &text));
    vec![
        ("Date", date),
        ("X-BackendAI-Version", version.to_owned()),
        ("Authorization", format!("BackendAI signMethod=HMAC-SHA256, credential={access_key}:{signature}")),
    ]
}

/// A stream opened at the manager; `target` begins with the session.
pub async fn manager_stream(cluster: &DemoCluster, target: &str) -> Result<Ws, WsError> {
    let target = format!("/stream/session/{target}");
    let url = format!("{}{target}", cluster.manager_url().replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in sign(cluster, "GET", &target, "application/octet-stream") {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (socket, _) = tokio_tungstenite::connect_async(request).await?;
    Ok(socket)
}

/// The next data of a stream as text.
pub async fn data(socket: &mut Ws) -> String {
    loop {
        match within(socket.next()).await.unwrap().unwrap() {
            Message::Binary(data) => return String::from_utf8_lossy(&data).into_owned(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The close code a stream ends with; None for an end without one.
pub async fn close_code(socket: &mut Ws) -> Option<u16> {
    loop {
        match within(socket.next()).await {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}
