//! The real window, used as a person uses it: clicks, keys and the native save dialog, with stock OpenSSH at the end.
//!
//! Each test has its own display, home folder, app and demo cluster, so tests run side by side and leave nothing.
//! The app embeds its UI only with `custom-protocol`: run these through `cargo xtask test window`, which builds the UI
//! first and knows where tauri-driver is.
#![cfg(all(target_os = "linux", feature = "custom-protocol", feature = "demo"))]

#[path = "window/app.rs"]
mod app;
#[path = "window/bench.rs"]
mod bench;
#[path = "window/desk.rs"]
mod desk;
#[path = "window/keychain.rs"]
mod keychain;
#[path = "window/openssh.rs"]
mod openssh;
#[path = "window/steps.rs"]
mod steps;

#[path = "window/handover.rs"]
mod handover;
#[path = "window/hosted_webui.rs"]
mod hosted_webui;
#[path = "window/lifecycle.rs"]
mod lifecycle;
#[path = "window/main_job.rs"]
mod main_job;
#[path = "window/refusals.rs"]
mod refusals;
#[path = "window/screens.rs"]
mod screens;
#[path = "window/settings.rs"]
mod settings;
