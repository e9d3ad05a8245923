//! One session channel: a shell, a command or SFTP.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;

use bytes::BytesMut;
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handler::is_client_variable;
use super::inbox::{Inbox, Outbox, inbox};
use super::process::{Program, Size, Terminal, spawn_piped};
use super::processes::GroupEntry;
use super::sftp;
use crate::container::Container;

/// Bytes read from a program at once.
const CHUNK: usize = 64 * 1024;

/// A channel's surroundings.
pub(super) struct SessionChannel {
    container: Arc<Container>,
    #[cfg_attr(not(unix), allow(dead_code))] // Tells signals, which Windows has none of.
    handle: Handle,
    /// Cancelled when the connection ends, and when the client closes the channel.
    cancel: CancellationToken,
}

/// What a client asks for besides sending data.
#[cfg_attr(not(unix), allow(dead_code))] // Windows has no terminals to resize.
enum Ask {
    Variable(String, String),
    Terminal(Terminal),
    Resize(Size),
    Signal(Sig),
    Run(Program),
    Sftp,
}

impl SessionChannel {
    pub(super) fn new(
        container: Arc<Container>,
        handle: Handle,
        cancel: CancellationToken,
    ) -> SessionChannel {
        SessionChannel { container, handle, cancel }
    }

    /// Works on the channel until it is closed.
    pub(super) async fn run(self, channel: Channel<Msg>) {
        let (from_client, to_client) = channel.split();
        let (inbox, outbox) = inbox();
        let (asks, mut asked) = mpsc::unbounded_channel();
        let receive = receive(from_client, inbox, asks);
        let cancel = self.cancel.clone();
        let work = async {
            let mut variables = Vec::new();
            let mut terminal = None;
            while let Some(ask) = asked.recv().await {
                match ask {
                    Ask::Variable(name, value) => variables.push((name, value)),
                    Ask::Terminal(wanted) => terminal = Some(wanted),
                    Ask::Resize(_) | Ask::Signal(_) => {}
                    Ask::Sftp => return self.run_sftp(outbox, &to_client).await,
                    Ask::Run(program) => {
                        return self
                            .run_program(program, variables, terminal, outbox, &to_client, &mut asked)
                            .await;
                    }
                }
            }
        };
        tokio::pin!(work);
        // When the client closes the channel, the program is told and the work ends by itself.
        tokio::select! {
            () = receive => {
                cancel.cancel();
                work.await;
            }
            () = &mut work => {}
        }
        // The connection may be gone already.
        let _ = to_client.close().await;
    }

    async fn run_sftp(&self, outbox: Outbox, to_client: &ChannelWriteHalf<Msg>) {
        tokio::select! {
            () = sftp::serve(&self.container, outbox, to_client.make_writer()) => {}
            () = self.cancel.cancelled() => {}
        }
        // Without an exit status, scp reports a failure.
        let _ = to_client.exit_status(0).await;
        let _ = to_client.eof().await;
    }

    async fn run_program(
        &self,
        program: Program,
        variables: Vec<(String, String)>,
        terminal: Option<Terminal>,
        outbox: Outbox,
        to_client: &ChannelWriteHalf<Msg>,
        asked: &mut mpsc::UnboundedReceiver<Ask>,
    ) {
        let outcome = match terminal {
            #[cfg(unix)]
            Some(terminal) => {
                self.run_on_terminal(&program, &variables, &terminal, outbox, to_client, asked).await
            }
            _ => self.run_piped(&program, &variables, outbox, to_client, asked).await,
        };
        match outcome {
            Ok(Some(status)) => self.report(status, to_client).await,
            Ok(None) => {}
            Err(error) => {
                let text = format!("demo cluster: {error}\r\n");
                let _ = to_client.extended_data_bytes(1, text.into_bytes()).await;
                let _ = to_client.exit_status(127).await;
            }
        }
        let _ = to_client.eof().await;
    }

    /// A program with pipes: separate stderr, half-close in both directions.
    async fn run_piped(
        &self,
        program: &Program,
        variables: &[(String, String)],
        outbox: Outbox,
        to_client: &ChannelWriteHalf<Msg>,
        asked: &mut mpsc::UnboundedReceiver<Ask>,
    ) -> io::Result<Option<ExitStatus>> {
        let mut child = spawn_piped(&self.container, program, variables)?;
        let entry = child.id().map(|id| self.container.processes.register(id));
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feeding = async {
            if let Some(stdin) = stdin {
                feed(outbox, stdin).await;
            }
            std::future::pending::<()>().await;
        };
        let running = async {
            let output = async {
                if let Some(stdout) = stdout {
                    send(stdout, to_client, None).await;
                }
            };
            let errors = async {
                if let Some(stderr) = stderr {
                    send(stderr, to_client, Some(1)).await;
                }
            };
            // Like OpenSSH, the end is the end of the program and of its output: background
            // programs that hold the output keep the channel open.
            let (status, (), ()) = tokio::join!(child.wait(), output, errors);
            status
        };
        let signals = self.forward_signals(entry.as_ref(), asked);
        let status = tokio::select! {
            status = running => Some(status?),
            () = feeding => None,
            () = signals => None,
            () = self.cancel.cancelled() => None,
        };
        if status.is_none() {
            end(&mut child, entry.as_ref()).await;
        }
        Ok(status)
    }

    async fn forward_signals(&self, entry: Option<&GroupEntry>, asked: &mut mpsc::UnboundedReceiver<Ask>) {
        while let Some(ask) = asked.recv().await {
            if let Ask::Signal(signal) = ask {
                forward_signal(entry, &signal);
            }
        }
        std::future::pending::<()>().await;
    }

    /// A program on a terminal.
    #[cfg(unix)]
    async fn run_on_terminal(
        &self,
        program: &Program,
        variables: &[(String, String)],
        terminal: &Terminal,
        outbox: Outbox,
        to_client: &ChannelWriteHalf<Msg>,
        asked: &mut mpsc::UnboundedReceiver<Ask>,
    ) -> io::Result<Option<ExitStatus>> {
        use super::process::{pty_size, spawn_on_terminal};
        /// How long a terminal may stay quiet after its program has ended before it is closed;
        /// a background program may hold it for ever.
        const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(100);

        let (mut child, pty) = spawn_on_terminal(&self.container, program, variables, terminal)?;
        let entry = child.id().map(|id| self.container.processes.register(id));
        let (mut screen, mut keyboard) = pty.into_split();
        let (typed, mut keys) = mpsc::channel::<bytes::Bytes>(8);
        let typing = async {
            let mut outbox = outbox;
            while let Ok(Some(data)) = outbox.next().await {
                if typed.send(data).await.is_err() {
                    break;
                }
            }
            // The client's end of input is the terminal's: Ctrl-D.
            let _ = typed.send(bytes::Bytes::from_static(b"\x04")).await;
            std::future::pending::<()>().await;
        };
        let controls = async {
            loop {
                tokio::select! {
                    ask = asked.recv() => match ask {
                        Some(Ask::Resize(size)) => {
                            if let Err(error) = keyboard.resize(pty_size(size)) {
                                tracing::debug!(%error, "terminal not resized");
                            }
                        }
                        Some(Ask::Signal(signal)) => forward_signal(entry.as_ref(), &signal),
                        Some(_) => {}
                        None => std::future::pending::<()>().await,
                    },
                    data = keys.recv() => match data {
                        // Nothing reads a terminal whose programs have ended.
                        Some(data) => { let _ = keyboard.write_all(&data).await; }
                        None => std::future::pending::<()>().await,
                    },
                }
            }
        };
        let running = async {
            let mut buffer = BytesMut::new();
            let mut deadline = None;
            let mut status = None;
            loop {
                buffer.reserve(CHUNK);
                let read = match (&status, deadline) {
                    (None, _) => tokio::select! {
                        biased;
                        read = screen.read_buf(&mut buffer) => read,
                        ended = child.wait() => {
                            status = Some(ended);
                            deadline = Some(tokio::time::Instant::now() + 10 * LAST_WORDS);
                            continue;
                        }
                    },
                    (Some(_), Some(deadline)) if tokio::time::Instant::now() > deadline => break,
                    (Some(_), _) => {
                        match tokio::time::timeout(LAST_WORDS, screen.read_buf(&mut buffer)).await {
                            Ok(read) => read,
                            Err(_) => break,
                        }
                    }
                };
                // A terminal without programs gives an error on Linux, an end elsewhere.
                if !matches!(read, Ok(count) if count > 0)
                    || to_client.data_bytes(buffer.split().freeze()).await.is_err()
                {
                    break;
                }
            }
            match status {
                Some(status) => status,
                None => child.wait().await,
            }
        };
        let status = tokio::select! {
            status = running => Some(status?),
            () = typing => None,
            () = controls => None,
            () = self.cancel.cancelled() => None,
        };
        if status.is_none() {
            // Closing the terminal hangs up on its programs.
            drop((screen, keyboard));
            end(&mut child, entry.as_ref()).await;
        }
        Ok(status)
    }

    /// Tells the client how the program ended.
    async fn report(&self, status: ExitStatus, to_client: &ChannelWriteHalf<Msg>) {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt as _;
            if let Some(name) = status.signal().and_then(signal_name) {
                let core = status.core_dumped();
                // Without a listener there is nobody to tell.
                let _ = self
                    .handle
                    .exit_signal_request(to_client.id(), name, core, String::new(), String::new())
                    .await;
                return;
            }
        }
        let code = status.code().and_then(|code| u32::try_from(code).ok()).unwrap_or(255);
        let _ = to_client.exit_status(code).await;
    }
}

/// Empties the channel's queue at all times: data into the inbox, requests to the worker.
async fn receive(mut from_client: ChannelReadHalf, inbox: Inbox, asks: mpsc::UnboundedSender<Ask>) {
    let narrow = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    while let Some(message) = from_client.wait().await {
        let ask = match message {
            ChannelMsg::Data { data } => {
                if let Err(error) = inbox.push(data).await {
                    tracing::warn!(%error, "no room for what a client sends");
                    break;
                }
                continue;
            }
            ChannelMsg::Eof => {
                inbox.finish();
                continue;
            }
            ChannelMsg::Close => break,
            ChannelMsg::SetEnv { variable_name, variable_value, .. }
                if is_client_variable(&variable_name) =>
            {
                Ask::Variable(variable_name, variable_value)
            }
            ChannelMsg::RequestPty { term, col_width, row_height, .. } => Ask::Terminal(Terminal {
                term,
                size: Size { rows: narrow(row_height), columns: narrow(col_width) },
            }),
            ChannelMsg::WindowChange { col_width, row_height, .. } => {
                Ask::Resize(Size { rows: narrow(row_height), columns: narrow(col_width) })
            }
            ChannelMsg::Signal { signal } => Ask::Signal(signal),
            ChannelMsg::RequestShell { .. } => Ask::Run(Program::Shell),
            ChannelMsg::Exec { command, .. } => Ask::Run(Program::Exec(command)),
            ChannelMsg::RequestSubsystem { name, .. } if name == "sftp" => Ask::Sftp,
            _ => continue,
        };
        // A worker that has ended needs no more requests.
        let _ = asks.send(ask);
    }
    inbox.finish();
}

/// Client's data to a program; then its end of input.
async fn feed(mut outbox: Outbox, mut stdin: impl AsyncWrite + Unpin) {
    while let Ok(Some(data)) = outbox.next().await {
        if stdin.write_all(&data).await.is_err() {
            // The program has closed its input; dropping the outbox throws the rest away.
            return;
        }
    }
    let _ = stdin.shutdown().await;
}

/// A program's output to the client, until it ends or the client has gone.
async fn send(mut output: impl AsyncRead + Unpin, to_client: &ChannelWriteHalf<Msg>, kind: Option<u32>) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match output.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let data = buffer.split().freeze();
                let sent = match kind {
                    None => to_client.data_bytes(data).await,
                    Some(kind) => to_client.extended_data_bytes(kind, data).await,
                };
                if sent.is_err() {
                    return;
                }
            }
        }
    }
}

/// Ends a program whose client has gone: a hang-up first, then by force.
async fn end(child: &mut Child, entry: Option<&GroupEntry>) {
    const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);
    #[cfg(unix)]
    if let Some(entry) = entry {
        entry.signal(rustix::process::Signal::HUP);
        entry.signal(rustix::process::Signal::CONT);
    }
    let left = if cfg!(unix) { tokio::time::timeout(PATIENCE, child.wait()).await.is_err() } else { true };
    if let Some(entry) = entry {
        entry.kill();
    }
    if left {
        // It may have ended in between.
        let _ = child.start_kill();
        let _ = child.wait().await;
    }
}

#[cfg(unix)]
fn forward_signal(entry: Option<&GroupEntry>, signal: &Sig) {
    use rustix::process::Signal;
    let signal = match signal {
        Sig::ABRT => Signal::ABORT,
        Sig::ALRM => Signal::ALARM,
        Sig::FPE => Signal::FPE,
        Sig::HUP => Signal::HUP,
        Sig::ILL => Signal::ILL,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::PIPE => Signal::PIPE,
        Sig::QUIT => Signal::QUIT,
        Sig::SEGV => Signal::SEGV,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        Sig::Custom(name) if name == "USR2" => Signal::USR2,
        Sig::Custom(_) => return,
    };
    if let Some(entry) = entry {
        entry.signal(signal);
    }
}

#[cfg(not(unix))]
fn forward_signal(entry: Option<&GroupEntry>, signal: &Sig) {
    if let (Some(entry), Sig::KILL | Sig::TERM) = (entry, signal) {
        entry.kill();
    }
}

/// SSH's name of a signal (RFC 4254, 6.10).
#[cfg(unix)]
fn signal_name(number: i32) -> Option<Sig> {
    use rustix::process::Signal;
    let names = [
        (Signal::ABORT, Sig::ABRT),
        (Signal::ALARM, Sig::ALRM),
        (Signal::FPE, Sig::FPE),
        (Signal::HUP, Sig::HUP),
        (Signal::ILL, Sig::ILL),
        (Signal::INT, Sig::INT),
        (Signal::KILL, Sig::KILL),
        (Signal::PIPE, Sig::PIPE),
        (Signal::QUIT, Sig::QUIT),
        (Signal::SEGV, Sig::SEGV),
        (Signal::TERM, Sig::TERM),
        (Signal::USR1, Sig::USR1),
    ];
    names.into_iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| name)
}
