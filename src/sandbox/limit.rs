//! The latency and the rate limits of the simulated services.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// So many requests in any minute, and only a few of them at once, as a token bucket lets them through.
#[derive(Debug)]
pub(super) struct RequestLimit {
    per_minute: u32,
    burst: u32,
    state: Mutex<LimitState>,
}

#[derive(Debug)]
struct LimitState {
    passed: VecDeque<Instant>,
    /// When the bucket will be full again.
    full_at: Instant,
}

impl RequestLimit {
    /// So many a minute, and `burst` of them at once.
    pub(super) fn new(per_minute: u32, burst: u32) -> Self {
        Self {
            per_minute: per_minute.max(1),
            burst: burst.max(1),
            state: Mutex::new(LimitState {
                passed: VecDeque::new(),
                full_at: Instant::now(),
            }),
        }
    }

    /// A tenth of a minute's requests at once, as stingy services have it.
    pub(super) fn usual_burst(per_minute: u32) -> u32 {
        per_minute / 10
    }

    /// Counts a request, or says how long it has to wait. One that is refused counts for nothing.
    pub(super) fn refuse(&self) -> Option<Duration> {
        self.refuse_at(Instant::now())
    }

    fn refuse_at(&self, now: Instant) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let LimitState { passed, full_at } = &mut *state;
        while passed.front().is_some_and(|&at| now >= at + MINUTE) {
            passed.pop_front();
        }
        let is_full = passed.len() >= self.per_minute as usize;
        let in_a_minute = passed.front().filter(|_| is_full);
        let in_a_minute = in_a_minute.map(|&oldest| oldest + MINUTE - now);
        let interval = MINUTE / self.per_minute;
        let full_then = now.max(*full_at) + interval;
        let at_once = (full_then - now).checked_sub(interval * self.burst);
        let wait = in_a_minute.max(at_once.filter(|wait| !wait.is_zero()));
        if wait.is_none() {
            passed.push_back(now);
            *full_at = full_then;
        }
        wait
    }
}

/// A lognormal latency with this median in seconds: most answers come at about that time, a few take much longer.
pub(super) fn latency(median: f64, speed: f64) -> Duration {
    const SPREAD: f64 = 0.4;
    // Box and Muller's transform of two uniform numbers into a normal one.
    let radius = (-2.0 * (1.0 - fastrand::f64()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * fastrand::f64()).cos();
    Duration::from_secs_f64(median * (SPREAD * normal).exp() / speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_then_as_many_as_a_minute_has() {
        let limit = RequestLimit::new(60, RequestLimit::usual_burst(60));
        let start = Instant::now();
        let takes = |millis| {
            limit
                .refuse_at(start + Duration::from_millis(millis))
                .is_none()
        };
        assert_eq!((0..9).filter(|_| takes(0)).count(), 6);
        assert_eq!((0..9).filter(|_| takes(999)).count(), 0);
        assert_eq!((0..9).filter(|_| takes(3_000)).count(), 3);
        let wait = limit.refuse_at(start + Duration::from_millis(3_400));
        assert_eq!(wait, Some(Duration::from_millis(600)));
        let rest = (4..60).filter(|second| takes(second * 1_000)).count();
        assert_eq!(
            6 + 3 + rest,
            60,
            "no more in a minute, though the bucket has some"
        );
    }
}
