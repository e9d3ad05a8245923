//! The switches with which tests disturb a running cluster. Each takes effect at once.

use std::sync::Arc;

use crate::cluster::Cluster;
use crate::container::ID_CONTAINER;
use crate::fault::Fault;
use crate::streams::Mode;

/// A request that reached one of the two servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method, upper case.
    pub method: String,
    /// Path as sent, without the query.
    pub path: String,
    /// Query as sent, if any.
    pub query: Option<String>,
    /// True for the webserver, false for the manager.
    pub webserver: bool,
}

/// Why the server refuses a login although the password is right (protocol.md 1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginRefusal {
    /// The account's e-mail is not verified.
    EmailNotVerified,
    /// The account has no keypair.
    NoKeypair,
    /// The server wants the user to enrol a second factor first.
    OtpEnrolment,
    /// The password has expired.
    PasswordExpired,
    /// The login cap is reached: 409 unless the request says `force` (26.4 and later only).
    TooManyLogins,
    /// A plugin refuses with this text.
    Plugin(String),
}

/// Test switches of a [`DemoCluster`](crate::DemoCluster). A cheap handle.
#[derive(Debug, Clone)]
pub struct Control {
    pub(crate) cluster: Arc<Cluster>,
}

/// A session or a user of that name does not exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the demo cluster has no {kind} {name:?}")]
pub struct NoSuch {
    /// `session` or `user`.
    pub kind: &'static str,
    /// The name asked for.
    pub name: String,
}

impl Control {
    /// Ends all logins at the webserver. Streams that are open stay, as on real servers.
    pub fn expire_logins(&self) {
        self.cluster.state().logins.clear();
    }

    /// Lets a user's logins need this one-time password; None switches it off.
    pub fn require_otp(&self, email: &str, code: Option<&str>) -> Result<(), NoSuch> {
        self.user(email, |user| user.otp = code.map(str::to_owned))
    }

    /// Blocks a user's logins with 429 for 20 minutes, as after 10 failures.
    pub fn lock_account(&self, email: &str) -> Result<(), NoSuch> {
        self.user(email, |user| {
            user.blocked_until = Some(std::time::Instant::now() + crate::server::BLOCK_TIME);
        })
    }

    /// Forgets failed logins and blocks of a user.
    pub fn unlock_account(&self, email: &str) -> Result<(), NoSuch> {
        self.user(email, |user| {
            user.blocked_until = None;
            user.failures = 0;
        })
    }

    /// Refuses a user's logins for another reason; None accepts them again.
    pub fn refuse_login(&self, email: &str, refusal: Option<LoginRefusal>) -> Result<(), NoSuch> {
        self.user(email, |user| user.refusal = refusal)
    }

    /// Ends a session: TERMINATED, its streams and programs end, events go out.
    pub fn terminate_session(&self, name: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        self.cluster.terminate(session.id, "user-requested");
        Ok(())
    }

    /// Brings a pending session to RUNNING.
    pub fn start_session(&self, name: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        if let Err(error) = self.cluster.start(session.id) {
            tracing::warn!(session = name, %error, "session not started");
        }
        Ok(())
    }

    /// Restarts a running session: its container is another one, its streams and programs end, its home stays. Up
    /// to 26.2 its sshd makes a new host key (protocol.md 5.4).
    pub fn restart_session(&self, name: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        if let Err(error) = self.cluster.restart(session.id) {
            tracing::warn!(session = name, %error, "session not restarted");
        }
        Ok(())
    }

    /// Gives a running session's sshd another host key without a restart, as one who sits in between would.
    pub fn replace_host_key(&self, name: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        if let Err(error) = self.cluster.replace_host_key(session.id) {
            tracing::warn!(session = name, %error, "host key not replaced");
        }
        Ok(())
    }

    /// Renames a session.
    pub fn rename_session(&self, name: &str, new_name: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        let mut state = self.cluster.state();
        if let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == session.id) {
            entry.name = new_name.to_owned();
        }
        Ok(())
    }

    /// Gives a session any status text, e.g. one that no client knows. Its container stays as it is.
    pub fn set_status(&self, name: &str, status: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        let mut state = self.cluster.state();
        if let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == session.id) {
            entry.status = status.to_owned();
        }
        Ok(())
    }

    /// Takes an app away from a session.
    pub fn remove_app(&self, name: &str, app: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        let mut state = self.cluster.state();
        if let Some(entry) = state.sessions.iter_mut().find(|entry| entry.id == session.id) {
            entry.apps.retain(|offered| offered.name != app);
        }
        Ok(())
    }

    /// Deletes `id_container` from a session's home; its download then fails as for a missing file.
    pub fn remove_id_container(&self, name: &str) -> Result<(), NoSuch> {
        let session = self.session(name)?;
        if let Some(container) = session.container {
            if let Err(error) = container.user_key() {
                tracing::warn!(session = name, %error, "no key");
            }
            // Removing what is not there is fine.
            let _ = std::fs::remove_file(container.home.join(ID_CONTAINER));
        }
        Ok(())
    }

    /// Answers paths that begin with `path_prefix` (with or without `/func`) wrongly from now on.
    pub fn fail(&self, path_prefix: &str, fault: Fault) {
        self.cluster.faults.add(path_prefix, fault);
    }

    /// Ends all faults set by [`Control::fail`].
    pub fn clear_faults(&self) {
        self.cluster.faults.clear();
    }

    /// How many streams of events are open.
    pub fn event_streams(&self) -> usize {
        self.cluster.events.receiver_count()
    }

    /// Ends the open streams of events, as a server does that restarts.
    pub fn cut_event_streams(&self) {
        self.cluster.event_cuts.send_replace(());
    }

    /// Makes the open streams mute without closing them; they still answer pings.
    pub fn silence_streams(&self) {
        self.cluster.streams.set_mode(Mode::Mute);
    }

    /// Makes the open streams neither read nor write, so that pings stay unanswered too.
    pub fn freeze_streams(&self) {
        self.cluster.streams.set_mode(Mode::Frozen);
    }

    /// Does what the webserver's timer does every 600 s on 25.12 and later: streams of accounts that have asked for
    /// none since the last time fall silent (protocol.md 4.6). Nothing on older dialects.
    pub fn sweep_webserver_pool(&self) {
        if self.cluster.dialect().webserver_sweeps_its_pool() {
            self.cluster.streams.sweep();
        }
    }

    /// Whether anybody has asked the webserver for a stream since its pool was last swept.
    pub fn is_webserver_pool_fresh(&self) -> bool {
        self.cluster.streams.has_been_asked()
    }

    /// Ends the open streams without a close frame.
    pub fn drop_streams(&self) {
        self.cluster.streams.set_mode(Mode::Dropped);
    }

    /// Lets every app's port refuse connections: Close 1013 at the manager, silence behind the
    /// webserver (protocol.md 4.4).
    pub fn refuse_ports(&self, refuse: bool) {
        self.cluster.state().refuse_ports = refuse;
    }

    /// Lets the manager's clock run off by this many seconds; more than 900 breaks API mode.
    pub fn shift_clock(&self, seconds: i64) {
        self.cluster.state().clock_shift = seconds;
    }

    /// Sets the quota of requests per keypair, counted from the start of the cluster.
    pub fn limit_requests(&self, limit: Option<u32>) {
        self.cluster.state().request_limit = limit;
    }

    /// The requests so far, oldest first; at most the last 10 000.
    pub fn requests(&self) -> Vec<Request> {
        self.cluster.state().requests.iter().cloned().collect()
    }

    /// Lets the webserver show another page, for tests of windows that show it.
    pub fn show_page(&self, html: &str) {
        self.cluster.state().page = Some(html.to_owned());
    }

    /// What that page has sent to `POST /report`, oldest first.
    pub fn reports(&self) -> Vec<String> {
        self.cluster.state().reports.clone()
    }

    /// How many tcpproxy streams are open.
    pub fn open_streams(&self) -> usize {
        self.cluster.streams.count()
    }

    fn session(&self, name: &str) -> Result<crate::session::Session, NoSuch> {
        self.cluster.session_by_name(name).ok_or_else(|| NoSuch { kind: "session", name: name.to_owned() })
    }

    fn user(&self, email: &str, change: impl FnOnce(&mut crate::cluster::UserState)) -> Result<(), NoSuch> {
        let index = self
            .cluster
            .account_index(email)
            .ok_or_else(|| NoSuch { kind: "user", name: email.to_owned() })?;
        change(&mut self.cluster.state().users[index]);
        Ok(())
    }
}
