//! The client of one cluster: one login, shared by all clones.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use crate::error::Error;
use crate::listing::Dialect;
use crate::login::Login;
use crate::network::Network;
use crate::probe::{AccessMode, Server};
use crate::stream::{PathWatch, PoolRefresh};
use crate::transport::{Answer, Call, Failure, JSON_LIMIT, Transport};
use crate::version::ApiVersion;

/// A client of one cluster. Cloning is cheap; all clones share one login, and a later
/// [`sign_in`](Client::sign_in) renews it for all of them, so what is opened afterwards uses the new one.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    login: RwLock<Option<Arc<Login>>>,
    dialect: Dialect,
    streams_by_name: AtomicBool,
    pool_refresh: PoolRefresh,
    path_watch: PathWatch,
    dialling_spare: AtomicBool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", self.server()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that is not signed in yet. Sends nothing.
    ///
    /// # Errors
    /// [`Error::TooOld`] for servers of before 20.03 (API v4), [`Error::NotBackendAi`] when the API version is
    /// none, [`Error::BadCertificate`] and [`Error::Tls`] when the network's certificates cannot be used.
    pub fn new(server: Server, network: &Network) -> Result<Self, Error> {
        let version = ApiVersion::parse(&server.api_version).ok_or(Error::NotBackendAi)?;
        // API v4 has other paths and names (protocol.md 1.1).
        if version.major < 5 {
            return Err(Error::TooOld { version: server.api_version });
        }
        let transport = Transport::new(server, version.to_send().to_string(), network)?;
        Ok(Self {
            inner: Arc::new(Inner {
                transport,
                login: RwLock::new(None),
                dialect: Dialect::default(),
                streams_by_name: AtomicBool::new(false),
                pool_refresh: PoolRefresh::default(),
                path_watch: PathWatch::default(),
                dialling_spare: AtomicBool::new(false),
            }),
        })
    }

    /// The server this client talks to.
    pub fn server(&self) -> &Server {
        &self.inner.transport.server
    }

    /// The server's clock minus this computer's, in seconds, once it was found to be too far off for signed
    /// requests (API mode); 0 otherwise. Worth a warning: the signatures only work because of a correction.
    pub fn clock_skew(&self) -> i64 {
        self.inner.transport.skew()
    }

    pub(crate) fn mode(&self) -> AccessMode {
        self.inner.transport.mode()
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.inner.dialect
    }

    /// Whether streams of this server were seen to take session names only.
    pub(crate) fn streams_by_name(&self) -> &AtomicBool {
        &self.inner.streams_by_name
    }

    /// Whether a connection is being made in advance.
    pub(crate) fn dialling_spare(&self) -> &AtomicBool {
        &self.inner.dialling_spare
    }

    pub(crate) fn pool_refresh(&self) -> &PoolRefresh {
        &self.inner.pool_refresh
    }

    pub(crate) fn path_watch(&self) -> &PathWatch {
        &self.inner.path_watch
    }

    /// The present login.
    pub(crate) fn login(&self) -> Result<Arc<Login>, Error> {
        self.inner.login.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::NotSignedIn)
    }

    /// Puts a login in place of the present one, for all clones.
    pub(crate) fn set_login(&self, login: Option<Login>) {
        *self.inner.login.write().unwrap_or_else(PoisonError::into_inner) = login.map(Arc::new);
    }

    /// One signed-in call, whole.
    pub(crate) async fn call(&self, call: &Call, limit: usize) -> Result<Answer, Failure> {
        let login = self.login()?;
        self.transport().send(Some(&login), call, limit).await
    }

    /// One signed-in call that answers JSON.
    pub(crate) async fn call_json(&self, call: &Call) -> Result<Value, Failure> {
        Ok(self.call(call, JSON_LIMIT).await?.json()?)
    }
}
