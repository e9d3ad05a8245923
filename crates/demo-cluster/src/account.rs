//! The people of the demo cluster.
//!
//! Sessions give a real shell on this computer, so the credentials are random for every start:
//! another user of the computer, or a web page that guesses the port, must not get in.

use std::fmt;

use rand::Rng as _;
use rand::distr::Alphanumeric;

/// E-mail of the ordinary demo user.
pub const DEMO_USER: &str = "demo@berth.invalid";
/// E-mail of the administrator.
pub const ADMIN_USER: &str = "admin@berth.invalid";
/// E-mail of a second ordinary user, who owns a session of their own.
pub const OTHER_USER: &str = "colleague@berth.invalid";
/// E-mail of a user who must always give a one-time password.
pub const OTP_USER: &str = "otp@berth.invalid";
/// The one-time password of [`OTP_USER`]. It never changes.
pub const OTP_CODE: &str = "314159";

/// A user of the demo cluster with their keypair.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// E-mail, the user name in session mode.
    pub email: String,
    /// Password, new at every start unless given in [`Options`](crate::Options).
    pub password: String,
    /// Access key, the user name in API mode.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// `user` or `superadmin`.
    pub role: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("email", &self.email)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// A user with fresh random secrets.
    pub(crate) fn generate(email: &str, role: &str) -> Account {
        Account {
            email: email.to_owned(),
            password: random_text(20),
            access_key: format!("AKIA{}", random_text(16).to_ascii_uppercase()),
            secret_key: random_text(40),
            role: role.to_owned(),
        }
    }

    /// Whether the account sees and lists everybody's sessions.
    pub(crate) fn is_admin(&self) -> bool {
        self.role != "user"
    }
}

/// Random ASCII letters and digits from the operating system's generator.
pub(crate) fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// 32 random hexadecimal digits, the form of login cookies.
pub(crate) fn random_hex() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
