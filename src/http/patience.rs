//! The patience with services that do not answer.

use std::time::Duration;

use tokio::time::Instant;

/// How long one request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPatience {
    /// As long as an outage may last in a run.
    Run,
    /// As long as the start of a run is patient.
    Start,
    /// So long at most.
    AtMost(Duration),
}

impl CallPatience {
    /// Whether the call can be done without.
    pub fn is_short(self) -> bool {
        matches!(self, Self::AtMost(most) if most < Duration::from_mins(1))
    }
}

/// How patient a run is with its services.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// The longest that the start waits for one that does not answer; by the clock of the services.
    start: Duration,
    /// When the run has to be done, where there is such a time: services are waited for until then.
    until: Option<Instant>,
}

impl Waits {
    /// Where a person waits for the answer: a wrong set-up is known in seconds.
    pub const SHORT: Self = Self {
        start: Duration::from_millis(2_500),
        until: None,
    };

    /// Where a person starts a run and can interrupt it.
    pub const ATTENDED: Self = Self {
        start: Duration::from_mins(1),
        until: None,
    };

    /// Where nobody looks on until the morning.
    pub fn unattended(until: Option<Instant>) -> Self {
        Self {
            start: IN_A_RUN,
            until,
        }
    }

    /// Whether nobody waits for the answer right now, so that what seems to be final is asked for again.
    pub fn allow_doubts(&self) -> bool {
        self.start > Self::SHORT.start
    }

    /// Whether services were tried long enough at the start, when `elapsed` has passed and a wait lies ahead.
    pub fn start_is_over(&self, elapsed: Duration, wait: Duration, speed: f64) -> bool {
        match self.until {
            Some(until) => Instant::now() + wait > until,
            None => elapsed + wait > self.start.div_f64(speed),
        }
    }

    /// The same in a run, of a service that was there before.
    pub fn run_is_over(&self, elapsed: Duration, wait: Duration, speed: f64) -> bool {
        elapsed + wait > IN_A_RUN.div_f64(speed)
            && self.until.is_none_or(|until| Instant::now() + wait > until)
    }
}

/// How long an outage may last in a run, where no deadline allows for more.
const IN_A_RUN: Duration = Duration::from_mins(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_with_a_deadline_waits_towards_it() {
        let minutes = Duration::from_mins;
        let until = Instant::now() + minutes(60);
        let waits = Waits::unattended(Some(until));
        assert!(!waits.start_is_over(minutes(50), minutes(1), 1.0));
        assert!(!waits.run_is_over(minutes(50), minutes(1), 1.0));
        tokio::time::advance(minutes(59)).await;
        assert!(waits.start_is_over(minutes(59), minutes(2), 1.0));
        assert!(waits.run_is_over(minutes(59), minutes(2), 1.0));
        assert!(
            !waits.run_is_over(minutes(1), minutes(2), 1.0),
            "what was begun late has its time all the same"
        );
    }

    #[test]
    fn without_a_deadline_a_start_waits_as_long_as_who_waits_for_it() {
        let over = |waits: Waits, seconds| {
            waits.start_is_over(Duration::from_secs(seconds), Duration::ZERO, 1.0)
        };
        assert!(over(Waits::SHORT, 3) && !over(Waits::SHORT, 2));
        assert!(over(Waits::ATTENDED, 61) && !over(Waits::ATTENDED, 59));
        let unattended = Waits::unattended(None);
        assert!(over(unattended, 901) && !over(unattended, 899));
    }
}
