//! Paths that stay cut: nobody is told, so only time tells. On a paused clock; the programs outside do not notice.
//!
//! | phase | cut | ends as | within |
//! |---|---|---|---|
//! | upgrade | any, of everything | `unreachable` | 10 s |
//! | upgrade | either way, of such requests alone: the app may be starting | `unreachable` | 30 s |
//! | first byte | down | `no-first-byte` | 12 s |
//! | key exchange, idle | of this one connection alone | `path-lost` | 10 s, and 2 s for a program that does not hang up |
//! | key exchange, idle | any, of everything | `path-lost` | 55 s |
//! | transfer | up | what the sshd does about it: it hangs up after three keep-alives; `silent` behind a webserver | 100 s |
//! | transfer | down, both | `silent` | 55 s |

use std::time::Duration;

use berth::AccessMode;
use fault_proxy::{Direction, Fault, Rule};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::world::{BANNER, UPGRADE, World, guarded, line};

/// How long the pings of a stream take to tell a dead path where nothing gets through: an outage of 45 s is borne.
const PINGS: u64 = 56;
const UP: &[Direction] = &[Direction::Up];
const DOWN: &[Direction] = &[Direction::Down];
const BOTH: &[Direction] = &Direction::BOTH;

/// Lets time pass without waiting for it until the connection is gone, for this reason and within so many seconds.
/// "closed" is no incident: the far end took leave.
pub(crate) async fn ends(world: &World, code: &str, within: u64) {
    tokio::time::pause();
    let start = Instant::now();
    while world.open() > 0 || world.incident().is_none() && code != "closed" {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() < Duration::from_secs(within), "{code}: still there: {:?}", world.incident());
    }
    tokio::time::resume();
    assert_eq!(world.incident().as_deref().unwrap_or("closed"), code);
}

/// The next program is served, by a tunnel without an incident.
async fn recovers(world: &mut World) {
    world.proxy.clear();
    world.reopen().await;
    world.next_is_good().await;
}

async fn opening(seen: Direction, bytes: &'static [u8], direction: Direction, code: &str, within: u64) {
    let mut world = World::new(AccessMode::Session).await;
    world.proxy.when(Rule { seen, bytes, direction, fault: Fault::BlackHole, times: usize::MAX });
    let mut local = world.local().await;
    world.accepted().await;
    ends(&world, code, within).await;
    guarded(local.read(&mut [0])).await.unwrap_err();
    recovers(&mut world).await;
    world.stop().await;
}

#[tokio::test]
async fn while_the_request_is_on_its_way() {
    opening(Direction::Up, UPGRADE, Direction::Up, "unreachable", 31).await;
}

#[tokio::test]
async fn while_the_answer_is_on_its_way() {
    opening(Direction::Up, UPGRADE, Direction::Down, "unreachable", 31).await;
}

#[tokio::test]
async fn while_nobody_is_answered() {
    let mut world = World::new(AccessMode::Session).await;
    for directions in [UP, DOWN, BOTH] {
        world.cut(directions);
        let mut local = world.local().await;
        world.accepted().await;
        ends(&world, "unreachable", 11).await;
        guarded(local.read(&mut [0])).await.unwrap_err();
        recovers(&mut world).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn before_the_first_byte() {
    opening(Direction::Down, BANNER, Direction::Down, "no-first-byte", 13).await;
}

#[tokio::test]
async fn in_the_key_exchange() {
    let mut world = World::new(AccessMode::Session).await;
    for directions in [UP, DOWN, BOTH] {
        let mut local = world.local().await;
        guarded(line(&mut local)).await.unwrap();
        world.cut(directions);
        local.write_all(b"SSH-2.0-test\r\n").await.unwrap();
        ends(&world, "path-lost", PINGS).await;
        recovers(&mut world).await;
    }
    world.stop().await;
}

/// As after a change of network: the old connection is dead, new ones get through. Here time passes by itself, for a
/// new connection has to be made and answered meanwhile.
#[tokio::test]
async fn of_one_connection_alone() {
    let mut world = World::new(AccessMode::Session).await;
    for direction in Direction::BOTH {
        world.proxy.when(Rule {
            seen: Direction::Down,
            bytes: b"diffie-hellman",
            direction,
            fault: Fault::BlackHole,
            times: 1,
        });
    }
    let mut local = world.local().await;
    guarded(line(&mut local)).await.unwrap();
    local.write_all(b"SSH-2.0-test\r\n").await.unwrap();
    assert_eq!(world.lost().await, "path-lost");
    guarded(local.read_to_end(&mut Vec::new())).await.unwrap();
    recovers(&mut world).await;
    world.stop().await;
}

/// A stock ssh, signed in, whose path is cut. `loaded`: while bytes go both ways.
async fn signed_in(mode: AccessMode, loaded: bool, cases: [(&[Direction], &str, u64); 3]) {
    let mut world = World::new(mode).await;
    for (directions, code, within) in cases {
        let mut ssh = world.ssh("cat");
        let (mut stdin, mut stdout) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
        let feeding = tokio::spawn(async move {
            stdin.write_all(&[7; 6]).await.unwrap();
            while loaded && stdin.write_all(&[7; 64 * 1024]).await.is_ok() {}
            stdin
        });
        let before = if loaded { 300_000 } else { 6 };
        guarded(stdout.read_exact(&mut vec![0; before])).await.unwrap();
        world.cut(directions);
        let rest = tokio::spawn(async move {
            let mut rest = Vec::new();
            stdout.read_to_end(&mut rest).await.unwrap();
            rest
        });
        ends(&world, code, within).await;
        assert!(guarded(rest).await.unwrap().iter().all(|byte| *byte == 7));
        assert_eq!(guarded(ssh.wait()).await.unwrap().code(), Some(255), "ssh says that it was cut off");
        guarded(feeding).await.unwrap();
        recovers(&mut world).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn idle_behind_a_webserver() {
    let cases = [UP, DOWN, BOTH].map(|directions| (directions, "path-lost", PINGS));
    signed_in(AccessMode::Session, false, cases).await;
}

#[tokio::test]
async fn idle_at_the_manager() {
    let cases = [UP, DOWN, BOTH].map(|directions| (directions, "path-lost", PINGS));
    signed_in(AccessMode::Api, false, cases).await;
}

#[tokio::test]
async fn mid_transfer_behind_a_webserver() {
    let cases = [(UP, "silent", 100), (DOWN, "silent", 55), (BOTH, "silent", 55)];
    signed_in(AccessMode::Session, true, cases).await;
}

#[tokio::test]
async fn mid_transfer_at_the_manager() {
    let cases = [(UP, "closed", 100), (DOWN, "silent", 55), (BOTH, "silent", 55)];
    signed_in(AccessMode::Api, true, cases).await;
}
