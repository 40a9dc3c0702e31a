//! The deadline of a run: until when brands are begun, by `--deadline` and `--max-time`.

use std::{collections::VecDeque, time::Duration};

use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, Time},
    tz::TimeZone,
};
use tokio::time::Instant;

use super::{options::UnattendedOptions, summary::span};

/// Brands whose times say how long the next one will take.
const RECENT: usize = 20;

/// When a run has to be done, and what it knows of how long a brand takes.
#[derive(Debug)]
pub struct Deadline {
    /// By the clock on the wall.
    until: Option<ZonedDateTime>,
    max_time: Option<Duration>,
    begun: Instant,
    /// What the last brands took, and what one is expected to take before any is done.
    recent: VecDeque<Duration>,
    expected: Duration,
}

impl Deadline {
    /// The deadline of a run that began at this moment.
    pub fn new(
        options: &UnattendedOptions,
        started: Timestamp,
        begun: Instant,
        expected: Duration,
    ) -> Self {
        Self {
            until: until(options, started),
            max_time: options.max_time,
            begun,
            recent: VecDeque::with_capacity(RECENT),
            expected,
        }
    }

    /// When the time is up, where that is set.
    pub fn ends(&self) -> Option<Instant> {
        let by_clock = self.until.as_ref().map(|until| {
            let left = Timestamp::now().duration_until(until.timestamp());
            Instant::now() + Duration::try_from(left).unwrap_or_default()
        });
        let by_time = self.max_time.map(|max_time| self.begun + max_time);
        by_clock.into_iter().chain(by_time).min()
    }

    /// Takes in how long a brand took.
    pub fn brand_took(&mut self, took: Duration) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(took);
    }

    /// Why no other brand is begun; `None` while one is expected to be done in time.
    pub fn passed(&self) -> Option<String> {
        let typical = self.typical();
        let by_clock = self.until.as_ref().and_then(|until| {
            let left = Timestamp::now().duration_until(until.timestamp());
            let left = Duration::try_from(left).unwrap_or_default();
            (left < typical).then(|| format!("--deadline is {}", until.strftime("%H:%M %:z")))
        });
        by_clock
            .or_else(|| {
                let max_time = self.max_time?;
                let left = max_time.saturating_sub(self.begun.elapsed());
                (left < typical).then(|| format!("--max-time is {}", span(max_time)))
            })
            .map(|limit| format!("{limit}, and a brand takes about {}", span(typical)))
    }

    /// What nine of ten recent brands kept to: the average would be too late for half of them.
    fn typical(&self) -> Duration {
        let mut recent: Vec<Duration> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        let last = recent.len().saturating_sub(1);
        recent.get(last * 9 / 10).copied().unwrap_or(self.expected)
    }
}

/// The moment that `--deadline` means, for a run that began at this one.
pub fn until(options: &UnattendedOptions, started: Timestamp) -> Option<ZonedDateTime> {
    let started = started.to_zoned_datetime(TimeZone::system());
    next(&started, options.deadline?)
}

/// The next moment at which clocks show this time. Where they are put back it may come twice in a day; where they are
/// put forward and it is left out, it counts as much later as they jump.
fn next(started: &ZonedDateTime, time: Time) -> Option<ZonedDateTime> {
    let today = started.date();
    let tomorrow = today.tomorrow().ok()?;
    let moments = |day: Date| {
        let moment = started
            .time_zone()
            .to_ambiguous_zoned_datetime(day.to_datetime(time));
        [moment.clone().compatible(), moment.later()]
    };
    [today, tomorrow]
        .into_iter()
        .flat_map(moments)
        .filter_map(Result::ok)
        .filter(|moment| moment > started)
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{ToSpan, civil::time};
    use proptest::prelude::*;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    fn deadline(args: &UnattendedOptions) -> Deadline {
        Deadline::new(args, Timestamp::now(), Instant::now(), minutes(1))
    }

    #[test]
    fn a_deadline_is_the_next_such_time_on_the_wall() {
        for (started, at, expected) in [
            (
                "2027-03-10T01:30[Europe/Berlin]",
                (6, 0),
                "2027-03-10T06:00:00+01:00[Europe/Berlin]",
            ),
            (
                "2027-03-10T06:00[Europe/Berlin]",
                (6, 0),
                "2027-03-11T06:00:00+01:00[Europe/Berlin]",
            ),
            (
                "2027-03-10T22:00[Asia/Tehran]",
                (6, 0),
                "2027-03-11T06:00:00+03:30[Asia/Tehran]",
            ),
            // Four hours and a half on the wall, three hours and a half in the night that loses one.
            (
                "2027-03-28T01:30[Europe/Berlin]",
                (6, 0),
                "2027-03-28T06:00:00+02:00[Europe/Berlin]",
            ),
            (
                "2027-03-28T01:30[Europe/Berlin]",
                (2, 30),
                "2027-03-28T03:30:00+02:00[Europe/Berlin]",
            ),
            (
                "2027-10-31T01:30[Europe/Berlin]",
                (2, 30),
                "2027-10-31T02:30:00+02:00[Europe/Berlin]",
            ),
            (
                "2027-10-31T02:45+02:00[Europe/Berlin]",
                (2, 30),
                "2027-10-31T02:30:00+01:00[Europe/Berlin]",
            ),
        ] {
            let started: ZonedDateTime = started.parse().unwrap();
            let next = next(&started, time(at.0, at.1, 0, 0)).unwrap();
            assert_eq!(next.to_string(), expected, "{started}");
        }
    }

    proptest! {
        #[test]
        fn a_deadline_lies_ahead_and_at_most_a_long_day_away(second in 0i64..4_000_000_000, hour in 0i8..24, minute in 0i8..60) {
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let started = Timestamp::from_second(second).unwrap().to_zoned_datetime(zone);
            let next = next(&started, time(hour, minute, 0, 0)).unwrap();
            prop_assert!(next > started);
            prop_assert!(started.duration_until(&next).as_hours() <= 25);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_brands_took_decides_whether_one_more_is_begun() {
        let mut deadline = deadline(&UnattendedOptions {
            max_time: Some(minutes(60)),
            ..UnattendedOptions::default()
        });
        tokio::time::advance(minutes(58)).await;
        assert_eq!(deadline.passed(), None);
        for took in [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 30] {
            deadline.brand_took(minutes(took));
        }
        assert_eq!(deadline.passed(), None, "one slow brand is not typical");
        for _ in 0..5 {
            deadline.brand_took(minutes(3));
        }
        let passed = deadline.passed().unwrap();
        assert_eq!(
            passed,
            "--max-time is 60.0 minutes, and a brand takes about 3.0 minutes"
        );
        for _ in 0..RECENT {
            deadline.brand_took(minutes(1));
        }
        assert_eq!(deadline.passed(), None);
        tokio::time::advance(minutes(10)).await;
        assert!(deadline.passed().is_some());
    }

    #[tokio::test]
    async fn the_earlier_of_both_limits_counts() {
        let in_an_hour = ZonedDateTime::now().checked_add(1.hour()).unwrap().time();
        let mut args = UnattendedOptions {
            deadline: Some(in_an_hour),
            ..UnattendedOptions::default()
        };
        assert_eq!(deadline(&args).passed(), None);
        args.max_time = Some(Duration::from_secs(30));
        let passed = deadline(&args).passed().unwrap();
        assert!(passed.starts_with("--max-time is 30.0 seconds"), "{passed}");
        assert_eq!(deadline(&UnattendedOptions::default()).passed(), None);
    }
}
