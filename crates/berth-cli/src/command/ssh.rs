//! `ssh`: the stock ssh, told how to get into a session.
//!
//! Without `-p` no port is opened: ssh gets a `ProxyCommand` that is this program again, and on Unix takes this
//! process's place, so that terminal, signals and exit status are its own. Where the session is probably known, a
//! relay opens its stream meanwhile ([`crate::early_relay`]). With `-p` a local port leads to the session for as long
//! as ssh runs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use berth::terminal::{LikelySession, ProxyProgram, SessionName, SshWay};
use berth::{Error, PortChoice, Session};
use clap::Args;

use crate::context::{Context, Target};
use crate::early_relay::EarlyRelay;
use crate::failure::Failure;
use crate::ssh_words::{SSH, Words};
use crate::stop::Stop;

/// Open a shell in a session, or run a command there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  berth ssh my-session
  berth ssh my-session nvidia-smi
  berth ssh my-session -L 8888:localhost:8888 -t tmux attach
  berth ssh my-session -p 9922        and meanwhile: ssh -p 9922 work@localhost")]
pub(crate) struct Ssh {
    /// Also open this local port while ssh runs; 0 for any
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Options of ssh, then a command to run instead of a shell
    #[arg(value_name = "SSH OPTIONS… COMMAND…", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Ssh {
    /// Whether a port is asked for; a wrong one shows later.
    pub(crate) fn has_port(&self) -> bool {
        self.port.is_some() || Words::sort(&self.words, SSH).is_ok_and(|words| words.port.is_some())
    }

    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let words = Words::sort(&self.words, SSH)?;
        let way = Way::find(context, &self.session, words.port.or(self.port), &words.options).await?;
        let mut arguments = words.options;
        arguments.extend(way.ssh.options.iter().cloned());
        if let Some(port) = way.ssh.port {
            arguments.extend(["-p".into(), port.to_string()]);
        }
        arguments.push(way.ssh.destination.clone());
        if !words.operands.is_empty() {
            // Else ssh would read a command's first hyphen as its own.
            arguments.push("--".into());
            arguments.extend(words.operands);
        }
        way.run(context, "ssh", &arguments).await
    }
}

/// A way for stock programs into a session.
pub(crate) struct Way {
    pub(crate) ssh: SshWay,
    /// The open port.
    connection: Option<String>,
    early: Option<EarlyRelay>,
    stop: Option<Stop>,
}

impl Way {
    /// Finds the session and makes everything ready. `options` are the user's own for ssh.
    pub(crate) async fn find(
        context: &Context,
        reference: &str,
        port: Option<u16>,
        options: &[String],
    ) -> Result<Self, Failure> {
        let early = if port.is_some() || is_shared(options) { None } else { early(context, reference) };
        let sure = early.as_ref().filter(|early| early.likely.is_sure);
        if let Some(ssh) = sure.and_then(|early| early.known_way(context)) {
            return Ok(Self { ssh, connection: None, early: early.map(|early| early.relay), stop: None });
        }
        let session = context.session(reference).await?;
        let early = early.filter(|early| early.likely.session.id == session.id).map(|early| early.relay);
        Self::ready(context, &session, port, early).await
    }

    /// Makes everything ready.
    pub(crate) async fn open(context: &Context, session: &Session) -> Result<Self, Failure> {
        Self::ready(context, session, None, None).await
    }

    async fn ready(
        context: &Context,
        session: &Session,
        port: Option<u16>,
        early: Option<EarlyRelay>,
    ) -> Result<Self, Failure> {
        let way = match port {
            None => {
                let account = context
                    .berth
                    .account()
                    .ok_or_else(|| Error::new("not-signed-in", "You are not signed in.", ""))?;
                let named = SessionName { id: session.id.clone(), name: session.name.clone() };
                let proxy = proxy(context, &account.into(), &named, early.as_ref())?;
                let ssh = context.berth.ssh_way(session, proxy).await?;
                Self { ssh, connection: None, early, stop: None }
            }
            Some(port) => {
                // From here on a signal must not leave the port's user behind.
                let stop = Stop::new()?;
                let choice = if port == 0 { PortChoice::Free } else { PortChoice::Exactly(port) };
                let (connection, ssh) = context.berth.ssh_port(&session.id, choice).await?;
                context.berth.watch_sessions();
                let shown = format!("running a temporary sshd proxy at localhost:{} ...", connection.port);
                context.output.info(&shown);
                Self { ssh, connection: Some(connection.id), early: None, stop: Some(stop) }
            }
        };
        if let Some(problem) = &way.ssh.key_problem {
            context.output.warn(&format!("{} {}", problem.message, problem.hint));
        }
        Ok(way)
    }

    /// Runs a program that uses it, and closes it.
    pub(crate) async fn run(
        self,
        context: &Context,
        program: &str,
        arguments: &[impl AsRef<OsStr>],
    ) -> Result<u8, Failure> {
        let mut command = Command::new(program);
        command.args(arguments);
        let Some(id) = self.connection else {
            context.leave().await;
            if let Some(relay) = self.early {
                relay.keep();
            }
            return replace(command, program).await;
        };
        let stop = match self.stop {
            Some(stop) => stop,
            None => Stop::new()?,
        };
        let outcome = beside(command, program, stop).await;
        context.berth.connections().stop(&id).await;
        outcome
    }
}

/// The words of a `ProxyCommand`.
pub(crate) fn proxy_words(
    context: &Context,
    target: &Target,
    session: &SessionName,
    through: Option<&Path>,
) -> Result<Vec<String>, Error> {
    let mut words = context.this_program(target)?;
    words.extend(["proxy", "--stdio"].map(str::to_owned));
    words.extend(through.map(|folder| format!("--through={}", folder.display())));
    words.extend([format!("--name={}", session.name), session.id.clone()]);
    Ok(words)
}

fn proxy(
    context: &Context,
    target: &Target,
    session: &SessionName,
    early: Option<&EarlyRelay>,
) -> Result<ProxyProgram, Error> {
    let words = proxy_words(context, target, session, early.map(EarlyRelay::folder))?;
    Ok(ProxyProgram { words, hands_over: early.is_some() })
}

/// A relay to the session that is probably meant.
struct Early {
    relay: EarlyRelay,
    likely: LikelySession,
    target: Target,
}

impl Early {
    /// The way where nobody needs to be asked.
    fn known_way(&self, context: &Context) -> Option<SshWay> {
        let proxy = proxy(context, &self.target, &self.likely.session, Some(&self.relay)).ok()?;
        context.berth.known_ssh_way(&self.likely.session, proxy)
    }
}

fn early(context: &Context, reference: &str) -> Option<Early> {
    let ways = context.ways().ok()?;
    // Of several endpoints it is open which one answers.
    let [way] = ways.as_slice() else { return None };
    let likely = context.berth.likely_session(way, reference)?;
    let target = way.into();
    let words = proxy_words(context, &target, &likely.session, None).ok()?;
    match EarlyRelay::start(&words) {
        Ok(relay) => Some(Early { relay, likely, target }),
        Err(e) => {
            tracing::debug!(error = %e, "no early relay");
            None
        }
    }
}

/// Whether ssh may do without a connection of its own: it shares one, or is asked about something else.
fn is_shared(options: &[String]) -> bool {
    let alone = |word: &String| {
        let letters = word.strip_prefix('-').unwrap_or_default();
        letters.starts_with(['G', 'M', 'O', 'Q', 'S', 'V']) || names_sharing(word)
    };
    let config = || {
        let file = std::env::home_dir().map(|home| home.join(".ssh").join("config"));
        file.and_then(|file| std::fs::read_to_string(file).ok()).is_some_and(|text| names_sharing(&text))
    };
    options.iter().any(alone) || config()
}

fn names_sharing(text: &str) -> bool {
    text.to_ascii_lowercase().contains("controlpath")
}

/// Becomes the program.
#[cfg(unix)]
async fn replace(mut command: Command, program: &str) -> Result<u8, Failure> {
    use std::os::unix::process::CommandExt as _;
    Err(missing(program, &command.exec()).into())
}

/// Waits for the program, which has the console for itself.
#[cfg(not(unix))]
async fn replace(command: Command, program: &str) -> Result<u8, Failure> {
    beside(command, program, Stop::new()?).await
}

/// Runs a program beside this one, which passes signals on to it.
pub(crate) async fn beside(command: Command, program: &str, mut stop: Stop) -> Result<u8, Failure> {
    let mut child = tokio::process::Command::from(command)
        .stdin(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| missing(program, &e))?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|e| missing(program, &e))?;
                return Ok(code_of(status));
            }
            signal = stop.asked() => pass_on(&child, signal),
        }
    }
}

#[cfg(unix)]
fn pass_on(child: &tokio::process::Child, signal: i32) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    let signal = rustix::process::Signal::from_named_raw(signal);
    if let (Some(pid), Some(signal)) = (pid, signal) {
        // It may have ended just now.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The console has told every program on it.
#[cfg(not(unix))]
fn pass_on(_: &tokio::process::Child, _: i32) {}

/// As shells count: that of the program, or 128 and the signal that ended it.
pub(crate) fn code_of(status: std::process::ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return u8::try_from(128 + signal).unwrap_or(255);
        }
    }
    status.code().map_or(255, |code| u8::try_from(code & 0xff).unwrap_or(255))
}

/// A program that does not start.
pub(crate) fn missing(program: &str, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::new(
            "program-missing",
            format!("The program {program} was not found."),
            format!("Install it (OpenSSH's client for ssh, scp and sftp), and see that {program} runs by its name."),
        )
        .with("program", program);
    }
    Error::new("program-failed", format!("{program} cannot be run: {error}."), "Check its installation.")
        .with("program", program)
        .with("detail", error)
}
