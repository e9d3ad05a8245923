//! What the user has chosen, kept over restarts.

use std::path::PathBuf;
use std::sync::Mutex;

use crate::{Error, Settings, error, json_file};

/// The settings file and its present content.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    current: Mutex<Settings>,
}

impl SettingsFile {
    pub(crate) fn open(path: PathBuf) -> Self {
        let mut settings: Settings = json_file::read(&path);
        if check(&settings).is_err() {
            tracing::warn!("the preferred SSH port of the settings file is out of range, ignored");
            settings.preferred_ssh_port = None;
        }
        Self { path, current: Mutex::new(settings) }
    }

    pub(crate) fn get(&self) -> Settings {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, settings: Settings) -> Result<(), Error> {
        check(&settings)?;
        json_file::write(&self.path, &settings)?;
        *self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = settings;
        Ok(())
    }
}

/// Ports below 1024 need privileges; 1024 itself and 65535 are accepted.
fn check(settings: &Settings) -> Result<(), Error> {
    match settings.preferred_ssh_port {
        Some(port) if port < 1024 => Err(error::settings_invalid(port)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferred_port_is_checked_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        let file = SettingsFile::open(path.clone());
        assert_eq!(file.get(), Settings::default());
        let refused =
            file.set(Settings { preferred_ssh_port: Some(1023), ..Settings::default() }).unwrap_err();
        assert_eq!(refused.code, "settings-invalid");
        for port in [1024, 30722, 65535] {
            file.set(Settings { preferred_ssh_port: Some(port), ..Settings::default() }).unwrap();
            assert_eq!(SettingsFile::open(path.clone()).get().preferred_ssh_port, Some(port));
        }
    }

    #[test]
    fn a_port_out_of_range_in_the_file_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        std::fs::write(&path, r#"{"preferredSshPort": 22, "language": "ko"}"#).unwrap();
        let settings = SettingsFile::open(path).get();
        assert_eq!(settings.preferred_ssh_port, None);
        assert_eq!(settings.language, crate::Language::Ko);
    }
}
