//! `proxy --stdio`: standard input and output become a stream to a session, for ssh's `ProxyCommand`.
//!
//! Nothing but the far end's bytes goes to stdout.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(unix)]
use berth::terminal::EarlyStream;
use berth::terminal::{Pipes, SessionName};
use berth::{Berth, Error, Event, SSHD};
use clap::Args;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(unix)]
use super::ssh::proxy_words;
use crate::context::Context;
#[cfg(unix)]
use crate::early_relay::{EarlyRelay, Taken, Waiting, hand_over, take_connection};
use crate::failure::Failure;
use crate::stop::{INTERRUPT, Stop, stopped_by};

/// A shell is watched from then on.
const WATCH_AFTER: Duration = Duration::from_secs(5);

/// The time for last bytes once nobody wants an answer.
const LAST_BYTES: Duration = Duration::from_millis(200);

/// Relay standard input and output to a session, for ssh's ProxyCommand.
#[derive(Debug, Args)]
#[command(after_help = "\
Example of a part of ~/.ssh/config:
  Host my-session
    User work
    ProxyCommand berth proxy --stdio %n")]
pub(crate) struct Proxy {
    /// Use standard input and output
    #[arg(long, required = true)]
    stdio: bool,
    /// App of the session
    #[arg(long, default_value = SSHD)]
    app: String,
    /// The session's name, where its id is given: nothing is looked up then
    #[arg(long, hide = true)]
    name: Option<String>,
    /// The folder of a relay that waits: its connection is sent to ssh
    #[arg(long, hide = true, requires = "name")]
    through: Option<PathBuf>,
    /// The folder of the socket that is standard input: one connection is waited for there, and relayed
    #[arg(long, hide = true, requires = "name")]
    waiting: Option<PathBuf>,
    /// Who started that
    #[arg(long, hide = true, requires = "waiting")]
    parent: Option<u32>,
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
}

impl Proxy {
    /// Gives ssh a connection of the relay that waits, if one does.
    pub(crate) fn hand_over(&self) -> Result<Option<u8>, Failure> {
        #[cfg(unix)]
        if let Some(folder) = &self.through
            && let Ok(connection) = take_connection(folder)
        {
            return hand_over(&connection).map(|()| Some(0)).map_err(|e| not_handed_over(&e).into());
        }
        Ok(None)
    }

    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        #[cfg(unix)]
        if let (Some(_), Some(name)) = (&self.through, &self.name) {
            let session = SessionName { id: self.session, name: name.clone() };
            return hand_over_anew(context, &session).map_err(|e| not_handed_over(&e).into());
        }
        #[cfg(unix)]
        if let (Some(folder), Some(parent), Some(name)) = (self.waiting, self.parent, &self.name) {
            let session = SessionName { id: self.session, name: name.clone() };
            let waiting = Waiting::new(folder, parent).map_err(|e| not_handed_over(&e))?;
            return wait(context, &session, &self.app, waiting).await;
        }
        let (mut host, mut early) = (None, None);
        let session = match self.name {
            Some(name) => {
                context.reach().await?;
                SessionName { id: self.session, name }
            }
            // A host of the ssh_config: it names its cluster, too, and wants its key brought.
            None if Berth::is_ssh_host(&self.session) => {
                let ready = context.berth.ready_host(&self.session).await?;
                if let Some(problem) = &ready.key_problem {
                    context.output.warn(&format!("{} {}", problem.message, problem.hint));
                }
                (host, early) = (Some(ready.host), ready.early);
                ready.session
            }
            None => {
                let session = context.session(&self.session).await?;
                SessionName { id: session.id, name: session.name }
            }
        };
        let stop = Stop::new()?;
        let pipes = Pipes { input: input(), output: output(), unread: nobody_reads() };
        let relay = context.berth.relay(&session, &self.app, host.as_deref(), early, pipes);
        until_the_end(context, &session.id, relay, stop).await
    }
}

/// Relays until either side, the session or a signal ends it.
async fn until_the_end(
    context: &Context,
    session_id: &str,
    relay: impl Future<Output = Result<(), Error>>,
    mut stop: Stop,
) -> Result<u8, Failure> {
    let mut relay = std::pin::pin!(relay);
    let code = tokio::select! {
        done = &mut relay => return done.map(|()| 0).map_err(Failure::from),
        error = ended(context, session_id) => return Err(error.into()),
        signal = told_to_stop(&mut stop) => stopped_by(signal),
    };
    // What ssh said last is perhaps still on its way.
    let _ = tokio::time::timeout(LAST_BYTES, relay).await;
    Ok(code)
}

/// Is the relay that waits for ssh's connection while its stream opens.
#[cfg(unix)]
async fn wait(context: &Context, session: &SessionName, app: &str, waiting: Waiting) -> Result<u8, Failure> {
    let mut stop = Stop::new()?;
    let way = context.way()?;
    let mut opening = std::pin::pin!(context.berth.open_early(&way, session, app));
    let mut taken = std::pin::pin!(waiting.taken());
    let mut opened = None;
    let taken = loop {
        tokio::select! {
            taken = &mut taken => break taken.map_err(|e| not_handed_over(&e))?,
            stream = &mut opening, if opened.is_none() => opened = Some(stream),
            _ = told_to_stop(&mut stop) => break None,
        }
    };
    let Some(Taken { input, output, mut closed }) = taken else {
        EarlyStream::give_up(opened, opening).await;
        return Ok(0);
    };
    let early = match opened {
        Some(early) => early,
        None => tokio::select! {
            early = &mut opening => early,
            () = &mut closed => {
                EarlyStream::give_up(None, opening).await;
                return Ok(0);
            }
        },
    };
    if early.is_none() {
        // Who started this has renewed the login by now, if it was that.
        context.reach().await?;
    }
    let relay = context.berth.relay(session, app, None, early, Pipes { input, output, unread: closed });
    until_the_end(context, &session.id, relay, stop).await
}

/// Starts a relay for this one connection, as none waits any more.
#[cfg(unix)]
fn hand_over_anew(context: &Context, session: &SessionName) -> std::io::Result<u8> {
    let failed = |e: Error| std::io::Error::other(e.message);
    let way = context.way().map_err(failed)?;
    let words = proxy_words(context, &(&way).into(), session, None).map_err(failed)?;
    let relay = EarlyRelay::start(&words)?;
    let connection = take_connection(relay.folder())?;
    hand_over(&connection)?;
    relay.keep();
    Ok(0)
}

#[cfg(unix)]
fn not_handed_over(error: &std::io::Error) -> Error {
    Error::new("internal", format!("ssh could not be given its connection: {error}."), "Try again.")
        .with("detail", error)
}

/// Waits for the session to end, which a webserver does not tell a stream (protocol.md 4.4). Commands that are done
/// soon cost the cluster no further request.
async fn ended(context: &Context, id: &str) -> Error {
    tokio::time::sleep(WATCH_AFTER).await;
    let mut events = context.berth.events();
    context.berth.watch_sessions();
    loop {
        let Ok(Event::SessionsChanged { list }) = events.recv().await else { continue };
        let seen = list.sessions.iter().find(|session| session.id == id);
        if let (Some(session), None) = (seen, &list.stale)
            && session.is_over()
        {
            return Error::new(
                "session-ended",
                format!("The session “{}” has ended.", session.name),
                "Files outside mounted folders are gone with it. Start a new session to go on.",
            );
        }
    }
}

/// Waits for a signal that is meant for this program. Ctrl-C goes to everything at the terminal, and who started this
/// decides what it ends: ssh leaves, which is noticed; sftp breaks off a transfer and goes on.
async fn told_to_stop(stop: &mut Stop) -> i32 {
    loop {
        let signal = stop.asked().await;
        if !cfg!(unix) || signal != INTERRUPT || std::io::stdin().is_terminal() {
            return signal;
        }
    }
}

/// Standard input. ssh gives pipes, which need no threads.
fn input() -> Box<dyn AsyncRead + Unpin> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let own = std::io::stdin().as_fd().try_clone_to_owned().ok();
        if let Some(pipe) = own.and_then(|fd| tokio::net::unix::pipe::Receiver::from_owned_fd(fd).ok()) {
            return Box::new(pipe);
        }
    }
    Box::new(tokio::io::stdin())
}

/// Standard output, likewise.
fn output() -> Box<dyn AsyncWrite + Unpin> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let own = std::io::stdout().as_fd().try_clone_to_owned().ok();
        if let Some(pipe) = own.and_then(|fd| tokio::net::unix::pipe::Sender::from_owned_fd(fd).ok()) {
            return Box::new(pipe);
        }
    }
    Box::new(tokio::io::stdout())
}

/// Waits until standard output is a pipe without a reader.
async fn nobody_reads() {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let own = std::io::stdout().as_fd().try_clone_to_owned().ok();
        if let Some(pipe) = own.and_then(|fd| tokio::net::unix::pipe::Sender::from_owned_fd(fd).ok()) {
            let gone = pipe.ready(tokio::io::Interest::ERROR).await;
            if gone.is_ok_and(|ready| ready.is_error()) {
                return;
            }
        }
    }
    std::future::pending().await
}
