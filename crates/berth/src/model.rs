//! What the hosts show: plain data, owned, serialisable, without behaviour.
//!
//! The TypeScript types of the UI are generated from this file (`cargo test -p berth bindings`),
//! so a field renamed here is a compile error there. All times are RFC 3339 strings in UTC,
//! all sizes are bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a cluster is reached: through its webserver (a login) or its manager (a keypair).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum AccessMode {
    /// E-mail and password at the webserver, the address the WebUI has.
    Session,
    /// Access key and secret key at the manager.
    Api,
}

/// How certificates of one cluster are judged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct TlsChoice {
    /// PEM file of an additional certificate authority, beside the system's own store.
    pub ca_file: Option<String>,
    /// Accept any certificate. Shown wherever the cluster is shown.
    pub accept_invalid_certificates: bool,
}

/// Whether this version of Berth was made for the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Compatibility {
    /// Between 22.09 and the newest line that was tested.
    Supported,
    /// Newer than anything tested: expected to work.
    Newer,
    /// Older than 22.09: not expected to work.
    Older,
}

/// What an address turned out to be, before any sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The address as it will be used, e.g. `https://cluster.example.com`.
    pub address: String,
    /// Which kind of server answers there.
    pub mode: AccessMode,
    /// The manager's version, e.g. `23.09.10`.
    pub manager_version: String,
    /// The API version it advertises, e.g. `v7.20230615`.
    pub api_version: String,
    /// Whether the two fit.
    pub compatibility: Compatibility,
    /// False for plain http to anything but this computer: passwords would travel readable.
    pub private: bool,
}

/// What the sign-in form sends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SignInRequest {
    /// Server address as typed; `https://` is added where no scheme is given.
    pub address: String,
    /// Which credentials `user` and `secret` are.
    pub mode: AccessMode,
    /// E-mail (session mode) or access key (API mode).
    pub user: String,
    /// Password (session mode) or secret key (API mode).
    pub secret: String,
    /// One-time password, once the server has asked for it.
    pub otp: Option<String>,
    /// Push out an older login when the account's login limit is reached (26.4 and later); set only after asking.
    pub force: bool,
    /// Keep the credentials in the operating system's keychain.
    pub remember: bool,
    /// How certificates are judged.
    pub tls: TlsChoice,
}

impl std::fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInRequest")
            .field("address", &self.address)
            .field("mode", &self.mode)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// How a sign-in went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum SignInOutcome {
    /// Signed in.
    SignedIn {
        /// Who is signed in, and where.
        account: Account,
    },
    /// The server wants a one-time password: send the same request with `otp`.
    OtpRequired,
}

/// Where a secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum SecretPlace {
    /// The operating system's keychain.
    Keychain,
    /// A file only the user can read, because this computer offers no keychain.
    File,
    /// Memory only: gone when Berth quits.
    Memory,
}

/// A signed-in account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Stable id of the cluster profile.
    pub profile_id: String,
    /// E-mail, or access key in API mode.
    pub user: String,
    /// `user`, `admin` or `superadmin`, as the server says; absent when it does not.
    pub role: Option<String>,
    /// The server it is signed in to.
    pub server: ServerInfo,
    /// How certificates are judged there.
    pub tls: TlsChoice,
    /// Where the credentials are kept.
    pub secret_place: SecretPlace,
    /// True for the embedded demo cluster.
    pub demo: bool,
}

/// A cluster that was signed in to before, for the address history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Stable id.
    pub id: String,
    /// Server address.
    pub address: String,
    /// Access mode used last.
    pub mode: AccessMode,
    /// E-mail or access key used last.
    pub user: String,
    /// How certificates are judged.
    pub tls: TlsChoice,
    /// Whether credentials are remembered.
    pub remembered: bool,
}

/// One amount of one resource, e.g. `cpu` 4, `mem` 8589934592, `cuda.device` 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ResourceAmount {
    /// Slot name as the server gives it.
    pub slot: String,
    /// Decimal number as the server gives it; bytes for `mem`.
    pub amount: String,
}

/// An app that a session offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// The server's name for it: `sshd`, `ttyd`, `jupyter`, ...
    pub name: String,
    /// `tcp` or `http` or what else the server says.
    pub protocol: String,
}

/// A compute session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Upper-case status as the server gives it, e.g. `RUNNING`; may be one we do not know.
    pub status: String,
    /// What the server adds to the status.
    pub status_info: Option<String>,
    /// `INTERACTIVE`, `BATCH`, `SYSTEM`, ...
    pub session_type: String,
    /// Full image reference.
    pub image: String,
    /// Project (old name: group).
    pub project: Option<String>,
    /// Resource group (old name: scaling group).
    pub resource_group: Option<String>,
    /// Occupied resources.
    pub resources: Vec<ResourceAmount>,
    /// Creation time.
    pub created_at: Option<String>,
    /// Termination time.
    pub terminated_at: Option<String>,
    /// Number of containers.
    pub cluster_size: u32,
    /// Apps that the session list names; empty until the session runs.
    pub apps: Vec<App>,
}

impl Session {
    /// Whether it will not run again.
    pub fn is_over(&self) -> bool {
        is_over(&self.status)
    }
}

/// Statuses of a session that will not run again (protocol.md 2.1).
pub(crate) fn is_over(status: &str) -> bool {
    has_ended(status) || status == "ERROR"
}

/// Those of them in which nothing of it is left; in ERROR there may be.
pub(crate) fn has_ended(status: &str) -> bool {
    matches!(status, "TERMINATED" | "CANCELLED")
}

/// The sessions of the account, with the evidence of how fresh they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SessionList {
    /// Cluster profile they belong to.
    pub profile_id: String,
    /// Newest first.
    pub sessions: Vec<Session>,
    /// When the server gave this list.
    pub fetched_at: String,
    /// Why the last refresh failed; the list is then an older one.
    pub stale: Option<Error>,
}

/// Why a tunnel has the port it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PortReason {
    /// The preferred SSH port of the settings.
    Preferred,
    /// The port this session had last time.
    LastTime {
        /// The preferred port, if one is set that could not be had.
        preferred_refused: Option<PortRefusal>,
    },
    /// A free port, picked at random.
    Random {
        /// The preferred port, if one is set that could not be had.
        preferred_refused: Option<PortRefusal>,
    },
}

/// A port that was wanted and not given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct PortRefusal {
    /// The port.
    pub port: u16,
    /// Another program (or another session) has it, or the system does not allow it.
    pub cause: PortRefusalCause,
    /// Name of the session that has it, when it is one of Berth's own tunnels.
    pub held_by: Option<String>,
}

/// Why a port was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum PortRefusalCause {
    /// In use.
    InUse,
    /// Not permitted to this user.
    NotPermitted,
}

/// A command line ready to paste into the shell of this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// Which program.
    pub kind: CommandKind,
    /// The whole line, quoted for the shell of this operating system.
    pub line: String,
}

/// Programs that the connection dialog has command lines for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum CommandKind {
    /// A shell.
    Ssh,
    /// Interactive file transfer.
    Sftp,
    /// Copying a folder up.
    Scp,
    /// Synchronising a folder up.
    Rsync,
}

/// The private key that opens the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KeyInfo {
    /// Where Berth keeps it, mode 0600.
    pub path: String,
    /// e.g. `ssh-rsa`.
    pub algorithm: String,
    /// `SHA256:...`.
    pub fingerprint: String,
}

/// Whether a tunnel's port can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    /// The port is bound and accepts local programs.
    Listening,
    /// The port is bound, but the login has expired: local programs wait or are refused until it is renewed.
    SignInNeeded,
    /// The session has ended; local programs are refused.
    SessionEnded,
    /// Stopped by the user; the port is closed.
    Stopped,
}

/// What the tunnel has carried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Local programs connected now.
    pub open: u32,
    /// Local programs connected so far.
    pub total: u32,
    /// Bytes from this computer to the session.
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes_up: u64,
    /// Bytes from the session to this computer.
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes_down: u64,
    /// Since when at least one local program has been connected; absent when none is.
    pub busy_since: Option<String>,
}

/// How the last connection that did not end by itself ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// When.
    pub at: String,
    /// What happened and what to do.
    pub error: Error,
}

/// A local port that leads to one app of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Stable while the tunnel exists.
    pub id: String,
    /// Cluster profile.
    pub profile_id: String,
    /// Session UUID.
    pub session_id: String,
    /// Session name.
    pub session_name: String,
    /// App name, e.g. `sshd`.
    pub app: String,
    /// Always a loopback address.
    pub host: String,
    /// Local port.
    pub port: u16,
    /// Why this port.
    pub port_reason: PortReason,
    /// User inside the session; `sshd` only.
    pub user: Option<String>,
    /// `ssh://work@127.0.0.1:PORT`; `sshd` only.
    pub ssh_url: Option<String>,
    /// `sftp://work@127.0.0.1:PORT`; `sshd` only.
    pub sftp_url: Option<String>,
    /// Command lines; `sshd` only.
    pub commands: Vec<Command>,
    /// The session's private key; absent when it has none (`key_problem` says why).
    pub key: Option<KeyInfo>,
    /// Why there is no key.
    pub key_problem: Option<Error>,
    /// What the tunnel itself last saw.
    pub state: ConnectionState,
    /// What it has carried.
    pub traffic: Traffic,
    /// When the port was opened.
    pub opened_at: String,
    /// Since when the cluster has answered neither the local programs' connections nor a new one; absent while it
    /// answers, and while no local program is connected.
    pub silent_since: Option<String>,
    /// What last went wrong.
    pub incident: Option<Incident>,
}

/// The language of the words on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Language {
    /// As the operating system is set.
    #[default]
    System,
    /// English.
    En,
    /// Korean.
    Ko,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Theme {
    /// As the operating system is set.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What the user has chosen; kept over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Local port to try first for `sshd`, 1024-65535.
    pub preferred_ssh_port: Option<u16>,
    /// Language.
    pub language: Language,
    /// Light or dark.
    pub theme: Theme,
}

/// What a host needs to draw its first screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Startup {
    /// Who is signed in, if anybody.
    pub account: Option<Account>,
    /// True while remembered credentials are being used to sign in; `Event::SignedIn` or `Event::SignedOut` follows.
    pub restoring: bool,
    /// Clusters used before, the latest first.
    pub profiles: Vec<Profile>,
    /// Settings.
    pub settings: Settings,
    /// Where "remember me" would keep a secret on this computer.
    pub secret_place: SecretPlace,
    /// Whether this build carries the demo cluster.
    pub demo_available: bool,
    /// Open tunnels.
    pub connections: Vec<Connection>,
}

/// About Berth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Version of Berth.
    pub version: String,
    /// Source revision and build profile, e.g. `1a2b3c4 release`.
    pub build: String,
    /// Operating system and architecture.
    pub platform: String,
    /// The server signed in to.
    pub server: Option<ServerInfo>,
    /// SPDX licence of Berth itself.
    pub license: String,
}

/// Where a key was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SavedKey {
    /// Absolute path.
    pub path: String,
    /// The ssh command line with that path.
    pub ssh_command: String,
}

/// Sessions as hosts of `ssh` on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SshHosts {
    /// `ssh SESSION.CLUSTER.berth` works.
    pub installed: bool,
    /// The user's `ssh_config`.
    pub config: String,
    /// Berth's own file beside it.
    pub file: String,
    /// The one line that goes into the user's.
    pub line: String,
    /// The hosts' names.
    pub hosts: Vec<String>,
    /// What would change; absent where nothing can be (`problem` says why).
    pub preview: Option<SshConfigPreview>,
    /// What stands in the way.
    pub problem: Option<Error>,
}

/// What goes where in the user's `ssh_config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SshConfigPreview {
    /// The file that is written: the user's, or what it is a link to.
    pub target: String,
    /// There is none yet.
    pub creates: bool,
    /// Its first lines, which come below the new one.
    pub below: Vec<String>,
    /// Where a copy is kept.
    pub backup: Option<String>,
    /// It begins with a byte order mark, at which ssh stops.
    pub byte_order_mark: bool,
    /// The user's own hosts whose names end in `.berth`; those that are names stay theirs.
    pub own_hosts: Vec<UserHost>,
}

/// A host that the user has defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct UserHost {
    /// Name or pattern.
    pub pattern: String,
    /// File.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
}

/// How a key is written for PuTTY.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct PpkRequest {
    /// For PuTTY before 0.75 (2021): version 2 of the format instead of 3.
    pub old: bool,
    /// Encrypts the key; none or an empty one leaves it readable to whoever has the file.
    pub passphrase: Option<String>,
}

impl std::fmt::Debug for PpkRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PpkRequest").field("old", &self.old).finish_non_exhaustive()
    }
}

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ToolKind {
    /// Editing in the session.
    Editor,
    /// A shell.
    Shell,
    /// Moving files.
    Files,
}

/// A program that can open a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ToolOffer {
    /// e.g. `vscode`.
    pub id: String,
    /// Its own name.
    pub name: String,
    /// What it is for.
    pub kind: ToolKind,
    /// Whether this computer has it.
    pub installed: bool,
    /// It knows sessions only as hosts of `ssh`.
    pub needs_host: bool,
    /// It needs a local port.
    pub needs_port: bool,
    /// Where to get it.
    pub page: Option<String>,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyInfo {
    /// Its line, as `authorized_keys` has it.
    pub line: String,
    /// e.g. `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:...`.
    pub fingerprint: String,
    /// What its owner calls it; may be empty.
    pub comment: String,
}

/// A key in the user's `.ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LocalKey {
    /// The public half's file.
    pub path: String,
    /// The private half's file, if it lies beside.
    pub private_path: Option<String>,
    /// Others can read the private half, so ssh refuses it.
    pub too_open: bool,
    /// The public half.
    pub key: PublicKeyInfo,
}

/// A session's key that the user has saved elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SavedKeyFile {
    /// The file.
    pub path: String,
    /// Name of the session it was saved from.
    pub session: String,
    /// `SHA256:...`.
    pub fingerprint: String,
    /// Others can read it, so ssh refuses it.
    pub too_open: bool,
}

/// The keys that a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct OwnKeys {
    /// The account's key on the cluster; absent where it has none, and each session makes one of its own.
    pub account: Option<PublicKeyInfo>,
    /// Why the cluster did not tell.
    pub account_problem: Option<Error>,
    /// The keys in the user's `.ssh`.
    pub local: Vec<LocalKey>,
    /// Sessions' keys that were saved.
    pub saved: Vec<SavedKeyFile>,
}

/// A public key that may log in to a session now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AddedKey {
    /// Name of the session.
    pub session: String,
    /// It could log in before.
    pub was_there: bool,
    /// The key.
    pub key: PublicKeyInfo,
}

/// One failure, for people (`message`, `hint`) and for programs (`code`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// Stable, documented in `docs/errors.md`, e.g. `wrong-password`.
    pub code: String,
    /// What happened, one English sentence. The UI translates by `code` and `details`.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Values inside the sentences, e.g. `address`, `session`, `port`.
    pub details: BTreeMap<String, String>,
}

/// Something that changed; sent to every host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a few a second at most, and the wire format stays plain")]
pub enum Event {
    /// Signed in (also after a restored or renewed login).
    SignedIn {
        /// Who.
        account: Account,
    },
    /// Signed out, by the user or because remembered credentials no longer work.
    SignedOut {
        /// Cluster profile.
        profile_id: String,
        /// Why, when the user did not ask for it.
        error: Option<Error>,
    },
    /// The login has expired and could not be renewed silently; tunnels wait for a new one.
    SignInNeeded {
        /// Account whose login it was.
        account: Account,
    },
    /// A new session list, or news that the old one is stale.
    SessionsChanged {
        /// The list.
        list: SessionList,
    },
    /// A tunnel was opened or any of its figures changed.
    ConnectionChanged {
        /// The tunnel.
        connection: Connection,
    },
    /// A tunnel is gone.
    ConnectionRemoved {
        /// Its id.
        id: String,
    },
    /// The cluster's own WebUI, in a window of Berth's, opened a port.
    OpenedByWebUi {
        /// Id of the tunnel.
        id: String,
    },
    /// A session was restarted, so its sshd has a new host key. The old one is forgotten; ssh takes the next.
    HostKeyRenewed {
        /// UUID.
        session_id: String,
        /// Its name; may be empty.
        session_name: String,
    },
    /// The settings changed.
    SettingsChanged {
        /// The settings.
        settings: Settings,
    },
}
