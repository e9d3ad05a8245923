//! The proxy: accepts, connects, and knows what is open.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::pipe::{Faults, Over, carry};
use crate::{Direction, Fault, Rule};

/// The answer that begins a WebSocket.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

/// A proxy on loopback. Dropping it ends every connection through it.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: AbortHandle,
}

/// A connection whose client the test now speaks to. Its bytes after the handshake's answer are gone.
#[derive(Debug)]
pub struct TakenOver {
    /// The client's side: it has just got a whole `101 Switching Protocols` and nothing after it.
    pub client: TcpStream,
    /// The server's side, to be kept open or not.
    pub server: TcpStream,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    rules: Arc<Rules>,
    /// Connections that are open.
    open: watch::Sender<usize>,
    /// Connections accepted so far.
    accepted: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    next: u64,
    connections: BTreeMap<u64, (watch::Sender<Faults>, watch::Sender<bool>)>,
}

/// What is looked for on all connections.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Mutex<Vec<Rule>>,
    struck: watch::Sender<usize>,
    takers: Mutex<Option<mpsc::UnboundedSender<TakenOver>>>,
}

/// Rules whose bytes were seen.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How far before the end of what was seen the first of those bytes is.
    pub(crate) tail: usize,
    faults: Vec<(Direction, Fault)>,
}

impl FaultProxy {
    /// Starts on a free loopback port, in front of `target`.
    ///
    /// # Errors
    /// When the system gives no port.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let rules =
            Rules { rules: Mutex::default(), struck: watch::Sender::new(0), takers: Mutex::default() };
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            rules: Arc::new(rules),
            open: watch::Sender::new(0),
            accepted: watch::Sender::new(0),
        });
        let acceptor = tokio::spawn(accept(listener, target, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, acceptor })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the fault of a direction, for connections that are open and for those to come.
    pub fn set(&self, direction: Direction, fault: Fault) {
        let mut state = lock(&self.shared.state);
        state.faults[direction as usize] = fault;
        for (faults, _) in state.connections.values() {
            faults.send_modify(|faults| faults[direction as usize] = fault);
        }
    }

    /// Adds a rule, for connections that are open and for those to come.
    pub fn when(&self, rule: Rule) {
        lock(&self.shared.rules.rules).push(rule);
    }

    /// Takes all faults and rules away; what they held passes on.
    pub fn clear(&self) {
        lock(&self.shared.rules.rules).clear();
        for direction in Direction::BOTH {
            self.set(direction, Fault::None);
        }
    }

    /// Resets every connection that is open, on both sides, now.
    pub fn reset_open(&self) {
        for (_, reset) in lock(&self.shared.state).connections.values() {
            reset.send_replace(true);
        }
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> watch::Receiver<usize> {
        self.shared.open.subscribe()
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        *self.shared.accepted.borrow()
    }

    /// How many times rules have struck.
    #[must_use]
    pub fn struck(&self) -> watch::Receiver<usize> {
        self.shared.rules.struck.subscribe()
    }

    /// From now on, whenever the server agrees to a WebSocket, the test gets the client's side in the server's place.
    #[must_use]
    pub fn take_over_websockets(&self) -> mpsc::UnboundedReceiver<TakenOver> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *lock(&self.shared.rules.takers) = Some(sender);
        receiver
    }

    /// Ends [`Self::take_over_websockets`].
    pub fn leave_websockets(&self) {
        *lock(&self.shared.rules.takers) = None;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Rules {
    /// Looks for the bytes of the rules in what was seen last.
    pub(crate) fn find(&self, direction: Direction, seen: &[u8]) -> Option<Found> {
        let mut found: Option<Found> = None;
        for rule in lock(&self.rules).iter_mut().filter(|rule| rule.times > 0 && rule.seen == direction) {
            let at = seen.windows(rule.bytes.len()).position(|window| window == rule.bytes);
            if let Some(at) = at {
                rule.times -= 1;
                let found = found.get_or_insert_default();
                found.tail = found.tail.max(seen.len() - at);
                found.faults.push((rule.direction, rule.fault));
            }
        }
        found
    }

    /// Sets the faults of the rules whose bytes were found.
    pub(crate) fn strike(&self, found: &Found, faults: &watch::Sender<Faults>) {
        faults.send_modify(|faults| {
            for (direction, fault) in &found.faults {
                faults[*direction as usize] = *fault;
            }
        });
        self.struck.send_modify(|count| *count += found.faults.len());
    }

    /// Where the head of an answer ends that begins a WebSocket, if somebody wants to have it.
    pub(crate) fn taken_over(&self, bytes: &[u8]) -> Option<usize> {
        let wanted = lock(&self.takers).is_some();
        let start = bytes.starts_with(SWITCHING);
        (wanted && start)
            .then(|| bytes.windows(4).position(|end| end == b"\r\n\r\n"))
            .flatten()
            .map(|at| at + 4)
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    // Dropped with this future, and its tasks with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    shared.accepted.send_modify(|count| *count += 1);
                    connections.spawn(serve(client, target, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(mut client: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let place = Place::new(&shared);
    let handshake = place.faults.borrow().iter().map(|fault| fault.latency()).sum();
    if handshake > Duration::ZERO {
        // The client's system has greeted this proxy at once; its bytes are not there before that would be over.
        tokio::time::sleep(handshake).await;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return reset([client]);
    };
    // Slices are to arrive as slices. A socket that is closed already shows that soon enough.
    let _ = client.set_nodelay(true).and(server.set_nodelay(true));
    let mut resets = place.reset.subscribe();
    let over = {
        let (client_reader, client_writer) = client.split();
        let (server_reader, server_writer) = server.split();
        let (faults, rules) = (&place.faults, &*shared.rules);
        let up = carry(Direction::Up, client_reader, server_writer, faults, rules);
        let down = carry(Direction::Down, server_reader, client_writer, faults, rules);
        let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
        let (mut up_ended, mut down_ended) = (false, false);
        loop {
            let over = tokio::select! {
                biased;
                _ = resets.wait_for(|reset| *reset) => Over::Reset,
                over = &mut up, if !up_ended => { up_ended = true; over }
                over = &mut down, if !down_ended => { down_ended = true; over }
            };
            if over != Over::Ended || (up_ended && down_ended) {
                break over;
            }
        }
    };
    match over {
        Over::Ended => {}
        Over::Reset => reset([client, server]),
        Over::Taken => {
            if let Some(taker) = &*lock(&shared.rules.takers) {
                // A test that no longer looks has closed it.
                let _ = taker.send(TakenOver { client, server });
            }
        }
    }
}

fn reset<const N: usize>(sockets: [TcpStream; N]) {
    for socket in sockets {
        // Where the system will not, it is closed the ordinary way.
        let _ = socket.set_zero_linger();
    }
}

/// A connection's place among those that are open.
struct Place {
    number: u64,
    faults: watch::Sender<Faults>,
    reset: watch::Sender<bool>,
    shared: Arc<Shared>,
}

impl Place {
    fn new(shared: &Arc<Shared>) -> Self {
        let mut state = lock(&shared.state);
        let faults = watch::Sender::new(state.faults);
        let reset = watch::Sender::new(false);
        let number = state.next;
        state.next += 1;
        state.connections.insert(number, (faults.clone(), reset.clone()));
        shared.open.send_modify(|open| *open += 1);
        Self { number, faults, reset, shared: Arc::clone(shared) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.shared.state).connections.remove(&self.number);
        self.shared.open.send_modify(|open| *open -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test's panic elsewhere is its own message.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
