//! One direction of one connection.

use std::future::pending;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::line::{Line, Next};
use crate::proxy::Rules;
use crate::{Direction, Fault};

/// The faults of a connection, upward first.
pub(crate) type Faults = [Fault; 2];

/// How a direction, and with it perhaps the connection, is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The end was passed on; the other direction goes on.
    Ended,
    /// Both sides are to be reset.
    Reset,
    /// A test wants the client's side.
    Taken,
}

/// Carries bytes until the direction is over.
pub(crate) async fn carry(
    direction: Direction,
    mut reader: ReadHalf<'_>,
    mut writer: WriteHalf<'_>,
    faults: &watch::Sender<Faults>,
    rules: &Rules,
) -> Over {
    let mut changes = faults.subscribe();
    let mut line = Line::default();
    let mut sight = Sight::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let fault = changes.borrow_and_update()[direction as usize];
        if fault == Fault::Close {
            // What comes of it is the taker's affair.
            let _ = writer.shutdown().await;
            return drain(reader).await;
        }
        tokio::select! {
            biased;
            _ = changes.changed() => {}
            passed = pass(&mut writer, line.next(fault)) => match passed {
                Ok(0) => return Over::Ended,
                Ok(amount) => {
                    line.take(amount, fault, Instant::now());
                    // Others may look at a slice before the next one comes.
                    tokio::task::yield_now().await;
                }
                Err(_) => {
                    // The giver learns of it by way of the other direction.
                    let way_back = 1 - direction as usize;
                    let open = changes.wait_for(|faults| faults[way_back] != Fault::BlackHole).await.is_ok();
                    debug_assert!(open, "the connection outlives its pipes");
                    return Over::Reset;
                }
            },
            read = reader.read(&mut buffer), if line.has_room() => match read {
                Ok(0) => line.end(Instant::now()),
                Ok(_) if fault == Fault::Reset => return Over::Reset,
                Ok(amount) => {
                    let mut bytes = &buffer[..amount];
                    if let Some(found) = rules.find(direction, sight.with(bytes)) {
                        // So that the same bytes do not strike again.
                        sight = Sight::default();
                        let before;
                        (before, bytes) = bytes.split_at(amount.saturating_sub(found.tail));
                        let mut first = line.drain();
                        first.extend_from_slice(before);
                        if writer.write_all(&first).await.is_err() {
                            return Over::Reset;
                        }
                        rules.strike(&found, faults);
                        if faults.borrow()[direction as usize] == Fault::Reset {
                            return Over::Reset;
                        }
                    }
                    if direction == Direction::Down && let Some(head) = rules.taken_over(bytes) {
                        let mut last = line.drain();
                        last.extend_from_slice(&bytes[..head]);
                        return match writer.write_all(&last).await {
                            Ok(()) => Over::Taken,
                            Err(_) => Over::Reset,
                        };
                    }
                    line.push(bytes, Instant::now());
                }
                Err(_) if fault == Fault::BlackHole => line.end(Instant::now()),
                Err(_) => return Over::Reset,
            },
        }
    }
}

/// Passes on what is next, when it is due; 0 for the end.
async fn pass(writer: &mut WriteHalf<'_>, next: Option<(Instant, Next<'_>)>) -> std::io::Result<usize> {
    let Some((due, next)) = next else { return pending().await };
    if due > Instant::now() {
        sleep_until(due).await;
    }
    match next {
        Next::Bytes(bytes) => writer.write(bytes).await,
        Next::End => writer.shutdown().await.map(|()| 0),
    }
}

/// Drops what comes until the end.
async fn drain(mut reader: ReadHalf<'_>) -> Over {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return Over::Ended,
            Ok(_) => {}
            Err(_) => return Over::Reset,
        }
    }
}

/// The longest bytes that a rule can look for across reads.
const LONGEST: usize = 64;

/// The last read together with the end of those before it.
#[derive(Default)]
struct Sight(Vec<u8>);

impl Sight {
    fn with(&mut self, bytes: &[u8]) -> &[u8] {
        let keep = self.0.len().saturating_sub(LONGEST);
        self.0.drain(..keep);
        self.0.extend_from_slice(bytes);
        &self.0
    }
}
