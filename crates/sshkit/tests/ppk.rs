//! PuTTY's own `puttygen` must take what we write, and find the same key in it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use sshkit::key::KeyError;
use sshkit::ppk::{PpkOptions, PpkVersion, to_ppk};
use support::{fingerprint, keygen, missing, ok, run};
use zeroize::Zeroizing;

const PASSPHRASE: &str = "correct horse “스테이플” 42";

fn secret(text: &str) -> Option<Zeroizing<String>> {
    Some(Zeroizing::new(text.into()))
}

/// Every kind of key in every format it comes in; the path of each private key.
fn all_keys(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut keys = Vec::new();
    for (kind, bits) in
        [("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("ed25519", "256")]
    {
        // Short numbers come up by chance; several keys of this kind make one likely.
        let rounds = if bits == "521" { 4 } else { 1 };
        for (round, format) in
            (0..rounds).flat_map(|round| ["RFC4716", "PEM", "PKCS8"].map(|format| (round, format)))
        {
            if kind == "ed25519" && format != "RFC4716" {
                continue;
            }
            let name = format!("{kind}-{bits}-{format}-{round}");
            keys.push(keygen(folder, &name, &["-t", kind, "-b", bits, "-m", format, "-C", "jin@lab"]));
        }
    }
    keys
}

/// Asserts that `puttygen` reads the file, with this passphrase, as the key in `original`.
fn assert_same_key(ppk: &Path, passphrase: &str, original: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let passphrase_file = folder.path().join("passphrase");
    fs::write(&passphrase_file, passphrase).unwrap();
    let puttygen = |format: &str, out: &Path| {
        ok(Command::new("puttygen")
            .arg(ppk)
            .arg("--old-passphrase")
            .arg(&passphrase_file)
            .args(["-O", format, "-o"])
            .arg(out))
    };
    let listed = folder.path().join("listed");
    puttygen("fingerprint", &listed);
    let listed = fs::read_to_string(listed).unwrap();
    let expected = fingerprint(original);
    assert!(listed.contains(&expected), "{listed} is not {expected}");

    // Exporting proves the private half: puttygen checks the MAC, and ssh-keygen derives the public half again.
    let exported = folder.path().join("exported");
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    ok(Command::new("puttygen")
        .arg(ppk)
        .arg("--old-passphrase")
        .arg(&passphrase_file)
        .arg("--new-passphrase")
        .arg(&empty)
        .args(["-O", "private-openssh-new", "-o"])
        .arg(&exported));
    assert_eq!(public_half(&exported), public_half(original));
}

fn public_half(private: &Path) -> String {
    let line = ok(Command::new("ssh-keygen").arg("-yf").arg(private));
    line.trim().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn puttygen_finds_the_same_key() {
    if missing("puttygen") || missing("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for original in all_keys(folder.path()) {
        for version in [PpkVersion::V2, PpkVersion::V3] {
            let options = PpkOptions { version, ..PpkOptions::default() };
            let text = to_ppk(&fs::read(&original).unwrap(), &options).unwrap();
            let ppk = original.with_extension("ppk");
            fs::write(&ppk, text.as_bytes()).unwrap();
            assert_same_key(&ppk, "", &original);
        }
    }
}

#[test]
fn puttygen_finds_the_same_key_behind_a_passphrase() {
    if missing("puttygen") || missing("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("rsa", &["-t", "rsa", "-b", "2048", "-m", "PEM"][..]),
        ("ecdsa", &["-t", "ecdsa", "-b", "521"]),
        ("ed25519", &["-t", "ed25519"]),
    ] {
        let original = keygen(folder.path(), name, args);
        for version in [PpkVersion::V2, PpkVersion::V3] {
            let options = PpkOptions { version, passphrase: secret(PASSPHRASE), ..PpkOptions::default() };
            let text = to_ppk(&fs::read(&original).unwrap(), &options).unwrap();
            assert!(text.contains("\nEncryption: aes256-cbc\n"));
            let ppk = original.with_extension("ppk");
            fs::write(&ppk, text.as_bytes()).unwrap();
            assert_same_key(&ppk, PASSPHRASE, &original);

            let wrong = folder.path().join("wrong");
            fs::write(&wrong, "another").unwrap();
            let mut command = Command::new("puttygen");
            command.arg(&ppk).arg("--old-passphrase").arg(&wrong).args(["-O", "private-openssh", "-o"]);
            let refused = run(command.arg(folder.path().join("never")));
            assert!(!refused.status.success());
        }
    }
}

/// The given key may be protected too, by each cipher that `ssh-keygen` offers.
#[test]
fn a_protected_key_is_opened_with_its_passphrase() {
    if missing("puttygen") || missing("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    for cipher in ["aes256-ctr", "aes256-cbc", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let args = ["-t", "ed25519", "-a", "1", "-Z", cipher, "-N", PASSPHRASE];
        keys.push((keygen(folder.path(), cipher, &args), KeyError::WrongPassphrase));
    }
    for n in 0..4 {
        let args = ["-t", "ecdsa", "-b", "521", "-a", "1", "-N", PASSPHRASE];
        keys.push((keygen(folder.path(), &format!("p521-{n}"), &args), KeyError::WrongPassphrase));
    }
    let args = ["-t", "ecdsa", "-b", "384", "-m", "PKCS8", "-N", PASSPHRASE];
    keys.push((keygen(folder.path(), "pkcs8", &args), KeyError::WrongPassphrase));

    for (path, wrong) in keys {
        let bytes = fs::read(&path).unwrap();
        assert!(
            matches!(to_ppk(&bytes, &PpkOptions::default()), Err(KeyError::Encrypted { .. })),
            "{path:?}"
        );
        let with = |words: &str| PpkOptions { source_passphrase: secret(words), ..PpkOptions::default() };
        assert_eq!(to_ppk(&bytes, &with("another")), Err(wrong), "{path:?}");
        let ppk = path.with_extension("ppk");
        fs::write(&ppk, to_ppk(&bytes, &with(PASSPHRASE)).unwrap().as_bytes()).unwrap();
        // `ssh-keygen -y` would ask for the passphrase: take it off first.
        ok(Command::new("ssh-keygen").args(["-q", "-p", "-P", PASSPHRASE, "-N", "", "-f"]).arg(&path));
        assert_same_key(&ppk, "", &path);
    }
}

/// PKCS#8 has had many ciphers; the old ones are named as such, not called a wrong passphrase.
#[test]
fn pkcs8_ciphers_are_opened_or_called_old() {
    if missing("openssl") || missing("puttygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let original = keygen(folder.path(), "key", &["-t", "ecdsa", "-b", "256", "-m", "PEM"]);
    let format = sshkit::key::KeyFormat::Pkcs8Pem;
    for (args, opens) in [
        (&["-v2", "aes256"][..], true),
        (&["-v2", "aes128", "-v2prf", "hmacWithSHA1"], true),
        (&["-scrypt"], true),
        (&["-v2", "des3"], false),
        (&["-v1", "PBE-SHA1-3DES"], false),
    ] {
        let path = folder.path().join("encrypted");
        let mut command = Command::new("openssl");
        command.args(["pkcs8", "-topk8", "-passout", &format!("pass:{PASSPHRASE}")]).args(args);
        ok(command.arg("-in").arg(&original).arg("-out").arg(&path));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(to_ppk(&bytes, &PpkOptions::default()), Err(KeyError::Encrypted { format }), "{args:?}");
        let options = PpkOptions { source_passphrase: secret(PASSPHRASE), ..PpkOptions::default() };
        if opens {
            let ppk = folder.path().join("key.ppk");
            fs::write(&ppk, to_ppk(&bytes, &options).unwrap().as_bytes()).unwrap();
            assert_same_key(&ppk, "", &original);
            let wrong = PpkOptions { source_passphrase: secret("another"), ..PpkOptions::default() };
            assert_eq!(to_ppk(&bytes, &wrong), Err(KeyError::WrongPassphrase), "{args:?}");
        } else {
            assert_eq!(to_ppk(&bytes, &options), Err(KeyError::OldEncryption { format }), "{args:?}");
        }
    }
}

#[test]
fn the_comment_is_one_line() {
    if missing("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(keygen(folder.path(), "key", &["-t", "ed25519", "-C", "from the key"])).unwrap();
    let with =
        |comment: Option<&str>| PpkOptions { comment: comment.map(str::to_owned), ..PpkOptions::default() };
    assert!(to_ppk(&bytes, &with(None)).unwrap().contains("\nComment: from the key\n"));
    assert!(to_ppk(&bytes, &with(Some("학습 서버"))).unwrap().contains("\nComment: 학습 서버\n"));
    assert_eq!(to_ppk(&bytes, &with(Some("a\nPrivate-Lines: 1"))), Err(KeyError::BadComment));
}

#[test]
fn options_do_not_show_their_secrets() {
    let options = PpkOptions {
        passphrase: secret("hunter2"),
        source_passphrase: secret("hunter2"),
        ..PpkOptions::default()
    };
    assert!(!format!("{options:?}").contains("hunter2"));
}
