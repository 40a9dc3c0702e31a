//! The adaptive rate of one service: the rate that was set, and what the service turns out to bear.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The length of a minute, with a margin: requests do not all travel equally fast, and a service that counts exactly
/// must not see one too many.
pub const MINUTE: Duration = Duration::from_millis(60_400);

/// The share of a minute's requests that may pass at once after a quiet time. Services that keep a token bucket often
/// give it a tenth of a minute; half of that leaves room for requests that travel unequally fast.
const BURST: u32 = 20;

/// So many of the last calls are looked at, or a minute's where that is more: the faster, the more they prove.
const LAST_CALLS: usize = 20;

/// Refusals that are more than this share of them are the rate's fault; fewer are strays, which any service may send.
const STRAY_PERCENT: usize = 15;

/// Slowing down helped where the share of refusals fell below this part of what it was.
const HELPED: f64 = 0.7;

/// So many refusals in a row, with no answer between, say that the service takes nothing now.
const IN_A_ROW: u32 = 4;

/// How long a rate that was cut stays down before it grows, and how often it then grows by [`STEP`]: it is back within
/// a minute.
const QUIET: Duration = Duration::from_secs(10);
const GROW_EVERY: Duration = Duration::from_secs(10);

/// Over so many calls the usual share of strays is learned.
const LONG_AGO: f64 = 200.0;

/// The share of the set rate by which it grows.
const STEP: f64 = 0.1;

/// So many refusals while the rate grows, or soon after, say that the service still bears no more; where that is more,
/// a thirtieth of a minute's calls.
const RELAPSE: usize = 2;
const FEW: usize = 30;
const SOON_AFTER: Duration = Duration::from_mins(3);

/// How long the rate then stays down; doubled each time.
const KEEP_DOWN: Duration = Duration::from_mins(15);
const KEEP_DOWN_LONGEST: Duration = Duration::from_hours(1);

/// Never slower than this share of the set rate: a service that bears less says itself how long to wait.
const LOWEST: f64 = 1.0 / 16.0;

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateRefusal {
    /// It is about one request: others pass.
    Isolated,
    /// The service takes nothing now: nobody passes.
    Overload,
}

/// A request that passed.
#[derive(Clone, Copy, Debug)]
struct Passed {
    at: Instant,
    refused: bool,
}

/// The rate of one service. It knows no clock: every question comes with its time.
#[derive(Debug)]
pub struct AdaptiveRate {
    /// Requests a minute that the user allows.
    set: f64,
    /// Requests a minute that pass now.
    rate: f64,
    /// How many times faster than reality time passes.
    speed: f64,
    /// The requests of the last minute.
    passed: VecDeque<Passed>,
    /// Earliest moment for the next one at an even rate.
    next: Instant,
    /// Whether the service refused each of the last calls, the oldest first.
    outcomes: VecDeque<bool>,
    refused_in_a_row: u32,
    /// The share of refusals among earlier calls, which were no reason to slow down.
    usual_share: f64,
    /// When the rate was last cut, and to what.
    cut_at: Option<Instant>,
    borne: f64,
    /// The share of refusals that was the reason of a cut.
    slowed_by: Option<f64>,
    /// Until then refusals are taken for strays, because slowing down did not help.
    strays_until: Option<Instant>,
    /// The service has answered something that was sent since.
    answered_since: bool,
    /// When the rate grows next, or when it reached the set one.
    grow_at: Instant,
    /// How long it was kept down after the last relapse.
    keep_down: Option<Duration>,
    /// Calls since it has begun to grow, and how many of them were refused; `None` where it has not since the last cut.
    while_growing: Option<(usize, usize)>,
    /// What the service said it still takes, and until when that holds.
    allowance: Option<(u32, Instant)>,
}

impl AdaptiveRate {
    /// At most `set` requests in any minute.
    pub fn new(set: u32, speed: f64, now: Instant) -> Self {
        let set = f64::from(set.max(1));
        Self {
            set,
            rate: set,
            speed,
            passed: VecDeque::new(),
            next: now,
            outcomes: VecDeque::new(),
            refused_in_a_row: 0,
            usual_share: 0.0,
            cut_at: None,
            borne: set,
            slowed_by: None,
            strays_until: None,
            answered_since: true,
            grow_at: now,
            keep_down: None,
            while_growing: None,
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
        while self
            .passed
            .front()
            .is_some_and(|passed| now >= passed.at + MINUTE)
        {
            self.passed.pop_front();
        }
        let full = match self.passed.len().checked_sub(self.whole_rate()) {
            Some(surplus) => self.passed[surplus].at + MINUTE,
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
        self.passed.push_back(Passed {
            at: now,
            refused: false,
        });
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
        self.refused_in_a_row = 0;
        if self.is_news(sent) {
            self.answered_since = true;
            self.note(false);
        }
    }

    /// The service refused a request because there were too many. Some services count it all the same, so its turn is gone. The
    /// rate falls where the service takes nothing now, or where refusals are more of the last calls than strays are. What was
    /// sent before the last cut teaches nothing new.
    pub fn refused(&mut self, sent: Instant, now: Instant) -> RateRefusal {
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        if let Some(place) = self.passed.iter().rposition(|passed| passed.at <= sent) {
            self.passed[place].refused = true;
        }
        let takes_nothing = self.refused_in_a_row >= IN_A_ROW;
        if self.is_news(sent) {
            self.note(true);
            let taken = self
                .passed
                .iter()
                .filter(|passed| passed.at < sent && !passed.refused);
            let taken = ratio(taken.count(), 1);
            if takes_nothing {
                // What it took in a minute is what it takes in a minute.
                self.cut(taken, now);
            } else if self.strays_until.is_none_or(|at| now > at) {
                if self.relapses(now) {
                    self.cut(taken.max(self.borne), now);
                } else if self.refused_share_is_high() {
                    self.slow_down(now);
                }
            }
        }
        match takes_nothing {
            true => RateRefusal::Overload,
            false => RateRefusal::Isolated,
        }
    }

    fn is_news(&self, sent: Instant) -> bool {
        self.cut_at.is_none_or(|at| sent > at)
    }

    fn note(&mut self, refused: bool) {
        if let Some((calls, refusals)) = &mut self.while_growing {
            *calls += 1;
            *refusals += usize::from(refused);
        }
        self.outcomes.push_back(refused);
        while self.outcomes.len() > self.looked_at() {
            let refused = self.outcomes.pop_front().unwrap_or_default();
            if self.rate >= self.set {
                self.usual_share += (f64::from(u8::from(refused)) - self.usual_share) / LONG_AGO;
            }
        }
    }

    /// How many of the last calls are looked at.
    fn looked_at(&self) -> usize {
        LAST_CALLS.max(self.whole_rate())
    }

    /// Whether so many of the last calls were refused that it cannot be chance. Few calls prove little, so the share is of
    /// as many as are looked at, even while there are fewer.
    fn refused_share_is_high(&self) -> bool {
        self.refused_count() * 100 > self.looked_at() * STRAY_PERCENT
    }

    fn refused_count(&self) -> usize {
        self.outcomes.iter().filter(|&&refused| refused).count()
    }

    /// Whether the service bears no more than before the rate grew.
    fn relapses(&self, now: Instant) -> bool {
        let Some((calls, refusals)) = self.while_growing else {
            return false;
        };
        let few = ratio(RELAPSE.max(self.looked_at() / FEW), 1);
        let strays = 3.0 * self.usual_share * ratio(calls, 1);
        ratio(refusals, 1) >= few + strays && now <= self.grow_at + SOON_AFTER.div_f64(self.speed)
    }

    /// Slows down by the share of refusals, unless the last time did not help: then they have nothing to do with the rate.
    fn slow_down(&mut self, now: Instant) {
        let share = ratio(self.refused_count(), self.outcomes.len());
        let before = self.slowed_by.filter(|_| self.while_growing.is_none());
        if before.is_some_and(|before| share > before * HELPED) {
            self.rate = self.set;
            self.outcomes.clear();
            (self.slowed_by, self.keep_down) = (None, None);
            self.strays_until = Some(now + KEEP_DOWN.div_f64(self.speed));
        } else {
            self.cut(self.rate * (1.0 - share), now);
            self.slowed_by = Some(share);
        }
    }

    /// Slows down to what the service bears, but not below half at once; not again before it has answered something.
    fn cut(&mut self, borne: f64, now: Instant) {
        let has_grown = self.while_growing.take().is_some();
        if has_grown {
            let soon = now <= self.grow_at + SOON_AFTER.div_f64(self.speed);
            self.keep_down = soon.then(|| {
                self.keep_down
                    .map_or(KEEP_DOWN, |time| (time * 2).min(KEEP_DOWN_LONGEST))
            });
        }
        self.grow_at = now + self.keep_down.unwrap_or(QUIET).div_f64(self.speed);
        if std::mem::take(&mut self.answered_since) {
            self.rate = borne
                .clamp(self.rate / 2.0, self.rate * 0.9)
                .max(self.set * LOWEST)
                .max(1.0);
            self.next = self.next.max(now + self.interval());
        }
        self.cut_at = Some(now);
        self.borne = self.rate;
        self.outcomes.clear();
    }

    /// The service said, answering a request sent at `sent`, how many more it takes until when.
    pub fn allow(&mut self, left: u32, until: Instant, sent: Instant) {
        let since = self
            .passed
            .iter()
            .rev()
            .take_while(|passed| passed.at > sent);
        let since = u32::try_from(since.count()).unwrap_or(u32::MAX);
        let left = left.saturating_sub(since);
        self.allowance = match self.allowance {
            // Answers overtake each other: of two that speak of the same time the smaller number holds.
            Some((known, to)) if to >= until => Some((known.min(left), to)),
            _ => Some((left, until)),
        };
    }

    /// The rate grows again, and never beyond the set one.
    fn grow(&mut self, now: Instant) {
        while self.rate < self.set && now >= self.grow_at {
            self.rate = (self.rate + self.set * STEP).min(self.set);
            self.while_growing.get_or_insert((0, 0));
            if self.rate < self.set {
                self.grow_at += GROW_EVERY.div_f64(self.speed);
            }
        }
    }

    /// When the next request may pass at an even rate, a burst after a quiet time counted. There is none while the
    /// service bears less than it should.
    fn earliest(&self, now: Instant) -> Instant {
        if self.rate < self.set {
            return self.next;
        }
        let beyond_the_first = (whole(self.set) / BURST).saturating_sub(1);
        let burst = self.interval() * beyond_the_first;
        self.next.checked_sub(burst).unwrap_or(now)
    }

    fn interval(&self) -> Duration {
        MINUTE.div_f64(self.rate)
    }

    fn in_last_minute(&self, now: Instant) -> usize {
        let within = self.passed.iter().rev();
        within.take_while(|passed| now < passed.at + MINUTE).count()
    }

    fn whole_rate(&self) -> usize {
        whole(self.rate) as usize
    }
}

#[expect(clippy::cast_precision_loss, reason = "a minute has few requests")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
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

    /// A service with a token bucket that a tenth of a minute's requests fill, as stingy ones have, and that refuses some
    /// without a reason.
    struct Bucket {
        limit: f64,
        /// It counts the ones that it refuses without a reason.
        counts_strays: bool,
        tokens: f64,
        /// Those that it took or refused without a reason.
        asked: u32,
        at: Instant,
        strays: f64,
        random: fastrand::Rng,
    }

    impl Bucket {
        fn new(limit: u32, strays: f64, seed: u64, now: Instant) -> Self {
            let limit = f64::from(limit);
            Self {
                limit,
                counts_strays: seed % 2 == 1,
                tokens: limit / 10.0,
                asked: 0,
                at: now,
                strays,
                random: fastrand::Rng::with_seed(seed),
            }
        }

        fn takes(&mut self, now: Instant) -> bool {
            let since = now.saturating_duration_since(self.at).as_secs_f64();
            self.at = self.at.max(now);
            self.tokens = (self.tokens + since * self.limit / 60.0).min(self.limit / 10.0);
            let is_stray = self.random.f64() < self.strays;
            let has_room = self.tokens >= 1.0;
            if has_room && (!is_stray || self.counts_strays) {
                self.tokens -= 1.0;
            }
            self.asked += u32::from(has_room);
            has_room && !is_stray
        }
    }

    /// Sends as fast as the pace allows, for so long or until so many were taken; each request arrives a little late, and
    /// each reply takes a while to be read. Returns how many were taken and how many refused, and how long it took.
    fn send(
        pace: &mut AdaptiveRate,
        mut service: impl FnMut(Instant) -> bool,
        from: Instant,
        time: Duration,
        most: u32,
    ) -> (u32, u32, Duration) {
        let (mut now, mut replies) = (from, VecDeque::new());
        let (mut taken, mut refused) = (0, 0);
        let mut number = 0u64;
        while now < from + time && taken < most {
            while let Some(&(at, sent, good)) = replies.front()
                && at <= now
            {
                replies.pop_front();
                if good {
                    pace.answered(sent);
                } else {
                    pace.refused(sent, at);
                }
            }
            match pace.pass(now) {
                Ok(()) => {
                    number += 1;
                    let late = Duration::from_millis(number * 37 % 150);
                    let good = service(now + late);
                    *(if good { &mut taken } else { &mut refused }) += 1;
                    replies.push_back((now + Duration::from_millis(250), now, good));
                }
                Err(later) => {
                    let reply = replies.front().map_or(later, |&(at, ..)| at);
                    now = later.min(reply.max(now + Duration::from_millis(1)));
                }
            }
        }
        (taken, refused, now - from)
    }

    fn send_for(
        pace: &mut AdaptiveRate,
        service: &mut Strict,
        from: Instant,
        time: Duration,
    ) -> (u32, u32) {
        let (taken, refused, _) = send(pace, |at| service.takes(at), from, time, u32::MAX);
        (taken, refused)
    }

    /// How many times as long as a service's limit demands for all that was asked it took until it had taken a night's requests,
    /// and which share it refused.
    fn night(set: u32, mut service: Bucket, start: Instant) -> (f64, f64) {
        let requests = set * 25;
        let mut pace = AdaptiveRate::new(set, 1.0, start);
        let takes = |at| service.takes(at);
        let (_, refused, took) = send(&mut pace, takes, start, Duration::from_hours(10), requests);
        let bound = f64::from(service.asked) * 60.0 / service.limit;
        let share = f64::from(refused) / f64::from(requests);
        (took.as_secs_f64() / bound, share)
    }

    fn nights_with_strays(set: u32, strays: f64) -> Vec<f64> {
        let night = |seed| {
            let start = Instant::now();
            night(set, Bucket::new(set, strays, seed, start), start).0
        };
        let mut nights: Vec<f64> = (0..100).map(night).collect();
        nights.sort_by(f64::total_cmp);
        nights
    }

    #[test]
    fn up_to_one_stray_refusal_in_twenty_costs_less_than_a_twentieth_of_the_time() {
        for set in [60, 100] {
            for strays in [0.0, 0.01, 0.03, 0.05] {
                let nights = nights_with_strays(set, strays);
                assert!(nights[99] <= 1.05, "{set}, {strays}: {nights:?}");
                assert!(nights[50] <= 1.01, "{set}, {strays}: {nights:?}");
            }
        }
    }

    #[test]
    fn refusals_that_have_nothing_to_do_with_the_rate_do_not_strangle_it() {
        for set in [60, 100] {
            let nights = nights_with_strays(set, 0.2);
            assert!(nights[50] <= 1.25 && nights[99] <= 2.0, "{set}: {nights:?}");
        }
    }

    #[test]
    fn a_bucket_that_fills_more_slowly_than_was_set_is_used_and_seldom_refuses() {
        for set in [60, 100, 600] {
            for real in [0.3, 0.5, 0.7, 0.8, 0.9, 0.95] {
                let start = Instant::now();
                let service = Bucket::new(whole(f64::from(set) * real), 0.0, 1, start);
                let (ratio, refused) = night(set, service, start);
                assert!(ratio <= 1.05, "{set}, {real}: {ratio}");
                assert!(refused <= 0.15, "{set}, {real}: {refused}");
            }
        }
    }

    #[test]
    fn a_service_with_the_set_limit_refuses_nothing_and_is_used_whole() {
        for limit in [10, 60, 100, 1_000] {
            let start = Instant::now();
            let mut service = Strict {
                limit,
                taken: VecDeque::new(),
            };
            let mut pace = AdaptiveRate::new(u32::try_from(limit).unwrap(), 1.0, start);
            let minutes = 60;
            let (taken, refused) =
                send_for(&mut pace, &mut service, start, Duration::from_mins(minutes));
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
            let mut pace = AdaptiveRate::new(set, 1.0, start);
            let (taken, refused) =
                send_for(&mut pace, &mut service, start, Duration::from_mins(34));
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
        let mut pace = AdaptiveRate::new(60, 1.0, start);
        send_for(&mut pace, &mut service, start, Duration::from_mins(10));
        assert!(pace.rate() < 40.0);
        service.limit = 1_000;
        let later = start + Duration::from_mins(10);
        send_for(&mut pace, &mut service, later, Duration::from_mins(30));
        assert!((pace.rate() - 60.0).abs() < f64::EPSILON, "{}", pace.rate());
    }

    #[test]
    fn an_outage_cuts_the_rate_once() {
        let start = Instant::now();
        let mut pace = AdaptiveRate::new(60, 1.0, start);
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
        let mut pace = AdaptiveRate::new(600, 1.0, start);
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
            let mut pace = AdaptiveRate::new(set, 1.0, start);
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
