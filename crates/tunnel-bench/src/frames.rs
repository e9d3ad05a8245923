//! The server's side of a byte stream: a plain TCP connection, or the binary messages of a WebSocket (RFC 6455, 5).
//!
//! As lean as it can be: what the server costs is taken from what is left for those that are measured.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What one read takes, and what one message downward carries, as a real manager's do.
pub(crate) const PIECE: usize = 256 * 1024;

/// The reading half.
pub(crate) struct Reader<R> {
    io: R,
    framed: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Payload of the present frame that has not been read.
    left: u64,
    data: bool,
    mask: [u8; 4],
}

/// What was read.
pub(crate) enum Got<'a> {
    /// Bytes of the stream.
    Bytes(&'a [u8]),
    /// A ping, which wants a pong.
    Ping,
    /// The end.
    End,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// `rest` was read already.
    pub(crate) fn new(io: R, framed: bool, rest: &[u8]) -> Self {
        let mut buffer = vec![0; PIECE.max(rest.len()) + 64];
        buffer[..rest.len()].copy_from_slice(rest);
        Self { io, framed, buffer, start: 0, end: rest.len(), left: 0, data: true, mask: [0; 4] }
    }

    pub(crate) async fn read(&mut self) -> io::Result<Got<'_>> {
        loop {
            if self.framed && self.left == 0 {
                let Some(opcode) = self.header() else {
                    if self.fill().await? == 0 {
                        return Ok(Got::End);
                    }
                    continue;
                };
                match opcode {
                    0 | 2 => self.data = true,
                    8 => return Ok(Got::End),
                    opcode => {
                        self.data = false;
                        if opcode == 9 && self.left == 0 {
                            return Ok(Got::Ping);
                        }
                    }
                }
                continue;
            }
            if self.start == self.end && self.fill().await? == 0 {
                return Ok(Got::End);
            }
            let most = usize::try_from(self.left).unwrap_or(usize::MAX);
            let amount = if self.framed { most.min(self.end - self.start) } else { self.end - self.start };
            let piece = self.start..self.start + amount;
            self.start += amount;
            if !self.framed {
                return Ok(Got::Bytes(&self.buffer[piece]));
            }
            self.left -= amount as u64;
            unmask(&mut self.buffer[piece.clone()], self.mask);
            self.mask.rotate_left(amount % 4);
            if self.data {
                return Ok(Got::Bytes(&self.buffer[piece]));
            }
        }
    }

    /// Takes a frame's header in, once it is there whole.
    fn header(&mut self) -> Option<u8> {
        let bytes = &self.buffer[self.start..self.end];
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        self.mask = bytes.get(at..at + 4)?.try_into().ok()?;
        self.left = length;
        self.start += at + 4;
        Some(first & 0x0f)
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let read = self.io.read(&mut self.buffer[self.end..]).await?;
        self.end += read;
        Ok(read)
    }
}

/// In blocks, so that the compiler can use wide registers.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let key: [u8; 64] = std::array::from_fn(|at| mask[at % 4]);
    for block in bytes.chunks_mut(64) {
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// The writing half.
pub(crate) struct Writer<W> {
    io: W,
    framed: bool,
    message: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(crate) fn new(io: W, framed: bool) -> Self {
        Self { io, framed, message: Vec::new() }
    }

    /// Sends at most [`PIECE`] bytes, as one message.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.framed { self.message(0x82, bytes).await } else { self.io.write_all(bytes).await }
    }

    pub(crate) async fn pong(&mut self) -> io::Result<()> {
        self.message(0x8a, &[]).await
    }

    pub(crate) async fn end(&mut self) -> io::Result<()> {
        if self.framed {
            self.message(0x88, &1001_u16.to_be_bytes()).await?;
        }
        self.io.shutdown().await
    }

    async fn message(&mut self, first: u8, bytes: &[u8]) -> io::Result<()> {
        self.message.clear();
        self.message.push(first);
        match bytes.len() {
            short @ ..126 => self.message.push(short as u8),
            middle @ ..65536 => {
                self.message.push(126);
                self.message.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                self.message.push(127);
                self.message.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        self.message.extend_from_slice(bytes);
        self.io.write_all(&self.message).await?;
        self.io.flush().await
    }
}
