//! Keys in PuTTY's format (`.ppk`), for PuTTY, WinSCP and FileZilla on Windows.
//!
//! Version 3 is what PuTTY 0.75 and later write, version 2 what older ones read. The layout is the one
//! in PuTTY's manual, appendix C. The private half can be encrypted with a passphrase; the whole file
//! carries a MAC, which without a passphrase shows damage only.

use std::fmt::Write as _;

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockEncryptMut as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use ssh_key::private::KeypairData;
use ssh_key::rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use crate::key::{self, KeyError, KeyFormat};

/// Key derivation: memory in KiB, passes and lanes. PuTTYgen takes 8 MiB, one lane, and as many passes as
/// fit into a tenth of a second; this many take about that on a computer of 2024.
const ARGON2: (u32, u32, u32) = (8192, 21, 1);
const BLOCK: usize = 16;

/// Version of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PpkVersion {
    /// For PuTTY before 0.75 (2021) and programs that follow it slowly; based on SHA-1.
    V2,
    /// For everything current: Argon2id and HMAC-SHA-256.
    #[default]
    V3,
}

/// How a PuTTY key is written.
#[derive(Clone, Default)]
pub struct PpkOptions {
    /// Version of the file format.
    pub version: PpkVersion,
    /// Encrypts the private half; none or an empty one leaves it readable.
    pub passphrase: Option<Zeroizing<String>>,
    /// The one-line name that PuTTY shows; none takes the comment of the key, which may be empty.
    pub comment: Option<String>,
    /// Opens the given key, if it is protected itself.
    pub source_passphrase: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for PpkOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PpkOptions")
            .field("version", &self.version)
            .field("encrypted", &self.passphrase.is_some())
            .field("comment", &self.comment)
            .finish_non_exhaustive()
    }
}

/// A private key in any format that [`key::inspect`] reads, as the text of a `.ppk` file.
///
/// # Errors
/// What [`key::inspect`] says about unusable keys; [`KeyError::Encrypted`] and
/// [`KeyError::WrongPassphrase`] when the given key is protected; [`KeyError::Unsupported`] for keys
/// on hardware tokens; [`KeyError::BadComment`].
pub fn to_ppk(private_key: &[u8], options: &PpkOptions) -> Result<Zeroizing<String>, KeyError> {
    let parsed = key::parse(private_key, options.source_passphrase.as_ref().map(|p| p.as_str()))?;
    let key = parsed.key;
    if key.is_encrypted() {
        return Err(KeyError::Encrypted { format: parsed.format });
    }
    let comment = options.comment.as_deref().unwrap_or(key.comment());
    if comment.contains(char::is_control) {
        return Err(KeyError::BadComment);
    }
    let unreadable = || damaged(parsed.format);
    let algorithm = key.algorithm().to_string();
    let public = key.public_key().to_bytes().map_err(|_| unreadable())?;
    let mut private = private_blob(key.key_data(), parsed.format)?;

    let passphrase = options.passphrase.as_ref().map(|p| p.as_bytes()).filter(|p| !p.is_empty());
    let secrets = Secrets::derive(options.version, passphrase).ok_or_else(unreadable)?;
    let encryption = if passphrase.is_some() { "aes256-cbc" } else { "none" };
    if passphrase.is_some() {
        pad(&mut private);
    }
    let mac = {
        let mut text = Zeroizing::new(Vec::with_capacity(public.len() + private.len() + 128));
        for part in [algorithm.as_bytes(), encryption.as_bytes(), comment.as_bytes(), &public, &private] {
            put_string(&mut text, part);
        }
        secrets.mac(options.version, &text).ok_or_else(unreadable)?
    };
    if let Some(Cipher { key, iv }) = &secrets.cipher {
        let length = private.len();
        cbc::Encryptor::<aes::Aes256>::new_from_slices(key.as_slice(), iv.as_slice())
            .map_err(|_| unreadable())?
            .encrypt_padded_mut::<NoPadding>(&mut private, length)
            .map_err(|_| unreadable())?;
    }

    let number = match options.version {
        PpkVersion::V2 => 2,
        PpkVersion::V3 => 3,
    };
    let mut out = Zeroizing::new(String::with_capacity(8192));
    let _ = write!(
        out,
        "PuTTY-User-Key-File-{number}: {algorithm}\nEncryption: {encryption}\nComment: {comment}\n"
    );
    put_lines(&mut out, "Public", &public);
    if let Some(salt) = &secrets.salt {
        let (memory, passes, lanes) = ARGON2;
        let _ = write!(
            out,
            "Key-Derivation: Argon2id\nArgon2-Memory: {memory}\nArgon2-Passes: {passes}\n\
             Argon2-Parallelism: {lanes}\nArgon2-Salt: {}\n",
            hex::encode(salt)
        );
    }
    put_lines(&mut out, "Private", &private);
    let _ = writeln!(out, "Private-MAC: {}", hex::encode(mac));
    Ok(out)
}

/// What follows from the passphrase.
struct Secrets {
    /// When the file is encrypted.
    cipher: Option<Cipher>,
    mac_key: Zeroizing<Vec<u8>>,
    /// Of version 3, when the file is encrypted.
    salt: Option<[u8; 16]>,
}

struct Cipher {
    key: Zeroizing<Vec<u8>>,
    iv: Zeroizing<Vec<u8>>,
}

impl Secrets {
    /// None only when the system has no random numbers or no memory to give.
    fn derive(version: PpkVersion, passphrase: Option<&[u8]>) -> Option<Self> {
        match (version, passphrase) {
            (PpkVersion::V2, passphrase) => {
                let sha1 = |parts: &[&[u8]]| {
                    parts.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part)).finalize().to_vec()
                };
                let cipher = passphrase.map(|passphrase| {
                    let mut key = Zeroizing::new(sha1(&[&[0, 0, 0, 0], passphrase]));
                    key.extend(sha1(&[&[0, 0, 0, 1], passphrase]));
                    key.truncate(32);
                    Cipher { key, iv: Zeroizing::new(vec![0; BLOCK]) }
                });
                let mac_key = sha1(&[b"putty-private-key-file-mac-key", passphrase.unwrap_or_default()]);
                Some(Self { cipher, mac_key: Zeroizing::new(mac_key), salt: None })
            }
            (PpkVersion::V3, None) => Some(Self { cipher: None, mac_key: Zeroizing::default(), salt: None }),
            (PpkVersion::V3, Some(passphrase)) => {
                let mut salt = [0; 16];
                OsRng.try_fill_bytes(&mut salt).ok()?;
                let mut derived = Zeroizing::new(vec![0; 32 + BLOCK + 32]);
                let (memory, passes, lanes) = ARGON2;
                let params = argon2::Params::new(memory, passes, lanes, Some(derived.len())).ok()?;
                argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
                    .hash_password_into(passphrase, &salt, &mut derived)
                    .ok()?;
                let part = |range: std::ops::Range<usize>| Zeroizing::new(derived[range].to_vec());
                Some(Self {
                    cipher: Some(Cipher { key: part(0..32), iv: part(32..48) }),
                    mac_key: part(48..80),
                    salt: Some(salt),
                })
            }
        }
    }

    fn mac(&self, version: PpkVersion, text: &[u8]) -> Option<Vec<u8>> {
        Some(match version {
            PpkVersion::V2 => Hmac::<Sha1>::new_from_slice(&self.mac_key)
                .ok()?
                .chain_update(text)
                .finalize()
                .into_bytes()
                .to_vec(),
            PpkVersion::V3 => Hmac::<Sha256>::new_from_slice(&self.mac_key)
                .ok()?
                .chain_update(text)
                .finalize()
                .into_bytes()
                .to_vec(),
        })
    }
}

/// The private half as PuTTY orders it.
fn private_blob(data: &KeypairData, format: KeyFormat) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut out = Zeroizing::new(Vec::with_capacity(4096));
    match data {
        KeypairData::Rsa(pair) => {
            let key = &pair.private;
            for number in [&key.d, &key.p, &key.q, &key.iqmp] {
                put_string(&mut out, number.as_bytes());
            }
        }
        KeypairData::Ecdsa(pair) => {
            let number =
                ssh_key::Mpint::from_positive_bytes(pair.private_key_bytes()).map_err(|_| damaged(format))?;
            put_string(&mut out, number.as_bytes());
        }
        KeypairData::Ed25519(pair) => put_string(&mut out, pair.private.as_ref()),
        other => {
            let kind = other.algorithm().map(|a| a.to_string()).unwrap_or_default();
            return Err(KeyError::Unsupported { kind });
        }
    }
    Ok(out)
}

/// Fills up the last cipher block as PuTTY does, with bytes of the blob's own hash.
fn pad(blob: &mut Zeroizing<Vec<u8>>) {
    let hash = Sha1::digest(blob.as_slice());
    let missing = blob.len().next_multiple_of(BLOCK) - blob.len();
    blob.extend_from_slice(&hash[..missing]);
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Keys and comments are far below 4 GiB: the input is limited to `key::MAX_KEY_FILE`.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn put_lines(out: &mut String, name: &str, blob: &[u8]) {
    let text = Zeroizing::new(STANDARD.encode(blob));
    let _ = writeln!(out, "{name}-Lines: {}", text.len().div_ceil(64));
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
}

fn damaged(format: KeyFormat) -> KeyError {
    KeyError::Damaged { format, reason: "its content cannot be written in PuTTY's format".into() }
}
