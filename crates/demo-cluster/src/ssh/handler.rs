//! One SSH connection: who may in, and which channels there are.

use std::collections::HashMap;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Pty};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::channel::SessionChannel;
use super::forward;
use crate::container::Container;

/// The user name in every session (protocol.md 5.3).
const USER: &str = "work";
/// Variables a client may set for its programs.
const CLIENT_VARIABLES: [&str; 4] = ["LANG", "LC_", "COLORTERM", "TERM"];

/// A connection's state.
pub(super) struct Connection {
    container: Arc<Container>,
    /// Given back once the client has authenticated.
    permit: Option<OwnedSemaphorePermit>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Ports listened on for `-R`, by the address and port the client named.
    forwards: HashMap<(String, u32), CancellationToken>,
}

impl Connection {
    pub(super) fn new(
        container: Arc<Container>,
        permit: Option<OwnedSemaphorePermit>,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Connection {
        Connection { container, permit, tasks, cancel, forwards: HashMap::new() }
    }

    /// Whether a key is in the session's `authorized_keys`, read anew each time so that a key
    /// added in the running session works (protocol.md 5.5).
    async fn is_authorized(&self, user: &str, key: &PublicKey) -> bool {
        if user != USER {
            return false;
        }
        let file = self.container.home.join(".ssh").join("authorized_keys");
        let text = tokio::fs::read_to_string(file).await.unwrap_or_default();
        text.lines()
            .filter_map(|line| PublicKey::from_openssh(line.trim()).ok())
            .any(|allowed| allowed.key_data() == key.key_data())
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = self.is_authorized(user, offer.public_key).await;
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = self.is_authorized(user, key.public_key).await;
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        self.permit = None;
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        let task = SessionChannel::new(self.container.clone(), session.handle(), self.cancel.child_token());
        self.tasks.spawn(task.run(channel));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let (host, cancel) = (host.to_owned(), self.cancel.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = forward::connect(channel, host, port, reply) => {}
                () = cancel.cancelled() => {}
            }
        });
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Ok(listener) = forward::listen(*port).await else { return Ok(false) };
        if let Ok(bound) = listener.local_addr()
            && *port == 0
        {
            *port = u32::from(bound.port());
        }
        let cancel = self.cancel.child_token();
        self.forwards.insert((address.to_owned(), *port), cancel.clone());
        let accepting =
            forward::accept(listener, session.handle(), address.to_owned(), *port, self.tasks.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = accepting => {}
                () = cancel.cancelled() => {}
            }
        });
        Ok(true)
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        let forward = self.forwards.remove(&(address.to_owned(), port));
        if let Some(cancel) = &forward {
            cancel.cancel();
        }
        Ok(forward.is_some())
    }

    // The requests themselves are worked on by the channel's task, which gets them as messages;
    // here they are only answered, in the order in which they came.

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if cfg!(unix) { session.channel_success(channel) } else { session.channel_failure(channel) }
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if is_client_variable(name) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if name == "sftp" { session.channel_success(channel) } else { session.channel_failure(channel) }
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }
}

/// Whether a client may set a variable.
pub(super) fn is_client_variable(name: &str) -> bool {
    CLIENT_VARIABLES
        .iter()
        .any(|allowed| name == *allowed || (allowed.ends_with('_') && name.starts_with(allowed)))
}
