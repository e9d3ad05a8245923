//! Keys as real programs write them, and everything that is mistaken for one.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use sshkit::key::{KeyError, KeyFormat, inspect, normalize, trim};
use support::{fingerprint, keygen, missing, ok};

/// What `ssh-keygen` says about the same file must be what we say.
fn assert_like_ssh_keygen(path: &Path, format: KeyFormat, algorithm: &str, bits: u32) {
    let summary = inspect(&fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(summary.format, format);
    assert_eq!(summary.algorithm, algorithm);
    assert!(!summary.encrypted);
    let public = ok(Command::new("ssh-keygen").arg("-yf").arg(path));
    assert_eq!(first_two(&summary.public_line.unwrap()), first_two(&public));
    let public_file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&public_file, public).unwrap();
    assert_eq!(summary.fingerprint, fingerprint(public_file.path()));
    assert_eq!(summary.bits, Some(bits));
    let listed = ok(Command::new("ssh-keygen").arg("-lf").arg(public_file.path()));
    assert_eq!(listed.split(' ').next(), Some(bits.to_string().as_str()));
}

fn first_two(line: &str) -> Vec<&str> {
    line.trim().split(' ').take(2).collect()
}

#[test]
fn every_format_that_ssh_keygen_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, bits, algorithm, pem) in [
        ("rsa", 2048, "ssh-rsa", KeyFormat::Pkcs1Pem),
        ("rsa", 3072, "ssh-rsa", KeyFormat::Pkcs1Pem),
        ("ecdsa", 256, "ecdsa-sha2-nistp256", KeyFormat::Sec1Pem),
        ("ecdsa", 384, "ecdsa-sha2-nistp384", KeyFormat::Sec1Pem),
        ("ecdsa", 521, "ecdsa-sha2-nistp521", KeyFormat::Sec1Pem),
    ] {
        for (option, format) in
            [("RFC4716", KeyFormat::OpenSsh), ("PEM", pem), ("PKCS8", KeyFormat::Pkcs8Pem)]
        {
            let name = format!("{kind}-{bits}-{option}");
            let bits_text = bits.to_string();
            let path = keygen(folder.path(), &name, &["-t", kind, "-b", &bits_text, "-m", option, "-C", ""]);
            assert_like_ssh_keygen(&path, format, algorithm, bits);
        }
    }
    let path = keygen(folder.path(), "ed25519", &["-t", "ed25519", "-C", "jin@lab pc"]);
    assert_like_ssh_keygen(&path, KeyFormat::OpenSsh, "ssh-ed25519", 256);
    let line = inspect(&fs::read(&path).unwrap()).unwrap().public_line.unwrap();
    assert_eq!(line, fs::read_to_string(path.with_extension("pub")).unwrap().trim_end());
}

/// A P-521 number is one byte shorter in every second key, and OpenSSH writes it without padding.
#[test]
fn short_curve_numbers_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..16 {
        let path = keygen(folder.path(), &n.to_string(), &["-t", "ecdsa", "-b", "521"]);
        assert_like_ssh_keygen(&path, KeyFormat::OpenSsh, "ecdsa-sha2-nistp521", 521);
    }
}

/// Ed25519 in PKCS#8, and curve keys with their parameters in a block before, as OpenSSL writes them.
#[test]
fn keys_of_openssl_are_read() {
    if missing("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ed25519");
    ok(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&path));
    let summary = inspect(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((summary.format, summary.algorithm.as_str()), (KeyFormat::Pkcs8Pem, "ssh-ed25519"));
    let der = Command::new("openssl")
        .args(["pkey", "-pubout", "-outform", "DER", "-in"])
        .arg(&path)
        .output()
        .unwrap();
    let line = summary.public_line.unwrap();
    let blob =
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, line.split(' ').nth(1).unwrap()).unwrap();
    assert_eq!(blob[blob.len() - 32..], der.stdout[der.stdout.len() - 32..]);

    let path = folder.path().join("ec");
    ok(Command::new("openssl").args(["ecparam", "-name", "prime256v1", "-genkey", "-out"]).arg(&path));
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_like_ssh_keygen(&path, KeyFormat::Sec1Pem, "ecdsa-sha2-nistp256", 256);
    assert!(normalize(&fs::read(&path).unwrap()).unwrap().starts_with(b"-----BEGIN EC PRIVATE KEY-----\n"));
}

#[test]
fn an_encrypted_openssh_key_still_tells_its_public_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = keygen(folder.path(), "key", &["-t", "ed25519", "-N", "secret words"]);
    let summary = inspect(&fs::read(&path).unwrap()).unwrap();
    assert!(summary.encrypted);
    assert_eq!(summary.fingerprint, fingerprint(&path.with_extension("pub")));
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    assert_eq!(first_two(&summary.public_line.unwrap()), first_two(&public));
}

#[test]
fn other_encrypted_keys_say_that_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for (option, format) in [("PEM", KeyFormat::Pkcs1Pem), ("PKCS8", KeyFormat::Pkcs8Pem)] {
        let path =
            keygen(folder.path(), option, &["-t", "rsa", "-b", "2048", "-m", option, "-N", "secret words"]);
        assert_eq!(inspect(&fs::read(&path).unwrap()), Err(KeyError::Encrypted { format }));
    }
}

#[test]
fn what_is_no_private_key_is_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let key = fs::read(keygen(folder.path(), "key", &["-t", "ed25519"])).unwrap();
    let public = fs::read(folder.path().join("key.pub")).unwrap();
    let mut tar = vec![0u8; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let damaged = |reason: &str| KeyError::Damaged { format: KeyFormat::OpenSsh, reason: reason.into() };
    for (bytes, error) in [
        (&b""[..], KeyError::Empty),
        (b" \r\n\t\n", KeyError::Empty),
        (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", KeyError::Html),
        (b"\xef\xbb\xbf\n<HTML><head>", KeyError::Html),
        (b"{\"type\": \"https://api.backend.ai/probs/generic\"}", KeyError::NotAKey),
        (b"\x00\x01\x02", KeyError::NotAKey),
        (&public, KeyError::PublicKey),
        (b"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", KeyError::PublicKey),
        (b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n", KeyError::PublicKey),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", KeyError::Certificate),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA me", KeyError::Certificate),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", KeyError::PuttyKey),
        (&tar, KeyError::Archive),
        (b"\x1f\x8b\x08\x00", KeyError::Archive),
        (&key[..key.len() / 2], KeyError::Truncated),
        (&key[..key.len() - 10], KeyError::Truncated),
        (
            b"-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n",
            KeyError::Unsupported { kind: "DSA".into() },
        ),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
            damaged("there is nothing between its first and last line"),
        ),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nnot*base64\n-----END OPENSSH PRIVATE KEY-----\n",
            damaged("its lines are not valid base64"),
        ),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            damaged("its content cannot be read"),
        ),
    ] {
        assert_eq!(inspect(bytes), Err(error), "{}", String::from_utf8_lossy(bytes));
    }
    let large = vec![b'a'; sshkit::key::MAX_KEY_FILE + 1];
    assert_eq!(inspect(&large), Err(KeyError::TooLarge { bytes: large.len() }));
}

#[test]
fn a_key_is_found_within_what_surrounds_it() {
    let folder = tempfile::tempdir().unwrap();
    let clean = fs::read(keygen(folder.path(), "key", &["-t", "ed25519"])).unwrap();
    let summary = inspect(&clean).unwrap();
    assert_eq!(trim(&clean), clean);
    assert_eq!(*normalize(&clean).unwrap(), clean);

    let crlf = String::from_utf8(clean.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    let indented = String::from_utf8(clean.clone()).unwrap().replace('\n', "\n    ").into_bytes();
    let in_a_tar = [&[0u8; 512][..], &clean, &[0u8; 1024]].concat();
    let after_a_certificate = [
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        &clean[..],
        b"\n\ntrailing words",
    ]
    .concat();
    let no_last_line_end = clean[..clean.len() - 1].to_vec();
    for bytes in [crlf, indented, in_a_tar, after_a_certificate, no_last_line_end] {
        assert_eq!(inspect(&bytes).as_ref(), Ok(&summary));
        assert_eq!(inspect(trim(&bytes)).as_ref(), Ok(&summary));
        assert_eq!(*normalize(&bytes).unwrap(), clean);
    }
    assert_eq!(trim(b"no key at all"), b"no key at all");
}

#[test]
fn overlong_lines_are_wrapped_again_and_old_headers_kept() {
    let folder = tempfile::tempdir().unwrap();
    let clean =
        fs::read_to_string(keygen(folder.path(), "key", &["-t", "rsa", "-b", "2048", "-m", "PEM"])).unwrap();
    let lines: Vec<&str> = clean.lines().collect();
    let one_line = [lines[0], &lines[1..lines.len() - 1].concat(), lines[lines.len() - 1]].join("\n");
    assert_eq!(*normalize(one_line.as_bytes()).unwrap(), clean.as_bytes());

    let path = keygen(folder.path(), "old", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret words"]);
    let old = fs::read(path).unwrap();
    assert!(String::from_utf8_lossy(&old).contains("DEK-Info: "));
    assert_eq!(*normalize(&old).unwrap(), old);
}

/// Comments are in whatever code page the computer had; they are no reason to refuse a key.
#[test]
fn a_comment_in_an_old_code_page_is_no_damage() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let comment = std::ffi::OsStr::from_bytes(b"\xb1\xe8\xc1\xf8@pc");
    let mut command = Command::new("ssh-keygen");
    ok(command.args(["-q", "-t", "ed25519", "-N", "", "-C"]).arg(comment).arg("-f").arg(&path));
    let summary = inspect(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(summary.fingerprint, fingerprint(&path));
    assert!(summary.public_line.unwrap().ends_with("@pc"));
}

fn rsa_in(format: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::read(keygen(folder.path(), "key", &["-t", "rsa", "-b", "2048", "-m", format])).unwrap()
}

/// One flipped bit anywhere in an RSA key is noticed, unless it is in the comment or the check number.
#[test]
fn a_flipped_bit_does_not_pass() {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    for format in ["PEM", "PKCS8"] {
        let text = String::from_utf8(rsa_in(format)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let body = lines[1..lines.len() - 1].concat();
        let der = BASE64_STANDARD.decode(&body).unwrap();
        for at in (0..der.len()).step_by(41) {
            let mut bad = der.clone();
            bad[at] ^= 0x10;
            let pem = format!("{}\n{}\n{}\n", lines[0], BASE64_STANDARD.encode(bad), lines[lines.len() - 1]);
            let answer = inspect(pem.as_bytes());
            assert!(answer.is_err(), "{format}: byte {at} of {}", der.len());
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = (inspect(&bytes), normalize(&bytes));
        prop_assert!(trim(&bytes).len() <= bytes.len());
    }

    #[test]
    fn no_content_of_a_pem_block_brings_it_down(
        label in "(RSA |EC |OPENSSH |ENCRYPTED |)PRIVATE KEY",
        magic in any::<bool>(),
        content in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let content = if magic { [&b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01"[..], &content].concat() } else { content };
        let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(content));
        prop_assert!(inspect(pem.as_bytes()).is_err());
    }
}
