//! Upstreams the tests hold by their far end, and a clock that passes only where a test says so.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{
    AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadBuf,
};
use tokio::net::TcpStream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::{Notify, mpsc, oneshot};
use tunnel::{
    ConnectionEnd, Connector, LoopbackListener, Options, PortWishes, Refusal, Retry, Traffic, Tunnel,
};

/// What an upstream holds in each direction before its writer must wait.
pub(crate) const PIPE: usize = 64 * 1024;

/// The near end of an upstream.
pub(crate) struct Near {
    io: BufReader<DuplexStream>,
    /// `None` once it can no longer come.
    fault: Option<oneshot::Receiver<io::Error>>,
    closed: bool,
    deaf: Arc<AtomicBool>,
}

/// The far end of an upstream.
pub(crate) struct Far {
    pub(crate) io: DuplexStream,
    fault: Option<oneshot::Sender<io::Error>>,
    deaf: Arc<AtomicBool>,
}

impl Far {
    /// Makes the near end's next read fail, once what was sent before has been read.
    pub(crate) fn fail(&mut self, error: io::Error) {
        self.fault.take().unwrap().send(error).unwrap();
    }

    /// Makes the near end's next write fail; its reads go on waiting.
    pub(crate) fn deafen(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn expect(&mut self, bytes: &[u8]) {
        expect(&mut self.io, bytes).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// Waits until the near end has taken leave or is gone.
    pub(crate) async fn left(&mut self) {
        assert_eq!(self.io.read(&mut [0; 1]).await.unwrap(), 0, "bytes where the end was expected");
    }
}

pub(crate) fn pair() -> (Near, Far) {
    let (near, far) = tokio::io::duplex(PIPE);
    let (sender, fault) = oneshot::channel();
    let deaf = Arc::new(AtomicBool::new(false));
    let io = BufReader::with_capacity(PIPE, near);
    let near = Near { io, fault: Some(fault), closed: false, deaf: Arc::clone(&deaf) };
    (near, Far { io: far, fault: Some(sender), deaf })
}

impl AsyncRead for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncBufRead for Near {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        // What was sent before the fault, first.
        if this.io.buffer().is_empty() {
            let read = Pin::new(&mut this.io).poll_fill_buf(cx).map_ok(|_| ());
            if let Some(fault) = this.fault.as_mut().filter(|_| read.is_pending())
                && let Poll::Ready(fault) = Pin::new(fault).poll(cx)
            {
                this.fault = None;
                if let Ok(error) = fault {
                    return Poll::Ready(Err(error));
                }
            }
            ready!(read)?;
        }
        Poll::Ready(Ok(this.io.buffer()))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.io).consume(amount);
    }
}

impl AsyncWrite for Near {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        assert!(!self.closed, "written to after its shutdown");
        if self.deaf.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::Error::other("gone")));
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.closed = true;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What an attempt to open meets.
pub(crate) enum Attempt {
    /// The test gets the far end.
    Open,
    /// Refused.
    Refuse(Refusal),
    /// No answer.
    Hang,
    /// The test gets the far end once it says so.
    Late(Arc<Notify>),
}

/// A connector that hands each upstream's far end to the test.
pub(crate) struct Fake {
    script: Mutex<VecDeque<Attempt>>,
    fars: mpsc::UnboundedSender<Far>,
    /// Dropped when an attempt is abandoned.
    attempts: mpsc::UnboundedSender<oneshot::Receiver<()>>,
}

/// The test's side of a [`Fake`].
pub(crate) struct Control {
    pub(crate) fars: mpsc::UnboundedReceiver<Far>,
    pub(crate) attempts: mpsc::UnboundedReceiver<oneshot::Receiver<()>>,
}

impl Control {
    pub(crate) async fn far(&mut self) -> Far {
        self.fars.recv().await.unwrap()
    }

    /// Attempts begun since this was asked last.
    pub(crate) fn attempts(&mut self) -> usize {
        std::iter::from_fn(|| self.attempts.try_recv().ok()).count()
    }
}

pub(crate) fn fake(script: impl IntoIterator<Item = Attempt>) -> (Fake, Control) {
    let (far_sender, fars) = mpsc::unbounded_channel();
    let (attempt_sender, attempts) = mpsc::unbounded_channel();
    let script = Mutex::new(script.into_iter().collect());
    (Fake { script, fars: far_sender, attempts: attempt_sender }, Control { fars, attempts })
}

impl Fake {
    fn opened(&self) -> Near {
        let (near, far) = pair();
        // A test that does not look at its far ends closes them.
        let _ = self.fars.send(far);
        near
    }
}

impl Connector for Fake {
    type Stream = Near;

    async fn open(&self) -> Result<Near, Refusal> {
        let (_held, abandoned) = oneshot::channel();
        self.attempts.send(abandoned).unwrap();
        let attempt = self.script.lock().unwrap().pop_front().unwrap_or(Attempt::Open);
        match attempt {
            Attempt::Open => Ok(self.opened()),
            Attempt::Late(release) => {
                release.notified().await;
                Ok(self.opened())
            }
            Attempt::Refuse(refusal) => Err(refusal),
            Attempt::Hang => pending().await,
        }
    }

    fn explain(&self, error: &io::Error) -> Option<Refusal> {
        (error.to_string() == "gone").then(|| refusal("session-gone", Retry::No))
    }
}

pub(crate) fn refusal(code: &'static str, retry: Retry) -> Refusal {
    Refusal { code, message: format!("It said {code}."), retry }
}

/// A tunnel on a free port.
pub(crate) fn start<C: Connector>(connector: C, options: Options) -> Tunnel {
    Tunnel::start(LoopbackListener::bind(PortWishes::default()).unwrap(), connector, options)
}

/// A tunnel to a [`Fake`] that follows the script, then opens.
pub(crate) fn tunnel(script: impl IntoIterator<Item = Attempt>, options: Options) -> (Tunnel, Control) {
    let (fake, control) = fake(script);
    (start(fake, options), control)
}

pub(crate) async fn connect(tunnel: &Tunnel) -> TcpStream {
    TcpStream::connect(tunnel.address()).await.unwrap()
}

pub(crate) async fn expect(stream: &mut (impl AsyncRead + Unpin), bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).await.unwrap();
    assert!(read == bytes, "other bytes than expected");
}

/// Asserts a local socket's orderly end.
pub(crate) async fn expect_end(local: &mut TcpStream) {
    assert_eq!(local.read(&mut [0; 1]).await.unwrap(), 0);
}

/// Waits for a local socket's end, orderly or not; nothing may come before.
pub(crate) async fn expect_gone(local: &mut TcpStream) {
    assert!(matches!(local.read(&mut [0; 1]).await, Ok(0) | Err(_)));
}

pub(crate) async fn next(ends: &mut Receiver<ConnectionEnd>) -> ConnectionEnd {
    ends.recv().await.unwrap()
}

/// The figures once they satisfy `wanted`.
pub(crate) async fn traffic(tunnel: &Tunnel, wanted: impl Fn(&Traffic) -> bool) -> Traffic {
    let mut changes = tunnel.changes();
    loop {
        changes.borrow_and_update();
        let traffic = tunnel.traffic();
        if wanted(&traffic) {
            return traffic;
        }
        changes.changed().await.unwrap();
    }
}

/// Lets time pass without waiting for it: every timer on the way fires when it should, and between them
/// everything settles.
pub(crate) async fn pass(duration: Duration) {
    tokio::time::pause();
    tokio::time::sleep(duration).await;
    tokio::time::resume();
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
