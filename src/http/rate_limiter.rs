//! The rate limiter of one service: which call may go out, and when.
//!
//! Requests pass in the order in which they came. In any minute at most the set number of them pass, spread evenly
//! with a small burst. When the service fails or asks for patience, everybody waits; after several failures in a row
//! one request at a time tries whether it is back (a circuit breaker, half open).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as FairMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

use super::adaptive_rate::{AdaptiveRate, MINUTE, RateRefusal};
use crate::store::shared_run::Slot;

/// Failures in a row after which only one request at a time is let through.
const BREAKER: u32 = 3;

/// The first back-off and the longest, before jitter.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// The longest wait that a service can ask for.
pub const LONGEST_REQUESTED: Duration = Duration::from_mins(5);

/// The rate gate of one service, shared by all workers.
#[derive(Debug)]
pub struct RateLimiter {
    /// How many times faster than reality time passes.
    speed: f64,
    /// The queue: fair, so that nobody is overtaken.
    queue: FairMutex<()>,
    /// Held by the one request that tries whether the service is back.
    probe: Arc<FairMutex<()>>,
    state: Mutex<State>,
    /// Where other hosts send to the service too.
    turns: Option<TurnSource>,
}

/// Turns that all hosts share.
#[derive(Debug)]
struct TurnSource {
    slot: Slot,
    /// Room for those that are taken ahead of their time.
    ahead: Arc<Semaphore>,
}

#[derive(Debug)]
struct State {
    pace: AdaptiveRate,
    paused_until: Instant,
    failures: u32,
    last_failure: Option<Instant>,
    last_success: Option<Instant>,
}

/// Leave to send one request.
#[derive(Debug)]
pub struct Pass {
    /// When it was given.
    pub at: Instant,
    _probe: Option<OwnedMutexGuard<()>>,
    ahead: Option<OwnedSemaphorePermit>,
}

impl Pass {
    /// The turn among all hosts has come.
    pub fn begin(&mut self) {
        self.at = Instant::now();
        self.ahead = None;
    }
}

/// How a gate stands at a moment.
#[derive(Clone, Copy, Debug)]
pub struct LimiterState {
    /// Requests a minute that pass.
    pub rate: f64,
    /// Requests that may pass at once.
    pub at_once: f64,
}

impl RateLimiter {
    /// A gate that lets `limit` requests a minute pass.
    pub fn new(limit: u32, speed: f64) -> Self {
        let now = Instant::now();
        Self {
            speed,
            queue: FairMutex::new(()),
            probe: Arc::default(),
            state: Mutex::new(State {
                pace: AdaptiveRate::new(limit, speed, now),
                paused_until: now,
                failures: 0,
                last_failure: None,
                last_success: None,
            }),
            turns: None,
        }
    }

    /// A gate that lets `limit` requests a minute pass, those of all other hosts with the same `name` included. So many of
    /// them may pass at once after a quiet time, and the others wait for longer.
    pub fn shared(limit: u32, burst: u32, speed: f64, name: String) -> Self {
        let interval = MINUTE / limit.saturating_sub(burst).max(1);
        // Turns of a second: those that are taken ahead are lost when the host is.
        let ahead = (limit as usize / 60).max(2);
        Self {
            turns: Some(TurnSource {
                slot: Slot {
                    gate: name,
                    interval,
                    burst: interval * burst,
                },
                ahead: Arc::new(Semaphore::new(ahead)),
            }),
            ..Self::new(limit, speed)
        }
    }

    /// The turns that hosts share, where they do.
    pub fn slot(&self) -> Option<&Slot> {
        self.turns.as_ref().map(|turns| &turns.slot)
    }

    /// Waits for one's turn on this host. Dropping the future gives the turn to the next in line.
    pub async fn enter(&self) -> Pass {
        let probe = if self.is_broken() {
            let guard = Arc::clone(&self.probe).lock_owned().await;
            // Somebody before us may have found the service well again.
            self.is_broken().then_some(guard)
        } else {
            None
        };
        let ahead = match &self.turns {
            // The semaphore is never closed.
            Some(turns) => Arc::clone(&turns.ahead).acquire_owned().await.ok(),
            None => None,
        };
        let _turn = self.queue.lock().await;
        loop {
            let now = Instant::now();
            let passed = self.state().pass(now);
            match passed {
                Ok(()) => {
                    return Pass {
                        at: now,
                        _probe: probe,
                        ahead,
                    };
                }
                Err(later) => sleep_until(later).await,
            }
        }
    }

    /// Gives back a pass with which nothing was sent.
    pub fn give_back(&self, pass: Pass) {
        self.state().pace.give_back();
        drop(pass);
    }

    /// The service answered as it should.
    pub fn succeeded(&self, sent: Instant) {
        let mut state = self.state();
        state.failures = 0;
        state.last_success = Some(Instant::now());
        state.pace.answered(sent);
    }

    /// The service refused what was sent then, because it gets too many requests.
    pub fn refused(&self, sent: Instant) -> RateRefusal {
        self.state().pace.refused(sent, Instant::now())
    }

    /// The service said how many more requests it takes until when.
    pub fn allow(&self, left: u32, time: Duration, sent: Instant) {
        let until = Instant::now() + time.min(LONGEST_REQUESTED).div_f64(self.speed);
        self.state().pace.allow(left, until, sent);
    }

    /// The service failed with what was sent then: everybody waits as long as it asked for, or a random time of up to
    /// twice the last one. Requests that were on their way together fail together, and count as one failure.
    /// Returns the wait.
    pub fn failed(&self, sent: Instant, requested: Option<Duration>) -> Duration {
        let mut state = self.state();
        let together = state.last_failure.is_some_and(|at| sent <= at);
        let wait = match requested {
            // A service that asks for the same again and again is asked ever more rarely.
            Some(wait) => self
                .requested(wait)
                .max(self.back_off(state.failures.saturating_sub(BREAKER))),
            None => self.back_off(state.failures.saturating_sub(together.into())),
        };
        let now = Instant::now();
        if !together {
            state.failures = state.failures.saturating_add(1);
            state.last_failure = Some(now);
        }
        if !together || requested.is_some() {
            state.paused_until = state.paused_until.max(now + wait);
        }
        wait
    }

    /// How long one waits that was asked to.
    pub fn requested(&self, wait: Duration) -> Duration {
        wait.min(LONGEST_REQUESTED).div_f64(self.speed)
    }

    /// Exponential back-off with full jitter (Brooker, “Exponential Backoff and Jitter”, 2015).
    pub fn back_off(&self, failures: u32) -> Duration {
        let ceiling = LONGEST_BACK_OFF.min(FIRST_BACK_OFF * 2u32.saturating_pow(failures.min(16)));
        // Never so short that the service sees a storm.
        ceiling
            .mul_f64(0.1 + 0.9 * fastrand::f64())
            .div_f64(self.speed)
    }

    /// How the gate stands now.
    pub fn standing(&self) -> LimiterState {
        let state = self.state();
        LimiterState {
            rate: state.pace.rate(),
            at_once: state.pace.at_once(Instant::now()),
        }
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

    /// Whether nobody passes now.
    pub fn is_barred(&self) -> bool {
        let state = self.state();
        state.failures >= BREAKER || state.paused_until > Instant::now()
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
    fn pass(&mut self, now: Instant) -> Result<(), Instant> {
        match self.paused_until > now {
            true => Err(self.paused_until),
            false => self.pace.pass(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments at which `count` requests that all wait at the start pass.
    async fn passes(limit: u32, count: usize) -> Vec<Duration> {
        let gate = RateLimiter::new(limit, 1.0);
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
        assert_eq!(at[2], Duration::ZERO, "the burst passes at once");
        assert!(at[3] > Duration::ZERO, "it is a twentieth of a minute's");
        assert!(at[30] > Duration::from_secs(22));
        assert!(at[119] > Duration::from_secs(110) && at[119] < Duration::from_secs(121));
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_as_long_as_the_service_asks() {
        let gate = RateLimiter::new(6_000, 1.0);
        drop(gate.enter().await);
        let start = Instant::now();
        assert_eq!(
            gate.failed(Instant::now(), Some(Duration::from_secs(7))),
            Duration::from_secs(7)
        );
        drop(gate.enter().await);
        assert!(start.elapsed() >= Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn after_failures_in_a_row_one_request_tries_for_all() {
        let gate = Arc::new(RateLimiter::new(6_000, 1.0));
        for _ in 0..BREAKER {
            tokio::time::advance(Duration::from_millis(1)).await;
            gate.failed(Instant::now(), Some(Duration::from_secs(1)));
        }
        let probe = gate.enter().await;
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { drop(gate.enter().await) }
        });
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!waiting.is_finished(), "only one request may try");
        gate.succeeded(Instant::now());
        drop(probe);
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_does_not_block_the_line() {
        let gate = RateLimiter::new(1, 1.0);
        drop(gate.enter().await);
        let gone = tokio::time::timeout(Duration::from_secs(1), gate.enter()).await;
        assert!(gone.is_err());
        drop(gate.enter().await);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_fail_together_are_one_failure() {
        let gate = RateLimiter::new(6_000, 1.0);
        let sent = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        for _ in 0..16 {
            assert!(gate.failed(sent, None) <= FIRST_BACK_OFF);
        }
        assert_eq!(gate.failures(), 1);
    }
}
