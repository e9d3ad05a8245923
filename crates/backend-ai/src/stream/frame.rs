//! WebSocket frame headers and masking (RFC 6455, section 5), for the client's side.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    pub(crate) fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// The longest payload of a control frame, in bytes.
pub(crate) const CONTROL_MAX: usize = 125;
/// The longest header of a frame that we send: two bytes, a 64-bit length and the mask.
pub(crate) const HEADER_MAX: usize = 14;

/// A frame header from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    /// Length of the payload, in bytes.
    pub(crate) length: u64,
    /// Length of this header, in bytes.
    pub(crate) size: usize,
}

impl Header {
    /// Reads a server's frame header; `None` when there are not enough bytes yet, an error in words when the
    /// bytes are none. No extension is ever negotiated, so reserved bits are always wrong.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, &'static str> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err("reserved bits are set");
        }
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err("unknown opcode"),
        };
        let fin = first & 0x80 != 0;
        if second & 0x80 != 0 {
            return Err("a masked frame from the server");
        }
        let short = second & 0x7f;
        if opcode.is_control() && (!fin || short > 125) {
            return Err("a control frame that is fragmented or too long");
        }
        let (length, size) = match short {
            126 => {
                let Some(bytes) = rest.first_chunk::<2>() else {
                    return Ok(None);
                };
                let length = u64::from(u16::from_be_bytes(*bytes));
                if length < 126 {
                    return Err("a length in more bytes than it needs");
                }
                (length, 4)
            }
            127 => {
                let Some(bytes) = rest.first_chunk::<8>() else {
                    return Ok(None);
                };
                let length = u64::from_be_bytes(*bytes);
                if length <= u64::from(u16::MAX) {
                    return Err("a length in more bytes than it needs");
                }
                if length >> 63 != 0 {
                    return Err("a length beyond 63 bits");
                }
                (length, 10)
            }
            short => (u64::from(short), 2),
        };
        Ok(Some(Self { fin, opcode, length, size }))
    }
}

/// Writes one whole masked frame to the front of `out`, which must have room for [`HEADER_MAX`] bytes more than
/// the payload, and returns its length.
pub(crate) fn write(out: &mut [u8], opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> usize {
    out[0] = 0x80 | opcode as u8;
    let length = payload.len();
    let mut at = 2;
    if length < 126 {
        out[1] = 0x80 | length as u8;
    } else if let Ok(length) = u16::try_from(length) {
        out[1] = 0x80 | 126;
        out[2..4].copy_from_slice(&length.to_be_bytes());
        at = 4;
    } else {
        out[1] = 0x80 | 127;
        out[2..10].copy_from_slice(&(length as u64).to_be_bytes());
        at = 10;
    }
    out[at..at + 4].copy_from_slice(&mask);
    at += 4;
    copy_masked(&mut out[at..at + length], payload, mask);
    at + length
}

/// Copies and masks in one pass, in blocks wide enough for the compiler to use vector instructions.
fn copy_masked(to: &mut [u8], from: &[u8], mask: [u8; 4]) {
    const WIDE: usize = 32;
    let mut key = [0u8; WIDE];
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = mask[i % 4];
    }
    let mut to_blocks = to.chunks_exact_mut(WIDE);
    let mut from_blocks = from.chunks_exact(WIDE);
    for (to, from) in to_blocks.by_ref().zip(from_blocks.by_ref()) {
        for i in 0..WIDE {
            to[i] = from[i] ^ key[i];
        }
    }
    let tail = to_blocks.into_remainder().iter_mut();
    for ((to, from), key) in tail.zip(from_blocks.remainder()).zip(key) {
        *to = from ^ key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn frames_are_what_another_implementation_reads(
            length in prop_oneof![0usize..300, 65_500usize..65_600], mask: [u8; 4], seed: u8,
        ) {
            let payload: Vec<u8> = (0..length).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect();
            let mut out = vec![0; payload.len() + HEADER_MAX];
            let size = write(&mut out, Opcode::Binary, &payload, mask);
            let mut cursor = std::io::Cursor::new(&out[..size]);
            let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
            let body = &out[cursor.position() as usize..size];
            prop_assert_eq!(header.mask, Some(mask));
            prop_assert_eq!(length as usize, body.len());
            let plain: Vec<u8> = body.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]).collect();
            prop_assert_eq!(plain, payload);
        }

        #[test]
        fn no_bytes_make_the_header_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            let _ = Header::parse(&bytes);
        }
    }

    #[test]
    fn lengths_of_all_sizes_are_read() {
        let read = |bytes: &[u8]| Header::parse(bytes).unwrap().map(|h| (h.length, h.size));
        assert_eq!(read(&[0x82, 125]), Some((125, 2)));
        assert_eq!(read(&[0x82, 126, 0, 126]), Some((126, 4)));
        assert_eq!(read(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Some((65536, 10)));
        for short in [&[][..], &[0x82], &[0x82, 126, 0], &[0x82, 127, 0, 0, 0, 0, 0, 1, 0]] {
            assert_eq!(read(short), None);
        }
    }

    #[test]
    fn violations_are_refused() {
        for bytes in [
            &[0xc2, 1][..],       // reserved bit
            &[0x83, 1],           // opcode
            &[0x82, 0x81],        // mask
            &[0x09, 1],           // fragmented ping
            &[0x89, 126, 0, 126], // long ping
            &[0x82, 126, 0, 125], // not the shortest form
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], // 64 bits
        ] {
            assert!(Header::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
