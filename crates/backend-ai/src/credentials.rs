//! What a user signs in with, and whom the server took them for.

use std::fmt;

/// What a user signs in with. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// For a webserver; a manager takes it too and answers with the account's keypair.
    Password {
        /// E-mail or user name.
        user: String,
        /// Password.
        password: String,
        /// One-time password, once the server asks for it.
        otp: Option<String>,
        /// End the account's oldest logins when its limit is reached (26.4 and later).
        force: bool,
    },
    /// For a manager.
    Keypair {
        /// Access key, e.g. `AKIA...`.
        access_key: String,
        /// Secret key.
        secret_key: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, force, .. } => {
                f.debug_struct("Password").field("user", user).field("force", force).finish_non_exhaustive()
            }
            Self::Keypair { access_key, .. } => {
                f.debug_struct("Keypair").field("access_key", access_key).finish_non_exhaustive()
            }
        }
    }
}

/// Whom the server takes the client for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The access key that owns the sessions.
    pub access_key: String,
    /// `user`, `admin` or `superadmin`; absent when the server does not say.
    pub role: Option<String>,
}
