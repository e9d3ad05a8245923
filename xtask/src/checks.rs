//! `cargo xtask test`: every check and every test, the same for a developer and for CI.
//!
//! The steps run one after another and all of them run, so that one failure does not hide the next; a step whose
//! groundwork failed is left out. Each says how long it took. The exit code is 0 only when nothing failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{arrows, demo, run, setup};

/// Features of every compilation here: with `custom-protocol` the app embeds the UI. One set for all steps, because
/// each further one compiles Tauri and its plugins again.
const FEATURES: &[&str] = &["--workspace", "--features", "berth-desktop/custom-protocol", "--locked"];

/// Where the generated TypeScript types are.
const BINDINGS: &str = "ui/src/bindings";

struct Step {
    name: &'static str,
    what: &'static str,
    /// Part of `--quick`.
    quick: bool,
    /// Steps that must not have failed before.
    needs: &'static [&'static str],
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "setup", what: "install what is missing", quick: true, needs: &[], run: setup::rust },
    Step { name: "format", what: "cargo fmt --check", quick: true, needs: &[], run: format },
    Step { name: "arrows", what: "who may depend on whom", quick: true, needs: &[], run: arrows::check },
    Step { name: "ui-build", what: "install and build ui/", quick: true, needs: &[], run: demo::build_ui },
    Step { name: "ui-lint", what: "lint ui/", quick: true, needs: &["ui-build"], run: || npm("lint") },
    Step {
        name: "ui-test",
        what: "unit tests of ui/",
        quick: true,
        needs: &["ui-build"],
        run: || npm("test"),
    },
    Step { name: "lint", what: "clippy, no warnings", quick: true, needs: &["setup", "ui-build"], run: lint },
    Step {
        name: "rust",
        what: "Rust tests, bindings",
        quick: true,
        needs: &["setup", "ui-build"],
        run: rust,
    },
    Step { name: "endurance", what: "10 000 connections", quick: false, needs: &["setup"], run: endurance },
    Step { name: "doc", what: "documentation", quick: false, needs: &["setup", "ui-build"], run: doc },
    Step { name: "deny", what: "licences, bans, sources", quick: false, needs: &[], run: deny },
    Step {
        name: "ui-screens",
        what: "screens in Chromium",
        quick: false,
        needs: &["setup", "ui-build"],
        run: || npm("screens"),
    },
    Step {
        name: "window",
        what: "tests in the real window",
        quick: false,
        needs: &["setup", "ui-build"],
        run: window,
    },
];

enum Outcome {
    Passed,
    Failed,
    LeftOut,
}

/// Runs the steps that the arguments ask for.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut quick = false;
    let mut what = None;
    for argument in arguments {
        match argument.as_str() {
            "--quick" => quick = true,
            "--list" => {
                for step in STEPS {
                    println!("{:11} {}", step.name, step.what);
                }
                return Ok(ExitCode::SUCCESS);
            }
            flag if flag.starts_with('-') => {
                bail!("usage: cargo xtask test [--quick] [--list] [STEP | PART_OF_A_TEST_NAME]")
            }
            name if what.is_none() => what = Some(name),
            _ => bail!("one step or one part of a test's name at a time"),
        }
    }
    match what {
        Some(name) if !STEPS.iter().any(|step| step.name == name) => {
            matching(name)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(name) => {
            let wanted =
                STEPS.iter().find(|step| step.name == name).map(|step| step.needs).unwrap_or_default();
            Ok(report(&steps(|step| step.name == name || wanted.contains(&step.name))))
        }
        None => Ok(report(&steps(|step| step.quick || !quick))),
    }
}

fn steps(wanted: impl Fn(&Step) -> bool) -> Vec<(&'static Step, Outcome, Duration)> {
    let mut done: Vec<(&Step, Outcome, Duration)> = Vec::new();
    for step in STEPS.iter().filter(|step| wanted(step)) {
        let broken = step.needs.iter().find(|need| {
            done.iter().any(|(other, outcome, _)| other.name == **need && !matches!(outcome, Outcome::Passed))
        });
        if let Some(broken) = broken {
            eprintln!("\n== {}: left out, because {broken} failed", step.name);
            done.push((step, Outcome::LeftOut, Duration::ZERO));
            continue;
        }
        eprintln!("\n== {}: {}", step.name, step.what);
        let started = Instant::now();
        let outcome = match (step.run)() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                eprintln!("xtask: {}: {error:#}", step.name);
                Outcome::Failed
            }
        };
        let took = started.elapsed();
        eprintln!("== {}: {} s", step.name, took.as_secs());
        done.push((step, outcome, took));
    }
    done
}

fn report(done: &[(&Step, Outcome, Duration)]) -> ExitCode {
    println!();
    let (mut passed, mut failed) = (0, 0);
    for (step, outcome, took) in done {
        let word = match outcome {
            Outcome::Passed => {
                passed += 1;
                "passed"
            }
            Outcome::Failed => {
                failed += 1;
                "FAILED"
            }
            Outcome::LeftOut => {
                failed += 1;
                "left out"
            }
        };
        println!("{:11} {:9} {:>5} s  {}", step.name, word, took.as_secs(), step.what);
    }
    println!("steps: {passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn format() -> Result<()> {
    run::run("cargo", &["fmt", "--all", "--check"])
}

fn npm(script: &str) -> Result<()> {
    run::run_in(Path::new("ui"), run::npm(), &["run", script])
}

fn lint() -> Result<()> {
    cargo("clippy", &["--all-targets"], &["-D", "warnings"])
}

fn doc() -> Result<()> {
    cargo("test", &["--doc"], &[])?;
    let mut command = Command::new("cargo");
    command.arg("doc").args(FEATURES).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings");
    run::finish(&mut command)
}

/// The tests write the bindings; what they change was not committed with the Rust types it belongs to.
fn rust() -> Result<()> {
    let before = contents(Path::new(BINDINGS))?;
    if nextest() {
        cargo("nextest", &["run", "--no-fail-fast", "-E", "not binary(window)"], &[])?;
    } else {
        let mut arguments = vec!["--no-fail-fast", "--lib", "--bins"];
        let tests = integration_tests()?;
        arguments.extend(tests.iter().flat_map(|name| ["--test", name.as_str()]));
        cargo("test", &arguments, &[])?;
    }
    let after = contents(Path::new(BINDINGS))?;
    if before != after {
        let changed: Vec<&str> = after
            .iter()
            .filter(|(name, text)| before.get(*name) != Some(*text))
            .map(|(name, _)| name.as_str())
            .collect();
        bail!(
            "{BINDINGS} did not fit crates/berth/src/model.rs and has been rewritten: {}",
            changed.join(", ")
        );
    }
    Ok(())
}

/// What leaks shows only after many connections, which take a minute.
fn endurance() -> Result<()> {
    cargo("test", &["--test", "faults"], &["--ignored", "endurance"])
}

fn deny() -> Result<()> {
    let program = setup::cargo_deny()?;
    // Advisories come from a Git repository that a computer without the open internet cannot reach; they are asked
    // for where it can be, and the other three always.
    let checks: &[&str] = if advisories() { &["check"] } else { &["check", "bans", "licenses", "sources"] };
    let mut command = Command::new(program);
    command.args(["--all-features", "--locked"]).args(checks);
    run::finish(&mut command)
}

fn advisories() -> bool {
    let asked = std::env::var_os("BERTH_TEST_ADVISORIES").is_some_and(|value| value == "1");
    if !asked {
        eprintln!(
            "Advisories are not checked: set BERTH_TEST_ADVISORIES=1 where the advisory database can be fetched."
        );
    }
    asked
}

fn window() -> Result<()> {
    let driver = setup::tauri_driver()?;
    let mut command = Command::new("cargo");
    if nextest() {
        command.args(["nextest", "run"]).args(FEATURES).args(["--test", "window", "--no-fail-fast"]);
    } else {
        command.arg("test").args(FEATURES).args(["--test", "window", "--no-fail-fast"]);
    }
    run::finish(command.env("BERTH_TAURI_DRIVER", driver))
}

/// Every Rust test, in the window too, whose name holds `part`.
fn matching(part: &str) -> Result<()> {
    setup::rust()?;
    demo::build_ui()?;
    let driver = setup::tauri_driver()?;
    let mut command = Command::new("cargo");
    command.args(if nextest() { &["nextest", "run"][..] } else { &["test"][..] });
    command.args(FEATURES).args(["--no-fail-fast", part]).env("BERTH_TAURI_DRIVER", driver);
    run::finish(&mut command)
}

fn nextest() -> bool {
    run::exists("cargo-nextest")
}

fn cargo(command: &str, arguments: &[&str], last: &[&str]) -> Result<()> {
    // `cargo nextest run`: the options belong to the second word.
    let (head, arguments) = match (command, arguments) {
        ("nextest", [verb, rest @ ..]) => (vec![command, verb], rest),
        _ => (vec![command], arguments),
    };
    let mut line = head;
    line.extend(FEATURES);
    line.extend(arguments);
    if !last.is_empty() {
        line.push("--");
        line.extend(last);
    }
    run::run("cargo", &line)
}

/// Names of the crates' behaviour tests, without the window's: `tests/NAME.rs` or `tests/NAME/main.rs`.
fn integration_tests() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for package in arrows::crates()? {
        let Ok(folder) = fs::read_dir(Path::new("crates").join(&package).join("tests")) else { continue };
        for entry in folder {
            let path = entry?.path();
            let single = path.extension().is_some_and(|extension| extension == "rs");
            if (single || path.join("main.rs").is_file())
                && let Some(name) = path.file_stem()
            {
                found.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

fn contents(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                let text =
                    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                files.insert(path.display().to_string(), text);
            }
        }
    }
    Ok(files)
}
