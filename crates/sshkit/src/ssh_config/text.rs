//! The user's file as bytes: where the `Include` line goes in, and how it comes out again.
//!
//! OpenSSH reads bytes, not text, so any encoding is left as it is. A byte order mark stays in front, and the new
//! line ends as the first line of the file does.

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The file with one more line at its top.
pub(super) fn insert(text: &[u8], line: &str) -> Vec<u8> {
    let (mark, rest) = after_mark(text);
    let mut out = Vec::with_capacity(text.len() + line.len() + 2);
    out.extend_from_slice(mark);
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(line_end(rest));
    out.extend_from_slice(rest);
    out
}

/// The file without that line; none where it does not stand anywhere.
pub(super) fn remove(text: &[u8], line: &str) -> Option<Vec<u8>> {
    let (mark, rest) = after_mark(text);
    let mut at = mark.len();
    for found in rest.split_inclusive(|b| *b == b'\n') {
        if bare(found) == line.as_bytes() {
            return Some([&text[..at], &text[at + found.len()..]].concat());
        }
        at += found.len();
    }
    None
}

/// A line of `ssh_config`: its keyword in lower case and what follows it.
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) keyword: String,
    pub(super) words: Vec<String>,
}

/// The lines that say something.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Line> + '_ {
    let (_, rest) = after_mark(text);
    rest.split(|b| *b == b'\n').enumerate().filter_map(|(index, line)| {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
        let (keyword, rest) = line.split_at(end);
        // One equals sign may stand between the two.
        let rest = rest.trim_start();
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        Some(Line {
            number: index + 1,
            keyword: keyword.trim_matches('"').to_ascii_lowercase(),
            words: words(rest),
        })
    })
}

/// Words as OpenSSH splits them since 8.7.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut begun, mut quote) = (Vec::new(), String::new(), false, None);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) if chars.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                word.extend(chars.next());
                begun = true;
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                begun = true;
            }
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if !begun => break,
            (c, None) if c.is_whitespace() => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, _) => {
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

/// True for bytes that `ssh` cannot read as lines: UTF-16, as some editors on Windows write it.
pub(super) fn is_wide(text: &[u8]) -> bool {
    text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") || text.contains(&0)
}

/// True for a byte order mark, at which every version of OpenSSH stops.
pub(super) fn has_mark(text: &[u8]) -> bool {
    text.starts_with(MARK)
}

fn after_mark(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(if has_mark(text) { MARK.len() } else { 0 })
}

fn line_end(text: &[u8]) -> &'static [u8] {
    match text.iter().position(|b| *b == b'\n') {
        Some(at) if at > 0 && text[at - 1] == b'\r' => b"\r\n",
        _ => b"\n",
    }
}

fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "Include berth_config";

    #[test]
    fn the_line_goes_to_the_top_and_ends_as_the_others_do() {
        for (before, after) in [
            (&b""[..], &b"Include berth_config\n"[..]),
            (b"Host a", b"Include berth_config\nHost a"),
            (b"Host a\r\n  User x\r\n", b"Include berth_config\r\nHost a\r\n  User x\r\n"),
            (b"\r\nHost a", b"Include berth_config\r\n\r\nHost a"),
            (b"\xef\xbb\xbfHost a\n", b"\xef\xbb\xbfInclude berth_config\nHost a\n"),
            (b"# \xff\xfe\nHost a\r\n", b"Include berth_config\n# \xff\xfe\nHost a\r\n"),
        ] {
            assert_eq!(insert(before, LINE), after);
            assert_eq!(remove(after, LINE).as_deref(), Some(before));
        }
    }

    #[test]
    fn only_a_whole_line_is_taken_out_and_only_one() {
        assert_eq!(remove(b"# Include berth_config\nInclude berth_config2\n", LINE), None);
        assert_eq!(remove(b"# mine\nInclude berth_config", LINE).as_deref(), Some(&b"# mine\n"[..]));
        assert_eq!(
            remove(b"Include berth_config\nInclude berth_config\n", LINE).as_deref(),
            Some(&b"Include berth_config\n"[..])
        );
    }

    #[test]
    fn lines_are_read_as_ssh_reads_them() {
        let text = b"\xef\xbb\xbf# x\n  Host=\"a b\" c # d\r\nInclude = 'e f'\tg\nUser\n\"Match\" all";
        let read: Vec<_> = lines(text).map(|l| (l.number, l.keyword, l.words)).collect();
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            read,
            [
                (2, "host".to_owned(), words(&["a b", "c"])),
                (3, "include".to_owned(), words(&["e f", "g"])),
                (4, "user".to_owned(), words(&[])),
                (5, "match".to_owned(), words(&["all"])),
            ]
        );
    }
}
