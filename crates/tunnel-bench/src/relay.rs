//! The measure of all proxies: tokio copies both ways, with buffers as large as Berth's, and nothing else.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

use crate::frames::PIECE;

/// Serves until it is killed. Prints its port.
pub(crate) async fn run(target: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut server = TcpStream::connect(target).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            copy_bidirectional_with_sizes(&mut client, &mut server, PIECE, PIECE).await
        });
    }
}
