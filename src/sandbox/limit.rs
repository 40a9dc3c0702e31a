//! How fast the simulated services answer, and how much they let through.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// So many requests in any minute.
#[derive(Debug)]
pub(super) struct Limit {
    per_minute: usize,
    passed: Mutex<VecDeque<Instant>>,
}

impl Limit {
    pub(super) fn new(per_minute: u32) -> Self {
        Self {
            per_minute: per_minute as usize,
            passed: Mutex::default(),
        }
    }

    /// Counts a request, or says how long it has to wait.
    pub(super) fn refuse(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        while passed.front().is_some_and(|&at| now >= at + MINUTE) {
            passed.pop_front();
        }
        if passed.len() < self.per_minute {
            passed.push_back(now);
            return None;
        }
        passed.front().map(|&oldest| oldest + MINUTE - now)
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
