//! The models of the user's list, in order: which of them exist, and when one is asked again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{ladder::Ladder, request::Form, usage::ModelInfo};
use crate::{
    error_kind::ErrorKind,
    http::{refusal::Refusal, response::ServiceFailure},
};

/// How long a model is left alone that had no capacity.
const RECOVERY: Duration = Duration::from_mins(5);

/// A model of the list.
#[derive(Debug)]
pub(super) struct ModelCandidate {
    pub model: ModelInfo,
    pub ladder: Ladder,
    away: Mutex<Option<Away>>,
}

/// Since when a model is not asked.
#[derive(Clone, Copy, Debug)]
enum Away {
    /// For this run.
    Gone,
    Until(Instant),
}

/// What a refusal means for the brands that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// The model is not asked again in this run.
    Gone,
    /// It is asked again in a while.
    Busy,
    /// Others may be answered.
    ThisBrand,
}

impl ModelCandidate {
    pub fn new(slug: &str) -> Self {
        let model = ModelInfo {
            slug: slug.to_owned(),
            prices: None,
        };
        Self {
            model,
            ladder: Ladder::new(Form::SAFE),
            away: Mutex::default(),
        }
    }

    /// Whether it can be asked now.
    pub fn is_there(&self) -> bool {
        match *self.away() {
            None => true,
            Some(Away::Gone) => false,
            Some(Away::Until(until)) => until <= Instant::now(),
        }
    }

    /// Leaves it alone for as long as the refusal means. Returns whether that is news.
    pub fn leave(&self, consequence: Consequence, speed: f64) -> bool {
        let was_there = self.is_there();
        let until = Instant::now() + RECOVERY.div_f64(speed);
        match consequence {
            Consequence::ThisBrand => return false,
            Consequence::Gone => *self.away() = Some(Away::Gone),
            Consequence::Busy => *self.away() = Some(Away::Until(until)),
        }
        was_there
    }

    fn away(&self) -> MutexGuard<'_, Option<Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consequence {
    pub fn of(refusal: &Refusal) -> Self {
        match (refusal.kind, refusal.trouble) {
            (
                _,
                Some(ServiceFailure::WrongModel | ServiceFailure::Quota | ServiceFailure::Upstream),
            )
            | (ErrorKind::Refused, None) => Self::Gone,
            (ErrorKind::NoAnswer, _) => Self::Busy,
            _ => Self::ThisBrand,
        }
    }

    /// What the user is told.
    pub fn told(self, slug: &str, next: &str, reason: &str) -> String {
        match self {
            Self::Busy => format!("{slug} does not answer ({reason}); asking {next} for now"),
            Self::Gone | Self::ThisBrand => {
                format!("{slug} cannot be used ({reason}); asking {next} in its place")
            }
        }
    }
}
