//! What is told on the terminal whatever command runs, because it comes when a program connects.

use berth::Event;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::output::{Output, one_line};

/// Tells it for as long as the command runs.
pub(crate) async fn tell(mut events: Receiver<Event>, output: Output) {
    loop {
        match events.recv().await {
            Ok(Event::HostKeyRenewed { session_id, session_name }) => {
                let shown = if session_name.is_empty() { session_id } else { session_name };
                let shown = one_line(&shown);
                output.info(&format!("“{shown}” was restarted; its SSH server has a new host key."));
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
