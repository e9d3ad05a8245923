//! The tunnel: accepts local connections, gives each its task, counts them, and ends them.
//!
//! Connections are told to end by one watched order, so that a thousand of them cost no list to walk and a
//! late comer cannot be missed; a task tracker knows when the last one is gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::connection::Connection;
use crate::port::loopback;
use crate::traffic::{Shared, Ticket, Traffic};
use crate::{ConnectionEnd, Connector, EndReason, LoopbackListener, Options, PortReason, Refusal};

/// Pause after the system refused to accept (no file descriptors left, mostly): it will refuse again at
/// once, and something must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What all connections of a tunnel are told. The value stays, each connection heeds what comes after it
/// was accepted.
#[derive(Debug, Clone)]
enum Order {
    /// Nothing yet.
    Serve,
    /// Those that are open now end for this reason; new ones are served.
    Close(Refusal),
    /// All end, for good.
    Stop,
}

/// A local port whose connections are relayed to upstreams. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    reason: PortReason,
    orders: watch::Sender<Order>,
    tasks: TaskTracker,
    shared: Arc<Shared>,
}

impl Tunnel {
    /// Starts serving the listener's port. Nothing upstream is opened until a local program connects.
    /// Must be called within a Tokio runtime, which then runs the tunnel's tasks.
    pub fn start<C: Connector>(listener: LoopbackListener, connector: C, options: Options) -> Self {
        let (listener, port, reason) = listener.into_parts();
        let (orders, _) = watch::channel(Order::Serve);
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared::new());
        let acceptor = Acceptor {
            port,
            connector: Arc::new(connector),
            slots: Arc::new(Semaphore::new(options.handshakes_at_once.max(1))),
            options: Arc::new(options),
            shared: Arc::clone(&shared),
            tasks: tasks.clone(),
        };
        tasks.spawn(acceptor.serve(listener, orders.subscribe()));
        tasks.close();
        Self { port, reason, orders, tasks, shared }
    }

    /// The local port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Why it is this port.
    #[must_use]
    pub fn reason(&self) -> &PortReason {
        &self.reason
    }

    /// Where local programs connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// The figures as they are now. The byte counts move while connections are open.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.traffic()
    }

    /// A counter that moves whenever a connection was accepted or has ended (not with every byte), to know
    /// when [`Self::traffic`] is worth another look.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }

    /// Every connection that ends from now on, after [`Self::traffic`] has counted it. A receiver more than
    /// 256 ends behind misses the oldest.
    #[must_use]
    pub fn ends(&self) -> broadcast::Receiver<ConnectionEnd> {
        self.shared.ends()
    }

    /// Ends the connections that are open, for this reason ([`EndReason::Closed`]), and keeps listening:
    /// the session ended, or its user signed out.
    pub fn close_connections(&self, why: Refusal) {
        self.order(Order::Close(why));
    }

    /// Closes the port and ends every connection; when it returns both are done. At most about a second,
    /// which upstreams are given to take leave. May be called again.
    pub async fn stop(&self) {
        self.order(Order::Stop);
        self.tasks.wait().await;
    }

    /// Gives an order. After `Stop` none counts any more.
    fn order(&self, order: Order) {
        self.orders.send_if_modified(|current| {
            if matches!(current, Order::Stop) {
                return false;
            }
            *current = order;
            true
        });
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.order(Order::Stop);
    }
}

/// What the accepting task owns.
struct Acceptor<C> {
    port: u16,
    connector: Arc<C>,
    slots: Arc<Semaphore>,
    options: Arc<Options>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

impl<C: Connector> Acceptor<C> {
    /// Accepts until the order to stop, then closes the port.
    async fn serve(self, listener: TcpListener, mut orders: watch::Receiver<Order>) {
        loop {
            let accepted = tokio::select! {
                biased;
                _ = orders.wait_for(|order| matches!(order, Order::Stop)) => return,
                accepted = listener.accept() => accepted,
            };
            let local = match accepted {
                Ok((local, _)) => local,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => continue,
                Err(error) => {
                    tracing::warn!(port = self.port, %error, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Later orders only, except that a stop given in this very moment must not be missed.
            let mut orders = orders.clone();
            if matches!(*orders.borrow_and_update(), Order::Stop) {
                return;
            }
            let mut ticket = Ticket::new(&self.shared);
            let span = tracing::info_span!("connection", port = self.port, number = ticket.number);
            let connection = Connection::new(
                local,
                Arc::clone(&self.connector),
                Arc::clone(&self.slots),
                Arc::clone(&self.options),
            );
            let task = async move {
                let reason = connection.run(&mut ticket.meter, interrupted(orders)).await;
                ticket.end(reason);
            };
            self.tasks.spawn(task.instrument(span));
        }
    }
}

/// Waits for the next order and says what it ends a connection with.
async fn interrupted(mut orders: watch::Receiver<Order>) -> EndReason {
    match orders.changed().await {
        Ok(()) => match &*orders.borrow_and_update() {
            Order::Close(why) => EndReason::Closed(why.clone()),
            Order::Serve | Order::Stop => EndReason::Stopped,
        },
        Err(_) => EndReason::Stopped,
    }
}
