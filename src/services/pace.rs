//! How fast one service may be asked: the rate that was set, and what the service turns out to bear.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The length of a minute, with a margin: requests do not all travel equally fast, and a service that counts exactly
/// must not see one too many.
pub const MINUTE: Duration = Duration::from_millis(60_400);

/// The share of a minute's requests that may pass at once after a quiet time.
const BURST: u32 = 8;

/// How long a rate that the service did not bear is kept down before a little more is tried; doubled each time that
/// the little more was too much.
const KEEP_DOWN: Duration = Duration::from_mins(5);
const KEEP_DOWN_LONGEST: Duration = Duration::from_mins(40);

/// After that the rate grows by this share of the set one every minute.
const STEP: f64 = 0.1;

/// Never slower than this share of the set rate: a service that bears less says itself how long to wait.
const LOWEST: f64 = 1.0 / 16.0;

/// The rate of one service. It knows no clock: every question comes with its time.
#[derive(Debug)]
pub struct Pace {
    /// Requests a minute that the user allows.
    set: f64,
    /// Requests a minute that pass now.
    rate: f64,
    /// How many times faster than reality time passes.
    speed: f64,
    /// When the requests of the last minute passed.
    passed: VecDeque<Instant>,
    /// Earliest moment for the next one at an even rate.
    next: Instant,
    /// When the service last refused one as one too many, and whether it has answered since.
    refused_at: Option<Instant>,
    answered_since: bool,
    /// How long the rate is kept down after the next refusal, and when it may grow.
    keep_down: Duration,
    grow_at: Instant,
    /// The rate has grown since it was last cut, so a refusal says that this was too much.
    has_grown: bool,
    /// What the service said it still takes, and until when that holds.
    allowance: Option<(u32, Instant)>,
}

impl Pace {
    /// At most `set` requests in any minute.
    pub fn new(set: u32, speed: f64, now: Instant) -> Self {
        let set = f64::from(set.max(1));
        Self {
            set,
            rate: set,
            speed,
            passed: VecDeque::new(),
            next: now,
            refused_at: None,
            answered_since: true,
            keep_down: KEEP_DOWN,
            grow_at: now,
            has_grown: false,
            allowance: None,
        }
    }

    /// Requests a minute that pass now.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// How many may pass at once now.
    pub fn at_once(&self, now: Instant) -> f64 {
        let behind = now.saturating_duration_since(self.earliest(now));
        let room = self.whole_rate().saturating_sub(self.in_last_minute(now));
        #[expect(clippy::cast_precision_loss, reason = "a minute has few requests")]
        let room = room as f64;
        (behind.as_secs_f64() / self.interval().as_secs_f64()).min(room)
    }

    /// Lets a request pass now, or says when to ask again.
    pub fn pass(&mut self, now: Instant) -> Result<(), Instant> {
        self.grow(now);
        while self.passed.front().is_some_and(|&at| now >= at + MINUTE) {
            self.passed.pop_front();
        }
        let full = match self.passed.len().checked_sub(self.whole_rate()) {
            Some(surplus) => self.passed[surplus] + MINUTE,
            None => now,
        };
        let used_up = match self.allowance {
            Some((0, until)) => until,
            _ => now,
        };
        let at = full.max(self.earliest(now)).max(used_up);
        if at > now {
            return Err(at);
        }
        if let Some((left, until)) = &mut self.allowance {
            match *until > now {
                true => *left -= 1,
                false => self.allowance = None,
            }
        }
        self.next = self.next.max(now) + self.interval();
        self.passed.push_back(now);
        Ok(())
    }

    /// The last request that passed was not sent after all.
    pub fn give_back(&mut self) {
        if self.passed.pop_back().is_some() {
            self.next = self.next.checked_sub(self.interval()).unwrap_or(self.next);
        }
        if let Some((left, _)) = &mut self.allowance {
            *left += 1;
        }
    }

    /// A request was answered as it should be.
    pub fn answered(&mut self, sent: Instant) {
        self.answered_since |= self.refused_at.is_none_or(|at| sent > at);
    }

    /// The service refused a request because there were too many: slow down to what it did take in the minute before,
    /// but not below half at once. What was sent before the last refusal was known teaches nothing new, nor does a
    /// service that has answered nobody since.
    pub fn refused(&mut self, sent: Instant, now: Instant) {
        if self.refused_at.is_some_and(|at| sent <= at) {
            return;
        }
        let news = std::mem::take(&mut self.answered_since);
        self.refused_at = Some(now);
        self.grow_at = now + self.keep_down.div_f64(self.speed);
        if !news {
            return;
        }
        let taken = self.passed.iter().filter(|&&at| at < sent).count();
        #[expect(clippy::cast_precision_loss, reason = "a minute has few requests")]
        let taken = taken as f64;
        self.rate = taken
            .clamp(self.rate / 2.0, self.rate * 0.9)
            .max(self.set * LOWEST)
            .max(1.0);
        self.next = self.next.max(now + self.interval());
        if std::mem::take(&mut self.has_grown) {
            self.keep_down = (self.keep_down * 2).min(KEEP_DOWN_LONGEST);
            self.grow_at = now + self.keep_down.div_f64(self.speed);
        }
    }

    /// The service said, answering a request sent at `sent`, how many more it takes until when.
    pub fn allow(&mut self, left: u32, until: Instant, sent: Instant) {
        let since = self.passed.iter().rev().take_while(|&&at| at > sent);
        let since = u32::try_from(since.count()).unwrap_or(u32::MAX);
        let left = left.saturating_sub(since);
        self.allowance = match self.allowance {
            // Answers overtake each other: of two that speak of the same time the smaller number holds.
            Some((known, to)) if to >= until => Some((known.min(left), to)),
            _ => Some((left, until)),
        };
    }

    /// The rate grows again, carefully, and never beyond the set one.
    fn grow(&mut self, now: Instant) {
        while self.rate < self.set && now >= self.grow_at {
            self.rate = (self.rate + self.set * STEP).min(self.set);
            self.has_grown = true;
            self.grow_at += Duration::from_mins(1).div_f64(self.speed);
        }
    }

    /// When the next request may pass at an even rate, a burst after a quiet time counted. A service that has ever
    /// refused one gets no bursts any more.
    fn earliest(&self, now: Instant) -> Instant {
        if self.refused_at.is_some() {
            return self.next;
        }
        let burst = self.interval() * (whole(self.set) / BURST);
        self.next.checked_sub(burst).unwrap_or(now)
    }

    fn interval(&self) -> Duration {
        MINUTE.div_f64(self.rate)
    }

    fn in_last_minute(&self, now: Instant) -> usize {
        let within = self.passed.iter().rev();
        within.take_while(|&&at| now < at + MINUTE).count()
    }

    fn whole_rate(&self) -> usize {
        whole(self.rate) as usize
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is between 1 and a u32"
)]
fn whole(rate: f64) -> u32 {
    rate.floor().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A service that takes so many requests in any minute, as strict ones count: the refused count for nothing.
    struct Strict {
        limit: usize,
        taken: VecDeque<Instant>,
    }

    impl Strict {
        fn takes(&mut self, now: Instant) -> bool {
            while self
                .taken
                .front()
                .is_some_and(|&at| now >= at + Duration::from_mins(1))
            {
                self.taken.pop_front();
            }
            let takes = self.taken.len() < self.limit;
            if takes {
                self.taken.push_back(now);
            }
            takes
        }
    }

    /// Sends as fast as the pace allows; each request arrives a little late, and each reply takes a while to be read.
    /// Returns how many were taken and how many refused within the time.
    fn send(pace: &mut Pace, service: &mut Strict, from: Instant, time: Duration) -> (u32, u32) {
        let (mut now, mut replies) = (from, VecDeque::new());
        let (mut taken, mut refused) = (0, 0);
        let mut number = 0u64;
        while now < from + time {
            while let Some(&(at, sent, good)) = replies.front()
                && at <= now
            {
                replies.pop_front();
                match good {
                    true => pace.answered(sent),
                    false => pace.refused(sent, at),
                }
            }
            match pace.pass(now) {
                Ok(()) => {
                    number += 1;
                    let late = Duration::from_millis(number * 37 % 150);
                    let good = service.takes(now + late);
                    *(if good { &mut taken } else { &mut refused }) += 1;
                    replies.push_back((now + Duration::from_millis(250), now, good));
                }
                Err(later) => {
                    let reply = replies.front().map_or(later, |&(at, ..)| at);
                    now = later.min(reply.max(now + Duration::from_millis(1)));
                }
            }
        }
        (taken, refused)
    }

    #[test]
    fn a_service_with_the_set_limit_refuses_nothing_and_is_used_whole() {
        for limit in [10, 60, 100, 1_000] {
            let start = Instant::now();
            let mut service = Strict {
                limit,
                taken: VecDeque::new(),
            };
            let mut pace = Pace::new(u32::try_from(limit).unwrap(), 1.0, start);
            let minutes = 60;
            let (taken, refused) =
                send(&mut pace, &mut service, start, Duration::from_mins(minutes));
            assert_eq!(refused, 0, "limit {limit}");
            let most = u32::try_from(limit).unwrap() * u32::try_from(minutes).unwrap();
            assert!(taken * 100 >= most * 99, "limit {limit}: {taken} of {most}");
        }
    }

    #[test]
    fn a_service_with_half_the_set_limit_refuses_one_in_a_hundred_at_most() {
        for (set, limit) in [(60, 30), (100, 50), (1_000, 500), (60, 47)] {
            let start = Instant::now();
            let mut service = Strict {
                limit,
                taken: VecDeque::new(),
            };
            let mut pace = Pace::new(set, 1.0, start);
            let (taken, refused) = send(&mut pace, &mut service, start, Duration::from_mins(34));
            assert!(
                refused * 100 <= taken,
                "{set}/{limit}: {refused} of {taken}"
            );
            let most = u32::try_from(limit).unwrap() * 34;
            assert!(taken * 100 >= most * 90, "{set}/{limit}: {taken} of {most}");
        }
    }

    #[test]
    fn a_service_that_bears_more_again_is_asked_more_again() {
        let start = Instant::now();
        let mut service = Strict {
            limit: 30,
            taken: VecDeque::new(),
        };
        let mut pace = Pace::new(60, 1.0, start);
        send(&mut pace, &mut service, start, Duration::from_mins(10));
        assert!(pace.rate() < 40.0);
        service.limit = 1_000;
        let later = start + Duration::from_mins(10);
        send(&mut pace, &mut service, later, Duration::from_mins(30));
        assert!((pace.rate() - 60.0).abs() < f64::EPSILON, "{}", pace.rate());
    }

    #[test]
    fn an_outage_cuts_the_rate_once() {
        let start = Instant::now();
        let mut pace = Pace::new(60, 1.0, start);
        for minute in 0..10 {
            let now = start + Duration::from_mins(minute);
            pace.pass(now).unwrap();
            pace.refused(now, now + Duration::from_secs(1));
        }
        assert!(pace.rate() >= 30.0, "{}", pace.rate());
    }

    #[test]
    fn what_the_service_says_it_still_takes_is_not_exceeded() {
        let start = Instant::now();
        let mut pace = Pace::new(600, 1.0, start);
        pace.pass(start).unwrap();
        let until = start + Duration::from_secs(20);
        pace.allow(2, until, start);
        let now = start + Duration::from_secs(1);
        pace.pass(now).unwrap();
        pace.pass(now).unwrap();
        assert_eq!(pace.pass(now), Err(until));
        pace.give_back();
        pace.pass(now).unwrap();
        pace.pass(until).unwrap();
        pace.pass(until).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// However it is used, in no minute do more requests pass than were allowed.
        #[test]
        fn no_minute_has_too_many(set in 1u32..90, pauses in proptest::collection::vec(0u64..9_000, 1..200), back in any::<u64>()) {
            let start = Instant::now();
            let mut pace = Pace::new(set, 1.0, start);
            let (mut now, mut at): (_, Vec<Instant>) = (start, Vec::new());
            for (i, pause) in pauses.iter().enumerate() {
                now += Duration::from_millis(*pause / 20);
                while let Err(later) = pace.pass(now) {
                    now = later;
                }
                if back >> (i % 64) & 1 == 1 && i % 5 == 0 {
                    pace.give_back();
                } else {
                    at.push(now);
                }
            }
            for (i, first) in at.iter().enumerate() {
                let within = at[i..].iter().take_while(|&&t| t < *first + Duration::from_mins(1)).count();
                prop_assert!(within <= set as usize, "{within} in a minute");
            }
        }
    }
}
