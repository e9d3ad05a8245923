//! What is asked for, and whether it was reached.

use crate::peers::Peer::{self, Berth, BerthTls, Direct, Python, PythonTls, Relay};
use crate::rounds::Figure::{
    Cpu, Echo, FirstByteCold, FirstByteWarm, Idle, Left, Opened, Rate, ScpGet, ScpPut, With1000,
};
use crate::rounds::{Figure, Figures};

/// One goal.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    /// As it is written in the table.
    pub(crate) goal: &'static str,
    /// None where it was not measured.
    pub(crate) reached: Option<f64>,
    /// How the figure is written.
    pub(crate) unit: &'static str,
    pub(crate) met: bool,
}

enum Bound {
    Least(f64),
    Most(f64),
}
use Bound::{Least, Most};

/// Compares the figures with the goals.
pub(crate) fn judge(figures: &Figures) -> Vec<Goal> {
    const UP: bool = true;
    const DOWN: bool = false;
    let ratio = |one, other, figure| ratio(figures, one, other, figure);
    let alone = |peer, figure| median(figures.get(&(peer, figure))?);
    let per_connection = || {
        let (many, none) = (alone(Berth, With1000)?, alone(Berth, Idle)?);
        Some((many - none) / 1000.0)
    };
    let goal = |what, goal, bound, unit, reached: Option<f64>| {
        let met = reached.is_some_and(|reached| match bound {
            Least(least) => reached >= least,
            Most(most) => reached <= most,
        });
        Goal { what, goal, reached, unit, met }
    };
    vec![
        goal(
            "ws, CPU per GiB against the TCP relay, up",
            "<= 1.25",
            Most(1.25),
            "x",
            ratio(Berth, Relay, Cpu(UP, 1)),
        ),
        goal(
            "ws, CPU per GiB against the TCP relay, down",
            "<= 1.10",
            Most(1.1),
            "x",
            ratio(Berth, Relay, Cpu(DOWN, 1)),
        ),
        goal(
            "ws, throughput against the TCP relay, up",
            ">= 0.80",
            Least(0.8),
            "x",
            ratio(Berth, Relay, Rate(UP, 1)),
        ),
        goal(
            "ws, throughput against the TCP relay, down",
            ">= 0.90",
            Least(0.9),
            "x",
            ratio(Berth, Relay, Rate(DOWN, 1)),
        ),
        goal(
            "wss, throughput against the Python client, up",
            ">= 2.00",
            Least(2.0),
            "x",
            ratio(BerthTls, PythonTls, Rate(UP, 1)),
        ),
        goal(
            "wss, throughput against the Python client, down",
            ">= 2.00",
            Least(2.0),
            "x",
            ratio(BerthTls, PythonTls, Rate(DOWN, 1)),
        ),
        goal(
            "wss, CPU per GiB against the Python client, up",
            "<= 0.55",
            Most(0.55),
            "x",
            ratio(BerthTls, PythonTls, Cpu(UP, 1)),
        ),
        goal(
            "wss, CPU per GiB against the Python client, down",
            "<= 0.55",
            Most(0.55),
            "x",
            ratio(BerthTls, PythonTls, Cpu(DOWN, 1)),
        ),
        goal(
            "ws, throughput against the Python client, up",
            ">= 1.30",
            Least(1.3),
            "x",
            ratio(Berth, Python, Rate(UP, 1)),
        ),
        goal(
            "ws, throughput against the Python client, down",
            ">= 1.60",
            Least(1.6),
            "x",
            ratio(Berth, Python, Rate(DOWN, 1)),
        ),
        goal("scp put against direct ssh", ">= 0.90", Least(0.9), "x", ratio(Berth, Direct, ScpPut)),
        goal("scp get against direct ssh", ">= 0.80", Least(0.8), "x", ratio(Berth, Direct, ScpGet)),
        goal("1-byte echo p50 against the TCP relay", "<= 1.15", Most(1.15), "x", ratio(Berth, Relay, Echo)),
        goal(
            "first byte over wss at 50 ms, cold",
            "<= 215 ms",
            Most(215.0),
            " ms",
            alone(BerthTls, FirstByteCold),
        ),
        goal(
            "first byte over wss at 50 ms, warm",
            "<= 120 ms",
            Most(120.0),
            " ms",
            alone(BerthTls, FirstByteWarm),
        ),
        goal(
            "memory of an idle proxy",
            "<= 10 MiB",
            Most(10.0),
            " MiB",
            alone(Berth, Idle).map(|kib| kib / 1024.0),
        ),
        goal("memory per idle connection, ws", "<= 32 KiB", Most(32.0), " KiB", per_connection()),
        goal("connections open at once", ">= 1000", Least(1000.0), "", alone(Berth, Opened)),
        goal("of 1000 connections, left after 10 minutes", ">= 1000", Least(1000.0), "", alone(Berth, Left)),
    ]
}

/// The median of the rounds' ratios: what disturbs a round disturbs both of its peers.
fn ratio(figures: &Figures, one: Peer, other: Peer, figure: Figure) -> Option<f64> {
    let (one, other) = (figures.get(&(one, figure))?, figures.get(&(other, figure))?);
    median(&one.iter().zip(other).map(|(one, other)| one / other).collect::<Vec<_>>())
}

/// The middle value.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_by_the_median_of_the_ratios() {
        let mut figures = Figures::new();
        figures.insert((Berth, Echo), vec![11.0, 50.0, 33.0]);
        figures.insert((Relay, Echo), vec![10.0, 10.0, 30.0]);
        let goals = judge(&figures);
        let echo = goals.iter().find(|goal| goal.what.contains("echo")).unwrap();
        assert_eq!(echo.reached, Some(1.1));
        assert!(echo.met);
        assert!(goals.iter().filter(|goal| goal.reached.is_none()).all(|goal| !goal.met));
    }
}
