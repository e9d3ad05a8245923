//! Real ports: what is taken is refused with its cause, and no other computer reaches the listener.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use crate::support::tunnel;
use tokio::net::TcpStream;
use tunnel::{FREE_PORTS, LoopbackListener, Options, PortReason, PortRefusal, PortRefusalCause, PortWishes};

/// A port that was free just now, and the listener that makes it taken.
fn taken() -> (u16, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    (listener.local_addr().unwrap().port(), listener)
}

#[tokio::test]
async fn a_taken_preferred_port_gives_the_last_one_then_another() {
    let (preferred, _preferred) = taken();
    let (last, holder) = taken();
    let refusal = PortRefusal { port: preferred, cause: PortRefusalCause::InUse };
    let wishes = PortWishes { preferred: Some(preferred), last: Some(last) };

    let random = LoopbackListener::bind(wishes).unwrap();
    assert_eq!(random.reason(), &PortReason::Random { preferred_refused: Some(refusal) });
    assert!(FREE_PORTS.contains(&random.port()));

    drop(holder);
    let same = LoopbackListener::bind(wishes).unwrap();
    assert_eq!(same.reason(), &PortReason::LastTime { preferred_refused: Some(refusal) });
    assert_eq!(same.port(), last);
}

#[tokio::test]
async fn a_tunnel_keeps_its_port_and_frees_it() {
    let (port, holder) = taken();
    drop(holder);
    let wishes = PortWishes { preferred: Some(port), last: None };
    let first = LoopbackListener::bind(wishes).unwrap();
    assert_eq!((first.port(), first.reason()), (port, &PortReason::Preferred));
    let second = LoopbackListener::bind(wishes).unwrap();
    let refusal = PortRefusal { port, cause: PortRefusalCause::InUse };
    assert_eq!(second.reason(), &PortReason::Random { preferred_refused: Some(refusal) });
    drop(first);
    assert_eq!(LoopbackListener::bind(wishes).unwrap().reason(), &PortReason::Preferred);
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let (tunnel, _control) = tunnel([], Options::default());
    assert!(tunnel.address().ip().is_loopback());
    assert_eq!(tunnel.address().port(), tunnel.port());
    // The address this computer has for others, where it has one; nothing is sent to learn it.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    if socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).is_ok() {
        let outward = socket.local_addr().unwrap().ip();
        if !outward.is_loopback() {
            TcpStream::connect((outward, tunnel.port())).await.unwrap_err();
        }
    }
    // Another loopback address is another listener's, which a listener on all addresses would prevent.
    #[cfg(target_os = "linux")]
    TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), tunnel.port())).unwrap();
}
