//! SFTP version 3 in a session's home, with the extensions OpenSSH's clients use.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use russh_sftp::protocol::{
    Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version,
};
use russh_sftp::server::{Config, Handler, StatusReply, run_with_config};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::attributes::{attributes, entry, folder_attributes, set_creation_mode, set_mode, set_times};
use super::inbox::Outbox;
use super::jail::{Jail, POSED_HOME, Place};
use crate::container::Container;

/// Largest packet, in both directions; OpenSSH's own limit.
const MAX_PACKET: u32 = 256 * 1024;
/// Largest read or write within a packet.
const MAX_DATA: u32 = MAX_PACKET - 1024;
/// Files and listings a client may have open.
const MAX_HANDLES: usize = 1_000;
/// Entries of a folder told at once.
const ENTRIES: usize = 100;

/// Serves a client until it has ended.
pub(super) async fn serve(
    container: &Container,
    outbox: Outbox,
    to_client: impl AsyncWrite + Send + Unpin + 'static,
) {
    let (done, ended) = oneshot::channel::<()>();
    let stream = Stream { outbox, to_client, _done: done };
    let config = Config { max_client_packet_len: MAX_PACKET };
    run_with_config(stream, Sftp::new(&container.home), config).await;
    // The server runs in a task of its own; it has ended when its stream is dropped.
    let _ = ended.await;
}

/// The two halves of a channel as the one stream the SFTP library wants.
struct Stream<W> {
    outbox: Outbox,
    to_client: W,
    _done: oneshot::Sender<()>,
}

impl<W: Unpin> AsyncRead for Stream<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outbox).poll_read(cx, buf)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Stream<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.to_client).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to_client).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.to_client).poll_shutdown(cx)
    }
}

/// An open file or listing.
enum Open {
    File { file: Arc<File>, append: bool },
    Folder { entries: Vec<Entry> },
}

struct Sftp {
    jail: Jail,
    open: HashMap<String, Open>,
    next: u64,
}

type Reply<T> = Result<T, StatusReply>;

impl Sftp {
    fn new(home: &Path) -> Sftp {
        Sftp { jail: Jail::new(home), open: HashMap::new(), next: 0 }
    }

    fn keep(&mut self, open: Open) -> Reply<String> {
        if self.open.len() >= MAX_HANDLES {
            return Err(StatusCode::Failure.with_message("Too many open files"));
        }
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Ok(handle)
    }

    fn file(&self, handle: &str) -> Reply<(Arc<File>, bool)> {
        match self.open.get(handle) {
            Some(Open::File { file, append }) => Ok((file.clone(), *append)),
            _ => Err(StatusCode::Failure.with_message("Invalid handle")),
        }
    }

    /// A place in the home that may be changed, not the home itself nor what is above it.
    fn changeable(&self, path: &str) -> Reply<PathBuf> {
        match self.jail.find(path).map_err(status_of)? {
            Place::Inside(target) if self.jail.normalize(path) != POSED_HOME => Ok(target),
            Place::Inside(_) | Place::Above(_) => Err(StatusCode::PermissionDenied.into()),
            Place::Nowhere => Err(nowhere(path)),
        }
    }

    /// A place with links followed.
    fn real(&self, path: &str) -> Reply<PathBuf> {
        match self.jail.follow(path).map_err(status_of)? {
            Place::Inside(target) => Ok(target),
            Place::Above(_) => Err(StatusCode::PermissionDenied.into()),
            Place::Nowhere => Err(nowhere(path)),
        }
    }
}

fn nowhere(path: &str) -> StatusReply {
    StatusCode::NoSuchFile.with_message(format!("{path}: only {POSED_HOME} is served"))
}

fn status_of(error: io::Error) -> StatusReply {
    let code = match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        io::ErrorKind::UnexpectedEof => StatusCode::Eof,
        _ => StatusCode::Failure,
    };
    let text = match error.kind() {
        io::ErrorKind::NotFound => "No such file".to_owned(),
        io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
        _ => error.to_string(),
    };
    code.with_message(text)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Reply<T> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(status_of),
        Err(error) => Err(StatusCode::Failure.with_message(error.to_string())),
    }
}

fn ok(id: u32) -> Status {
    Status { id, status_code: StatusCode::Ok, error_message: "Ok".into(), language_tag: "en-US".into() }
}

impl Handler for Sftp {
    type Error = StatusReply;

    fn unimplemented(&self) -> StatusReply {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Reply<Version> {
        let mut version = Version::new();
        for (name, revision) in [
            ("posix-rename@openssh.com", "1"),
            ("hardlink@openssh.com", "1"),
            ("fsync@openssh.com", "1"),
            ("limits@openssh.com", "1"),
            ("expand-path@openssh.com", "1"),
        ] {
            version.extensions.insert(name.into(), revision.into());
        }
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        path: String,
        flags: OpenFlags,
        attrs: FileAttributes,
    ) -> Reply<Handle> {
        let target = self.real(&path)?;
        let append = flags.contains(OpenFlags::APPEND);
        let (file, append) = blocking(move || {
            let writes = flags.contains(OpenFlags::WRITE) || append;
            let mut options = OpenOptions::new();
            options.read(flags.contains(OpenFlags::READ) || !writes);
            options.write(writes);
            options.truncate(flags.contains(OpenFlags::TRUNCATE) && writes && !append);
            if flags.contains(OpenFlags::CREATE) && writes {
                if flags.contains(OpenFlags::EXCLUDE) {
                    options.create_new(true);
                } else {
                    options.create(true);
                }
            }
            if append {
                options.append(true);
            }
            set_creation_mode(&mut options, &attrs);
            let file = options.open(&target)?;
            if file.metadata()?.is_dir() {
                return Err(io::Error::other("Is a directory"));
            }
            if append && flags.contains(OpenFlags::TRUNCATE) {
                file.set_len(0)?;
            }
            Ok((file, append))
        })
        .await?;
        let handle = self.keep(Open::File { file: Arc::new(file), append })?;
        Ok(Handle { id, handle })
    }

    async fn close(&mut self, id: u32, handle: String) -> Reply<Status> {
        match self.open.remove(&handle) {
            Some(_) => Ok(ok(id)),
            None => Err(StatusCode::Failure.with_message("Invalid handle")),
        }
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Reply<Data> {
        let (file, _) = self.file(&handle)?;
        let data = blocking(move || {
            let mut data = vec![0; len.min(MAX_DATA) as usize];
            let mut filled = 0;
            while filled < data.len() {
                match read_at(&file, &mut data[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            data.truncate(filled);
            Ok(data)
        })
        .await?;
        if data.is_empty() && len > 0 { Err(StatusCode::Eof.into()) } else { Ok(Data { id, data }) }
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Reply<Status> {
        let (file, append) = self.file(&handle)?;
        blocking(move || {
            if append {
                use io::Write as _;
                return (&*file).write_all(&data);
            }
            let mut written = 0;
            while written < data.len() {
                match write_at(&file, &data[written..], offset + written as u64) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => written += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
        .await?;
        Ok(ok(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Reply<Attrs> {
        match self.jail.find(&path).map_err(status_of)? {
            Place::Inside(target) => {
                let attrs = blocking(move || Ok(attributes(&fs::symlink_metadata(target)?))).await?;
                Ok(Attrs { id, attrs })
            }
            Place::Above(_) => Ok(Attrs { id, attrs: folder_attributes() }),
            Place::Nowhere => Err(nowhere(&path)),
        }
    }

    async fn stat(&mut self, id: u32, path: String) -> Reply<Attrs> {
        match self.jail.follow(&path).map_err(status_of)? {
            Place::Inside(target) => {
                let attrs = blocking(move || Ok(attributes(&fs::metadata(target)?))).await?;
                Ok(Attrs { id, attrs })
            }
            Place::Above(_) => Ok(Attrs { id, attrs: folder_attributes() }),
            Place::Nowhere => Err(nowhere(&path)),
        }
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Reply<Attrs> {
        let (file, _) = self.file(&handle)?;
        let attrs = blocking(move || Ok(attributes(&file.metadata()?))).await?;
        Ok(Attrs { id, attrs })
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Reply<Status> {
        let target = self.real(&path)?;
        blocking(move || {
            if let Some(size) = attrs.size {
                OpenOptions::new().write(true).open(&target)?.set_len(size)?;
            }
            // Unix sets times through a file opened for reading, folders included; Windows wants
            // one opened for writing, and keeps the times of folders to itself.
            if cfg!(unix) || target.is_file() {
                set_times(&attrs, || OpenOptions::new().read(true).write(cfg!(windows)).open(&target))?;
            }
            set_mode(&attrs, |permissions| fs::set_permissions(&target, permissions))
        })
        .await?;
        Ok(ok(id))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Reply<Status> {
        let (file, _) = self.file(&handle)?;
        blocking(move || {
            if let Some(size) = attrs.size {
                file.set_len(size)?;
            }
            set_mode(&attrs, |permissions| file.set_permissions(permissions))?;
            set_times(&attrs, || file.try_clone())
        })
        .await?;
        Ok(ok(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Reply<Handle> {
        let mut entries = match self.jail.follow(&path).map_err(status_of)? {
            Place::Inside(target) => blocking(move || list(&target)).await?,
            Place::Above(only) => [".", "..", only].map(|name| entry(name, folder_attributes())).to_vec(),
            Place::Nowhere => return Err(nowhere(&path)),
        };
        entries.reverse();
        let handle = self.keep(Open::Folder { entries })?;
        Ok(Handle { id, handle })
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Reply<Name> {
        let Some(Open::Folder { entries }) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure.with_message("Invalid handle"));
        };
        if entries.is_empty() {
            return Err(StatusCode::Eof.into());
        }
        let files = entries.split_off(entries.len().saturating_sub(ENTRIES));
        Ok(Name { id, files: files.into_iter().rev().collect() })
    }

    async fn remove(&mut self, id: u32, path: String) -> Reply<Status> {
        let target = self.changeable(&path)?;
        blocking(move || {
            if fs::symlink_metadata(&target)?.is_dir() {
                return Err(io::Error::other("Is a directory"));
            }
            fs::remove_file(target)
        })
        .await?;
        Ok(ok(id))
    }

    async fn mkdir(&mut self, id: u32, path: String, attrs: FileAttributes) -> Reply<Status> {
        let target = self.changeable(&path)?;
        blocking(move || {
            fs::create_dir(&target)?;
            // Clients send 0777 and leave the rest to the server's umask.
            let attrs = FileAttributes { permissions: attrs.permissions.map(|mode| mode & 0o755), ..attrs };
            set_mode(&attrs, |permissions| fs::set_permissions(&target, permissions))
        })
        .await?;
        Ok(ok(id))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Reply<Status> {
        let target = self.changeable(&path)?;
        blocking(move || fs::remove_dir(target)).await?;
        Ok(ok(id))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Reply<Name> {
        // What does not exist is told in normal form, as OpenSSH's server does for the last part.
        let shown = match self.jail.follow(&path) {
            Ok(Place::Inside(real)) => self.jail.shown_target(&real),
            _ => self.jail.normalize(&path),
        };
        Ok(Name { id, files: vec![Entry::dummy(shown)] })
    }

    /// Version 3 must not overwrite; `posix-rename` does.
    async fn rename(&mut self, id: u32, old: String, new: String) -> Reply<Status> {
        let (from, to) = (self.changeable(&old)?, self.changeable(&new)?);
        blocking(move || {
            if fs::symlink_metadata(&to).is_ok() {
                return Err(io::Error::other("The target exists"));
            }
            fs::rename(from, to)
        })
        .await?;
        Ok(ok(id))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Reply<Name> {
        let target = self.changeable(&path)?;
        let target = blocking(move || fs::read_link(target)).await?;
        Ok(Name { id, files: vec![Entry::dummy(self.jail.shown_target(&target))] })
    }

    /// OpenSSH sends the target first, against the draft; everybody follows it.
    async fn symlink(&mut self, id: u32, target: String, link: String) -> Reply<Status> {
        let place = self.changeable(&link)?;
        let target = self.jail.stored_target(&target);
        blocking(move || {
            #[cfg(unix)]
            return std::os::unix::fs::symlink(target, place);
            #[cfg(windows)]
            return std::os::windows::fs::symlink_file(target, place);
        })
        .await?;
        Ok(ok(id))
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> Reply<Packet> {
        let mut fields = Fields(&data);
        match request.as_str() {
            "posix-rename@openssh.com" => {
                let (from, to) = (self.changeable(&fields.text()?)?, self.changeable(&fields.text()?)?);
                blocking(move || fs::rename(from, to)).await?;
            }
            "hardlink@openssh.com" => {
                let (from, to) = (self.changeable(&fields.text()?)?, self.changeable(&fields.text()?)?);
                blocking(move || fs::hard_link(from, to)).await?;
            }
            "fsync@openssh.com" => {
                let (file, _) = self.file(&fields.text()?)?;
                blocking(move || file.sync_all()).await?;
            }
            "expand-path@openssh.com" => {
                let path = fields.text()?;
                let path = match path.strip_prefix("~/").or(path.strip_prefix("~work/")) {
                    Some(rest) => rest.to_owned(),
                    None if path == "~" || path == "~work" => ".".to_owned(),
                    None => path,
                };
                return Ok(Packet::Name(self.realpath(id, path).await?));
            }
            "limits@openssh.com" => {
                let limits =
                    [u64::from(MAX_PACKET), u64::from(MAX_DATA), u64::from(MAX_DATA), MAX_HANDLES as u64];
                let data = limits.iter().flat_map(|limit| limit.to_be_bytes()).collect();
                return Ok(Packet::ExtendedReply(russh_sftp::protocol::ExtendedReply { id, data }));
            }
            _ => return Err(StatusCode::OpUnsupported.into()),
        }
        Ok(Packet::Status(ok(id)))
    }
}

/// Length-prefixed texts of an extended request.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn text(&mut self) -> Reply<String> {
        let bad = || StatusReply::from(StatusCode::BadMessage);
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or_else(bad)?;
        let length = u32::from_be_bytes(*length) as usize;
        let text = rest.get(..length).ok_or_else(bad)?;
        self.0 = rest.get(length..).unwrap_or_default();
        String::from_utf8(text.to_vec()).map_err(|_| bad())
    }
}

fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = vec![entry(".", attributes(&fs::metadata(folder)?)), entry("..", folder_attributes())];
    for item in fs::read_dir(folder)? {
        let item = item?;
        // An entry that vanishes meanwhile is left out.
        if let Ok(metadata) = fs::symlink_metadata(item.path()) {
            entries.push(entry(&item.file_name().to_string_lossy(), attributes(&metadata)));
        }
    }
    Ok(entries)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(unix)]
fn write_at(file: &File, data: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, data, offset)
}

#[cfg(windows)]
fn write_at(file: &File, data: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, data, offset)
}
