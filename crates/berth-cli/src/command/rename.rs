//! `session rename`.

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

/// Give a running session another name.
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// The new name: 4 to 64 letters, digits, dots and hyphens
    #[arg(value_name = "NEW_NAME")]
    name: String,
}

/// By protocol.md 3.2; asked here because 26.9 renames to anything, and ssh then refuses the name (seen there).
fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (4..=64).contains(&name.len())
        && name.chars().all(|c| word(c) || matches!(c, '.' | '-'))
        && name.starts_with(word)
        && name.ends_with(word)
}

impl Rename {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        if !is_name(&self.name) {
            return Err(Failure::Argument(format!(
                "“{}” cannot be a session's name: 4 to 64 letters, digits, dots, hyphens and underscores.",
                self.name
            )));
        }
        let session = context.session(&self.session).await?;
        context.berth.rename_session(&session, &self.name).await?;
        context.output.done(&format!("Session renamed to {}.", self.name));
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_every_server_takes() {
        assert!(is_name("my-sess.1") && is_name("_abc"));
        for name in ["abc", "-abc", "abc.", "b@d name", "김치김치", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
