//! How connections and tunnels end, who is told, and what is left: nothing.

use std::io;

use crate::support::{
    Attempt, Far, connect, expect, expect_end, expect_gone, next, pass, refusal, seconds, traffic, tunnel,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;
use tunnel::{EndReason, LoopbackListener, Options, PortReason, PortWishes, Retry, Tunnel};

const GREETING: &[u8] = b"SSH-2.0-dropbear_2024.85\r\n";

#[tokio::test]
async fn the_far_end_closes_after_its_last_bytes() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    far.send(&[7; 50_000]).await;
    drop(far);
    expect(&mut local, GREETING).await;
    expect(&mut local, &[7; 50_000]).await;
    expect_end(&mut local).await;
    drop(local);
    let end = next(&mut ends).await;
    assert_eq!((end.number, end.reason), (1, EndReason::RemoteClosed));
    assert_eq!(end.bytes_down, 50_000 + GREETING.len() as u64);
}

#[tokio::test]
async fn a_lost_upstream_is_explained_after_its_last_bytes() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    for (error, code) in [("gone", "session-gone"), ("odd", "upstream-failed")] {
        let mut local = connect(&tunnel).await;
        let mut far = control.far().await;
        far.send(GREETING).await;
        expect(&mut local, GREETING).await;
        far.send(b"last words").await;
        expect(&mut local, b"last words").await;
        far.fail(io::Error::other(error));
        expect_end(&mut local).await;
        drop(local);
        let EndReason::UpstreamFailed(refusal) = next(&mut ends).await.reason else { panic!("other") };
        assert_eq!(refusal.code, code);
    }
}

#[tokio::test]
async fn what_is_sent_to_a_closed_far_end_does_not_keep_the_connection() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    drop(control.far().await);
    expect_end(&mut local).await;
    local.write_all(&[0; 100_000]).await.unwrap();
    local.shutdown().await.unwrap();
    assert_eq!(next(&mut ends).await.reason, EndReason::RemoteClosed);
}

#[tokio::test]
async fn a_far_end_that_takes_no_more_may_still_say_why() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut ends = tunnel.ends();
    for says_why in [true, false] {
        let mut local = connect(&tunnel).await;
        let mut far = control.far().await;
        far.deafen();
        local.write_all(&[0; 500_000]).await.unwrap();
        far.send(b"last words").await;
        expect(&mut local, b"last words").await;
        if says_why {
            drop(far);
            expect_end(&mut local).await;
            drop(local);
            assert_eq!(next(&mut ends).await.reason, EndReason::RemoteClosed);
        } else {
            pass(seconds(11)).await;
            expect_gone(&mut local).await;
            let gone = refusal("session-gone", Retry::No);
            assert_eq!(next(&mut ends).await.reason, EndReason::UpstreamFailed(gone));
        }
    }
}

#[tokio::test]
async fn a_killed_program_frees_the_upstream_at_once() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    local.set_zero_linger().unwrap();
    drop(local);
    far.expect(Options::sshd().farewell).await;
    far.left().await;
    assert_eq!(next(&mut ends).await.reason, EndReason::LocalClosed);
}

#[tokio::test]
async fn open_connections_are_closed_for_a_reason_and_new_ones_served() {
    let (tunnel, mut control) = tunnel([Attempt::Open, Attempt::Hang], Options::sshd());
    let mut ends = tunnel.ends();
    let mut relaying = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut relaying, GREETING).await;
    let mut opening = connect(&tunnel).await;
    control.attempts.recv().await.unwrap();
    let attempt = control.attempts.recv().await.unwrap();

    let why = refusal("session-ended", Retry::No);
    tunnel.close_connections(why.clone());
    expect_gone(&mut relaying).await;
    expect_gone(&mut opening).await;
    far.expect(Options::sshd().farewell).await;
    far.left().await;
    attempt.await.unwrap_err();
    for _ in 0..2 {
        assert_eq!(next(&mut ends).await.reason, EndReason::Closed(why.clone()));
    }

    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    assert_eq!(tunnel.traffic().open, 1);
}

#[tokio::test]
async fn a_stopped_tunnel_leaves_nothing() {
    let (tunnel, mut control) = tunnel([Attempt::Open, Attempt::Hang], Options::sshd());
    let mut ends = tunnel.ends();
    let mut relaying = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut relaying, GREETING).await;
    let mut opening = connect(&tunnel).await;
    control.attempts.recv().await.unwrap();
    let attempt = control.attempts.recv().await.unwrap();

    tunnel.stop().await;
    assert_eq!(tunnel.traffic().open, 0);
    attempt.await.unwrap_err();
    far.expect(Options::sshd().farewell).await;
    far.left().await;
    expect_gone(&mut relaying).await;
    expect_gone(&mut opening).await;
    for _ in 0..2 {
        assert_eq!(next(&mut ends).await.reason, EndReason::Stopped);
    }
    let error = TcpStream::connect(tunnel.address()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    // Its connector is gone with its tasks.
    assert!(control.fars.recv().await.is_none());

    tunnel.stop().await;
    tunnel.close_connections(refusal("session-ended", Retry::No));
    let wishes = PortWishes { preferred: Some(tunnel.port()), last: None };
    assert_eq!(LoopbackListener::bind(wishes).unwrap().reason(), &PortReason::Preferred);
}

#[tokio::test]
async fn a_far_end_that_does_not_listen_holds_up_no_stop() {
    let (tunnel, mut control) = tunnel([], Options::default());
    let mut local = connect(&tunnel).await;
    let far = control.far().await;
    let filled = tunnel.changes();
    let bytes = vec![0; 32 * 1024 * 1024];
    tokio::select! {
        _ = local.write_all(&bytes) => panic!("32 MiB went somewhere"),
        () = pass(seconds(1)) => {}
    }
    tunnel.stop().await;
    assert!(filled.has_changed().unwrap());
    drop(far);
}

#[tokio::test]
async fn a_dropped_tunnel_ends_too() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    let address = tunnel.address();
    drop(tunnel);
    expect_gone(&mut local).await;
    far.expect(Options::sshd().farewell).await;
    far.left().await;
    assert_eq!(next(&mut ends).await.reason, EndReason::Stopped);
    assert_eq!(ends.recv().await.unwrap_err(), RecvError::Closed);
    assert!(control.fars.recv().await.is_none());
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn changes_tell_of_connections_and_not_of_bytes() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut changes = tunnel.changes();
    let mut local = connect(&tunnel).await;
    changes.changed().await.unwrap();
    let busy = traffic(&tunnel, |traffic| traffic.open == 1).await;
    assert!(busy.busy_since.is_some());
    let mut far = control.far().await;
    changes.borrow_and_update();
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    assert!(!changes.has_changed().unwrap());
    drop(local);
    drop(far);
    changes.changed().await.unwrap();
    assert_eq!(traffic(&tunnel, |traffic| traffic.open == 0).await.busy_since, None);
}

/// A signed-in connection to a dropbear: it has sent one keep-alive.
async fn signed_in() -> (Tunnel, Far, TcpStream) {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    pass(seconds(15)).await;
    keepalive(&mut far, &mut local).await;
    (tunnel, far, local)
}

async fn keepalive(far: &mut Far, local: &mut TcpStream) {
    far.send(&[1; 52]).await;
    expect(local, &[1; 52]).await;
    local.write_all(&[2; 28]).await.unwrap();
    far.expect(&[2; 28]).await;
}

#[tokio::test]
async fn an_idle_connection_with_keepalives_lives_on() {
    let (tunnel, mut far, mut local) = signed_in().await;
    for _ in 0..240 {
        pass(seconds(15)).await;
        keepalive(&mut far, &mut local).await;
    }
    pass(seconds(45)).await;
    assert_eq!(tunnel.traffic().open, 1);
}

#[tokio::test]
async fn a_silent_far_end_is_dead() {
    let (tunnel, mut far, mut local) = signed_in().await;
    let mut ends = tunnel.ends();
    // The local program's own keep-alives are no sign of life.
    pass(seconds(30)).await;
    local.write_all(&[2; 28]).await.unwrap();
    far.expect(&[2; 28]).await;
    pass(seconds(21)).await;
    expect_gone(&mut local).await;
    far.left().await;
    assert_eq!(next(&mut ends).await.reason, EndReason::Silent);
}

#[tokio::test]
async fn a_slow_sign_in_is_not_silence() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    pass(seconds(290)).await;
    keepalive(&mut far, &mut local).await;
    assert_eq!(tunnel.traffic().open, 1);
}

#[tokio::test]
async fn a_stopped_local_program_is_not_silence() {
    let (tunnel, mut far, mut local) = signed_in().await;
    let bytes = vec![3; 64 * 1024 * 1024];
    let mut sending = std::pin::pin!(far.send(&bytes));
    tokio::select! {
        () = &mut sending => panic!("64 MiB went somewhere"),
        () = pass(seconds(3600)) => {}
    }
    assert_eq!(tunnel.traffic().open, 1);
    tokio::join!(sending, expect(&mut local, &bytes));
    pass(seconds(45)).await;
    assert_eq!(tunnel.traffic().open, 1);
    let mut ends = tunnel.ends();
    pass(seconds(6)).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::Silent);
}

#[tokio::test]
async fn a_suspended_computer_gets_a_fresh_chance() {
    let (tunnel, mut far, mut local) = signed_in().await;
    tokio::time::pause();
    tokio::time::advance(seconds(3600)).await;
    tokio::time::resume();
    pass(seconds(45)).await;
    assert_eq!(tunnel.traffic().open, 1);
    keepalive(&mut far, &mut local).await;
    let mut ends = tunnel.ends();
    pass(seconds(51)).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::Silent);
}

#[tokio::test]
async fn a_program_that_only_looks_leaves_with_a_farewell() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    // Before the far end has said anything, and after.
    for greets in [false, true] {
        let mut local = connect(&tunnel).await;
        let mut far = control.far().await;
        if greets {
            far.send(GREETING).await;
            expect(&mut local, GREETING).await;
        }
        drop(local);
        far.expect(Options::sshd().farewell).await;
        far.left().await;
        assert_eq!(next(&mut ends).await.reason, EndReason::LocalClosed);
    }
    // One that is interrupted between packets in the clear has its packet said for it, later nothing is.
    let farewell = Options::sshd().farewell;
    let greeting = farewell.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let newkeys = [0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (more, last) in [(&newkeys[..0], &farewell[greeting..]), (&newkeys[..7], b""), (&newkeys[..], b"")] {
        let mut local = connect(&tunnel).await;
        let mut far = control.far().await;
        far.send(GREETING).await;
        let said = [b"SSH-2.0-mine\r\n", more].concat();
        local.write_all(&said).await.unwrap();
        far.expect(&said).await;
        drop(local);
        far.expect(last).await;
        far.left().await;
    }
}
