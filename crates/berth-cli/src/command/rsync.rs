//! `rsync`: the stock rsync, told how to get into a session whose image has one, too.

use clap::Args;

use super::copy::remote;
use super::ssh::Way;
use crate::context::Context;
use crate::failure::Failure;

/// Synchronise folders with a session.
#[derive(Debug, Args)]
#[command(after_help = "\
The session's side is written :PATH, or SESSION:PATH. Everything else is rsync's own.

Example:
  berth rsync my-session -avP ./data/ :data/")]
pub(crate) struct Rsync {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Options and operands of rsync
    #[arg(value_name = "RSYNC OPTIONS… SRC… DST", trailing_var_arg = true, allow_hyphen_values = true,
          required = true, value_hint = clap::ValueHint::AnyPath)]
    words: Vec<String>,
}

impl Rsync {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let sides = self.words.iter().filter(|word| is_remote(word, &self.session)).count();
        if sides == 0 {
            return Err(Failure::Usage("No side is the session's: write that one as :PATH.".into()));
        }
        let way = Way::find(context, &self.session, None, &[]).await?;
        let mut arguments = vec!["-e".to_owned(), way.ssh.rsync_shell()];
        for word in &self.words {
            arguments.push(match remote(word, &self.session) {
                Some(path) if is_remote(word, &self.session) => format!("{}:{path}", way.ssh.destination),
                _ => word.clone(),
            });
        }
        way.run(context, "rsync", &arguments).await
    }
}

/// `host::module` is a daemon's, and an option may hold a colon.
fn is_remote(word: &str, session: &str) -> bool {
    !word.starts_with('-') && remote(word, session).is_some_and(|path| !path.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_daemons_are_not_the_session() {
        assert!(is_remote(":data/", "train") && is_remote("train:data", "train"));
        assert!(!is_remote("--rsh=x:y", "train") && !is_remote("train::module", "train"));
    }
}
