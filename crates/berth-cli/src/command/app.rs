//! `app`: a local port that leads to an app of a session, until Ctrl-C.

use berth::terminal::AppParameters;
use berth::{ConnectionState, Error, Event, PortChoice};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::stop::{Stop, stopped_by};

/// Open a local port to an app of a session.
#[derive(Debug, Args)]
#[command(after_help = "\
The address is printed on standard output once the port is open.

Examples:
  berth app my-session sshd -b 9922
  berth app my-session jupyter -b 0 --json")]
pub(crate) struct App {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// App, as `berth apps` names it
    #[arg(value_name = "APP")]
    app: String,
    /// Local port; 0 for any. The host, if given, is this computer's own
    #[arg(short, long, value_name = "[HOST:]PORT", default_value = "127.0.0.1:8080")]
    bind: String,
    /// Option that the app is started with, e.g. "--option value"
    #[arg(long = "arg", value_name = "\"--OPTION VALUE\"", allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// Environment variable that the app is started with
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
}

impl App {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let choice = match port(&self.bind)? {
            0 => PortChoice::Free,
            port => PortChoice::Exactly(port),
        };
        let parameters = AppParameters {
            port: None,
            arguments: self.arguments.iter().map(|text| option(text)).collect(),
            environment: environment(&self.environment)?,
        };
        let (berth, output) = (&context.berth, &context.output);
        let session = context.session(&self.session).await?;
        let mut stop = Stop::new()?;
        let mut events = berth.events();
        let opened = tokio::select! {
            opened = berth.connect_at(&session.id, &self.app, choice, parameters) => opened,
            signal = stop.asked() => return Ok(stopped_by(signal)),
        };
        let connection = match opened {
            Ok(connection) => connection,
            Err(e) => {
                if e.code == "app-not-offered" && !output.is_json() {
                    output.failed(&format!("The app \"{}\" is not supported by the session.", self.app));
                }
                return Err(e.into());
            }
        };
        berth.watch_sessions();
        let protocol = session.apps.iter().find(|app| app.name == self.app).map(|app| app.protocol.as_str());
        let protocol = if protocol == Some("http") { "http" } else { "tcp" };
        let url = format!("{protocol}://{}:{}", connection.host, connection.port);
        output.info(&format!(
            "A local proxy to the application \"{}\" provided by the session \"{}\" is available at:",
            self.app, session.name
        ));
        if output.is_json() {
            output.json(&json!({
                "url": url, "host": connection.host, "port": connection.port, "app": self.app,
                "session": session.name, "session_id": session.id,
            }));
        } else {
            output.line(&url);
        }
        let mut code = 0;
        let ended = loop {
            tokio::select! {
                signal = stop.asked() => {
                    code = stopped_by(signal);
                    break None;
                }
                event = events.recv() => match event {
                    Ok(Event::ConnectionChanged { connection: seen })
                        if seen.id == connection.id && seen.state == ConnectionState::SessionEnded =>
                    {
                        let gone = || Error::new("session-ended", "The session has ended.", "");
                        break Some(seen.incident.map_or_else(gone, |incident| incident.error));
                    }
                    Ok(Event::ConnectionChanged { connection: seen })
                        if seen.id == connection.id && seen.state == ConnectionState::SignInNeeded =>
                    {
                        output.warn("The login has expired. Sign in again with berth login, then restart this.");
                    }
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => break None,
                    _ => {}
                },
            }
        };
        output.info("Shutting down....");
        berth.connections().stop(&connection.id).await;
        output.info(&format!("The local proxy to \"{}\" has terminated.", self.app));
        ended.map_or(Ok(code), |error| Err(error.into()))
    }
}

/// The port of `[HOST:]PORT`; the host must be this computer alone.
fn port(bind: &str) -> Result<u16, Failure> {
    let (host, port) = bind.rsplit_once(':').unwrap_or(("127.0.0.1", bind));
    let port = port.parse().map_err(|_| Failure::Usage(format!("“{bind}” is no [HOST:]PORT.")))?;
    if matches!(host, "127.0.0.1" | "localhost" | "[::1]" | "::1" | "") {
        return Ok(port);
    }
    Err(Failure::Product(
        Error::new(
            "not-loopback",
            format!(
                "Berth does not listen on {host}: whoever reaches that address would be inside your session."
            ),
            format!(
                "Leave the host out; from another computer: ssh -L {port}:localhost:{port} THIS_COMPUTER"
            ),
        )
        .with("host", host),
    ))
}

/// `--option value` or `--option=value`, or an option alone.
fn option(text: &str) -> (String, Option<String>) {
    match text.trim().split_once([' ', '=']) {
        Some((name, value)) => (name.to_owned(), Some(value.trim().to_owned())),
        None => (text.trim().to_owned(), None),
    }
}

/// `NAME=VALUE` words.
pub(crate) fn environment<C: FromIterator<(String, String)>>(words: &[String]) -> Result<C, Failure> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Failure::Usage(format!("“{word}” is no NAME=VALUE."))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_this_computer_is_listened_on() {
        assert_eq!(port("9922").unwrap(), 9922);
        assert_eq!(port("localhost:0").unwrap(), 0);
        assert!(matches!(port("0.0.0.0:80"), Err(Failure::Product(e)) if e.code == "not-loopback"));
        assert!(matches!(port("x"), Err(Failure::Usage(_))));
    }

    #[test]
    fn options_come_in_three_forms() {
        assert_eq!(option("--a b c"), ("--a".into(), Some("b c".into())));
        assert_eq!(option("--a=b"), ("--a".into(), Some("b".into())));
        assert_eq!(option("--a"), ("--a".into(), None));
        let pairs: BTreeMap<String, String> = environment(&["A=b=c".into()]).unwrap();
        assert_eq!(pairs["A"], "b=c");
        assert!(environment::<Vec<_>>(&["=x".into()]).is_err());
    }
}
