//! The account's SSH keypair, which the sessions to come let in (protocol.md 5.3, 5.5).
//!
//! The server keeps both halves: sessions get the public one as `authorized_keys` and the private one as
//! `id_container`. It has only one per API keypair, so a new one ends the old one's use for new sessions.

use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::problem::text;
use crate::transport::Call;

const PATH: &str = "/auth/ssh-keypair";

/// Both halves of a new keypair, as the server made them.
#[derive(Clone, PartialEq, Eq)]
pub struct SshKeypair {
    /// The line for `authorized_keys`, without a line end.
    pub public_key: String,
    /// PEM; unencrypted.
    pub private_key: String,
}

impl std::fmt::Debug for SshKeypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshKeypair").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Client {
    /// The public half of the account's keypair; none where the account has no keypair, and each session then makes
    /// a key of its own (seen on 23.09.10 and 26.9.6).
    pub async fn ssh_public_key(&self) -> Result<Option<String>, Error> {
        let answer = self.call_json(&Call::get(PATH)).await.map_err(|f| f.into_error(self.mode()))?;
        Ok(text(Some(&answer), "ssh_public_key")
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(str::to_owned))
    }

    /// Lets the server make a new keypair (RSA-2048) in place of the old one. Never asked twice: the answer is the
    /// only time that the private half is shown.
    pub async fn renew_ssh_keypair(&self) -> Result<SshKeypair, Error> {
        let call = Call { method: Method::PATCH, ..Call::post(PATH) }.json(json!({}));
        let answer = self.call_json(&call).await.map_err(|f| f.into_error(self.mode()))?;
        let half = |key: &str| {
            let found = text(Some(&answer), key).filter(|half| !half.trim().is_empty());
            found
                .map(str::to_owned)
                .ok_or_else(|| Error::BadAnswer(format!("a new SSH keypair without {key}")))
        };
        Ok(SshKeypair {
            public_key: half("ssh_public_key")?.trim().to_owned(),
            private_key: half("ssh_private_key")?,
        })
    }

    /// Registers a keypair in place of the old one. The private half is sent to the server, which hands it to every
    /// session as `id_container`: it must be unencrypted. Servers from 26 on check that the halves fit.
    pub async fn set_ssh_keypair(&self, public_key: &str, private_key: &str) -> Result<(), Error> {
        let call = Call::post(PATH).json(json!({"pubkey": public_key, "privkey": private_key}));
        self.call_json(&call).await.map(drop).map_err(|f| f.into_error(self.mode()))
    }
}
