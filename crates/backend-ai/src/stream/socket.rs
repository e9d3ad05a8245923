//! A WebSocket client as a byte stream, over any transport that was upgraded already.
//!
//! The reading side keeps the stream alive: it answers pings and sends its own, by which `Pulse` finds out when the
//! path is dead. Control frames leave with the writer's bytes, or from the reading side when the writer is not
//! waiting for the transport, so that neither takes the other's wake-up away.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::decoder::{Decoder, Received};
use super::encoder::Encoder;
use super::end::StreamEnd;
use super::pulse::{Path, Pulse, Step};

/// How long the transport may take to accept our close, and how long the far end may take to answer it.
const CLOSE_SENT: Duration = Duration::from_secs(2);
const CLOSE_ANSWERED: Duration = Duration::from_secs(10);

/// How reading is over.
#[derive(Clone)]
enum ReadEnd {
    Clean,
    Failed(StreamEnd),
}

/// The stream.
pub(crate) struct Socket<T> {
    io: T,
    decoder: Decoder,
    encoder: Encoder,
    read_end: Option<ReadEnd>,
    write_end: Option<StreamEnd>,
    close_code: Option<u16>,
    /// Bytes went to the transport that were not flushed.
    unflushed: bool,
    /// The writer's wake-up is registered with the transport.
    writer_waits: bool,
    clock: Pin<Box<Sleep>>,
    pulse: Pulse,
    /// Payload went either way since the clock last rang.
    busy: bool,
    shutdown: Option<Pin<Box<Sleep>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Socket<T> {
    pub(crate) fn new(io: T, path: Option<Arc<dyn Path>>) -> Self {
        let pulse = Pulse::new(path, Instant::now());
        Self {
            io,
            decoder: Decoder::new(),
            encoder: Encoder::new(),
            read_end: None,
            write_end: None,
            close_code: None,
            unflushed: false,
            writer_waits: false,
            clock: Box::pin(sleep_until(pulse.next())),
            pulse,
            busy: false,
            shutdown: None,
        }
    }

    pub(crate) fn close_code(&self) -> Option<u16> {
        self.close_code
    }

    /// Makes the next payload byte available, or finds the end.
    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadEnd>> {
        loop {
            if let Some(end) = &self.read_end {
                return Poll::Ready(Err(end.clone()));
            }
            match self.decoder.next() {
                Ok(Received::Payload) => {
                    self.busy = true;
                    return Poll::Ready(Ok(()));
                }
                Ok(Received::Ping(ping)) => self.encoder.pong(ping),
                Ok(Received::Pong) => self.pulse.pong(),
                Ok(Received::Close(code)) => self.closed(code, cx),
                Ok(Received::More) => {
                    self.send_controls(cx);
                    ready!(self.poll_transport(cx));
                }
                Err(violation) => {
                    self.encoder.close(1002);
                    self.end(StreamEnd::Protocol(violation.to_owned()));
                    self.send_controls(cx);
                }
            }
        }
    }

    /// Reads once, or lets the clock ring.
    fn poll_transport(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = ReadBuf::new(self.decoder.room());
        match Pin::new(&mut self.io).poll_read(cx, &mut room) {
            Poll::Ready(Ok(())) => {
                let amount = room.filled().len();
                if amount > 0 {
                    self.decoder.filled(amount);
                    self.pulse.heard(amount);
                } else if self.encoder.closing() {
                    self.read_end = Some(ReadEnd::Clean);
                } else {
                    self.end(StreamEnd::Reset("it ended without a close".to_owned()));
                }
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) if self.encoder.closing() => {
                self.read_end = Some(ReadEnd::Clean);
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => {
                self.end(StreamEnd::Reset(error.to_string()));
                Poll::Ready(())
            }
            Poll::Pending => {
                ready!(self.clock.as_mut().poll(cx));
                self.ring();
                Poll::Ready(())
            }
        }
    }

    /// Time has passed while nothing came.
    fn ring(&mut self) {
        if self.encoder.closing() {
            self.read_end = Some(ReadEnd::Clean);
            return;
        }
        if !std::mem::take(&mut self.busy) {
            self.decoder.shrink();
            self.encoder.shrink();
        }
        match self.pulse.feel(self.clock.deadline(), Instant::now()) {
            Step::Lost => return self.end(StreamEnd::PathLost),
            Step::Ping => self.encoder.ping(),
            Step::Wait => {}
        }
        self.clock.as_mut().reset(self.pulse.next());
    }

    /// The far end closes.
    fn closed(&mut self, code: Option<u16>, cx: &mut Context<'_>) {
        let code = code.unwrap_or(1005);
        self.close_code = Some(code);
        self.encoder.close(if code == 1005 { 1000 } else { code });
        self.read_end = Some(match StreamEnd::from_code(code) {
            None => ReadEnd::Clean,
            Some(end) => ReadEnd::Failed(end),
        });
        self.write_end = Some(StreamEnd::from_code(code).unwrap_or(StreamEnd::Closed { code }));
        self.send_controls(cx);
    }

    /// Nothing more can be read or written.
    fn end(&mut self, end: StreamEnd) {
        self.write_end.get_or_insert_with(|| end.clone());
        self.read_end = Some(ReadEnd::Failed(end));
    }

    /// Sends control frames from the reading side, if the writer does not. What the transport does not take now
    /// goes with the next bytes.
    fn send_controls(&mut self, cx: &mut Context<'_>) {
        if !self.writer_waits
            && let Poll::Ready(Err(error)) = self.poll_sent(cx)
        {
            // Reading may still bring what was sent before, and then the reason.
            self.write_end.get_or_insert_with(|| StreamEnd::Reset(error.to_string()));
        }
    }

    /// Gives everything to the transport, and flushes it.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drained(cx))?;
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let pending = self.encoder.pending();
            if pending.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let amount = ready!(Pin::new(&mut self.io).poll_write(cx, pending))?;
            if amount == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.encoder.sent(amount);
        }
    }

    /// The writer's result, with the transport's errors turned into ends.
    fn written<R>(&mut self, result: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        self.writer_waits = result.is_pending();
        result.map_err(|error| {
            if StreamEnd::of(&error).is_some() {
                return error;
            }
            let end = StreamEnd::Reset(error.to_string());
            self.write_end.get_or_insert(end).clone().into()
        })
    }

    fn poll_accepted(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(end) = &self.write_end {
            return Poll::Ready(Err(end.clone().into()));
        }
        if self.encoder.closing() {
            return Poll::Ready(Err(StreamEnd::Closed { code: 1000 }.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_drained(cx))?;
        let amount = self.encoder.data(buf);
        self.busy = true;
        self.pulse.sent(amount);
        // The bytes are accepted in any case; what does not leave now leaves with the next write or flush.
        if let Poll::Ready(Err(error)) = self.poll_sent(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(amount))
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_end.is_some() {
            return Poll::Ready(Ok(()));
        }
        if self.shutdown.is_none() {
            self.encoder.close(1000);
            self.clock.as_mut().reset(Instant::now() + CLOSE_ANSWERED);
        }
        let deadline = self.shutdown.get_or_insert_with(|| Box::pin(sleep(CLOSE_SENT)));
        let late = deadline.as_mut().poll(cx).is_ready();
        match self.poll_sent(cx) {
            Poll::Pending if late && self.encoder.holds_data() => {
                let what = "the last bytes were not taken in time".to_owned();
                Poll::Ready(Err(StreamEnd::Reset(what).into()))
            }
            Poll::Pending if late => Poll::Ready(Ok(())),
            sent => sent,
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for Socket<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        match ready!(this.poll_payload(cx)) {
            Ok(()) => Poll::Ready(Ok(this.decoder.payload())),
            Err(ReadEnd::Clean) => Poll::Ready(Ok(&[])),
            Err(ReadEnd::Failed(end)) => Poll::Ready(Err(end.into())),
        }
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().decoder.consume(amount);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let payload = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = payload.len().min(buf.remaining());
        buf.put_slice(&payload[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = this.poll_accepted(cx, buf);
        this.written(result)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = match &this.write_end {
            Some(end) if this.encoder.holds_data() => Poll::Ready(Err(end.clone().into())),
            Some(_) => Poll::Ready(Ok(())),
            None => this.poll_sent(cx),
        };
        this.written(result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = this.poll_closed(cx);
        this.written(result)
    }
}

#[cfg(test)]
mod tests;
