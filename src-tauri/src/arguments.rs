//! The few arguments of the desktop app. Everything a terminal wants is in the program `berth`.

/// What the app was started with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Sign in to the demo cluster at once, and print an ssh command line when it works.
    pub(crate) demo: bool,
    /// The session whose SSH port `--demo` opens; the first running one by default.
    pub(crate) connect: Option<String>,
}

const USAGE: &str = "usage: berth-desktop [--demo [--connect SESSION]]";

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut rest = arguments;
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--demo" if cfg!(feature = "demo") => parsed.demo = true,
                "--connect" => parsed.connect = Some(rest.next().ok_or(USAGE)?),
                other => return Err(format!("berth-desktop: “{other}” is not understood\n{USAGE}")),
            }
        }
        if parsed.connect.is_some() && !parsed.demo {
            return Err(USAGE.into());
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
    fn the_demo_and_its_session_are_understood_and_nothing_else() {
        assert_eq!(parse(&[]), Ok(Arguments::default()));
        assert_eq!(
            parse(&["--demo", "--connect", "train"]),
            Ok(Arguments { demo: true, connect: Some("train".into()) })
        );
        assert!(parse(&["--connect", "train"]).is_err(), "it means nothing without --demo");
        assert!(parse(&["--demo", "--connect"]).is_err(), "a name is missing");
        assert!(parse(&["--help"]).unwrap_err().contains("usage"));
    }
}
