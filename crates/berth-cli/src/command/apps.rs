//! `apps`: what a running session offers.

use berth::terminal::AppDetails;
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// List the apps that a session offers.
#[derive(Debug, Args)]
pub(crate) struct Apps {
    /// Name or id
    #[arg(value_name = "SESSION", add = crate::completion::sessions())]
    session: String,
    /// Only these apps
    #[arg(value_name = "APP")]
    apps: Vec<String>,
    /// Only names
    #[arg(short, long)]
    list_names: bool,
}

impl Apps {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let session = context.session(&self.session).await?;
        let mut apps = context.berth.app_details(&session.id).await?;
        let unknown: Vec<&String> =
            self.apps.iter().filter(|name| !apps.iter().any(|app| app.name == **name)).collect();
        if let Some(name) = unknown.first() {
            context.output.failed(&format!("The app \"{name}\" is not supported by the session."));
            return Ok(1);
        }
        if !self.apps.is_empty() {
            apps.retain(|app| self.apps.contains(&app.name));
        }
        let output = &context.output;
        if output.is_json() {
            let items: Vec<_> = apps
                .iter()
                .map(|app| {
                    let pairs = |of: &[(String, Option<String>)]| {
                        of.iter()
                            .map(|(name, default)| json!({"name": name, "default": default}))
                            .collect::<Vec<_>>()
                    };
                    json!({
                        "name": app.name, "protocol": app.protocol, "ports": app.ports,
                        "arguments": pairs(&app.arguments), "environment": pairs(&app.environment),
                    })
                })
                .collect();
            output.json(&json!({"count": items.len(), "total_count": items.len(), "items": items}));
            return Ok(0);
        }
        if self.list_names {
            let names: Vec<&str> = apps.iter().map(|app| app.name.as_str()).collect();
            output.info("This session provides the following app services:");
            for name in names {
                output.line(&crate::output::one_line(name));
            }
            return Ok(0);
        }
        for app in &apps {
            show(app, output);
        }
        Ok(0)
    }
}

fn show(app: &AppDetails, output: &crate::output::Output) {
    if app.arguments.is_empty() && app.environment.is_empty() {
        output.info(&format!("Service {} does not have customizable arguments.", app.name));
        return;
    }
    output.info(&format!("Information for service {}:", app.name));
    for (what, of) in [("arguments", &app.arguments), ("environment variables", &app.environment)] {
        if of.is_empty() {
            continue;
        }
        let shown: Vec<String> = of
            .iter()
            .map(|(name, default)| default.as_ref().map_or_else(|| name.clone(), |d| format!("{name} ({d})")))
            .collect();
        output.line(&format!("\tAvailable {what}: {}", crate::output::one_line(&shown.join(", "))));
    }
}
