//! Each fault as clients and servers see it.
#![allow(clippy::unwrap_used, reason = "the lint's own exception for tests misses their helpers")]

use std::io;
use std::time::Duration;

use fault_proxy::{Direction, Fault, FaultProxy, Rule};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A server's listener, a proxy in front of it, and one connection through it.
struct Bench {
    listener: TcpListener,
    proxy: FaultProxy,
}

impl Bench {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap()).await.unwrap();
        Self { listener, proxy }
    }

    /// Client and server.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.address()).await.unwrap();
        (client, self.listener.accept().await.unwrap().0)
    }
}

fn from(direction: Direction, pair: (TcpStream, TcpStream)) -> (TcpStream, TcpStream) {
    match direction {
        Direction::Up => pair,
        Direction::Down => (pair.1, pair.0),
    }
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

fn some(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

async fn lost(stream: &mut TcpStream) {
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn bytes_and_ends_pass_unchanged_under_what_only_slows() {
    let bench = Bench::new().await;
    for fault in
        [Fault::None, Fault::Slices(31), Fault::Bandwidth(40_000_000), Fault::SlowClose(Duration::ZERO)]
    {
        for direction in Direction::BOTH {
            bench.proxy.set(direction, fault);
            let (mut giver, mut taker) = from(direction, bench.connect().await);
            let bytes = some(300_000);
            let (sent, got) = tokio::join!(giver.write_all(&bytes), read(&mut taker, bytes.len()));
            sent.unwrap();
            assert!(got == bytes, "{fault:?} {direction:?}");
            giver.shutdown().await.unwrap();
            assert_eq!(taker.read(&mut [0]).await.unwrap(), 0);
            taker.write_all(b"still there").await.unwrap();
            assert_eq!(read(&mut giver, 11).await, b"still there");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn latency_and_bandwidth_take_their_time() {
    let bench = Bench::new().await;
    let (mut client, mut server) = bench.connect().await;
    bench.proxy.set(Direction::Up, Fault::Latency(Duration::from_millis(50)));
    let start = Instant::now();
    client.write_all(b"x").await.unwrap();
    read(&mut server, 1).await;
    assert!(start.elapsed() >= Duration::from_millis(50));
    server.write_all(b"y").await.unwrap();
    read(&mut client, 1).await;

    bench.proxy.set(Direction::Down, Fault::Latency(Duration::from_millis(50)));
    let start = Instant::now();
    let (mut far_client, mut far_server) = bench.connect().await;
    far_client.write_all(b"x").await.unwrap();
    read(&mut far_server, 1).await;
    assert!(start.elapsed() >= Duration::from_millis(150), "a TCP handshake, and then the byte");

    bench.proxy.set(Direction::Down, Fault::Bandwidth(10_000));
    let start = Instant::now();
    server.write_all(&some(20_000)).await.unwrap();
    assert!(read(&mut client, 20_000).await == some(20_000));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(1900) && took < Duration::from_millis(2500), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_gives_back_what_it_took() {
    let bench = Bench::new().await;
    for direction in Direction::BOTH {
        let (mut giver, mut taker) = from(direction, bench.connect().await);
        bench.proxy.set(direction, Fault::BlackHole);
        giver.write_all(b"held").await.unwrap();
        giver.shutdown().await.unwrap();
        let hour = Duration::from_secs(3600);
        tokio::time::timeout(hour, taker.read(&mut [0])).await.unwrap_err();
        bench.proxy.clear();
        assert_eq!(read(&mut taker, 4).await, b"held");
        assert_eq!(taker.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_reset_comes_with_the_next_byte_or_at_once() {
    let bench = Bench::new().await;
    for direction in Direction::BOTH {
        let (mut giver, mut taker) = from(direction, bench.connect().await);
        bench.proxy.set(direction, Fault::Reset);
        giver.write_all(b"x").await.unwrap();
        lost(&mut giver).await;
        lost(&mut taker).await;
        bench.proxy.clear();
    }
    let (mut client, mut server) = bench.connect().await;
    client.write_all(b"x").await.unwrap();
    read(&mut server, 1).await;
    bench.proxy.reset_open();
    lost(&mut client).await;
    lost(&mut server).await;
    bench.proxy.open().wait_for(|open| *open == 0).await.unwrap();
    let (mut client, mut server) = bench.connect().await;
    client.write_all(b"x").await.unwrap();
    read(&mut server, 1).await;
}

#[tokio::test(start_paused = true)]
async fn ends_are_told_to_one_side_or_late() {
    let bench = Bench::new().await;
    for direction in Direction::BOTH {
        let (mut giver, mut taker) = from(direction, bench.connect().await);
        bench.proxy.set(direction, Fault::Close);
        assert_eq!(taker.read(&mut [0]).await.unwrap(), 0);
        giver.write_all(&some(100_000)).await.unwrap();
        taker.write_all(b"other way").await.unwrap();
        assert_eq!(read(&mut giver, 9).await, b"other way");
        bench.proxy.clear();

        bench.proxy.set(direction, Fault::SlowClose(Duration::from_secs(60)));
        let (mut giver, mut taker) = from(direction, bench.connect().await);
        let start = Instant::now();
        giver.write_all(b"x").await.unwrap();
        giver.shutdown().await.unwrap();
        read(&mut taker, 1).await;
        assert!(start.elapsed() < Duration::from_secs(1));
        assert_eq!(taker.read(&mut [0]).await.unwrap(), 0);
        assert!(start.elapsed() >= Duration::from_secs(60));
        bench.proxy.clear();
    }
}

#[tokio::test]
async fn a_rule_strikes_where_its_bytes_are_seen() {
    let bench = Bench::new().await;
    let mut struck = bench.proxy.struck();
    let (mut other, mut other_server) = bench.connect().await;
    let (mut client, mut server) = bench.connect().await;
    bench.proxy.when(Rule {
        seen: Direction::Up,
        bytes: b"magic",
        direction: Direction::Up,
        fault: Fault::Reset,
        times: 1,
    });
    client.write_all(b"before ma").await.unwrap();
    read(&mut server, 9).await;
    client.write_all(b"gic").await.unwrap();
    lost(&mut client).await;
    assert_eq!(*struck.wait_for(|struck| *struck > 0).await.unwrap(), 1);
    other.write_all(b"magic").await.unwrap();
    assert_eq!(read(&mut other_server, 5).await, b"magic", "it is spent");
}

#[tokio::test]
async fn a_websocket_is_taken_over_after_its_handshake() {
    let bench = Bench::new().await;
    let mut taken = bench.proxy.take_over_websockets();
    let (mut client, mut server) = bench.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    read(&mut server, 18).await;
    server.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\nfirst frame").await.unwrap();
    let mut taken = taken.recv().await.unwrap();
    taken.client.write_all(b"another").await.unwrap();
    assert_eq!(read(&mut client, 43).await, b"HTTP/1.1 101 Switching Protocols\r\n\r\nanother");
}
