//! One local connection from accept to end: a place in the queue, an upstream, its first byte, the relay,
//! and the leave taken.
//!
//! Until the far end has said its first byte nothing is settled: what the local program sends meanwhile is
//! kept, so that another upstream can be given it from the start. That is what lets a burst of connections
//! through an sshd that takes five at a time. After the first byte an upstream is never replaced.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

use crate::chunk::CHUNK;
use crate::relay;
use crate::ssh_plaintext::Said;
use crate::traffic::Meter;
use crate::{Connector, EndReason, Options, Refusal, Retry};

/// Pauses before another attempt; each is stretched or shortened by up to a quarter, so that a burst does
/// not come back as one.
const BACKOFF: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    // For 5 s after its manager came back, a webserver of 26.9.6 has "no healthy endpoint".
    Duration::from_secs(4),
];

/// The longest of them while others are signing in: places come free one by one.
const IN_A_CROWD: usize = 2;

/// A refusal that took longer than this to come is not asked for again: it was a time limit that ran out, or a person
/// who signed in, and the local program has waited long enough.
const PATIENCE: Duration = Duration::from_secs(5);

/// The parts of the time for a first byte that one upstream after the other gets. A webserver hides that an sshd had no
/// place free and hung up, so that another one soon is more likely to be served than the first is to speak.
const FIRST_BYTE: [f64; 3] = [0.25, 0.25, 0.5];

/// How long upstreams that close before their first byte are replaced. dropbear does so when all its places
/// are taken by connections that are signing in; each is free again after a second or two, or after a
/// person has typed a passphrase.
const CROWDED_FOR: Duration = Duration::from_secs(30);

/// How long an upstream that nobody wants any more is waited for, so that it is not left open behind a server that does
/// not pass a close on: a slow start of an app included.
const UNWANTED_OPENS_WITHIN: Duration = Duration::from_secs(15);

/// How long an upstream may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection that has been accepted.
pub(crate) struct Connection<C: Connector> {
    local: Local,
    connector: Arc<C>,
    /// Places for upstreams that are being opened or signed in to.
    slots: Arc<Semaphore>,
    options: Arc<Options>,
}

impl<C: Connector> Connection<C> {
    pub(crate) fn new(
        stream: TcpStream,
        connector: Arc<C>,
        slots: Arc<Semaphore>,
        options: Arc<Options>,
    ) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let far_end_first = options.first_byte_within.is_some();
        let local = Local { stream, early: Vec::new(), sent: 0, ended: false, far_end_first };
        Self { local, connector, slots, options }
    }

    /// Lives until either side ends, or `interrupted` gives a reason to end before.
    pub(crate) async fn run(
        mut self,
        meter: &mut Meter,
        interrupted: impl Future<Output = EndReason> + Send,
    ) -> EndReason {
        let mut interrupted = std::pin::pin!(interrupted);
        let opened = tokio::select! {
            biased;
            reason = &mut interrupted => Err(reason),
            opened = self.open() => opened,
        };
        let (mut upstream, place) = match opened {
            Ok(opened) => opened,
            Err(reason) => {
                self.local.refuse();
                return reason;
            }
        };
        let Local { mut stream, early, sent, ended, .. } = self.local;
        let head = relay::Head { bytes: early, sent, ended, place };
        let mut said = Said::nothing(self.options.farewell);
        let relaying =
            relay::run(&mut stream, &mut upstream, head, meter, &mut said, &*self.connector, &self.options);
        let reason = tokio::select! {
            biased;
            reason = &mut interrupted => reason,
            reason = relaying => reason,
        };
        drop(stream);
        if !matches!(reason, EndReason::UpstreamFailed(_)) {
            leave(&mut upstream, said.farewell()).await;
        }
        reason
    }

    /// Opens an upstream and awaits its first byte if one is expected, again where that may help. The place
    /// in the queue stays taken until the sign-in is over.
    async fn open(&mut self) -> Result<(C::Stream, Option<OwnedSemaphorePermit>), EndReason> {
        let slots = Arc::clone(&self.slots);
        // Never closed; if it were, the limit would be gone, not the connection.
        let place = self.local.unless_gone(slots.acquire_owned()).await?.ok();
        let mut tries = Tries::default();
        loop {
            let began = Instant::now();
            let failure = match self.attempt(tries.first_byte(&self.options)).await? {
                Ok(upstream) => return Ok((upstream, place)),
                Err(failure) => failure,
            };
            let Some(pause) = tries.pause_after(&failure, began, Instant::now()) else {
                return Err(failure.into_reason());
            };
            tracing::debug!(?failure, ?pause, "trying again");
            self.local.unless_gone(tokio::time::sleep(pause)).await?;
        }
    }

    /// One attempt. The outer error ends the connection: the local program has gone.
    async fn attempt(
        &mut self,
        first_byte: Option<Duration>,
    ) -> Result<Result<C::Stream, Failure>, EndReason> {
        let limit = self.options.open_within;
        let connector = Arc::clone(&self.connector);
        // Boxed, since the future of a handshake is large and would be part of the task for all its life.
        let mut opening = Box::pin(async move { tokio::time::timeout(limit, connector.open()).await });
        let opened = match self.local.unless_gone(&mut opening).await {
            Ok(opened) => opened,
            Err(gone) => {
                if !self.options.farewell.is_empty() {
                    tokio::spawn(unwanted(opening, self.options.farewell));
                }
                return Err(gone);
            }
        };
        let mut upstream = match opened {
            Ok(Ok(upstream)) => upstream,
            Ok(Err(refusal)) => return Ok(Err(Failure::Refused(refusal))),
            Err(_) => return Ok(Err(Failure::Refused(Refusal::open_timeout(limit)))),
        };
        let Some(limit) = first_byte else { return Ok(Ok(upstream)) };
        self.local.sent = 0;
        let connector = &*self.connector;
        let greeted = std::future::poll_fn(|cx| self.local.poll_greeted(&mut upstream, connector, cx));
        match tokio::time::timeout(limit, greeted).await {
            Ok(Ok(greeted)) => Ok(greeted.map(|()| upstream)),
            Ok(Err(gone)) => {
                leave(&mut upstream, self.local.farewell(&self.options)).await;
                Err(gone)
            }
            Err(_) => {
                // It may yet wake, and would keep a place for nobody.
                leave(&mut upstream, self.local.farewell(&self.options)).await;
                Ok(Err(Failure::Mute))
            }
        }
    }
}

/// Sees an attempt through whose program has gone: the far end's place would be taken by nobody.
async fn unwanted<S: AsyncWrite + Unpin, E, L>(
    opening: impl Future<Output = Result<Result<S, E>, L>>,
    farewell: &[u8],
) {
    if let Ok(Ok(Ok(mut upstream))) = tokio::time::timeout(UNWANTED_OPENS_WITHIN, opening).await {
        leave(&mut upstream, farewell).await;
    }
}

/// Says some last words to an upstream and shuts it down, within a second. Whether it was heard makes no difference any
/// more.
pub async fn leave<S: AsyncWrite + Unpin>(upstream: &mut S, farewell: &[u8]) {
    let leaving = async {
        upstream.write_all(farewell).await?;
        upstream.shutdown().await
    };
    let _ = tokio::time::timeout(GOODBYE, leaving).await;
}

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No upstream, or it broke before its first byte.
    Refused(Refusal),
    /// It closed before its first byte.
    Crowded,
    /// It said nothing in time.
    Mute,
}

impl Failure {
    pub(crate) fn into_reason(self) -> EndReason {
        match self {
            Self::Refused(refusal) => EndReason::NotOpened(refusal),
            Self::Crowded | Self::Mute => EndReason::NoFirstByte,
        }
    }
}

/// The failed attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    refused: usize,
    mute: usize,
    crowded: usize,
    crowded_since: Option<Instant>,
}

impl Tries {
    /// How long to wait before another attempt, after one that lasted from `began` to `now`; `None` when there is to
    /// be none.
    pub(crate) fn pause_after(
        &mut self,
        failure: &Failure,
        began: Instant,
        now: Instant,
    ) -> Option<Duration> {
        match failure {
            Failure::Refused(refusal) => {
                let again = refusal.retry == Retry::AfterBackoff && now.duration_since(began) < PATIENCE;
                let pause = BACKOFF.get(self.refused).filter(|_| again)?;
                self.refused += 1;
                Some(jittered(*pause))
            }
            Failure::Crowded => {
                let since = *self.crowded_since.get_or_insert(now);
                let pause = BACKOFF[self.crowded.min(IN_A_CROWD)];
                self.crowded += 1;
                (now.duration_since(since) < CROWDED_FOR).then(|| jittered(pause))
            }
            // It has had its time; a fresh upstream gets another.
            Failure::Mute => {
                self.mute += 1;
                (self.mute < FIRST_BYTE.len()).then_some(Duration::ZERO)
            }
        }
    }

    /// How long the next upstream may take to its first byte.
    pub(crate) fn first_byte(&self, options: &Options) -> Option<Duration> {
        let part = FIRST_BYTE.get(self.mute).copied().unwrap_or_default();
        options.first_byte_within.map(|all| all.mul_f64(part))
    }
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + fastrand::f64() / 2.0)
}

/// The local side before the relay takes over.
struct Local {
    stream: TcpStream,
    /// What it has sent so far, at most [`CHUNK`]; more waits in the kernel.
    early: Vec<u8>,
    /// How much of it the present upstream took.
    sent: usize,
    /// It has sent all it will.
    ended: bool,
    /// The far end speaks first: who stops sending before has gone.
    far_end_first: bool,
}

impl Local {
    /// Awaits `future`, unless the local program goes away first.
    async fn unless_gone<F: Future>(&mut self, future: F) -> Result<F::Output, EndReason> {
        tokio::select! {
            biased;
            output = future => Ok(output),
            reason = std::future::poll_fn(|cx| self.poll_gone(cx)) => Err(reason),
        }
    }

    /// Takes what the program sends, which is also the one portable way to learn that it left. Ready only
    /// when it has gone.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<EndReason> {
        while !self.ended && self.early.len() < CHUNK {
            if self.early.capacity() == 0 {
                if let Err(error) = ready!(self.stream.poll_read_ready(cx)) {
                    return Poll::Ready(EndReason::of_local(&error));
                }
                self.early.reserve_exact(CHUNK);
            }
            match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.early)) {
                Ok(0) if self.far_end_first => return Poll::Ready(EndReason::LocalClosed),
                Ok(0) => self.ended = true,
                Ok(_) => relay::acknowledge(&self.stream),
                Err(error) => return Poll::Ready(EndReason::of_local(&error)),
            }
        }
        Poll::Pending
    }

    /// Waits for the upstream's first byte and leaves it unread, giving it meanwhile what the program sends.
    fn poll_greeted<C: Connector>(
        &mut self,
        upstream: &mut C::Stream,
        connector: &C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Result<(), Failure>, EndReason>> {
        let broken = |error| {
            let refusal = connector.explain(&error).unwrap_or_else(|| Refusal::unexplained(&error));
            Poll::Ready(Ok(Err(Failure::Refused(refusal))))
        };
        // Before writing: an upstream that ended says why when it is read.
        match Pin::new(&mut *upstream).poll_fill_buf(cx) {
            Poll::Ready(Ok([])) => return Poll::Ready(Ok(Err(Failure::Crowded))),
            Poll::Ready(Ok(_)) => return Poll::Ready(Ok(Ok(()))),
            Poll::Ready(Err(error)) => return broken(error),
            Poll::Pending => {}
        }
        if let Poll::Ready(reason) = self.poll_gone(cx) {
            return Poll::Ready(Err(reason));
        }
        while self.sent < self.early.len() {
            match ready!(Pin::new(&mut *upstream).poll_write(cx, &self.early[self.sent..])) {
                Ok(0) => return broken(std::io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.sent += taken,
                Err(error) => return broken(error),
            }
        }
        match ready!(Pin::new(upstream).poll_flush(cx)) {
            Ok(()) => Poll::Pending,
            Err(error) => broken(error),
        }
    }

    /// What to say to an upstream that the program will not talk to any more.
    fn farewell(&self, options: &Options) -> &'static [u8] {
        let mut said = Said::nothing(options.farewell);
        said.more(&self.early[..self.sent]);
        said.farewell()
    }

    /// Ends a connection that had no upstream: with a reset, for it was never served.
    fn refuse(self) {
        // If the system will not, dropping it closes it the ordinary way.
        let _ = self.stream.set_zero_linger();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(retry: Retry) -> Failure {
        Failure::Refused(Refusal { code: "x", message: "No.".into(), retry })
    }

    fn near(pause: Option<Duration>, expected: Duration) {
        let pause = pause.unwrap();
        assert!(pause >= expected.mul_f64(0.75) && pause <= expected.mul_f64(1.25), "{pause:?}");
    }

    #[test]
    fn a_refusal_is_tried_again_if_it_may_pass() {
        let now = Instant::now();
        let mut tries = Tries::default();
        for pause in BACKOFF {
            near(tries.pause_after(&refused(Retry::AfterBackoff), now, now), pause);
        }
        assert_eq!(tries.pause_after(&refused(Retry::AfterBackoff), now, now), None);
        assert_eq!(Tries::default().pause_after(&refused(Retry::No), now, now), None);
    }

    #[test]
    fn a_time_limit_is_not_waited_for_again() {
        let began = Instant::now();
        let late = began + Duration::from_secs(30);
        assert_eq!(Tries::default().pause_after(&refused(Retry::AfterBackoff), began, late), None);
    }

    #[test]
    fn a_crowd_is_waited_out_for_half_a_minute() {
        let start = Instant::now();
        let mut tries = Tries::default();
        near(tries.pause_after(&Failure::Crowded, start, start), BACKOFF[0]);
        near(tries.pause_after(&Failure::Crowded, start, start), BACKOFF[1]);
        for seconds in [5, 10, 29] {
            near(
                tries.pause_after(&Failure::Crowded, start, start + Duration::from_secs(seconds)),
                BACKOFF[IN_A_CROWD],
            );
        }
        assert_eq!(tries.pause_after(&Failure::Crowded, start, start + CROWDED_FOR), None);
    }

    #[test]
    fn mute_upstreams_are_replaced_twice_and_get_all_the_time_together() {
        let (now, options) = (Instant::now(), Options::sshd());
        let mut tries = Tries::default();
        let mut all = tries.first_byte(&options).unwrap();
        while let Some(pause) = tries.pause_after(&Failure::Mute, now, now) {
            assert_eq!(pause, Duration::ZERO);
            all += tries.first_byte(&options).unwrap();
        }
        assert_eq!((tries.mute, Some(all)), (3, options.first_byte_within));
        assert_eq!(tries.first_byte(&Options::default()), None);
    }
}
