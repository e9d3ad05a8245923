//! The server: speaks as a manager does, to streams that do what the client's first nine bytes ask for.
//!
//! It listens on three ports, which lead to the same: plain TCP, WebSocket, and WebSocket over TLS. The app `sshd` is a
//! real sshd's port. Logins are not checked: signing is part of what is measured, checking is not.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::frames::{Got, PIECE, Reader, Writer};

/// What a stream is asked to do.
pub(crate) const UP: u8 = b'U';
pub(crate) const DOWN: u8 = b'D';
pub(crate) const ECHO: u8 = b'E';

/// The version that clients are told; the newest that the Python client of the benchmark knows.
const VERSION: &str = r#"{"version":"v7.20230615","manager":"23.09.10"}"#;
const APPS: &str =
    r#"[{"name":"bench","protocol":"tcp","ports":[7000]},{"name":"sshd","protocol":"tcp","ports":[2200]}]"#;

/// Serves until it is killed. Prints the three ports.
pub(crate) async fn run(certificate: &Path, sshd: u16) -> Result<()> {
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    let ws = TcpListener::bind("127.0.0.1:0").await?;
    let wss = TcpListener::bind("127.0.0.1:0").await?;
    let acceptor = tls(certificate)?;
    println!("{} {} {}", plain.local_addr()?.port(), ws.local_addr()?.port(), wss.local_addr()?.port());
    let sshd = SocketAddr::from(([127, 0, 0, 1], sshd));
    loop {
        tokio::select! {
            accepted = plain.accept() => {
                let (reader, writer) = quick(accepted?.0)?.into_split();
                spawn(serve(Reader::new(reader, false, &[]), Writer::new(writer, false)));
            }
            accepted = ws.accept() => {
                let (reader, writer) = quick(accepted?.0)?.into_split();
                spawn(http(reader, writer, sshd));
            }
            accepted = wss.accept() => {
                let (stream, acceptor) = (quick(accepted?.0)?, acceptor.clone());
                spawn(async move {
                    let (reader, writer) = tokio::io::split(acceptor.accept(stream).await?);
                    http(reader, writer, sshd).await
                });
            }
        }
    }
}

fn quick(stream: TcpStream) -> Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A client that goes away in any manner is the measuring end's affair.
fn spawn(task: impl Future<Output = Result<()>> + Send + 'static) {
    tokio::spawn(task);
}

/// A certificate of its own, written where the clients find it.
fn tls(certificate: &Path) -> Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    std::fs::write(certificate, made.cert.pem())
        .with_context(|| format!("cannot write {}", certificate.display()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers requests until one opens a stream.
async fn http<R, W>(mut reader: R, mut writer: W, sshd: SocketAddr) -> Result<()>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let mut head = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = head.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            if head.len() > 64 * 1024 || reader.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        let target = text.split(' ').nth(1).unwrap_or_default();
        if target.contains("/tcpproxy") {
            let key = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
            });
            let key = key.context("no WebSocket")?;
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                derive_accept_key(key.as_bytes())
            );
            writer.write_all(answer.as_bytes()).await?;
            writer.flush().await?;
            let reader = Reader::new(reader, true, &head[end..]);
            let writer = Writer::new(writer, true);
            return if target.contains("app=sshd") {
                bridge(reader, writer, sshd).await
            } else {
                serve(reader, writer).await
            };
        }
        let body = if target.ends_with("/apps") { APPS } else { VERSION };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        writer.write_all(answer.as_bytes()).await?;
        writer.flush().await?;
        head.drain(..end);
    }
}

/// Does what a stream asks for.
async fn serve<R, W>(mut reader: Reader<R>, mut writer: Writer<W>) -> Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut order = Vec::new();
    while order.len() < 9 {
        match reader.read().await? {
            Got::Bytes(bytes) => order.extend_from_slice(bytes),
            Got::Ping => writer.pong().await?,
            Got::End => return Ok(()),
        }
    }
    let amount = u64::from_be_bytes(order[1..9].try_into()?);
    match order[0] {
        UP => {
            let mut got = (order.len() - 9) as u64;
            while got < amount {
                match reader.read().await? {
                    Got::Bytes(bytes) => got += bytes.len() as u64,
                    Got::Ping => writer.pong().await?,
                    Got::End => return Ok(()),
                }
            }
            writer.write(b"K").await?;
        }
        DOWN => {
            let piece = vec![7; PIECE];
            let mut left = amount;
            while left > 0 {
                let now = left.min(PIECE as u64);
                writer.write(&piece[..usize::try_from(now)?]).await?;
                left -= now;
            }
        }
        ECHO => {
            if order.len() > 9 {
                writer.write(&order[9..]).await?;
            }
        }
        other => bail!("no order begins with {other}"),
    }
    // Everything goes on as an echo, which is also how a connection stays idle.
    loop {
        match reader.read().await? {
            Got::Bytes(bytes) => writer.write(bytes).await?,
            Got::Ping => writer.pong().await?,
            Got::End => return Ok(writer.end().await?),
        }
    }
}

/// Leads to an sshd.
async fn bridge<R, W>(mut reader: Reader<R>, writer: Writer<W>, sshd: SocketAddr) -> Result<()>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (mut from, mut to) = quick(TcpStream::connect(sshd).await?)?.into_split();
    let writer = Mutex::new(writer);
    let up = async {
        loop {
            match reader.read().await? {
                Got::Bytes(bytes) => to.write_all(bytes).await?,
                Got::Ping => writer.lock().await.pong().await?,
                Got::End => return anyhow::Ok(()),
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let amount = from.read(&mut buffer).await?;
            let mut writer = writer.lock().await;
            match amount {
                0 => return Ok(writer.end().await?),
                amount => writer.write(&buffer[..amount]).await?,
            }
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = down => ended,
    }
}
