//! The inside of a running session: a home folder, its keys, and the programs started in it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use russh::keys::PrivateKey;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::account::random_hex;
use crate::dialect::{Dialect, KeyFormat};
use crate::home::{furnish, write_private};
use crate::keys::{KeyError, SshKey};
use crate::ssh::Processes;

/// Name of the private key file in the home, as on real servers.
pub(crate) const ID_CONTAINER: &str = "id_container";
/// Files beside the home that belong to one container on it.
const HOST_KEY: &str = "host_key";
const CONTAINER_ID: &str = "container_id";

/// Why a container could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainerError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A running session's inside.
pub(crate) struct Container {
    pub(crate) session_id: Uuid,
    pub(crate) session_name: String,
    /// Plays `/home/work`. Canonical.
    pub(crate) home: PathBuf,
    pub(crate) dialect: Dialect,
    /// Cancelled when the session ends; everything inside ends with it.
    pub(crate) gone: CancellationToken,
    /// Connections that may be unauthenticated at once; dropbear allows five.
    pub(crate) unauthenticated: Option<Arc<Semaphore>>,
    pub(crate) processes: Processes,
    /// What the container runtime calls it: 64 hexadecimal digits, others after each start of the session.
    pub(crate) id: String,
    host_key_file: PathBuf,
    /// The user's own SSH keypair, if set: the session's key is then this one (protocol.md 5.3).
    account_key: Option<SshKey>,
    host_key: OnceLock<PrivateKey>,
    user_key: OnceLock<SshKey>,
    /// Held while a key is made, so that two first callers do not make two.
    making: Mutex<()>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Container").field("session", &self.session_name).finish_non_exhaustive()
    }
}

/// What a container is made of.
pub(crate) struct ContainerSpec<'a> {
    pub(crate) session_id: Uuid,
    pub(crate) session_name: &'a str,
    /// Folder of this session inside the cluster's data folder.
    pub(crate) folder: &'a Path,
    pub(crate) dialect: Dialect,
    pub(crate) unauthenticated_limit: Option<usize>,
    pub(crate) run: Uuid,
    pub(crate) gone: CancellationToken,
    pub(crate) account_key: Option<SshKey>,
}

impl Container {
    /// Creates the home. Keys are made when first needed, or by [`Container::ensure_keys`].
    pub(crate) fn create(spec: ContainerSpec<'_>) -> Result<Container, ContainerError> {
        let home = spec.folder.join("home");
        furnish(&home, spec.session_name)?;
        Ok(Container {
            id: container_id(spec.folder)?,
            session_id: spec.session_id,
            session_name: spec.session_name.to_owned(),
            home: plain_canonical(&home)?,
            dialect: spec.dialect,
            processes: Processes::new(spec.run, &spec.gone),
            gone: spec.gone,
            unauthenticated: spec.unauthenticated_limit.map(|limit| Arc::new(Semaphore::new(limit))),
            host_key_file: spec.folder.join(HOST_KEY),
            account_key: spec.account_key,
            host_key: OnceLock::new(),
            user_key: OnceLock::new(),
            making: Mutex::new(()),
        })
    }

    /// Makes both keys if they do not exist yet. Blocks for tens of milliseconds of CPU each.
    pub(crate) fn ensure_keys(&self) -> Result<(), ContainerError> {
        self.user_key()?;
        self.host_key()?;
        Ok(())
    }

    /// The key that opens the session; made, with `id_container` and `authorized_keys`, at the
    /// first call. A removed `id_container` is not written again.
    pub(crate) fn user_key(&self) -> Result<&SshKey, ContainerError> {
        get_or_try_init(&self.user_key, &self.making, || {
            let file = self.home.join(ID_CONTAINER);
            if let Ok(pem) = fs::read_to_string(&file)
                && let Ok(key) = SshKey::parse(&pem)
            {
                return Ok(key);
            }
            let key = match &self.account_key {
                Some(key) => key.clone(),
                None => SshKey::generate(self.dialect.key_format())?,
            };
            write_private(&file, key.pem.as_bytes())?;
            if self.account_key.is_some() {
                write_private(&self.home.join(".ssh/id_rsa"), key.pem.as_bytes())?;
            }
            let authorized = self.home.join(".ssh").join("authorized_keys");
            let mut lines = fs::read_to_string(&authorized).unwrap_or_default();
            lines.push_str(&key.public_line()?);
            write_private(&authorized, lines.as_bytes())?;
            Ok(key)
        })
    }

    /// The session's host key, made at the first call.
    pub(crate) fn host_key(&self) -> Result<&PrivateKey, ContainerError> {
        get_or_try_init(&self.host_key, &self.making, || {
            if let Ok(pem) = fs::read_to_string(&self.host_key_file)
                && let Ok(key) = SshKey::parse(&pem)
            {
                return Ok(key.private);
            }
            let key = SshKey::generate(KeyFormat::OpenSsh)?;
            write_private(&self.host_key_file, key.pem.as_bytes())?;
            Ok(key.private)
        })
    }

    /// Ends the session's inside: connections, forwarded ports, programs.
    pub(crate) fn end(&self) {
        self.gone.cancel();
        self.processes.kill_all();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes the next container in a session's folder another one than the last.
pub(crate) fn forget_container(folder: &Path) -> io::Result<()> {
    remove(&folder.join(CONTAINER_ID))
}

/// Makes the next container in a session's folder make itself a host key.
pub(crate) fn forget_host_key(folder: &Path) -> io::Result<()> {
    remove(&folder.join(HOST_KEY))
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The id of the container in a session's folder, made where there is none.
fn container_id(folder: &Path) -> io::Result<String> {
    let file = folder.join(CONTAINER_ID);
    match fs::read_to_string(&file) {
        Ok(id) => Ok(id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = format!("{}{}", random_hex(), random_hex());
            write_private(&file, id.as_bytes())?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

/// `OnceLock::get_or_try_init`, which is not stable yet.
fn get_or_try_init<'a, T>(
    cell: &'a OnceLock<T>,
    making: &Mutex<()>,
    make: impl FnOnce() -> Result<T, ContainerError>,
) -> Result<&'a T, ContainerError> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let _making = making.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

/// The canonical path, without the `\\?\` prefix that programs on Windows trip over.
fn plain_canonical(path: &Path) -> io::Result<PathBuf> {
    let canonical = path.canonicalize()?;
    if cfg!(windows)
        && let Some(plain) = canonical.to_str().and_then(|text| text.strip_prefix(r"\\?\"))
    {
        return Ok(PathBuf::from(plain));
    }
    Ok(canonical)
}
