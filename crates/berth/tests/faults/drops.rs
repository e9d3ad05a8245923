//! Many: forced drops one after another.

use berth::AccessMode;
use tokio::io::AsyncReadExt as _;

use crate::world::{World, guarded, line};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_times_dropped_a_thousand_times_good() {
    let world = World::new(AccessMode::Session).await;
    for _ in 0..1000 {
        let mut local = world.local().await;
        let banner = guarded(line(&mut local)).await.unwrap();
        assert!(banner.starts_with(b"SSH-2.0-"));
        world.proxy.reset_open();
        assert_eq!(guarded(local.read_to_end(&mut Vec::new())).await.unwrap(), 0, "nothing is made up");
    }
    assert_eq!(guarded(world.lost()).await, "stream-failed");
    world.next_is_good().await;
    world.stop().await;
}
