//! The receiving half of a WebSocket, without any input or output of its own.
//!
//! Bytes are read straight into one buffer and payloads are handed out where they lie, piece by piece: message
//! boundaries carry no meaning (protocol.md 4.2). The buffer grows while reads fill it and shrinks when idle.

use super::frame::{CONTROL_MAX, Header, Opcode};

/// Size of the buffer of an idle connection, in bytes.
const SMALL: usize = 8 << 10;
/// Largest size; managers send messages of up to 256 KiB.
const LARGE: usize = 256 << 10;

/// What stands next in the received bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Payload, to be taken with [`Decoder::payload`] and [`Decoder::consume`].
    Payload,
    /// A ping, with what the answer must carry.
    Ping(Control),
    /// An answer to a ping.
    Pong,
    /// A close, with its code.
    Close(Option<u16>),
    /// Nothing whole: read more.
    More,
}

/// The payload of a control frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Control {
    bytes: [u8; CONTROL_MAX],
    length: u8,
}

impl Control {
    fn new(payload: &[u8]) -> Self {
        let mut bytes = [0; CONTROL_MAX];
        let length = payload.len().min(CONTROL_MAX);
        bytes[..length].copy_from_slice(&payload[..length]);
        Self { bytes, length: length as u8 }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// A message that is not complete yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    None,
    Binary,
    /// Text carries nothing here and is skipped.
    Text,
}

/// The receiving half.
pub(crate) struct Decoder {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Payload bytes of the current data frame that were not handed out yet.
    remaining: u64,
    /// The current data frame ends its message.
    fin: bool,
    message: Message,
    /// The last read filled the buffer.
    full: bool,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; SMALL].into(),
            start: 0,
            end: 0,
            remaining: 0,
            fin: true,
            message: Message::None,
            full: false,
        }
    }

    /// What stands next. After a violation the decoder must not be used again.
    pub(crate) fn next(&mut self) -> Result<Received, &'static str> {
        loop {
            if self.remaining > 0 {
                if self.start == self.end {
                    return Ok(Received::More);
                }
                if self.message == Message::Binary {
                    return Ok(Received::Payload);
                }
                self.consume(self.available());
                continue;
            }
            let bytes = &self.buffer[self.start..self.end];
            let Some(header) = Header::parse(bytes)? else {
                return Ok(Received::More);
            };
            if header.opcode.is_control() {
                let whole = header.size + header.length as usize;
                let Some(payload) = bytes.get(header.size..whole) else {
                    return Ok(Received::More);
                };
                let received = control(header.opcode, payload)?;
                self.start += whole;
                return Ok(received);
            }
            self.message = match (header.opcode, self.message) {
                (Opcode::Continuation, Message::None) => return Err("a continuation of nothing"),
                (Opcode::Continuation, message) => message,
                (Opcode::Text, Message::None) => Message::Text,
                (_, Message::None) => Message::Binary,
                _ => return Err("a new message inside another"),
            };
            self.start += header.size;
            self.remaining = header.length;
            self.fin = header.fin;
            self.finish_frame();
        }
    }

    /// The payload at hand; not empty after [`Received::Payload`].
    pub(crate) fn payload(&self) -> &[u8] {
        if self.message == Message::Binary {
            &self.buffer[self.start..self.start + self.available()]
        } else {
            &[]
        }
    }

    /// Marks payload bytes as taken.
    pub(crate) fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.available());
        if amount > 0 {
            self.start += amount;
            self.remaining -= amount as u64;
            self.finish_frame();
        }
    }

    /// Room to read into; never empty once [`next`](Self::next) has asked for more.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        // What is left here is at most a part of a header or of a control frame.
        if self.full && self.buffer.len() < LARGE {
            let mut larger = vec![0; self.buffer.len() * 4].into_boxed_slice();
            if larger.len() > LARGE {
                larger = vec![0; LARGE].into_boxed_slice();
            }
            larger[..self.end - self.start].copy_from_slice(&self.buffer[self.start..self.end]);
            self.buffer = larger;
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
        }
        self.full = false;
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// Tells how many bytes of [`room`](Self::room) were read into.
    pub(crate) fn filled(&mut self, amount: usize) {
        self.end += amount;
        self.full = self.end == self.buffer.len();
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

    /// Payload bytes in the buffer.
    fn available(&self) -> usize {
        let buffered = self.end - self.start;
        usize::try_from(self.remaining).map_or(buffered, |remaining| remaining.min(buffered))
    }

    fn finish_frame(&mut self) {
        if self.remaining == 0 && self.fin {
            self.message = Message::None;
        }
    }
}

fn control(opcode: Opcode, payload: &[u8]) -> Result<Received, &'static str> {
    match opcode {
        Opcode::Ping => Ok(Received::Ping(Control::new(payload))),
        Opcode::Close => match payload {
            [] => Ok(Received::Close(None)),
            [high, low, ..] => match u16::from_be_bytes([*high, *low]) {
                code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Received::Close(Some(code))),
                _ => Err("an invalid close code"),
            },
            [_] => Err("half a close code"),
        },
        _ => Ok(Received::Pong),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;

    /// What a server may send.
    #[derive(Debug, Clone)]
    enum Sent {
        Binary(Vec<Vec<u8>>),
        Text(String),
        Ping(Vec<u8>),
        Pong,
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let bytes = |max: usize| {
            (0..max, any::<u8>()).prop_map(|(length, seed)| {
                (0..length).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect::<Vec<u8>>()
            })
        };
        prop_oneof![
            4 => prop::collection::vec(prop_oneof![bytes(300), bytes(40_000)], 1..4).prop_map(Sent::Binary),
            1 => "[a-z]{0,200}".prop_map(Sent::Text),
            2 => bytes(126).prop_map(Sent::Ping),
            1 => Just(Sent::Pong),
        ]
    }

    /// The wire form by another implementation, and the payload and pings that must come out.
    fn wire(all: &[Sent]) -> (Vec<u8>, Vec<u8>, Vec<Vec<u8>>) {
        let (mut out, mut payload, mut pings) = (Vec::new(), Vec::new(), Vec::new());
        let mut put = |frame: Frame| frame.format(&mut out).unwrap();
        for item in all {
            match item {
                Sent::Binary(pieces) => {
                    for (i, piece) in pieces.iter().enumerate() {
                        let data = if i == 0 { Data::Binary } else { Data::Continue };
                        let last = i + 1 == pieces.len();
                        put(Frame::message(piece.clone(), OpCode::Data(data), last));
                        payload.extend_from_slice(piece);
                        if !last {
                            // Control frames may come between the fragments of a message.
                            put(Frame::ping(vec![i as u8]));
                            pings.push(vec![i as u8]);
                        }
                    }
                }
                Sent::Text(text) => put(Frame::message(text.clone(), OpCode::Data(Data::Text), true)),
                Sent::Ping(bytes) => {
                    put(Frame::ping(bytes.clone()));
                    pings.push(bytes.clone());
                }
                Sent::Pong => put(Frame::pong(Vec::new())),
            }
        }
        (out, payload, pings)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_slicing_gives_the_same_bytes(
            all in prop::collection::vec(sent(), 0..12),
            reads in prop::collection::vec(prop_oneof![1usize..20, 1usize..70_000], 1..50),
            takes in prop::collection::vec(prop_oneof![1usize..20, 1usize..70_000], 1..50),
        ) {
            let (wire, payload, pings) = wire(&all);
            let (mut reads, mut takes) = (reads.into_iter().cycle(), takes.into_iter().cycle());
            let mut decoder = Decoder::new();
            let mut left = &wire[..];
            let (mut got, mut got_pings) = (Vec::new(), Vec::new());
            loop {
                match decoder.next().unwrap() {
                    Received::Payload => {
                        prop_assert!(!decoder.payload().is_empty());
                        let amount = takes.next().unwrap().min(decoder.payload().len());
                        got.extend_from_slice(&decoder.payload()[..amount]);
                        decoder.consume(amount);
                    }
                    Received::Ping(control) => got_pings.push(control.payload().to_vec()),
                    Received::Pong => {}
                    Received::Close(_) => prop_assert!(false, "a close out of nothing"),
                    Received::More if left.is_empty() => break,
                    Received::More => {
                        let room = decoder.room();
                        prop_assert!(!room.is_empty());
                        let amount = reads.next().unwrap().min(room.len()).min(left.len());
                        room[..amount].copy_from_slice(&left[..amount]);
                        left = &left[amount..];
                        decoder.filled(amount);
                        prop_assert!(decoder.buffer.len() <= LARGE);
                    }
                }
            }
            prop_assert_eq!(got, payload);
            prop_assert_eq!(got_pings, pings);
        }

        #[test]
        fn garbage_ends_in_an_error_or_in_waiting(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut decoder = Decoder::new();
            let room = decoder.room();
            room[..bytes.len()].copy_from_slice(&bytes);
            decoder.filled(bytes.len());
            while let Ok(received) = decoder.next() {
                match received {
                    Received::More => break,
                    Received::Payload => decoder.consume(decoder.payload().len()),
                    _ => {}
                }
            }
        }
    }

    fn of(bytes: &[u8]) -> Result<Received, &'static str> {
        let mut decoder = Decoder::new();
        decoder.room()[..bytes.len()].copy_from_slice(bytes);
        decoder.filled(bytes.len());
        decoder.next()
    }

    #[test]
    fn close_codes_are_read_and_checked() {
        assert_eq!(of(&[0x88, 0]), Ok(Received::Close(None)));
        assert_eq!(of(&[0x88, 2, 3, 0xf5]), Ok(Received::Close(Some(1013))));
        assert_eq!(of(&[0x88, 4, 3, 0xe9, b'o', b'k']), Ok(Received::Close(Some(1001))));
        for wrong in [&[0x88, 1, 3][..], &[0x88, 2, 0, 1], &[0x88, 2, 3, 0xed]] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn messages_do_not_nest() {
        assert!(of(&[0x80, 0]).is_err());
        assert!(of(&[0x02, 0, 0x82, 0]).is_err());
        assert!(of(&[0x01, 1, b'x', 0x82, 0]).is_err());
    }

    #[test]
    fn the_buffer_grows_under_load_and_shrinks_when_idle() {
        let mut decoder = Decoder::new();
        let mut header = vec![0x82, 127];
        header.extend_from_slice(&(1u64 << 40).to_be_bytes());
        decoder.room()[..header.len()].copy_from_slice(&header);
        decoder.filled(header.len());
        let mut sizes = Vec::new();
        for _ in 0..6 {
            while decoder.next().unwrap() == Received::Payload {
                decoder.consume(usize::MAX);
            }
            let room = decoder.room().len();
            sizes.push(room);
            decoder.filled(room);
        }
        assert_eq!(sizes.last(), Some(&LARGE), "{sizes:?}");
        decoder.next().unwrap();
        decoder.consume(usize::MAX);
        decoder.shrink();
        assert_eq!(decoder.buffer.len(), SMALL);
    }
}
