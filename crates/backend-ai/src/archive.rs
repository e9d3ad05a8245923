//! Files of a session over HTTP as archives, both ways: small ones only (protocol.md 5.1, 5.2).

use bytes::{BufMut, Bytes, BytesMut};
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::files::{Way, query};
use crate::problem::Refusal;
use crate::session::SessionRef;
use crate::transport::{Call, Failure, JSON_LIMIT, segment};

/// Bound of an archive, in bytes; servers stop at 1 MiB.
const ARCHIVE_LIMIT: usize = 4 << 20;
/// Largest file of an upload, in bytes; servers refuse 1 MiB and more.
const UPLOAD_FILE_LIMIT: usize = (1 << 20) - 1;
/// Most files of one upload.
const UPLOAD_FILES: usize = 20;

/// A file on its way into a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFile {
    /// Path relative to `/home/work`, with `/`; missing folders are made.
    pub path: String,
    /// Content, less than 1 MiB.
    pub content: Bytes,
}

impl Client {
    /// Downloads a file or a folder of a running session as an uncompressed tar whose members begin with its
    /// base name. The server stops at 1 MiB.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session or path, [`Error::TooLarge`].
    pub async fn download_archive(&self, session: &SessionRef, path: &str) -> Result<Bytes, Error> {
        let id = segment(&session.id)?;
        let mut refused: Option<Refusal> = None;
        for way in self.ways() {
            let mut call = Call::get(format!("/session/{id}/download?{}", query("files", path)));
            if way != Way::Get {
                call.method = reqwest::Method::POST;
            }
            if way == Way::PostBody {
                call = call.json(json!({"files": [path]}));
            }
            match self.call(&call, ARCHIVE_LIMIT).await {
                Ok(answer) => return first_part(&answer.body),
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

    /// Uploads files, as many requests as it takes. The server's agent writes them: the owner may be root.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is sent when one of them is 1 MiB or more.
    pub async fn upload_files(&self, session: &SessionRef, files: &[UploadFile]) -> Result<(), Error> {
        if files.iter().any(|file| file.content.len() > UPLOAD_FILE_LIMIT) {
            return Err(Error::TooLarge { limit: UPLOAD_FILE_LIMIT });
        }
        let path = format!("/session/{}/upload", segment(&session.id)?);
        for some in files.chunks(UPLOAD_FILES) {
            let boundary = boundary();
            let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
                .map_err(|_| Error::BadAnswer("a boundary that fits into no header".to_owned()))?;
            let mut call = Call::post(path.clone());
            call.form = Some((content_type, form(some, &boundary)));
            self.call(&call, JSON_LIMIT).await.map_err(|failure| failure.into_error(self.mode()))?;
        }
        Ok(())
    }
}

/// The body of the first part of a `multipart/mixed` answer, up to its end or, at worst, with the closing
/// boundary behind it, which a tar reader never reaches.
fn first_part(body: &Bytes) -> Result<Bytes, Error> {
    if body.get(257..262) == Some(b"ustar") {
        return Ok(body.clone());
    }
    let find = |needle: &[u8]| body.windows(needle.len()).position(|window| window == needle);
    match find(b"\r\n\r\n") {
        Some(head) if body.starts_with(b"--") => Ok(body.slice(head + 4..)),
        _ => Err(Error::BadAnswer("a download that is no multipart".to_owned())),
    }
}

fn boundary() -> String {
    let random: [u8; 16] = rand::random();
    hex::encode(random)
}

/// A form with parts named `src`.
fn form(files: &[UploadFile], boundary: &str) -> Bytes {
    let mut body = BytesMut::new();
    for file in files {
        // As browsers and aiohttp write file names (WHATWG: multipart/form-data encoding algorithm).
        let name = file.path.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        body.put(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"src\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        body.put(file.content.clone());
        body.put(&b"\r\n"[..]);
    }
    body.put(format!("--{boundary}--\r\n").as_bytes());
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_is_found() {
        let body = Bytes::from_static(b"--b\r\nContent-Type: x\r\n\r\nTAR\r\n--b--\r\n");
        assert!(first_part(&body).unwrap().starts_with(b"TAR"));
        assert!(first_part(&Bytes::from_static(b"<html>\r\n\r\n")).is_err());
        assert!(first_part(&Bytes::new()).is_err());
    }

    #[test]
    fn file_names_cannot_break_out_of_the_form() {
        let file = UploadFile { path: "a\"\r\nX: y".into(), content: Bytes::from_static(b"1") };
        let body = form(&[file], "b");
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("filename=\"a%22%0D%0AX: y\"\r\n"), "{text}");
        assert!(text.ends_with("1\r\n--b--\r\n"));
    }
}
