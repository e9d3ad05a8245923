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
        if self.is_windows() { windows_path(path) } else { path.to_string_lossy().into_owned() }
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

/// A path of Windows with forward slashes.
pub(crate) fn windows_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    // Rust's canonical paths; OpenSSH does not know this prefix.
    let text = match text.strip_prefix(r"\\?\UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => text.strip_prefix(r"\\?\").unwrap_or(&text).to_owned(),
    };
    text.replace('\\', "/")
}

/// Letters and digits of any script mean nothing to a shell.
fn is_plain(word: &str, others: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || others.contains(c))
}

pub(crate) fn posix(word: &str) -> String {
    if is_plain(word, "-_./:=@%+,") { word.to_owned() } else { posix_quoted(word) }
}

/// A word in quotes even where it needs none.
pub(crate) fn posix_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
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
    if !word.contains(['"', '%']) {
        // Between quotes, cmd leaves everything else alone; a bare word must hold nothing that it knows.
        return if is_plain(word, r"-_./:=@+~,\{}[]$`'#") { word.to_owned() } else { c_runtime_quoted(word) };
    }
    // Inside quotes `%name%` is still replaced, and a quote within the word would end them: so none of
    // the quotes are cmd's, and every character that it knows is escaped.
    c_runtime(word).chars().fold(String::new(), |mut line, c| {
        if "()%!^\"<>&|".contains(c) {
            line.push('^');
        }
        line.push(c);
        line
    })
}

/// A word as the C runtime of Windows programs splits it off the command line.
pub(crate) fn c_runtime(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '\n', '"']) {
        word.to_owned()
    } else {
        c_runtime_quoted(word)
    }
}

fn c_runtime_quoted(word: &str) -> String {
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

/// A word of a `ProxyCommand`, for whoever reads it on this computer.
pub(super) fn proxy_word(word: &str) -> String {
    if cfg!(windows) { c_runtime(word) } else { posix(word) }
}

/// A word inside rsync's `-e`: split at spaces, quotes double themselves, backslashes mean nothing.
pub(super) fn rsync_word(word: &str) -> String {
    if word.contains([' ', '\'', '"']) { format!("'{}'", word.replace('\'', "''")) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Splits a command line as the C runtime documents it ("Parsing C command-line arguments").
    fn c_runtime_splits(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    let mut backslashes = 1;
                    while chars.next_if_eq(&'\\').is_some() {
                        backslashes += 1;
                    }
                    begun = true;
                    if chars.peek() == Some(&'"') {
                        word.extend(std::iter::repeat_n('\\', backslashes / 2));
                        if backslashes % 2 == 1 {
                            word.extend(chars.next());
                        }
                    } else {
                        word.extend(std::iter::repeat_n('\\', backslashes));
                    }
                }
                '"' => {
                    quoted = !quoted;
                    begun = true;
                }
                ' ' | '\t' if !quoted => {
                    if std::mem::take(&mut begun) {
                        words.push(std::mem::take(&mut word));
                    }
                }
                c => {
                    word.push(c);
                    begun = true;
                }
            }
        }
        if begun {
            words.push(word);
        }
        words
    }

    /// What cmd hands on of a typed line. Fails where it would do something: replace a variable, redirect,
    /// start another command.
    fn cmd_hands_on(line: &str) -> Result<String, String> {
        let mut variable = line.split('%').skip(1);
        let name = variable.next().filter(|_| variable.next().is_some());
        // A name with a caret at its end is no variable's, and an unknown variable stays as it is typed.
        if name.is_some_and(|name| !name.is_empty() && !name.ends_with('^')) {
            return Err(format!("variable in {line}"));
        }
        let (mut out, mut quoted) = (String::new(), false);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '^' if !quoted => out.extend(chars.next()),
                '"' => {
                    quoted = !quoted;
                    out.push(c);
                }
                '&' | '|' | '<' | '>' if !quoted => return Err(format!("{c} in {line}")),
                c => out.push(c),
            }
        }
        if quoted { Err(format!("open quote in {line}")) } else { Ok(out) }
    }

    /// What PowerShell makes of a line of bare and single-quoted words.
    fn powershell_splits(line: &str) -> Vec<String> {
        let is_quote = |c: char| matches!(c, '\'' | '\u{2018}'..='\u{201b}');
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                c if quoted && is_quote(c) => match chars.next_if(|next| is_quote(*next)) {
                    Some(second) => word.push(second),
                    None => quoted = false,
                },
                c if !quoted && is_quote(c) => quoted = true,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                c => {
                    assert!(quoted || !"$`;&|<>(){},\"#".contains(c), "{c} is bare in {line}");
                    word.push(c);
                }
            }
        }
        words.push(word);
        words
    }

    /// Text full of what shells know.
    fn nasty() -> impl Strategy<Value = String> {
        "([a-z김 진'\"\\\\%$`&|<>^!#;,=~@*?(){}\\[\\]\u{2019}\u{201d}/:.-]|%TEMP%|\\$HOME){0,12}"
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn the_c_runtime_finds_the_words_again(words in proptest::collection::vec(nasty(), 1..5)) {
            let line = words.iter().map(|word| c_runtime(word)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(c_runtime_splits(&line), words);
        }

        #[test]
        fn cmd_hands_every_word_on(word in nasty()) {
            let line = cmd_hands_on(&cmd(&word)).map_err(TestCaseError::fail)?;
            prop_assert_eq!(c_runtime_splits(&line), vec![word]);
        }

        #[test]
        fn powershell_hands_every_word_on(words in proptest::collection::vec(nasty(), 1..5)) {
            let words: Vec<String> = words.iter().map(|word| word.replace('"', "")).collect();
            let line = Shell::PowerShell.line("ssh", &words);
            prop_assert_eq!(&powershell_splits(&line)[1..], words);
        }

        #[test]
        fn powershell_gets_words_with_double_quotes_verbatim(mut words in proptest::collection::vec(nasty(), 1..5)) {
            words.push("a\"b".into());
            let line = Shell::PowerShell.line("ssh", &words);
            prop_assert_eq!(c_runtime_splits(line.strip_prefix("ssh --% ").unwrap()), words);
        }
    }

    #[cfg(unix)]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn sh_finds_the_words_again(words in proptest::collection::vec(nasty(), 1..8)) {
            let line = Shell::Posix.line("printf", &[&["%s\\n".to_owned()], &words[..]].concat());
            let output = std::process::Command::new("sh").arg("-c").arg(&line).output().unwrap();
            let expected: String = words.iter().map(|word| format!("{word}\n")).collect();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }
}
