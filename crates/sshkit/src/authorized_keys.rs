//! `authorized_keys`: who may log in to a session with a key of their own.
//!
//! What is there is kept as it is, options and remarks included; a key is added once, whatever its comment.

use ssh_key::{HashAlg, PublicKey};

/// A public key, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// Its line: kind, key, comment; without a line end.
    pub line: String,
    /// e.g. `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// What its owner calls it; may be empty.
    pub comment: String,
}

/// Why a text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicError {
    /// It is a private key, which must stay where it is.
    #[error("this is a private key; the public one is needed (its file ends in .pub)")]
    Private,
    /// There is more than one line.
    #[error("one key at a time: a single line")]
    ManyLines,
    /// Anything else.
    #[error("this is not a public key as ssh writes it (“ssh-ed25519 AAAA… comment”)")]
    NotAKey,
}

/// Reads the one line of a `.pub` file.
///
/// # Errors
/// A [`PublicError`].
pub fn public_key(text: &str) -> Result<Public, PublicError> {
    if text.contains("PRIVATE KEY") || text.starts_with("PuTTY-User-Key-File") {
        return Err(PublicError::Private);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().ok_or(PublicError::NotAKey)?;
    if lines.next().is_some() {
        return Err(PublicError::ManyLines);
    }
    let key = PublicKey::from_openssh(line).map_err(|_| PublicError::NotAKey)?;
    // What it says about itself in a session's file is one line of text and no option.
    let comment: String = key.comment().chars().filter(|c| !c.is_control()).collect();
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    let line = format!("{} {comment}", words.join(" "));
    Ok(Public {
        line: line.trim_end().to_owned(),
        algorithm: key.algorithm().to_string(),
        fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        comment,
    })
}

/// The file with a key added; none where the key is in it already.
pub fn with_key(file: &[u8], key: &Public) -> Option<Vec<u8>> {
    let wanted = key.line.split_whitespace().nth(1)?;
    let there = String::from_utf8_lossy(file);
    let has = |line: &str| {
        !line.trim_start().starts_with('#') && line.split_whitespace().any(|word| word == wanted)
    };
    if there.lines().any(has) {
        return None;
    }
    let mut new = file.to_vec();
    if !new.is_empty() && !new.ends_with(b"\n") {
        new.push(b'\n');
    }
    new.extend_from_slice(key.line.as_bytes());
    new.push(b'\n');
    Some(new)
}

/// Shell text that adds keys to a session when it starts, for `bootstrap_script` (protocol.md 5.5). It can be added to
/// a script of the user's own: it leaves folder and options of the shell alone.
pub fn bootstrap_script(keys: &[Public]) -> String {
    let mut script = String::from(
        "# Keys added by Berth.\n(umask 077\nmkdir -p \"$HOME/.ssh\"\nfile=\"$HOME/.ssh/authorized_keys\"\n\
         [ -s \"$file\" ] && [ -n \"$(tail -c 1 \"$file\")\" ] && echo >> \"$file\"\n",
    );
    for key in keys {
        let line = key.line.replace('\'', r"'\''");
        let blob = key.line.split_whitespace().nth(1).unwrap_or_default();
        script.push_str(&format!("grep -qsF '{blob}' \"$file\" || printf '%s\\n' '{line}' >> \"$file\"\n"));
    }
    script.push_str(")\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ jin's laptop";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me";

    #[test]
    fn a_line_of_a_pub_file_is_read() {
        let key = public_key(&format!("\n{KEY}\r\n")).unwrap();
        assert_eq!((key.line.as_str(), key.algorithm.as_str()), (KEY, "ssh-ed25519"));
        assert_eq!(key.comment, "jin's laptop");
        assert!(key.fingerprint.starts_with("SHA256:"));
    }

    #[test]
    fn what_is_no_public_key_is_told() {
        for (text, expected) in [
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n", PublicError::Private),
            ("PuTTY-User-Key-File-3: ssh-rsa", PublicError::Private),
            ("", PublicError::NotAKey),
            ("ssh-ed25519 AAAA", PublicError::NotAKey),
            ("command=\"rm -rf /\" ssh-ed25519 AAAA", PublicError::NotAKey),
            (&format!("{KEY}\n{OTHER}"), PublicError::ManyLines),
        ] {
            assert_eq!(public_key(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_key_is_added_once_and_the_rest_stays() {
        let key = public_key(KEY).unwrap();
        let before = format!("# mine\nno-pty {OTHER}");
        let after = with_key(before.as_bytes(), &key).unwrap();
        assert_eq!(after, format!("{before}\n{KEY}\n").as_bytes());
        assert_eq!(with_key(&after, &key), None);
        let renamed = Public { line: KEY.replace("laptop", "desk"), ..key.clone() };
        assert_eq!(with_key(&after, &renamed), None);
        assert_eq!(with_key(b"", &key).unwrap(), format!("{KEY}\n").as_bytes());
        assert!(with_key(format!("# {KEY}\n").as_bytes(), &key).is_some(), "a remark lets nobody in");
    }

    #[cfg(unix)]
    #[test]
    fn the_script_adds_keys_once() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".ssh/authorized_keys");
        let script = bootstrap_script(&[public_key(KEY).unwrap(), public_key(OTHER).unwrap()]);
        let run = || {
            let mut shell = std::process::Command::new("sh");
            assert!(shell.arg("-ec").arg(&script).env("HOME", home.path()).status().unwrap().success());
        };
        run();
        run();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{KEY}\n{OTHER}\n"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, format!("no-pty {OTHER}")).unwrap();
        run();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("no-pty {OTHER}\n{KEY}\n"));
    }
}
