//! A cluster that misbehaves: what it answers instead of opening a stream, and what it sends inside one.
//!
//! Elsewhere, and not repeated here: certificates that are not trusted (`backend-ai/tests/tls.rs`), false handshakes
//! and close codes (`backend-ai/tests/stream.rs`), every violation of the framing (the decoder's own tests), redirects
//! at sign-in (`backend-ai/tests/probe.rs`), nonsense in place of the session list (`main_job.rs`).

use std::time::Duration;

use berth::AccessMode;
use demo_cluster::Fault;
use fault_proxy::TakenOver;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cut::ends;
use crate::world::{World, guarded, line};

const GREETING: &[u8] = b"SSH-2.0-dropbear_2024.85\r\n";
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

/// A frame whose header says this length, and carries these bytes.
fn frame(head: u8, says: u64, carries: &[u8]) -> Vec<u8> {
    let mut frame = vec![head, 127];
    frame.extend_from_slice(&says.to_be_bytes());
    frame.extend_from_slice(carries);
    frame
}

/// A frame as it should be.
fn honest(head: u8, carries: &[u8]) -> Vec<u8> {
    // Short ones must say so in the short form.
    let mut frame = vec![head, u8::try_from(carries.len()).unwrap()];
    assert!(carries.len() < 126);
    frame.extend_from_slice(carries);
    frame
}

/// A local program and the server's end of its stream, greeted.
async fn greeted(world: &World) -> (TcpStream, TakenOver) {
    let mut taken = world.proxy.take_over_websockets();
    let mut local = world.local().await;
    let mut server = guarded(taken.recv()).await.unwrap();
    world.proxy.leave_websockets();
    server.client.write_all(&honest(BINARY, GREETING)).await.unwrap();
    assert_eq!(guarded(line(&mut local)).await.unwrap(), GREETING);
    (local, server)
}

async fn read_rest(mut local: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // Cut off or closed: either is an end.
    let _ = guarded(local.read_to_end(&mut rest)).await;
    rest
}

#[tokio::test]
async fn answers_that_open_no_stream_are_told_and_put_no_byte_into_it() {
    let mut world = World::new(AccessMode::Session).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other_host = format!("http://localhost:{}/", elsewhere.local_addr().unwrap().port());
    let cases = [
        (Fault::GarbageJson, "app-failed"),
        (Fault::Empty, "app-failed"),
        (Fault::Html, "app-failed"),
        (Fault::EndlessBody, "app-failed"),
        (Fault::Status(429), "rate-limited"),
        (Fault::Status(500), "app-failed"),
        (Fault::Status(502), "gateway"),
        (Fault::Status(503), "gateway"),
        (Fault::Hang, "unreachable"),
        (Fault::Redirect(other_host), "app-failed"),
    ];
    for (fault, code) in cases {
        world
            .bench
            .cluster
            .control()
            .fail(&format!("/stream/session/{}/tcp", world.connection.session_id), fault);
        let local = world.local().await;
        world.accepted().await;
        ends(&world, code, 60).await;
        assert_eq!(read_rest(local).await, b"");
        world.bench.cluster.control().clear_faults();
        world.reopen().await;
        world.next_is_good().await;
    }
    let asked = tokio::select! {
        biased;
        _ = elsewhere.accept() => true,
        () = std::future::ready(()) => false,
    };
    assert!(!asked, "nothing goes to a host that an answer names");
    world.stop().await;
}

#[tokio::test]
async fn frames_that_end_too_soon_or_lie_end_the_connection_and_nothing_is_made_up() {
    let mut world = World::new(AccessMode::Api).await;
    let cases: [(&str, Vec<u8>, &[u8]); 5] = [
        ("closes after half a header", vec![BINARY], b""),
        ("closes in a frame", frame(BINARY, 100_000, b"part"), b"part"),
        ("a length beyond all bounds", frame(BINARY, 1 << 63, b"part"), b""),
        ("masked, as no server may", vec![BINARY, 0x84, 1, 2, 3, 4, 5, 6, 7, 8], b""),
        ("a ping longer than pings are", frame(PING, 70_000, b"part"), b""),
    ];
    for (what, bytes, arrives) in cases {
        let (local, mut server) = greeted(&world).await;
        server.client.write_all(&bytes).await.unwrap();
        server.client.shutdown().await.unwrap();
        assert_eq!(read_rest(local).await, arrives, "{what}");
        assert_eq!(guarded(world.lost()).await, "stream-failed", "{what}");
        world.reopen().await;
        world.next_is_good().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn text_is_not_mixed_into_the_bytes() {
    let world = World::new(AccessMode::Session).await;
    let (mut local, mut server) = greeted(&world).await;
    server.client.write_all(&honest(TEXT, b"<html><h1>502 Bad Gateway</h1></html>")).await.unwrap();
    server.client.write_all(&honest(BINARY, b"bytes\n")).await.unwrap();
    assert_eq!(guarded(line(&mut local)).await.unwrap(), b"bytes\n");
    drop((local, server));
    world.next_is_good().await;
    world.stop().await;
}

#[tokio::test]
async fn a_stall_in_a_frame_is_noticed() {
    let mut world = World::new(AccessMode::Api).await;
    let (mut local, mut server) = greeted(&world).await;
    server.client.write_all(&frame(BINARY, 100_000, b"part\n")).await.unwrap();
    assert_eq!(guarded(line(&mut local)).await.unwrap(), b"part\n");
    ends(&world, "path-lost", 120).await;
    assert_eq!(read_rest(local).await, b"");
    world.reopen().await;
    world.next_is_good().await;
    world.stop().await;
}

#[tokio::test]
async fn a_stream_that_never_greets_is_given_up() {
    let mut world = World::new(AccessMode::Session).await;
    let mut taken = world.proxy.take_over_websockets();
    let local = world.local().await;
    world.accepted().await;
    ends(&world, "no-first-byte", 13).await;
    assert_eq!(read_rest(local).await, b"");
    let _in_turn: [TakenOver; 3] = std::array::from_fn(|_| taken.try_recv().unwrap());
    taken.try_recv().unwrap_err();
    world.proxy.leave_websockets();
    world.reopen().await;
    world.next_is_good().await;
    world.stop().await;
}

/// Writes until nothing more is taken for a second that does not have to be waited for; how much was taken.
async fn flood(server: &mut TcpStream, piece: &[u8], most: usize) -> usize {
    let mut taken = 0;
    while taken < most {
        tokio::time::pause();
        let wrote = tokio::time::timeout(Duration::from_secs(1), server.write(piece)).await;
        tokio::time::resume();
        match wrote {
            Ok(wrote) => taken += wrote.unwrap(),
            Err(_) => break,
        }
    }
    taken
}

#[tokio::test]
async fn a_flood_that_nobody_reads_is_not_stored() {
    const MOST: usize = 256 * 1024 * 1024;
    let world = World::new(AccessMode::Api).await;
    let (mut local, mut server) = greeted(&world).await;
    // One message without an end.
    server.client.write_all(&frame(BINARY, 1 << 40, b"")).await.unwrap();
    let taken = flood(&mut server.client, &[7; 256 * 1024], MOST).await;
    assert!(taken < 64 * 1024 * 1024, "{taken} bytes went somewhere");
    let mut got = vec![0; taken];
    guarded(local.read_exact(&mut got)).await.unwrap();
    assert!(got.iter().all(|byte| *byte == 7));
    drop((local, server));
    world.next_is_good().await;
    world.stop().await;
}

#[tokio::test]
async fn a_flood_of_pings_takes_neither_memory_nor_the_stream() {
    let world = World::new(AccessMode::Session).await;
    let (mut local, mut server) = greeted(&world).await;
    let ping = honest(PING, &[9; 125]);
    let pings: Vec<u8> = ping.iter().copied().cycle().take(ping.len() * 2000).collect();
    // Nobody reads the pongs, so only so many fit into the sockets; the rest must not be kept.
    for _ in 0..200 {
        guarded(server.client.write_all(&pings)).await.unwrap();
    }
    server.client.write_all(&honest(BINARY, b"still there\n")).await.unwrap();
    assert_eq!(guarded(line(&mut local)).await.unwrap(), b"still there\n");
    drop((local, server));
    world.next_is_good().await;
    world.stop().await;
}
