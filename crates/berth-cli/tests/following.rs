//! Following a session: `events`, `watch`, and batch sessions that run to their end.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod support;

use std::process::{Child, Stdio};

use demo_cluster::{Dialect, Fault};
use support::{Run, World, until};

const IMAGE: &str = "cr.backend.ai/stable/python:3.12-ubuntu22.04";

/// Makes a batch session whose command goes on when there is a file `go`, and then ends with that code.
fn batch(world: &World, name: &str, code: u8) {
    let command = format!("until [ -e go ]; do sleep 0.02; done; echo ends with {code}; exit {code}");
    let run = world.run(["create", "-t", name, "--type", "batch", "-c", &command, "--enqueue-only", IMAGE]);
    assert_eq!(run.code, 0, "{run:?}");
}

fn go(world: &World, name: &str) {
    until("it does not run", || {
        world.cluster().sessions().iter().any(|session| session.name == name && session.home.is_some())
    });
    std::fs::write(world.session_home(name).join("go"), "").unwrap();
}

fn start(world: &World, words: &[&str]) -> Child {
    let mut command = world.berth(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Run {
    Run::of(child.wait_with_output().unwrap())
}

/// How often events were asked for.
fn subscriptions(world: &World) -> usize {
    let requests = world.cluster().control().requests();
    requests.iter().filter(|request| request.path == "/func/events/session").count()
}

/// Waits until so many hear of events.
fn followed_by(world: &World, count: usize) {
    until("nobody follows", || world.cluster().control().event_streams() == count);
}

fn names(run: &Run) -> Vec<&str> {
    run.stdout.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn a_batch_session_is_followed_to_the_result_of_its_command() {
    // Old servers tell the command's exit code, new ones do not.
    for (dialect, told) in [(Dialect::V23_09, 3), (Dialect::V26_9, 1)] {
        let world = World::like(dialect);
        world.sign_in();
        batch(&world, "train-once", 3);
        let events = start(&world, &["session", "events", "train-once"]);
        let json = start(&world, &["events", "train-once", "--json", "--scope", "session"]);
        let waiting = start(&world, &["events", "train-once", "-q", "--wait", "batch_session_result"]);
        let watching = start(&world, &["watch", "train-once"]);
        let started = ended(start(&world, &["events", "train-once", "-q", "--wait", "session_started"]));
        assert_eq!((started.code, started.stdout.as_str()), (0, ""), "{started:?}");
        followed_by(&world, 4);
        go(&world, "train-once");
        let events = ended(events);
        let at_the_end = ["session_failure", "session_terminating", "session_terminated"];
        assert!(events.code == 0 && names(&events).ends_with(&at_the_end), "{events:?}");
        assert!(events.stderr.ends_with("train-once is TERMINATED.\n"), "{events:?}");
        let last = ended(json).stdout.lines().last().map(str::to_owned).unwrap();
        let last: serde_json::Value = serde_json::from_str(&last).unwrap();
        assert_eq!(
            (&last["event"], &last["sessionName"]),
            (&"session_terminated".into(), &"train-once".into())
        );
        let waiting = ended(waiting);
        assert_eq!((waiting.code, waiting.stdout.as_str(), waiting.stderr.as_str()), (1, "", ""));
        let watching = ended(watching);
        assert_eq!(watching.code, told, "{watching:?}");
        assert!(watching.stderr.contains("✗ session_failure\n✓ session_terminating\n"), "{watching:?}");
        // What was before is an answer, too, and not waited for.
        let late = world.run(["events", "train-once", "--wait", "batch_session_result"]);
        assert_eq!((late.code, late.stdout.as_str()), (1, ""), "{late:?}");
        let never = world.run(["events", "train-once", "--wait", "session_cancelled"]);
        assert!(never.code == 1 && never.stderr.contains("will not happen"), "{never:?}");
        assert!(world.run(["logs", "train-once"]).stdout.ends_with("ends with 3\n"));
    }
}

#[test]
fn without_a_stream_of_events_the_list_tells() {
    let world = World::signed_in();
    batch(&world, "train-once", 0);
    world.cluster().control().fail("/events/session", Fault::Status(502));
    let waiting = start(&world, &["session", "events", "train-once", "--wait", "batch_session_result"]);
    until("nobody asks", || subscriptions(&world) > 0);
    go(&world, "train-once");
    let run = ended(waiting);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(names(&run).contains(&"session_success"), "{run:?}");
}

#[test]
fn a_stream_that_ends_is_opened_again() {
    let world = World::signed_in();
    let watching = start(&world, &["watch", "data-prep", "--json"]);
    followed_by(&world, 1);
    world.cluster().control().cut_event_streams();
    until("it gives up", || subscriptions(&world) == 2);
    followed_by(&world, 1);
    world.cluster().control().terminate_session("data-prep").unwrap();
    let run = ended(watching);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("session_terminated"), "{run:?}");
}

#[test]
fn what_does_not_end_is_watched_no_longer_than_wanted() {
    let world = World::signed_in();
    let run = world.run(["watch", "data-prep", "--max-wait", "1"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("data-prep is RUNNING after 1 s."), "{run:?}");
    let run = world.run(["watch"]);
    assert!(run.code == 2 && run.stderr.contains("data-prep"), "{run:?}");
    let run = world.run(["watch", "nosuch"]);
    assert!(run.code == 1 && run.stderr.contains("session-not-found"), "{run:?}");
    let run = world.run(["events", "data-prep", "--scope", "vfolder"]);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn a_batch_session_that_fails_while_it_is_made_is_a_failure() {
    let world = World::signed_in();
    for (name, command, code) in [("good-one", "exit 0", 0), ("bad-one", "exit 9", 1)] {
        let run = world.run(["create", "-t", name, "--type", "batch", "-c", command, IMAGE]);
        // It may have been seen while it ran.
        let seen_running = run.stderr.contains("is created and ready");
        assert!(run.code == code || (seen_running && run.code == 0), "{run:?}");
        let run = world.run(["events", name, "--wait", "batch_session_result"]);
        assert_eq!(run.code, code, "{run:?}");
    }
}
