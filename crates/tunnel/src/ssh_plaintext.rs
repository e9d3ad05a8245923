//! Where the plaintext of one side of an SSH connection ends (RFC 4253, 4.2, 6 and 7.3).
//!
//! Each side greets with a line and then sends packets in the clear, up to and including its SSH_MSG_NEWKEYS. That is
//! all that is read here: lengths and message numbers.

/// SSH_MSG_NEWKEYS: what follows is encrypted.
const NEWKEYS: u8 = 21;
/// Packets are not longer than this (RFC 4253, 6.1: 35000 bytes must be understood; OpenSSH takes 256 KiB).
const LONGEST: u32 = 256 * 1024;

/// Follows one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plaintext {
    /// In the greeting line.
    Greeting,
    /// In a packet's length, padding length and message number.
    Head { have: usize, head: [u8; 6] },
    /// In the rest of a packet.
    Rest { left: u32, last: bool },
    /// Past it.
    Over,
    /// Not SSH.
    Unknown,
}

impl Plaintext {
    /// The next bytes; true when some of them were encrypted already.
    pub(crate) fn passed(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((first, rest)) = bytes.split_first() {
            match *self {
                Self::Over => return true,
                Self::Unknown => return false,
                Self::Greeting => {
                    if *first == b'\n' {
                        *self = Self::Head { have: 0, head: [0; 6] };
                    }
                    bytes = rest;
                }
                Self::Head { have, mut head } => {
                    head[have] = *first;
                    *self =
                        if have + 1 < head.len() { Self::Head { have: have + 1, head } } else { after(head) };
                    bytes = rest;
                }
                Self::Rest { left, last } => {
                    let taken = bytes.len().min(left as usize);
                    bytes = &bytes[taken..];
                    let left = left - u32::try_from(taken).unwrap_or(left);
                    *self = match (left, last) {
                        (0, true) => Self::Over,
                        (0, false) => Self::Head { have: 0, head: [0; 6] },
                        _ => Self::Rest { left, last },
                    };
                }
            }
        }
        false
    }
}

/// What a local program has said to an SSH server, as far as a farewell depends on it.
#[derive(Debug)]
pub(crate) struct Said {
    plaintext: Plaintext,
    is_silent: bool,
    farewell: &'static [u8],
}

impl Said {
    /// Nothing yet. The farewell is a greeting and a packet, or empty where none is wanted.
    pub(crate) fn nothing(farewell: &'static [u8]) -> Self {
        Self { plaintext: Plaintext::Greeting, is_silent: true, farewell }
    }

    pub(crate) fn more(&mut self, bytes: &[u8]) {
        if !self.farewell.is_empty() && !bytes.is_empty() {
            self.is_silent = false;
            self.plaintext.passed(bytes);
        }
    }

    /// What can still be said in its place, when it leaves: all of the farewell, or its packet where one may follow in
    /// the clear. Later the far end knows by itself who it speaks with, or would not understand.
    pub(crate) fn farewell(&self) -> &'static [u8] {
        let greeting = self.farewell.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        match self.plaintext {
            _ if self.is_silent => self.farewell,
            Plaintext::Head { have: 0, .. } => &self.farewell[greeting..],
            _ => b"",
        }
    }
}

/// What comes after a packet's first six bytes.
fn after(head: [u8; 6]) -> Plaintext {
    let [a, b, c, d, _padding, number] = head;
    // Padding length and message number are part of the length.
    match u32::from_be_bytes([a, b, c, d]).checked_sub(2) {
        Some(left) if (1..LONGEST).contains(&left) => Plaintext::Rest { left, last: number == NEWKEYS },
        _ => Plaintext::Unknown,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A packet of this number with a payload of zeros.
    pub(crate) fn packet(number: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(2 + payload + 4).unwrap();
        let mut packet = length.to_be_bytes().to_vec();
        packet.extend([4, number]);
        packet.resize(packet.len() + payload + 4, 0);
        packet
    }

    /// What a server sends in the clear.
    pub(crate) fn opening() -> Vec<u8> {
        let mut bytes = b"SSH-2.0-dropbear_2024.85\r\n".to_vec();
        bytes.extend(packet(20, 700));
        bytes.extend(packet(31, 1500));
        bytes.extend(packet(21, 0));
        bytes
    }

    #[test]
    fn it_ends_after_newkeys_however_it_is_cut() {
        let opening = opening();
        for size in [1, 2, 3, 7, 64, opening.len()] {
            let mut plain = Plaintext::Greeting;
            for piece in opening.chunks(size) {
                assert!(!plain.passed(piece), "in pieces of {size}");
            }
            assert!(plain.passed(b"x"), "in pieces of {size}");
        }
        let mut plain = Plaintext::Greeting;
        let all: Vec<u8> = opening.into_iter().chain(*b"secret").collect();
        assert!(plain.passed(&all));
    }

    #[test]
    fn a_farewell_fits_between_packets_in_the_clear() {
        let mut said = Said::nothing(b"hello\r\nbye");
        assert_eq!(said.farewell(), b"hello\r\nbye");
        said.more(b"SSH-2.0-");
        assert_eq!(said.farewell(), b"");
        said.more(b"mine\r\n");
        assert_eq!(said.farewell(), b"bye");
        let packet = packet(20, 100);
        said.more(&packet[..50]);
        assert_eq!(said.farewell(), b"");
        said.more(&packet[50..]);
        assert_eq!(said.farewell(), b"bye");
        said.more(&tests::packet(21, 0));
        assert_eq!(said.farewell(), b"");
        let mut said = Said::nothing(b"");
        said.more(b"GET / HTTP/1.1\r\n");
        assert_eq!(said.farewell(), b"");
    }

    #[test]
    fn what_is_not_ssh_is_given_up() {
        let mut plain = Plaintext::Greeting;
        assert!(!plain.passed(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(plain, Plaintext::Unknown);
        assert!(!plain.passed(&[0; 1000]));
    }
}
