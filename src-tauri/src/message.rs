//! Native messages: their sentences hold what pages and servers send, and must be shown as they are.

use tauri::AppHandle;
use tauri_plugin_dialog::{DialogExt, MessageDialogBuilder};

/// A message with a sentence, to be given a title and buttons; the only way to one.
#[allow(clippy::disallowed_methods)]
pub(crate) fn message(app: &AppHandle, sentence: &str) -> MessageDialogBuilder<tauri::Wry> {
    app.dialog().message(literal(sentence))
}

/// GTK is handed the sentence as a `printf` format without values (rfd 0.17.2): an address with `%3A` in it would show
/// what lies on the stack, and `%n` write there. A NUL would end the app.
fn literal(sentence: &str) -> String {
    let sentence = sentence.replace('\0', "");
    if cfg!(any(windows, target_os = "macos")) { sentence } else { sentence.replace('%', "%%") }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_sentence_is_a_format() {
        assert_eq!(literal("ssh://127.0.0.1%3A30022/%n%s\0"), "ssh://127.0.0.1%%3A30022/%%n%%s");
        assert_eq!(literal("세션 100 %"), "세션 100 %%");
    }
}
