//! The key store and the known_hosts file, with keys and host entries of real programs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, which fail by it")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use sshkit::key::KeyError;
use sshkit::key_store::{KeyStore, KeyStoreError};
use sshkit::known_hosts::{KnownHosts, alias};
use support::{fingerprint, keygen, missing, ok};

const SESSION: &str = "0f2f3f4f-1111-4222-8333-444455556666";
const OTHER: &str = "0f2f3f4f-1111-4222-8333-444455556667";

fn key(args: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::read(keygen(folder.path(), "key", args)).unwrap()
}

#[test]
fn a_key_is_stored_loaded_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open(folder.path().join("keys")).unwrap();
    let bytes = key(&["-t", "ed25519"]);
    assert_eq!(store.load(SESSION).unwrap(), None);

    let stored = store.store(SESSION, &bytes).unwrap();
    assert_eq!(fs::read(&stored.path).unwrap(), bytes);
    assert_eq!(fs::metadata(&stored.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(stored.summary.fingerprint, fingerprint(&stored.path));
    assert_eq!(store.load(SESSION).unwrap().as_ref(), Some(&stored));
    assert_eq!(store.load(&SESSION.to_uppercase()).unwrap().as_ref(), Some(&stored));
    assert_eq!(**store.bytes(SESSION).unwrap().as_ref().unwrap(), bytes);

    store.store(OTHER, &bytes).unwrap();
    fs::write(folder.path().join("keys/notes.txt"), "").unwrap();
    fs::write(folder.path().join("keys/not-a-uuid.id_container"), "").unwrap();
    assert_eq!(store.list().unwrap(), [SESSION, OTHER]);
    assert!(store.remove(SESSION).unwrap());
    assert!(!store.remove(SESSION).unwrap());
    assert_eq!(store.list().unwrap(), [OTHER]);
}

#[test]
fn a_new_key_takes_the_place_of_the_old_and_rubbish_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open(folder.path()).unwrap();
    let first = store.store(SESSION, &key(&["-t", "ed25519"])).unwrap();
    let second = store.store(SESSION, &key(&["-t", "ed25519"])).unwrap();
    assert_eq!(first.path, second.path);
    assert_ne!(first.summary, second.summary);
    let error = store.store(SESSION, b"<html>502</html>").unwrap_err();
    assert!(matches!(error, KeyStoreError::Key(KeyError::Html)));
    assert_eq!(store.load(SESSION).unwrap(), Some(second));
}

/// OpenSSH refuses its own format with CRLF; what a server sent that way must work all the same.
#[test]
fn what_is_stored_is_what_openssh_reads() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open(folder.path()).unwrap();
    let clean = key(&["-t", "ed25519"]);
    let crlf = String::from_utf8(clean.clone()).unwrap().replace('\n', "\r\n");
    let stored = store.store(SESSION, crlf.as_bytes()).unwrap();
    assert_eq!(fs::read(&stored.path).unwrap(), clean);
    ok(Command::new("ssh-keygen").arg("-yf").arg(&stored.path));
}

#[test]
fn a_key_that_was_widened_is_made_private_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open(folder.path()).unwrap();
    let bytes = key(&["-t", "ed25519"]);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let stored = store.store(SESSION, &bytes).unwrap();
    let widen = || fs::set_permissions(&stored.path, fs::Permissions::from_mode(0o644)).unwrap();
    widen();
    store.load(SESSION).unwrap();
    assert_eq!(mode(&stored.path), 0o600);
    widen();
    store.store(SESSION, &bytes).unwrap();
    assert_eq!(mode(&stored.path), 0o600);
}

#[test]
fn an_id_that_is_a_path_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open(folder.path().join("keys")).unwrap();
    for id in ["", ".", "../x", "/etc/passwd", "a/b", "train", "0f2f3f4f-1111-4222-8333-44445555666/"] {
        assert!(matches!(store.path(id), Err(KeyStoreError::BadSessionId(_))), "{id}");
        assert!(store.store(id, b"").is_err());
        assert!(store.remove(id).is_err());
    }
}

#[test]
fn the_name_of_a_host_key_is_one_harmless_word() {
    assert_eq!(alias(SESSION), format!("backendai-{SESSION}"));
    assert_eq!(alias(&SESSION.to_uppercase()), alias(SESSION));
    assert_eq!(alias("a b\n*,!"), "backendai-a_20b_0a_2a_2c_21");
    assert_ne!(alias("a_20"), alias("a "));
}

/// A known_hosts file with a plain and a hashed entry, lines of others, and no last line end.
fn known_hosts_file(folder: &std::path::Path) -> (KnownHosts, String, String) {
    let public = |name: &str| {
        let path = keygen(folder, name, &["-t", "ed25519", "-C", ""]);
        (fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned(), fingerprint(&path))
    };
    let ((ours, our_print), (theirs, _)) = (public("ours"), public("theirs"));
    let path = folder.join("known_hosts");
    fs::write(&path, format!("{} {ours}\n", alias(SESSION))).unwrap();
    ok(Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&path));
    let hashed = fs::read_to_string(&path).unwrap();
    assert!(hashed.starts_with("|1|"));
    let rest = format!("# a comment\r\n\n{} {theirs}\nbroken line\n@revoked * {theirs}", alias(OTHER));
    fs::write(&path, format!("{hashed}{} {ours}\n{rest}", alias(SESSION))).unwrap();
    (KnownHosts::open(&path).unwrap(), rest, our_print)
}

#[test]
fn forgetting_takes_plain_and_hashed_entries_and_nothing_else() {
    if missing("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (known_hosts, rest, print) = known_hosts_file(folder.path());
    assert_eq!(known_hosts.fingerprints(&alias(SESSION)).unwrap(), [print.clone(), print]);
    assert!(known_hosts.forget(&known_hosts.alias(SESSION)).unwrap());
    assert_eq!(fs::read_to_string(known_hosts.path()).unwrap(), rest);
    assert!(!known_hosts.forget(&alias(SESSION)).unwrap());
    assert!(known_hosts.fingerprints(&alias(SESSION)).unwrap().is_empty());
    assert_eq!(known_hosts.fingerprints(&alias(OTHER)).unwrap().len(), 1);
    let mode = fs::metadata(known_hosts.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn the_file_is_created_private_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    KnownHosts::open(&path).unwrap();
    assert_eq!(mode(), 0o600);
    fs::write(&path, "kept\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    KnownHosts::open(&path).unwrap();
    assert_eq!(mode(), 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept\n");
    assert!(KnownHosts::open(folder.path().join("none/known_hosts")).is_err());
}
