//! When silence means that the far end is dead.
//!
//! Behind a webserver neither a close nor an unanswered ping tells that a session died (protocol.md 4.4), but
//! its dropbear sends a keep-alive every 15 s from sign-in on. The judgement is kept apart from the relay and
//! works on instants it is given. Its rules are documented where users meet them: `EndReason::Silent`.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;

use crate::Options;
use crate::ssh_plaintext::Plaintext;

/// A byte of the far end after a pause of this length on both sides is a keep-alive: dropbear sends them
/// after 15.0 s, and the pause it sees is longer than ours by the way there and back.
const KEEPALIVE_PAUSE: RangeInclusive<Duration> = Duration::from_secs(13)..=Duration::from_secs(17);

/// More bytes than any sign-in has, both directions together: ten refused keys come to about 10 KiB, a
/// post-quantum key exchange to 5 KiB.
const SIGN_IN_BYTES: u64 = 64 * 1024;

/// dropbear gives up a sign-in after 300 s (its AUTH_TIMEOUT), so a connection that is older is signed in, or dead.
const SIGN_IN_TAKES: Duration = Duration::from_secs(310);

/// So often the far end has to speak encrypted and unasked until the sign-in is surely over: during it, it only
/// answers, but for an extension message at most (RFC 8308).
const UNASKED: u32 = 2;

/// Silence is looked at in this many steps per limit, so that a stop of the whole process within it shows.
const STEPS: u32 = 5;

/// Judges one connection.
#[derive(Debug)]
pub(crate) struct Silence {
    limit: Duration,
    greeting: &'static [u8],
    /// How much of the greeting has been seen; `None` once it turned out another.
    greeted: Option<usize>,
    signed_in: bool,
    opened: Instant,
    /// How far the far end's plaintext has come.
    plaintext: Plaintext,
    /// Bytes were sent since the far end was heard last.
    asked: bool,
    /// How often it spoke encrypted without having been sent anything.
    unasked: u32,
    /// Bytes so far, both directions.
    volume: u64,
    /// The last byte in either direction.
    moved: Instant,
    /// Since when the far end has been silent while it was listened to.
    since: Instant,
    /// The last look.
    looked: Instant,
}

impl Silence {
    /// A judge for a new upstream, if the options want one.
    pub(crate) fn new(options: &Options, now: Instant) -> Option<Self> {
        Some(Self {
            limit: options.silence_limit?,
            greeting: options.keepalive_greeting,
            greeted: Some(0),
            signed_in: false,
            opened: now,
            plaintext: Plaintext::Greeting,
            asked: false,
            unasked: 0,
            volume: 0,
            moved: now,
            since: now,
            looked: now,
        })
    }

    /// The far end took bytes.
    pub(crate) fn sent(&mut self, bytes: usize, now: Instant) {
        self.moved = now;
        self.asked = true;
        self.count(bytes);
    }

    /// Bytes of the far end were passed on.
    pub(crate) fn heard(&mut self, bytes: &[u8], now: Instant) {
        if let Some(seen) = self.greeted
            && seen < self.greeting.len()
        {
            let rest = &self.greeting[seen..];
            let common = rest.len().min(bytes.len());
            self.greeted = (rest[..common] == bytes[..common]).then_some(seen + common);
        }
        if KEEPALIVE_PAUSE.contains(&now.duration_since(self.moved)) {
            self.signed_in = true;
        }
        if self.plaintext.passed(bytes) && !self.asked {
            self.unasked += 1;
            self.signed_in |= self.unasked >= UNASKED;
        }
        self.asked = false;
        self.moved = now;
        self.since = now;
        self.count(bytes.len());
    }

    /// Starts the silence anew: nobody could have heard the far end, the process did not run.
    pub(crate) fn forgive(&mut self, now: Instant) {
        self.since = now;
    }

    /// When to look next, if ever.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        if self.greeted != Some(self.greeting.len()) {
            return None;
        }
        let end = self.since + self.limit;
        Some(if self.signed_in {
            (self.looked.max(self.since) + self.limit / STEPS).min(end)
        } else {
            end.max(self.opened + SIGN_IN_TAKES)
        })
    }

    /// Looks: is the far end dead?
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        self.looked = now;
        let counts = self.signed_in || now >= self.opened + SIGN_IN_TAKES;
        counts && self.greeted == Some(self.greeting.len()) && now >= self.since + self.limit
    }

    fn count(&mut self, bytes: usize) {
        self.volume += bytes as u64;
        self.signed_in |= self.volume > SIGN_IN_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh_plaintext::tests::opening;

    const LIMIT: Duration = Duration::from_secs(50);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn judge(now: Instant) -> Silence {
        Silence::new(&Options::sshd(), now).unwrap()
    }

    #[test]
    fn a_keepalive_shows_that_the_sign_in_is_over() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(b"SSH-2.0-dropbear_2024.85\r\n", start);
        silence.sent(2000, start);
        assert_eq!(silence.next_look(), Some(start + SIGN_IN_TAKES), "a sign-in may take its time");
        let beat = start + seconds(15);
        silence.heard(&[0; 52], beat);
        assert_eq!(silence.next_look(), Some(beat + LIMIT / STEPS));
        assert!(!silence.look(beat + LIMIT - seconds(1)));
        assert!(silence.look(beat + LIMIT));
    }

    #[test]
    fn a_slow_passphrase_is_no_keepalive() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(b"SSH-2.0-dropbear_2024.85\r\n", start);
        let typed = start + seconds(15);
        silence.sent(700, typed);
        silence.heard(&[0; 52], typed + Duration::from_millis(200));
        assert!(!silence.look(typed + LIMIT + seconds(10)));
    }

    #[test]
    fn what_the_far_end_says_unasked_shows_that_the_sign_in_is_over() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(&opening(), start);
        // An extension message by itself, then a sign-in: question and answer.
        silence.heard(&[0; 100], start);
        for _ in 0..10 {
            silence.sent(600, start);
            silence.heard(&[0; 52], start);
        }
        assert!(!silence.look(start + LIMIT), "an agent's keys, then a passphrase");
        // What a shell says.
        silence.heard(&[0; 80], start);
        assert!(silence.look(start + LIMIT));
    }

    #[test]
    fn nobody_signs_in_for_ever() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(&opening(), start);
        silence.sent(600, start);
        silence.heard(&[0; 52], start + seconds(1));
        let look = silence.next_look().unwrap();
        assert_eq!(look, start + SIGN_IN_TAKES);
        assert!(!silence.look(look - seconds(1)));
        assert!(silence.look(look));
    }

    #[test]
    fn a_transfer_is_proof_of_a_sign_in() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(b"SSH-2.0-dropbear_2024.85\r\n", start);
        silence.sent(70_000, start);
        assert!(silence.look(start + LIMIT));
    }

    #[test]
    fn an_unknown_far_end_may_be_silent_for_ever() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(b"SSH-2.0-OpenSSH_9.2\r\n", start);
        silence.heard(&[0; 70_000], start + seconds(15));
        assert_eq!(silence.next_look(), None);
        assert!(!silence.look(start + seconds(5000)));
    }

    #[test]
    fn a_greeting_in_pieces_is_known() {
        let start = Instant::now();
        let mut silence = judge(start);
        for byte in b"SSH-2.0-dropbear_2024.85\r\n" {
            silence.heard(&[*byte], start);
        }
        silence.heard(&[0; 52], start + seconds(15));
        assert!(silence.next_look().is_some());
    }

    #[test]
    fn forgiven_silence_starts_anew() {
        let start = Instant::now();
        let mut silence = judge(start);
        silence.heard(b"SSH-2.0-dropbear_2024.85\r\n", start);
        silence.sent(70_000, start);
        silence.forgive(start + seconds(500));
        assert!(!silence.look(start + seconds(549)));
        assert!(silence.look(start + seconds(550)));
    }
}
