//! The run: all peers in turns, several times, so that what else the machine does meets all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fault_proxy::{Direction, Fault, FaultProxy};

use crate::Plan;
use crate::client::{self, Way};
use crate::peers::{Peer, Ports};
use crate::process::Process;
use crate::scp::Sshd;
use crate::{goals, report};

/// One figure of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// MiB per second, and CPU seconds of the proxy per GiB.
    Rate(Up, Streams),
    Cpu(Up, Streams),
    /// Microseconds, median of a round.
    Echo,
    /// Connections per second, and CPU milliseconds of the proxy for each.
    Setup,
    SetupCpu,
    /// MiB per second.
    ScpPut,
    ScpGet,
    /// Milliseconds, with 50 ms of round trip.
    FirstByteCold,
    FirstByteWarm,
    /// KiB of resident memory: no connection yet, 200, 1000.
    Idle,
    With200,
    With1000,
    /// How many of 1000 connections could be opened, and how many were left after the idle time.
    Opened,
    Left,
}

/// Upward, or else downward.
pub(crate) type Up = bool;
/// How many streams share a transfer.
pub(crate) type Streams = u64;

/// Every figure of every peer, one for each round.
pub(crate) type Figures = BTreeMap<(Peer, Figure), Vec<f64>>;

/// The round trip between proxy and server where that is what counts.
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Time for a connection to be made in advance, at that round trip.
const BETWEEN: Duration = Duration::from_millis(600);
/// Longer than any of the clients keeps a connection that nobody uses.
const FORGOTTEN: Duration = Duration::from_secs(55);
const MANY: usize = 1000;

/// Measures everything and writes the tables.
pub(crate) async fn run(plan: Plan) -> Result<()> {
    let began = Instant::now();
    std::fs::create_dir_all(&plan.folder)?;
    let sshd = Sshd::start(&plan.folder, plan.file)?;
    let certificate = plan.folder.join("certificate.pem");
    let (_stub, ports) =
        Process::role(&["stub".as_ref(), certificate.as_os_str(), sshd.port().to_string().as_ref()])?;
    let [plain, ws, wss] = ports[..] else { anyhow::bail!("the stub names {ports:?}") };
    let ports = Ports { plain, ws, wss, sshd: sshd.port(), certificate, python: plan.python.clone() };
    let peers: Vec<Peer> =
        Peer::ALL.into_iter().filter(|peer| plan.python.is_some() || !peer.is_python()).collect();

    let mut figures = Figures::new();
    for round in 1..=plan.rounds {
        for &peer in peers.iter().filter(|_| plan.wants("streams")) {
            eprintln!("round {round} of {}: {}", plan.rounds, peer.name());
            streams(&plan, &ports, peer, &mut figures).await.with_context(|| peer.name())?;
        }
        let copying = [Peer::Direct, Peer::Berth, Peer::Python];
        for peer in copying.into_iter().filter(|peer| plan.wants("scp") && peers.contains(peer)) {
            eprintln!("round {round} of {}: scp, {}", plan.rounds, peer.name());
            let running = ports.start(peer, "sshd").await?;
            let mut note = |figure, value| figures.entry((peer, figure)).or_default().push(value);
            note(Figure::ScpPut, sshd.put(running.port)?);
            note(Figure::ScpGet, sshd.get(running.port)?);
        }
        if plan.wants("far") {
            eprintln!("round {round} of {}: far away", plan.rounds);
            far_away(&ports, &peers, &mut figures).await?;
        }
    }
    for &peer in peers.iter().filter(|peer| plan.wants("memory") && **peer != Peer::Direct) {
        eprintln!("memory: {}", peer.name());
        memory(&ports, peer, plan.idle, &mut figures).await.with_context(|| peer.name())?;
    }
    let goals = goals::judge(&figures);
    let text = report::write(&plan, &figures, &goals, began.elapsed());
    println!("\n{text}");
    if let Some(document) = &plan.document {
        report::replace(document, &text)?;
    }
    Ok(())
}

/// Transfers, round trips and connections.
async fn streams(plan: &Plan, ports: &Ports, peer: Peer, figures: &mut Figures) -> Result<()> {
    let running = ports.start(peer, "bench").await?;
    let mut note = |figure, value| figures.entry((peer, figure)).or_default().push(value);
    let cpu = || running.process.as_ref().map(Process::cpu).transpose();
    let gib = plan.volume as f64 / (1 << 30) as f64;
    // What is allocated, compiled or resolved once is not counted.
    client::transfer(running.port, Way::Up, 1, plan.volume / 16).await?;
    client::transfer(running.port, Way::Down, 1, plan.volume / 16).await?;
    for many in [1, 8] {
        for way in [Way::Up, Way::Down] {
            let before = cpu()?;
            let took = client::transfer(running.port, way, many, plan.volume).await?;
            let up = way == Way::Up;
            note(Figure::Rate(up, many), gib * 1024.0 / took.as_secs_f64());
            if let (Some(before), Some(after)) = (before, cpu()?) {
                note(Figure::Cpu(up, many), (after - before).as_secs_f64() / gib);
            }
        }
    }
    note(Figure::Echo, client::echo(running.port, plan.echoes).await?.as_secs_f64() * 1e6);
    let before = cpu()?;
    let took = client::connect(running.port, plan.setups).await?;
    note(Figure::Setup, plan.setups as f64 / took.as_secs_f64());
    if let (Some(before), Some(after)) = (before, cpu()?) {
        note(Figure::SetupCpu, (after - before).as_secs_f64() * 1e3 / plan.setups as f64);
    }
    Ok(())
}

/// The first byte over a long way: with no connection at hand, and a moment later.
async fn far_away(ports: &Ports, peers: &[Peer], figures: &mut Figures) -> Result<()> {
    let remote = [Peer::Berth, Peer::Python, Peer::BerthTls, Peer::PythonTls];
    let mut running = Vec::new();
    for peer in remote.into_iter().filter(|peer| peers.contains(peer)) {
        let server = if matches!(peer, Peer::Berth | Peer::Python) { ports.ws } else { ports.wss };
        let delay = FaultProxy::start(([127, 0, 0, 1], server).into()).await?;
        for direction in Direction::BOTH {
            delay.set(direction, Fault::Latency(ROUND_TRIP / 2));
        }
        let started = ports.start_at(peer, "bench", delay.address().port()).await?;
        // Whoever opens a stream has signed in before: trust store and random numbers are at hand.
        client::first_byte(started.port).await.with_context(|| peer.name())?;
        running.push((peer, started, delay));
    }
    tokio::time::sleep(FORGOTTEN).await;
    for (peer, started, _delay) in &running {
        for figure in [Figure::FirstByteCold, Figure::FirstByteWarm] {
            let took = client::first_byte(started.port).await?.as_secs_f64() * 1e3;
            figures.entry((*peer, figure)).or_default().push(took);
            tokio::time::sleep(BETWEEN).await;
        }
    }
    Ok(())
}

/// Memory with many idle connections, and whether they stay.
async fn memory(ports: &Ports, peer: Peer, idle: Duration, figures: &mut Figures) -> Result<()> {
    let running = ports.start(peer, "bench").await?;
    let process = running.process.as_ref().context("no process")?;
    let mut note = |figure, value| figures.entry((peer, figure)).or_default().push(value);
    // Whatever starting up leaves to do is done.
    tokio::time::sleep(Duration::from_secs(1)).await;
    note(Figure::Idle, process.memory()? as f64);
    let mut held = Vec::new();
    for (wanted, figure) in [(200, Figure::With200), (MANY, Figure::With1000)] {
        client::hold(running.port, &mut held, wanted).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if held.len() == wanted {
            note(figure, process.memory()? as f64);
        }
    }
    note(Figure::Opened, held.len() as f64);
    if matches!(peer, Peer::Berth | Peer::BerthTls) && !idle.is_zero() {
        eprintln!("{} connections stay idle for {} s", held.len(), idle.as_secs());
        tokio::time::sleep(idle).await;
        note(Figure::Left, client::alive(&mut held).await as f64);
    }
    Ok(())
}
