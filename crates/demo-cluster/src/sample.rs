//! The sessions a new demo cluster starts with: what a small team has on its cluster on a weekday.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::session::{App, Session};

/// Indices of the sessions' owners among the accounts, in the order in which they are created.
pub(crate) const DEMO: usize = 0;
pub(crate) const OTHER: usize = 2;

const PYTORCH: &str = "cr.backend.ai/stable/python-pytorch:2.4-py312-cuda12.4";
const VLLM: &str = "cr.backend.ai/stable/vllm:0.8.4-py312-cuda12.4";
const JUPYTER: &str = "cr.backend.ai/stable/python:3.12-ubuntu22.04";
const NGC: &str = "cr.backend.ai/stable/ngc-pytorch:25.01-pytorch2.6-py312-cuda12.8";
const TENSORFLOW: &str = "cr.backend.ai/stable/python-tensorflow:2.18-py312-cuda12.3";

struct Sample {
    name: &'static str,
    owner: usize,
    status: &'static str,
    info: Option<&'static str>,
    kind: &'static str,
    image: &'static str,
    size: u32,
    slots: &'static [(&'static str, &'static str)],
    age_minutes: i64,
    ended_minutes_ago: Option<i64>,
}

const GIB: &str = "1073741824";

const SAMPLES: [Sample; 10] = [
    Sample {
        name: "llama-finetune",
        owner: DEMO,
        status: "RUNNING",
        info: None,
        kind: "INTERACTIVE",
        image: PYTORCH,
        size: 1,
        slots: &[("cpu", "16"), ("mem", "137438953472"), ("cuda.device", "4")],
        age_minutes: 3 * 24 * 60 + 127,
        ended_minutes_ago: None,
    },
    Sample {
        name: "vision-train",
        owner: DEMO,
        status: "RUNNING",
        info: None,
        kind: "INTERACTIVE",
        image: NGC,
        size: 2,
        slots: &[("cpu", "32"), ("mem", "274877906944"), ("cuda.device", "8")],
        age_minutes: 26 * 60 + 12,
        ended_minutes_ago: None,
    },
    Sample {
        name: "notebook-7f",
        owner: DEMO,
        status: "RUNNING",
        info: None,
        kind: "INTERACTIVE",
        image: JUPYTER,
        size: 1,
        slots: &[("cpu", "4"), ("mem", "17179869184"), ("cuda.shares", "0.5")],
        age_minutes: 94,
        ended_minutes_ago: None,
    },
    Sample {
        name: "data-prep",
        owner: DEMO,
        status: "RUNNING",
        info: None,
        kind: "INTERACTIVE",
        image: JUPYTER,
        size: 1,
        slots: &[("cpu", "8"), ("mem", "34359738368")],
        age_minutes: 11,
        ended_minutes_ago: None,
    },
    Sample {
        name: "eval-sweep",
        owner: DEMO,
        status: "PENDING",
        info: Some("no-available-instances"),
        kind: "INTERACTIVE",
        image: VLLM,
        size: 1,
        slots: &[("cpu", "64"), ("mem", "549755813888"), ("cuda.device", "8")],
        age_minutes: 6,
        ended_minutes_ago: None,
    },
    Sample {
        name: "tf-migration",
        owner: DEMO,
        status: "PULLING",
        info: None,
        kind: "INTERACTIVE",
        image: TENSORFLOW,
        size: 1,
        slots: &[("cpu", "8"), ("mem", "34359738368"), ("cuda.shares", "1.0")],
        age_minutes: 2,
        ended_minutes_ago: None,
    },
    Sample {
        name: "tokenizer-test",
        owner: DEMO,
        status: "TERMINATED",
        info: Some("user-requested"),
        kind: "INTERACTIVE",
        image: JUPYTER,
        size: 1,
        slots: &[("cpu", "2"), ("mem", GIB)],
        age_minutes: 2 * 24 * 60 + 30,
        ended_minutes_ago: Some(24 * 60 + 51),
    },
    Sample {
        name: "nightly-batch",
        owner: DEMO,
        status: "TERMINATED",
        info: Some("self-terminated"),
        kind: "BATCH",
        image: PYTORCH,
        size: 1,
        slots: &[("cpu", "16"), ("mem", "68719476736"), ("cuda.device", "2")],
        age_minutes: 11 * 60 + 5,
        ended_minutes_ago: Some(4 * 60 + 18),
    },
    Sample {
        name: "ablation-03",
        owner: DEMO,
        status: "CANCELLED",
        info: Some("failed-to-start"),
        kind: "INTERACTIVE",
        image: VLLM,
        size: 1,
        slots: &[("cpu", "8"), ("mem", "68719476736"), ("cuda.device", "1")],
        age_minutes: 5 * 60 + 44,
        ended_minutes_ago: Some(5 * 60 + 41),
    },
    Sample {
        name: "speech-align",
        owner: OTHER,
        status: "RUNNING",
        info: None,
        kind: "INTERACTIVE",
        image: PYTORCH,
        size: 1,
        slots: &[("cpu", "8"), ("mem", "68719476736"), ("cuda.device", "1")],
        age_minutes: 7 * 60 + 3,
        ended_minutes_ago: None,
    },
];

/// The sample sessions, none of them with a container yet. `id_of` gives a session its id.
pub(crate) fn sessions(now: OffsetDateTime, mut id_of: impl FnMut(&str) -> Uuid) -> Vec<Session> {
    let build = |sample: &Sample| {
        // A few odd seconds, so that the list does not look ruled.
        let created_at =
            now - Duration::minutes(sample.age_minutes) - Duration::seconds(sample.age_minutes % 53);
        let ended_at = sample.ended_minutes_ago.map(|minutes| now - Duration::minutes(minutes));
        Session {
            id: id_of(sample.name),
            name: sample.name.into(),
            owner: sample.owner,
            status: sample.status.into(),
            status_info: sample.info.map(Into::into),
            kind: sample.kind.into(),
            image: sample.image.into(),
            project: "default".into(),
            resource_group: "default".into(),
            cluster_size: sample.size,
            slots: sample.slots.iter().map(|(slot, amount)| ((*slot).into(), (*amount).into())).collect(),
            created_at,
            status_changed: ended_at.unwrap_or(created_at + Duration::seconds(9)),
            terminated_at: ended_at,
            apps: apps_of(sample.image),
            bootstrap: None,
            command: None,
            outcome: None,
            log: String::new(),
            container: None,
        }
    };
    SAMPLES.iter().map(build).collect()
}

/// Apps of an image: its own, and sshd and ttyd that every container gets (protocol.md 4.1).
pub(crate) fn apps_of(image: &str) -> Vec<App> {
    let mut apps = vec![App::new("sshd", "tcp", 2200), App::new("ttyd", "http", 7681)];
    apps.push(App::new("jupyter", "http", 8091));
    apps.push(App::new("jupyterlab", "http", 8090));
    if image.contains("pytorch") || image.contains("tensorflow") {
        apps.push(App::new("tensorboard", "http", 6006));
    }
    apps.push(App::new("vscode", "http", 8180));
    apps
}

/// Images a session may be created from.
pub(crate) fn images() -> [&'static str; 5] {
    [PYTORCH, NGC, VLLM, JUPYTER, TENSORFLOW]
}
