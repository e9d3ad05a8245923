//! From accept to the first byte: nothing too early, again where that helps, and never a byte lost or
//! invented.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{
    Attempt, Near, connect, expect, expect_end, expect_gone, fake, next, pair, pass, refusal, seconds, start,
    traffic, tunnel,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tunnel::{Connector, EndReason, Options, Pipes, Refusal, Retry, relay_pipes};

const GREETING: &[u8] = b"SSH-2.0-dropbear_2024.85\r\n";
const HELLO: &[u8] = b"SSH-2.0-OpenSSH_9.2p1\r\n";

#[tokio::test]
async fn nothing_is_opened_before_a_program_connects() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    pass(seconds(3600)).await;
    assert_eq!(control.attempts(), 0);
    let _local = connect(&tunnel).await;
    control.far().await;
    assert_eq!(control.attempts(), 1);
}

#[tokio::test]
async fn a_final_refusal_is_told_at_once_and_resets_the_program() {
    let gone = refusal("session-gone", Retry::No);
    let (tunnel, mut control) = tunnel([Attempt::Refuse(gone.clone())], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let error = local.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(next(&mut ends).await.reason, EndReason::NotOpened(gone));
    assert_eq!(control.attempts(), 1);
}

#[tokio::test]
async fn a_passing_refusal_costs_the_program_nothing() {
    let busy = || Attempt::Refuse(refusal("gateway", Retry::AfterBackoff));
    let (tunnel, mut control) = tunnel([busy(), busy(), busy()], Options::default());
    let mut local = connect(&tunnel).await;
    local.write_all(HELLO).await.unwrap();
    pass(seconds(5)).await;
    let mut far = control.far().await;
    assert_eq!(control.attempts(), 4);
    far.expect(HELLO).await;
    far.send(b"hi").await;
    expect(&mut local, b"hi").await;
}

#[tokio::test]
async fn a_lasting_refusal_is_told_after_four_more_attempts() {
    let busy = refusal("gateway", Retry::AfterBackoff);
    let script: Vec<_> = (0..9).map(|_| Attempt::Refuse(busy.clone())).collect();
    let (tunnel, mut control) = tunnel(script, Options::default());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    traffic(&tunnel, |traffic| traffic.open == 1).await;
    pass(seconds(11)).await;
    expect_gone(&mut local).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::NotOpened(busy));
    assert_eq!(control.attempts(), 5);
}

#[tokio::test]
async fn a_connector_that_never_answers_is_given_up() {
    let (tunnel, mut control) = tunnel([Attempt::Hang], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let attempt = control.attempts.recv().await.unwrap();
    pass(seconds(31)).await;
    expect_gone(&mut local).await;
    let EndReason::NotOpened(refusal) = next(&mut ends).await.reason else { panic!("another reason") };
    assert_eq!(refusal.code, "open-timeout");
    attempt.await.unwrap_err();
}

#[tokio::test]
async fn a_program_that_leaves_cancels_the_opening() {
    for reset in [false, true] {
        let (tunnel, mut control) = tunnel([Attempt::Hang], Options::sshd());
        let mut ends = tunnel.ends();
        let mut local = connect(&tunnel).await;
        local.write_all(HELLO).await.unwrap();
        let attempt = control.attempts.recv().await.unwrap();
        if reset {
            local.set_zero_linger().unwrap();
        }
        drop(local);
        assert_eq!(next(&mut ends).await.reason, EndReason::LocalClosed);
        // It may be about to open, and is not waited for for ever.
        pass(seconds(16)).await;
        attempt.await.unwrap_err();
    }
}

#[tokio::test]
async fn an_upstream_that_opens_for_nobody_is_told_so() {
    let release = Arc::new(Notify::new());
    let (tunnel, mut control) = tunnel([Attempt::Late(Arc::clone(&release))], Options::sshd());
    let mut ends = tunnel.ends();
    let local = connect(&tunnel).await;
    control.attempts.recv().await.unwrap();
    drop(local);
    assert_eq!(next(&mut ends).await.reason, EndReason::LocalClosed);
    release.notify_one();
    let mut far = control.far().await;
    far.expect(tunnel::SSH_FAREWELL).await;
    far.left().await;
}

#[tokio::test]
async fn pipes_that_nobody_reads_leave_an_opening_upstream_with_a_farewell() {
    let release = Arc::new(Notify::new());
    let (connector, mut control) = fake([Attempt::Late(Arc::clone(&release))]);
    let pipes =
        Pipes { input: tokio::io::empty(), output: tokio::io::sink(), unread: std::future::ready(()) };
    let options = Options::sshd();
    let test = async {
        control.attempts.recv().await.unwrap();
        release.notify_one();
        let mut far = control.far().await;
        far.send(GREETING).await;
        far.expect(tunnel::SSH_FAREWELL).await;
        far.left().await;
    };
    let (reason, ()) = tokio::join!(relay_pipes(&connector, pipes, &options), test);
    assert_eq!(reason, EndReason::LocalClosed);
}

#[tokio::test]
async fn a_program_may_say_all_it_has_before_the_upstream_is_there() {
    let busy = refusal("gateway", Retry::AfterBackoff);
    let (tunnel, mut control) = tunnel([Attempt::Refuse(busy)], Options::default());
    let mut local = connect(&tunnel).await;
    let mut request = vec![0; 300_000];
    fastrand::fill(&mut request);
    local.write_all(&request).await.unwrap();
    local.shutdown().await.unwrap();
    pass(seconds(1)).await;
    let mut far = control.far().await;
    far.expect(&request).await;
    far.send(b"thanks").await;
    drop(far);
    expect(&mut local, b"thanks").await;
    expect_end(&mut local).await;
}

#[tokio::test]
async fn an_upstream_that_closes_before_its_greeting_is_replaced() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut local = connect(&tunnel).await;
    local.write_all(HELLO).await.unwrap();
    for _ in 0..5 {
        let mut far = control.far().await;
        far.expect(HELLO).await;
        drop(far);
        pass(seconds(3)).await;
    }
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;
    far.expect(HELLO).await;
    local.write_all(b"more").await.unwrap();
    far.expect(b"more").await;
}

#[tokio::test]
async fn an_sshd_that_never_has_a_place_is_given_up() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    let closing = tokio::spawn(async move { while control.fars.recv().await.is_some() {} });
    let mut local = connect(&tunnel).await;
    traffic(&tunnel, |traffic| traffic.open == 1).await;
    pass(seconds(40)).await;
    expect_gone(&mut local).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::NoFirstByte);
    drop(tunnel);
    closing.await.unwrap();
}

#[tokio::test]
async fn mute_upstreams_are_replaced_within_ten_seconds() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut mute = control.far().await;
    pass(seconds(3)).await;
    // One that wakes later keeps no place for nobody.
    mute.expect(tunnel::SSH_FAREWELL).await;
    mute.left().await;
    let mut far = control.far().await;
    far.send(GREETING).await;
    expect(&mut local, GREETING).await;

    let mut local = connect(&tunnel).await;
    local.write_all(b"SSH-2.0-test\r\n").await.unwrap();
    let mut first = control.far().await;
    first.expect(b"SSH-2.0-test\r\n").await;
    pass(seconds(3)).await;
    // It was greeted already.
    let greeting = tunnel::SSH_FAREWELL.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    first.expect(&tunnel::SSH_FAREWELL[greeting..]).await;
    let _second = control.far().await;
    pass(seconds(3)).await;
    let _third = control.far().await;
    pass(seconds(6)).await;
    expect_gone(&mut local).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::NoFirstByte);
}

#[tokio::test]
async fn an_upstream_that_breaks_before_its_greeting_is_explained() {
    let (tunnel, mut control) = tunnel([], Options::sshd());
    let mut ends = tunnel.ends();
    let mut local = connect(&tunnel).await;
    let mut far = control.far().await;
    far.fail(io::Error::other("close 1013"));
    pass(seconds(1)).await;
    let mut far = control.far().await;
    far.fail(io::Error::other("gone"));
    expect_gone(&mut local).await;
    assert_eq!(next(&mut ends).await.reason, EndReason::NotOpened(refusal("session-gone", Retry::No)));
    assert_eq!(control.attempts(), 2);
}

/// An sshd that takes five connections that have not signed in, and closes the sixth without a word.
#[derive(Clone, Default)]
struct Dropbear {
    signing_in: Arc<AtomicUsize>,
    turned_away: Arc<AtomicUsize>,
}

impl Connector for Dropbear {
    type Stream = Near;

    async fn open(&self) -> Result<Near, Refusal> {
        sleep(Duration::from_millis(50)).await;
        let (near, mut far) = pair();
        let this = self.clone();
        tokio::spawn(async move {
            if this.signing_in.fetch_add(1, Ordering::SeqCst) >= 5 {
                this.signing_in.fetch_sub(1, Ordering::SeqCst);
                this.turned_away.fetch_add(1, Ordering::SeqCst);
                return;
            }
            far.send(GREETING).await;
            far.expect(HELLO).await;
            sleep(Duration::from_millis(300)).await;
            this.signing_in.fetch_sub(1, Ordering::SeqCst);
            far.send(b"welcome").await;
            far.left().await;
        });
        Ok(near)
    }
}

/// Thirty programs at once; how many of their connections were turned away before they got through.
async fn burst(options: Options) -> usize {
    let sshd = Dropbear::default();
    let tunnel = start(sshd.clone(), options);
    let mut programs = JoinSet::new();
    for _ in 0..30 {
        let mut local = connect(&tunnel).await;
        programs.spawn(async move {
            local.write_all(HELLO).await.unwrap();
            expect(&mut local, GREETING).await;
            expect(&mut local, b"welcome").await;
            local
        });
    }
    let open = programs.join_all().await;
    assert_eq!(tunnel.traffic().open, 30);
    drop(open);
    traffic(&tunnel, |traffic| traffic.open == 0).await;
    sshd.turned_away.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_thirty_is_not_turned_away() {
    assert_eq!(burst(Options::sshd()).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_thirty_that_is_turned_away_gets_through_all_the_same() {
    assert!(burst(Options { sign_in_takes: Duration::ZERO, ..Options::sshd() }).await > 0);
}

#[tokio::test]
async fn only_so_many_sign_in_at_a_time() {
    let (tunnel, mut control) = tunnel([], Options { handshakes_at_once: 2, ..Options::sshd() });
    let mut locals = Vec::new();
    for _ in 0..6 {
        locals.push(connect(&tunnel).await);
    }
    traffic(&tunnel, |traffic| traffic.open == 6).await;
    let mut first = control.far().await;
    let mut second = control.far().await;
    pass(seconds(1)).await;
    assert_eq!(control.attempts(), 2);
    // Greeted, but the sign-in goes on for its second.
    first.send(GREETING).await;
    pass(Duration::from_millis(900)).await;
    assert_eq!(control.attempts(), 0);
    pass(Duration::from_millis(200)).await;
    let mut third = control.far().await;
    // More than a sign-in says.
    second.send(&[1; 5000]).await;
    let mut fourth = control.far().await;
    // Gone before it was over.
    third.fail(io::Error::other("gone"));
    let _fifth = control.far().await;
    fourth.send(GREETING).await;
    fourth.fail(io::Error::other("gone"));
    let _sixth = control.far().await;
}
