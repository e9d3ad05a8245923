//! The tables, for the terminal and for the document.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Plan;
use crate::goals::{Goal, median};
use crate::peers::Peer;
use crate::rounds::{Figure, Figures};

/// What stands around the tables in the document.
const BEGIN: &str = "<!-- cargo xtask bench --write: begin -->\n";
const END: &str = "<!-- end -->\n";

/// Name, figure and decimals of each row.
const ROWS: &[(&str, Figure, usize)] = &[
    ("up, 1 stream, MiB/s", Figure::Rate(true, 1), 0),
    ("… CPU s/GiB", Figure::Cpu(true, 1), 2),
    ("down, 1 stream, MiB/s", Figure::Rate(false, 1), 0),
    ("… CPU s/GiB", Figure::Cpu(false, 1), 2),
    ("up, 8 streams, MiB/s", Figure::Rate(true, 8), 0),
    ("… CPU s/GiB", Figure::Cpu(true, 8), 2),
    ("down, 8 streams, MiB/s", Figure::Rate(false, 8), 0),
    ("… CPU s/GiB", Figure::Cpu(false, 8), 2),
    ("1-byte echo p50, µs", Figure::Echo, 0),
    ("connections per second", Figure::Setup, 0),
    ("… CPU ms each", Figure::SetupCpu, 2),
    ("scp put, MiB/s", Figure::ScpPut, 0),
    ("scp get, MiB/s", Figure::ScpGet, 0),
    ("first byte at 50 ms, cold, ms", Figure::FirstByteCold, 0),
    ("… at once after, ms", Figure::FirstByteWarm, 0),
    ("memory without connections, KiB", Figure::Idle, 0),
    ("… with 200 idle ones, KiB", Figure::With200, 0),
    ("… with 1000, KiB", Figure::With1000, 0),
    ("of 1000 connections, opened", Figure::Opened, 0),
    ("… left after the idle time", Figure::Left, 0),
];

/// Both tables, as Markdown.
pub(crate) fn write(plan: &Plan, figures: &Figures, goals: &[Goal], took: Duration) -> String {
    let mut text = String::new();
    let about = format!(
        "{}, {} rounds in turns, {} MiB per transfer, scp of {} MiB, {} minutes idle; the run took {} minutes.",
        machine(),
        plan.rounds,
        plan.volume >> 20,
        plan.file >> 20,
        plan.idle.as_secs() / 60,
        took.as_secs().div_ceil(60),
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{about}\n\n| goal | asked | reached | |\n|---|---|---|---|");
    for Goal { what, goal, reached, unit, met } in goals {
        let reached = reached.map_or("not measured".to_owned(), |reached| format!("{reached:.2}{unit}"));
        let verdict = if *met { "met" } else { "**not met**" };
        let _ = writeln!(text, "| {what} | {goal} | {reached} | {verdict} |");
    }
    let peers: Vec<Peer> =
        Peer::ALL.into_iter().filter(|peer| figures.keys().any(|(known, _)| known == peer)).collect();
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    let _ = writeln!(text, "\n| median | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for (name, figure, decimals) in ROWS {
        let values: Vec<String> = peers
            .iter()
            .map(|peer| {
                let value = figures.get(&(*peer, *figure)).and_then(|values| median(values));
                value.map_or("–".to_owned(), |value| format!("{value:.decimals$}"))
            })
            .collect();
        let _ = writeln!(text, "| {name} | {} |", values.join(" | "));
    }
    text
}

/// Puts the tables into the document, in place of those before.
pub(crate) fn replace(document: &Path, tables: &str) -> Result<()> {
    let text =
        std::fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let (before, rest) = text.split_once(BEGIN).context("the document has no place for the tables")?;
    let (_, after) = rest.split_once(END).context("the document's place for the tables has no end")?;
    std::fs::write(document, format!("{before}{BEGIN}\n{tables}\n{END}{after}"))?;
    Ok(())
}

/// Processor, cores, and how busy they were with other things.
fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, model)| model.trim()))
        .unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{model}, {cores} cores")
}
