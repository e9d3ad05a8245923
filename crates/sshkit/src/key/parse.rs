//! From any PEM format to one representation of a private key, checked for consistency.

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode as _, Tag, Tagged as _};
use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo};
use rsa::BigUint;
use rsa::traits::PrivateKeyParts as _;
use ssh_key::PrivateKey;
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair};

use super::{KeyError, KeyFormat, pem};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

const UNREADABLE: &str = "its content cannot be read";
const NOT_FITTING: &str = "its numbers do not fit together";
const OTHER_PUBLIC: &str = "its public half belongs to another key";

/// A private key and how it was written down.
pub(crate) struct Parsed {
    pub(crate) format: KeyFormat,
    /// Still encrypted when it is in OpenSSH's format and no passphrase was given.
    pub(crate) key: PrivateKey,
}

/// Reads a private key in any supported format; a passphrase that is not needed is ignored.
pub(crate) fn parse(bytes: &[u8], passphrase: Option<&str>) -> Result<Parsed, KeyError> {
    let block = pem::locate(bytes)?;
    let (format, encrypted) = match block.label {
        "RSA PRIVATE KEY" => (KeyFormat::Pkcs1Pem, block.has_old_encryption()),
        "EC PRIVATE KEY" => (KeyFormat::Sec1Pem, block.has_old_encryption()),
        "PRIVATE KEY" => (KeyFormat::Pkcs8Pem, false),
        "ENCRYPTED PRIVATE KEY" => (KeyFormat::Pkcs8Pem, true),
        "OPENSSH PRIVATE KEY" => (KeyFormat::OpenSsh, false),
        other => return Err(KeyError::Unsupported { kind: kind_of_label(other) }),
    };
    if encrypted && block.has_old_encryption() {
        // OpenSSL's first scheme: one round of MD5 over the passphrase. Not worth carrying.
        return Err(match passphrase {
            Some(_) => KeyError::OldEncryption { format },
            None => KeyError::Encrypted { format },
        });
    }
    let der = block.decode(format)?;
    let key = match (format, encrypted) {
        (KeyFormat::OpenSsh, _) => openssh(&der, passphrase)?,
        (KeyFormat::Pkcs1Pem, _) => rsa_pkcs1(&der, format)?,
        (KeyFormat::Sec1Pem, _) => sec1(&der, None, format)?,
        (KeyFormat::Pkcs8Pem, false) => pkcs8(&der)?,
        (KeyFormat::Pkcs8Pem, true) => pkcs8_encrypted(&der, passphrase)?,
    };
    Ok(Parsed { format, key })
}

fn kind_of_label(label: &str) -> String {
    label.strip_suffix(" PRIVATE KEY").unwrap_or(label).to_owned()
}

fn damaged(format: KeyFormat, reason: &str) -> KeyError {
    KeyError::Damaged { format, reason: reason.into() }
}

fn openssh(bytes: &[u8], passphrase: Option<&str>) -> Result<PrivateKey, KeyError> {
    const FORMAT: KeyFormat = KeyFormat::OpenSsh;
    let key = super::openssh::decode(bytes, passphrase)?;
    if key.is_encrypted() {
        return Ok(key);
    }
    // Nothing in this format ties the halves together, so a flipped bit would pass unseen.
    match key.key_data() {
        KeypairData::Rsa(pair) => {
            let number = |n: &ssh_key::Mpint| {
                n.as_positive_bytes().map(BigUint::from_bytes_be).ok_or_else(|| damaged(FORMAT, NOT_FITTING))
            };
            let key = rsa::RsaPrivateKey::from_components(
                number(&pair.public.n)?,
                number(&pair.public.e)?,
                number(&pair.private.d)?,
                vec![number(&pair.private.p)?, number(&pair.private.q)?],
            );
            let key = key.map_err(|_| damaged(FORMAT, NOT_FITTING))?;
            if key.crt_coefficient() != Some(number(&pair.private.iqmp)?) {
                return Err(damaged(FORMAT, NOT_FITTING));
            }
        }
        KeypairData::Ecdsa(pair) => {
            let again = ecdsa(pair.private_key_bytes(), curve_oid(pair.curve()), FORMAT)?;
            if again.public_key_bytes() != pair.public_key_bytes() {
                return Err(damaged(FORMAT, OTHER_PUBLIC));
            }
        }
        KeypairData::Ed25519(_) => {} // The decoder compares the halves.
        KeypairData::SkEcdsaSha2NistP256(_) | KeypairData::SkEd25519(_) => {
            return Ok(key); // The private half is in the token; nothing to compare.
        }
        _ => return Err(KeyError::Unsupported { kind: key.algorithm().to_string() }),
    }
    let claimed = key.public_key().key_data();
    let real = ssh_key::public::KeyData::try_from(key.key_data());
    if real.as_ref() != Ok(claimed) {
        return Err(damaged(FORMAT, OTHER_PUBLIC));
    }
    Ok(key)
}

fn rsa_pkcs1(der: &[u8], format: KeyFormat) -> Result<PrivateKey, KeyError> {
    let written = rsa::pkcs1::RsaPrivateKey::from_der(der).map_err(|_| damaged(format, UNREADABLE))?;
    if written.other_prime_infos.is_some() {
        return Err(KeyError::Unsupported { kind: "RSA with more than two primes".into() });
    }
    let number = |n: rsa::pkcs1::UintRef<'_>| BigUint::from_bytes_be(n.as_bytes());
    let key = rsa::RsaPrivateKey::from_components(
        number(written.modulus),
        number(written.public_exponent),
        number(written.private_exponent),
        vec![number(written.prime1), number(written.prime2)],
    );
    let key = key.map_err(|_| damaged(format, NOT_FITTING))?;
    // Derived numbers, but OpenSSH calculates with them as they are.
    let fits = key.dp() == Some(&number(written.exponent1))
        && key.dq() == Some(&number(written.exponent2))
        && key.crt_coefficient() == Some(number(written.coefficient));
    if !fits {
        return Err(damaged(format, NOT_FITTING));
    }
    let pair = RsaKeypair::try_from(&key).map_err(|_| damaged(format, NOT_FITTING))?;
    finish(KeypairData::from(pair), format)
}

fn pkcs8(der: &[u8]) -> Result<PrivateKey, KeyError> {
    const FORMAT: KeyFormat = KeyFormat::Pkcs8Pem;
    let unreadable = || damaged(FORMAT, UNREADABLE);
    let info = PrivateKeyInfo::try_from(der).map_err(|_| unreadable())?;
    match info.algorithm.oid {
        RSA => rsa_pkcs1(info.private_key, FORMAT),
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| unreadable())?;
            sec1(info.private_key, Some(curve), FORMAT)
        }
        ED25519 => {
            let seed = OctetStringRef::from_der(info.private_key).map_err(|_| unreadable())?;
            let seed: &[u8; 32] = seed.as_bytes().try_into().map_err(|_| unreadable())?;
            let pair = Ed25519Keypair::from_seed(seed);
            if info.public_key.is_some_and(|public| public != pair.public.0) {
                return Err(damaged(FORMAT, OTHER_PUBLIC));
            }
            finish(KeypairData::from(pair), FORMAT)
        }
        other => Err(KeyError::Unsupported { kind: other.to_string() }),
    }
}

fn pkcs8_encrypted(der: &[u8], passphrase: Option<&str>) -> Result<PrivateKey, KeyError> {
    const FORMAT: KeyFormat = KeyFormat::Pkcs8Pem;
    let passphrase = passphrase.ok_or(KeyError::Encrypted { format: FORMAT })?;
    let old = || KeyError::OldEncryption { format: FORMAT };
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(|_| match AnyRef::from_der(der) {
        // Whole, but of a scheme that the parser does not know: PKCS#12's and PBES1's.
        Ok(whole) if whole.tag() == Tag::Sequence => old(),
        _ => damaged(FORMAT, UNREADABLE),
    })?;
    let document = info.decrypt(passphrase).map_err(|e| {
        use pkcs8::pkcs5::Error as Scheme;
        match e {
            // Bad padding is reported as either; anything else is about the scheme.
            pkcs8::Error::EncryptedPrivateKey(Scheme::DecryptFailed | Scheme::EncryptFailed) => {
                KeyError::WrongPassphrase
            }
            pkcs8::Error::EncryptedPrivateKey(_) => old(),
            // Decrypted to no key: the padding was right by chance.
            _ => KeyError::WrongPassphrase,
        }
    })?;
    pkcs8(document.as_bytes())
}

/// An elliptic-curve key; `curve` is known from outside within PKCS#8, and written inside otherwise.
fn sec1(der: &[u8], curve: Option<ObjectIdentifier>, format: KeyFormat) -> Result<PrivateKey, KeyError> {
    let ec = sec1::EcPrivateKey::try_from(der).map_err(|_| damaged(format, UNREADABLE))?;
    let curve = curve
        .or_else(|| ec.parameters.and_then(|p| p.named_curve()))
        .ok_or_else(|| damaged(format, "it does not name its curve"))?;
    let pair = ecdsa(ec.private_key, curve, format)?;
    if ec.public_key.is_some_and(|public| public != pair.public_key_bytes()) {
        return Err(damaged(format, OTHER_PUBLIC));
    }
    finish(KeypairData::from(pair), format)
}

fn ecdsa(secret: &[u8], curve: ObjectIdentifier, format: KeyFormat) -> Result<EcdsaKeypair, KeyError> {
    let bad = |_| damaged(format, "its number does not lie on the curve");
    match curve {
        P256 => p256::SecretKey::from_slice(secret)
            .map(|key| EcdsaKeypair::NistP256 { public: key.public_key().into(), private: key.into() })
            .map_err(bad),
        P384 => p384::SecretKey::from_slice(secret)
            .map(|key| EcdsaKeypair::NistP384 { public: key.public_key().into(), private: key.into() })
            .map_err(bad),
        P521 => p521::SecretKey::from_slice(secret)
            .map(|key| EcdsaKeypair::NistP521 { public: key.public_key().into(), private: key.into() })
            .map_err(bad),
        other => Err(KeyError::Unsupported { kind: format!("elliptic curve {other}") }),
    }
}

fn curve_oid(curve: ssh_key::EcdsaCurve) -> ObjectIdentifier {
    match curve {
        ssh_key::EcdsaCurve::NistP256 => P256,
        ssh_key::EcdsaCurve::NistP384 => P384,
        ssh_key::EcdsaCurve::NistP521 => P521,
    }
}

fn finish(data: KeypairData, format: KeyFormat) -> Result<PrivateKey, KeyError> {
    PrivateKey::new(data, "").map_err(|_| damaged(format, UNREADABLE))
}
