//! Every failure of the product: a stable code, a sentence, a next step.
//!
//! The libraries below have typed errors of their own; here they become the few codes that hosts
//! show and scripts match. `docs/errors.md` lists them. Words are for people: no type names, no traces.

use std::path::Path;

use backend_ai::{PasswordError, SignInError, StreamError};
use sshkit::key_store::KeyStoreError;
use sshkit::private_file::FileError;

use crate::Error;
use crate::model::has_ended;

impl Error {
    /// An error with a code, a sentence and a next step.
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: hint.into(), details: Default::default() }
    }

    /// Adds a value that the sentences mention, for translation.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.details.insert(key.into(), value.to_string());
        self
    }

    /// True when the login is missing or has expired.
    pub fn is_not_signed_in(&self) -> bool {
        self.code == "not-signed-in"
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

pub(crate) fn internal(what: &str) -> Error {
    Error::new(
        "internal",
        format!("Something inside Berth went wrong: {what}."),
        "Try again; if it stays, report it with the log file.",
    )
    .with("detail", what)
}

pub(crate) fn not_signed_in() -> Error {
    Error::new("not-signed-in", "You are not signed in, or the login has expired.", "Sign in again.")
}

pub(crate) fn bad_address(address: &str, why: &str) -> Error {
    Error::new(
        "address-invalid",
        format!("“{address}” is not a server address: {why}."),
        "Enter it as in the browser, for example https://cluster.example.com.",
    )
    .with("address", address)
    .with("detail", why)
}

pub(crate) fn wrong_mode(address: &str, mode: crate::AccessMode) -> Error {
    let (what, hint) = match mode {
        crate::AccessMode::Api => {
            ("a manager, which takes an API keypair", "Choose “API keypair” and sign in with it.")
        }
        crate::AccessMode::Session => (
            "a webserver, which takes an e-mail and a password",
            "Choose “E-mail and password” and sign in with them.",
        ),
    };
    Error::new("wrong-mode", format!("{address} is {what}."), hint).with("address", address)
}

pub(crate) fn ca_file(path: &str, why: &str) -> Error {
    Error::new(
        "ca-file",
        format!("The certificate file {path} cannot be used: {why}."),
        "Choose a PEM file of the certificate authority that your administrator gave you.",
    )
    .with("path", path)
    .with("detail", why)
}

pub(crate) fn web_ui_needs_webserver(address: &str) -> Error {
    Error::new(
        "web-ui-needs-webserver",
        format!("{address} is a manager, which has no WebUI."),
        "Sign in at the address of the webserver, with e-mail and password.",
    )
    .with("address", address)
}

pub(crate) fn web_ui_missing(address: &str, why: &str) -> Error {
    Error::new(
        "web-ui-missing",
        format!("{address} shows no WebUI."),
        "Open the address in a browser; if that fails too, tell the administrator.",
    )
    .with("address", address)
    .with("detail", why)
}

pub(crate) fn settings_invalid(port: u16) -> Error {
    Error::new(
        "settings-invalid",
        format!("{port} cannot be the preferred SSH port."),
        "Use a port from 1024 to 65535, best from 10000 to 65000.",
    )
    .with("port", port)
}

pub(crate) fn keychain(why: &str) -> Error {
    Error::new(
        "keychain",
        "The keychain of this computer did not take the credentials.",
        "Unlock it and sign in again, or sign in without “Remember me”.",
    )
    .with("detail", why)
}

pub(crate) fn session_not_found(session: &str) -> Error {
    Error::new(
        "session-not-found",
        format!("There is no session “{session}” of yours on this cluster."),
        "Refresh the session list; it may have ended, or belong to somebody else.",
    )
    .with("session", session)
}

/// What has ended is told apart: nobody should wait for it.
pub(crate) fn session_not_running(session: &str, status: &str) -> Error {
    if has_ended(status) {
        return session_ended(session).with("status", status);
    }
    Error::new(
        "session-not-running",
        format!("“{session}” is {status}; only a running session can be reached."),
        "Wait until it runs, or start a new one.",
    )
    .with("session", session)
    .with("status", status)
}

pub(crate) fn session_ended(session: &str) -> Error {
    Error::new(
        "session-ended",
        format!("The session “{session}” has ended."),
        "Files outside mounted folders are gone with it. Start a new session to go on.",
    )
    .with("session", session)
}

pub(crate) fn app_not_offered(session: &str, app: &str, offered: &str) -> Error {
    Error::new(
        "app-not-offered",
        format!("“{session}” does not offer the app “{app}”."),
        if offered.is_empty() {
            "It offers no apps yet; try again in a moment.".to_owned()
        } else {
            format!("It offers: {offered}.")
        },
    )
    .with("session", session)
    .with("app", app)
    .with("offered", offered)
}

pub(crate) fn key_missing(session: &str) -> Error {
    Error::new(
        "key-missing",
        format!("“{session}” has no id_container."),
        "It probably uses a key pair of your own (a mounted .ssh folder): connect with that key.",
    )
    .with("session", session)
}

pub(crate) fn key_not_a_key(session: &str, why: &str) -> Error {
    Error::new(
        "key-not-a-key",
        format!("What “{session}” gave as id_container is not a private key: {why}."),
        "Connect again; if it stays, tell the administrator of the cluster.",
    )
    .with("session", session)
    .with("detail", why)
}

pub(crate) fn no_free_port(why: &str) -> Error {
    Error::new("no-free-port", "No free local port was found.", "Stop a proxy that you no longer need.")
        .with("detail", why)
}

pub(crate) fn port_taken(port: u16) -> Error {
    Error::new(
        "port-taken",
        format!("Port {port} is taken by another program."),
        "Choose another port, or end the program that has it.",
    )
    .with("port", port)
}

pub(crate) fn port_not_permitted(port: u16) -> Error {
    Error::new(
        "port-not-permitted",
        format!("The system does not let this user listen on port {port}."),
        "Choose one from 1024 to 65535, best from 10000 to 65000.",
    )
    .with("port", port)
}

/// A name that more than one session has, or could mean; `matches` are lines of id, name and status.
pub(crate) fn session_ambiguous(reference: &str, matches: &[String]) -> Error {
    Error::new(
        "session-ambiguous",
        format!("More than one session is meant by “{reference}”: {}.", matches.join("; ")),
        "Give the id of the one you mean.",
    )
    .with("session", reference)
    .with("matches", matches.join("\n"))
}

/// A session that there is none of, and those whose names are near.
pub(crate) fn session_unknown(reference: &str, near: &[String]) -> Error {
    let hint = if near.is_empty() {
        "List your sessions; it may have ended, or belong to somebody else.".to_owned()
    } else {
        format!("Did you mean {}?", near.join(" or "))
    };
    Error::new(
        "session-not-found",
        format!("There is no session “{reference}” of yours on this cluster."),
        hint,
    )
    .with("session", reference)
    .with("near", near.join("\n"))
}

/// A name such as `train.seoul.berth` whose cluster is not known.
pub(crate) fn host_unknown(host: &str) -> Error {
    Error::new(
        "host-unknown",
        format!("“{host}” is no session of a cluster that Berth knows."),
        "Sign in to its cluster; names are SESSION.CLUSTER.berth, as berth ssh-config show lists them.",
    )
    .with("host", host)
}

/// The ssh of this computer does not know the words that hosts need.
pub(crate) fn ssh_too_old(said: &str) -> Error {
    Error::new(
        "ssh-too-old",
        format!("The ssh of this computer is too old for this ({said})."),
        "Install OpenSSH 7.6 or later.",
    )
    .with("detail", said)
}

pub(crate) fn demo_not_running() -> Error {
    Error::new("demo-not-running", "No demo cluster is running.", "Start one with: berth demo")
}

/// The program that other programs are to start.
pub(crate) fn program_not_found() -> Error {
    Error::new(
        "program-not-found",
        "The program berth was found neither beside this one nor among the programs of your shell.",
        "Install it, or put it into the same folder.",
    )
}

/// What only the desktop app can show, on a computer that does not have it.
pub(crate) fn desktop_missing() -> Error {
    Error::new(
        "desktop-missing",
        "Berth's desktop app was found neither beside this program, nor among those of your shell, nor where \
         installers put it.",
        concat!(
            "Install the package for your system (",
            env!("CARGO_PKG_REPOSITORY"),
            "/releases), or put berth-desktop into the folder of berth."
        ),
    )
}

pub(crate) fn desktop_failed(program: &Path, why: &str) -> Error {
    Error::new(
        "desktop-failed",
        format!("The desktop app did not start: {why}."),
        format!("Start it by hand: {}", program.display()),
    )
    .with("detail", why)
    .with("path", program.display())
}

pub(crate) fn no_display() -> Error {
    Error::new(
        "no-display",
        "There is no display to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set.",
        "Run this in a terminal of your desktop.",
    )
}

/// Somebody asks for the window of another cluster than the one that the app is signed in to.
pub(crate) fn signed_in_elsewhere(user: &str, address: &str, wanted: &str) -> Error {
    Error::new(
        "signed-in-elsewhere",
        format!("Berth is signed in as {user} at {address}, not as {wanted}."),
        "Sign out here and sign in there: the WebUI opens then.",
    )
    .with("user", user)
    .with("address", address)
    .with("wanted", wanted)
}

pub(crate) use crate::ssh_hosts::problem as ssh_config;

pub(crate) fn tool_unknown(tool: &str) -> Error {
    Error::new("tool-unknown", format!("Berth knows no program “{tool}”."), "Choose one that it lists.")
        .with("tool", tool)
}

pub(crate) fn tool_missing(tool: &str, page: Option<&str>) -> Error {
    let hint = page.map_or_else(|| "Install one.".to_owned(), |page| format!("Get it from {page}"));
    Error::new("tool-missing", format!("{tool} was not found on this computer."), hint).with("tool", tool)
}

pub(crate) fn tool_failed(tool: &str, why: &str) -> Error {
    Error::new(
        "tool-failed",
        format!("{tool} could not be started: {why}."),
        "Start it by hand, or install it anew.",
    )
    .with("tool", tool)
    .with("detail", why)
}

/// The program finds sessions only by the user's `ssh_config`.
pub(crate) fn ssh_hosts_missing(tool: &str) -> Error {
    Error::new(
        "ssh-hosts-missing",
        format!("{tool} finds a session by its name in your ssh config, where Berth's are not yet."),
        "Add them in the settings, or with: berth ssh-config install",
    )
    .with("tool", tool)
}

pub(crate) fn port_needed(tool: &str) -> Error {
    Error::new(
        "port-needed",
        format!("{tool} has an SSH of its own and needs a local port."),
        "Connect to the session's SSH first.",
    )
    .with("tool", tool)
}

/// A file that cannot be read or written.
pub(crate) fn read_file(path: &Path, why: &std::io::Error) -> Error {
    Error::new(
        "file-not-readable",
        format!("{} cannot be used: {why}.", path.display()),
        "Check that it exists and that you may use it.",
    )
    .with("path", path.display())
    .with("detail", why)
}

/// A file that the user gave as a private key.
pub(crate) fn key_file_unusable(path: &Path, why: &str) -> Error {
    Error::new(
        "key-file-unusable",
        format!("{} cannot be registered: {why}.", path.display()),
        "Choose an unencrypted private key: RSA, ECDSA or Ed25519.",
    )
    .with("path", path.display())
    .with("detail", why)
}

/// A private key whose passphrase is needed.
pub(crate) fn key_encrypted(path: &Path, why: &str) -> Error {
    Error::new("key-encrypted", format!("{}: {why}.", path.display()), "Give its passphrase.")
        .with("path", path.display())
        .with("detail", why)
}

pub(crate) fn public_key_invalid(why: &str) -> Error {
    Error::new(
        "public-key-invalid",
        format!("This cannot be added: {why}."),
        "Paste the line of a .pub file.",
    )
    .with("detail", why)
}

pub(crate) fn key_not_added(session: &str) -> Error {
    Error::new(
        "key-not-added",
        format!("“{session}” did not take the key."),
        "Its .ssh folder may be mounted read-only; ask the administrator of the cluster.",
    )
    .with("session", session)
}

/// A file or folder inside a session that is not there.
pub(crate) fn remote_file(session: &str, path: &str) -> Error {
    Error::new(
        "file-not-found",
        format!("“{session}” has no file “{path}”."),
        "Paths are relative to /home/work; spelling and case count.",
    )
    .with("session", session)
    .with("path", path)
}

/// A file or an archive that the cluster does not carry over HTTP.
pub(crate) fn too_large(path: &str) -> Error {
    Error::new(
        "too-large",
        format!("“{path}” is too large for the cluster's file API, which stops at 1 MiB."),
        "Copy it with scp or sftp, which have no limit.",
    )
    .with("path", path)
}

/// Why a relay between two pipes ended before its time.
pub(crate) fn relay_ended(code: &str, message: &str, session: &str, app: &str) -> Error {
    let hint = match code {
        "not-signed-in" => "Sign in again: berth login.",
        "session-not-found" | "session-not-running" => "List your sessions: berth ps.",
        "app-not-offered" => "List what the session offers: berth apps.",
        "silent" | "path-lost" => "The network or the cluster dropped it. Connect again.",
        _ => "Try again in a moment.",
    };
    Error::new(code, message, hint).with("session", session).with("app", app)
}

pub(crate) fn demo(why: &str) -> Error {
    Error::new("demo-failed", format!("The demo cluster could not be started: {why}."), "Try again.")
        .with("detail", why)
}

/// A file of the user's or of Berth's own that could not be written or read.
pub(crate) fn file(error: &FileError, path: &Path) -> Error {
    let shown = path.display().to_string();
    let parent = path.parent().map(|p| p.display().to_string()).unwrap_or_default();
    match error {
        FileError::Exists { .. } => Error::new(
            "file-exists",
            format!("{shown} exists already."),
            "Choose another name, or agree to replace it.",
        ),
        FileError::NoSuchFolder { .. } => Error::new(
            "no-such-folder",
            format!("The folder {parent} does not exist."),
            "Choose another folder.",
        ),
        FileError::IsFolder { .. } => {
            Error::new("file-not-writable", format!("{shown} is a folder."), "Choose a file name inside it.")
        }
        FileError::DiskFull { .. } => Error::new(
            "disk-full",
            format!("There is no room left for {shown}."),
            "Free some space and try again.",
        ),
        other => Error::new(
            "file-not-writable",
            format!("{shown} cannot be written: {other}."),
            "Choose another place, or change its permissions.",
        )
        .with("detail", other),
    }
    .with("path", shown)
    .with("folder", parent)
}

/// A key file of Berth's own.
pub(crate) fn key_store(error: &KeyStoreError) -> Error {
    match error {
        KeyStoreError::File(e) => Error::new(
            "file-not-writable",
            format!("Berth cannot keep the key: {e}."),
            "Check the permissions of Berth's data folder.",
        )
        .with("detail", e),
        other => internal(&other.to_string()),
    }
}

/// A failure of an ordinary call to the cluster.
pub(crate) fn cluster(error: &backend_ai::Error, address: &str) -> Error {
    use backend_ai::Error as E;
    let detail = error.to_string();
    match error {
        E::Unreachable { .. } => Error::new(
            "unreachable",
            format!("{address} cannot be reached."),
            "Check the address, the network and the VPN; the server may also be down.",
        ),
        E::Tls { .. } => Error::new(
            "tls",
            format!("The certificate of {address} is not trusted."),
            "Add the certificate file of your organisation's authority under “Advanced”, or ask the administrator.",
        ),
        E::NotBackendAi | E::Redirected { .. } => Error::new(
            "not-backend-ai",
            format!("{address} answers, but it is not a Backend.AI server."),
            "Enter the address at which the WebUI opens in your browser.",
        ),
        E::NotSignedIn => not_signed_in(),
        E::NotFound(_) => Error::new("session-not-found", format!("The cluster has no such session ({detail})."), "Refresh the session list."),
        E::TooOld { .. } => Error::new(
            "server-too-old",
            format!("{address} runs a Backend.AI older than 22.09, which Berth does not speak to."),
            "Ask the administrator for an upgrade.",
        ),
        E::BadCertificate(why) => Error::new(
            "ca-file",
            format!("The certificate file cannot be used: {why}."),
            "Choose a PEM file of the certificate authority that your administrator gave you.",
        ),
        E::Forbidden => {
            Error::new("forbidden", "The cluster does not allow this.", "Ask the administrator of the cluster.")
        }
        E::RateLimited => Error::new(
            "rate-limited",
            "The cluster's limit of requests for your account is used up.",
            "Wait a minute or two and try again.",
        ),
        E::Gateway => Error::new(
            "gateway",
            format!("The webserver {address} cannot reach its manager."),
            "Try again in a moment; if it stays, tell the administrator.",
        ),
        E::Server { status, title, msg } => {
            let said = match msg {
                Some(msg) if msg.contains(title.trim_end_matches('.')) => msg.clone(),
                Some(msg) => format!("{} — {msg}", title.trim_end_matches('.')),
                None => title.clone(),
            };
            Error::new(
                "server-error",
                format!("The cluster refused (HTTP {status}): {}.", said.trim_end_matches('.')),
                "Do what it says, or try again; if it stays, tell the administrator.",
            )
            .with("status", status)
            .with("said", said.trim_end_matches('.'))
        }
        _ => Error::new(
            "bad-answer",
            format!("{address} gave an answer that Berth does not understand."),
            "Try again; if it stays, report it with the log file.",
        ),
    }
    .with("address", address)
    .with("detail", detail)
}

/// A refused sign-in.
pub(crate) fn sign_in(error: &SignInError, address: &str, user: &str) -> Error {
    use SignInError as S;
    match error {
        S::WrongCredentials => Error::new(
            "wrong-credentials",
            "The user name or the secret is wrong, or the account is inactive.",
            "Check both and try again. After ten failures the server locks the account for about 20 minutes.",
        ),
        S::EmailNotVerified => Error::new(
            "email-not-verified",
            format!("The e-mail address {user} has not been verified."),
            "Open the link in the e-mail that the cluster sent, then sign in.",
        ),
        S::NoKeypair => Error::new(
            "no-keypair",
            "The account has no API keypair.",
            "Ask the administrator of the cluster to give it one.",
        ),
        S::OtpRequired => Error::new(
            "otp-required",
            "The server wants a one-time password.",
            "Enter the code of your authenticator.",
        ),
        S::OtpWrong => Error::new(
            "otp-wrong",
            "The one-time password is wrong or too old.",
            "Enter the code that your authenticator shows now.",
        ),
        S::OtpEnrolmentRequired => Error::new(
            "otp-enrolment-required",
            "This account must set up two-factor authentication first.",
            "Do it once in the WebUI, then sign in here.",
        ),
        S::PasswordExpired => Error::new(
            "password-expired",
            "The password has expired.",
            "Sign in with it once more; you then choose a new one.",
        ),
        S::TooManyLogins => Error::new(
            "too-many-logins",
            "The account is signed in at as many places as it may be.",
            "Sign out elsewhere, or push out the oldest login.",
        ),
        S::Blocked => Error::new(
            "login-blocked",
            "The server has locked this account after too many failures.",
            "Wait about 20 minutes; trying before that makes it longer.",
        ),
        S::RefusedByHook(text) => Error::new(
            "refused-by-hook",
            format!("The cluster refused the sign-in: {text}"),
            "Do what it says, or ask the administrator.",
        )
        .with("detail", text),
        S::KeypairNotAccepted => wrong_mode(address, crate::AccessMode::Session),
        S::Other(backend_ai::Error::NotSignedIn) => sign_in(&S::WrongCredentials, address, user),
        S::Other(e) => cluster(e, address),
        other => {
            let said = other.to_string();
            Error::new("server-error", format!("The cluster refused the sign-in: {said}."), "Try again.")
                .with("said", said)
        }
    }
    .with("user", user)
}

/// Why a stream to an app could not be opened, as a code and a sentence.
pub(crate) fn stream(error: &StreamError, session: &str, app: &str, address: &str) -> Error {
    use StreamError as S;
    match error {
        S::NotSignedIn => not_signed_in(),
        S::SessionNotFound(_) => session_not_found(session),
        S::SessionNotRunning { status } => session_not_running(session, status),
        S::AppNotFound(_) => app_not_offered(session, app, ""),
        S::Tls { what } => cluster(&backend_ai::Error::Tls { what: what.clone() }, address),
        S::RateLimited => cluster(&backend_ai::Error::RateLimited, address),
        S::Unreachable { what } => cluster(&backend_ai::Error::Unreachable { what: what.clone() }, address),
        other => Error::new(
            "app-failed",
            format!("“{session}” did not open “{app}”: {other}."),
            "Try again in a moment; the session may still be starting.",
        )
        .with("detail", other),
    }
    .with("session", session)
    .with("app", app)
}

/// Why a connection ended that was open.
pub(crate) fn ended(code: &str, message: &str, session: &str) -> Error {
    let hint = match code {
        "no-first-byte" => {
            "The SSH server of the session did not answer. Connect again; if it stays, restart the session."
        }
        "silent" | "path-lost" => {
            "The network or the cluster dropped it. Connect again: the port is still open."
        }
        "session-ended" => "Files outside mounted folders are gone with it. Start a new session to go on.",
        "not-signed-in" => "Sign in again; the port then works as before.",
        _ => "Connect again: the port is still open.",
    };
    Error::new(code, message, hint).with("session", session).with("detail", message)
}

/// Something that only newer servers know.
pub(crate) fn not_supported(what: &str, since: backend_ai::ManagerVersion, version: &str) -> Error {
    Error::new(
        "not-supported",
        format!("{what} is not known to this server, which is {version}: it came with {since}."),
        "Do without it, or ask the administrator for an update of the cluster.",
    )
}

/// A password that was not changed.
pub(crate) fn password(error: &PasswordError, address: &str) -> Error {
    match error {
        PasswordError::WrongPassword => Error::new(
            "wrong-password",
            "The current password is wrong.",
            "Nothing has changed. Check it and try again.",
        ),
        PasswordError::Refused(text) => Error::new(
            "new-password-refused",
            format!("The cluster refused the new password: {text}"),
            "Choose another one.",
        )
        .with("said", text),
        PasswordError::Other(e) => cluster(e, address),
        other => {
            let said = other.to_string();
            Error::new("server-error", format!("The cluster refused: {said}."), "Try again.")
                .with("said", said)
        }
    }
}

/// The password of the demo cluster's account.
pub(crate) fn demo_password() -> Error {
    Error::new(
        "demo-password",
        "The demo cluster's account keeps its password.",
        "It is made anew whenever the demo cluster starts.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_a_sign_in_has_a_code_of_its_own() {
        let all = [
            SignInError::WrongCredentials,
            SignInError::EmailNotVerified,
            SignInError::NoKeypair,
            SignInError::OtpRequired,
            SignInError::OtpWrong,
            SignInError::OtpEnrolmentRequired,
            SignInError::PasswordExpired,
            SignInError::TooManyLogins,
            SignInError::Blocked,
            SignInError::RefusedByHook("text".into()),
        ];
        let codes: std::collections::BTreeSet<String> =
            all.iter().map(|e| sign_in(e, "https://c.example.com", "me").code).collect();
        assert_eq!(codes.len(), all.len());
    }

    #[test]
    fn a_401_at_sign_in_is_wrong_credentials_and_not_an_expired_login() {
        let e = SignInError::Other(backend_ai::Error::NotSignedIn);
        assert_eq!(sign_in(&e, "https://c.example.com", "AKIA").code, "wrong-credentials");
    }
}
