//! `open`: a session in an editor, a terminal or a program for files.

use berth::{Error, PortChoice, SSHD};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::stop::{Stop, stopped_by};

/// Open a session in another program.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --in the programs are listed. Editors, terminals and file managers need `berth ssh-config install` once;
programs with an SSH of their own (FileZilla, WinSCP, Cyberduck, PuTTY) get a local port, which stays until Ctrl-C.

Examples:
  berth open my-session --in vscode
  berth open my-session --in filezilla")]
pub(crate) struct Open {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: Option<String>,
    /// The program
    #[arg(long = "in", value_name = "PROGRAM")]
    tool: Option<String>,
    /// Local port for programs that need one; 0 for any
    #[arg(short, long, value_name = "PORT", default_value_t = 0)]
    port: u16,
}

impl Open {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let (berth, output) = (&context.berth, &context.output);
        let Some(wanted) = self.tool else { return Ok(list(context)) };
        let Some(session) = self.session else {
            return Err(Failure::Usage("Name the session: berth open SESSION --in PROGRAM".into()));
        };
        let tool = berth.tools().into_iter().find(|tool| tool.id == wanted.to_lowercase());
        let needs_port = tool.is_some_and(|tool| tool.needs_port);
        let session = context.session(&session).await?;
        if !needs_port {
            berth.open_in(&wanted.to_lowercase(), &session.name, None).await?;
            output.done(&format!("Opened {} in {wanted}.", session.name));
            return Ok(0);
        }
        let mut stop = Stop::new()?;
        let choice = if self.port == 0 { PortChoice::AsUsual } else { PortChoice::Exactly(self.port) };
        let connection =
            berth.connect_at(&session.id, SSHD, choice, berth::terminal::AppParameters::default()).await?;
        berth.watch_sessions();
        berth.open_in(&wanted.to_lowercase(), &session.name, Some(&connection.id)).await?;
        output.done(&format!(
            "Opened {} in {wanted}, at {}:{}.",
            session.name, connection.host, connection.port
        ));
        output.info("The port stays open until Ctrl-C.");
        let mut events = berth.events();
        let ended = loop {
            tokio::select! {
                signal = stop.asked() => break Ok(stopped_by(signal)),
                event = events.recv() => match event {
                    Ok(berth::Event::ConnectionChanged { connection: seen })
                        if seen.id == connection.id && seen.state == berth::ConnectionState::SessionEnded =>
                    {
                        break Err(Error::new("session-ended", "The session has ended.", ""));
                    }
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => break Ok(0),
                    _ => {}
                },
            }
        };
        berth.connections().stop(&connection.id).await;
        Ok(ended?)
    }
}

/// The programs, the installed ones first.
fn list(context: &Context) -> u8 {
    let mut tools = context.berth.tools();
    tools.sort_by_key(|tool| !tool.installed);
    if context.output.is_json() {
        context.output.json(&json!({"count": tools.len(), "total_count": tools.len(), "items": tools}));
        return 0;
    }
    let rows = tools
        .into_iter()
        .map(|tool| {
            let where_from =
                if tool.installed { "installed".to_owned() } else { tool.page.unwrap_or_default() };
            vec![tool.id, tool.name, where_from]
        })
        .collect();
    context.output.table(&["--in", "Program", ""], rows);
    0
}
