//! `sftp`: the stock sftp, told how to get into a session.

use berth::terminal::{SFTP_BUFFER, SFTP_REQUESTS};
use clap::Args;

use super::ssh::Way;
use crate::context::Context;
use crate::failure::Failure;
use crate::ssh_words::{SFTP, Words};

/// Copy files interactively.
#[derive(Debug, Args)]
pub(crate) struct Sftp {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Options of sftp, then a folder or file inside the session
    #[arg(value_name = "SFTP OPTIONS… PATH", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Sftp {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let words = Words::sort(&self.words, SFTP)?;
        if words.port.is_some() {
            return Err(Failure::Usage("sftp needs no port. For one, open it with: berth app".into()));
        }
        let way = Way::find(context, &self.session, None, &words.options).await?;
        let mut arguments = words.options;
        for (option, value) in [("-B", SFTP_BUFFER), ("-R", SFTP_REQUESTS)] {
            if !arguments.iter().any(|word| word.starts_with(option)) {
                arguments.extend([option.into(), value.into()]);
            }
        }
        arguments.extend(way.ssh.options.iter().cloned());
        arguments.push("--".into());
        let path = words.operands.first().map(String::as_str).unwrap_or_default();
        let path = super::copy::remote(path, &self.session).unwrap_or(path);
        let destination = &way.ssh.destination;
        arguments.push(if path.is_empty() { destination.clone() } else { format!("{destination}:{path}") });
        arguments.extend(words.operands.into_iter().skip(1));
        way.run(context, "sftp", &arguments).await
    }
}
