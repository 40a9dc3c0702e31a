//! The comparison of this machine's clock with those of the services: signing in to Google needs the right time.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap};

/// Clocks that differ by less are right enough.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(2);

/// How far this machine's clock was off when the last reply came.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<SignedDuration>>);

impl Clock {
    /// Takes in the date of a reply.
    pub fn compare(&self, headers: &HeaderMap, now: Timestamp) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(date) = date {
            let ahead = now.duration_since(date.timestamp());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        }
    }

    /// What is wrong with the clock, and how to mend it; `None` where it is right.
    pub fn trouble(&self) -> Option<String> {
        let ahead = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ahead.abs() <= TOLERANCE {
            return None;
        }
        let direction = if ahead.is_positive() {
            "ahead"
        } else {
            "behind"
        };
        Some(format!(
            "this machine's clock is {} {direction}: {SET_IT}",
            span(ahead.abs())
        ))
    }
}

/// How a clock is set.
pub const SET_IT: &str = "have it set by itself (Linux: timedatectl set-ntp true; Windows: Settings → Time & language → Set time automatically; macOS: Settings → General → Date & Time)";

fn span(time: SignedDuration) -> String {
    let minutes = time.as_mins();
    match minutes {
        0..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hours_are_named_and_a_minute_is_not() {
        let headers =
            HeaderMap::from_iter([(DATE, "Tue, 24 Nov 2026 10:00:00 GMT".parse().unwrap())]);
        let clock = Clock::default();
        for (now, words) in [
            ("2026-11-24T10:01:59Z", None),
            ("2026-11-24T12:00:01Z", Some("2 hours ahead")),
            ("2026-11-24T09:55:00Z", Some("5 minutes behind")),
            ("2030-01-01T00:00:00Z", Some("days ahead")),
        ] {
            clock.compare(&headers, now.parse().unwrap());
            let said = clock.trouble();
            assert_eq!(said.is_some(), words.is_some(), "{now}: {said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()));
        }
    }
}
