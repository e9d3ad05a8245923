//! The desktop shell: a window, commands, and the way in and out. No rule of the product lives here.

mod arguments;
mod commands;
mod demo;
mod handover;
mod hosted_webui;
mod message;
mod save_key;
mod shell;
mod window;
mod words;

use std::process::ExitCode;
use std::sync::Arc;

use berth::{Berth, Options, Paths, SecretsChoice};
use tauri::{Manager, RunEvent, WindowEvent};

use crate::arguments::Arguments;
use crate::hosted_webui::HostedWebUi;
use crate::shell::Shell;
use crate::words::Words;

/// Runs the app until its window is closed, it is told to quit, or it cannot start.
pub fn run() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => return shell::refuse(&usage),
    };
    let (shell, _log) = match open(arguments) {
        Ok(opened) => opened,
        Err(e) => return shell::refuse(&format!("{}\n{}", e.message, e.hint)),
    };
    let mut builder = tauri::Builder::default();
    if std::env::var_os("BERTH_NO_SINGLE_INSTANCE").is_none() {
        builder = builder.plugin(tauri_plugin_single_instance::init(|app, words, _| {
            window::show(app);
            // The first word is the program.
            let arguments = Arguments::parse(words.into_iter().skip(1));
            if let Some(wish) = arguments.ok().and_then(|arguments| arguments.web_ui) {
                hosted_webui::wanted(app, wish);
            }
        }));
    }
    let words = Arc::new(Words::new(Arc::clone(shell.berth())));
    let app = builder
        // Before the dialogs' plugin, which puts its own in place of a page's.
        .plugin(hosted_webui::page_dialogs())
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        // Links are the windows' own business: a click would go to a command that no page may use.
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .manage(words)
        .manage(shell)
        .manage(HostedWebUi::default())
        .invoke_handler(tauri::generate_handler![
            commands::startup,
            commands::probe_server,
            commands::sign_in,
            commands::change_expired_password,
            commands::change_password,
            commands::sign_in_demo,
            commands::sign_out,
            commands::forget_profile,
            commands::refresh_sessions,
            commands::session_apps,
            commands::connect,
            commands::disconnect,
            commands::connections,
            commands::save_ssh_key,
            commands::open_connection_url,
            commands::update_settings,
            commands::about,
            commands::copy_text,
            handover::save_ssh_key_as_ppk,
            handover::tools,
            handover::open_in,
            handover::open_tool_page,
            handover::ssh_hosts,
            handover::ssh_host,
            handover::install_ssh_hosts,
            handover::uninstall_ssh_hosts,
            handover::own_keys,
            handover::renew_account_key,
            handover::register_account_key,
            handover::add_key_to_session,
            handover::saved_keys,
            handover::mend_key,
            commands::notify,
            hosted_webui::open_web_ui,
            hosted_webui::local_proxy,
        ])
        .setup(|app| {
            let handle = app.handle().clone();
            shell::forward_events(&handle);
            hosted_webui::follow(&handle);
            shell::quit_on_signals(&handle);
            hosted_webui::wanted_at_start(&handle);
            shell::sign_in_at_start(&handle);
            window::open(&handle)?;
            Ok(())
        })
        .build(tauri::generate_context!());
    match app {
        Ok(app) => {
            app.run(|app, event| match event {
                RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } => {
                    hosted_webui::window_gone(app, &label);
                }
                RunEvent::Exit => tauri::async_runtime::block_on(app.state::<Shell>().shut_down()),
                _ => {}
            });
            ExitCode::SUCCESS
        }
        Err(e) => shell::refuse(&format!("The window could not be opened: {e}")),
    }
}

fn open(arguments: Arguments) -> Result<(Shell, impl Drop), berth::Error> {
    let paths = Paths::of_this_user()?;
    let log = berth::log::start(&paths)?;
    let build = concat!(env!("BERTH_REVISION"), " ", env!("BERTH_PROFILE")).to_owned();
    let berth = Berth::start(Options {
        paths,
        secrets: SecretsChoice::from_environment(),
        demo_available: cfg!(feature = "demo"),
        build,
    })?;
    Ok((Shell::new(berth, arguments), log))
}
