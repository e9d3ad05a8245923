//! The subcommands, a file each: read the words, call the product, show the answer.

mod agree;
pub(crate) mod app;
pub(crate) mod apps;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod demo;
pub(crate) mod destroy;
pub(crate) mod download;
pub(crate) mod files;
pub(crate) mod info;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod open;
pub(crate) mod profile;
pub(crate) mod proxy;
pub(crate) mod rename;
pub(crate) mod rsync;
pub(crate) mod sftp;
pub(crate) mod ssh;
pub(crate) mod ssh_config;
pub(crate) mod upload;
