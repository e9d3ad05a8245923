//! `ssh`: the stock ssh, told how to get into a session.
//!
//! Without `-p` nothing listens: ssh gets a `ProxyCommand` that is this program again, and on Unix takes this
//! process's place, so that terminal, signals and exit status are its own. With `-p` a local port leads to the
//! session for as long as ssh runs.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use berth::terminal::SshWay;
use berth::{Error, PortChoice, Session};
use clap::Args;

use crate::context::Context;
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
        let session = context.session(&self.session).await?;
        let way = Way::open(context, &session, words.port.or(self.port)).await?;
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
    stop: Option<Stop>,
}

impl Way {
    /// Makes everything ready.
    pub(crate) async fn open(
        context: &Context,
        session: &Session,
        port: Option<u16>,
    ) -> Result<Self, Failure> {
        let way = match port {
            None => {
                let account = context
                    .berth
                    .account()
                    .ok_or_else(|| Error::new("not-signed-in", "You are not signed in.", ""))?;
                let mut proxy = context.this_program(&account)?;
                proxy.extend(["proxy", "--stdio"].map(str::to_owned));
                proxy.extend([format!("--name={}", session.name), session.id.clone()]);
                let ssh = context.berth.ssh_way(session, proxy).await?;
                Self { ssh, connection: None, stop: None }
            }
            Some(port) => {
                // From here on a signal must not leave the port's user behind.
                let stop = Stop::new()?;
                let choice = if port == 0 { PortChoice::Free } else { PortChoice::Exactly(port) };
                let (connection, ssh) = context.berth.ssh_port(&session.id, choice).await?;
                context.berth.watch_sessions();
                let shown = format!("running a temporary sshd proxy at localhost:{} ...", connection.port);
                context.output.info(&shown);
                Self { ssh, connection: Some(connection.id), stop: Some(stop) }
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
