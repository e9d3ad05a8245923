//! Starting programs inside a session: their command line, environment, pipes or terminal.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::container::Container;

/// Variables of this computer that programs in a session keep. Everything else is dropped: the
/// app's own environment may hold secrets.
const KEPT: [&str; 12] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SystemRoot",
    "windir",
    "ComSpec",
    "PATHEXT",
    "TEMP",
    "TMP",
];

/// What a client wants to run.
#[derive(Debug, Clone)]
pub(super) enum Program {
    /// An interactive shell.
    Shell,
    /// A command line.
    Exec(Vec<u8>),
}

/// A terminal's size in characters.
#[cfg_attr(not(unix), allow(dead_code))] // Windows has no terminals here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: u16,
    pub(super) columns: u16,
}

/// The terminal a client asked for.
#[cfg_attr(not(unix), allow(dead_code))] // Windows has no terminals here.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    pub(super) term: String,
    pub(super) size: Size,
}

/// Starts a program with pipes.
pub(super) fn spawn_piped(
    container: &Container,
    program: &Program,
    variables: &[(String, String)],
) -> io::Result<Child> {
    let mut command = command(container, program)?;
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// Starts a program on a terminal of its own.
#[cfg(unix)]
pub(super) fn spawn_on_terminal(
    container: &Container,
    program: &Program,
    variables: &[(String, String)],
    terminal: &Terminal,
) -> io::Result<(Child, pty_process::Pty)> {
    let (pty, pts) = pty_process::open().map_err(io::Error::other)?;
    pty.resize(pty_size(terminal.size)).map_err(io::Error::other)?;
    let mut command = command(container, program)?;
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.env("TERM", &terminal.term);
    command.kill_on_drop(true);
    let child = pty_process::Command::from(command).spawn(pts).map_err(io::Error::other)?;
    Ok((child, pty))
}

/// A size as the terminal library wants it.
#[cfg(unix)]
pub(super) fn pty_size(size: Size) -> pty_process::Size {
    pty_process::Size::new(size.rows, size.columns)
}

/// Shell text, with its output in a file, as a command that has yet to be spawned.
pub(super) fn logged_command(
    container: &Container,
    script: &str,
    log: &Path,
) -> io::Result<std::process::Command> {
    let log = std::fs::File::create(log)?;
    let mut command = command(container, &Program::Exec(script.as_bytes().to_vec()))?.into_std();
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    Ok(command)
}

#[cfg(unix)]
fn command(container: &Container, program: &Program) -> io::Result<Command> {
    use std::os::unix::ffi::OsStringExt as _;
    let shell = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let shell = shell.unwrap_or("/bin/sh");
    let mut command = Command::new(shell);
    if let Program::Exec(line) = program {
        command.arg("-c").arg(std::ffi::OsString::from_vec(localize(line, &container.home)));
    }
    surround(&mut command, container);
    command.env("SHELL", shell);
    // For a plain sh; bash takes its prompt from .bashrc.
    command.env("PS1", format!("work@main1[{}]:~$ ", container.session_name));
    Ok(command)
}

#[cfg(windows)]
fn command(container: &Container, program: &Program) -> io::Result<Command> {
    let shell = std::env::var_os("ComSpec").unwrap_or_else(|| "cmd.exe".into());
    let mut command = Command::new(shell);
    if let Program::Exec(line) = program {
        let line = String::from_utf8(line.clone()).map_err(io::Error::other)?;
        command.arg("/D").arg("/S").arg("/C").raw_arg(format!("\"{line}\""));
    }
    surround(&mut command, container);
    command.env("USERPROFILE", &container.home);
    Ok(command)
}

/// Working directory and environment.
fn surround(command: &mut Command, container: &Container) {
    command.current_dir(&container.home).env_clear();
    command.envs(KEPT.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value))));
    command.env("HOME", &container.home);
    command.env("USER", "work").env("LOGNAME", "work").env("HOSTNAME", "main1");
    command.env("BACKENDAI_SESSION_ID", container.session_id.to_string());
    command.env("BACKENDAI_SESSION_NAME", &container.session_name);
    command.env("BACKENDAI_CLUSTER_ROLE", "main").env("BACKENDAI_CLUSTER_IDX", "1");
    command.envs(container.processes.marks());
}

/// Lets `/home/work` in a command line mean the session's home, for `scp -O`, rsync and the like.
/// A home that would need quoting is not put in.
#[cfg(unix)]
fn localize(line: &[u8], home: &Path) -> Vec<u8> {
    const POSED: &[u8] = b"/home/work";
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let home = home.as_os_str().as_encoded_bytes();
    if !home.iter().all(plain) {
        return line.to_vec();
    }
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.first() {
        let starts_word = out.last().is_none_or(|last| !plain(last));
        let tail = rest
            .strip_prefix(POSED)
            .filter(|tail| starts_word && tail.first().is_none_or(|next| *next == b'/' || !plain(next)));
        match tail {
            Some(tail) => {
                out.extend_from_slice(home);
                rest = tail;
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_posed_home_is_translated_where_it_is_a_path() {
        let home = Path::new("/tmp/x-1/home");
        let through = |line: &str| String::from_utf8(localize(line.as_bytes(), home)).unwrap();
        assert_eq!(through("scp -t /home/work/a"), "scp -t /tmp/x-1/home/a");
        assert_eq!(through("cd '/home/work' && ls"), "cd '/tmp/x-1/home' && ls");
        assert_eq!(through("ls /home/worker /data/home/work"), "ls /home/worker /data/home/work");
        assert_eq!(
            String::from_utf8(localize(b"ls /home/work", Path::new("/a b"))).unwrap(),
            "ls /home/work"
        );
    }
}
