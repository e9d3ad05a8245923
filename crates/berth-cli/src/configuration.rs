//! `BACKEND_*` settings from the environment and the nearest `.env` file, which wins (protocol.md 9.1).

use std::collections::BTreeMap;
use std::path::PathBuf;

use berth::Error;

use crate::dot_env;
use crate::output::Output;

/// What the Python client asks when it is told no endpoint.
pub(crate) const DEFAULT_ENDPOINT: &str = "https://api.cloud.backend.ai";

/// Prefixes of names; the second is that of old.
const PREFIXES: [&str; 2] = ["BACKEND_", "SORNA_"];

/// The values and where they come from.
#[derive(Clone, Default)]
pub(crate) struct Configuration {
    from_file: BTreeMap<String, String>,
    from_environment: BTreeMap<String, String>,
    /// The `.env` file that was read.
    pub(crate) file: Option<PathBuf>,
}

/// How an endpoint is to be spoken to, if that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndpointType {
    Api,
    Session,
}

impl Configuration {
    /// Reads both.
    pub(crate) fn read(output: &Output) -> Result<Self, Error> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let file = std::env::current_dir().ok().and_then(|folder| dot_env::find(&folder));
        let Some(path) = file else { return Ok(Self::new(BTreeMap::new(), &environment, None)) };
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            // Another user's file above the present folder is not meant for this one.
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                output.warn(&format!("{} cannot be read and is left out.", path.display()));
                return Ok(Self::new(BTreeMap::new(), &environment, None));
            }
            Err(e) => return Err(broken(&path.display().to_string(), &e.to_string())),
        };
        let values = match dot_env::parse(&text, |name| environment.get(name).cloned()) {
            Ok(values) => values,
            Err(e) if dot_env::concerns_us(&text) => {
                return Err(broken(&path.display().to_string(), &e.to_string()));
            }
            Err(_) => BTreeMap::new(),
        };
        Ok(Self::new(values, &environment, Some(path)))
    }

    fn new(
        file: BTreeMap<String, String>,
        environment: &BTreeMap<String, String>,
        path: Option<PathBuf>,
    ) -> Self {
        let ours = |values: &BTreeMap<String, String>| {
            values
                .iter()
                .filter(|(key, _)| PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        let from_file = ours(&file);
        let file = path.filter(|_| !from_file.is_empty());
        Self { from_file, from_environment: ours(environment), file }
    }

    /// A value by its name without prefix; empty ones count as not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        PREFIXES
            .iter()
            .find_map(|prefix| {
                let key = format!("{prefix}{name}");
                self.from_file.get(&key).or_else(|| self.from_environment.get(&key))
            })
            .map(String::as_str)
            .filter(|value| !value.trim().is_empty())
    }

    /// Yes or no, in the Python client's words.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Error> {
        let Some(value) = self.get(name) else { return Ok(false) };
        match value.trim().to_lowercase().as_str() {
            "y" | "yes" | "t" | "true" | "1" => Ok(true),
            "n" | "no" | "f" | "false" | "0" => Ok(false),
            _ => Err(invalid(name, value, "yes or no")),
        }
    }

    /// The endpoints, in the order in which they are tried.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let list = self.get("ENDPOINT").unwrap_or_default();
        list.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    }

    /// The kind of endpoint, if it is said.
    pub(crate) fn endpoint_type(&self) -> Result<Option<EndpointType>, Error> {
        match self.get("ENDPOINT_TYPE").map(str::to_lowercase).as_deref() {
            None => Ok(None),
            Some("api") => Ok(Some(EndpointType::Api)),
            Some("session") => Ok(Some(EndpointType::Session)),
            Some(other) => Err(invalid("ENDPOINT_TYPE", other, "api or session")),
        }
    }

    /// The API keypair.
    pub(crate) fn keypair(&self) -> Option<(String, String)> {
        Some((self.get("ACCESS_KEY")?.trim().to_owned(), self.get("SECRET_KEY")?.trim().to_owned()))
    }

    /// A user's name and password, as the newer clients read them.
    pub(crate) fn password(&self) -> Option<(String, String)> {
        Some((self.get("USER")?.trim().to_owned(), self.get("PASSWORD")?.to_owned()))
    }

    /// The domain that sessions are made in.
    pub(crate) fn domain(&self) -> &str {
        self.get("DOMAIN").unwrap_or("default")
    }

    /// The project that sessions are made in.
    pub(crate) fn project(&self) -> &str {
        self.get("GROUP").unwrap_or("default")
    }
}

fn broken(path: &str, why: &str) -> Error {
    Error::new("env-file", format!("{path} cannot be used: {why}."), "Mend the line, or remove the file.")
        .with("path", path)
        .with("detail", why)
}

fn invalid(name: &str, value: &str, allowed: &str) -> Error {
    Error::new(
        "configuration-invalid",
        format!("BACKEND_{name} is “{value}”, which is neither {}.", allowed.replace(" or ", " nor ")),
        format!("Set it to {allowed}."),
    )
    .with("name", format!("BACKEND_{name}"))
    .with("value", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_file_wins_and_the_old_prefix_is_known() {
        let file = values(&[("BACKEND_ENDPOINT", "https://a, https://b"), ("OTHER", "x")]);
        let environment =
            values(&[("BACKEND_ENDPOINT", "https://c"), ("SORNA_GROUP", "g"), ("BACKEND_DOMAIN", " ")]);
        let read = Configuration::new(file, &environment, Some("/.env".into()));
        assert_eq!(read.endpoints(), ["https://a", "https://b"]);
        assert_eq!((read.project(), read.domain()), ("g", "default"));
        assert_eq!(read.file, Some("/.env".into()));
        assert_eq!(Configuration::new(values(&[("X", "1")]), &environment, Some("/.env".into())).file, None);
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        let read = |key, value| Configuration::new(values(&[(key, value)]), &BTreeMap::new(), None);
        assert!(read("BACKEND_SKIP_SSLCERT_VALIDATION", "Yes").flag("SKIP_SSLCERT_VALIDATION").unwrap());
        assert!(!read("X", "1").flag("SKIP_SSLCERT_VALIDATION").unwrap());
        let error =
            read("BACKEND_SKIP_SSLCERT_VALIDATION", "maybe").flag("SKIP_SSLCERT_VALIDATION").unwrap_err();
        assert_eq!(error.code, "configuration-invalid");
        assert!(read("BACKEND_ENDPOINT_TYPE", "docker").endpoint_type().is_err());
    }
}
