//! `update-password`.

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;
use crate::prompt::{ask_new_password, ask_secret};

/// Change the password of your account.
#[derive(Debug, Args)]
#[command(after_help = "\
Asks for the current password and for the new one. From a pipe, a line each:
  printf '%s\\n' \"$OLD\" \"$NEW\" | berth update-password

A password that has expired is changed by `berth login`.")]
pub(crate) struct UpdatePassword {
    /// The Python client's passwords, which every user of the computer could read
    #[arg(hide = true)]
    passwords: Vec<String>,
}

impl UpdatePassword {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        if !self.passwords.is_empty() {
            return Err(Failure::Usage(
                "Passwords are not taken from the command line, where others can read them: they are asked for, or \
                 read from standard input, a line each."
                    .into(),
            ));
        }
        let output = &context.output;
        context.reach().await?;
        let old = ask_secret(output, "Current password: ").await?;
        let new = ask_new_password(output).await?;
        context.berth.change_password(&old, &new).await?;
        output.done("Password updated.");
        Ok(0)
    }
}
