//! The command line: global options, and which subcommand has which words.
//!
//! Words, options and defaults are the Python client's where it has the command (protocol.md 9.2).

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::command::{
    app, apps, completion, config, copy, create, demo, destroy, download, events, files, info, keys, list,
    login, logout, logs, man, open, profile, proxy, rename, rsync, sftp, ssh, ssh_config, update_password,
    upload, watch, web,
};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::program;

/// SSH, SCP, SFTP and app ports of Backend.AI compute sessions.
#[derive(Debug, Parser)]
#[command(version, propagate_version = false, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// How data is printed
    #[arg(long, value_enum, value_name = "FORM", global = true, help_heading = "Global options")]
    output: Option<Form>,
    /// Print data as JSON (same as --output json)
    #[arg(long, global = true, conflicts_with = "output", help_heading = "Global options")]
    json: bool,
    /// Server address, instead of the configured one
    #[arg(
        long,
        value_name = "URL",
        global = true,
        conflicts_with = "profile",
        help_heading = "Global options"
    )]
    pub(crate) endpoint: Option<String>,
    /// Cluster signed in to before, by its name in `berth profile list` or a part of it
    #[arg(long, value_name = "PROFILE", global = true, help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// Certificate authority of the server, a PEM file, beside the system's own
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub(crate) ca_file: Option<String>,
    /// Accept any certificate of the server
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) skip_sslcert_validation: bool,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For programs
    Json,
    /// For people
    Console,
}

impl Global {
    pub(crate) fn form(&self) -> Form {
        if self.json { Form::Json } else { self.output.unwrap_or(Form::Console) }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in to a cluster
    Login(login::Login),
    /// Sign out of the cluster
    Logout(logout::Logout),
    /// Change the password of your account
    UpdatePassword(update_password::UpdatePassword),
    /// Show which cluster is used, and as whom
    Config(config::Config),
    /// List, choose or remove clusters signed in to before
    #[command(subcommand)]
    Profile(profile::Profile),
    /// List your sessions
    Ps(list::List),
    /// Everything about sessions
    #[command(subcommand)]
    Session(Session),
    /// Show one session
    Info(info::Info),
    /// List the apps that a session offers
    Apps(apps::Apps),
    /// Open a local port to an app of a session
    App(app::App),
    /// Open a shell in a session, or run a command there
    Ssh(ssh::Ssh),
    /// Copy files to or from a session
    Scp(copy::Scp),
    /// Copy files interactively
    Sftp(sftp::Sftp),
    /// Synchronise folders with a session
    Rsync(rsync::Rsync),
    /// Relay standard input and output to a session, for ssh's ProxyCommand
    Proxy(proxy::Proxy),
    /// Make sessions hosts of ssh, for every program that reads its config
    #[command(subcommand)]
    SshConfig(ssh_config::SshConfig),
    /// Open a session in an editor or another program
    Open(open::Open),
    /// Open the cluster's own WebUI in the desktop app
    Web(web::Web),
    /// SSH keys: the account's, your own, and PuTTY's format
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Make a session
    #[command(visible_alias = "start")]
    Create(Box<create::Create>),
    /// End sessions
    #[command(visible_aliases = ["rm", "kill"])]
    Destroy(destroy::Destroy),
    /// Show what a session's container has written
    Logs(logs::Logs),
    /// Print what happens to a session
    Events(events::Events),
    /// Watch a session until it has ended
    Watch(watch::Watch),
    /// Run a demo cluster, for trying this program without a real one
    Demo(demo::Demo),
    /// Print a script that completes words in a shell
    Completion(completion::Completion),
    /// Print or write manual pages
    Man(man::Man),
    /// The administrators' words for the same
    #[command(subcommand, hide = true)]
    Admin(Admin),
}

/// Everything about sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// List your sessions
    List(list::List),
    /// Show one session
    Info(info::Info),
    /// Open a shell in a session, or run a command there
    Ssh(ssh::Ssh),
    /// Copy files to or from a session
    Scp(copy::Scp),
    /// Copy files interactively
    Sftp(sftp::Sftp),
    /// Synchronise folders with a session
    Rsync(rsync::Rsync),
    /// Download files and folders from a session
    Download(download::Download),
    /// Upload files to a session
    Upload(upload::Upload),
    /// List files inside a session
    Ls(files::Ls),
    /// Make a session
    #[command(visible_alias = "start")]
    Create(Box<create::Create>),
    /// End sessions
    #[command(visible_aliases = ["rm", "kill"])]
    Destroy(destroy::Destroy),
    /// Show what a session's container has written
    Logs(logs::Logs),
    /// Print what happens to a session
    Events(events::Events),
    /// Watch a session until it has ended
    Watch(watch::Watch),
    /// Give a running session another name
    Rename(rename::Rename),
}

/// The administrators' words.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Sessions
    #[command(subcommand)]
    Session(AdminSession),
}

/// The administrators' words for sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminSession {
    /// List your sessions
    List(list::List),
    /// Show one session
    Info(info::Info),
}

impl Arguments {
    /// The grammar under a name.
    pub(crate) fn grammar(name: &'static str) -> clap::Command {
        Self::command().name(name).bin_name(name)
    }

    /// Reads the command line; on a wrong one, and for help, the program ends here.
    pub(crate) fn read(name: &'static str) -> Self {
        let read = Self::grammar(name).try_get_matches().and_then(|matches| Self::from_arg_matches(&matches));
        match read {
            Ok(arguments) => arguments,
            Err(e) => {
                if name == program::CLIENT && e.kind() == clap::error::ErrorKind::InvalidSubcommand {
                    Output::new(&Global::default()).warn(
                        "Berth stands in for the client's commands about sessions only; for others, install it.",
                    );
                }
                e.exit()
            }
        }
    }
}

impl Command {
    /// Does what needs neither files nor network; none where there is more to do.
    pub(crate) fn without_cluster(&self, output: &Output) -> Result<Option<u8>, Failure> {
        match self {
            Self::Completion(command) => command.run(output).map(Some),
            Self::Man(command) => command.run(output).map(Some),
            Self::Proxy(command) => command.hand_over(),
            _ => Ok(None),
        }
    }

    /// Whether it stays to serve others.
    pub(crate) fn stays(&self) -> bool {
        match self {
            Self::App(_) | Self::Demo(_) | Self::Open(_) => true,
            Self::Ssh(command) | Self::Session(Session::Ssh(command)) => command.has_port(),
            Self::Scp(command) | Self::Session(Session::Scp(command)) => command.has_port(),
            _ => false,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match self {
            Self::Login(command) => command.run(context).await,
            Self::Logout(command) => command.run(context).await,
            Self::UpdatePassword(command) => command.run(context).await,
            Self::Config(command) => command.run(context).await,
            Self::Profile(command) => command.run(context).await,
            Self::Ps(command)
            | Self::Session(Session::List(command))
            | Self::Admin(Admin::Session(AdminSession::List(command))) => command.run(context).await,
            Self::Info(command)
            | Self::Session(Session::Info(command))
            | Self::Admin(Admin::Session(AdminSession::Info(command))) => command.run(context).await,
            Self::Apps(command) => command.run(context).await,
            Self::App(command) => command.run(context).await,
            Self::Ssh(command) | Self::Session(Session::Ssh(command)) => command.run(context).await,
            Self::Scp(command) | Self::Session(Session::Scp(command)) => command.run(context).await,
            Self::Sftp(command) | Self::Session(Session::Sftp(command)) => command.run(context).await,
            Self::Rsync(command) | Self::Session(Session::Rsync(command)) => command.run(context).await,
            Self::Proxy(command) => command.run(context).await,
            Self::SshConfig(command) => command.run(context).await,
            Self::Open(command) => command.run(context).await,
            Self::Web(command) => command.run(context).await,
            Self::Keys(command) => command.run(context).await,
            Self::Create(command) | Self::Session(Session::Create(command)) => command.run(context).await,
            Self::Destroy(command) | Self::Session(Session::Destroy(command)) => command.run(context).await,
            Self::Logs(command) | Self::Session(Session::Logs(command)) => command.run(context).await,
            Self::Events(command) | Self::Session(Session::Events(command)) => command.run(context).await,
            Self::Watch(command) | Self::Session(Session::Watch(command)) => command.run(context).await,
            Self::Session(Session::Download(command)) => command.run(context).await,
            Self::Session(Session::Upload(command)) => command.run(context).await,
            Self::Session(Session::Ls(command)) => command.run(context).await,
            Self::Session(Session::Rename(command)) => command.run(context).await,
            Self::Demo(command) => command.run(context).await,
            // Done already.
            Self::Completion(_) | Self::Man(_) => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_holds() {
        Arguments::grammar("berth").debug_assert();
    }
}
