//! Asking: on the terminal, or a line each from a standard input that is none.

use std::io::{BufRead as _, ErrorKind, IsTerminal as _};

use berth::Error;

use crate::failure::Failure;
use crate::output::Output;
use crate::stop::{INTERRUPT, Stop, stopped_by};

/// Asks for a line.
pub(crate) fn ask(output: &Output, question: &str) -> Result<String, Failure> {
    output.ask(question);
    let answer = line();
    if !std::io::stdin().is_terminal() {
        output.note("");
    }
    match answer {
        Some(answer) if !answer.trim().is_empty() => Ok(answer.trim().to_owned()),
        _ => Err(aborted(output)),
    }
}

/// Asks for a line that is not shown.
pub(crate) async fn ask_secret(output: &Output, question: &str) -> Result<String, Failure> {
    let answer = if std::io::stdin().is_terminal() {
        secret(question).await?
    } else {
        output.ask(question);
        let answer = line();
        output.note("");
        answer
    };
    answer.filter(|answer| !answer.is_empty()).ok_or_else(|| aborted(output))
}

/// Asks for a new password, at a terminal twice: nobody sees what is typed.
pub(crate) async fn ask_new_password(output: &Output) -> Result<String, Failure> {
    let new = ask_secret(output, "New password: ").await?;
    if std::io::stdin().is_terminal() && ask_secret(output, "The same again: ").await? != new {
        return Err(Failure::Argument("The two passwords differ. Nothing has changed.".into()));
    }
    Ok(new)
}

/// The next line of standard input, without its end; none where there is none.
pub(crate) fn line() -> Option<String> {
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    matches!(read, Ok(1..)).then(|| answer.trim_end_matches(['\r', '\n']).to_owned())
}

fn aborted(output: &Output) -> Failure {
    output.note("Aborted!");
    Failure::Said(1)
}

/// Asks on the terminal itself, whatever stdout and stderr are; none where there is no answer, as on Ctrl-D.
///
/// Who is told to stop meanwhile leaves a terminal that shows again what is typed: shells that do not see to it
/// themselves, as dash, would go on without. rpassword raises Ctrl-C's signal before it puts the terminal right.
pub(crate) async fn secret(question: &str) -> Result<Option<String>, Failure> {
    let before = Terminal::now();
    let mut stop = Stop::new()?;
    let question = question.to_owned();
    let asking = tokio::task::spawn_blocking(move || rpassword::prompt_password(question));
    tokio::select! {
        answer = asking => {
            // Signals are taken over for good, so they are seen to from now on.
            tokio::spawn(async move {
                let signal = stop.asked().await;
                before.restore();
                std::process::exit(stopped_by(signal).into());
            });
            let answer = answer.map_err(|e| Error::new("internal", format!("Asking broke off: {e}."), "Try again."))?;
            match answer {
                Err(e) if e.kind() == ErrorKind::Interrupted => Err(Failure::Said(stopped_by(INTERRUPT))),
                answer => Ok(answer.ok()),
            }
        }
        signal = stop.asked() => {
            before.restore();
            Err(Failure::Said(stopped_by(signal)))
        }
    }
}

/// How the terminal was.
struct Terminal {
    #[cfg(unix)]
    found: Option<(std::fs::File, rustix::termios::Termios)>,
}

#[cfg(unix)]
impl Terminal {
    fn now() -> Self {
        let file = std::fs::File::open("/dev/tty").ok();
        let found = file.and_then(|file| rustix::termios::tcgetattr(&file).ok().map(|how| (file, how)));
        Self { found }
    }

    fn restore(&self) {
        if let Some((terminal, how)) = &self.found {
            // Without one there is nothing to put right.
            let _ = rustix::termios::tcsetattr(terminal, rustix::termios::OptionalActions::Now, how);
        }
    }
}

/// The console forgets with the program.
#[cfg(not(unix))]
impl Terminal {
    fn now() -> Self {
        Self {}
    }

    fn restore(&self) {}
}
