//! One local TCP port, one upstream byte stream per accepted connection.
//!
//! A [`Tunnel`] listens on loopback only. Nothing upstream exists until a local program connects; then
//! its [`Connector`] opens a stream, every byte is relayed unchanged in both directions, and the stream is
//! closed when the program leaves. An upstream that cannot be opened is tried again while that is safe
//! (before it has answered a byte), and one that falls silent is noticed. Each finished connection says
//! why it ended ([`EndReason`]); the local stream itself never carries a byte that is not the far end's.

mod chunk;
mod connection;
mod end;
mod pipes;
mod port;
mod relay;
mod silence;
mod ssh_plaintext;
mod traffic;
mod tunnel;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite};

pub use connection::leave;
pub use end::{ConnectionEnd, EndReason, Refusal, Retry};
pub use pipes::{Pipes, relay_pipes};
pub use port::{
    BindError, FREE_PORTS, LoopbackListener, PortReason, PortRefusal, PortRefusalCause, PortWishes,
};
pub use traffic::Traffic;
pub use tunnel::Tunnel;

/// Opens upstream byte streams, one per accepted connection.
pub trait Connector: Send + Sync + 'static {
    /// The upstream: bytes as they are, no framing. Its end of file means that the far end closed; an error
    /// means that it was lost. `poll_shutdown` takes leave of it (there is no half-close).
    type Stream: AsyncBufRead + AsyncWrite + Send + Unpin + 'static;

    /// Opens one upstream. Dropping the future abandons the attempt.
    ///
    /// # Errors
    /// The [`Refusal`] that people are told; its [`Retry`] decides whether another attempt is made.
    fn open(&self) -> impl Future<Output = Result<Self::Stream, Refusal>> + Send;

    /// Turns an I/O error of an upstream into the reason people are told, or `None` where the error's own
    /// text is the best there is.
    fn explain(&self, error: &io::Error) -> Option<Refusal> {
        let _ = error;
        None
    }
}

/// How a tunnel treats its connections. [`Options::default`] suits any protocol, [`Options::sshd`] the
/// sshd of a compute session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Upstreams of this tunnel being opened, awaiting their first byte if one is expected, or signing in,
    /// at the same time; further connections queue. At least 1.
    pub handshakes_at_once: usize,
    /// How long a sign-in takes after the first byte. It is taken to be over sooner when more comes back
    /// than a sign-in says. Zero: nobody signs in.
    pub sign_in_takes: Duration,
    /// How long one attempt to open an upstream may take.
    pub open_within: Duration,
    /// The far end speaks first, and this soon after a stream is open, three in turn at most: of those that stay mute
    /// the first two are replaced after a quarter of the time each.
    /// A local program that stops sending before that first byte is taken to have gone. `None`: either
    /// side may speak first.
    pub first_byte_within: Option<Duration>,
    /// How long a signed-in far end that sends keep-alives may be silent before it is taken for dead
    /// (the rules are [`EndReason::Silent`]'s). `None`: silence is no sign.
    pub silence_limit: Option<Duration>,
    /// The first bytes of a far end known to send keep-alives; the silence of others is no sign. Empty:
    /// every far end does.
    pub keepalive_greeting: &'static [u8],
    /// How long one side may stay silent after the other has finished, before the connection ends: the
    /// time for last bytes, since the upstream has no half-close.
    pub linger: Duration,
    /// An SSH greeting line and a packet, said to the far end for a local program that leaves without a byte, as one does
    /// that only looks whether the port is open; the packet alone for one that leaves before it has begun to encrypt, as
    /// one that is interrupted or refuses the host key. Empty: nothing is said.
    pub farewell: &'static [u8],
}

/// An SSH greeting, and the packet that ends an SSH connection before its keys are exchanged (RFC 4253 4.2, 6, 11.1:
/// length 20, padding 6, SSH_MSG_DISCONNECT, SSH_DISCONNECT_BY_APPLICATION, no words). A webserver does not pass a
/// close on (seen on 23.09.10): unless told in its own protocol, dropbear keeps the place for five minutes, and has
/// five.
pub const SSH_FAREWELL: &[u8] =
    b"SSH-2.0-Berth\r\n\x00\x00\x00\x14\x06\x01\x00\x00\x00\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";

impl Default for Options {
    fn default() -> Self {
        Self {
            handshakes_at_once: 16,
            sign_in_takes: Duration::ZERO,
            // The server starts the app before it answers, which may take 10 s (protocol.md 4.2).
            open_within: Duration::from_secs(30),
            first_byte_within: None,
            silence_limit: None,
            keepalive_greeting: b"",
            linger: Duration::from_secs(10),
            farewell: b"",
        }
    }
}

impl Options {
    /// For the sshd of a compute session, dropbear.
    #[must_use]
    pub fn sshd() -> Self {
        Self {
            // dropbear takes 5 unauthenticated connections per source address, and behind the proxy all
            // users share one; one place is left to others.
            handshakes_at_once: 4,
            // Half a dozen round trips and a signature: "ssh true" took 0.15 s on a real cluster nearby. To be
            // turned away costs more than to queue: a webserver hides that close, so it shows only by the
            // missing first byte.
            sign_in_takes: Duration::from_secs(1),
            // protocol.md 4.5 rule 4. The app has been started before the stream opens, and greets at once.
            first_byte_within: Some(Duration::from_secs(10)),
            // protocol.md 4.5 rule 2: a healthy dropbear is heard every 15 s (52 bytes, seen on 23.09.10
            // and 26.9.6), so this is three keep-alives lost.
            silence_limit: Some(Duration::from_secs(50)),
            keepalive_greeting: b"SSH-2.0-dropbear",
            // An SSH client that closes is gone: it never half-closes. Just long enough for the far end's
            // last bytes, short enough to free the session soon.
            linger: Duration::from_secs(2),
            farewell: SSH_FAREWELL,
            ..Self::default()
        }
    }
}
