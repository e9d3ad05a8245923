//! Hosts that the user has defined, as far as they could be meant by one of Berth's names.

use std::path::{Path, PathBuf};

use super::alias::DOMAIN;
use super::text;

/// How deep files may include each other, as in OpenSSH.
const DEPTH: usize = 16;

/// A pattern of one of the user's own `Host` lines that speaks of names such as Berth's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnHost {
    /// The pattern, e.g. `train.demo.berth` or `*.berth`.
    pub pattern: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl OwnHost {
    /// True for a name, false for a pattern with `*` or `?`.
    pub fn is_name(&self) -> bool {
        !self.pattern.contains(['*', '?'])
    }

    /// Whether a host is meant by it.
    pub fn means(&self, host: &str) -> bool {
        matches(&self.pattern, host)
    }
}

/// The user's own `Host` patterns that end in `.berth`, in a config and in the files it includes. Patterns for
/// everything (`*`) are not among them: what they say applies to Berth's hosts too, as the user wants it.
pub fn own_hosts(config: &Path, folder: &Path, home: &Path, except: &Path) -> Vec<OwnHost> {
    let mut found = Vec::new();
    read(config, &Folders { folder, home, except }, DEPTH, &mut found);
    found
}

struct Folders<'a> {
    folder: &'a Path,
    home: &'a Path,
    except: &'a Path,
}

fn read(file: &Path, folders: &Folders<'_>, depth: usize, found: &mut Vec<OwnHost>) {
    let Ok(bytes) = std::fs::read(file) else { return };
    for line in text::lines(&bytes) {
        match line.keyword.as_str() {
            "host" => {
                let ours = format!(".{DOMAIN}");
                let patterns = line.words.iter().map(|word| word.to_lowercase());
                found.extend(
                    patterns.filter(|p| p.ends_with(&ours) && !p.starts_with('!')).map(|pattern| OwnHost {
                        pattern,
                        file: file.to_path_buf(),
                        line: line.number,
                    }),
                );
            }
            "include" if depth > 0 => {
                for path in line.words.iter().flat_map(|word| included(word, folders)) {
                    if path != folders.except {
                        read(&path, folders, depth - 1, found);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The files that a word of an `Include` line means.
pub(super) fn included_path(word: &str, folder: &Path, home: &Path) -> PathBuf {
    match word.strip_prefix("~/").or_else(|| word.strip_prefix("%d/")) {
        Some(rest) => home.join(rest),
        None => folder.join(word),
    }
}

fn included(word: &str, folders: &Folders<'_>) -> Vec<PathBuf> {
    let path = included_path(word, folders.folder, folders.home);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return vec![path];
    }
    let entries =
        path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.filter(|e| matches(&name, &e.file_name().to_string_lossy())).map(|e| e.path()).collect();
    paths.sort();
    paths
}

/// OpenSSH's patterns: `*` for any characters, `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The last star takes one character more.
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_ssh() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*.demo.berth", "train.demo.berth", true),
            ("*.demo.berth", "demo.berth", false),
            ("a?c*", "abcd", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn own_hosts_are_found_in_included_files_too() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(
            at("config"),
            "Include d/*.conf berth_config\nHost * prod\nHost Train.demo.berth !x.berth\n",
        )
        .unwrap();
        std::fs::write(at("d/1.conf"), "Include ~/d/1.conf\n\nHost *.berth\n").unwrap();
        std::fs::write(at("berth_config"), "Host ours.demo.berth\n").unwrap();
        let found = own_hosts(&at("config"), dir.path(), dir.path(), &at("berth_config"));
        let named: Vec<_> =
            found.iter().filter(|h| h.is_name()).map(|h| (h.pattern.as_str(), h.line)).collect();
        assert_eq!(named, [("train.demo.berth", 3)]);
        assert!(found.iter().any(|h| h.pattern == "*.berth" && h.line == 3 && h.means("a.demo.berth")));
    }
}
