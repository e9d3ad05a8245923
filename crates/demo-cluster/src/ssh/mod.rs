//! The SSH server inside a session: publickey only, user `work`, shells and programs of this
//! computer with the session's folder as home.
//!
//! It is served directly over a tcpproxy stream, so no further port is open on the computer.
//! It behaves like the dropbear of real sessions where clients can tell: algorithms, keep-alives
//! every 15 s, five unauthenticated connections at once (protocol.md 5.3, appendices A and B).

mod attributes;
mod channel;
mod cut;
mod forward;
mod handler;
mod inbox;
mod jail;
mod process;
mod processes;
mod sftp;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex, mac, server};
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use processes::{Processes, end_programs_of, restore_interrupt_signals};

use crate::container::{Container, ContainerError};
use cut::CutStream;
use handler::Connection;

/// How long programs may take to end when their connection has ended.
const ENDING_TIME: Duration = Duration::from_secs(3);

/// Serves one connection until it, `ended` or the container ends. Beyond the number of
/// unauthenticated connections it drops the stream at once, without a banner, as dropbear does.
pub(crate) async fn serve(container: Arc<Container>, stream: DuplexStream, ended: CancellationToken) {
    let permit = match &container.unauthenticated {
        None => None,
        Some(limit) => match limit.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => return,
        },
    };
    let config = match config(&container).await {
        Ok(config) => Arc::new(config),
        Err(error) => {
            tracing::warn!(session = %container.session_name, %error, "no SSH keys");
            return;
        }
    };
    // Cancelled when this function ends in any way, being dropped included.
    let cancel = ended.child_token();
    let _guard = cancel.clone().drop_guard();
    let tasks = TaskTracker::new();
    let connection = Connection::new(container.clone(), permit, tasks.clone(), cancel.clone());
    let stream = CutStream::new(stream, cancel.clone());
    let outcome = match server::run_stream(config, stream, connection).await {
        Ok(session) => session.await,
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        tracing::debug!(session = %container.session_name, %error, "SSH connection ended");
    }
    cancel.cancel();
    tasks.close();
    // Longer ones are killed with the session.
    let _ = tokio::time::timeout(ENDING_TIME, tasks.wait()).await;
}

async fn config(container: &Arc<Container>) -> Result<server::Config, ContainerError> {
    let keys = container.clone();
    let host_key = tokio::task::spawn_blocking(move || {
        keys.user_key()?;
        keys.host_key().cloned()
    })
    .await
    .map_err(std::io::Error::other)??;
    let version = format!("SSH-2.0-{} berth-demo", container.dialect.sshd_version());
    Ok(server::Config {
        server_id: SshId::Standard(Cow::Owned(version)),
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        preferred: preferred(),
        inactivity_timeout: None,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        channel_buffer_size: 64,
        event_buffer_size: 64,
        window_size: 2 * 1024 * 1024,
        maximum_packet_size: 65_535,
        nodelay: true,
        ..server::Config::default()
    })
}

/// What dropbear offers (appendices A, B), plus SHA-2 MACs for clients without SHA-1.
fn preferred() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(&[
            kex::CURVE25519,
            kex::CURVE25519_PRE_RFC_8731,
            kex::ECDH_SHA2_NISTP521,
            kex::ECDH_SHA2_NISTP384,
            kex::ECDH_SHA2_NISTP256,
            kex::DH_G14_SHA256,
            kex::EXTENSION_SUPPORT_AS_SERVER,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
        ]),
        // The order in which signatures of users' keys are announced, too.
        key: Cow::Borrowed(&[
            Algorithm::Ed25519,
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
            Algorithm::Rsa { hash: None },
        ]),
        cipher: Cow::Borrowed(&[cipher::CHACHA20_POLY1305, cipher::AES_128_CTR, cipher::AES_256_CTR]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA256, mac::HMAC_SHA1]),
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    }
}
