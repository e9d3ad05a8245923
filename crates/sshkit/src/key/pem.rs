//! Finding the PEM block of a private key in whatever a server or a user hands over.
//!
//! More tolerant than the strict decoders (any line width, CRLF, indented lines, junk around), since
//! what matters is the key inside; what is stored afterwards is clean again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{KeyError, KeyFormat, MAX_KEY_FILE};

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// Longest body line that every reader takes; longer ones are wrapped again.
const WIDEST: usize = 76;

/// A private key's PEM block inside other bytes.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// `RSA PRIVATE KEY` and the like.
    pub(crate) label: &'a str,
    /// From `-----BEGIN` to the end of the `END` line, its line end included.
    pub(crate) whole: &'a [u8],
    /// Between the two label lines.
    body: &'a [u8],
}

/// Searches the first block whose label ends in `PRIVATE KEY` and which has its end.
pub(crate) fn find(bytes: &[u8]) -> Option<Block<'_>> {
    begins(bytes).find_map(|begin| begin.block(bytes))
}

/// Like [`find`], with the reason why there is none.
pub(crate) fn locate(bytes: &[u8]) -> Result<Block<'_>, KeyError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(KeyError::Empty);
    }
    if bytes.len() > MAX_KEY_FILE {
        return Err(KeyError::TooLarge { bytes: bytes.len() });
    }
    match find(bytes) {
        Some(block) => Ok(block),
        None if begins(bytes).next().is_some() => Err(KeyError::Truncated),
        None => Err(what_else(bytes)),
    }
}

impl Block<'_> {
    /// The header lines (`Proc-Type: …`) that old encrypted PEM files have.
    fn headers(&self) -> impl Iterator<Item = &str> {
        lines(self.body).filter(|line| line.contains(':'))
    }

    /// True when the body is encrypted as OpenSSL did it before PKCS#8 (`DEK-Info`).
    pub(crate) fn has_old_encryption(&self) -> bool {
        self.headers().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    }

    /// The bytes inside.
    pub(crate) fn decode(&self, format: KeyFormat) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let text: Zeroizing<Vec<u8>> = Zeroizing::new(
            lines(self.body).filter(|line| !line.contains(':')).flat_map(|line| line.bytes()).collect(),
        );
        // Written by hand rather than taken from the decoder: its message quotes a byte of the key.
        let damaged = |reason: &str| KeyError::Damaged { format, reason: reason.into() };
        if text.is_empty() {
            return Err(damaged("there is nothing between its first and last line"));
        }
        let bytes = STANDARD.decode(text.as_slice()).map(Zeroizing::new);
        bytes.map_err(|_| damaged("its lines are not valid base64"))
    }

    /// The block with LF line ends, no blanks, no overlong lines, and a line end after the last line.
    pub(crate) fn clean(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.whole.len() + self.whole.len() / 32 + 2));
        let mut after_header = false;
        for line in lines(self.whole) {
            let header = line.contains(':');
            if after_header && !header {
                out.push(b'\n');
            }
            after_header = header;
            let rows = if line.len() > WIDEST && !header { 64 } else { line.len() };
            for row in line.as_bytes().chunks(rows) {
                out.extend_from_slice(row);
                out.push(b'\n');
            }
        }
        out
    }
}

/// Where a private key begins.
struct Begin<'a> {
    label: &'a str,
    start: usize,
    body: usize,
}

impl<'a> Begin<'a> {
    fn block(&self, bytes: &'a [u8]) -> Option<Block<'a>> {
        let end_line = format!("-----END {}-----", self.label);
        let body_end = self.body + position(&bytes[self.body..], end_line.as_bytes())?;
        let mut end = body_end + end_line.len();
        for line_end in [b'\r', b'\n'] {
            end += usize::from(bytes.get(end) == Some(&line_end));
        }
        Some(Block { label: self.label, whole: &bytes[self.start..end], body: &bytes[self.body..body_end] })
    }
}

fn begins(bytes: &[u8]) -> impl Iterator<Item = Begin<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + position(&bytes[from..], BEGIN)?;
            let label_start = start + BEGIN.len();
            from = label_start;
            // A label is short; this keeps a file full of BEGINs from being searched again and again.
            let near = &bytes[label_start..bytes.len().min(label_start + 64)];
            let Some(label_len) = position(near, DASHES) else { continue };
            let Ok(label) = std::str::from_utf8(&near[..label_len]) else { continue };
            if label.ends_with("PRIVATE KEY") {
                return Some(Begin { label, start, body: label_start + label_len + DASHES.len() });
            }
        }
    })
}

/// The lines of a block that hold something, without blanks around them.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    // Bytes that are no text cannot be part of a key; the decoder then says that it is damaged.
    bytes
        .split(|b| matches!(b, b'\n' | b'\r'))
        .map(|line| std::str::from_utf8(line).unwrap_or("?").trim())
        .filter(|line| !line.is_empty())
}

/// What bytes without a private key are.
fn what_else(bytes: &[u8]) -> KeyError {
    let archive = bytes.get(257..262) == Some(b"ustar")
        || [&b"\x1f\x8b"[..], b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"]
            .iter()
            .any(|m| bytes.starts_with(m));
    if archive {
        return KeyError::Archive;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let lower = head.to_ascii_lowercase();
    if lower.starts_with("<!doctype") || lower.contains("<html") || lower.contains("<body") {
        KeyError::Html
    } else if head.starts_with("PuTTY-User-Key-File-") {
        KeyError::PuttyKey
    } else if head.contains("-----BEGIN CERTIFICATE") || head.contains("-cert-v01@openssh.com ") {
        KeyError::Certificate
    } else if is_public(head) {
        KeyError::PublicKey
    } else {
        KeyError::NotAKey
    }
}

fn is_public(text: &str) -> bool {
    const KINDS: [&str; 6] = ["ssh-rsa ", "ssh-ed25519 ", "ssh-dss ", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
    KINDS.iter().any(|kind| text.starts_with(kind))
        || text.starts_with("---- BEGIN SSH2 PUBLIC KEY")
        || (text.contains("-----BEGIN ") && text.contains("PUBLIC KEY-----"))
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
