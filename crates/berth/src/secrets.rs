//! Where passwords and secret keys are remembered.
//!
//! The operating system's keychain where it works, which only a trial can tell (a locked keyring without
//! a prompt claims to be fine), so a canary is written, read and deleted at the start. Otherwise a file
//! with mode 0600, and the hosts say so; or memory alone, for tests and by choice.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use crate::{Error, SecretPlace, error, json_file};

/// Service name of Berth's entries in the keychain.
const SERVICE: &str = "berth";
/// A desktop may ask its user to unlock the keychain; past this it is taken as not there.
const CANARY_WITHIN: Duration = Duration::from_secs(20);

/// Which place to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretsChoice {
    /// The keychain if it works, else the file.
    #[default]
    Best,
    /// Memory only.
    Memory,
    /// The 0600 file.
    File,
}

impl SecretsChoice {
    /// `BERTH_SECRETS` = `memory` or `file`; anything else is [`SecretsChoice::Best`].
    pub fn from_environment() -> Self {
        match std::env::var("BERTH_SECRETS").as_deref() {
            Ok("memory") => Self::Memory,
            Ok("file") => Self::File,
            _ => Self::Best,
        }
    }
}

/// An open place for secrets.
#[derive(Debug)]
pub(crate) enum SecretStore {
    Keychain,
    File(PathBuf),
    Memory(Mutex<BTreeMap<String, String>>),
}

impl SecretStore {
    pub(crate) async fn open(choice: SecretsChoice, file: PathBuf) -> Self {
        match choice {
            SecretsChoice::Memory => Self::Memory(Mutex::default()),
            SecretsChoice::File => Self::File(file),
            SecretsChoice::Best => match canary().await {
                Ok(()) => Self::Keychain,
                Err(e) => {
                    tracing::warn!(error = %e, "no usable keychain, secrets go to a file for this user only");
                    Self::File(file)
                }
            },
        }
    }

    /// Reads a secret without trying the keychain first: from the file if it is there, else from the keychain.
    /// A command that runs for a second cannot afford the trial, and a keychain that does not work holds nothing.
    pub(crate) async fn look_up(choice: SecretsChoice, file: PathBuf, id: &str) -> Option<String> {
        if choice == SecretsChoice::Memory {
            return None;
        }
        if let Ok(Some(secret)) = Self::File(file).get(id).await {
            return Some(secret);
        }
        if choice == SecretsChoice::File {
            return None;
        }
        match tokio::time::timeout(CANARY_WITHIN, Self::Keychain.get(id)).await {
            Ok(Ok(secret)) => secret,
            Ok(Err(e)) => {
                tracing::info!(detail = ?e.details.get("detail"), "the keychain does not answer");
                None
            }
            Err(_) => None,
        }
    }

    pub(crate) fn place(&self) -> SecretPlace {
        match self {
            Self::Keychain => SecretPlace::Keychain,
            Self::File(_) => SecretPlace::File,
            Self::Memory(_) => SecretPlace::Memory,
        }
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Option<String>, Error> {
        match self {
            Self::Keychain => on_keychain(id, |entry| match entry.get_password() {
                Err(keyring::Error::NoEntry) => Ok(None),
                other => other.map(Some),
            })
            .await
            .map_err(|e| error::keychain(&e)),
            Self::File(path) => Ok(json_file::read::<BTreeMap<String, String>>(path).remove(id)),
            Self::Memory(map) => Ok(lock(map).get(id).cloned()),
        }
    }

    pub(crate) async fn set(&self, id: &str, secret: &str) -> Result<(), Error> {
        match self {
            Self::Keychain => {
                let secret = secret.to_owned();
                on_keychain(id, move |entry| entry.set_password(&secret))
                    .await
                    .map_err(|e| error::keychain(&e))
            }
            Self::File(path) => {
                let mut map: BTreeMap<String, String> = json_file::read(path);
                map.insert(id.to_owned(), secret.to_owned());
                json_file::write(path, &map)
            }
            Self::Memory(map) => {
                lock(map).insert(id.to_owned(), secret.to_owned());
                Ok(())
            }
        }
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        match self {
            Self::Keychain => on_keychain(id, |entry| match entry.delete_credential() {
                Err(keyring::Error::NoEntry) => Ok(()),
                other => other,
            })
            .await
            .map_err(|e| error::keychain(&e)),
            Self::File(path) => {
                let mut map: BTreeMap<String, String> = json_file::read(path);
                match map.remove(id) {
                    Some(_) => json_file::write(path, &map),
                    None => Ok(()),
                }
            }
            Self::Memory(map) => {
                lock(map).remove(id);
                Ok(())
            }
        }
    }
}

fn lock(map: &Mutex<BTreeMap<String, String>>) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
    map.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs one keychain call where it may block: behind it are D-Bus, prompts and the user.
async fn on_keychain<T: Send + 'static>(
    id: &str,
    call: impl FnOnce(keyring::Entry) -> Result<T, keyring::Error> + Send + 'static,
) -> Result<T, String> {
    let id = id.to_owned();
    let answer = tokio::task::spawn_blocking(move || keyring::Entry::new(SERVICE, &id).and_then(call)).await;
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(e.to_string()),
        Err(e) => Err(e.to_string()),
    }
}

async fn canary() -> Result<(), String> {
    let trial = on_keychain("canary", |entry| {
        entry.set_password("sings")?;
        let heard = entry.get_password()?;
        entry.delete_credential()?;
        Ok(heard == "sings")
    });
    match tokio::time::timeout(CANARY_WITHIN, trial).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err("it gave back something else than was stored".into()),
        Ok(Err(e)) => Err(e),
        Err(_) => Err("it did not answer in time".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn file_keeps_secrets_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.json");
        let store = SecretStore::open(SecretsChoice::File, path.clone()).await;
        assert_eq!(store.place(), SecretPlace::File);
        assert_eq!(store.get("a").await.unwrap(), None);
        store.set("a", "one").await.unwrap();
        store.set("b", "two").await.unwrap();
        let again = SecretStore::open(SecretsChoice::File, path.clone()).await;
        assert_eq!(again.get("a").await.unwrap().as_deref(), Some("one"));
        again.delete("a").await.unwrap();
        again.delete("a").await.unwrap();
        assert_eq!(again.get("a").await.unwrap(), None);
        assert_eq!(again.get("b").await.unwrap().as_deref(), Some("two"));
        assert!(sshkit::private_file::is_private(&path).unwrap());
    }

    #[tokio::test]
    async fn memory_forgets_at_the_end() {
        let store = SecretStore::open(SecretsChoice::Memory, PathBuf::from("/nonexistent")).await;
        store.set("a", "one").await.unwrap();
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some("one"));
        assert_eq!(store.place(), SecretPlace::Memory);
    }
}
