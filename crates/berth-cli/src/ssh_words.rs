//! Telling our own words from those of ssh, scp and sftp behind a session's name.
//!
//! `-p`/`--port` is ours, as it is the Python client's; everything else goes on to the program. Options may stand
//! before or between operands; for ssh, what follows the first operand is the command and left alone.

use crate::failure::Failure;

/// Which of a program's options take a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grammar {
    /// Letters of options with a value.
    pub(crate) valued: &'static str,
    /// The first operand begins a command.
    pub(crate) command: bool,
}

pub(crate) const SSH: Grammar = Grammar { valued: "BbcDEeFIiJLlmOoPQRSWw", command: true };
pub(crate) const SCP: Grammar = Grammar { valued: "cDFiJloPSX", command: false };
pub(crate) const SFTP: Grammar = Grammar { valued: "BbcDFiJloPRSsX", command: false };

/// The words, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Ours.
    pub(crate) port: Option<u16>,
    /// The program's own options, with their values.
    pub(crate) options: Vec<String>,
    /// Files, or the command.
    pub(crate) operands: Vec<String>,
}

impl Words {
    /// Sorts them.
    pub(crate) fn sort(words: &[String], grammar: Grammar) -> Result<Self, Failure> {
        let mut sorted = Self::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                sorted.operands.extend(rest.cloned());
                break;
            }
            if let Some(long) = word.strip_prefix("--") {
                let (name, value) =
                    long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
                match name {
                    "port" => {
                        let value = value.or_else(|| rest.next().cloned());
                        sorted.port = Some(port(value.as_deref())?);
                    }
                    "recursive" => sorted.options.push("-r".into()),
                    _ => sorted.options.push(word.clone()),
                }
            } else if word.len() > 1 && word.starts_with('-') {
                sorted.cluster(word, &mut rest, grammar)?;
            } else {
                sorted.operands.push(word.clone());
                if grammar.command {
                    sorted.operands.extend(rest.cloned());
                    break;
                }
            }
        }
        Ok(sorted)
    }

    /// A word of one-letter options, e.g. `-tp9922`.
    fn cluster<'a>(
        &mut self,
        word: &str,
        rest: &mut impl Iterator<Item = &'a String>,
        grammar: Grammar,
    ) -> Result<(), Failure> {
        let mut flags = String::new();
        let letters = word.strip_prefix('-').unwrap_or(word);
        for (at, letter) in letters.char_indices() {
            let behind = &letters[at + letter.len_utf8()..];
            if letter == 'p' {
                self.flags(&flags);
                let value = if behind.is_empty() { rest.next().map(String::as_str) } else { Some(behind) };
                self.port = Some(port(value)?);
                return Ok(());
            }
            flags.push(letter);
            if grammar.valued.contains(letter) {
                flags.push_str(behind);
                self.flags(&flags);
                if behind.is_empty()
                    && let Some(value) = rest.next()
                {
                    self.options.push(value.clone());
                }
                return Ok(());
            }
        }
        self.flags(&flags);
        Ok(())
    }

    fn flags(&mut self, letters: &str) {
        if !letters.is_empty() {
            self.options.push(format!("-{letters}"));
        }
    }
}

/// A port, or 0 for a free one.
fn port(text: Option<&str>) -> Result<u16, Failure> {
    let text = text.ok_or_else(|| Failure::Usage("-p wants a port number.".into()))?;
    text.parse().map_err(|_| Failure::Usage(format!("“{text}” is no port number.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(line: &str, grammar: Grammar) -> Words {
        let words: Vec<String> = line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        Words::sort(&words, grammar).unwrap()
    }

    #[test]
    fn the_port_is_ours_until_the_command_begins() {
        let words = sort("-p 9922 -t -L 8080:localhost:80 ls -l -p 3", SSH);
        assert_eq!(words.port, Some(9922));
        assert_eq!(words.options, ["-t", "-L", "8080:localhost:80"]);
        assert_eq!(words.operands, ["ls", "-l", "-p", "3"]);
        assert_eq!(sort("--port=9922", SSH).port, Some(9922));
        assert_eq!(
            sort("-Ntp0", SSH),
            Words { port: Some(0), options: vec!["-Nt".into()], operands: vec![] }
        );
    }

    #[test]
    fn values_are_not_taken_for_options() {
        let words = sort("-o ProxyJump=x -oUser=p -vL p:1 -- -p 5", SSH);
        assert_eq!(words.port, None);
        assert_eq!(words.options, ["-o", "ProxyJump=x", "-oUser=p", "-vL", "p:1"]);
        assert_eq!(words.operands, ["-p", "5"]);
    }

    #[test]
    fn copies_take_options_anywhere() {
        let words = sort("-p 9922 -r tmp/ work@localhost:tmp2/ --recursive -C", SCP);
        assert_eq!(words.port, Some(9922));
        assert_eq!(words.options, ["-r", "-r", "-C"]);
        assert_eq!(words.operands, ["tmp/", "work@localhost:tmp2/"]);
    }

    #[test]
    fn what_is_no_port_is_said() {
        for line in [vec!["-p"], vec!["-p", "x"], vec!["-p", "70000"], vec!["--port", ""]] {
            let words: Vec<String> = line.into_iter().map(str::to_owned).collect();
            assert!(matches!(Words::sort(&words, SSH), Err(Failure::Usage(_))));
        }
    }
}
