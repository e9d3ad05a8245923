//! `scp`: the stock scp, told how to get into a session.

use berth::terminal::{SFTP_BUFFER, SFTP_REQUESTS};
use clap::Args;

use super::ssh::Way;
use crate::context::Context;
use crate::failure::Failure;
use crate::ssh_words::{SCP, Words};

/// Copy files to or from a session.
#[derive(Debug, Args)]
#[command(after_help = "\
The session's side is written work@localhost:PATH, as with the Python client, or :PATH, or SESSION:PATH.

Examples:
  berth scp my-session model.pt :checkpoints/
  berth scp my-session -r work@localhost:results/ .")]
pub(crate) struct Scp {
    /// Through this local port, which is open meanwhile; 0 for any
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,
    /// Copy folders with what is inside
    #[arg(short, long)]
    recursive: bool,
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Sources, then the target; options of scp
    #[arg(value_name = "SRC… DST", trailing_var_arg = true, allow_hyphen_values = true, required = true,
          value_hint = clap::ValueHint::AnyPath)]
    words: Vec<String>,
}

impl Scp {
    /// Whether a port is asked for; a wrong one shows later.
    pub(crate) fn has_port(&self) -> bool {
        self.port.is_some() || Words::sort(&self.words, SCP).is_ok_and(|words| words.port.is_some())
    }

    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let words = Words::sort(&self.words, SCP)?;
        if words.operands.len() < 2 {
            return Err(Failure::Usage("scp wants a source and a target.".into()));
        }
        if !words.operands.iter().any(|operand| remote(operand, &self.session).is_some()) {
            return Err(Failure::Usage(
                "Neither side is the session's: write that one as work@localhost:PATH or :PATH.".into(),
            ));
        }
        let way = Way::find(context, &self.session, words.port.or(self.port), &words.options).await?;
        let mut arguments = words.options;
        if self.recursive {
            arguments.push("-r".into());
        }
        let quoting = Quoting::of_scp(&mut arguments);
        arguments.extend(way.ssh.options.iter().cloned());
        if let Some(port) = way.ssh.port {
            arguments.extend(["-P".into(), port.to_string()]);
        }
        let folder = arguments.iter().any(|word| is_recursive(word)) && words.operands.len() == 2;
        arguments.push("--".into());
        for (at, operand) in words.operands.iter().enumerate() {
            arguments.push(match remote(operand, &self.session) {
                Some(path) => {
                    let path = if at == 1 && folder { new_folder(path, &words.operands[0]) } else { path };
                    format!("{}:{}", way.ssh.destination, quoting.apply(path))
                }
                None => local(operand),
            });
        }
        way.run(context, "scp", &arguments).await
    }
}

/// The path of an operand that means the session.
pub(crate) fn remote<'a>(operand: &'a str, session: &str) -> Option<&'a str> {
    let (host, path) = operand.split_once(':')?;
    // A slash before the colon makes it a file here, as with scp itself.
    if host.contains('/') {
        return None;
    }
    let host = host.strip_prefix("work@").unwrap_or(host);
    let ours = matches!(host, "" | "localhost" | "127.0.0.1") || host == session;
    ours.then_some(path)
}

fn is_recursive(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|flags| flags.contains('r') && flags.chars().all(|c| "346ABCOprTqsvR".contains(c)))
}

/// The target of a folder. `-r tmp/ work@localhost:tmp2/`, as the manual has it, makes the folder with the scp of
/// old; over SFTP that stops at the slash of a folder that is not there yet.
fn new_folder<'a>(target: &'a str, source: &str) -> &'a str {
    let trimmed = target.trim_end_matches('/');
    if trimmed.is_empty() || !std::path::Path::new(source).is_dir() { target } else { trimmed }
}

/// A file here, which scp must not take for a host's.
fn local(operand: &str) -> String {
    let colon_first = operand.split('/').next().is_some_and(|first| first.contains(':'));
    // On Windows `C:\x` is a file to scp, too.
    if colon_first && !cfg!(windows) { format!("./{operand}") } else { operand.to_owned() }
}

/// Who reads a remote path: scp's own protocol gives it to a shell, SFTP takes it as it is.
enum Quoting {
    Shell,
    None,
}

impl Quoting {
    /// By what `ssh -V` says; between 8.7 and 9.0, SFTP is there and must be asked for. From 9.2 on its requests can
    /// be limited to what sessions' sshds can answer.
    fn of_scp(arguments: &mut Vec<String>) -> Self {
        if arguments.iter().any(|word| word.starts_with("-O")) {
            return Self::Shell;
        }
        let said = std::process::Command::new("ssh").arg("-V").stdin(std::process::Stdio::null()).output();
        let said = said.map(|out| String::from_utf8_lossy(&out.stderr).into_owned()).unwrap_or_default();
        match version(&said) {
            Some(version) if version < (8, 7) => Self::Shell,
            Some(version) if version < (9, 0) => {
                arguments.push("-s".into());
                Self::None
            }
            Some(version) if version >= (9, 2) && !arguments.iter().any(|word| word.starts_with("-X")) => {
                arguments.extend(["-X".into(), format!("buffer={SFTP_BUFFER}")]);
                arguments.extend(["-X".into(), format!("nrequests={SFTP_REQUESTS}")]);
                Self::None
            }
            _ => Self::None,
        }
    }

    fn apply(&self, path: &str) -> String {
        // What shells give no meaning to is left alone, and wildcards and ~ are meant.
        let plain = |c: char| c.is_alphanumeric() || "/._-+@%,=~*?[]{}".contains(c);
        match self {
            Self::Shell if !path.chars().all(plain) => format!("'{}'", path.replace('\'', r"'\''")),
            _ => path.to_owned(),
        }
    }
}

/// From `OpenSSH_9.2p1 Debian-2`, or `OpenSSH_for_Windows_8.1p1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let behind = text.split("OpenSSH_").nth(1)?;
    let digits = behind.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sessions_side_is_known_by_its_host() {
        for operand in [":a b", "work@localhost:a b", "localhost:a b", "train:a b", "work@train:a b"] {
            assert_eq!(remote(operand, "train"), Some("a b"), "{operand}");
        }
        assert_eq!(remote("work@localhost:", "train"), Some(""));
        for operand in ["a", "./a:b", "/x/train:b", "other:b", "C:\\x"] {
            assert_eq!(remote(operand, "train"), None, "{operand}");
        }
        if cfg!(unix) {
            assert_eq!(local("a:b"), "./a:b");
        }
    }

    #[test]
    fn only_a_folder_loses_its_targets_slash() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        assert_eq!(new_folder("tmp2/", folder), "tmp2");
        assert_eq!(new_folder("/", folder), "/");
        assert_eq!(new_folder("tmp2/", "no such folder"), "tmp2/");
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(version("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0"), Some((9, 2)));
        assert_eq!(version("OpenSSH_for_Windows_8.1p1, LibreSSL"), Some((8, 1)));
        assert_eq!(version("dropbear"), None);
    }

    #[test]
    fn only_an_old_scp_needs_quotes() {
        assert_eq!(
            Quoting::Shell.apply("it's a\nb"),
            r"'it'\''s a
b'"
        );
        assert_eq!(Quoting::Shell.apply("~/x/*.pt"), "~/x/*.pt");
        assert_eq!(Quoting::None.apply("a b"), "a b");
    }
}
