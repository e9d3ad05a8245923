//! The log: a file per day, a week of them, readable by the user only. Secrets never reach it.

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::paths::Paths;
use crate::{Error, error};

/// Starts logging to files; the guard writes out what is left when it is dropped.
/// `BERTH_LOG` sets the filter (default `info`), in the syntax of tracing's `EnvFilter`.
///
/// # Errors
/// When the folder cannot be used.
pub fn start(paths: &Paths) -> Result<WorkerGuard, Error> {
    let folder = paths.logs();
    sshkit::private_file::create_private_dir(&folder).map_err(|e| error::file(&e, &folder))?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("berth")
        .filename_suffix("log")
        .max_log_files(7)
        .build(&folder)
        .map_err(|e| error::internal(&e.to_string()))?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let filter = EnvFilter::try_from_env("BERTH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer).try_init();
    Ok(guard)
}
