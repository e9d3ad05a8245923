//! When unanswered pings mean that the path of a stream is dead (protocol.md 4.5, rule 1).
//!
//! A short outage must not cost anybody his shell, a path that will never carry again must not look alive. So
//! a ping that stays unanswered only raises a doubt, and then a new connection is asked (`Path`): where that one gets
//! an answer and this stream still gets none, the stream alone is dead, as after a change of network, and ends within
//! seconds. Where nothing gets an answer, the network is away; the stream waits as long as an sshd would.
//!
//! An answer may be late for good reasons: behind bytes that the far end has not taken yet (a manager answers between
//! its writes to a slow container) or that we have not read. Then only complete silence counts.
//!
//! Works on instants it is given, without input or output.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Time between pings.
pub(super) const PING: Duration = Duration::from_secs(5);
/// A ping not answered by then raises a doubt.
pub(super) const DUE: Duration = Duration::from_millis(2500);
/// In doubt, so often is looked again.
const LOOK: Duration = Duration::from_millis(500);
/// How long the network may be away: dropbear hangs up after three keep-alives of 15 s.
pub(super) const AWAY: Duration = Duration::from_secs(45);
/// Silence that ends any stream.
pub(super) const SILENCE: Duration = Duration::from_secs(90);
/// Bytes that may be on their way up without holding an answer back: they fit in any socket's buffer.
const LIGHT: u64 = 16 * 1024;
/// Bytes from the far end, since the ping, that the answer may be waiting behind.
const QUEUE: u64 = 64 * 1024;
/// A clock that rings so much late was not running, or nobody listened.
const LATE: Duration = Duration::from_secs(5);

/// The path to the server, as others see it.
pub(crate) trait Path: Send + Sync {
    /// Reports a ping that has been unanswered since then. Returns when a new connection was last answered, and sees
    /// to it that one is made unless that was after the ping was due.
    fn doubted(&self, since: Instant) -> Option<Instant>;
    /// A ping was answered.
    fn answered(&self);
    /// Whether any was ever answered.
    fn answers(&self) -> bool;
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Ping,
    Lost,
}

/// Judges one stream.
pub(super) struct Pulse {
    path: Option<Arc<dyn Path>>,
    next: Instant,
    /// The last ping.
    pinged: Instant,
    /// Since when a ping has been unanswered.
    asked: Option<Instant>,
    /// What had been sent before it, and what the last answered one says was taken.
    sent_before: u64,
    taken: u64,
    /// Payload sent so far.
    sent: u64,
    /// Bytes from the far end since the ping.
    queued: u64,
    /// Bytes came since the last look.
    heard: bool,
    /// No byte since.
    silent_since: Instant,
}

impl Pulse {
    pub(super) fn new(path: Option<Arc<dyn Path>>, now: Instant) -> Self {
        // Whether pings are answered at all is found out before anything depends on it.
        let first = if path.as_ref().is_none_or(|path| path.answers()) { PING } else { Duration::ZERO };
        Self {
            path,
            next: now + first,
            pinged: now + first - PING,
            asked: None,
            sent_before: 0,
            taken: 0,
            sent: 0,
            queued: 0,
            heard: false,
            silent_since: now,
        }
    }

    /// When to look next.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Bytes came from the far end.
    pub(super) fn heard(&mut self, amount: usize) {
        self.heard = true;
        self.queued += amount as u64;
    }

    /// A ping was answered.
    pub(super) fn pong(&mut self) {
        self.asked = None;
        self.taken = self.sent_before;
        if let Some(path) = &self.path {
            path.answered();
        }
    }

    /// Payload was sent.
    pub(super) fn sent(&mut self, amount: usize) {
        self.sent += amount as u64;
    }

    /// Looks, at `now`, when it was to look at `due`.
    pub(super) fn feel(&mut self, due: Instant, now: Instant) -> Step {
        if now.duration_since(due) > LATE {
            self.silent_since = now;
            self.asked = None;
            self.pinged = now - PING;
        }
        if std::mem::take(&mut self.heard) {
            self.silent_since = now;
        }
        if self.queued > QUEUE {
            self.asked = None;
        }
        let Some(asked) = self.asked else { return self.ask(now) };
        let new_one = self.path.as_ref().and_then(|path| path.doubted(asked));
        // After an outage TCP repeats what it lost when as much time again has passed, at the latest.
        let this_one_is_dead =
            new_one.is_some_and(|answered| answered >= asked + DUE && now - answered >= answered - asked);
        let answer_is_due =
            self.sent - self.taken < LIGHT && self.path.as_ref().is_some_and(|path| path.answers());
        if answer_is_due && (this_one_is_dead || now >= asked + AWAY) || now >= self.silent_since + SILENCE {
            return Step::Lost;
        }
        self.next = now + LOOK;
        Step::Wait
    }

    /// Pings if it is time.
    fn ask(&mut self, now: Instant) -> Step {
        let due = self.pinged + PING;
        if now < due {
            self.next = due;
            return Step::Wait;
        }
        self.pinged = now;
        self.asked = Some(now);
        self.sent_before = self.sent;
        self.queued = 0;
        self.next = now + DUE;
        Step::Ping
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A path of which everything is known.
    #[derive(Default)]
    struct Known {
        new_one: Mutex<Option<Instant>>,
        mute: bool,
    }

    impl Path for Known {
        fn doubted(&self, _since: Instant) -> Option<Instant> {
            *self.new_one.lock().unwrap()
        }

        fn answered(&self) {}

        fn answers(&self) -> bool {
            !self.mute
        }
    }

    /// Lets the pulse be felt whenever it wants, and tells after how long it was lost.
    fn lost_after(
        pulse: &mut Pulse,
        start: Instant,
        mut event: impl FnMut(&mut Pulse, Instant),
    ) -> Option<u64> {
        loop {
            let now = pulse.next();
            if now > start + Duration::from_secs(1000) {
                return None;
            }
            event(pulse, now);
            if pulse.feel(now, now) == Step::Lost {
                return Some((now - start).as_secs());
            }
        }
    }

    fn pulse(path: Known) -> (Pulse, Arc<Known>, Instant) {
        let (path, now) = (Arc::new(path), Instant::now());
        (Pulse::new(Some(path.clone()), now), path, now)
    }

    #[test]
    fn a_stream_that_alone_is_mute_ends_in_seconds() {
        let (mut pulse, path, start) = pulse(Known::default());
        let answered = start + PING + DUE;
        *path.new_one.lock().unwrap() = Some(answered);
        assert_eq!(lost_after(&mut pulse, start, |_, _| {}), Some((PING + DUE + DUE).as_secs()));
    }

    #[test]
    fn a_network_that_is_away_is_waited_for() {
        let (mut pulse, _, start) = pulse(Known::default());
        assert_eq!(lost_after(&mut pulse, start, |_, _| {}), Some((PING + AWAY).as_secs()));
    }

    #[test]
    fn an_answer_of_before_the_doubt_proves_nothing() {
        let (mut pulse, path, start) = pulse(Known::default());
        *path.new_one.lock().unwrap() = Some(start + PING + Duration::from_secs(1));
        assert_eq!(lost_after(&mut pulse, start, |_, _| {}), Some((PING + AWAY).as_secs()));
    }

    #[test]
    fn bytes_of_the_far_end_without_an_answer_do_not_prove_the_way_up() {
        let (mut pulse, path, start) = pulse(Known::default());
        *path.new_one.lock().unwrap() = Some(start + PING + DUE);
        let after = lost_after(&mut pulse, start, |pulse, _| pulse.heard(52));
        assert_eq!(after, Some((PING + DUE + DUE).as_secs()));
    }

    #[test]
    fn an_answer_behind_many_bytes_is_waited_for() {
        let (mut pulse, path, start) = pulse(Known::default());
        *path.new_one.lock().unwrap() = Some(start + PING + DUE);
        assert_eq!(lost_after(&mut pulse, start, |pulse, _| pulse.heard(70_000)), None);

        let (mut pulse, path, start) = self::pulse(Known::default());
        *path.new_one.lock().unwrap() = Some(start + PING + DUE);
        pulse.sent(1 << 20);
        assert_eq!(lost_after(&mut pulse, start, |_, _| {}), Some(SILENCE.as_secs()));
    }

    #[test]
    fn what_never_answered_may_be_unable_to() {
        let (mut pulse, path, start) = pulse(Known { mute: true, ..Known::default() });
        *path.new_one.lock().unwrap() = Some(start + PING + DUE);
        assert_eq!(lost_after(&mut pulse, start, |_, _| {}), Some(SILENCE.as_secs()));
    }

    #[test]
    fn answers_keep_it_and_pings_have_their_pace() {
        let (mut pulse, _, start) = pulse(Known::default());
        let mut pings = Vec::new();
        while pings.len() < 5 {
            let now = pulse.next();
            if pulse.feel(now, now) == Step::Ping {
                pings.push((now - start).as_secs());
                pulse.heard(2);
                pulse.pong();
            }
        }
        assert_eq!(pings, [5, 10, 15, 20, 25]);
    }

    #[test]
    fn a_stream_is_given_as_long_again_as_the_network_was_away() {
        let (mut pulse, path, start) = pulse(Known::default());
        let away = Duration::from_secs(12);
        *path.new_one.lock().unwrap() = Some(start + PING + away);
        assert_eq!(lost_after(&mut pulse, start, |_, _| {}), Some((PING + away + away).as_secs()));
    }

    #[test]
    fn time_in_which_nobody_listened_does_not_count() {
        let (mut pulse, path, start) = pulse(Known::default());
        *path.new_one.lock().unwrap() = Some(start + PING + DUE);
        let due = pulse.next();
        assert_eq!(pulse.feel(due, due), Step::Ping);
        let due = pulse.next();
        let woken = due + Duration::from_secs(600);
        assert_eq!(pulse.feel(due, woken), Step::Ping, "asks anew");
        let next = pulse.next();
        assert_eq!(pulse.feel(next, next), Step::Wait);
    }
}
