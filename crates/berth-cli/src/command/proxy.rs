//! `proxy --stdio`: standard input and output become a stream to a session, for ssh's `ProxyCommand`.
//!
//! Nothing but the far end's bytes goes to stdout.

use berth::SSHD;
use berth::terminal::SessionName;
use clap::Args;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::context::Context;
use crate::failure::Failure;
use crate::stop::Stop;

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
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
}

impl Proxy {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = match self.name {
            Some(name) => {
                context.reach().await?;
                SessionName { id: self.session, name }
            }
            None => {
                let session = context.session(&self.session).await?;
                SessionName { id: session.id, name: session.name }
            }
        };
        let mut stop = Stop::new()?;
        let (input, output) = (input(), output());
        tokio::select! {
            done = context.berth.relay(&session, &self.app, input, output) => done?,
            signal = stop.asked() => return Ok(u8::try_from(128 + signal).unwrap_or(crate::failure::INTERRUPTED)),
        }
        Ok(0)
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
