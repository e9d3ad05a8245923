//! One signed-in cluster: its login, kept alive, and its sessions, kept fresh.
//!
//! Everything that talks to a cluster goes through [`Cluster::call`], so that an expired login is
//! renewed in one place: silently with remembered credentials, else by asking once (`SignInNeeded`)
//! while the callers wait. A login is never retried with credentials that were refused: servers lock
//! accounts after ten failures (protocol.md 1.2).

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_ai::{Client, Credentials, SessionScope};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{Account, App, Error, Event, ResourceAmount, Session, SessionList, clock, error};

/// How long a caller waits for the user to sign in again. An `ssh` at the local port waits as long.
pub(crate) const SIGN_IN_WITHIN: Duration = Duration::from_secs(120);
/// Rest between two session lists while the cluster's event stream does not work.
const POLL: Duration = Duration::from_secs(10);
/// The same while it works: only a safety net.
const POLL_WITH_EVENTS: Duration = Duration::from_secs(30);
/// Bursts of events (a session passes six states in a second) cost one list.
const AFTER_EVENT: Duration = Duration::from_millis(500);

/// Finds credentials when they are needed: asking a keychain may take long or bother the user, and what it holds may
/// have been changed by another host.
pub(crate) type FindCredentials =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Credentials>> + Send>> + Send + Sync>;

/// Whether the login works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    /// It does; the number counts renewals.
    Works(u64),
    /// It does not, and only the user can mend it.
    Needed(u64),
}

impl Login {
    fn generation(self) -> u64 {
        match self {
            Self::Works(n) | Self::Needed(n) => n,
        }
    }
}

/// A signed-in cluster.
pub(crate) struct Cluster {
    client: Client,
    account: Mutex<Account>,
    /// Remembered credentials for silent renewal; taken away once the server refuses them.
    renewal: Mutex<Option<Credentials>>,
    /// Where they are kept.
    find: Mutex<Option<FindCredentials>>,
    /// Nobody is there to sign in again, so nothing waits for that.
    unattended: AtomicBool,
    /// The server refused the remembered credentials.
    refused: AtomicBool,
    login: watch::Sender<Login>,
    renewing: tokio::sync::Mutex<()>,
    list: Mutex<Option<SessionList>>,
    refresh: Notify,
    following_events: AtomicBool,
    events: broadcast::Sender<Event>,
    ended: CancellationToken,
}

impl Cluster {
    pub(crate) fn new(
        client: Client,
        account: Account,
        renewal: Option<Credentials>,
        events: broadcast::Sender<Event>,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            account: Mutex::new(account),
            renewal: Mutex::new(renewal),
            find: Mutex::new(None),
            unattended: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            login: watch::Sender::new(Login::Works(0)),
            renewing: tokio::sync::Mutex::new(()),
            list: Mutex::new(None),
            refresh: Notify::new(),
            following_events: AtomicBool::new(false),
            events,
            ended: CancellationToken::new(),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn account(&self) -> Account {
        lock(&self.account).clone()
    }

    pub(crate) fn profile_id(&self) -> String {
        lock(&self.account).profile_id.clone()
    }

    pub(crate) fn address(&self) -> String {
        lock(&self.account).server.address.clone()
    }

    /// For a host without a window: credentials are looked for only when needed, and nothing waits for a user.
    pub(crate) fn unattended(&self, find: Option<FindCredentials>) {
        self.unattended.store(true, Ordering::Relaxed);
        *lock(&self.find) = find;
    }

    /// Says where the credentials are kept that this login was made with.
    pub(crate) fn kept_by(&self, find: FindCredentials) {
        *lock(&self.find) = Some(find);
    }

    async fn found_credentials(&self) -> Option<Credentials> {
        let find = lock(&self.find).clone()?;
        find().await
    }

    /// Whether remembered credentials turned out to be wrong.
    pub(crate) fn refused_credentials(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Cancelled when the account signs out.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(crate) fn is_sign_in_needed(&self) -> bool {
        matches!(*self.login.borrow(), Login::Needed(_))
    }

    pub(crate) fn login_changes(&self) -> watch::Receiver<impl PartialEq + use<>> {
        self.login.subscribe()
    }

    /// Calls the cluster; an expired login is renewed once and the call made again.
    pub(crate) async fn call<T, F>(&self, ask: impl Fn(Client) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, backend_ai::Error>>,
    {
        let seen = self.generation();
        match ask(self.client.clone()).await {
            Err(backend_ai::Error::NotSignedIn) => {
                self.renew(seen).await?;
                ask(self.client.clone()).await.map_err(|e| error::cluster(&e, &self.address()))
            }
            other => other.map_err(|e| error::cluster(&e, &self.address())),
        }
    }

    /// Counts renewals; to be read before a call whose failure may lead to [`Cluster::renew`].
    pub(crate) fn generation(&self) -> u64 {
        self.login.borrow().generation()
    }

    /// Returns when there is a newer login than the one that was `seen` to fail.
    pub(crate) async fn renew(&self, seen: u64) -> Result<(), Error> {
        {
            let _one_at_a_time = self.renewing.lock().await;
            if self.works_since(seen) {
                return Ok(());
            }
            let mut credentials = lock(&self.renewal).clone();
            if credentials.is_none() {
                credentials = self.found_credentials().await;
            }
            while let (Some(tried), false) = (credentials.take(), self.is_sign_in_needed()) {
                match self.client.sign_in(&tried).await {
                    Ok(_) => {
                        tracing::info!("login renewed with the remembered credentials");
                        self.signed_in_again(self.account(), Some(tried));
                        return Ok(());
                    }
                    // The server is away, which says nothing about the credentials.
                    Err(backend_ai::SignInError::Other(e))
                        if !matches!(e, backend_ai::Error::NotSignedIn) =>
                    {
                        return Err(error::cluster(&e, &self.address()));
                    }
                    Err(e) => {
                        tracing::warn!(error = %e, "the remembered credentials were refused");
                        let was_in_memory = lock(&self.renewal).take().is_some();
                        if was_in_memory {
                            // Another host may have remembered others since.
                            credentials = self.found_credentials().await.filter(|found| *found != tried);
                        }
                        if credentials.is_none() && matches!(e, backend_ai::SignInError::WrongCredentials) {
                            self.refused.store(true, Ordering::Relaxed);
                        }
                    }
                }
            }
            if !self.is_sign_in_needed() {
                self.login.send_replace(Login::Needed(seen));
                let _ = self.events.send(Event::SignInNeeded { account: self.account() });
            }
        }
        if self.unattended.load(Ordering::Relaxed) {
            return Err(error::not_signed_in());
        }
        let mut login = self.login.subscribe();
        let renewed = login.wait_for(|l| matches!(l, Login::Works(n) if *n > seen));
        tokio::select! {
            _ = self.ended.cancelled() => Err(error::not_signed_in()),
            waited = tokio::time::timeout(SIGN_IN_WITHIN, renewed) => match waited {
                Ok(Ok(_)) => Ok(()),
                _ => Err(error::not_signed_in()),
            },
        }
    }

    /// Notes that the client has a fresh login.
    pub(crate) fn signed_in_again(&self, account: Account, renewal: Option<Credentials>) {
        *lock(&self.account) = account.clone();
        if renewal.is_some() {
            *lock(&self.renewal) = renewal;
        }
        self.login.send_modify(|l| *l = Login::Works(l.generation() + 1));
        let _ = self.events.send(Event::SignedIn { account });
        self.refresh.notify_one();
    }

    /// Notes other credentials for renewals, and in what kind of place they are kept.
    pub(crate) fn remembers(&self, account: Account, renewal: Credentials) {
        *lock(&self.account) = account;
        *lock(&self.renewal) = Some(renewal);
    }

    fn works_since(&self, seen: u64) -> bool {
        matches!(*self.login.borrow(), Login::Works(n) if n > seen)
    }

    /// The sessions now.
    pub(crate) async fn refresh(&self) -> Result<SessionList, Error> {
        let living = self.call(|c| async move { c.sessions(SessionScope::Live).await }).await?;
        // Ended sessions are a courtesy of the screen: a server that fails on them has still answered.
        let recent = match self.client.sessions(SessionScope::Recent).await {
            Ok(recent) => recent,
            Err(e) => {
                tracing::debug!(error = %e, "no list of ended sessions");
                Vec::new()
            }
        };
        let mut sessions: Vec<Session> = living.iter().map(session).collect();
        for ended in &recent {
            if !sessions.iter().any(|s| s.id == ended.id) {
                sessions.push(session(ended));
            }
        }
        sessions.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.name.cmp(&b.name)));
        let list =
            SessionList { profile_id: self.profile_id(), sessions, fetched_at: clock::now(), stale: None };
        self.publish(list.clone());
        Ok(list)
    }

    /// Asks for a new list soon.
    pub(crate) fn refresh_soon(&self) {
        self.refresh.notify_one();
    }

    /// The newest list, if there is one.
    pub(crate) fn list(&self) -> Option<SessionList> {
        lock(&self.list).clone()
    }

    fn publish(&self, list: SessionList) {
        *lock(&self.list) = Some(list.clone());
        let _ = self.events.send(Event::SessionsChanged { list });
    }

    fn publish_stale(&self, error: Error) {
        let mut list = self.list().unwrap_or_else(|| SessionList {
            profile_id: self.profile_id(),
            sessions: Vec::new(),
            fetched_at: clock::now(),
            stale: None,
        });
        if list.stale.as_ref() != Some(&error) {
            list.stale = Some(error);
            self.publish(list);
        }
    }

    /// Keeps the list fresh until the account signs out.
    pub(crate) async fn watch_sessions(self: Arc<Self>) {
        let follower = tokio::spawn(Arc::clone(&self).follow_events());
        let ended = self.ended.clone();
        let keep_fresh = async {
            loop {
                if let Err(e) = self.refresh().await {
                    tracing::info!(code = %e.code, "session list not refreshed");
                    self.publish_stale(e);
                }
                let rest =
                    if self.following_events.load(Ordering::Relaxed) { POLL_WITH_EVENTS } else { POLL };
                tokio::select! {
                    () = tokio::time::sleep(rest) => {}
                    () = self.refresh.notified() => tokio::time::sleep(AFTER_EVENT).await,
                }
            }
        };
        tokio::select! {
            () = ended.cancelled() => {}
            () = keep_fresh => {}
        }
        follower.abort();
    }

    /// Turns the cluster's own events into early refreshes.
    async fn follow_events(self: Arc<Self>) {
        let mut rest = Duration::from_secs(5);
        loop {
            if let Ok(mut events) = self.client.session_events(None).await {
                rest = Duration::from_secs(5);
                self.following_events.store(true, Ordering::Relaxed);
                while let Ok(Some(event)) = events.next().await {
                    tracing::debug!(event = %event.name, session = event.session_id, "cluster event");
                    self.refresh.notify_one();
                }
                self.following_events.store(false, Ordering::Relaxed);
            }
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(Duration::from_secs(120));
        }
    }
}

pub(crate) fn session(from: &backend_ai::Session) -> Session {
    Session {
        id: from.id.clone(),
        name: from.name.clone(),
        status: from.status.clone(),
        status_info: from.status_info.clone().filter(|s| !s.is_empty()),
        session_type: from.session_type.clone(),
        image: from.image.clone(),
        project: from.project.clone(),
        resource_group: from.resource_group.clone(),
        resources: from
            .occupied_slots
            .iter()
            .map(|(slot, amount)| ResourceAmount { slot: slot.clone(), amount: amount.clone() })
            .collect(),
        created_at: from.created_at.clone(),
        terminated_at: from.terminated_at.clone(),
        cluster_size: from.cluster_size,
        apps: from.apps.iter().map(app).collect(),
    }
}

pub(crate) fn app(from: &backend_ai::App) -> App {
    App { name: from.name.clone(), protocol: from.protocol.clone() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
