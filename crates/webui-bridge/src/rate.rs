//! How often a page may call: a bucket that fills with time.

use std::time::{Duration, Instant};

/// Calls at once. Opening one app takes five.
const BURST: f64 = 60.0;
/// Calls per second in the long run.
const PER_SECOND: f64 = 10.0;

#[derive(Debug)]
pub(crate) struct Rate {
    left: f64,
    at: Instant,
    /// Refused since the last one that was served.
    refused: u64,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST, at: now, refused: 0 }
    }

    /// Whether one more is served now. `Err(true)` for the first refusal of a row: that one is worth a line.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), bool> {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.left = (self.left + passed.min(Duration::from_secs(3600)).as_secs_f64() * PER_SECOND).min(BURST);
        if self.left < 1.0 {
            self.refused += 1;
            return Err(self.refused == 1);
        }
        self.left -= 1.0;
        self.refused = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_calls_at_once_are_served_sixty_times_and_said_once() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let (mut served, mut said) = (0, 0);
        for _ in 0..1_000_000 {
            match rate.take(start) {
                Ok(()) => served += 1,
                Err(first) => said += u32::from(first),
            }
        }
        assert_eq!((served, said), (60, 1));
        assert_eq!(rate.take(start + Duration::from_secs(1)), Ok(()), "it fills again");
    }
}
