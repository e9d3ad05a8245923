//! Bytes through an open connection: all of them, in order, both ways, at the taker's pace.

use std::io;

use crate::support::{PIPE, connect, expect, expect_end, fake, next, pass, seconds, start, traffic, tunnel};
use tokio::io::{
    AsyncReadExt, AsyncWriteExt, BufReader, BufStream, DuplexStream, copy_bidirectional, duplex, split,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tunnel::{Connector, EndReason, Options, Refusal, Retry};

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::fill(&mut bytes);
    bytes
}

/// Sends `up` and `down` at the same time and checks what arrives.
async fn exchange(local: TcpStream, far: impl AsyncDuplex, up: Vec<u8>, down: Vec<u8>) {
    let (mut local_read, mut local_write) = local.into_split();
    let (mut far_read, mut far_write) = split(far);
    let (mut got_up, mut got_down) = (vec![0; up.len()], vec![0; down.len()]);
    let (a, b, c, d) = tokio::join!(
        local_write.write_all(&up),
        far_write.write_all(&down),
        far_read.read_exact(&mut got_up),
        local_read.read_exact(&mut got_down),
    );
    a.and(b).unwrap();
    c.and(d).unwrap();
    assert!(got_up == up && got_down == down, "bytes changed on the way");
}

trait AsyncDuplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> AsyncDuplex for T {}

#[tokio::test]
async fn sixty_four_mebibytes_each_way_at_once() {
    const LENGTH: usize = 64 * 1024 * 1024;
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut ends = tunnel.ends();
    let local = connect(&tunnel).await;
    exchange(local, control.far().await.io, random(LENGTH), random(LENGTH)).await;
    let end = next(&mut ends).await;
    assert_eq!((end.bytes_up, end.bytes_down), (LENGTH as u64, LENGTH as u64));
    assert!(end.reason.is_ordinary(), "{end:?}");
    let traffic = tunnel.traffic();
    assert_eq!((traffic.bytes_up, traffic.bytes_down), (LENGTH as u64, LENGTH as u64));
}

/// A connector whose upstreams are TCP connections.
struct Tcp(std::net::SocketAddr);

impl Connector for Tcp {
    type Stream = BufReader<TcpStream>;

    async fn open(&self) -> Result<Self::Stream, Refusal> {
        TcpStream::connect(self.0).await.map(BufReader::new).map_err(|error| Refusal {
            code: "tcp",
            message: error.to_string(),
            retry: Retry::AfterBackoff,
        })
    }
}

#[tokio::test]
async fn sixteen_mebibytes_each_way_over_tcp() {
    let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tunnel = start(Tcp(far.local_addr().unwrap()), Options::default());
    let local = connect(&tunnel).await;
    let (far, _) = far.accept().await.unwrap();
    exchange(local, far, random(16 * 1024 * 1024), random(16 * 1024 * 1024)).await;
}

#[tokio::test]
async fn slices_of_one_byte() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut local = connect(&tunnel).await;
    local.set_nodelay(true).unwrap();
    let mut far = control.far().await;
    for byte in 0..=255 {
        local.write_all(&[byte]).await.unwrap();
        far.expect(&[byte]).await;
        far.send(&[byte]).await;
        expect(&mut local, &[byte]).await;
    }
}

/// A connector whose upstreams hold back what is not flushed.
struct Lazy(mpsc::UnboundedSender<DuplexStream>);

impl Connector for Lazy {
    type Stream = BufStream<DuplexStream>;

    async fn open(&self) -> Result<Self::Stream, Refusal> {
        let (near, far) = duplex(PIPE);
        self.0.send(far).unwrap();
        Ok(BufStream::with_capacity(PIPE, PIPE, near))
    }
}

#[tokio::test]
async fn nothing_is_held_back_by_an_upstream_that_buffers() {
    for options in [Options::default(), Options::sshd()] {
        let (sender, mut fars) = mpsc::unbounded_channel();
        let tunnel = start(Lazy(sender), options);
        let mut local = connect(&tunnel).await;
        local.write_all(b"first").await.unwrap();
        let mut far = fars.recv().await.unwrap();
        expect(&mut far, b"first").await;
        far.write_all(b"SSH-2.0-x").await.unwrap();
        expect(&mut local, b"SSH-2.0-x").await;
        local.write_all(b"second").await.unwrap();
        expect(&mut far, b"second").await;
        local.shutdown().await.unwrap();
        drop(far);
        expect_end(&mut local).await;
    }
}

#[tokio::test]
async fn slices_of_any_length() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    for power in (0..20).chain((0..20).rev()) {
        let slice = random((1 << power) + fastrand::usize(..=1 << power));
        let (sent, ()) = tokio::join!(local.write_all(&slice), far.expect(&slice));
        sent.unwrap();
        tokio::join!(far.send(&slice), expect(&mut local, &slice));
    }
}

#[tokio::test]
async fn a_local_half_close_keeps_the_way_back() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    local.write_all(b"all I have").await.unwrap();
    local.shutdown().await.unwrap();
    let mut far = control.far().await;
    far.expect(b"all I have").await;
    let answer = random(4 * PIPE);
    tokio::join!(far.send(&answer), expect(&mut local, &answer));
    drop(far);
    expect_end(&mut local).await;
    let end = next(&mut ends).await;
    assert_eq!(end.reason, EndReason::LocalClosed);
    assert_eq!((end.bytes_up, end.bytes_down), (10, answer.len() as u64));
}

#[tokio::test]
async fn a_far_half_close_keeps_the_way_there() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(b"done").await;
    far.io.shutdown().await.unwrap();
    let mut got = Vec::new();
    local.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"done");
    let rest = random(4 * PIPE);
    let (sent, ()) = tokio::join!(local.write_all(&rest), far.expect(&rest));
    sent.unwrap();
    drop(local);
    far.left().await;
    assert_eq!(next(&mut ends).await.reason, EndReason::RemoteClosed);
}

#[tokio::test]
async fn a_half_closed_side_is_not_waited_for_for_ever() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    local.write_all(b"bye").await.unwrap();
    local.shutdown().await.unwrap();
    far.expect(b"bye").await;
    pass(seconds(9)).await;
    far.send(b"still here").await;
    expect(&mut local, b"still here").await;
    pass(seconds(9)).await;
    assert_eq!(tunnel.traffic().open, 1);
    pass(seconds(2)).await;
    far.left().await;
    assert_eq!(next(&mut ends).await.reason, EndReason::LocalClosed);

    let mut local = connect(&tunnel).await;
    drop(control.far().await);
    expect_end(&mut local).await;
    pass(seconds(11)).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::RemoteClosed);
}

#[tokio::test]
async fn an_upstream_nobody_reads_stops_the_sender() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    let bytes = random(64 * 1024 * 1024);
    {
        let mut sending = std::pin::pin!(local.write_all(&bytes));
        tokio::select! {
            _ = &mut sending => panic!("64 MiB went somewhere"),
            () = pass(seconds(1)) => {}
        }
        assert!(tunnel.traffic().bytes_up <= PIPE as u64);
        let (sent, ()) = tokio::join!(sending, far.expect(&bytes));
        sent.unwrap();
    }
}

#[tokio::test]
async fn a_local_program_that_does_not_read_stops_the_far_end() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    let bytes = random(64 * 1024 * 1024);
    let mut sending = std::pin::pin!(far.send(&bytes));
    tokio::select! {
        () = &mut sending => panic!("64 MiB went somewhere"),
        () = pass(seconds(1)) => {}
    }
    tokio::join!(sending, expect(&mut local, &bytes));
}

#[tokio::test]
async fn two_hundred_connections_at_once() {
    let (fake, mut control) = fake([]);
    let tunnel = start(fake, Options::default());
    let echo = tokio::spawn(async move {
        let mut echoes = JoinSet::new();
        for _ in 0..200 {
            let mut far = control.far().await;
            echoes.spawn(async move {
                let (mut read, mut write) = split(&mut far.io);
                tokio::io::copy(&mut read, &mut write).await.unwrap();
            });
        }
        echoes.join_all().await;
    });
    let mut locals = Vec::new();
    for _ in 0..200 {
        locals.push(connect(&tunnel).await);
    }
    let mut ends = tunnel.ends();
    let mut clients = JoinSet::new();
    for mut local in locals {
        clients.spawn(async move {
            let bytes = random(32 * 1024);
            local.write_all(&bytes).await.unwrap();
            expect(&mut local, &bytes).await;
            local
        });
    }
    let locals = clients.join_all().await;
    let busy = tunnel.traffic();
    assert_eq!((busy.open, busy.total), (200, 200));
    assert_eq!((busy.bytes_up, busy.bytes_down), (200 * 32 * 1024, 200 * 32 * 1024));
    assert!(busy.busy_since.is_some());
    drop(locals);
    pass(seconds(11)).await;
    echo.await.unwrap();
    let idle = traffic(&tunnel, |traffic| traffic.open == 0).await;
    assert_eq!((idle.total, idle.busy_since), (200, None));
    for _ in 0..200 {
        assert_eq!(next(&mut ends).await.reason, EndReason::LocalClosed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_several_threads() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut exchanges = JoinSet::new();
    for _ in 0..32 {
        let local = connect(&tunnel).await;
        let far = control.far().await;
        exchanges.spawn(exchange(local, far.io, random(1024 * 1024), random(1024 * 1024)));
    }
    exchanges.join_all().await;
    traffic(&tunnel, |traffic| traffic.open == 0).await;
    assert_eq!(tunnel.traffic().bytes_up, 32 * 1024 * 1024);
    assert_eq!(tunnel.traffic().bytes_down, 32 * 1024 * 1024);
}

/// A far end that writes a little and at once takes what is written, for ever: neither direction may keep
/// the task from the other, nor from orders.
#[tokio::test]
async fn a_busy_connection_still_stops() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    let mut mirror = TcpStream::connect(tunnel.address()).await.unwrap();
    let mut second = control.far().await;
    local.write_all(&random(PIPE)).await.unwrap();
    let rounds = tokio::spawn(async move { copy_bidirectional(&mut local, &mut mirror).await });
    let back = tokio::spawn(async move { copy_bidirectional(&mut far.io, &mut second.io).await });
    let mut seen = 0;
    while seen < 8 * PIPE as u64 {
        tokio::task::yield_now().await;
        seen = tunnel.traffic().bytes_up;
    }
    tunnel.stop().await;
    assert_eq!(tunnel.traffic().open, 0);
    let _: (io::Result<_>, io::Result<_>) = (rounds.await.unwrap(), back.await.unwrap());
}
