//! `cargo xtask test-real`: the main job against a real cluster, one that somebody has an account on or one that
//! `cargo xtask real-cluster up` has started.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::real_cluster::{self, Access};
use crate::run;

const HELP: &str = "\
cargo xtask test-real --endpoint URL --user NAME [OPTIONS]     any cluster
cargo xtask test-real RELEASE [OPTIONS]                        what `real-cluster up RELEASE` started, in both
                                                               access modes, with its servers being restarted

  --session NAME        the session to work in; otherwise the first one that runs. A folder berth-test-… is made in it
                        and removed again; nothing else is changed
  --create IMAGE        also make a session of this image, end it, and see what an open ssh says
  --foreign UUID        somebody else's session, which must not be reachable
  --idle-minutes N      how long an ssh is left alone (default 1; servers sweep after 20)
  --only TEST           a part of a test's name

NAME is an e-mail address (webserver) or an access key (manager). The password or secret key is read from
$BERTH_REAL_SECRET, or asked for; it is never an argument.
";

#[derive(Default)]
struct Options {
    release: Option<String>,
    endpoint: Option<String>,
    user: Option<String>,
    only: Option<String>,
    /// Environment of the tests.
    environment: Vec<(&'static str, String)>,
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.is_empty() || arguments.iter().any(|word| matches!(word.as_str(), "-h" | "--help")) {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = read(arguments)?;
    match (&options.release, &options.endpoint, &options.user) {
        (Some(release), None, None) => {
            for access in real_cluster::accesses(release)? {
                println!("\n== {release}: {}", access.endpoint);
                test(&options, &environment(release, &access))?;
            }
        }
        (None, Some(endpoint), Some(user)) => {
            let environment = vec![
                ("BERTH_REAL_ENDPOINT", endpoint.clone()),
                ("BERTH_REAL_USER", user.clone()),
                ("BERTH_REAL_SECRET", secret(user)?),
            ];
            test(&options, &environment)?;
        }
        _ => bail!("name --endpoint and --user, or a release that runs here; `cargo xtask test-real --help`"),
    }
    Ok(ExitCode::SUCCESS)
}

fn read(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--endpoint" => options.endpoint = Some(value()?),
            "--user" => options.user = Some(value()?),
            "--only" => options.only = Some(value()?),
            "--session" => options.environment.push(("BERTH_REAL_SESSION", value()?)),
            "--create" => options.environment.push(("BERTH_REAL_IMAGE", value()?)),
            "--foreign" => options.environment.push(("BERTH_REAL_FOREIGN", value()?)),
            "--idle-minutes" => options.environment.push(("BERTH_REAL_IDLE_MINUTES", value()?)),
            release if !release.starts_with('-') && options.release.is_none() => {
                options.release = Some(release.to_owned());
            }
            other => bail!("{other:?} cannot be understood; `cargo xtask test-real --help`"),
        }
    }
    Ok(options)
}

fn environment(release: &str, access: &Access) -> Vec<(&'static str, String)> {
    let restart =
        |server: &str| format!("'{}' real-cluster restart {release} {server}", own_program().display());
    vec![
        ("BERTH_REAL_ENDPOINT", access.endpoint.clone()),
        ("BERTH_REAL_USER", access.user.into()),
        ("BERTH_REAL_SECRET", access.secret.into()),
        ("BERTH_REAL_SESSION", access.session.into()),
        ("BERTH_REAL_IMAGE", access.image.into()),
        ("BERTH_REAL_FOREIGN_USER", access.other_user.into()),
        ("BERTH_REAL_FOREIGN_SECRET", access.other_secret.into()),
        ("BERTH_REAL_RESTART", restart("manager")),
        ("BERTH_REAL_RESTART_WEBSERVER", if access.webserver { restart("webserver") } else { String::new() }),
    ]
}

fn own_program() -> std::path::PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "xtask".into())
}

fn test(options: &Options, environment: &[(&'static str, String)]) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "-p", "berth", "--test", "real_cluster", "--"]);
    // In turns: some of them restart servers.
    command.args(["--ignored", "--nocapture", "--test-threads=1"]);
    command.args(options.only.as_deref());
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    command.envs(options.environment.iter().map(|(name, value)| (*name, value)));
    run::finish(&mut command)
}

fn secret(user: &str) -> Result<String> {
    if let Some(secret) = std::env::var("BERTH_REAL_SECRET").ok().filter(|secret| !secret.is_empty()) {
        return Ok(secret);
    }
    eprint!("Password or secret key of {user} (it is shown as you type): ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
