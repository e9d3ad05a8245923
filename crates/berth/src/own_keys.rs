//! The user's own keys: the account's keypair on the cluster, the keys in `.ssh`, and letting one into a session.

use std::path::Path;

use backend_ai::{SessionRef, UploadFile};
use sshkit::authorized_keys::{Public, bootstrap_script, public_key, with_key};
use sshkit::key::{self, KeyError};
use sshkit::ppk::{PpkOptions, PpkVersion, to_ppk};
use sshkit::private_file::{Overwrite, write_private_file};
use zeroize::Zeroizing;

use crate::saved_keys::too_open;
use crate::{AddedKey, Berth, Error, LocalKey, OwnKeys, PpkRequest, PublicKeyInfo, error};

/// Who may log in to a session, below its home folder.
const AUTHORIZED_KEYS: &str = ".ssh/authorized_keys";

impl Berth {
    /// The account's key, the user's own, and those that were saved.
    ///
    /// # Errors
    /// `not-signed-in`. What the cluster does not tell is told as [`OwnKeys::account_problem`].
    pub async fn own_keys(&self) -> Result<OwnKeys, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| async move { c.ssh_public_key().await }).await;
        let (account, account_problem) = match asked {
            Ok(line) => (line.and_then(|line| public_key(&line).ok()).map(info), None),
            Err(e) if e.is_not_signed_in() => return Err(e),
            Err(e) => (None, Some(e)),
        };
        Ok(OwnKeys { account, account_problem, local: self.local_keys(), saved: self.saved_keys() })
    }

    /// The public keys in the user's `.ssh`, each with the private one beside it.
    pub fn local_keys(&self) -> Vec<LocalKey> {
        let Some(folder) = self.place().ok().and_then(|place| place.config().parent().map(Path::to_path_buf))
        else {
            return Vec::new();
        };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut keys: Vec<LocalKey> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
            .filter_map(|path| {
                let key = public_key(&std::fs::read_to_string(&path).ok()?).ok()?;
                let private = path.with_extension("");
                let there = private.is_file();
                Some(LocalKey {
                    path: path.display().to_string(),
                    too_open: there && too_open(&private),
                    private_path: there.then(|| private.display().to_string()),
                    key: info(key),
                })
            })
            .collect();
        keys.sort_by(|a, b| a.path.cmp(&b.path));
        keys
    }

    /// Lets the cluster make a new keypair for the account. Sessions that run keep the old one; those to come get the
    /// new one, and the old one stops working for them.
    ///
    /// # Errors
    /// `server-error`, `forbidden`, and whatever stands between here and the cluster.
    pub async fn renew_account_key(&self) -> Result<OwnKeys, Error> {
        let cluster = self.signed_in()?;
        cluster.call(|c| async move { c.renew_ssh_keypair().await }).await?;
        tracing::info!("the account has a new SSH keypair");
        self.own_keys().await
    }

    /// Registers a keypair of the user's with the account. Its private half goes to the cluster, which gives it to every
    /// session to come: say so before.
    ///
    /// # Errors
    /// `key-file-unusable` for what is no unencrypted private key; what the cluster says against it.
    pub async fn register_account_key(&self, private_key: &Path) -> Result<OwnKeys, Error> {
        let cluster = self.signed_in()?;
        let bytes =
            std::fs::read(private_key).map(Zeroizing::new).map_err(|e| error::read_file(private_key, &e))?;
        let unusable = |e: &KeyError| error::key_file_unusable(private_key, &e.to_string());
        let summary = key::inspect(&bytes).map_err(|e| unusable(&e))?;
        if summary.encrypted {
            return Err(unusable(&KeyError::Encrypted { format: summary.format }));
        }
        let clean = key::normalize(&bytes).map_err(|e| unusable(&e))?;
        let private = Zeroizing::new(String::from_utf8_lossy(&clean).into_owned());
        let public = summary.public_line.ok_or_else(|| unusable(&KeyError::NotAKey))?;
        let asked = cluster.call(|c| {
            let (public, private) = (format!("{public}\n"), private.clone());
            async move { c.set_ssh_keypair(&public, &private).await }
        });
        asked.await?;
        tracing::info!(algorithm = %summary.algorithm, "an SSH keypair was registered with the account");
        self.own_keys().await
    }

    /// Lets a public key into a running session; the keys that may log in already stay.
    ///
    /// # Errors
    /// `public-key-invalid`; `key-not-added` when the session's file does not hold it afterwards; those of the cluster.
    pub async fn add_key_to_session(&self, session_id: &str, line: &str) -> Result<AddedKey, Error> {
        let key = public_key(line).map_err(|e| error::public_key_invalid(&e.to_string()))?;
        let cluster = self.signed_in()?;
        let session = crate::connections::running_session(&cluster, session_id).await?;
        let reference = session.reference();
        let added = |was_there| AddedKey { session: session.name.clone(), was_there, key: info(key.clone()) };
        let there = self.authorized_keys(&reference).await?;
        let Some(new) = with_key(&there, &key) else { return Ok(added(true)) };
        let asked = cluster.call(|c| {
            let file = UploadFile { path: AUTHORIZED_KEYS.into(), content: new.clone().into() };
            let reference = reference.clone();
            async move { c.upload_files(&reference, &[file]).await }
        });
        asked.await?;
        if with_key(&self.authorized_keys(&reference).await?, &key).is_some() {
            return Err(error::key_not_added(&session.name));
        }
        tracing::info!(session = %session.name, fingerprint = %key.fingerprint, "a public key was let in");
        Ok(added(false))
    }

    /// Shell text that lets public keys into a session when it starts; for a session's bootstrap script.
    ///
    /// # Errors
    /// `public-key-invalid`.
    pub fn key_script<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<String, Error> {
        let keys: Result<Vec<Public>, _> = lines.into_iter().map(public_key).collect();
        Ok(bootstrap_script(&keys.map_err(|e| error::public_key_invalid(&e.to_string()))?))
    }

    async fn authorized_keys(&self, session: &SessionRef) -> Result<Vec<u8>, Error> {
        let cluster = self.signed_in()?;
        let asked = cluster.call(|c| {
            let session = session.clone();
            async move { c.download_file(&session, AUTHORIZED_KEYS).await }
        });
        match asked.await {
            Ok(bytes) => Ok(bytes),
            Err(e)
                if e.code == "session-not-found"
                    && e.details.get("detail").is_some_and(|d| d.contains("file ")) =>
            {
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }
}

/// Writes a private key of the user's in PuTTY's format, readable only by its owner.
///
/// # Errors
/// `key-encrypted` when it needs a passphrase, or another one; `key-file-unusable`; those of writing a file.
pub fn convert_key(
    from: &Path,
    passphrase: Option<&str>,
    to: &Path,
    request: &PpkRequest,
    overwrite: Overwrite,
) -> Result<(), Error> {
    let bytes = std::fs::read(from).map(Zeroizing::new).map_err(|e| error::read_file(from, &e))?;
    let options = PpkOptions {
        version: if request.old { PpkVersion::V2 } else { PpkVersion::V3 },
        passphrase: request.passphrase.clone().filter(|p| !p.is_empty()).map(Zeroizing::new),
        comment: None,
        source_passphrase: passphrase.map(|p| Zeroizing::new(p.to_owned())),
    };
    let ppk = to_ppk(&bytes, &options).map_err(|e| match e {
        KeyError::Encrypted { .. } | KeyError::WrongPassphrase => error::key_encrypted(from, &e.to_string()),
        other => error::key_file_unusable(from, &other.to_string()),
    })?;
    write_private_file(to, ppk.as_bytes(), overwrite).map_err(|e| error::file(&e, to))
}

fn info(key: Public) -> PublicKeyInfo {
    PublicKeyInfo {
        line: key.line,
        algorithm: key.algorithm,
        fingerprint: key.fingerprint,
        comment: key.comment,
    }
}
