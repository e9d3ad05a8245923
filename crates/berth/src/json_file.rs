//! A JSON file that is either the old one or the new one, never half of either.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, error};

/// Reads a file; a missing one is the default. A broken one is set aside as `NAME.broken` rather than
/// lost or fatal: a settings file must never keep the program from starting.
pub(crate) fn read<T: DeserializeOwned + Default>(path: &Path) -> T {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) => {
            if e.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), error = %e, "cannot read file, using defaults");
            }
            return T::default();
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        Err(e) => {
            let aside = path.with_extension("json.broken");
            tracing::warn!(path = %path.display(), error = %e, "file is not valid, set aside");
            if let Err(e) = std::fs::rename(path, &aside) {
                tracing::warn!(path = %path.display(), error = %e, "cannot set it aside");
            }
            T::default()
        }
    }
}

/// Writes a file atomically, readable by its owner only.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| error::internal(&e.to_string()))?;
    bytes.push(b'\n');
    sshkit::private_file::write_private_file(path, &bytes, sshkit::private_file::Overwrite::Replace)
        .map_err(|e| error::file(&e, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_default_and_broken_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        assert_eq!(read::<Vec<u8>>(&path), Vec::<u8>::new());
        std::fs::write(&path, "{ not json").unwrap();
        assert_eq!(read::<Vec<u8>>(&path), Vec::<u8>::new());
        assert_eq!(std::fs::read_to_string(dir.path().join("settings.json.broken")).unwrap(), "{ not json");
        write(&path, &vec![1u8, 2]).unwrap();
        assert_eq!(read::<Vec<u8>>(&path), vec![1u8, 2]);
    }
}
