//! Files of a running session over HTTP: list, download, upload (protocol.md 5.1, 5.2).

use std::path::{Component, Path as FilePath, PathBuf};

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Multipart, Path, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::session::running;
use super::{Query, Shared, only_keys, parse_object};
use crate::cluster::{Caller, Cluster, Lookup};
use crate::container::{Container, ID_CONTAINER};
use crate::dialect::DownloadRule;
use crate::problem::Problem;

/// Largest download: a tar of 1 MiB (protocol.md 5.1).
const LIMIT: usize = 1024 * 1024;

/// `GET /session/{session}/files?path=`.
pub(super) async fn list(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    query: Query,
    body: Bytes,
) -> Result<Response, Problem> {
    let session = running(cluster.find(caller, &reference, Lookup::Rest)?)?;
    let container = session.container.ok_or_else(|| Problem::not_found("session"))?;
    let in_body = if body.is_empty() { None } else { parse_object(&body)?.remove("path") };
    let path = in_body.as_ref().and_then(Value::as_str).or(query.get("path")).unwrap_or(".").to_owned();
    ensure_keys(&container).await?;
    let folder = inside(&container, &path)?;
    let mut files = Vec::new();
    let mut entries = match tokio::fs::read_dir(&folder).await {
        Ok(entries) => entries,
        // A failure of the listing program lands in `files` as text (appendix A).
        Err(error) => {
            return Ok(axum::Json(
                json!({"files": format!("{path}: {error}"), "errors": "", "abspath": path}),
            )
            .into_response());
        }
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let Ok(metadata) = entry.metadata().await else { continue };
        let seconds = |time: std::io::Result<std::time::SystemTime>| {
            time.ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(0, |d| d.as_secs())
        };
        files.push(json!({
            "mode": if metadata.is_dir() { "drwxr-xr-x" } else { "-rw-r--r--" },
            "size": metadata.len(),
            "ctime": seconds(metadata.modified()),
            "mtime": seconds(metadata.modified()),
            "atime": seconds(metadata.accessed()),
            "filename": entry.file_name().to_string_lossy(),
        }));
    }
    Ok(axum::Json(json!({
        "files": Value::Array(files).to_string(), "errors": "", "abspath": path,
    }))
    .into_response())
}

/// `/session/{session}/download`: each file as a tar, all in one `multipart/mixed`.
pub(super) async fn download(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    method: Method,
    query: Query,
    body: Bytes,
) -> Result<Response, Problem> {
    let files = parameter(&cluster, &method, &query, &body, "files")?;
    let session = running(cluster.find(caller, &reference, Lookup::Rest)?)?;
    let container = session.container.ok_or_else(|| Problem::not_found("session"))?;
    if files.len() > 5 {
        return Err(Problem::invalid_params("Too many files (maximum 5 files allowed)"));
    }
    ensure_keys(&container).await?;
    let boundary = crate::account::random_hex();
    let mut answer = Vec::new();
    for file in &files {
        let archive = pack(&container, file)?;
        let head = format!(
            "--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Encoding: identity\r\n\
             Content-Length: {}\r\n\r\n",
            archive.len()
        );
        answer.extend_from_slice(head.as_bytes());
        answer.extend_from_slice(&archive);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(([(header::CONTENT_TYPE, format!("multipart/mixed; boundary={boundary}"))], answer).into_response())
}

/// `/session/{session}/download_single`: one file's raw bytes.
pub(super) async fn download_single(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    method: Method,
    query: Query,
    body: Bytes,
) -> Result<Response, Problem> {
    let files = parameter(&cluster, &method, &query, &body, "file")?;
    let session = running(cluster.find(caller, &reference, Lookup::Rest)?)?;
    let container = session.container.ok_or_else(|| Problem::not_found("session"))?;
    ensure_keys(&container).await?;
    let file = files.first().ok_or_else(|| Problem::schema("file", "is required"))?;
    let path = inside(&container, file)?;
    let missing =
        || Problem::agent(&format!("FileNotFoundError('Could not found the file: {}')", shown(file)));
    let content = tokio::fs::read(&path).await.map_err(|_| missing())?;
    if content.len() > LIMIT - 10_240 {
        return Err(Problem::agent("ValueError('too large file')"));
    }
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], content).into_response())
}

/// The parameter from the place where this server line looks for it (protocol.md 5.1).
fn parameter(
    cluster: &Cluster,
    method: &Method,
    query: &Query,
    body: &[u8],
    key: &str,
) -> Result<Vec<String>, Problem> {
    let deprecated = || {
        Problem::new(StatusCode::BAD_REQUEST, "deprecated", "This API is deprecated.")
            .msg("Use the POST method.")
    };
    let (wanted, body_counts) = match cluster.dialect().download_rule() {
        DownloadRule::Get => (Method::GET, true),
        DownloadRule::PostEither if method == Method::GET => return Err(deprecated()),
        DownloadRule::PostEither => (Method::POST, true),
        DownloadRule::PostQuery => (Method::POST, false),
    };
    if *method != wanted {
        return Err(Problem::method_not_allowed());
    }
    if body.is_empty() {
        query.only(cluster, &[key])?;
        let values: Vec<String> = query.all(key).map(str::to_owned).collect();
        return if values.is_empty() { Err(Problem::schema(key, "is required")) } else { Ok(values) };
    }
    let object = parse_object(body)?;
    if !body_counts {
        return Err(Problem::invalid_params("Parameters belong into the query."));
    }
    only_keys(cluster, object.keys().map(String::as_str), &[key])?;
    let values = match object.get(key) {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(many)) if !many.is_empty() => {
            many.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    values.ok_or_else(|| Problem::schema(key, "is required"))
}

/// `POST /session/{session}/upload`: parts named `src`, their file names relative to the home.
pub(super) async fn upload(
    State(cluster): Shared,
    caller: Caller,
    Path(reference): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let session = running(cluster.find(caller, &reference, Lookup::Rest)?)?;
    let container = session.container.ok_or_else(|| Problem::not_found("session"))?;
    ensure_keys(&container).await?;
    let bad = |error: &dyn std::fmt::Display| Problem::invalid_params(error.to_string());
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| bad(&error))?;
    let mut count = 0;
    while let Some(part) = parts.next_field().await.map_err(|error| bad(&error))? {
        count += 1;
        if count > 20 {
            return Err(Problem::invalid_params("Too many files"));
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(|error| bad(&error))?;
        if name.is_empty() {
            return Err(Problem::invalid_params("A part has no file name."));
        }
        if content.len() >= LIMIT {
            return Err(Problem::invalid_params("Too large file"));
        }
        let target = inside(&container, &name)?;
        let write = async {
            if let Some(parent) = target.parent() {
                tokio::fs::create_dir_all(parent).await?;
            }
            tokio::fs::write(&target, &content).await
        };
        write.await.map_err(|error| Problem::agent(&format!("OSError('{error}')")))?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The keys exist before any file of the home is looked at.
pub(super) async fn ensure_keys(container: &std::sync::Arc<Container>) -> Result<(), Problem> {
    let container = container.clone();
    tokio::task::spawn_blocking(move || container.ensure_keys())
        .await
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| Problem::internal(error.to_string()))
}

/// An uncompressed tar of a path: its entry is the base name, owner `work` (appendix A).
fn pack(container: &Container, file: &str) -> Result<Vec<u8>, Problem> {
    let path = inside(container, file)?;
    let missing =
        || Problem::agent(&format!("FileNotFoundError('Could not found the file: {}')", shown(file)));
    let name = path.file_name().map(PathBuf::from).ok_or_else(missing)?;
    let mut archive = tar::Builder::new(Vec::new());
    archive.follow_symlinks(false);
    let add = if path.is_dir() {
        archive.append_dir_all(&name, &path)
    } else {
        add_file(&mut archive, &name, &path)
    };
    add.map_err(|_| missing())?;
    let mut bytes = archive.into_inner().map_err(|error| Problem::internal(error.to_string()))?;
    // As Python's tarfile pads, short of its 10 KiB records: 3584 bytes for the key were seen.
    let padded = bytes.len().next_multiple_of(512);
    bytes.resize(padded, 0);
    if bytes.len() > LIMIT {
        return Err(Problem::agent("ValueError('too large file')"));
    }
    Ok(bytes)
}

fn add_file(archive: &mut tar::Builder<Vec<u8>>, name: &FilePath, path: &FilePath) -> std::io::Result<()> {
    let content = std::fs::read(path)?;
    let mut head = tar::Header::new_ustar();
    head.set_size(content.len() as u64);
    head.set_mode(if name == FilePath::new(ID_CONTAINER) { 0o600 } else { 0o644 });
    head.set_uid(1000);
    head.set_gid(1000);
    head.set_username("work")?;
    let modified = std::fs::metadata(path)?.modified()?;
    head.set_mtime(modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    archive.append_data(&mut head, name, content.as_slice())
}

/// A client's path as a file under the home; nothing outside it, not even by a link.
fn inside(container: &Container, path: &str) -> Result<PathBuf, Problem> {
    let refuse = || Problem::agent("PermissionError('You cannot download files outside /home/work')");
    let relative = match path.strip_prefix("/home/work") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    };
    let mut target = container.home.clone();
    for component in FilePath::new(relative).components() {
        match component {
            Component::Normal(part) => target.push(part),
            Component::CurDir => {}
            Component::ParentDir if target != container.home => {
                target.pop();
            }
            _ => return Err(refuse()),
        }
    }
    // What does not exist yet is judged by its nearest existing ancestor.
    let existing = target.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    let home = container.home.canonicalize().map_err(|_| refuse())?;
    match existing {
        Some(real) if real.starts_with(&home) => Ok(target),
        _ => Err(refuse()),
    }
}

/// The path as the server names it in messages.
fn shown(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/home/work/{path}") }
}
