//! What happens between `ssh train.demo.berth` and the first byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backend_ai::SessionRef;
use serde::{Deserialize, Serialize};
use sshkit::private_file::{Overwrite, create_private_dir, write_private_file};
use sshkit::ssh_config::{self, KEY_FILE, NEW_KEY_FILE, is_part, session_part};
use zeroize::Zeroizing;

use crate::ssh_hosts::names::DEMO;
use crate::terminal::{EarlyStream, Reach, Scope, SessionName, open_guessed, running_demo};
use crate::{Berth, Error, SSHD, Session, error, json_file};

/// How long a changed key has a second file: longer than any login takes.
const NEW_FOR: Duration = Duration::from_secs(180);

/// A host whose session can be relayed to now.
#[derive(Debug)]
pub struct HostReady {
    /// The session that has the name now.
    pub session: SessionName,
    /// The host as ssh has it, under which its host key is pinned.
    pub host: String,
    /// Why the session has no key of its own; ssh then tries the user's.
    pub key_problem: Option<Error>,
    /// A stream to it, if it was the one that was expected.
    pub early: Option<EarlyStream>,
}

/// Which session a host was last.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LastTime {
    session_id: String,
}

impl Berth {
    /// True for names such as `train.demo.berth`.
    pub fn is_ssh_host(host: &str) -> bool {
        ssh_config::split(host).is_some()
    }

    /// Makes everything ready for `ssh` into a host: the cluster is reached, the session found, its key where the
    /// `ssh_config` says, and the host key of a former session of that name forgotten.
    ///
    /// # Errors
    /// `host-unknown` where no cluster has that label; `session-not-found`, `session-not-running`,
    /// `session-ambiguous`; whatever stands between here and the cluster.
    pub async fn ready_host(self: &Arc<Self>, host: &str) -> Result<HostReady, Error> {
        let host = host.to_ascii_lowercase();
        let (part, label) = ssh_config::split(&host).ok_or_else(|| error::host_unknown(&host))?;
        // It becomes the name of a folder.
        if !is_part(part) {
            return Err(error::session_unknown(part, &[]));
        }
        self.reach_label(&host, label).await?;
        let (session, early) = self.find_and_open(part).await?;
        let key_problem = self.bring_key(&host, &session).await?;
        if early.is_some() {
            let reference = SessionRef { id: session.id.clone(), name: session.name.clone() };
            self.connections().pinned_as(host.clone()).follow(&*self.signed_in()?, &reference).await;
        }
        let session = SessionName { id: session.id, name: session.name };
        Ok(HostReady { session, host, key_problem, early })
    }

    /// Finds the session while a stream to the expected one opens: far from the cluster each takes a while. The pinned
    /// host key is left alone meanwhile, as it is that of the name.
    async fn find_and_open(&self, part: &str) -> Result<(Session, Option<EarlyStream>), Error> {
        let cluster = self.signed_in()?;
        let guess = self.guessed_session(&cluster, |name| session_part(name) == part);
        let Some(guess) = guess else {
            return Ok((pick(part, self.list_sessions(Scope::Live).await?)?, None));
        };
        let mut opening = std::pin::pin!(open_guessed(&cluster, &guess, SSHD, None));
        let mut listing = std::pin::pin!(self.list_sessions(Scope::Live));
        let mut opened = None;
        let listed = loop {
            tokio::select! {
                listed = &mut listing => break listed,
                early = &mut opening, if opened.is_none() => opened = Some(early),
            }
        };
        let found = listed.and_then(|sessions| pick(part, sessions));
        let is_right = found.as_ref().is_ok_and(|session| session.id == guess.id);
        if is_right {
            let early = match opened {
                Some(early) => early,
                None => opening.await,
            };
            return found.map(|session| (session, early));
        }
        EarlyStream::give_up(opened, opening).await;
        found.map(|session| (session, None))
    }

    async fn reach_label(self: &Arc<Self>, host: &str, label: &str) -> Result<(), Error> {
        let known = self.cluster_names.by_label(label);
        if let (Some(known), Some(active)) = (&known, self.account())
            && (known.profile_id == active.profile_id || (active.demo && label == DEMO))
        {
            return Ok(());
        }
        let way = if label == DEMO {
            Reach::Demo(running_demo(&self.options.paths).ok_or_else(error::demo_not_running)?)
        } else {
            let known = known.ok_or_else(|| error::host_unknown(host))?;
            let profile = self.profiles.all().into_iter().find(|profile| profile.id == known.profile_id);
            let profile = profile.ok_or_else(|| error::host_unknown(host))?;
            Reach::Profile { tls: profile.tls.clone(), profile }
        };
        self.reach(&way).await.map(drop)
    }

    async fn bring_key(&self, host: &str, session: &Session) -> Result<Option<Error>, Error> {
        let folder = self.host_folder(host);
        create_private_dir(&folder).map_err(|e| error::file(&e, &folder))?;
        let note = folder.join("session.json");
        let now = LastTime { session_id: session.id.clone() };
        if json_file::read::<LastTime>(&note) != now {
            // Another session has another host key, and rightly so.
            let host_keys = &self.connections().host_keys;
            host_keys.forget(host).map_err(|e| error::file(&e, host_keys.pinned.path()))?;
            json_file::write(&note, &now)?;
        }
        let cluster = self.signed_in()?;
        let reference = SessionRef { id: session.id.clone(), name: session.name.clone() };
        let (file, new) = (folder.join(KEY_FILE), folder.join(NEW_KEY_FILE));
        match self.connections().key(&cluster, &reference).await {
            Ok(_) => {}
            Err(e) if matches!(e.code.as_str(), "key-missing" | "key-not-a-key") => {
                let _ = (std::fs::remove_file(&file), std::fs::remove_file(&new));
                return Ok(Some(e));
            }
            Err(e) => return Err(e),
        }
        let key = self.connections().keys.bytes(&session.id).map_err(|e| error::key_store(&e))?;
        let key = key.ok_or_else(|| error::key_missing(&session.name))?;
        let write = |file: &Path| {
            write_private_file(file, &key, Overwrite::Replace).map_err(|e| error::file(&e, file))
        };
        let old = std::fs::read(&file).ok().map(Zeroizing::new);
        if old.as_deref() == Some(&*key) {
            if !sshkit::private_file::is_private(&file).unwrap_or(false) {
                write(&file)?;
            }
            // Whoever started before the change has read it by now.
            let age = std::fs::metadata(&new).and_then(|found| found.modified()).ok();
            if age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > NEW_FOR) {
                let _ = std::fs::remove_file(&new);
            }
        } else {
            if old.is_some() {
                write(&new)?;
            }
            write(&file)?;
        }
        Ok(None)
    }

    pub(crate) fn host_folder(&self, host: &str) -> PathBuf {
        self.options.paths.hosts().join(host)
    }
}

/// The session whose host this is: one that runs before one that does not yet.
fn pick(part: &str, sessions: Vec<Session>) -> Result<Session, Error> {
    let running = |session: &Session| matches!(session.status.as_str(), "RUNNING" | "RUNNING_DEGRADED");
    let fitting: Vec<Session> = sessions.into_iter().filter(|s| session_part(&s.name) == part).collect();
    let mut running_ones = fitting.iter().filter(|session| running(session));
    match (running_ones.next(), running_ones.next()) {
        (Some(one), None) => Ok(one.clone()),
        (Some(_), Some(_)) => {
            let lines: Vec<String> =
                fitting.iter().map(|s| format!("{} ({}, {})", s.id, s.name, s.status)).collect();
            Err(error::session_ambiguous(part, &lines))
        }
        (None, _) => match fitting.first() {
            Some(session) => Err(error::session_not_running(&session.name, &session.status)),
            None => Err(error::session_unknown(part, &[])),
        },
    }
}
