//! Faults x phases x directions, in real time: what only slows or passes by costs nothing, what breaks is recovered
//! before the first byte and told after it.

use std::time::Duration;

use berth::AccessMode;
use fault_proxy::{Direction, Fault, Rule};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

use crate::world::{BANNER, UPGRADE, World, greeted, guarded, kexinit, line, random};

/// Faults that cost time and nothing else. The black hole is taken away again.
const SLOWING: [Fault; 5] = [
    Fault::Latency(Duration::from_millis(20)),
    Fault::Bandwidth(4_000_000),
    Fault::Slices(61),
    Fault::BlackHole,
    Fault::SlowClose(Duration::from_millis(20)),
];

/// Faults that end a connection.
const BREAKING: [Fault; 2] = [Fault::Reset, Fault::Close];

/// Sets a fault for the next connection on which `bytes` are seen, and sees that it struck.
async fn begin(world: &World, fault: Fault, seen: Direction, bytes: &'static [u8], direction: Direction) {
    let fault = if let Fault::Slices(_) = fault { Fault::Slices(1) } else { fault };
    let mut struck = world.proxy.struck();
    let before = *struck.borrow_and_update();
    world.proxy.when(Rule { seen, bytes, direction, fault, times: 1 });
    let program = tokio::spawn(greeted(world.local().await));
    guarded(struck.wait_for(|struck| *struck > before)).await.unwrap();
    if fault == Fault::BlackHole {
        world.proxy.clear();
    }
    guarded(program).await.unwrap_or_else(|e| panic!("{fault:?} {direction:?}: {e}"));
    assert_eq!(world.incident(), None, "{fault:?} {direction:?}");
    world.next_is_good().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrade() {
    let world = World::new(AccessMode::Api).await;
    for direction in Direction::BOTH {
        for fault in SLOWING.into_iter().chain(BREAKING) {
            begin(&world, fault, Direction::Up, UPGRADE, direction).await;
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_exchange() {
    let mut world = World::new(AccessMode::Api).await;
    for direction in Direction::BOTH {
        for fault in SLOWING {
            begin(&world, fault, Direction::Down, BANNER, direction).await;
        }
    }
    // The greeting itself is lost: another upstream greets.
    for fault in BREAKING {
        begin(&world, fault, Direction::Down, BANNER, Direction::Down).await;
    }
    // It has arrived: what comes after it cannot be had again.
    for fault in BREAKING {
        world.proxy.when(Rule {
            seen: Direction::Down,
            bytes: BANNER,
            direction: Direction::Up,
            fault,
            times: 1,
        });
        let mut local = world.local().await;
        let banner = guarded(line(&mut local)).await.unwrap();
        assert!(banner.starts_with(BANNER));
        // A reset may come in between.
        let _ = local.write_all(b"SSH-2.0-test\r\n").await;
        guarded(kexinit(&mut local)).await.unwrap_err();
        drop(local);
        assert_eq!(guarded(world.lost()).await, "stream-failed", "{fault:?}");
        world.reopen().await;
        world.next_is_good().await;
    }
    world.stop().await;
}

/// A program in the session that gives back what it gets, over stock ssh.
struct Echo(Child);

impl Echo {
    async fn new(world: &World) -> Self {
        let mut echo = Self(world.ssh("cat"));
        echo.exchange(1).await;
        echo
    }

    /// Sends random bytes and expects them back.
    async fn exchange(&mut self, length: usize) {
        let bytes = random(length);
        let mut got = vec![0; length];
        let (stdin, stdout) = (self.0.stdin.as_mut().unwrap(), self.0.stdout.as_mut().unwrap());
        let both = async { tokio::join!(send(stdin, &bytes), stdout.read_exact(&mut got)) };
        let (sent, read) = guarded(both).await;
        sent.unwrap();
        read.unwrap();
        assert!(got == bytes, "other bytes came back");
    }

    /// Sends random bytes; what comes back before the end is the beginning of them. `at` is called after so many.
    async fn break_off(mut self, length: usize, after: usize, at: impl FnOnce()) {
        let bytes = random(length);
        let (mut stdin, mut stdout) = (self.0.stdin.take().unwrap(), self.0.stdout.take().unwrap());
        let mut got = vec![0; after];
        let receiving = async {
            guarded(stdout.read_exact(&mut got)).await.unwrap();
            at();
            guarded(stdout.read_to_end(&mut got)).await.unwrap();
        };
        let (_, ()) = tokio::join!(send(&mut stdin, &bytes), receiving);
        assert!(got.len() < length && bytes.starts_with(&got), "other bytes came back");
        assert_eq!(guarded(self.0.wait()).await.unwrap().code(), Some(255), "ssh says that it was cut off");
    }

    async fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(guarded(self.0.wait()).await.unwrap().success());
    }
}

async fn send(stdin: &mut tokio::process::ChildStdin, bytes: &[u8]) -> std::io::Result<()> {
    stdin.write_all(bytes).await?;
    stdin.flush().await
}

/// A connection in use, with `length` bytes at a time there and back.
async fn in_use(mode: AccessMode, length: usize, idle: bool) {
    let mut world = World::new(mode).await;
    let mut echo = Echo::new(&world).await;
    for direction in Direction::BOTH {
        for fault in SLOWING {
            world.proxy.set(direction, fault);
            if fault == Fault::BlackHole {
                // Given back as soon as something was held; all of it must come.
                let (proxy, up) = (&world.proxy, world.bench.berth.connections());
                let before = up.get(&world.connection.id).unwrap().traffic;
                let freed = async {
                    world
                        .bench
                        .until(|_| {
                            let now = up.get(&world.connection.id).unwrap().traffic;
                            now.bytes_up > before.bytes_up
                        })
                        .await;
                    proxy.clear();
                };
                tokio::join!(echo.exchange(length), freed);
            } else {
                echo.exchange(length).await;
            }
            world.proxy.clear();
        }
    }
    echo.end().await;
    assert_eq!(world.incident(), None);
    for direction in Direction::BOTH {
        for fault in BREAKING {
            let echo = Echo::new(&world).await;
            if idle {
                world.proxy.set(direction, fault);
                echo.break_off(length, 0, || ()).await;
            } else {
                echo.break_off(length * 8, length, || world.proxy.set(direction, fault)).await;
            }
            assert_eq!(guarded(world.lost()).await, "stream-failed", "{fault:?} {direction:?}");
            world.proxy.clear();
            world.reopen().await;
            world.next_is_good().await;
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle() {
    in_use(AccessMode::Session, 8, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mid_transfer() {
    in_use(AccessMode::Api, 512 * 1024, false).await;
}
