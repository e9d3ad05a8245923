//! What OpenSSH itself reads into the value of a file option.
//!
//! It splits the value into words with its own quotes, then expands `~`, `%` tokens and `${…}`.

use super::Shell;

/// The value of an option such as `UserKnownHostsFile` that names exactly this one file.
pub(super) fn file_value(path: &str, shell: Shell) -> String {
    value(path, "", |path| shell.option_quote(path))
}

/// The same for a line of an `ssh_config`; `rest` follows the path as it stands, tokens such as `%h` included.
pub(crate) fn config_value(path: &str, rest: &str) -> String {
    value(path, rest, |_| '"')
}

fn value(path: &str, rest: &str, quote: impl Fn(&str) -> char) -> String {
    let path = not_a_home(path).replace('%', "%%");
    // Before 8.7 an equals sign ended a word too.
    if !path.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '=' | '#')) {
        return path + rest;
    }
    let quote = quote(&path);
    let mut value = String::with_capacity(path.len() + rest.len() + 2);
    value.push(quote);
    for c in path.chars() {
        if c == quote || c == '\\' {
            value.push('\\');
        }
        value.push(c);
    }
    value.push_str(rest);
    value.push(quote);
    value
}

/// A path whose first character is not taken for a home folder.
pub(super) fn not_a_home(path: &str) -> String {
    if path.starts_with('~') { format!("./{path}") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_stay_as_they_are() {
        assert_eq!(file_value("/home/jin/known_hosts", Shell::Posix), "/home/jin/known_hosts");
        assert_eq!(file_value("/home/김진/known_hosts", Shell::Posix), "/home/김진/known_hosts");
    }

    #[test]
    fn blanks_quotes_and_backslashes_are_quoted() {
        assert_eq!(file_value("/a b/k", Shell::Posix), r#""/a b/k""#);
        assert_eq!(file_value(r#"/a"b\c/k"#, Shell::Posix), r#""/a\"b\\c/k""#);
        assert_eq!(file_value("/o'b/k", Shell::Posix), r#""/o'b/k""#);
    }

    #[test]
    fn percent_and_tilde_are_literal() {
        assert_eq!(file_value("/100%/%d/k", Shell::Posix), "/100%%/%%d/k");
        assert_eq!(file_value("~jin/k", Shell::Posix), "./~jin/k");
    }
}
