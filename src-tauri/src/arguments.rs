//! The few arguments of the desktop app. Everything a terminal wants is in the program `berth`.

use berth::WebUiWish;

/// What the app was started with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Sign in to the demo cluster at once, and print an ssh command line when it works.
    pub(crate) demo: bool,
    /// The session whose SSH port `--demo` opens; the first running one by default.
    pub(crate) connect: Option<String>,
    /// The WebUI that `berth web` wants to see.
    pub(crate) web_ui: Option<WebUiWish>,
}

const USAGE: &str = "usage: berth-desktop [--demo [--connect SESSION]] [--web-ui PROFILE [--session ID]]";

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = arguments;
        let mut session_id = None;
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--demo" if cfg!(feature = "demo") => parsed.demo = true,
                "--connect" => parsed.connect = Some(rest.next().ok_or(USAGE)?),
                WebUiWish::OPTION => {
                    let profile_id = rest.next().ok_or(USAGE)?;
                    parsed.web_ui = Some(WebUiWish { profile_id, session_id: None });
                }
                WebUiWish::SESSION => session_id = Some(rest.next().ok_or(USAGE)?),
                other => return Err(format!("berth-desktop: “{other}” is not understood\n{USAGE}")),
            }
        }
        if parsed.connect.is_some() && !parsed.demo {
            return Err(USAGE.into());
        }
        match (&mut parsed.web_ui, session_id) {
            (None, Some(_)) => return Err(USAGE.into()),
            (None, None) => {}
            (Some(wish), session_id) => wish.session_id = session_id,
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(arguments.iter().map(|a| (*a).to_owned()))
    }

    #[test]
    fn the_demo_and_wishes_are_understood_and_nothing_else() {
        assert_eq!(parse(&[]), Ok(Arguments::default()));
        assert_eq!(
            parse(&["--demo", "--connect", "train"]),
            Ok(Arguments { demo: true, connect: Some("train".into()), web_ui: None })
        );
        assert!(parse(&["--connect", "train"]).is_err(), "it means nothing without --demo");
        assert!(parse(&["--demo", "--connect"]).is_err(), "a name is missing");
        let wish = |session: Option<&str>| {
            let session_id = session.map(str::to_owned);
            let web_ui = Some(WebUiWish { profile_id: "me@c".into(), session_id });
            Ok(Arguments { web_ui, ..Arguments::default() })
        };
        assert_eq!(parse(&["--web-ui", "me@c"]), wish(None));
        assert_eq!(parse(&["--web-ui", "me@c", "--session", "5b5e"]), wish(Some("5b5e")));
        assert!(parse(&["--web-ui"]).is_err(), "a profile is missing");
        assert!(parse(&["--session", "5b5e"]).is_err(), "whose session");
        assert!(parse(&["--help"]).unwrap_err().contains("usage"));
    }
}
