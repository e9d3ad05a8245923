//! `session download`: files and folders of a session into a folder here.
//!
//! The cluster's file API carries 1 MiB; what is larger comes through SSH as one stream, with a progress bar.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use berth::{Error, Session};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::ssh::{Way, code_of, missing};
use crate::archive::{self, UnpackError, Unpacked};
use crate::context::Context;
use crate::failure::Failure;

/// Download files and folders from a session.
#[derive(Debug, Args)]
pub(crate) struct Download {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Files and folders, relative to /home/work
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Folder here to put them in
    #[arg(long, value_name = "FOLDER", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    dest: PathBuf,
}

impl Download {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let output = &context.output;
        if self.files.is_empty() {
            output.warn("Please specify one or more file paths after session ID or name.");
            return Ok(0);
        }
        let target = folder(&self.dest)?;
        let session = context.session(&self.session).await?;
        output.wait(&format!("Downloading file(s) from {}...", session.name));
        let mut sum = Unpacked::default();
        let mut way = None;
        for file in &self.files {
            let path = relative(file)?;
            let done = match context.berth.download_archive(&session, &path).await {
                Ok(bytes) => archive::unpack(&bytes[..], &target).map_err(|e| said(&e))?,
                // 26.9 has no words for what is too large: 500, "Internal server error" (seen there).
                Err(e) if matches!(e.code.as_str(), "too-large" | "server-error") => {
                    if way.is_none() {
                        way = Some(Way::open(context, &session).await?);
                    }
                    let Some(way) = &way else { return Err(e.into()) };
                    stream(way, &session, &path, &target).await?
                }
                Err(e) => return Err(e.into()),
            };
            sum.files += done.files;
            sum.bytes += done.bytes;
            sum.left_out.extend(done.left_out);
        }
        for path in &sum.left_out {
            output.warn(&format!("{} is no file or folder and was left out.", path.display()));
        }
        if output.is_json() {
            output.json(&serde_json::json!({"dest": target, "files": sum.files, "bytes": sum.bytes}));
        }
        output.done(&format!("Downloaded to {}.", target.display()));
        Ok(0)
    }
}

/// The folder, made if need be, as an absolute path.
fn folder(wanted: &Path) -> Result<PathBuf, Error> {
    let made = std::fs::create_dir_all(wanted).and_then(|()| wanted.canonicalize());
    made.map_err(|e| {
        Error::new(
            "file-not-writable",
            format!("{} cannot be used: {e}.", wanted.display()),
            "Choose another folder.",
        )
        .with("path", wanted.display())
    })
}

/// A path below the session's home folder, which is all that the cluster gives.
pub(crate) fn relative(path: &str) -> Result<String, Error> {
    let home = path.strip_prefix("/home/work").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let below = home.map_or(path, |rest| rest.trim_start_matches('/'));
    let below = below.strip_prefix("./").or_else(|| below.strip_prefix("~/")).unwrap_or(below);
    let outside = below.starts_with('/');
    let below = below.trim_end_matches('/');
    if outside || below.split('/').any(|part| part == "..") {
        return Err(Error::new(
            "path-outside-home",
            format!("{path} is outside /home/work, which is all that the cluster's file API gives."),
            "Copy it with: berth scp",
        )
        .with("path", path));
    }
    Ok(if below.is_empty() { ".".into() } else { below.to_owned() })
}

fn said(error: &UnpackError) -> Error {
    match error {
        UnpackError::Outside(_) => Error::new(
            "archive-unsafe",
            format!("What the session sent was refused: {error}."),
            "Look at the files inside the session; copy what you trust with: berth scp",
        ),
        UnpackError::Broken(_) => {
            Error::new("download-broken", format!("The download did not come whole: {error}."), "Try again.")
        }
        UnpackError::Unwritable { .. } => {
            Error::new("file-not-writable", format!("{error}."), "Choose another folder with --dest.")
        }
    }
    .with("detail", error)
}

/// Fetches a folder of any size: `tar` inside the session writes to ssh.
async fn stream(way: &Way, session: &Session, path: &str, target: &Path) -> Result<Unpacked, Failure> {
    let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
    // The size comes first, on a line of its own; it is for the bar only.
    let remote = format!(
        "cd {parent} && printf '%s\\n' \"$(du -sk -- {name} 2>/dev/null | cut -f1)\" && exec tar -cf - -- {name}",
        parent = quoted(parent),
        name = quoted(name),
    );
    let mut child = over_ssh(way, &remote)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| missing("ssh", &e))?;
    let target = target.to_owned();
    let bar = bar(&session.name);
    let unpacking = tokio::task::spawn_blocking(move || {
        let stdout = child.stdout.take();
        let unpacked = stdout.map_or_else(
            || Err(UnpackError::Broken(std::io::ErrorKind::BrokenPipe.into())),
            |stdout| receive(BufReader::new(stdout), &target, &bar),
        );
        bar.finish_and_clear();
        if unpacked.is_err() {
            let _ = child.kill();
        }
        (unpacked, child.wait())
    });
    let (unpacked, status) = unpacking
        .await
        .map_err(|e| Error::new("internal", format!("Unpacking broke off: {e}."), "Try again."))?;
    match (unpacked, status.map(code_of)) {
        (Ok(done), Ok(0)) => Ok(done),
        (Err(e @ (UnpackError::Outside(_) | UnpackError::Unwritable { .. })), _) => Err(said(&e).into()),
        (Err(e), _) => Err(said(&e).into()),
        (Ok(_), Ok(code)) => {
            let text = format!("tar inside the session ended with exit code {code}.");
            Err(Error::new("download-broken", text, "See what it wrote above.").into())
        }
        (Ok(_), Err(e)) => Err(missing("ssh", &e).into()),
    }
}

fn receive(
    mut stdout: impl std::io::BufRead,
    target: &Path,
    bar: &ProgressBar,
) -> Result<Unpacked, UnpackError> {
    let mut size = String::new();
    // Bounded: whoever sends no end of line sends no size either.
    stdout.by_ref().take(32).read_line(&mut size).map_err(UnpackError::Broken)?;
    if let Ok(kilobytes) = size.trim().parse::<u64>() {
        bar.set_length(kilobytes * 1024);
    }
    let mut counted = bar.wrap_read(stdout);
    let done = archive::unpack(&mut counted, target)?;
    // What follows the end of the archive is filler, but tar wants to be rid of it.
    std::io::copy(&mut counted, &mut std::io::sink()).map_err(UnpackError::Broken)?;
    Ok(done)
}

/// ssh with a command line for the session's shell; its errors are shown.
pub(crate) fn over_ssh(way: &Way, remote: &str) -> Command {
    let mut command = Command::new("ssh");
    command
        .args(&way.ssh.options)
        .args(["-T", "-o", "LogLevel=ERROR"])
        .arg(&way.ssh.destination)
        .args(["--", remote]);
    command
}

/// A word for the session's shell.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Shown on a terminal only.
pub(crate) fn bar(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what.to_owned());
    let style = "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_home_folder() {
        for (path, expected) in [
            ("id_container", "id_container"),
            ("/home/work/a/b/", "a/b"),
            ("~/a", "a"),
            ("./a", "a"),
            (".", "."),
            ("/home/work", "."),
            ("/home/work/", "."),
            ("..a/b", "..a/b"),
        ] {
            assert_eq!(relative(path).unwrap(), expected, "{path}");
        }
        for path in ["/", "/etc/passwd", "../x", "a/../../x", "/home/workshop"] {
            assert_eq!(relative(path).unwrap_err().code, "path-outside-home", "{path}");
        }
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
