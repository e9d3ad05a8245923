//! The shell's own words, in the language of the screen: from the UI's catalogues, so that there is one place for both.
//!
//! What a web view of the cluster's page, a native dialog or a failed load has to say cannot be said by the UI, which
//! lives in the main window. The language is the one that the settings name, else the first of the system's that there
//! is a catalogue for, as the UI has it (`ui/src/i18n.ts`).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use berth::{Berth, Error, Language};
use serde_json::Value;
use tauri::{AppHandle, Manager};

use crate::window;

/// A language that there is a catalogue for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locale {
    En,
    Ko,
}

/// Sentences by their keys.
pub(crate) struct Words {
    berth: Arc<Berth>,
    /// The system's, once the main window's web view has told.
    system: OnceLock<Locale>,
    english: Value,
    korean: Value,
}

impl Locale {
    /// Its name in `lang` attributes.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }

    /// The first of a system's languages, best first, that there is a catalogue for.
    fn of_system<'a>(languages: impl IntoIterator<Item = &'a str>) -> Self {
        let known = languages.into_iter().find_map(|language| {
            let primary = language.split(['-', '_']).next().unwrap_or_default();
            match primary.to_ascii_lowercase().as_str() {
                "en" => Some(Self::En),
                "ko" => Some(Self::Ko),
                _ => None,
            }
        });
        known.unwrap_or(Self::En)
    }
}

impl Words {
    pub(crate) fn new(berth: Arc<Berth>) -> Self {
        let read = |text| serde_json::from_str(text).unwrap_or_default();
        Self {
            berth,
            system: OnceLock::new(),
            english: read(include_str!("../../ui/src/locales/en.json")),
            korean: read(include_str!("../../ui/src/locales/ko.json")),
        }
    }

    /// Asks the main window's web view, once, which languages the system prefers.
    pub(crate) fn learn(app: &AppHandle) {
        let words = Arc::clone(&app.state::<Arc<Self>>());
        if words.system.get().is_some() {
            return;
        }
        let Some(main) = app.get_webview_window(window::MAIN) else { return };
        let asked = main.eval_with_callback("navigator.languages", move |told| {
            let languages: Vec<String> = serde_json::from_str(&told).unwrap_or_default();
            if !languages.is_empty() {
                let _ = words.system.set(Locale::of_system(languages.iter().map(String::as_str)));
            }
        });
        if let Err(e) = asked {
            tracing::info!(error = %e, "the system's languages are not known");
        }
    }

    /// The language now.
    pub(crate) fn locale(&self) -> Locale {
        match self.berth.settings().language {
            Language::En => Locale::En,
            Language::Ko => Locale::Ko,
            Language::System => self.system.get().copied().unwrap_or(Locale::En),
        }
    }

    /// A sentence without values.
    pub(crate) fn say(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// A sentence with values in it.
    pub(crate) fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        find(self.catalogue(), key).and_then(|text| filled(text, &values)).unwrap_or_else(|| key.to_owned())
    }

    /// An error with its two sentences in the language of the screen, as far as the catalogue has them.
    pub(crate) fn error(&self, mut error: Error) -> Error {
        // The product speaks English by itself.
        if self.locale() != Locale::En {
            let found = |part: &str| {
                let key = format!("errors.{}.{part}", error.code);
                find(self.catalogue(), &key).and_then(|text| filled(text, &error.details))
            };
            let (message, hint) = (found("message"), found("hint"));
            error.message = message.unwrap_or(error.message);
            error.hint = hint.unwrap_or(error.hint);
        }
        error
    }

    fn catalogue(&self) -> &Value {
        match self.locale() {
            Locale::En => &self.english,
            Locale::Ko => &self.korean,
        }
    }
}

/// `a.b.c` in a tree of objects.
fn find<'a>(catalogue: &'a Value, key: &str) -> Option<&'a str> {
    key.split('.').try_fold(catalogue, |tree, part| tree.get(part))?.as_str()
}

/// A text with its `{{name}}` replaced; `None` when a value is missing.
fn filled(text: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        out.push_str(before);
        out.push_str(values.get(name.trim()).filter(|value| !value.is_empty())?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use berth::{Options, Paths, SecretsChoice, Settings};

    use super::*;

    fn words(language: Language) -> (tempfile::TempDir, Words) {
        let dir = tempfile::tempdir().unwrap();
        let berth = Berth::start(Options {
            paths: Paths::at(dir.path().join("data")).unwrap(),
            secrets: SecretsChoice::Memory,
            demo_available: false,
            build: String::new(),
        })
        .unwrap();
        berth.update_settings(Settings { language, ..Settings::default() }).unwrap();
        (dir, Words::new(berth))
    }

    #[test]
    fn the_settings_choose_and_else_the_system() {
        assert_eq!(words(Language::Ko).1.locale(), Locale::Ko);
        let (_dir, words) = words(Language::System);
        assert_eq!(words.locale(), Locale::En, "before the web view has told");
        words.system.set(Locale::of_system(["fr-FR", "ko-KR", "en"])).unwrap();
        assert_eq!(words.locale(), Locale::Ko);
        assert_eq!(Locale::of_system(["de"]), Locale::En);
        assert_eq!(Locale::of_system(["EN_us", "ko"]), Locale::En);
    }

    #[test]
    fn sentences_come_with_their_values() {
        let (_dir, english) = words(Language::En);
        let (_dir_ko, korean) = words(Language::Ko);
        let values = [("name", "a.txt"), ("why", "full")];
        assert_eq!(english.with("native.notSaved", &values), "a.txt was not saved: full.");
        let said = korean.with("native.notSaved", &values);
        assert!(said.contains("a.txt") && said.contains("full") && said.contains("저장"), "{said}");
        assert_eq!(english.with("native.notSaved", &[]), "native.notSaved", "a value is missing");
    }

    #[test]
    fn errors_are_translated_as_the_ui_does_it() {
        let error = Error::new("session-not-running", "x is PENDING.", "Wait.")
            .with("session", "x")
            .with("status", "PENDING");
        let (_dir, english) = words(Language::En);
        assert_eq!(english.error(error.clone()).message, "x is PENDING.");
        let (_dir_ko, korean) = words(Language::Ko);
        let said = korean.error(error);
        assert!(said.message.contains("“x” 세션") && said.hint.contains("세션"), "{said:?}");
        let unknown = Error::new("no-such-code", "English.", "Only.");
        assert_eq!(korean.error(unknown.clone()), unknown);
        let without = Error::new("session-not-running", "English.", "");
        assert_eq!(korean.error(without).message, "English.", "its values are missing");
    }
}
