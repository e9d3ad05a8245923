//! `demo`: the embedded demo cluster, which other `berth` commands of this user mean while it runs.

use berth::Error;
use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

/// Run a demo cluster, for trying this program without a real one.
#[derive(Debug, Args)]
#[command(after_help = "\
Its sessions are folders of this computer, and programs in them run as you. It listens on this computer only, and
ends with Ctrl-C, with everything in it.")]
pub(crate) struct Demo {
    /// Server line to speak like, e.g. 23.09; the newest without
    #[arg(long, value_name = "VERSION")]
    server: Option<String>,
}

#[cfg(not(feature = "demo"))]
impl Demo {
    #[expect(clippy::unused_async, reason = "as with the demo")]
    pub(crate) async fn run(self, _: &Context) -> Result<u8, Failure> {
        let _ = self.server;
        Err(Error::new("demo-failed", "This build of Berth has no demo cluster.", "Install the full one.")
            .into())
    }
}

#[cfg(feature = "demo")]
impl Demo {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        use berth::DemoAccess;
        use berth::terminal::{DemoGuard, running_demo};
        use demo_cluster::{DemoCluster, Options};
        use serde_json::json;

        use crate::stop::Stop;

        let output = &context.output;
        if let Some(running) = running_demo(&context.paths) {
            let text = format!("A demo cluster is running already, at {}.", running.url);
            return Err(Error::new("demo-running", text, "Use it, or end it where it runs.").into());
        }
        let mut stop = Stop::new()?;
        let failed = |e: String| {
            Error::new("demo-failed", format!("The demo cluster could not be started: {e}."), "Try again.")
        };
        let options = Options { dialect: self.dialect()?, ..Options::default() };
        let cluster = DemoCluster::start(options).await.map_err(|e| failed(e.to_string()))?;
        let account = cluster.account();
        let access =
            DemoAccess { url: cluster.webserver_url(), email: account.email, password: account.password };
        let note = DemoGuard::new(&context.paths, &access)?;
        let sessions = cluster.sessions();
        let running = sessions.iter().find(|s| s.status == "RUNNING" && s.owner == access.email);
        let session = running.map_or("SESSION", |session| session.name.as_str());
        if output.is_json() {
            output.json(&json!({
                "endpoint": access.url, "endpoint_type": "session", "user": access.email,
                "password": access.password, "manager": cluster.manager_url(),
                "access_key": account.access_key, "secret_key": account.secret_key,
            }));
        } else {
            output.info(&format!("A demo cluster like {} is running. Ctrl-C ends it.", cluster.dialect()));
            output.line(&format!("Endpoint:   {}", access.url));
            output.line(&format!("User ID:    {}", access.email));
            output.line(&format!("Password:   {}", access.password));
            output.line("");
            output.line("In another terminal:");
            for words in [
                "ps",
                &format!("ssh {session}"),
                &format!("scp {session} FILE :"),
                &format!("app {session} sshd -b 9922"),
            ] {
                output.line(&format!("  berth {words}"));
            }
            if !context.configuration.endpoints().is_empty() || context.configuration.keypair().is_some() {
                output.warn("The environment or a .env file names another cluster: add --profile demo.");
            }
        }
        stop.asked().await;
        drop(note);
        output.note("");
        output.info("Shutting down....");
        context.berth.forget_sessions(sessions.iter().map(|session| session.id.as_str()));
        cluster.stop().await;
        output.info("The demo cluster has terminated.");
        Ok(0)
    }

    fn dialect(&self) -> Result<demo_cluster::Dialect, Failure> {
        use demo_cluster::Dialect;

        let Some(line) = &self.server else { return Ok(Dialect::default()) };
        let all = Dialect::all();
        all.iter().copied().find(|dialect| dialect.manager_version().starts_with(line.as_str())).ok_or_else(
            || {
                let known: Vec<&str> = all.iter().map(|dialect| dialect.manager_version()).collect();
                Failure::Argument(format!(
                    "There is no demo of a server “{line}”; there are {}.",
                    known.join(", ")
                ))
            },
        )
    }
}
