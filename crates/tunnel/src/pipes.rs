//! A relay between a pair of pipes and one upstream: what `ProxyCommand` wants of a program.
//!
//! The pipes are a local connection that exists already, so there is nothing to accept and nothing listens. The
//! rules for opening an upstream, its first byte and its silence are those of a tunnel's connections.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::connection::{Failure, Tries, leave};
use crate::silence::Silence;
use crate::ssh_plaintext::Said;
use crate::{Connector, EndReason, Options, Refusal};

/// One buffer each way; pipes rarely hold more.
const BUFFER: usize = 64 * 1024;

/// How long an upstream that nobody wants any more is waited for; the program goes when that is over.
const UNWANTED_OPENS_WITHIN: Duration = Duration::from_secs(2);

/// How long the end of the input is waited for once nobody reads the output.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Silence is asked about this often while it cannot count yet.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A local program at the other ends of two pipes.
#[derive(Debug)]
pub struct Pipes<R, W, U> {
    /// What it says.
    pub input: R,
    /// Where it listens.
    pub output: W,
    /// Ends when nobody reads `output` any more, which a writer would not find out before it has something to write.
    pub unread: U,
}

/// Relays `input` to one upstream of the connector and what comes back to `output`, until either side ends.
///
/// `input` is first read when the upstream stands. At its end the upstream gets [`Options::linger`] for its last
/// bytes, while somebody reads them. [`Options::handshakes_at_once`] and [`Options::sign_in_takes`] mean nothing here.
pub async fn relay_pipes<C, R, W, U>(connector: &C, pipes: Pipes<R, W, U>, options: &Options) -> EndReason
where
    C: Connector,
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    U: Future<Output = ()>,
{
    let Pipes { mut input, mut output, unread } = pipes;
    let mut unread = std::pin::pin!(unread);
    let mut opening = std::pin::pin!(open(connector, options));
    let upstream = tokio::select! {
        opened = &mut opening => match opened {
            Ok(upstream) => upstream,
            Err(failure) => return failure.into_reason(),
        },
        () = &mut unread => {
            // Left open, it would keep a place in the far end behind a server that does not pass a close on.
            if !options.farewell.is_empty()
                && let Ok(Ok(mut upstream)) = tokio::time::timeout(UNWANTED_OPENS_WITHIN, opening).await
            {
                leave(&mut upstream, options.farewell).await;
            }
            return EndReason::LocalClosed;
        }
    };
    let (mut from, mut to) = tokio::io::split(upstream);
    let silence = Mutex::new(Silence::new(options, Instant::now()));
    let said = Mutex::new(Said::nothing(options.farewell));
    let judge = |tell: &dyn Fn(&mut Silence)| {
        if let Some(silence) = silence.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            tell(silence);
        }
    };
    let failed = |error: &std::io::Error| {
        EndReason::UpstreamFailed(connector.explain(error).unwrap_or_else(|| Refusal::unexplained(error)))
    };
    let up = async {
        let mut buffer = vec![0; BUFFER];
        loop {
            let bytes = match input.read(&mut buffer).await {
                Ok(0) => return EndReason::LocalClosed,
                Ok(bytes) => bytes,
                Err(error) => return EndReason::of_local(&error),
            };
            let written = async {
                to.write_all(&buffer[..bytes]).await?;
                to.flush().await
            };
            if let Err(error) = written.await {
                return failed(&error);
            }
            said.lock().unwrap_or_else(PoisonError::into_inner).more(&buffer[..bytes]);
            judge(&|silence| silence.sent(bytes, Instant::now()));
        }
    };
    let down = async {
        let mut buffer = vec![0; BUFFER];
        loop {
            let bytes = match from.read(&mut buffer).await {
                Ok(0) => return EndReason::RemoteClosed,
                Ok(bytes) => bytes,
                Err(error) => return failed(&error),
            };
            judge(&|silence| silence.heard(&buffer[..bytes], Instant::now()));
            let written = async {
                output.write_all(&buffer[..bytes]).await?;
                output.flush().await
            };
            if let Err(error) = written.await {
                return EndReason::of_local(&error);
            }
            // While the local program was not reading, nobody listened.
            judge(&|silence| silence.forgive(Instant::now()));
        }
    };
    let clock = async {
        loop {
            let next = {
                let silence = silence.lock().unwrap_or_else(PoisonError::into_inner);
                silence.as_ref().and_then(Silence::next_look)
            };
            let due = next.unwrap_or_else(|| Instant::now() + LOOK_EVERY);
            tokio::time::sleep_until(due).await;
            let now = Instant::now();
            // So much too late, the computer was asleep: count anew.
            let asleep = now.duration_since(due) > LOOK_EVERY;
            let mut silence = silence.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(silence) = silence.as_mut() else { continue };
            if asleep {
                silence.forgive(now);
            } else if silence.look(now) {
                return EndReason::Silent;
            }
        }
    };
    let reason = {
        let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
        tokio::select! {
            reason = &mut down => reason,
            reason = &mut up => {
                if reason == EndReason::LocalClosed {
                    // No half-close: what the far end has yet to say is on its way, if anything.
                    tokio::select! {
                        _ = tokio::time::timeout(options.linger, &mut down) => {}
                        () = &mut unread => {}
                    }
                }
                reason
            }
            () = &mut unread => {
                // What the program said last is perhaps still in the pipe.
                let _ = tokio::time::timeout(LAST_WORDS, &mut up).await;
                EndReason::LocalClosed
            }
            reason = clock => reason,
        }
    };
    if !matches!(reason, EndReason::UpstreamFailed(_)) {
        let farewell = said.into_inner().unwrap_or_else(PoisonError::into_inner).farewell();
        leave(&mut to, farewell).await;
    }
    reason
}

/// Opens an upstream and awaits its first byte if one is expected, again where that may help.
async fn open<C: Connector>(connector: &C, options: &Options) -> Result<C::Stream, Failure> {
    let mut tries = Tries::default();
    loop {
        let began = Instant::now();
        let failure = match attempt(connector, options, tries.first_byte(options)).await {
            Ok(upstream) => return Ok(upstream),
            Err(failure) => failure,
        };
        let Some(pause) = tries.pause_after(&failure, began, Instant::now()) else { return Err(failure) };
        tracing::debug!(?failure, ?pause, "trying again");
        tokio::time::sleep(pause).await;
    }
}

async fn attempt<C: Connector>(
    connector: &C,
    options: &Options,
    first_byte: Option<Duration>,
) -> Result<C::Stream, Failure> {
    let limit = options.open_within;
    let mut upstream = match tokio::time::timeout(limit, connector.open()).await {
        Ok(Ok(upstream)) => upstream,
        Ok(Err(refusal)) => return Err(Failure::Refused(refusal)),
        Err(_) => return Err(Failure::Refused(Refusal::open_timeout(limit))),
    };
    let Some(limit) = first_byte else { return Ok(upstream) };
    match tokio::time::timeout(limit, upstream.fill_buf()).await {
        Ok(Ok([])) => Err(Failure::Crowded),
        Ok(Ok(_)) => Ok(upstream),
        Ok(Err(error)) => {
            Err(Failure::Refused(connector.explain(&error).unwrap_or_else(|| Refusal::unexplained(&error))))
        }
        Err(_) => {
            // It may yet wake, and would keep a place for nobody.
            leave(&mut upstream, options.farewell).await;
            Err(Failure::Mute)
        }
    }
}
