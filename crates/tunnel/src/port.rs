//! The local port: which one, why, and never reachable from another computer.
//!
//! The order is the product's promise: the preferred port, else the one this session had last time (saved
//! URLs and site entries keep working), else a random free one. Random rather than the first free, so that
//! two sessions, or two users of one computer, rarely come to want the same.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::RangeInclusive;

use tokio::net::{TcpListener, TcpSocket};

/// Where a port is looked for when none is wished: above those of well-known services, below the end.
pub const FREE_PORTS: RangeInclusive<u16> = 10_000..=65_000;

/// Random tries before all of [`FREE_PORTS`] is scanned: with nine tenths of the ports taken, they miss
/// once in 29 times.
const RANDOM_TRIES: usize = 32;

/// Connections the system may hold before they are accepted. Bursts of local programs are accepted as
/// fast as tasks are made, so only more than this within one moment would be refused.
const BACKLOG: u32 = 1024;

/// The ports one would like to have, best first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortWishes {
    /// The port the user asked for. 0 is no wish.
    pub preferred: Option<u16>,
    /// The port this session had last time. 0 is no wish.
    pub last: Option<u16>,
}

/// Why a listener has the port it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortReason {
    /// It was preferred.
    Preferred,
    /// It is the one of last time.
    LastTime {
        /// Why the preferred port, if there was one, was not taken.
        preferred_refused: Option<PortRefusal>,
    },
    /// It was free.
    Random {
        /// Why the preferred port, if there was one, was not taken.
        preferred_refused: Option<PortRefusal>,
    },
}

/// A port that could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRefusal {
    /// The port.
    pub port: u16,
    /// Why not.
    pub cause: PortRefusalCause,
}

/// Why a port could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortRefusalCause {
    /// Another program, or another tunnel, has it.
    InUse,
    /// The system keeps it: ports below 1024 on Unix, reserved ranges on Windows.
    NotPermitted,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Every port of [`FREE_PORTS`] is taken or kept.
    #[error("no free port between {} and {}", FREE_PORTS.start(), FREE_PORTS.end())]
    NoFreePort,
    /// The system refused for a reason that is not the port's.
    #[error("cannot listen on 127.0.0.1:{port}")]
    System {
        /// The port tried.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// A listening socket on 127.0.0.1. There is no way to make one for another address.
#[derive(Debug)]
pub struct LoopbackListener {
    listener: TcpListener,
    port: u16,
    reason: PortReason,
}

impl LoopbackListener {
    /// Listens on the first port that can be had: preferred, last, else a free one of [`FREE_PORTS`].
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`BindError`] when no port can be had at all; a wish that cannot be met is no error.
    pub fn bind(wishes: PortWishes) -> Result<Self, BindError> {
        let (listener, port, reason) = choose(wishes, fastrand::u16, listen)?;
        tracing::debug!(port, ?reason, "listening");
        Ok(Self { listener, port, reason })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Why it is this one.
    #[must_use]
    pub fn reason(&self) -> &PortReason {
        &self.reason
    }

    /// The listening socket, and why it has its port.
    pub(crate) fn into_parts(self) -> (TcpListener, u16, PortReason) {
        (self.listener, self.port, self.reason)
    }
}

/// The loopback address with this port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// Listens on exactly this port of 127.0.0.1.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // On Unix this takes a port whose last connections are still in TIME_WAIT, and never one that is
    // listened on. On Windows the same name means stealing, so there it stays off.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(loopback(port))?;
    socket.listen(BACKLOG)
}

/// The choice itself. `random` draws a port of a range; `listen` stands for the system.
fn choose<L>(
    wishes: PortWishes,
    mut random: impl FnMut(RangeInclusive<u16>) -> u16,
    mut listen: impl FnMut(u16) -> io::Result<L>,
) -> Result<(L, u16, PortReason), BindError> {
    let mut attempt = |port: u16| match listen(port) {
        Ok(listener) => Ok(Ok(listener)),
        Err(source) => match source.kind() {
            io::ErrorKind::AddrInUse => Ok(Err(PortRefusal { port, cause: PortRefusalCause::InUse })),
            io::ErrorKind::PermissionDenied => {
                Ok(Err(PortRefusal { port, cause: PortRefusalCause::NotPermitted }))
            }
            _ => Err(BindError::System { port, source }),
        },
    };
    let preferred = wishes.preferred.filter(|port| *port != 0);
    let last = wishes.last.filter(|port| *port != 0 && Some(*port) != preferred);

    let mut preferred_refused = None;
    if let Some(port) = preferred {
        match attempt(port)? {
            Ok(listener) => return Ok((listener, port, PortReason::Preferred)),
            Err(refusal) => preferred_refused = Some(refusal),
        }
    }
    if let Some(port) = last
        && let Ok(listener) = attempt(port)?
    {
        return Ok((listener, port, PortReason::LastTime { preferred_refused }));
    }
    let mut port = *FREE_PORTS.start();
    for _ in 0..RANDOM_TRIES {
        port = random(FREE_PORTS);
        if let Ok(listener) = attempt(port)? {
            return Ok((listener, port, PortReason::Random { preferred_refused }));
        }
    }
    // So full a computer is rare; then any free port will do, from the last draw on and around.
    for port in (port..=*FREE_PORTS.end()).chain(*FREE_PORTS.start()..port) {
        if let Ok(listener) = attempt(port)? {
            return Ok((listener, port, PortReason::Random { preferred_refused }));
        }
    }
    Err(BindError::NoFreePort)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_USE: PortRefusal = PortRefusal { port: 2200, cause: PortRefusalCause::InUse };

    fn wishes(preferred: u16, last: u16) -> PortWishes {
        PortWishes { preferred: Some(preferred), last: Some(last) }
    }

    /// A system in which the ports of `taken` are in use, and those below 1024 privileged.
    fn system(taken: impl Fn(u16) -> bool) -> impl FnMut(u16) -> io::Result<u16> {
        move |port| match port {
            ..1024 => Err(io::ErrorKind::PermissionDenied.into()),
            port if taken(port) => Err(io::ErrorKind::AddrInUse.into()),
            port => Ok(port),
        }
    }

    #[test]
    fn preferred_comes_first_then_last_then_random() {
        let draw = |_| 40_000;
        let (_, port, reason) = choose(wishes(2200, 3300), draw, system(|_| false)).unwrap();
        assert_eq!((port, reason), (2200, PortReason::Preferred));

        let (_, port, reason) = choose(wishes(2200, 3300), draw, system(|p| p == 2200)).unwrap();
        assert_eq!((port, reason), (3300, PortReason::LastTime { preferred_refused: Some(IN_USE) }));

        let taken = |p| p == 2200 || p == 3300;
        let (_, port, reason) = choose(wishes(2200, 3300), draw, system(taken)).unwrap();
        assert_eq!((port, reason), (40_000, PortReason::Random { preferred_refused: Some(IN_USE) }));

        let (_, port, reason) = choose(PortWishes::default(), draw, system(|_| false)).unwrap();
        assert_eq!((port, reason), (40_000, PortReason::Random { preferred_refused: None }));
    }

    #[test]
    fn a_privileged_port_is_refused_with_its_cause() {
        let (_, _, reason) = choose(wishes(22, 0), |_| 40_000, system(|_| false)).unwrap();
        let refusal = PortRefusal { port: 22, cause: PortRefusalCause::NotPermitted };
        assert_eq!(reason, PortReason::Random { preferred_refused: Some(refusal) });
    }

    #[test]
    fn zero_is_no_wish_and_one_port_is_not_tried_twice() {
        let mut tried = Vec::new();
        let listen = |port| {
            tried.push(port);
            if port == 2200 { Err(io::ErrorKind::AddrInUse.into()) } else { Ok(()) }
        };
        choose(wishes(2200, 2200), |_| 40_000, listen).unwrap();
        assert_eq!(tried, [2200, 40_000]);
        let (_, port, _) = choose(wishes(0, 0), |_| 40_000, Ok).unwrap();
        assert_eq!(port, 40_000);
    }

    #[test]
    fn a_full_computer_is_scanned_around_to_the_last_free_port() {
        let draw = |_| 64_999;
        let (_, port, _) = choose(PortWishes::default(), draw, system(|p| p != 10_007)).unwrap();
        assert_eq!(port, 10_007);
        let none = choose(PortWishes::default(), draw, system(|_| true));
        assert!(matches!(none, Err(BindError::NoFreePort)));
    }

    #[test]
    fn other_errors_are_not_taken_for_a_taken_port() {
        let error = choose(wishes(2200, 0), |_| 40_000, |_| Err::<(), _>(io::Error::other("no sockets")));
        assert!(matches!(error, Err(BindError::System { port: 2200, .. })));
    }
}
