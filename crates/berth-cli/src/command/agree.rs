//! Asking before something is changed that is not Berth's own.

use std::io::{BufRead as _, IsTerminal as _};

use crate::failure::Failure;
use crate::output::Output;

/// Goes on if the user agrees; without a terminal only when that was said on the command line.
pub(super) fn agree(output: &Output, yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question} Say so with --yes: there is no terminal to ask on.")));
    }
    output.ask(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    output.note("Aborted!");
    Err(Failure::Said(1))
}
