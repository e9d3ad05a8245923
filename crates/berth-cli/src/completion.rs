//! Completing words in a shell: names of sessions and clusters.
//!
//! The shell runs this program with `COMPLETE` set at every Tab. Names come from the last listing; when that is
//! older than half a minute the cluster is asked, for two seconds at most.

use std::ffi::OsStr;
use std::time::Duration;

use berth::terminal::{KnownName, Scope, known_names};
use berth::{Berth, Options, Paths, SecretsChoice};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::arguments::{Arguments, Global};
use crate::context::Context;
use crate::output::Output;
use crate::program;

/// A listing that is younger is believed.
const FRESH: Duration = Duration::from_secs(30);
/// Nobody waits longer for a Tab.
const WITHIN: Duration = Duration::from_secs(2);

/// Answers a shell, if it is one that asks; the program then ends here.
pub(crate) fn answer(name: &'static str) {
    clap_complete::CompleteEnv::with_factory(move || Arguments::grammar(name)).complete();
}

/// Completes names of running sessions.
pub(crate) fn sessions() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        names()
            .into_iter()
            .filter(|known| known.name.starts_with(&*typed))
            .map(|known| {
                let image = known.image.rsplit('/').next().unwrap_or_default().to_owned();
                CompletionCandidate::new(known.name).help(Some(format!("{}, {image}", known.status).into()))
            })
            .collect()
    })
}

/// Completes names of clusters.
pub(crate) fn profiles() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let Some(berth) = Paths::of_this_user().ok().and_then(|paths| {
            Berth::start(Options {
                paths,
                secrets: SecretsChoice::from_environment(),
                demo_available: false,
                build: String::new(),
            })
            .ok()
        }) else {
            return Vec::new();
        };
        let ids = berth.profiles().into_iter().map(|profile| profile.id);
        ids.filter(|id| id.starts_with(&*typed)).map(CompletionCandidate::new).collect()
    })
}

/// Whatever goes wrong here is silence: a shell shows no errors while somebody types.
fn names() -> Vec<KnownName> {
    let global = Global::default();
    let output = Output::new(&global);
    let (Ok(runtime), Ok(context)) = (program::runtime(false), Context::new(global, output)) else {
        return Vec::new();
    };
    let profile = context.way().ok().map(|way| way.profile().id);
    let known = profile.as_ref().map(|id| known_names(&context.paths, id));
    if let Some((names, age)) = &known
        && *age < FRESH
    {
        return names.clone();
    }
    let ask = async {
        context.reach().await.ok()?;
        let listed = context.berth.list_sessions(Scope::Live).await.ok()?;
        context.leave().await;
        Some(listed)
    };
    let asked = runtime.block_on(async { tokio::time::timeout(WITHIN, ask).await });
    runtime.shutdown_background();
    match asked {
        Ok(Some(sessions)) => sessions.iter().map(KnownName::of).collect(),
        _ => known.map(|(names, _)| names).unwrap_or_default(),
    }
}
