//! OpenSSH's own private key format (`openssh-key-v1`, PROTOCOL.key in OpenSSH's sources).
//!
//! The decoding is ssh-key's. This module hands it the private section in the strict form it wants:
//! ssh-key 0.6 refuses curve numbers with leading zeros left out (every second P-521 key of
//! `ssh-keygen`) and comments that are not UTF-8 (old Windows code pages).

use ssh_key::PrivateKey;
use ssh_key::rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use super::{KeyError, KeyFormat};

const FORMAT: KeyFormat = KeyFormat::OpenSsh;
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Padding unit of an unencrypted private section.
const BLOCK: usize = 8;

/// Decodes the bytes between the PEM lines; without the passphrase that it needs, the key stays encrypted.
pub(super) fn decode(bytes: &[u8], passphrase: Option<&str>) -> Result<PrivateKey, KeyError> {
    let outer = Outer::split(bytes).ok_or_else(unreadable)?;
    if outer.cipher == b"none" {
        return from_plain(outer.public, outer.private);
    }
    let key = PrivateKey::from_bytes(bytes).map_err(|e| refused(&e))?;
    let Some(passphrase) = passphrase else { return Ok(key) };
    let cipher = key.cipher();
    let (secret, iv) =
        key.kdf().derive_key_and_iv(cipher, passphrase).map_err(|_| KeyError::WrongPassphrase)?;
    let mut plain = Zeroizing::new(outer.private.to_vec());
    let tag = if cipher.has_tag() { Some(outer.rest.try_into().map_err(|_| unreadable())?) } else { None };
    cipher.decrypt(&secret, &iv, &mut plain, tag).map_err(|_| KeyError::WrongPassphrase)?;
    // The two halves of the check number agree only when the passphrase is right.
    if plain.get(0..4) != plain.get(4..8) {
        return Err(KeyError::WrongPassphrase);
    }
    from_plain(outer.public, &plain)
}

/// The container around the private section.
struct Outer<'a> {
    cipher: &'a [u8],
    public: &'a [u8],
    private: &'a [u8],
    /// The authentication tag, with ciphers that have one.
    rest: &'a [u8],
}

impl<'a> Outer<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let cipher = take(&mut rest)?;
        let (_kdf, _kdf_options) = (take(&mut rest)?, take(&mut rest)?);
        // One key per file is all that anybody writes.
        rest = rest.strip_prefix(&[0, 0, 0, 1])?;
        let (public, private) = (take(&mut rest)?, take(&mut rest)?);
        Some(Self { cipher, public, private, rest })
    }
}

/// Decodes a private section that is not or no longer encrypted.
fn from_plain(public: &[u8], plain: &[u8]) -> Result<PrivateKey, KeyError> {
    let strict = Zeroizing::new(strict(plain).unwrap_or_else(|| plain.to_vec()));
    let mut whole = Zeroizing::new(Vec::with_capacity(public.len() + strict.len() + 64));
    whole.extend_from_slice(MAGIC);
    for part in [&b"none"[..], b"none", b""] {
        put(&mut whole, part);
    }
    whole.extend_from_slice(&[0, 0, 0, 1]);
    put(&mut whole, public);
    put(&mut whole, &strict);
    PrivateKey::from_bytes(&whole).map_err(|e| refused(&e))
}

/// The private section with full-length curve numbers and a comment of one line of text. None where it
/// does not have the known shape; the decoder then says what is wrong.
fn strict(plain: &[u8]) -> Option<Vec<u8>> {
    let (check, mut rest) = plain.split_at_checked(8)?;
    if check[..4] != check[4..] {
        return None;
    }
    let algorithm = take(&mut rest)?;
    let mut out = Vec::with_capacity(plain.len() + BLOCK + 64);
    // A fresh number of its own: an encrypted key's would come along into the decrypted form.
    let check = OsRng.next_u32().to_be_bytes();
    out.extend_from_slice(&check);
    out.extend_from_slice(&check);
    put(&mut out, algorithm);
    let (parts, number_length) = match algorithm {
        b"ssh-rsa" => (6, None),
        b"ssh-ed25519" => (2, None),
        b"ecdsa-sha2-nistp256" => (3, Some(32)),
        b"ecdsa-sha2-nistp384" => (3, Some(48)),
        b"ecdsa-sha2-nistp521" => (3, Some(66)),
        _ => return None,
    };
    for n in 1..=parts {
        let part = take(&mut rest)?;
        match number_length {
            // Of a curve key's parts the secret number is the last.
            Some(length) if n == parts && part.len() <= length => {
                let mut number = Zeroizing::new(vec![0; length + 1]);
                number[length + 1 - part.len()..].copy_from_slice(part);
                put(&mut out, &number);
            }
            _ => put(&mut out, part),
        }
    }
    let comment = String::from_utf8_lossy(take(&mut rest)?).replace(char::is_control, " ");
    put(&mut out, comment.as_bytes());
    // Padding is not only length: its bytes count up, which shows damage at the end.
    let counts_up = rest.iter().zip(1u8..).all(|(byte, n)| *byte == n);
    if !counts_up || rest.len() >= 255 {
        return None;
    }
    for n in 1u8.. {
        if out.len().is_multiple_of(BLOCK) {
            break;
        }
        out.push(n);
    }
    Some(out)
}

/// Takes a string (a length in four bytes, and as many bytes) off the front.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(string)
}

fn put(out: &mut Vec<u8>, string: &[u8]) {
    // A key file is limited to `MAX_KEY_FILE`.
    out.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(string);
}

fn refused(error: &ssh_key::Error) -> KeyError {
    match error {
        ssh_key::Error::AlgorithmUnsupported { algorithm } => {
            KeyError::Unsupported { kind: algorithm.to_string() }
        }
        ssh_key::Error::AlgorithmUnknown => KeyError::Unsupported { kind: "unknown".into() },
        ssh_key::Error::PublicKey => {
            KeyError::Damaged { format: FORMAT, reason: "its public half belongs to another key".into() }
        }
        _ => unreadable(),
    }
}

fn unreadable() -> KeyError {
    KeyError::Damaged { format: FORMAT, reason: "its content cannot be read".into() }
}
