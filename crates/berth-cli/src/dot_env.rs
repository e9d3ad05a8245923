//! `.env` files as the Python client reads them (protocol.md 9.1): `KEY=VALUE`, quotes, comments, `${KEY}`.
//!
//! Written here because the file is found and weighed by that client's rules, and because a line that cannot be
//! read must be named: what a login is told by must not be half understood.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct Broken {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What is wrong, without the text itself, which may be a secret.
    pub(crate) problem: &'static str,
}

/// The nearest `.env` from `folder` upwards.
pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(".env")).find(|path| path.is_file())
}

/// Whether the text says anything to this program; many projects have `.env` files for other ones.
pub(crate) fn concerns_us(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export").map_or(line, str::trim_start);
        line.starts_with("BACKEND_") || line.starts_with("SORNA_")
    })
}

/// Reads a file's text; `environment` fills `${KEY}`.
pub(crate) fn parse(
    text: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, line: 1 };
    let mut values = BTreeMap::new();
    while reader.skip_to_binding() {
        let line = reader.line;
        let broken = |problem| Broken { line, problem };
        let key = reader.key().ok_or_else(|| broken("no name at its beginning"))?;
        reader.skip_blanks();
        if !reader.take('=') {
            if reader.at_end_of_line() {
                // A name alone sets nothing.
                continue;
            }
            return Err(broken("no = after the name"));
        }
        reader.skip_blanks();
        let (value, literal) = match reader.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                reader.take(quote);
                let value = reader.quoted(quote).ok_or_else(|| broken("the quote is not closed"))?;
                reader.skip_blanks();
                if !reader.at_end_of_line() {
                    return Err(broken("text after the closing quote"));
                }
                (value, quote == '\'')
            }
            _ => (reader.unquoted(), false),
        };
        reader.skip_line();
        let value = if literal {
            value
        } else {
            fill(&value, |name| values.get(name).cloned().or_else(|| environment(name)))
        };
        values.insert(key, value);
    }
    Ok(values)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// Moves to the next line that says something, behind an `export`; false at the end.
    fn skip_to_binding(&mut self) -> bool {
        loop {
            self.skip_blanks();
            match self.rest.chars().next() {
                None => return false,
                Some('\n' | '\r' | '#') => self.skip_line(),
                Some(_) => {
                    if let Some(rest) = self.rest.strip_prefix("export")
                        && rest.starts_with([' ', '\t'])
                    {
                        self.rest = rest;
                        self.skip_blanks();
                    }
                    return true;
                }
            }
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn skip_line(&mut self) {
        self.rest = match self.rest.split_once('\n') {
            Some((_, rest)) => rest,
            None => "",
        };
        self.line += 1;
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn at_end_of_line(&self) -> bool {
        matches!(self.rest.chars().next(), None | Some('\n' | '\r' | '#'))
    }

    fn key(&mut self) -> Option<String> {
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or(self.rest.len());
        let (key, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!key.is_empty()).then(|| key.to_owned())
    }

    /// Up to the closing quote, over lines if need be.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    let (inside, rest) = self.rest.split_at(at + quote.len_utf8());
                    self.line += inside.matches('\n').count();
                    self.rest = rest;
                    return Some(value);
                }
                '\\' => match chars.next()?.1 {
                    c if c == quote || c == '\\' => value.push(c),
                    'n' if quote == '"' => value.push('\n'),
                    'r' if quote == '"' => value.push('\r'),
                    't' if quote == '"' => value.push('\t'),
                    other => value.extend(['\\', other]),
                },
                c => value.push(c),
            }
        }
        None
    }

    /// Up to the end of the line or a comment.
    fn unquoted(&mut self) -> String {
        let line = self.rest.split(['\n', '\r']).next().unwrap_or_default();
        let mut end = line.len();
        for (at, _) in line.match_indices('#') {
            if at == 0 || line[..at].ends_with([' ', '\t']) {
                end = at;
                break;
            }
        }
        line[..end].trim_end().to_owned()
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`.
fn fill(value: &str, look_up: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, behind)) = after.split_once('}') else { break };
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        filled.push_str(before);
        filled.push_str(&look_up(name).unwrap_or_else(|| default.to_owned()));
        rest = behind;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BTreeMap<String, String> {
        parse(text, |name| (name == "HOME").then(|| "/home/me".to_owned())).unwrap()
    }

    #[test]
    fn the_forms_of_a_line() {
        let text = "\u{feff}# cluster\nexport BACKEND_ENDPOINT=https://c.example.com:8443/x#y  # the webserver\r\n\
            A = 'single ${HOME} \\n'\nB=\"double ${HOME}\\n${NONE:-d}\"\nC=\nD\n  E=a b\nF=${A}\n";
        let values = read(text);
        assert_eq!(values["BACKEND_ENDPOINT"], "https://c.example.com:8443/x#y");
        assert_eq!(values["A"], "single ${HOME} \\n");
        assert_eq!(values["B"], "double /home/me\nd");
        assert_eq!(values["C"], "");
        assert!(!values.contains_key("D"));
        assert_eq!(values["E"], "a b");
        assert_eq!(values["F"], "single ${HOME} \\n");
    }

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        let broken = |text: &str| parse(text, |_| None).unwrap_err();
        assert_eq!(broken("A=1\nBACKEND_SECRET_KEY sesame\n").line, 2);
        assert_eq!(broken("A='multi\nline'\n\nB=\"open\nC=2").line, 4);
        assert_eq!(broken("=x").problem, "no name at its beginning");
        assert!(!broken("K sesame").to_string().contains("sesame"));
        assert_eq!(broken("A='x' y").problem, "text after the closing quote");
    }

    #[test]
    fn files_of_other_programs_are_told_apart() {
        assert!(concerns_us("X=1\n export BACKEND_ENDPOINT=x"));
        assert!(!concerns_us("DATABASE_URL=x\n# BACKEND_ENDPOINT=y"));
    }

    #[test]
    fn the_nearest_file_upwards_is_found() {
        let top = tempfile::tempdir().unwrap();
        let deep = top.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(top.path().join(".env"), "").unwrap();
        assert_eq!(find(&deep), Some(top.path().join(".env")));
        std::fs::write(top.path().join("a/.env"), "").unwrap();
        assert_eq!(find(&deep), Some(top.path().join("a/.env")));
    }
}
