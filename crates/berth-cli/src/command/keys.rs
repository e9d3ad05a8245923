//! `keys`: the account's SSH keypair, keys of the user's own, and PuTTY's format.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use berth::{Error, Overwrite, PpkRequest};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::command::agree::agree;
use crate::context::Context;
use crate::failure::Failure;
use crate::prompt::{line, secret};

/// SSH keys: the account's, your own, and PuTTY's format.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Show the account's key, those of this computer, and saved copies
    List,
    /// Let a public key into a running session
    Add {
        /// Name or id
        #[arg(value_name = "SESSION", add = crate::completion::sessions())]
        session: String,
        /// A .pub file; `-` reads standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Let the cluster make a new key for the account; the old one stops working for sessions to come
    Renew {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Register a key pair of yours with the account; the private half goes to the cluster
    Register {
        /// The private key, unencrypted
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Write a key in PuTTY's format
    Convert {
        /// The private key, as ssh has it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The format
        #[arg(long, value_enum, value_name = "FORMAT", default_value = "ppk")]
        to: Format,
        /// Where to write it; FILE.ppk without
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Protect it by a passphrase, which is asked for
        #[arg(long)]
        passphrase: bool,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Make saved keys private again that others can read
    Mend,
    /// Print a start-up script that lets public keys into a session, for `berth create --bootstrap-script`
    Script {
        /// .pub files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// A format of private keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// PuTTY 0.75 and later
    Ppk,
    /// Older PuTTY
    Ppk2,
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let (berth, output) = (&context.berth, &context.output);
        match self {
            Self::List => list(context).await?,
            Self::Add { session, file } => {
                let line = read(&file)?;
                let session = context.session(&session).await?;
                let added = berth.add_key_to_session(&session.id, &line).await?;
                if output.is_json() {
                    output.json(&added);
                } else if added.was_there {
                    output.info(&format!(
                        "{} could log in to {} already.",
                        added.key.fingerprint, added.session
                    ));
                } else {
                    output.done(&format!("{} may log in to {} now.", added.key.fingerprint, added.session));
                }
            }
            Self::Renew { yes } => {
                agree(
                    output,
                    yes,
                    "The old key stops working for sessions that start from now on. Make a new one?",
                )?;
                context.reach().await?;
                let keys = berth.renew_account_key().await?;
                output.done("The account has a new key.");
                account(&keys, context);
            }
            Self::Register { file, yes } => {
                let question =
                    "The private key goes to the cluster and lies in every session that starts. Register it?";
                agree(output, yes, question)?;
                context.reach().await?;
                let keys = berth.register_account_key(&file).await?;
                output.done("The key is registered.");
                account(&keys, context);
            }
            Self::Convert { file, to, out, passphrase, force } => {
                let out = out.unwrap_or_else(|| {
                    let mut name = file.clone().into_os_string();
                    name.push(".ppk");
                    name.into()
                });
                let passphrase = if passphrase { Some(new_passphrase().await?) } else { None };
                let request = PpkRequest { old: matches!(to, Format::Ppk2), passphrase };
                let overwrite = if force { Overwrite::Replace } else { Overwrite::Refuse };
                let convert =
                    |source: Option<&str>| berth::convert_key(&file, source, &out, &request, overwrite);
                let converted = match convert(None) {
                    Err(e) if e.code == "key-encrypted" && std::io::stdin().is_terminal() => {
                        let source = secret(&format!("Passphrase of {}: ", file.display())).await?;
                        convert(source.as_deref())
                    }
                    other => other,
                };
                converted?;
                output.done(&format!("Written to {}.", out.display()));
            }
            Self::Mend => {
                let open: Vec<String> = berth
                    .saved_keys()
                    .into_iter()
                    .filter(|key| key.too_open)
                    .map(|key| key.path)
                    .chain(
                        berth
                            .local_keys()
                            .into_iter()
                            .filter(|key| key.too_open)
                            .filter_map(|key| key.private_path),
                    )
                    .collect();
                for path in &open {
                    berth.mend_key(path)?;
                    output.done(&format!("{path} is private now."));
                }
                if open.is_empty() {
                    output.info("All are private.");
                }
            }
            Self::Script { files } => {
                let lines: Result<Vec<String>, Failure> = files.iter().map(read).collect();
                let lines = lines?;
                output.data(&berth::Berth::key_script(lines.iter().map(String::as_str))?);
            }
        }
        Ok(0)
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let output = &context.output;
    context.reach().await?;
    let keys = context.berth.own_keys().await?;
    if output.is_json() {
        output.json(&keys);
        return Ok(());
    }
    account(&keys, context);
    let mark = |open: bool| if open { "permissions are too open (berth keys mend)" } else { "" }.to_owned();
    let local = keys.local.iter().map(|key| {
        vec![key.path.clone(), key.key.algorithm.clone(), key.key.fingerprint.clone(), mark(key.too_open)]
    });
    let saved = keys.saved.iter().map(|key| {
        vec![key.path.clone(), format!("of {}", key.session), key.fingerprint.clone(), mark(key.too_open)]
    });
    let rows: Vec<Vec<String>> = local.chain(saved).collect();
    if !rows.is_empty() {
        output.table(&["Key", "Kind", "Fingerprint", ""], rows);
    }
    Ok(())
}

fn account(keys: &berth::OwnKeys, context: &Context) {
    let output = &context.output;
    if output.is_json() {
        output.json(&json!({"account": keys.account}));
        return;
    }
    match (&keys.account, &keys.account_problem) {
        (Some(key), _) => output.info(&format!("Key of the account: {} {}", key.algorithm, key.fingerprint)),
        (None, Some(problem)) => output.warn(&problem.message),
        (None, None) => output.info("The account has no key: each session makes one of its own."),
    }
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    let unusable = |e: std::io::Error| {
        Error::new(
            "file-not-readable",
            format!("{} cannot be read: {e}.", file.display()),
            "Check that it exists.",
        )
        .with("path", file.display())
    };
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().take(64 << 10).read_to_string(&mut text).map_err(unusable)?;
        return Ok(text);
    }
    let bytes = std::fs::read(file).map_err(unusable)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Asked for twice on a terminal, else the first line of standard input.
async fn new_passphrase() -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(line().unwrap_or_default());
    }
    let none = || Failure::Usage("No passphrase was given.".into());
    let first = secret("Passphrase of the new file: ").await?.ok_or_else(none)?;
    if secret("The same again: ").await?.ok_or_else(none)? != first {
        return Err(Failure::Usage("The two passphrases differ.".into()));
    }
    Ok(first)
}
