//! The sending half of a WebSocket, without any input or output of its own.
//!
//! It holds one data frame or a few control frames at a time. Data is masked while it is copied in, behind its
//! header, so that a frame leaves with one write.

use super::decoder::Control;
use super::frame::{CONTROL_MAX, HEADER_MAX, Opcode, write};

/// Longest message, in bytes. Managers are quickest at 64 to 256 KiB, and webservers end the stream at 4 MiB
/// (protocol.md appendix B).
pub(crate) const MESSAGE_MAX: usize = 256 << 10;
/// Size of the buffer of an idle connection, in bytes; a ping, a pong and a close fit in.
const SMALL: usize = 4 << 10;
const _: () = assert!(SMALL > 3 * (CONTROL_MAX + HEADER_MAX));

/// The sending half.
pub(crate) struct Encoder {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The frames at hand carry data.
    data: bool,
    pong: Option<Control>,
    ping: bool,
    close: Option<u16>,
    closed: bool,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; SMALL].into(),
            start: 0,
            end: 0,
            data: false,
            pong: None,
            ping: false,
            close: None,
            closed: false,
        }
    }

    /// Answers a ping; only the latest is worth it (RFC 6455, 5.5.3).
    pub(crate) fn pong(&mut self, ping: Control) {
        self.pong = Some(ping);
    }

    pub(crate) fn ping(&mut self) {
        self.ping = true;
    }

    /// Ends the stream, after the frame at hand. Only the first code counts.
    pub(crate) fn close(&mut self, code: u16) {
        if !self.closing() {
            self.close = Some(code);
        }
    }

    /// A close is due, under way or sent: no more data.
    pub(crate) fn closing(&self) -> bool {
        self.closed || self.close.is_some()
    }

    /// Data is not sent yet.
    pub(crate) fn holds_data(&self) -> bool {
        self.data && self.start < self.end
    }

    /// Bytes to send now; turns due control frames into bytes once nothing else is at hand.
    pub(crate) fn pending(&mut self) -> &[u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.data = false;
            if self.closed {
                return &[];
            }
            if let Some(ping) = self.pong.take() {
                self.control(Opcode::Pong, ping.payload());
            }
            if std::mem::take(&mut self.ping) {
                self.control(Opcode::Ping, &[]);
            }
            if let Some(code) = self.close.take() {
                self.control(Opcode::Close, &code.to_be_bytes());
                self.closed = true;
            }
        }
        &self.buffer[self.start..self.end]
    }

    /// Marks bytes of [`pending`](Self::pending) as sent.
    pub(crate) fn sent(&mut self, amount: usize) {
        self.start += amount;
    }

    /// Takes in as much data as one message carries and returns how much that was. Only when nothing is pending.
    pub(crate) fn data(&mut self, payload: &[u8]) -> usize {
        debug_assert!(self.start == self.end && !self.closing());
        let amount = payload.len().min(MESSAGE_MAX);
        let needed = amount + HEADER_MAX;
        if self.buffer.len() < needed {
            let size = amount.next_power_of_two() + HEADER_MAX;
            self.buffer = vec![0; size].into();
        }
        self.start = 0;
        self.end = write(&mut self.buffer, Opcode::Binary, &payload[..amount], rand::random());
        self.data = true;
        amount
    }

    /// Gives the memory of an idle connection back.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.buffer.len() > SMALL {
            self.buffer = vec![0; SMALL].into();
            self.start = 0;
            self.end = 0;
        }
    }

    /// Memory held, in bytes.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.buffer.len()
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) {
        let size = write(&mut self.buffer[self.end..], opcode, payload, rand::random());
        self.end += size;
    }
}
