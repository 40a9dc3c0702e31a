//! The estimate of a run: time, money and search credits.

use std::{collections::BTreeMap, time::Duration};

use super::{options::BatchOptions, plan::Plan};
use crate::{brand::row_options::Depth, config::Rates, money::Usd, research};

/// Seconds that a brand takes when it is alone: searches, and two answers of a model.
pub const TYPICAL_SECONDS: f64 = 18.0;

/// Successes from which on their cost is the best estimate.
const EXPERIENCE: usize = 5;

/// What a run is expected to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// One brand after the other.
    pub sequential: Duration,
    pub parallel: Duration,
    pub cost: Usd,
    /// One brand, on average.
    pub per_brand: Usd,
    /// Search credits of all.
    pub credits: u32,
}

impl Plan {
    /// What the due brands are expected to take; `typical` is what a brand costs before there is any experience.
    pub fn estimate(
        &self,
        batch: &BatchOptions,
        rates: Rates,
        speed: f64,
        typical: impl Fn(Depth) -> Usd,
    ) -> Estimate {
        let average = |sum: Usd, n: usize| {
            sum.scaled(rust_decimal::Decimal::ONE / rust_decimal::Decimal::from(n))
        };
        let experience = match self.standing.successes {
            0..EXPERIENCE => None,
            n => Some(average(self.standing.cost, n)),
        };
        let price = |depth| match experience {
            // Experience is of the usual depth.
            Some(experience) if depth == Depth::Standard => experience,
            _ => typical(depth),
        };
        let mut depths: BTreeMap<Depth, u32> = BTreeMap::new();
        for due in &self.due {
            let depth = due.assignment.brand.wishes.depth.unwrap_or(batch.depth);
            *depths.entry(depth).or_default() += 1;
        }
        let cost: Usd = depths
            .iter()
            .map(|(depth, brands)| price(*depth).times((*brands).into()))
            .sum();
        let credits = depths
            .iter()
            .map(|(depth, brands)| depth.credits().saturating_mul(*brands))
            .fold(0, u32::saturating_add);
        let brands = self.due.len();
        let per_brand = match brands {
            0 => price(batch.depth),
            n => average(cost, n),
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "lists are far shorter than 2^52"
        )]
        let (brands, lanes) = (brands as f64, batch.workers.min(brands).max(1) as f64);
        let alone = brands * TYPICAL_SECONDS / speed;
        let seconds = |calls: f64, rate: u32| calls / f64::from(rate) * 60.0;
        let parallel = (alone / lanes)
            .max(seconds(brands * f64::from(research::LLM_CALLS), rates.llm))
            .max(seconds(f64::from(credits), rates.search));
        Estimate {
            sequential: Duration::from_secs_f64(alone.max(parallel)),
            parallel: Duration::from_secs_f64(parallel),
            cost,
            per_brand,
            credits,
        }
    }
}
