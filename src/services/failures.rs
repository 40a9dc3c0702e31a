//! The failures of one call: whose fault they are, and when to give up.

use std::time::Duration;

use tokio::time::Instant;

use super::call::Service;

/// Times that a request may fail while its service answers others, before the fault is taken for its own.
const ATTEMPTS: u32 = 8;

/// How long a service that never answered is tried, and one that did or that asks for patience.
const PATIENCE_AT_START: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_mins(15);

/// Why a call is sent again.
pub struct Failure {
    pub why: String,
    /// How long the service asks to wait.
    pub after: Option<Duration>,
    /// Whether this request may be the reason, and not the state of the service.
    pub by_request: bool,
    /// When the request was sent.
    pub sent: Instant,
}

/// The failures of one call so far.
pub struct Failures {
    begun: Instant,
    last: Instant,
    count: u32,
    /// Those between which the service answered others.
    of_this_request: u32,
    /// The service asked for patience, so it is there.
    asked_to_wait: bool,
}

impl Failures {
    /// A call that begins.
    pub fn none() -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            last: now,
            count: 0,
            of_this_request: 0,
            asked_to_wait: false,
        }
    }

    /// Takes in one more failure.
    pub fn add(&mut self, failure: &Failure, service: &Service) {
        self.count += 1;
        // A success before the last failure says nothing about this one: the service may have gone down since.
        self.of_this_request +=
            u32::from(failure.by_request && service.gate.succeeded_since(self.last));
        self.asked_to_wait |= failure.after.is_some();
        self.last = Instant::now();
    }

    /// When the call began.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// How often it failed.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether the fault is the request's own.
    pub fn is_its_own(&self) -> bool {
        self.of_this_request >= ATTEMPTS
    }

    /// Whether its service has been tried long enough to count as unavailable, before a wait for one more try.
    /// `patience` is the longest that all tries may take, where the usual one is too long.
    pub fn exhaust(
        &self,
        service: &Service,
        patience: Option<Duration>,
        speed: f64,
        wait: Duration,
    ) -> bool {
        let patience = match patience {
            Some(patience) => patience,
            // A single answer may be longer in coming than patience lasts.
            None if !service.gate.is_broken() => return false,
            None if self.asked_to_wait || service.gate.ever_succeeded() => PATIENCE,
            None => PATIENCE_AT_START,
        };
        self.begun.elapsed() + wait > patience.div_f64(speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::services::{gate::Gate, reply::usual_verdict};

    fn service() -> Service {
        Service {
            name: "test",
            address: "TEST_BASE_URL",
            credential: String::new(),
            account: "",
            gate: Arc::new(Gate::new(1_000, 1.0)),
            classify: usual_verdict,
        }
    }

    fn failure(after: Option<u64>) -> Failure {
        Failure {
            why: "status 502".into(),
            after: after.map(Duration::from_secs),
            by_request: true,
            sent: Instant::now(),
        }
    }

    async fn pass(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_just_before_an_outage_does_not_blame_the_request() {
        let service = service();
        let mut failures = Failures::none();
        pass(1).await;
        service.gate.succeeded(Instant::now());
        for _ in 0..40 {
            pass(10).await;
            failures.add(&failure(None), &service);
        }
        assert_eq!((failures.count, failures.of_this_request), (40, 1));
        // From now on others are answered while this one fails.
        for _ in 0..ATTEMPTS {
            pass(5).await;
            service.gate.succeeded(Instant::now());
            pass(5).await;
            failures.add(&failure(None), &service);
        }
        assert!(failures.is_its_own());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_asks_for_patience_is_not_given_up_at_the_start() {
        let service = service();
        let tried = async |times: u32, after| {
            let mut failures = Failures::none();
            for _ in 0..times {
                tokio::time::advance(Duration::from_millis(1)).await;
                failures.add(&failure(after), &service);
                service.gate.failed(Instant::now(), None);
            }
            failures.exhaust(&service, None, 1.0, Duration::from_secs(61))
        };
        assert!(!tried(2, None).await, "it was hardly tried");
        assert!(tried(1, None).await, "it never answered anybody");
        assert!(!tried(3, Some(60)).await, "it asked to wait");
        service.gate.succeeded(Instant::now());
        assert!(!tried(4, None).await, "it has answered before");
    }
}
