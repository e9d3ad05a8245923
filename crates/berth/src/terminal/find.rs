//! From what a person types to one session.

use std::path::{Path, PathBuf};
use std::time::Duration;

use backend_ai::SessionScope;
use serde::{Deserialize, Serialize};

use crate::kept_login::file_name;
use crate::model::has_ended;
use crate::{Berth, Error, Paths, Session, cluster, error, json_file, ssh_hosts};

/// Names that are this much alike are worth proposing.
const ALIKE: f64 = 0.82;
/// Proposals of one message.
const PROPOSALS: usize = 3;

/// Which sessions to look among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that have not ended.
    Live,
    /// Ended ones too.
    All,
}

/// A session's name as it was last seen, for completing it in a shell without asking the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownName {
    /// UUID; empty in files of old.
    #[serde(default)]
    pub id: String,
    /// Name.
    pub name: String,
    /// Status at that time.
    pub status: String,
    /// Full image reference.
    pub image: String,
}

impl KnownName {
    /// What is kept of a session.
    pub fn of(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            name: session.name.clone(),
            status: session.status.clone(),
            image: session.image.clone(),
        }
    }
}

/// The names seen last with a profile, and how long ago that was. Asks nobody.
pub fn known_names(paths: &Paths, profile_id: &str) -> (Vec<KnownName>, Duration) {
    let path = names_file(paths, profile_id);
    let written = std::fs::metadata(&path).and_then(|file| file.modified());
    let age = written.ok().and_then(|at| at.elapsed().ok()).unwrap_or(Duration::MAX);
    (json_file::read(&path), age)
}

impl Berth {
    /// The account's sessions, the newest first.
    ///
    /// # Errors
    /// `not-signed-in`, and whatever stands between here and the cluster.
    pub async fn list_sessions(&self, scope: Scope) -> Result<Vec<Session>, Error> {
        let cluster = self.signed_in()?;
        let scope = match scope {
            Scope::Live => SessionScope::Live,
            Scope::All => SessionScope::All,
        };
        let listed = cluster.call(|c| async move { c.sessions(scope).await }).await?;
        let sessions: Vec<Session> = listed.iter().map(cluster::session).collect();
        self.note_hosts(&cluster.account(), ssh_hosts::living(&sessions));
        self.remember_names(&cluster.profile_id(), &sessions);
        Ok(sessions)
    }

    /// The one session that a name, a UUID or the beginning of a UUID (8 characters or more) means.
    ///
    /// # Errors
    /// `session-not-found` with the names that are near, `session-ambiguous` with the candidates,
    /// `session-ended` for an ended one when only living ones are asked for.
    pub async fn find_session(&self, reference: &str, scope: Scope) -> Result<Session, Error> {
        let cluster = self.signed_in()?;
        if is_uuid(reference) {
            let asked = cluster.call(|c| {
                let id = reference.to_lowercase();
                async move { c.session(&id).await }
            });
            return match asked.await {
                Ok(session) => Ok(cluster::session(&session)),
                Err(e) if e.code == "session-not-found" => Err(error::session_unknown(reference, &[])),
                Err(e) => Err(e),
            };
        }
        let living = self.list_sessions(Scope::Live).await?;
        if let Some(found) = pick(reference, &living)? {
            return Ok(found.clone());
        }
        // A second look costs a request, and only who mistyped or is late pays for it.
        let recent = cluster.call(|c| async move { c.sessions(SessionScope::Recent).await }).await?;
        let ended: Vec<Session> = recent.iter().map(cluster::session).collect();
        let ended =
            ended.into_iter().find(|session| session.name == reference || begins(&session.id, reference));
        match (ended, scope) {
            (Some(session), Scope::All) => Ok(session),
            (Some(session), Scope::Live) => Err(error::session_not_running(&session.name, &session.status)),
            (None, _) => Err(error::session_unknown(reference, &near(reference, &living))),
        }
    }

    fn remember_names(&self, profile_id: &str, sessions: &[Session]) {
        let names =
            sessions.iter().filter(|session| !has_ended(&session.status)).map(KnownName::of).collect();
        self.keep_names(profile_id, names);
    }

    /// Sessions that were there and are gone have ended: their keys and pinned host keys are forgotten.
    ///
    /// Failing to write costs completions and head starts only. The file's age is that of the look.
    pub(crate) fn keep_names(&self, profile_id: &str, names: Vec<KnownName>) {
        let path = names_file(&self.options.paths, profile_id);
        let before: Vec<KnownName> = json_file::read(&path);
        for before in &before {
            if !before.id.is_empty() && !names.iter().any(|now| now.id == before.id) {
                self.connections().forget_session(&before.id);
            }
        }
        // Mostly nothing has changed, and a file that is safe on the disk takes its time.
        if before == names && looked_now(&path).is_ok() {
            return;
        }
        let kept = path
            .parent()
            .map_or(Ok(()), sshkit::private_file::create_private_dir)
            .map_err(|e| error::file(&e, &path))
            .and_then(|()| json_file::write(&path, &names));
        if let Err(e) = kept {
            tracing::warn!(error = %e.message, "cannot keep the names of sessions");
        }
    }
}

/// Where the names of a profile's sessions are kept.
pub(super) fn names_file(paths: &Paths, profile_id: &str) -> PathBuf {
    paths.session_names().join(format!("{}.json", file_name(profile_id)))
}

/// Makes a listing one of long ago.
pub(super) fn outdate(paths: &Paths, profile_id: &str) {
    let file = std::fs::File::options().write(true).open(names_file(paths, profile_id));
    // Where there is none, nothing is believed either.
    let _ = file.and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH));
}

/// A look that has shown what is written down already.
fn looked_now(path: &Path) -> std::io::Result<()> {
    std::fs::File::options().write(true).open(path)?.set_modified(std::time::SystemTime::now())
}

/// The session that is meant; none when nothing fits.
fn pick<'a>(reference: &str, sessions: &'a [Session]) -> Result<Option<&'a Session>, Error> {
    let fitting = fitting(reference, sessions, |session| (&session.id, &session.name));
    match fitting.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        many => {
            let lines: Vec<String> =
                many.iter().map(|s| format!("{} ({}, {})", s.id, s.name, s.status)).collect();
            Err(error::session_ambiguous(reference, &lines))
        }
    }
}

/// What a reference fits: a name before the beginning of an id.
pub(super) fn fitting<'a, T>(
    reference: &str,
    all: &'a [T],
    id_and_name: impl Fn(&T) -> (&str, &str),
) -> Vec<&'a T> {
    let named: Vec<&T> = all.iter().filter(|one| id_and_name(one).1 == reference).collect();
    if !named.is_empty() {
        return named;
    }
    all.iter().filter(|one| begins(id_and_name(one).0, reference)).collect()
}

fn begins(id: &str, reference: &str) -> bool {
    reference.len() >= 8 && id.starts_with(&reference.to_lowercase())
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Names like the one that was typed, the likest first.
fn near(reference: &str, sessions: &[Session]) -> Vec<String> {
    let wanted = reference.to_lowercase();
    let mut scored: Vec<(f64, &str)> = sessions
        .iter()
        .map(|session| {
            let name = session.name.to_lowercase();
            let part = wanted.len() >= 3 && (name.contains(&wanted) || wanted.contains(&name));
            let score = strsim::jaro_winkler(&wanted, &name);
            (if part { score.max(0.95) } else { score }, session.name.as_str())
        })
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(PROPOSALS).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, name: &str) -> Session {
        Session {
            id: id.into(),
            name: name.into(),
            status: "RUNNING".into(),
            status_info: None,
            session_type: "INTERACTIVE".into(),
            image: "img".into(),
            project: None,
            resource_group: None,
            resources: vec![],
            created_at: None,
            terminated_at: None,
            cluster_size: 1,
            apps: vec![],
        }
    }

    const A: &str = "0b7d2a51-3b43-4d51-9b0b-5f0c7f3f9a11";
    const B: &str = "0b7d2a51-ffff-4d51-9b0b-5f0c7f3f9a11";

    #[test]
    fn a_name_comes_before_the_beginning_of_an_id() {
        let all = [session(A, "train"), session(B, "0b7d2a51-3")];
        assert_eq!(pick("train", &all).unwrap().unwrap().id, A);
        assert_eq!(pick("0b7d2a51-3", &all).unwrap().unwrap().id, B);
        assert_eq!(pick("0b7d2a51-3b", &all).unwrap().unwrap().id, A);
        assert_eq!(pick("0B7D2A51-F", &all).unwrap().unwrap().id, B);
        assert!(pick("trai", &all).unwrap().is_none(), "beginnings of names are not names");
        assert!(pick("0b7d", &all).unwrap().is_none());
    }

    #[test]
    fn two_that_fit_are_listed_and_none_is_chosen() {
        let all = [session(A, "train"), session(B, "train")];
        let error = pick("train", &all).unwrap_err();
        assert_eq!(error.code, "session-ambiguous");
        assert!(error.message.contains(A) && error.message.contains(B));
        assert_eq!(pick("0b7d2a51", &all).unwrap_err().code, "session-ambiguous");
    }

    #[test]
    fn near_names_are_proposed_and_far_ones_are_not() {
        let all = [session(A, "llama-finetune"), session(B, "vision-train"), session(B, "data-prep")];
        assert_eq!(near("llama-fintune", &all), ["llama-finetune"]);
        assert_eq!(near("train", &all), ["vision-train"]);
        assert!(near("zzz", &all).is_empty());
        assert!(near("", &all).is_empty());
    }
}
