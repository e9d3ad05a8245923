//! What an app is started with (protocol.md 4.2).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Parameters of the first stream to an app, which starts it; later streams find it running and change nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppParameters {
    /// The app's port inside the container, 1024-65535; only for apps that have several.
    pub port: Option<u16>,
    /// Options of the app's command line as the app's description names them, e.g. `--password`, with their
    /// values; `None` for an option without one.
    pub arguments: BTreeMap<String, Option<String>>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
}

impl AppParameters {
    /// The query of the handshake. Nothing is sent that was not given: old servers refuse unknown keys.
    pub(crate) fn query(&self, app: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("app", app);
        if let Some(port) = self.port {
            query.append_pair("port", &port.to_string());
        }
        if !self.environment.is_empty() {
            query.append_pair("envs", &json!(self.environment).to_string());
        }
        if !self.arguments.is_empty() {
            let arguments: serde_json::Map<String, Value> =
                self.arguments.iter().map(|(option, value)| (option.clone(), json!(value))).collect();
            query.append_pair("arguments", &Value::Object(arguments).to_string());
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_is_sent() {
        assert_eq!(AppParameters::default().query("sshd"), "app=sshd");
        let parameters = AppParameters {
            port: Some(8091),
            arguments: [("--flag".to_owned(), None), ("--name".to_owned(), Some("a b".to_owned()))].into(),
            environment: [("PASSWORD".to_owned(), "x&y".to_owned())].into(),
        };
        let query = parameters.query("jupyter");
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let expected = [
            ("app", "jupyter"),
            ("port", "8091"),
            ("envs", r#"{"PASSWORD":"x&y"}"#),
            ("arguments", r#"{"--flag":null,"--name":"a b"}"#),
        ];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
