//! `session upload`: files of the present folder into a session's home folder, with their paths.
//!
//! The cluster's file API carries files below 1 MiB with plain names; else all go through SSH as one stream.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use berth::Error;
use berth::terminal::UploadFile;
use clap::Args;

use super::download::{bar, over_ssh};
use super::ssh::{Way, code_of, missing};
use crate::context::Context;
use crate::failure::Failure;

/// Files of this size and more are refused by the file API, in bytes (protocol.md 5.2).
const LIMIT: u64 = 1 << 20;

/// Upload files to a session.
#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Files and folders below the present folder; their paths are kept
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    files: Vec<PathBuf>,
}

/// A file here and its path there.
struct Item {
    here: PathBuf,
    there: String,
    size: u64,
}

impl Item {
    /// Whether the file API takes it: quotes and semicolons in names arrive otherwise than they were sent (seen on
    /// 23.09.10 and 26.9.6: `"` as `%22`).
    fn fits(&self) -> bool {
        let odd = |c: char| c.is_control() || matches!(c, '"' | '\\' | ';');
        self.size < LIMIT && !self.there.contains(odd)
    }
}

impl Upload {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let output = &context.output;
        if self.files.is_empty() {
            output.warn("Please specify one or more file paths after session ID or name.");
            return Ok(0);
        }
        let items = collect(&self.files)?;
        let session = context.session(&self.session).await?;
        output.wait("Uploading files...");
        if items.iter().all(Item::fits) {
            let mut files = Vec::with_capacity(items.len());
            for item in &items {
                let content = fs::read(&item.here).map_err(|e| unreadable(&item.here, &e))?;
                files.push(UploadFile { path: item.there.clone(), content: content.into() });
            }
            context.berth.upload_files(&session, &files).await?;
        } else {
            let way = Way::open(context, &session).await?;
            stream(&way, &session.name, &items).await?;
        }
        if output.is_json() {
            let bytes: u64 = items.iter().map(|item| item.size).sum();
            output.json(&serde_json::json!({"files": items.len(), "bytes": bytes}));
        }
        output.done("Uploaded.");
        Ok(0)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        "file-not-readable",
        format!("{} cannot be read: {error}.", path.display()),
        "Check its name and permissions.",
    )
    .with("path", path.display())
}

/// All files, those inside folders included.
fn collect(given: &[PathBuf]) -> Result<Vec<Item>, Failure> {
    let here = std::env::current_dir()
        .and_then(|folder| folder.canonicalize())
        .map_err(|e| unreadable(Path::new("."), &e))?;
    let mut items = Vec::new();
    for path in given {
        let full = path.canonicalize().map_err(|e| Failure::Named(unreadable(path, &e)))?;
        let below = full.strip_prefix(&here).map_err(|_| {
            let text = format!("{} is not below the present folder.", path.display());
            Error::new("path-outside-folder", text, "Change to its folder, or copy it with: berth scp")
        })?;
        walk(&full, below, &mut items)?;
    }
    Ok(items)
}

fn walk(full: &Path, below: &Path, items: &mut Vec<Item>) -> Result<(), Error> {
    let about = fs::metadata(full).map_err(|e| unreadable(full, &e))?;
    if about.is_dir() {
        let entries = fs::read_dir(full).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.map_err(|e| unreadable(full, &e))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            // What a link leads to may be elsewhere, or above.
            if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
                walk(&entry.path(), &below.join(entry.file_name()), items)?;
            }
        }
        return Ok(());
    }
    if about.is_file() {
        let parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        items.push(Item { here: full.to_owned(), there: parts.join("/"), size: about.len() });
    }
    Ok(())
}

/// Sends files of any size: `tar` inside the session reads from ssh.
async fn stream(way: &Way, session: &str, items: &[Item]) -> Result<(), Failure> {
    let mut child = over_ssh(way, "exec tar -xf -")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| missing("ssh", &e))?;
    let files: Vec<(PathBuf, String)> =
        items.iter().map(|item| (item.here.clone(), item.there.clone())).collect();
    let bar = bar(session);
    bar.set_length(items.iter().map(|item| item.size).sum());
    let sending = tokio::task::spawn_blocking(move || {
        let sent = child.stdin.take().map_or(Ok(()), |stdin| {
            let mut builder = tar::Builder::new(bar.wrap_write(stdin));
            for (here, there) in &files {
                builder.append_path_with_name(here, there)?;
            }
            builder.into_inner().map(drop)
        });
        bar.finish_and_clear();
        (sent, child.wait())
    });
    let (sent, status) = sending
        .await
        .map_err(|e| Error::new("internal", format!("Uploading broke off: {e}."), "Try again."))?;
    let failed =
        |text: String| Error::new("upload-broken", text, "See what was written above, and try again.");
    match (sent, status.map(code_of)) {
        (Ok(()), Ok(0)) => Ok(()),
        (_, Ok(code)) if code != 0 => {
            Err(failed(format!("tar inside the session ended with exit code {code}.")).into())
        }
        (Err(e), _) => Err(failed(format!("The upload broke off: {e}.")).into()),
        (_, Err(e)) => Err(missing("ssh", &e).into()),
        (Ok(()), Ok(_)) => Ok(()),
    }
}
