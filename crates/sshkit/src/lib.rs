//! What SSH programs need on this computer: keys, known_hosts, command lines, URLs.
//!
//! A session's `id_container` is looked at ([`key`]), kept where only its owner can read it
//! ([`key_store`], [`private_file`]), turned into what PuTTY reads ([`ppk`]) and named in command
//! lines that stock OpenSSH understands on every system ([`command`]). Host keys are pinned per
//! session in a `known_hosts` of Berth's own ([`known_hosts`]), and sessions become hosts of the user's own
//! `ssh_config` ([`ssh_config`]). Nothing here talks to a network.

pub mod authorized_keys;
pub mod command;
pub mod key;
pub mod key_store;
pub mod known_hosts;
pub mod os;
pub mod ppk;
pub mod private_file;
pub mod ssh_config;
pub mod tools;
