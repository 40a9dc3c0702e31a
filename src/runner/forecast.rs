//! The forecast of the time that a run still takes, and what limits it now: the workers, the rate of a service, or the
//! budget.

use std::{fmt, time::Duration};

use rust_decimal::Decimal;

use crate::{http::rate_limiter::LimiterState, money::Usd};

/// Brands' worth of weight that what is expected has against what was seen.
const PRIOR: u32 = 3;

/// What a brand takes on average.
#[derive(Clone, Copy, Debug)]
pub struct PerBrand {
    /// Seconds of a worker, without waiting for a service's gate.
    pub busy: f64,
    /// Requests to each service, in the order of [`Situation::gates`].
    pub requests: [f64; 2],
    /// US dollars.
    pub cost: Usd,
}

/// What was seen of brands so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub brands: usize,
    /// Seconds of workers in all, without waiting for a gate.
    pub busy: f64,
    /// US dollars in all.
    pub cost: Usd,
    /// Requests in all, retries included, of brands in flight too.
    pub requests: [u32; 2],
}

/// How a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Brands that are left, those in flight included.
    pub left: usize,
    pub in_flight: usize,
    pub workers: usize,
    pub gates: [(&'static str, LimiterState); 2],
    /// US dollars that may still be spent.
    pub budget_left: Option<Usd>,
}

/// What a run will still take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    pub left: Duration,
    pub limit: Bottleneck,
}

/// What a run cannot be faster than.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bottleneck {
    Workers(usize),
    /// Requests a minute that a service takes.
    Rate(&'static str, f64),
    /// Brands that the budget still lasts for.
    Budget(usize),
}

impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workers(1) => f.write_str("1 worker"),
            Self::Workers(workers) => write!(f, "{workers} workers"),
            Self::Rate(service, rate) => write!(f, "{service}, {rate:.0} requests a minute"),
            Self::Budget(brands) => write!(f, "the budget, for about {brands} more"),
        }
    }
}

impl PerBrand {
    /// What is expected, corrected by what was seen.
    pub fn after(&self, seen: &Seen, in_flight: usize) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "lists are far shorter than 2^52"
        )]
        let (ended, in_flight) = (seen.brands as f64, in_flight as f64);
        let prior = f64::from(PRIOR);
        let mean =
            |expected: f64, sum: f64, brands: f64| (expected * prior + sum) / (prior + brands);
        // Brands in flight have made half of their requests, on average.
        let asked = ended + in_flight / 2.0;
        Self {
            busy: mean(self.busy, seen.busy, ended),
            requests: [0, 1].map(|i| mean(self.requests[i], seen.requests[i].into(), asked)),
            cost: (self.cost.times(u64::from(PRIOR)) + seen.cost)
                .scaled(Decimal::ONE / Decimal::from(seen.brands + PRIOR as usize)),
        }
    }
}

/// What a run in this situation will still take: the longest of what its limits allow.
#[expect(
    clippy::cast_precision_loss,
    reason = "lists are far shorter than 2^52"
)]
pub fn forecast(situation: &Situation, brand: &PerBrand) -> Forecast {
    let affordable = situation
        .budget_left
        .and_then(|left| left.in_units_of(brand.cost));
    let brands = affordable.map_or(situation.left, |brands| brands.min(situation.left));
    // Brands in flight are half done, on average.
    let whole = (brands as f64 - situation.in_flight as f64 / 2.0).max(brands as f64 / 2.0);
    // The last worker is busy for half a brand longer than the average one.
    let last = brand.busy / 2.0 * f64::from(situation.workers.min(brands) > 1);
    let of_workers = whole * brand.busy / situation.workers as f64;
    let mut longest = (of_workers, Bottleneck::Workers(situation.workers));
    for ((service, gate), requests) in situation.gates.iter().zip(brand.requests) {
        let waiting = (whole * requests - gate.at_once).max(0.0);
        let seconds = waiting / gate.rate * 60.0;
        if seconds > longest.0 {
            longest = (seconds, Bottleneck::Rate(service, gate.rate));
        }
    }
    let (seconds, mut limit) = longest;
    if brands < situation.left {
        limit = Bottleneck::Budget(brands);
    }
    Forecast {
        left: Duration::from_secs_f64(seconds + last),
        limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: PerBrand = PerBrand {
        busy: 18.0,
        requests: [2.0, 5.0],
        cost: Usd::ZERO,
    };

    fn situation(left: usize, workers: usize) -> Situation {
        let gate = |rate| LimiterState { rate, at_once: 0.0 };
        Situation {
            left,
            in_flight: workers.min(left),
            workers,
            gates: [("models", gate(60.0)), ("searches", gate(100.0))],
            budget_left: None,
        }
    }

    fn seconds(situation: &Situation, brand: &PerBrand) -> (u64, Bottleneck) {
        let Forecast { left, limit } = forecast(situation, brand);
        (left.as_secs(), limit)
    }

    #[test]
    fn the_slowest_limit_decides() {
        let (seconds_left, limit) = seconds(&situation(500, 1), &EXPECTED);
        assert_eq!((seconds_left, limit), (8_991, Bottleneck::Workers(1)));
        // 492 brands with five searches each at 100 a minute, and the last one's models.
        let (seconds_left, limit) = seconds(&situation(500, 16), &EXPECTED);
        assert_eq!(
            (seconds_left, limit),
            (1_485, Bottleneck::Rate("searches", 100.0))
        );
        let mut slower = situation(500, 16);
        slower.gates[0].1.rate = 20.0;
        assert_eq!(
            seconds(&slower, &EXPECTED).1,
            Bottleneck::Rate("models", 20.0)
        );
    }

    #[test]
    fn a_budget_that_does_not_last_ends_the_run_sooner() {
        let brand = PerBrand {
            cost: "0.05".parse().unwrap(),
            ..EXPECTED
        };
        let mut short = situation(500, 1);
        short.budget_left = "1".parse().ok();
        let (seconds_left, limit) = seconds(&short, &brand);
        assert_eq!((seconds_left, limit), (351, Bottleneck::Budget(20)));
        short.budget_left = "100".parse().ok();
        assert_eq!(seconds(&short, &brand).1, Bottleneck::Workers(1));
    }

    #[test]
    fn what_was_seen_outweighs_what_was_expected() {
        let seen = Seen {
            brands: 97,
            busy: 970.0,
            cost: "9.7".parse().unwrap(),
            requests: [291, 0],
        };
        let brand = EXPECTED.after(&seen, 0);
        assert!((brand.busy - 10.24).abs() < 1e-9, "{brand:?}");
        assert!((brand.requests[0] - 2.97).abs() < 1e-9 && brand.requests[1] < 0.2);
        assert_eq!(brand.cost, "0.097".parse().unwrap());
        assert!((EXPECTED.after(&Seen::default(), 0).busy - 18.0).abs() < 1e-9);
    }
}
