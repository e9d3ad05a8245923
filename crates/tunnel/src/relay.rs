//! The relay: moves bytes between the local socket and an upstream, in one task that polls both ways.
//!
//! Downward the upstream's own buffer is written straight to the socket. Upward there is one buffer that
//! starts small, grows while reads fill it, and is not there at all while the local program is silent. Each
//! direction waits for its taker, so memory is bounded by those buffers. Nothing is added to either stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::chunk::Chunk;
use crate::silence::Silence;
use crate::ssh_plaintext::Said;
use crate::traffic::Meter;
use crate::{Connector, EndReason, Options, Refusal};

/// More bytes than a far end says while one signs in with one key: about 2 KiB from dropbear.
const SIGN_IN_ANSWERS: u64 = 4 * 1024;

/// More bytes than a local program says while it signs in: about 4 KiB from OpenSSH.
const SIGN_IN_ASKS: u64 = 16 * 1024;

/// A timer so much late means that the process did not run: suspended or stopped, not merely busy.
const NOT_RUNNING: Duration = Duration::from_secs(5);

/// Where the timer stands when nothing is due.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What there is when the relay begins.
pub(crate) struct Head {
    /// What the local program has sent so far.
    pub(crate) bytes: Vec<u8>,
    /// How many of them the upstream has taken already.
    pub(crate) sent: usize,
    /// Whether that is all it will send.
    pub(crate) ended: bool,
    /// The place among the handshakes, given back when the sign-in is over.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// Relays until both sides have ended, or one has and the other stays silent, or the far end is dead. The
/// local socket has then been told what it needs and may be dropped; the upstream has not.
pub(crate) async fn run<C: Connector>(
    local: &mut TcpStream,
    upstream: &mut C::Stream,
    head: Head,
    meter: &mut Meter,
    said: &mut Said,
    connector: &C,
    options: &Options,
) -> EndReason {
    let now = Instant::now();
    meter.up(head.sent);
    said.more(&head.bytes[..head.sent]);
    let mut relay = Relay {
        local,
        upstream,
        meter,
        said,
        connector,
        linger: options.linger,
        place: head.place.filter(|_| !options.sign_in_takes.is_zero()),
        signed_in: now + options.sign_in_takes,
        chunk: Chunk::new(head.bytes, head.sent, now),
        unflushed: head.sent > 0,
        local_ended: head.ended,
        upstream_ended: false,
        upstream_deaf: None,
        local_full: false,
        first: head.ended.then_some(EndReason::LocalClosed),
        moved: now,
        silence: Silence::new(options, now),
        waiting: false,
    };
    let mut timer = std::pin::pin!(sleep_until(now + NEVER));
    std::future::poll_fn(|cx| relay.poll(cx, timer.as_mut())).await
}

/// The state of one relay.
struct Relay<'a, C: Connector> {
    local: &'a mut TcpStream,
    upstream: &'a mut C::Stream,
    meter: &'a mut Meter,
    said: &'a mut Said,
    connector: &'a C,
    linger: Duration,
    /// The place among the handshakes.
    place: Option<OwnedSemaphorePermit>,
    /// When it is given back at the latest.
    signed_in: Instant,
    /// Read from the local program, on its way up.
    chunk: Chunk,
    /// The upstream has taken bytes that it was not asked to flush yet.
    unflushed: bool,
    /// The local program has sent all it will.
    local_ended: bool,
    /// The upstream has, or has failed.
    upstream_ended: bool,
    /// The upstream takes no more bytes, for this reason; what the local program still sends is dropped.
    upstream_deaf: Option<EndReason>,
    /// The local program leaves bytes unread, so the upstream is not listened to.
    local_full: bool,
    /// What ended first, which is why the connection ends.
    first: Option<EndReason>,
    /// The last byte that went through, or the last change of the state above.
    moved: Instant,
    silence: Option<Silence>,
    /// The timer is set for something.
    waiting: bool,
}

impl<C: Connector> Relay<'_, C> {
    fn poll(&mut self, cx: &mut Context<'_>, timer: Pin<&mut Sleep>) -> Poll<EndReason> {
        if let Poll::Ready(Err(reason)) = self.poll_down(cx) {
            return Poll::Ready(reason);
        }
        match self.poll_up(cx) {
            Poll::Ready(Err(reason)) => Poll::Ready(reason),
            Poll::Ready(Ok(())) if self.upstream_ended => Poll::Ready(self.verdict()),
            _ => self.poll_clock(cx, timer),
        }
    }

    /// Far end to local program. Ready when the upstream has ended, or with a reason to end at once.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), EndReason>> {
        while !self.upstream_ended {
            let bytes = match ready!(Pin::new(&mut *self.upstream).poll_fill_buf(cx)) {
                Ok([]) => {
                    self.end_down(EndReason::RemoteClosed, cx);
                    break;
                }
                Ok(bytes) => bytes,
                Err(error) => {
                    let reason = failed(self.connector, &error);
                    self.upstream_deaf = Some(reason.clone());
                    self.end_down(reason, cx);
                    break;
                }
            };
            let written = Pin::new(&mut *self.local).poll_write(cx, bytes);
            self.local_full = written.is_pending();
            let written = ready!(written).map_err(|error| EndReason::of_local(&error))?;
            self.moved = Instant::now();
            if let Some(silence) = &mut self.silence {
                silence.heard(&bytes[..written], self.moved);
            }
            Pin::new(&mut *self.upstream).consume(written);
            self.meter.down(written);
            if self.place.is_some() && self.meter.bytes_down() > SIGN_IN_ANSWERS {
                self.place = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The upstream has ended: the local program has been given all its bytes, and is told.
    fn end_down(&mut self, reason: EndReason, cx: &mut Context<'_>) {
        self.upstream_ended = true;
        self.place = None;
        self.first.get_or_insert(reason);
        self.moved = Instant::now();
        // A socket's shutdown does not wait, and only fails where there is no one left to be told.
        let _ = Pin::new(&mut *self.local).poll_shutdown(cx);
    }

    /// Local program to far end. Ready when the program has ended and all of it was passed on, or with a
    /// reason to end at once.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), EndReason>> {
        loop {
            if let Err(error) = ready!(self.poll_hand_over(cx)) {
                // Its end, with the reason, or last bytes may still be there to read.
                self.upstream_deaf = Some(failed(self.connector, &error));
                self.moved = Instant::now();
            }
            if self.local_ended {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.chunk.poll_read(self.local, cx)) {
                Ok(0) => {
                    self.local_ended = true;
                    self.moved = Instant::now();
                    let reason = self.upstream_deaf.clone().unwrap_or(EndReason::LocalClosed);
                    self.first.get_or_insert(reason);
                }
                Ok(_) if self.meter.bytes_up() < SIGN_IN_ASKS => acknowledge(self.local),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(EndReason::of_local(&error))),
            }
        }
    }

    /// Gives the upstream all that was read, and has it flushed: a stream that frames or encrypts may hold
    /// back what was only written.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.upstream_deaf.is_some() {
            self.chunk.discard();
            return Poll::Ready(Ok(()));
        }
        while let rest @ [_, ..] = self.chunk.rest() {
            let taken = ready!(Pin::new(&mut *self.upstream).poll_write(cx, rest))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.said.more(&rest[..taken]);
            self.chunk.take(taken);
            self.unflushed = true;
            self.moved = Instant::now();
            if let Some(silence) = &mut self.silence {
                silence.sent(taken, self.moved);
            }
            self.meter.up(taken);
        }
        if self.unflushed {
            ready!(Pin::new(&mut *self.upstream).poll_flush(cx))?;
            self.unflushed = false;
            self.moved = Instant::now();
        }
        Poll::Ready(Ok(()))
    }

    /// Does what time demands. The timer is moved only when it fires or must fire earlier, not with every
    /// byte.
    fn poll_clock(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<EndReason> {
        loop {
            let Some(due) = self.due() else {
                if std::mem::take(&mut self.waiting) {
                    timer.as_mut().reset(Instant::now() + NEVER);
                }
                return Poll::Pending;
            };
            if !self.waiting || due < timer.deadline() {
                self.waiting = true;
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            self.waiting = false;
            let now = Instant::now();
            if now.duration_since(timer.deadline()) > NOT_RUNNING {
                tracing::debug!("the process did not run for a while");
                self.moved = now;
                if let Some(silence) = &mut self.silence {
                    silence.forgive(now);
                }
            }
            self.place.take_if(|_| self.signed_in <= now);
            self.chunk.measure(now);
            if self.linger_ends().is_some_and(|end| end <= now) {
                return Poll::Ready(self.verdict());
            }
            if !self.local_full && self.silence.as_mut().is_some_and(|silence| silence.look(now)) {
                return Poll::Ready(EndReason::Silent);
            }
        }
    }

    /// When the clock must be looked at next, if ever.
    fn due(&self) -> Option<Instant> {
        let silence = self.silence.as_ref().filter(|_| !self.local_full && !self.upstream_ended);
        let place = self.place.as_ref().map(|_| self.signed_in);
        let silence = silence.and_then(Silence::next_look);
        let looks = [place, self.chunk.next_measure(), self.linger_ends(), silence];
        looks.into_iter().flatten().min()
    }

    /// When the wait for the side that has not ended is over. It does not run while bytes wait for a local
    /// program that does not read them, nor while the last bytes of one that has ended wait for the upstream.
    fn linger_ends(&self) -> Option<Instant> {
        let all_sent = self.local_ended && self.chunk.rest().is_empty() && !self.unflushed;
        let one_sided = all_sent || self.upstream_ended || self.upstream_deaf.is_some();
        (one_sided && !self.local_full).then(|| self.moved + self.linger)
    }

    /// Why the connection ends, when it ends by its sides.
    fn verdict(&mut self) -> EndReason {
        self.first.take().or_else(|| self.upstream_deaf.take()).unwrap_or(EndReason::LocalClosed)
    }
}

/// Has the system acknowledge at once what a program sent. OpenSSH sends its part of a key exchange in two pieces and
/// leaves Nagle's algorithm on, which holds the second until then; the system would wait 40 ms for an answer to go with.
pub(crate) fn acknowledge(local: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = local.set_quickack(true) {
        tracing::debug!(%error, "cannot set TCP_QUICKACK");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = local;
}

fn failed<C: Connector>(connector: &C, error: &io::Error) -> EndReason {
    EndReason::UpstreamFailed(connector.explain(error).unwrap_or_else(|| Refusal::unexplained(error)))
}
