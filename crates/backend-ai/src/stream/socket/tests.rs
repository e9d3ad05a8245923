use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use super::*;

fn pair(capacity: usize) -> (Socket<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(capacity);
    (Socket::new(ours, None), theirs)
}

fn bytes(frame: Frame) -> Vec<u8> {
    let mut out = Vec::new();
    frame.format(&mut out).unwrap();
    out
}

fn binary(payload: &[u8]) -> Vec<u8> {
    bytes(Frame::message(payload.to_vec(), OpCode::Data(Data::Binary), true))
}

fn close(code: u16) -> Vec<u8> {
    let code = CloseCode::from(code);
    let reason = "why".into();
    bytes(Frame::close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame { code, reason })))
}

/// One frame of ours, unmasked: first byte and payload.
async fn frame(theirs: &mut DuplexStream) -> (u8, Vec<u8>) {
    let first = theirs.read_u8().await.unwrap();
    let short = theirs.read_u8().await.unwrap();
    assert_ne!(short & 0x80, 0, "a client masks");
    let length = match short & 0x7f {
        126 => u64::from(theirs.read_u16().await.unwrap()),
        127 => theirs.read_u64().await.unwrap(),
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    theirs.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; length as usize];
    theirs.read_exact(&mut payload).await.unwrap();
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[i % 4];
    }
    (first, payload)
}

async fn read_end(socket: &mut Socket<DuplexStream>) -> Option<StreamEnd> {
    let mut rest = Vec::new();
    match socket.read_to_end(&mut rest).await {
        Ok(_) => None,
        Err(error) => Some(StreamEnd::of(&error).unwrap().clone()),
    }
}

#[tokio::test]
async fn pings_are_answered_between_the_pieces_of_a_message() {
    let (mut socket, mut theirs) = pair(64 << 10);
    let mut wire = bytes(Frame::message(b"one".to_vec(), OpCode::Data(Data::Binary), false));
    wire.extend(bytes(Frame::ping(b"a".to_vec())));
    wire.extend(bytes(Frame::message(b"two".to_vec(), OpCode::Data(Data::Continue), true)));
    wire.extend(close(1001));
    theirs.write_all(&wire).await.unwrap();
    let mut got = String::new();
    socket.read_to_string(&mut got).await.unwrap();
    assert_eq!((got.as_str(), socket.close_code()), ("onetwo", Some(1001)));
    assert_eq!(frame(&mut theirs).await, (0x8a, b"a".to_vec()));
    assert_eq!(frame(&mut theirs).await, (0x88, 1001u16.to_be_bytes().to_vec()));
    let error = socket.write_all(b"late").await.unwrap_err();
    assert_eq!(StreamEnd::of(&error), Some(&StreamEnd::Closed { code: 1001 }));
}

#[tokio::test]
async fn close_codes_have_meanings() {
    for (code, end) in [
        (1000, None),
        (1001, None),
        (1009, Some(StreamEnd::TooLarge)),
        (1011, Some(StreamEnd::Failed)),
        (1013, Some(StreamEnd::Refused)),
        (1008, Some(StreamEnd::Closed { code: 1008 })),
    ] {
        let (mut socket, mut theirs) = pair(1024);
        theirs.write_all(&close(code)).await.unwrap();
        assert_eq!(read_end(&mut socket).await, end);
        assert_eq!(socket.close_code(), Some(code));
        assert_eq!(read_end(&mut socket).await, end, "an end stays");
    }
}

#[tokio::test]
async fn bytes_before_an_error_are_not_lost() {
    let (mut socket, mut theirs) = pair(1024);
    let mut wire = binary(b"banner");
    wire.extend(close(1011));
    theirs.write_all(&wire).await.unwrap();
    let mut got = [0; 6];
    socket.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"banner");
    assert_eq!(read_end(&mut socket).await, Some(StreamEnd::Failed));
}

#[tokio::test]
async fn a_cut_is_no_clean_end() {
    for wire in [Vec::new(), binary(b"x"), binary(b"torn")[..4].to_vec()] {
        let (mut socket, mut theirs) = pair(1024);
        theirs.write_all(&wire).await.unwrap();
        drop(theirs);
        assert!(matches!(read_end(&mut socket).await, Some(StreamEnd::Reset(_))));
    }
}

#[tokio::test]
async fn violations_end_the_stream_with_1002() {
    let (mut socket, mut theirs) = pair(1024);
    theirs.write_all(&[0x82, 0x81, 1, 2, 3, 4, 5]).await.unwrap();
    assert!(matches!(read_end(&mut socket).await, Some(StreamEnd::Protocol(_))));
    assert_eq!(frame(&mut theirs).await, (0x88, 1002u16.to_be_bytes().to_vec()));
    assert!(socket.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn one_write_is_one_message_of_bounded_size() {
    let (mut socket, mut theirs) = pair(1 << 20);
    let sent: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
    socket.write_all(&sent).await.unwrap();
    socket.flush().await.unwrap();
    let mut got = Vec::new();
    let mut sizes = Vec::new();
    while got.len() < sent.len() {
        let (first, payload) = frame(&mut theirs).await;
        assert_eq!(first, 0x82);
        sizes.push(payload.len());
        got.extend(payload);
    }
    assert_eq!(sizes, [262_144, 37_856]);
    assert!(got == sent);
}

#[tokio::test]
async fn a_transport_that_takes_nothing_holds_the_writer_back() {
    let (mut socket, mut theirs) = pair(16);
    let accepted = socket.write(&[7; 1 << 20]).await.unwrap();
    assert_eq!(accepted, 256 << 10);
    let second = socket.write(b"x").now_or_never();
    assert!(second.is_none(), "a second message was accepted");
    let read = tokio::spawn(async move {
        let first = frame(&mut theirs).await;
        (first, frame(&mut theirs).await)
    });
    socket.write_all(b"x").await.unwrap();
    socket.flush().await.unwrap();
    let (first, second) = read.await.unwrap();
    assert_eq!((first.1.len(), second.1), (256 << 10, b"x".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn pings_are_sent_every_five_seconds_and_answers_keep_the_stream() {
    let (mut socket, mut theirs) = pair(1024);
    let begin = Instant::now();
    let peer = tokio::spawn(async move {
        for round in 1..=20u64 {
            assert_eq!(frame(&mut theirs).await, (0x89, Vec::new()));
            assert_eq!((Instant::now() - begin).as_secs(), round * 5);
            theirs.write_all(&bytes(Frame::pong(Vec::new()))).await.unwrap();
        }
        theirs.write_all(&close(1000)).await.unwrap();
        theirs
    });
    assert_eq!(read_end(&mut socket).await, None);
    drop(peer.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_gives_its_memory_back() {
    let (mut socket, mut theirs) = pair(1 << 20);
    theirs.write_all(&binary(&vec![1; 900_000])).await.unwrap();
    let mut got = vec![0; 900_000];
    socket.read_exact(&mut got).await.unwrap();
    socket.write_all(&[2; 200_000]).await.unwrap();
    socket.flush().await.unwrap();
    assert!(socket.decoder.memory() + socket.encoder.memory() > 300 << 10);
    // The peer answers pings, so the stream is idle but alive.
    tokio::spawn(async move {
        loop {
            if frame(&mut theirs).await.0 == 0x89 {
                theirs.write_all(&bytes(Frame::pong(Vec::new()))).await.unwrap();
            }
        }
    });
    assert!(tokio::time::timeout(Duration::from_secs(60), socket.fill_buf()).await.is_err());
    assert!(socket.decoder.memory() + socket.encoder.memory() <= 16 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_silent_path_is_given_up_after_90_seconds() {
    let (mut socket, mut theirs) = pair(1024);
    theirs.write_all(&binary(b"hello")).await.unwrap();
    let mut got = [0; 5];
    socket.read_exact(&mut got).await.unwrap();
    let begin = Instant::now();
    assert_eq!(read_end(&mut socket).await, Some(StreamEnd::PathLost));
    let waited = (Instant::now() - begin).as_secs();
    assert!((90..=115).contains(&waited), "{waited} s");
    let error = socket.write_all(b"x").await.unwrap_err();
    assert_eq!(StreamEnd::of(&error), Some(&StreamEnd::PathLost));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_paused_does_not_take_its_own_pause_for_silence() {
    let (mut socket, mut theirs) = pair(1024);
    assert!(tokio::time::timeout(Duration::from_secs(1), socket.fill_buf()).await.is_err());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), socket.fill_buf()).await.is_err());
    theirs.write_all(&binary(b"still here")).await.unwrap();
    assert_eq!(socket.fill_buf().await.unwrap(), b"still here");
}

#[tokio::test]
async fn shutdown_sends_a_close_and_what_came_before_it_can_be_read() {
    let (mut socket, mut theirs) = pair(4096);
    socket.write_all(b"bye").await.unwrap();
    socket.shutdown().await.unwrap();
    assert_eq!(frame(&mut theirs).await, (0x82, b"bye".to_vec()));
    assert_eq!(frame(&mut theirs).await, (0x88, 1000u16.to_be_bytes().to_vec()));
    let error = socket.write_all(b"x").await.unwrap_err();
    assert_eq!(StreamEnd::of(&error), Some(&StreamEnd::Closed { code: 1000 }));
    theirs.write_all(&binary(b"last words")).await.unwrap();
    theirs.write_all(&close(1000)).await.unwrap();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "last words");
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_a_stuck_transport() {
    let (mut socket, _theirs) = pair(4);
    socket.shutdown().await.unwrap();
    let (mut socket, _theirs) = pair(4);
    socket.write_all(b"never taken").await.unwrap();
    let error = socket.shutdown().await.unwrap_err();
    assert!(matches!(StreamEnd::of(&error), Some(StreamEnd::Reset(_))));
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_never_answered_ends_reading() {
    let (mut socket, _theirs) = pair(1024);
    socket.shutdown().await.unwrap();
    assert_eq!(read_end(&mut socket).await, None);
}

#[tokio::test]
async fn both_halves_run_in_different_tasks_while_pings_come() {
    let (socket, theirs) = pair(100);
    let (mut reader, mut writer) = tokio::io::split(socket);
    let (mut peer_reader, mut peer_writer) = tokio::io::split(theirs);
    let down: Vec<u8> = (0..100_000u32).map(|i| (i >> 3) as u8).collect();
    let sent = down.clone();
    let feed = tokio::spawn(async move {
        for piece in sent.chunks(1000) {
            peer_writer.write_all(&binary(piece)).await.unwrap();
            peer_writer.write_all(&bytes(Frame::ping(b"p".to_vec()))).await.unwrap();
        }
        peer_writer.write_all(&close(1000)).await.unwrap();
        peer_writer
    });
    let drain = tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = peer_reader.read_to_end(&mut all).await;
        all
    });
    let write = tokio::spawn(async move {
        // Ends with an error once the peer has closed.
        while writer.write_all(&[5; 3000]).await.is_ok() {}
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).await.unwrap();
    assert!(got == down);
    write.await.unwrap();
    drop(reader);
    drop(feed.await.unwrap());
    let wire = drain.await.unwrap();
    assert!(wire.len() > 3000);
}

/// A transport that takes and gives as many bytes as it is told, with pauses in between.
struct Choppy {
    inner: DuplexStream,
    steps: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Choppy {
    fn step(&mut self, cx: &mut Context<'_>) -> Option<usize> {
        match self.steps.next() {
            None | Some(0) => {
                cx.waker().wake_by_ref();
                None
            }
            step => step,
        }
    }
}

impl AsyncRead for Choppy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(step) = self.step(cx) else {
            return Poll::Pending;
        };
        let mut small = vec![0; step.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut small);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Choppy {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(step) = self.step(cx) else {
            return Poll::Pending;
        };
        Pin::new(&mut self.inner).poll_write(cx, &buf[..step.min(buf.len())])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_echo_through_any_slicing_is_exact(
        steps in prop::collection::vec(prop_oneof![Just(0usize), 1usize..40, 1usize..100_000], 1..40)
            .prop_filter("some step moves", |steps| steps.iter().any(|s| *s > 0)),
        writes in prop::collection::vec(prop_oneof![1usize..200, 1usize..60_000], 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sent, got) = runtime.block_on(async {
            let (ours, mut theirs) = duplex(64 << 10);
            let socket = Socket::new(Choppy { inner: ours, steps: steps.into_iter().cycle() }, None);
            let echo = tokio::spawn(async move {
                loop {
                    let (first, payload) = frame(&mut theirs).await;
                    match first {
                        0x82 => theirs.write_all(&binary(&payload)).await.unwrap(),
                        0x88 => break theirs.write_all(&close(1000)).await.unwrap(),
                        _ => {}
                    }
                }
                theirs
            });
            let (mut reader, mut writer) = tokio::io::split(socket);
            let mut sent = Vec::new();
            for (i, size) in writes.iter().enumerate() {
                sent.extend((0..*size).map(|j| (i * 7 + j) as u8));
            }
            let wanted = sent.len();
            let data = sent.clone();
            let write = tokio::spawn(async move {
                let mut rest = &data[..];
                for size in writes {
                    writer.write_all(&rest[..size]).await.unwrap();
                    rest = &rest[size..];
                }
                writer.flush().await.unwrap();
                writer
            });
            let mut got = vec![0; wanted];
            reader.read_exact(&mut got).await.unwrap();
            let mut writer = write.await.unwrap();
            writer.shutdown().await.unwrap();
            let mut nothing = Vec::new();
            reader.read_to_end(&mut nothing).await.unwrap();
            assert!(nothing.is_empty());
            drop(echo.await.unwrap());
            (sent, got)
        });
        prop_assert!(sent == got);
    }
}
