//! TCP forwarding: `-L` and `-D` (direct-tcpip) and `-R` (forwarded-tcpip).

use std::net::Ipv4Addr;

use russh::server::{ChannelOpenHandle, Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelOpenFailure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::inbox::inbox;

/// Connects to where the client wants and carries bytes until both sides have ended.
pub(super) async fn connect(channel: Channel<Msg>, host: String, port: u32, reply: ChannelOpenHandle) {
    let Ok(port) = u16::try_from(port) else {
        return reply.reject(ChannelOpenFailure::ConnectFailed).await;
    };
    // Inside a session, `main1` is the session itself.
    let host = if host == "main1" { "localhost".to_owned() } else { host };
    match TcpStream::connect((host.as_str(), port)).await {
        Ok(stream) => {
            reply.accept().await;
            carry(channel, stream).await;
        }
        Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
    }
}

/// A port for `-R`: on loopback, whatever address the client asks for.
pub(super) async fn listen(port: u32) -> std::io::Result<TcpListener> {
    let port = u16::try_from(port).map_err(|_| std::io::ErrorKind::InvalidInput)?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Offers every connection to the port to the client.
pub(super) async fn accept(
    listener: TcpListener,
    handle: Handle,
    address: String,
    port: u32,
    tasks: TaskTracker,
) {
    while let Ok((stream, from)) = listener.accept().await {
        let (handle, address) = (handle.clone(), address.clone());
        tasks.spawn(async move {
            let opened = handle
                .channel_open_forwarded_tcpip(address, port, from.ip().to_string(), u32::from(from.port()))
                .await;
            if let Ok(channel) = opened {
                carry(channel, stream).await;
            }
        });
    }
}

/// Carries bytes both ways, each direction with its own end.
async fn carry(channel: Channel<Msg>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (mut from_client, to_client) = channel.split();
    let (mut reader, mut writer) = stream.into_split();
    let (inbox, mut outbox) = inbox();
    let receive = async {
        while let Some(message) = from_client.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    let Ok(()) = inbox.push(data).await else { break };
                }
                ChannelMsg::Eof => inbox.finish(),
                ChannelMsg::Close => break,
                _ => {}
            }
        }
        inbox.finish();
    };
    let up = async {
        while let Ok(Some(data)) = outbox.next().await {
            if writer.write_all(&data).await.is_err() {
                break;
            }
        }
        // The other side may have gone already.
        let _ = writer.shutdown().await;
    };
    let down = async {
        let mut buffer = bytes::BytesMut::new();
        loop {
            buffer.reserve(64 * 1024);
            match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    if to_client.data_bytes(buffer.split().freeze()).await.is_err() {
                        return;
                    }
                }
            }
        }
        let _ = to_client.eof().await;
    };
    // The client's Close may arrive while what it sent before is still being written; without a
    // Close, both directions have to end.
    tokio::pin!(receive, up, down);
    let (mut closed, mut up_ended, mut down_ended) = (false, false, false);
    while !(up_ended && (down_ended || closed)) {
        tokio::select! {
            () = &mut receive, if !closed => closed = true,
            () = &mut up, if !up_ended => up_ended = true,
            () = &mut down, if !down_ended => down_ended = true,
        }
    }
    let _ = to_client.close().await;
}
