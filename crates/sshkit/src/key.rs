//! Private keys: is this one, which one, and in which format.
//!
//! Servers hand out `id_container` as PKCS#1 (seen on 23.09.10) or in OpenSSH's own format (seen on
//! 26.9.6), and users may have uploaded any other key (protocol.md 5.3). Downloads can also turn out
//! to be an error page, a tar, or half a file, so every kind of "not a key" has a name of its own.
//! Key material lives only in buffers that are wiped when dropped, and never appears in errors.

mod openssh;
mod parse;
mod pem;

use ssh_key::{HashAlg, PublicKey};
use zeroize::Zeroizing;

pub(crate) use parse::{Parsed, parse};

/// A file longer than this is not looked at as a key, in bytes. An RSA-16384 key takes 13 KiB.
pub const MAX_KEY_FILE: usize = 256 * 1024;

/// How a private key is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// `BEGIN RSA PRIVATE KEY`: RSA only; what servers up to 25.x generate.
    Pkcs1Pem,
    /// `BEGIN PRIVATE KEY`, or `BEGIN ENCRYPTED PRIVATE KEY` with a passphrase.
    Pkcs8Pem,
    /// `BEGIN OPENSSH PRIVATE KEY`: what OpenSSH and recent dropbear write.
    OpenSsh,
    /// `BEGIN EC PRIVATE KEY`: elliptic curves only, as OpenSSL writes them.
    Sec1Pem,
}

impl std::fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pkcs1Pem => "PKCS#1",
            Self::Pkcs8Pem => "PKCS#8",
            Self::OpenSsh => "OpenSSH",
            Self::Sec1Pem => "SEC1",
        })
    }
}

/// What can be told about a private key without showing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummary {
    /// How it is written down.
    pub format: KeyFormat,
    /// The name SSH has for its kind: `ssh-rsa`, `ssh-ed25519`, `ecdsa-sha2-nistp256`, ...
    pub algorithm: String,
    /// Size of the RSA modulus or of the curve, in bits; none where the kind has no such size.
    pub bits: Option<u32>,
    /// `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// True when a passphrase protects the private half. The rest of the summary is known all the same.
    pub encrypted: bool,
    /// The line for `authorized_keys`, with the key's comment if it has one, without a line end.
    pub public_line: Option<String>,
}

/// Why bytes are not a private key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing there, or only blanks.
    #[error("the file is empty")]
    Empty,
    /// More than [`MAX_KEY_FILE`] bytes.
    #[error("the file is too large for a key ({bytes} bytes)")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A web page, mostly an error page or a login form of something in between.
    #[error("it is a web page, not a key")]
    Html,
    /// The public half of a key pair.
    #[error("it is a public key; the private one is needed")]
    PublicKey,
    /// A certificate.
    #[error("it is a certificate; the private key is needed")]
    Certificate,
    /// A PuTTY key (`.ppk`).
    #[error("it is a PuTTY key (.ppk); export it in OpenSSH's format with PuTTYgen first")]
    PuttyKey,
    /// A tar, zip or gzip file without a key in it that can be seen.
    #[error("it is an archive, not a key")]
    Archive,
    /// Anything else that does not look like a key.
    #[error("it is not a private key")]
    NotAKey,
    /// The beginning of a key whose end is missing.
    #[error("the key is cut off: its last line is missing")]
    Truncated,
    /// It looks like a key, but its content contradicts itself or cannot be read.
    #[error("the {format} key is damaged: {reason}")]
    Damaged {
        /// The format it claims.
        format: KeyFormat,
        /// What does not fit; never holds key material.
        reason: String,
    },
    /// A private key of a kind that is not supported, such as DSA.
    #[error("keys of the kind “{kind}” are not supported")]
    Unsupported {
        /// The kind or the PEM label.
        kind: String,
    },
    /// The key needs a passphrase and none was given, or even its public half is encrypted.
    #[error("the {format} key is protected by a passphrase")]
    Encrypted {
        /// Its format.
        format: KeyFormat,
    },
    /// The passphrase does not open the key.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The key is encrypted in a way that is not supported.
    #[error("the {format} key is encrypted in an old way; renew it with “ssh-keygen -p -f FILE”")]
    OldEncryption {
        /// Its format.
        format: KeyFormat,
    },
    /// A comment with a line break or another control character where one line is needed.
    #[error("the comment must be a single line of text")]
    BadComment,
}

/// Looks at a private key: what it is, and whether it is whole.
///
/// Junk before and after the key is tolerated ([`trim`]). An RSA key must fit together
/// arithmetically, a curve's public half must belong to its private half.
///
/// # Errors
/// A [`KeyError`] that says what the bytes are instead. A key whose public half is encrypted too
/// (PKCS#8, or PEM with `DEK-Info`) is [`KeyError::Encrypted`].
pub fn inspect(bytes: &[u8]) -> Result<KeySummary, KeyError> {
    let Parsed { format, key } = parse(bytes, None)?;
    let public = key.public_key();
    Ok(KeySummary {
        format,
        algorithm: public.algorithm().to_string(),
        bits: bits(public),
        fingerprint: public.fingerprint(HashAlg::Sha256).to_string(),
        encrypted: key.is_encrypted(),
        public_line: public.to_openssh().ok().map(|line| line.trim_end().to_owned()),
    })
}

/// Cuts the private key out of what surrounds it: tar headers, blanks, a certificate before it.
///
/// Returns the part from `-----BEGIN … PRIVATE KEY-----` to the end of the matching `END` line. Where
/// no key begins, or it does not end, the bytes come back as they are; [`inspect`] says why.
pub fn trim(bytes: &[u8]) -> &[u8] {
    pem::find(bytes).map_or(bytes, |block| block.whole)
}

/// The key as OpenSSH wants it in a file: only the key, LF line ends, a line end after the last line.
///
/// A key that is like that already comes back byte for byte. (OpenSSH refuses its own format with
/// CRLF line ends.)
///
/// # Errors
/// [`KeyError`] where no whole PEM block of a private key is found. The content is not checked.
pub fn normalize(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    pem::locate(bytes).map(|block| block.clean())
}

/// Size of a public key, in bits.
fn bits(key: &PublicKey) -> Option<u32> {
    use ssh_key::{EcdsaCurve, public::KeyData};
    match key.key_data() {
        KeyData::Rsa(rsa) => {
            let n = rsa.n.as_positive_bytes()?;
            let bits = (n.len() * 8).checked_sub(n.first()?.leading_zeros() as usize)?;
            u32::try_from(bits).ok()
        }
        KeyData::Ed25519(_) => Some(256),
        KeyData::Ecdsa(ecdsa) => Some(match ecdsa.curve() {
            EcdsaCurve::NistP256 => 256,
            EcdsaCurve::NistP384 => 384,
            EcdsaCurve::NistP521 => 521,
        }),
        _ => None,
    }
}
