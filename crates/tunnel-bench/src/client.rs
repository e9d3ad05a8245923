//! The local programs: they transfer, echo, connect, and hold.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::frames::PIECE;
use crate::stub::{DOWN, ECHO, UP};

/// Nothing here takes longer unless it hangs.
const HANG: Duration = Duration::from_secs(120);
/// How long one more connection may take among many.
const OPENING: Duration = Duration::from_secs(5);

/// Opens a stream and asks for something.
async fn ask(port: u16, what: u8, amount: u64) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut order = [what; 9];
    order[1..].copy_from_slice(&amount.to_be_bytes());
    stream.write_all(&order).await?;
    Ok(stream)
}

/// Which way a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// Transfers so many bytes over so many streams together; how long it took.
pub(crate) async fn transfer(port: u16, way: Way, streams: u64, volume: u64) -> Result<Duration> {
    let each = volume / streams;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        tasks.spawn(async move {
            match way {
                Way::Up => up(port, each).await,
                Way::Down => down(port, each).await,
            }
        });
    }
    while let Some(task) = timeout(HANG, tasks.join_next()).await.context("a transfer hangs")? {
        task??;
    }
    Ok(start.elapsed())
}

async fn up(port: u16, amount: u64) -> Result<()> {
    let mut stream = ask(port, UP, amount).await?;
    let piece = vec![7; PIECE];
    let mut left = amount;
    while left > 0 {
        let now = left.min(PIECE as u64);
        stream.write_all(&piece[..usize::try_from(now)?]).await?;
        left -= now;
    }
    let mut answer = [0];
    stream.read_exact(&mut answer).await?;
    if answer != *b"K" {
        bail!("another answer than expected");
    }
    Ok(())
}

async fn down(port: u16, amount: u64) -> Result<()> {
    let mut stream = ask(port, DOWN, amount).await?;
    let mut buffer = vec![0; PIECE];
    let mut left = amount;
    while left > 0 {
        let got = stream.read(&mut buffer).await? as u64;
        if got == 0 || got > left {
            bail!("{left} bytes are missing, {got} came");
        }
        left -= got;
    }
    Ok(())
}

/// The median time of a round trip of one byte.
pub(crate) async fn echo(port: u16, times: usize) -> Result<Duration> {
    let mut stream = ask(port, ECHO, 0).await?;
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        echoed(&mut stream).await?;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    Ok(took[times / 2])
}

/// Connects so often, one after another, each until its first byte came back; how long all took.
pub(crate) async fn connect(port: u16, times: usize) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..times {
        first_byte(port).await?;
    }
    Ok(start.elapsed())
}

/// From connecting to the first byte that comes back.
pub(crate) async fn first_byte(port: u16) -> Result<Duration> {
    let start = Instant::now();
    let mut stream = ask(port, ECHO, 0).await?;
    echoed(&mut stream).await?;
    Ok(start.elapsed())
}

/// Connections that are open and have echoed, until there are so many or no more is to be had.
pub(crate) async fn hold(port: u16, held: &mut Vec<TcpStream>, wanted: usize) -> Result<()> {
    while held.len() < wanted {
        let opening = async {
            let mut stream = ask(port, ECHO, 0).await?;
            echoed(&mut stream).await?;
            anyhow::Ok(stream)
        };
        match timeout(OPENING, opening).await {
            Ok(stream) => held.push(stream?),
            Err(_) => break,
        }
    }
    Ok(())
}

/// How many of these still echo.
pub(crate) async fn alive(held: &mut [TcpStream]) -> usize {
    let mut alive = 0;
    for stream in held {
        alive += usize::from(matches!(timeout(OPENING, echoed(stream)).await, Ok(Ok(()))));
    }
    alive
}

async fn echoed(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(&[9]).await?;
    let mut byte = [0];
    stream.read_exact(&mut byte).await?;
    if byte != [9] {
        bail!("another byte came back");
    }
    Ok(())
}
