//! The embedded demo cluster, started when it is first wanted.

use berth::{DemoAccess, Error};

use crate::shell::{self, Shell};

/// The demo cluster, once it runs.
#[derive(Default)]
pub(crate) struct Demo {
    #[cfg(feature = "demo")]
    running: tokio::sync::Mutex<Option<demo_cluster::DemoCluster>>,
    /// By which other processes of this user find it: the command line, and `ssh` through it.
    #[cfg(feature = "demo")]
    note: std::sync::Mutex<Option<berth::terminal::DemoGuard>>,
}

#[cfg(feature = "demo")]
impl Demo {
    /// Starts it if need be.
    pub(crate) async fn access(&self, paths: &berth::Paths) -> Result<DemoAccess, Error> {
        use demo_cluster::{DemoCluster, Options};

        let mut running = self.running.lock().await;
        let cluster = match running.take() {
            Some(cluster) => cluster,
            None => DemoCluster::start(Options { dialect: dialect()?, ..Options::default() })
                .await
                .map_err(|e| shell::failure(&format!("The demo cluster could not be started: {e}.")))?,
        };
        let account = cluster.account();
        let access =
            DemoAccess { url: cluster.webserver_url(), email: account.email, password: account.password };
        *running = Some(cluster);
        let mut note = self.note.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if note.is_none() {
            *note = berth::terminal::DemoGuard::new(paths, &access).ok();
        }
        Ok(access)
    }

    /// Ends it with everything inside.
    pub(crate) async fn stop(&self) {
        self.note.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(cluster) = self.running.lock().await.take() {
            cluster.stop().await;
        }
    }
}

/// `BERTH_DEMO_DIALECT`: the server line it imitates, e.g. `23.09`; the newest by default.
#[cfg(feature = "demo")]
fn dialect() -> Result<demo_cluster::Dialect, Error> {
    use demo_cluster::Dialect;

    let Ok(line) = std::env::var("BERTH_DEMO_DIALECT") else { return Ok(Dialect::default()) };
    Dialect::all()
        .into_iter()
        .find(|d| d.manager_version().starts_with(&line))
        .ok_or_else(|| shell::failure(&format!("There is no demo of a server line “{line}”.")))
}

#[cfg(not(feature = "demo"))]
impl Demo {
    pub(crate) async fn access(&self, _paths: &berth::Paths) -> Result<DemoAccess, Error> {
        Err(shell::failure("This build of Berth has no demo cluster."))
    }

    pub(crate) async fn stop(&self) {}
}

/// Signs in to the demo cluster, opens the SSH port of a session, and prints the line that uses it.
#[expect(clippy::print_stdout, reason = "the line is what the caller of --demo waits for")]
pub(crate) async fn print_ssh_command(shell: &Shell, session: Option<&str>) -> Result<(), Error> {
    shell.sign_in_demo().await?;
    let list = shell.berth().refresh_sessions().await?;
    let session = list
        .sessions
        .iter()
        .rev()
        .find(|s| s.status == "RUNNING" && session.is_none_or(|name| name == s.name))
        .ok_or_else(|| shell::failure("The demo cluster has no such running session."))?;
    let connection = shell.berth().connect(&session.id, berth::SSHD).await?;
    let ssh = connection.commands.iter().find(|c| c.kind == berth::CommandKind::Ssh);
    println!("{}", ssh.map(|c| c.line.as_str()).unwrap_or_default());
    Ok(())
}
