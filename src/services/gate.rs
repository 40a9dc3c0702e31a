//! The rate gate of one service: who may call it, and when.
//!
//! Requests pass in the order in which they came. In any minute at most the set number of them pass, spread evenly
//! with a small burst. When the service fails or asks for patience, everybody waits; after several failures in a row
//! one request at a time tries whether it is back (a circuit breaker, half open).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as FairMutex, OwnedMutexGuard},
    time::{Instant, sleep_until},
};

const MINUTE: Duration = Duration::from_mins(1);

/// Failures in a row after which only one request at a time is let through.
const BREAKER: u32 = 3;

/// The first back-off and the longest, before jitter.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// The longest wait that a service can ask for.
const LONGEST_REQUESTED: Duration = Duration::from_mins(5);

/// The rate gate of one service, shared by all workers.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    /// How many times faster than reality time passes (1 but for rehearsals).
    speed: f64,
    /// The queue: fair, so that nobody is overtaken.
    queue: FairMutex<()>,
    /// Held by the one request that tries whether the service is back.
    probe: Arc<FairMutex<()>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the requests of the last minute passed.
    passed: VecDeque<Instant>,
    /// Earliest moment for the next one at an even rate.
    next: Instant,
    paused_until: Instant,
    failures: u32,
    last_success: Option<Instant>,
}

/// Leave to send one request.
#[derive(Debug)]
pub struct Pass {
    _probe: Option<OwnedMutexGuard<()>>,
}

impl Gate {
    /// A gate that lets `limit` requests a minute pass.
    pub fn new(limit: u32, speed: f64) -> Self {
        let now = Instant::now();
        Self {
            limit: limit.max(1) as usize,
            speed,
            queue: FairMutex::new(()),
            probe: Arc::default(),
            state: Mutex::new(State {
                passed: VecDeque::new(),
                next: now,
                paused_until: now,
                failures: 0,
                last_success: None,
            }),
        }
    }

    /// Waits for one's turn. Dropping the future gives the turn to the next in line.
    pub async fn enter(&self) -> Pass {
        let probe = if self.is_broken() {
            let guard = Arc::clone(&self.probe).lock_owned().await;
            // Somebody before us may have found the service well again.
            self.is_broken().then_some(guard)
        } else {
            None
        };
        let _turn = self.queue.lock().await;
        loop {
            let passed = self.state().pass_at(Instant::now(), self.limit);
            match passed {
                Ok(()) => return Pass { _probe: probe },
                Err(later) => sleep_until(later).await,
            }
        }
    }

    /// The service answered as it should.
    pub fn succeeded(&self) {
        let mut state = self.state();
        state.failures = 0;
        state.last_success = Some(Instant::now());
    }

    /// The service failed: everybody waits as long as it asked for, or a random time of up to twice the last one.
    /// Returns the wait.
    pub fn failed(&self, requested: Option<Duration>) -> Duration {
        let mut state = self.state();
        let wait = match requested {
            Some(wait) => wait.min(LONGEST_REQUESTED).div_f64(self.speed),
            None => self.back_off(state.failures),
        };
        state.failures = state.failures.saturating_add(1);
        state.paused_until = state.paused_until.max(Instant::now() + wait);
        wait
    }

    /// Exponential back-off with full jitter (Brooker, “Exponential Backoff and Jitter”, 2015).
    pub fn back_off(&self, failures: u32) -> Duration {
        let ceiling = LONGEST_BACK_OFF.min(FIRST_BACK_OFF * 2u32.saturating_pow(failures.min(16)));
        // Never so short that the service sees a storm.
        ceiling
            .mul_f64(0.1 + 0.9 * fastrand::f64())
            .div_f64(self.speed)
    }

    /// Whether the service has answered well since then.
    pub fn succeeded_since(&self, since: Instant) -> bool {
        self.state().last_success.is_some_and(|at| at >= since)
    }

    /// Whether the service has failed several times in a row, or has only ever failed.
    pub fn seems_down(&self) -> bool {
        let state = self.state();
        state.failures >= BREAKER || state.failures > 0 && state.last_success.is_none()
    }

    /// How often the service has failed since its last success.
    pub fn failures(&self) -> u32 {
        self.state().failures
    }

    /// Whether one request at a time tries if the service is back.
    pub fn is_broken(&self) -> bool {
        self.failures() >= BREAKER
    }

    /// Whether the service has answered well at all.
    pub fn ever_succeeded(&self) -> bool {
        self.state().last_success.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets a request pass now, or says when to ask again.
    fn pass_at(&mut self, now: Instant, limit: usize) -> Result<(), Instant> {
        while self.passed.front().is_some_and(|&at| now >= at + MINUTE) {
            self.passed.pop_front();
        }
        let interval = MINUTE / u32::try_from(limit).unwrap_or(u32::MAX);
        let burst = interval * u32::try_from(limit / 4).unwrap_or(u32::MAX);
        let full = match self.passed.front() {
            Some(&oldest) if self.passed.len() >= limit => oldest + MINUTE,
            _ => now,
        };
        let even = self.next.checked_sub(burst).unwrap_or(now);
        let at = full.max(even).max(self.paused_until);
        if at > now {
            return Err(at);
        }
        self.next = self.next.max(now) + interval;
        self.passed.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The moments at which `count` requests that all wait at the start pass.
    async fn passes(limit: u32, count: usize) -> Vec<Duration> {
        let gate = Gate::new(limit, 1.0);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..count {
            drop(gate.enter().await);
            at.push(start.elapsed());
        }
        at
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_burst_then_an_even_rate() {
        let at = passes(60, 120).await;
        assert_eq!(at[15], Duration::ZERO, "the burst passes at once");
        assert!(at[30] > Duration::from_secs(14));
        assert!(at[119] > Duration::from_secs(100) && at[119] < Duration::from_secs(121));
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_as_long_as_the_service_asks() {
        let gate = Gate::new(6_000, 1.0);
        drop(gate.enter().await);
        let start = Instant::now();
        assert_eq!(
            gate.failed(Some(Duration::from_secs(7))),
            Duration::from_secs(7)
        );
        drop(gate.enter().await);
        assert!(start.elapsed() >= Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn after_failures_in_a_row_one_request_tries_for_all() {
        let gate = Arc::new(Gate::new(6_000, 1.0));
        for _ in 0..BREAKER {
            gate.failed(Some(Duration::from_secs(1)));
        }
        let probe = gate.enter().await;
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { drop(gate.enter().await) }
        });
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!waiting.is_finished(), "only one request may try");
        gate.succeeded();
        drop(probe);
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_does_not_block_the_line() {
        let gate = Gate::new(1, 1.0);
        drop(gate.enter().await);
        let gone = tokio::time::timeout(Duration::from_secs(1), gate.enter()).await;
        assert!(gone.is_err());
        drop(gate.enter().await);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// In no minute do more requests pass than were allowed.
        #[test]
        fn no_minute_has_too_many(limit in 1u32..90, count in 1usize..200) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time().start_paused(true).build().unwrap();
            let at = runtime.block_on(passes(limit, count));
            for (i, start) in at.iter().enumerate() {
                let within = at[i..].iter().take_while(|&&t| t < *start + MINUTE).count();
                prop_assert!(within <= limit as usize, "{within} in the minute from {start:?}");
            }
        }
    }
}
