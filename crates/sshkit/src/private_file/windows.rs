//! Owner-only files by access lists, set and read with Windows' own `icacls`.
//!
//! Called by its full path in System32 and without a shell, so that neither a program of that name in
//! the current folder nor odd characters in a path matter. Accounts are given by security identifier:
//! account names are translated on localised systems.

use std::fs::Metadata;
use std::io;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::sddl;

/// `CREATE_NO_WINDOW`: no console window flashes up when a desktop app calls a console program.
const NO_WINDOW: u32 = 0x0800_0000;

pub(super) fn create_dir_all(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Ownership is settled by [`make_dir_private`]: only an owner may set an access list.
pub(super) fn is_own(_found: &Metadata) -> bool {
    true
}

pub(super) fn make_dir_private(path: &Path, _found: &Metadata) -> io::Result<()> {
    // Checked first: setting the list anew would open the folder to the heirs of its parent for an instant.
    if is_private(path)? {
        return Ok(());
    }
    // What is created inside later inherits the owner's entry and nothing else.
    restrict(path, "(OI)(CI)F")
}

/// A new empty file, its access list set before anything is written to it.
pub(super) fn private_temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let file = tempfile::Builder::new().prefix(".berth-").tempfile_in(folder)?;
    restrict(file.path(), "F")?;
    Ok(file)
}

/// NTFS orders renames by itself, and a folder cannot be flushed.
pub(super) fn sync_dir(_folder: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn is_private(path: &Path) -> io::Result<bool> {
    let scratch = tempfile::tempdir()?;
    let saved = scratch.path().join("acl");
    // The only output of icacls that is the same in every language.
    run(system_program("icacls.exe").arg(path).arg("/save").arg(&saved).arg("/q"))?;
    let text = sddl::decode_utf16(&std::fs::read(&saved)?);
    Ok(sddl::only_owner(&text, &own_sid()?))
}

pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let rights = if std::fs::metadata(path)?.is_dir() { "(OI)(CI)F" } else { "F" };
    restrict(path, rights)
}

/// Replaces the access list by one entry for this user, inheriting nothing.
fn restrict(path: &Path, rights: &str) -> io::Result<()> {
    let entry = format!("*{}:{rights}", own_sid()?);
    // First back to what is inherited, which drops every entry set before, then cut off that too.
    run(system_program("icacls.exe").arg(path).args(["/reset", "/q"]))?;
    run(system_program("icacls.exe").arg(path).args(["/inheritance:r", "/grant:r"]).arg(entry).arg("/q"))
        .map(drop)
}

/// This user's security identifier, `S-1-5-21-…`.
fn own_sid() -> io::Result<String> {
    let output = run(system_program("whoami.exe").args(["/user", "/fo", "csv", "/nh"]))?;
    sddl::sid_of_whoami(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| io::Error::other("whoami.exe names no security identifier"))
}

fn system_program(name: &str) -> Command {
    let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
    let mut command = Command::new(root.join("System32").join(name));
    command.creation_flags(NO_WINDOW);
    command
}

fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // 5 is ERROR_ACCESS_DENIED; icacls ends with the last Windows error.
    let kind =
        if output.status.code() == Some(5) { io::ErrorKind::PermissionDenied } else { io::ErrorKind::Other };
    Err(io::Error::new(kind, format!("{} failed: {said}", command.get_program().to_string_lossy())))
}
