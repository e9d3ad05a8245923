//! Being told to stop: Ctrl-C, SIGTERM, a closed terminal.

use berth::Error;

/// The signal of Ctrl-C.
pub(crate) const INTERRUPT: i32 = 2;

/// The exit code of a program that a signal has ended, as shells count.
pub(crate) fn stopped_by(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(255)
}

/// Requests to stop, from the moment this is made.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [(i32, tokio::signal::unix::Signal); 3],
}

#[cfg(unix)]
impl Stop {
    /// Takes the signals over from their default, which ends the program at once.
    pub(crate) fn new() -> Result<Self, Error> {
        use tokio::signal::unix::{SignalKind, signal};
        let take = |kind: SignalKind| {
            let taken = signal(kind).map_err(|e| Error::new("internal", format!("No signals: {e}."), ""))?;
            Ok::<_, Error>((kind.as_raw_value(), taken))
        };
        let signals =
            [take(SignalKind::interrupt())?, take(SignalKind::terminate())?, take(SignalKind::hangup())?];
        Ok(Self { signals })
    }

    /// Waits for one; gives its number.
    pub(crate) async fn asked(&mut self) -> i32 {
        let [(interrupt, a), (terminate, b), (hangup, c)] = &mut self.signals;
        tokio::select! {
            _ = a.recv() => *interrupt,
            _ = b.recv() => *terminate,
            _ = c.recv() => *hangup,
        }
    }
}

#[cfg(not(unix))]
impl Stop {
    /// Takes Ctrl-C over from its default, which ends the program at once.
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {})
    }

    /// Waits for one.
    pub(crate) async fn asked(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPT
    }
}
