//! What ten thousand connections leave behind: nothing. `cargo xtask test endurance`.

use std::fs;

use crate::server::Far;
use crate::world::{greeted, guarded};

/// Connections made before the baseline is taken: what is allocated once is allocated then.
const BEFORE: u32 = 1000;
const MANY: u32 = 10_000;
/// What the allocator may keep, in KiB: a leak of 200 bytes per connection would be as much.
const SLACK: u64 = 2 * 1024;

/// What the process holds.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    tasks: usize,
    memory: u64,
}

fn held() -> Held {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    Held {
        descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        memory: memory.trim().trim_end_matches(" kB").parse().unwrap(),
    }
}

async fn connect(far: &Far, times: u32) {
    for _ in 0..times {
        greeted(far.local().await).await;
    }
    let all_gone = async {
        while far.now().traffic.open > 0 {
            tokio::task::yield_now().await;
        }
    };
    guarded(all_gone).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask test endurance"]
async fn ten_thousand_connections_leave_nothing_behind() {
    let far = Far::new().await;
    connect(&far, BEFORE).await;
    let before = held();
    connect(&far, MANY).await;
    // A connection made in advance may come or go meanwhile.
    let after = held();
    println!("before {before:?}, after {after:?}");
    assert_eq!(far.now().traffic.total, BEFORE + MANY);
    assert!(after.descriptors <= before.descriptors + 3, "{before:?} {after:?}");
    assert!(after.tasks <= before.tasks + 4, "{before:?} {after:?}");
    assert!(after.memory <= before.memory + SLACK, "{before:?} {after:?}");
    assert_eq!(far.now().incident, None);
}
