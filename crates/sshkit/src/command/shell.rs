//! Quoting for the shells into which people paste command lines.

use std::path::Path;

/// A family of shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shell {
    /// sh, bash, zsh, dash, ksh.
    Posix,
    /// Windows PowerShell 5.1 and PowerShell 7, on Windows.
    PowerShell,
    /// The Windows command prompt, typed or pasted; not batch files, which read `%` differently.
    Cmd,
}

impl Shell {
    /// The shell that a terminal opens on this system.
    pub fn of_this_computer() -> Self {
        if cfg!(windows) { Self::PowerShell } else { Self::Posix }
    }

    /// True for shells whose paths are Windows paths.
    pub(super) fn is_windows(self) -> bool {
        !matches!(self, Self::Posix)
    }

    /// A path as words carry it: on Windows with forward slashes, which all programs here take and which
    /// no quoting rule cares about.
    pub(super) fn native_path(self, path: &Path) -> String {
        let text = path.to_string_lossy();
        if !self.is_windows() {
            return text.into_owned();
        }
        // Rust's canonical paths; OpenSSH does not know this prefix.
        let text = match text.strip_prefix(r"\\?\UNC\") {
            Some(share) => format!(r"\\{share}"),
            None => text.strip_prefix(r"\\?\").unwrap_or(&text).to_owned(),
        };
        text.replace('\\', "/")
    }

    /// Which quote OpenSSH's option values get. Only double quotes are known to every version; but in
    /// PowerShell they lead to a form of line that would expand `%name%`, so there the others are used (OpenSSH 8.7).
    pub(super) fn option_quote(self, value: &str) -> char {
        if self == Self::PowerShell && value.contains('%') { '\'' } else { '"' }
    }

    /// One line that runs a program with exactly these words.
    pub(super) fn line(self, program: &str, words: &[String]) -> String {
        // Windows PowerShell and PowerShell 7.3 differ in how they hand on double quotes inside a word. What
        // follows `--%` both hand on as it stands.
        let verbatim = self == Self::PowerShell && words.iter().any(|word| word.contains('"'));
        let mut line = program.to_owned();
        if verbatim {
            line.push_str(" --%");
        }
        for word in words {
            line.push(' ');
            line.push_str(&match self {
                Self::Posix => posix(word),
                Self::PowerShell if verbatim => c_runtime(word),
                Self::PowerShell => powershell(word),
                Self::Cmd => cmd(word),
            });
        }
        line
    }
}

/// Letters and digits of any script mean nothing to a shell.
fn is_plain(word: &str, others: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || others.contains(c))
}

fn posix(word: &str) -> String {
    if is_plain(word, "-_./:=@%+,") { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn powershell(word: &str) -> String {
    // `@` and `~` mean something at the beginning of a word.
    if is_plain(word, "-_./:=@%+~") && !word.starts_with(['@', '~', '%']) {
        return word.to_owned();
    }
    let mut quoted = String::from("'");
    for c in word.chars() {
        // Typographic single quotes end a string too; doubled, each stands for itself.
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

fn cmd(word: &str) -> String {
    let quoted = c_runtime(word);
    if !word.contains(['"', '%']) {
        // Between quotes, cmd leaves everything else alone; bare words must hold nothing it knows.
        let bare = is_plain(word, r"-_./:=@+~,\{}[]$`'#");
        return if bare { quoted } else { format!("\"{}\"", quoted.trim_matches('"')) };
    }
    // Inside quotes `%name%` is still replaced, and a quote within the word would end them: so none of
    // the quotes are cmd's, and every character that it knows is escaped.
    quoted.chars().fold(String::new(), |mut line, c| {
        if "()%!^\"<>&|".contains(c) {
            line.push('^');
        }
        line.push(c);
        line
    })
}

/// A word as the C runtime of Windows programs splits it off the command line.
fn c_runtime(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '\n', '"']) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            // Backslashes before a quote count double.
            '"' => {
                quoted.extend(std::iter::repeat_n('\\', backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        quoted.push(c);
    }
    quoted.extend(std::iter::repeat_n('\\', backslashes));
    quoted.push('"');
    quoted
}

/// A word inside rsync's `-e`: split at spaces, quotes double themselves, backslashes mean nothing.
pub(super) fn rsync_word(word: &str) -> String {
    if word.contains([' ', '\'', '"']) { format!("'{}'", word.replace('\'', "''")) } else { word.to_owned() }
}
