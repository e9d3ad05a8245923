//! One small file out of a session, whatever the server's line (protocol.md 5.1, appendices A and B).
//!
//! The call changed its verb in 24.03.7 and the place of its parameter three times after that. The likely form is
//! sent first and a refusal that means "not this way" leads to the next.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::problem::Refusal;
use crate::session::SessionRef;
use crate::transport::{Call, Failure, segment};
use crate::version::ManagerVersion;

/// Bound of a file, in bytes; servers stop at 1 MiB of tar.
const FILE_LIMIT: usize = 2 << 20;

/// Ways to ask for a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `GET` with a query: 22.09 to 24.03.6.
    Get,
    /// `POST` with a query: 24.03.7 to 26.2, and 26.4 and later.
    Post,
    /// `POST` with a query and a JSON body: 26.3 reads only the body.
    PostBody,
}

impl Client {
    /// Downloads one file of the session's main container, at most 2 MiB (servers allow about 1 MiB).
    /// `path` is relative to `/home/work` or absolute below it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session or file, [`Error::TooLarge`].
    pub async fn download_file(&self, session: &SessionRef, path: &str) -> Result<Vec<u8>, Error> {
        let mut refused: Option<Refusal> = None;
        let id = segment(&session.id)?;
        for way in self.ways() {
            let call = download(id, path, way);
            match self.call(&call, FILE_LIMIT).await {
                Ok(answer) => return Ok(unpack(&answer.body, path)),
                Err(Failure::Refused(refusal))
                    if matches!(refusal.status.as_u16(), 400 | 405)
                        && !refusal.mentions(&["not found", "too large"]) =>
                {
                    refused.get_or_insert(refusal);
                }
                Err(Failure::Refused(refusal)) => return Err(self.explain(session, path, refusal).await),
                Err(Failure::Broken(error)) => return Err(error),
            }
        }
        match refused {
            Some(refusal) => Err(refusal.into_error(self.mode())),
            None => Err(Error::BadAnswer("no way to download".to_owned())),
        }
    }

    pub(crate) fn ways(&self) -> [Way; 3] {
        let manager = self.server().manager();
        if manager < ManagerVersion::new(24, 3, 7) {
            [Way::Get, Way::Post, Way::PostBody]
        } else if (manager.year, manager.month) == (26, 3) {
            [Way::PostBody, Way::Post, Way::Get]
        } else {
            [Way::Post, Way::PostBody, Way::Get]
        }
    }

    /// What a refusal means. A missing file is a 500 on every line, told by its words up to 26.2 and by nothing
    /// later, so the folder is looked into.
    pub(crate) async fn explain(&self, session: &SessionRef, path: &str, refusal: Refusal) -> Error {
        if refusal.mentions(&["too large", "Too large"]) {
            return Error::TooLarge { limit: 1 << 20 };
        }
        let missing =
            ["FileNotFoundError", "Could not found the file", "file is not found", "file not found"];
        let server_error = refusal.status.is_server_error() && refusal.status.as_u16() == 500;
        if refusal.mentions(&missing) || (server_error && self.lists(session, path).await == Some(false)) {
            return Error::NotFound(format!("file {path}"));
        }
        refusal.into_error(self.mode())
    }

    /// Whether the session's listing of the folder names the file; `None` when there is no listing.
    async fn lists(&self, session: &SessionRef, path: &str) -> Option<bool> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let call = Call::get(format!(
            "/session/{}/files?{}",
            session.id,
            query("path", if folder.is_empty() { "/" } else { folder })
        ));
        let answer = self.call_json(&call).await.ok()?;
        let files = match answer.get("files")? {
            Value::String(text) => serde_json::from_str::<Value>(text).ok()?,
            files => files.clone(),
        };
        let files = files.as_array()?;
        Some(files.iter().any(|file| {
            file.get("filename").or_else(|| file.get("name")).and_then(Value::as_str) == Some(name)
        }))
    }
}

fn download(id: &str, path: &str, way: Way) -> Call {
    let target = format!("/session/{id}/download_single?{}", query("file", path));
    let mut call = Call::get(target);
    if way != Way::Get {
        call.method = Method::POST;
    }
    if way == Way::PostBody {
        call = call.json(json!({"file": path}));
    }
    call
}

pub(crate) fn query(key: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(key, value).finish()
}

/// The file itself, from an answer that is either raw or a tar with this one file in it.
fn unpack(body: &[u8], path: &str) -> Vec<u8> {
    only_member(body, path).unwrap_or_else(|| body.to_vec())
}

/// The content of the one member of a tar, if the body is one and the member has the name of the wanted file.
fn only_member(body: &[u8], path: &str) -> Option<Vec<u8>> {
    if body.get(257..262)? != b"ustar" {
        return None;
    }
    let wanted = path.rsplit('/').next()?;
    let mut archive = tar::Archive::new(body);
    let mut entries = archive.entries().ok()?;
    let mut entry = entries.next()?.ok()?;
    let name = entry.path().ok()?.file_name()?.to_str()?.to_owned();
    if name != wanted || !entry.header().entry_type().is_file() {
        return None;
    }
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut entry, &mut content).ok()?;
    drop(entry);
    entries.next().is_none().then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            header.set_cksum();
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_tar_of_the_one_file_is_unpacked() {
        let body = packed(&[("id_container", b"-----BEGIN")]);
        assert_eq!(unpack(&body, "id_container"), b"-----BEGIN");
        assert_eq!(unpack(&body, "/home/work/id_container"), b"-----BEGIN");
    }

    #[test]
    fn anything_else_is_left_as_it_is() {
        let two = packed(&[("a", b"1"), ("b", b"2")]);
        let mut torn = packed(&[("a", &[7; 4096])]);
        torn.truncate(1500);
        for body in [b"-----BEGIN RSA".to_vec(), Vec::new(), two, torn, packed(&[("x", b"1")])] {
            assert_eq!(unpack(&body, "a"), body);
        }
    }

    #[test]
    fn paths_are_escaped() {
        assert_eq!(query("file", ".ssh/a b&c#d"), "file=.ssh%2Fa+b%26c%23d");
    }
}
