//! What is shown: data on stdout, status lines with the Python client's marks on stderr.
//!
//! Colours only on a terminal and without `NO_COLOR`; a reader that has gone away is no failure.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::TableComponent;
use serde::Serialize;

use crate::arguments::{Form, Global};

/// What a status line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Info,
    Warning,
    Wait,
    Done,
    Failed,
    Error,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Info | Self::Warning => "∙",
            Self::Wait => "⋯",
            Self::Done => "✓",
            Self::Failed => "✗",
            Self::Error => "✘",
        }
    }

    /// SGR parameter.
    fn colour(self) -> &'static str {
        match self {
            Self::Info => "36",
            Self::Warning | Self::Wait => "33",
            Self::Done => "32",
            Self::Failed | Self::Error => "31",
        }
    }
}

/// Where a command shows what it has to say.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    /// A waiting line stands without its end.
    open: Arc<AtomicBool>,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json: global.form() == Form::Json,
            colour: io::stderr().is_terminal() && !plain,
            open: Arc::default(),
        }
    }

    /// Whether data is wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes text to stdout as it is.
    pub(crate) fn data(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Writes a line to stdout.
    pub(crate) fn line(&self, text: &str) {
        self.data(&format!("{text}\n"));
    }

    /// Writes a value to stdout as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(&text),
            Err(e) => self.warn(&e.to_string()),
        }
    }

    /// A table on stdout: a head, a rule, rows.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<Vec<String>>) {
        let mut table = comfy_table::Table::new();
        // Columns apart by blanks, a rule of hyphens below the head, nothing else.
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_style(TableComponent::VerticalLines, ' ');
        table.set_style(TableComponent::HeaderLines, '-');
        table.set_style(TableComponent::MiddleHeaderIntersections, ' ');
        table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        table.set_header(head.iter().map(|cell| one_line(cell)));
        for row in rows {
            table.add_row(row.iter().map(|cell| one_line(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 1));
        }
        let text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        self.data(&text);
    }

    pub(crate) fn info(&self, text: &str) {
        self.status(Mark::Info, text);
    }

    pub(crate) fn warn(&self, text: &str) {
        self.status(Mark::Warning, text);
    }

    /// The beginning of something that takes its time.
    pub(crate) fn wait(&self, text: &str) {
        self.status(Mark::Wait, text);
    }

    pub(crate) fn done(&self, text: &str) {
        self.status(Mark::Done, text);
    }

    pub(crate) fn failed(&self, text: &str) {
        self.status(Mark::Failed, text);
    }

    pub(crate) fn error(&self, text: &str) {
        self.status(Mark::Error, text);
    }

    /// A line below a status line.
    pub(crate) fn below(&self, text: &str) {
        self.to_stderr(&format!("  {text}\n"));
    }

    /// A line of its own, without a mark.
    pub(crate) fn note(&self, text: &str) {
        self.end_line();
        self.to_stderr(&format!("{text}\n"));
    }

    /// A question; its answer is typed behind it.
    pub(crate) fn ask(&self, text: &str) {
        self.end_line();
        self.to_stderr(text);
    }

    /// Ends a waiting line that nothing followed.
    pub(crate) fn end_line(&self) {
        if self.open.swap(false, Ordering::Relaxed) {
            self.to_stderr("\n");
        }
    }

    fn status(&self, mark: Mark, text: &str) {
        self.end_line();
        let sign = mark.sign();
        let line = if self.colour {
            format!("\u{1b}[{colour};1m{sign}\u{1b}[0m {text}", colour = mark.colour())
        } else {
            format!("{sign} {text}")
        };
        // What it comes to follows soon, and stands on a line of its own, too.
        self.to_stderr(&line);
        if mark == Mark::Wait { self.open.store(true, Ordering::Relaxed) } else { self.to_stderr("\n") }
    }

    fn to_stderr(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

/// Control characters of a server's text must not reach the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text of several lines without other control characters, e.g. a log.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_server_moves_the_cursor() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(printable("a\u{1b}[2Jb\n\tc\r"), "a[2Jb\n\tc");
    }
}
