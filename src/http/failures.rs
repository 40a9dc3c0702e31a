//! The failures of one call: who is to blame, and when to give up.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    call::Service,
    obstacle::Obstacle,
    patience::{CallPatience, Waits},
};
use crate::error_kind::ErrorKind;

/// Times that a request may fail while its service answers others, before the fault is taken for its own.
const ATTEMPTS: u32 = 8;

/// Answers without anything in them, or that never came, which may be paid for; and those that cost nothing.
const PAID_TRIES: u32 = 2;
const FREE_TRIES: u32 = 4;

/// Long answers that did not come in their time while others did: each may be paid for.
const TIMED_OUT_TRIES: u32 = 3;

/// How long a model is tried that is out of capacity, where another can be asked.
const PATIENCE_BEFORE_ANOTHER: Duration = Duration::from_secs(45);

/// How long a service that never answered is tried at least.
const BEFORE_AN_ANSWER: Duration = Duration::from_mins(1);

/// Why a call is sent again.
pub struct CallFailure {
    pub why: String,
    /// How long the service asks to wait.
    pub after: Option<Duration>,
    pub kind: FailureKind,
    pub cause: Cause,
    /// It looks as if something else answered in the service's place, so that waiting helps little.
    pub misplaced: bool,
    /// When the request was sent.
    pub sent: Instant,
}

/// Why a request is without an answer, as far as what to do about it depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A reply with this status, or this code in its body, that is no answer.
    Reply(u16),
    /// The connection was lost.
    Lost,
    /// No answer came in the time that it may take.
    TimedOut,
    /// The service was not reached.
    Unreached(Option<Obstacle>),
}

/// What a failure says of whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The service is down, overloaded, or asked too often.
    OfService,
    /// This request was one too many, and others are answered.
    Isolated,
    /// Perhaps this request is the reason.
    OfRequest,
    /// No answer came in the time that it may take.
    TimedOut,
    /// The server reads its model into memory.
    Loading,
    /// An answer without anything in it came, and was billed or not.
    Hollow { billed: bool },
}

/// The failures of one call so far.
pub struct Failures {
    begun: Instant,
    last: Instant,
    count: u32,
    /// Those between which the service answered others.
    of_this_request: u32,
    /// Those of them that took all the time there was.
    timed_out: u32,
    /// All that took the time there was, whether or not others were answered.
    without_end: u32,
    /// Answers without anything in them, and those of them that were billed.
    hollow: u32,
    billed: u32,
    /// The service asked for patience, so it is there.
    asked_to_wait: bool,
    loading: bool,
    /// Each looked as if something else answered.
    all_misplaced: bool,
    /// When the first came.
    first: Option<Instant>,
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
            timed_out: 0,
            without_end: 0,
            hollow: 0,
            billed: 0,
            asked_to_wait: false,
            loading: false,
            all_misplaced: true,
            first: None,
        }
    }

    /// Takes in one more failure.
    pub fn add(&mut self, failure: &CallFailure, service: &Service) {
        self.count += 1;
        // A success before the last failure says nothing about this one: the service may have gone down since.
        let answers_others = service.gate.succeeded_since(self.last);
        match failure.kind {
            FailureKind::OfRequest => self.of_this_request += u32::from(answers_others),
            FailureKind::TimedOut => {
                self.without_end += 1;
                self.of_this_request += u32::from(answers_others);
                self.timed_out += u32::from(answers_others);
            }
            FailureKind::Hollow { billed } => {
                self.hollow += 1;
                self.billed += u32::from(billed);
            }
            FailureKind::Loading => self.loading = true,
            FailureKind::OfService | FailureKind::Isolated => {}
        }
        self.all_misplaced &= failure.misplaced;
        self.asked_to_wait |= failure.after.is_some() || self.loading;
        self.first.get_or_insert(Instant::now());
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

    /// The kind of the failure, where the fault is the request's own.
    pub fn is_its_own(&self) -> Option<ErrorKind> {
        if self.billed >= PAID_TRIES || self.hollow >= FREE_TRIES {
            return Some(ErrorKind::BadAnswer);
        }
        let failed = self.of_this_request >= ATTEMPTS || self.timed_out >= TIMED_OUT_TRIES;
        failed.then_some(ErrorKind::NoAnswer)
    }

    /// Whether a model was tried long enough, before a wait for one more try, where another can be asked.
    pub fn are_enough(&self, speed: f64, wait: Duration) -> bool {
        let since = self.first.map_or(Duration::ZERO, |first| first.elapsed());
        self.count > 1 && since + wait > PATIENCE_BEFORE_ANOTHER.div_f64(speed)
    }

    /// Whether its service has been tried long enough to count as unavailable, before a wait for one more try.
    pub fn exhaust(
        &self,
        service: &Service,
        patience: CallPatience,
        waits: &Waits,
        speed: f64,
        wait: Duration,
    ) -> bool {
        let elapsed = self.begun.elapsed();
        let run_is_over = || waits.run_is_over(elapsed, wait, speed);
        let start_is_over = || waits.start_is_over(elapsed, wait, speed);
        // Each of these tries may be billed, and a third one is no likelier to end in time.
        if self.without_end >= PAID_TRIES && run_is_over() {
            return true;
        }
        match patience {
            // It says that it will be there in a moment.
            _ if self.loading => run_is_over(),
            CallPatience::Start if self.all_misplaced => {
                Waits::SHORT.start_is_over(elapsed, wait, speed)
            }
            CallPatience::Start => start_is_over(),
            CallPatience::AtMost(most) => elapsed + wait > most.div_f64(speed),
            // A single answer may be longer in coming than patience lasts.
            CallPatience::Run if !service.gate.is_broken() => false,
            CallPatience::Run if self.asked_to_wait || service.gate.ever_succeeded() => {
                run_is_over()
            }
            CallPatience::Run => {
                elapsed + wait > BEFORE_AN_ANSWER.div_f64(speed) && start_is_over()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::http::{rate_limiter::RateLimiter, response::usual_verdict};

    fn service() -> Service {
        Service {
            name: "test",
            address: "TEST_BASE_URL",
            credential: String::new(),
            account: "".into(),
            gate: Arc::new(RateLimiter::new(1_000, 1.0)),
            classify: usual_verdict,
            own_words: |_| None,
        }
    }

    fn failure(after: Option<u64>) -> CallFailure {
        CallFailure {
            why: "status 502".into(),
            after: after.map(Duration::from_secs),
            kind: FailureKind::OfRequest,
            cause: Cause::Reply(502),
            misplaced: false,
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
        assert_eq!(failures.is_its_own(), Some(ErrorKind::NoAnswer));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_paid_for_in_vain_are_asked_for_twice_at_most() {
        let service = service();
        let fails = |kind, others: bool| {
            let mut failures = Failures::none();
            let mut tries = 0;
            while failures.is_its_own().is_none() && tries < 20 {
                if others {
                    service.gate.succeeded(Instant::now());
                }
                let failure = CallFailure {
                    kind,
                    ..failure(None)
                };
                failures.add(&failure, &service);
                tries += 1;
            }
            (tries, failures.is_its_own())
        };
        let bad = Some(ErrorKind::BadAnswer);
        assert_eq!(fails(FailureKind::Hollow { billed: true }, false), (2, bad));
        assert_eq!(
            fails(FailureKind::Hollow { billed: false }, false),
            (4, bad)
        );
        assert_eq!(
            fails(FailureKind::TimedOut, true),
            (3, Some(ErrorKind::NoAnswer))
        );
        assert_eq!(fails(FailureKind::OfService, true), (20, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_loads_its_model_is_waited_for() {
        let service = service();
        let patience = CallPatience::AtMost(Duration::from_secs(2));
        let after = async |kind, seconds| {
            let mut failures = Failures::none();
            let failure = CallFailure {
                kind,
                ..failure(None)
            };
            failures.add(&failure, &service);
            pass(seconds).await;
            let wait = Duration::from_secs(1);
            failures.exhaust(&service, patience, &Waits::SHORT, 1.0, wait)
        };
        assert!(after(FailureKind::OfService, 5).await);
        assert!(!after(FailureKind::Loading, 600).await);
        assert!(after(FailureKind::Loading, 1_000).await, "but not for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn where_another_model_can_be_asked_one_is_given_up_sooner() {
        let service = service();
        let mut failures = Failures::none();
        let wait = Duration::from_secs(10);
        pass(300).await;
        failures.add(&failure(None), &service);
        assert!(
            !failures.are_enough(1.0, wait),
            "its turn was long in coming"
        );
        pass(30).await;
        failures.add(&failure(None), &service);
        assert!(!failures.are_enough(1.0, wait));
        pass(10).await;
        assert!(failures.are_enough(1.0, wait));
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
            let wait = Duration::from_secs(61);
            failures.exhaust(&service, CallPatience::Run, &Waits::SHORT, 1.0, wait)
        };
        assert!(!tried(2, None).await, "it was hardly tried");
        assert!(tried(1, None).await, "it never answered anybody");
        assert!(!tried(3, Some(60)).await, "it asked to wait");
        service.gate.succeeded(Instant::now());
        assert!(!tried(4, None).await, "it has answered before");
    }
}
