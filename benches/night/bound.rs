//! The shortest time that any program needs.

use std::time::Duration;

use crate::{
    Night,
    latency::{Brand, Drawn},
};

/// The shortest time in which a night can be done, whoever does it:
///
/// ```text
/// max( Σ pᵢ / w,               w workers, each with one brand at a time, are busy for the paths of all brands
///      max pᵢ,                 one brand takes as long as its longest path
///      (nₛ − lₛ/10) · 60 / lₛ + min mᵢ,   the last of nₛ searches passes, and its brand still asks two models
///      (nₘ − lₘ/10) · 60 / lₘ )           the last of nₘ model requests passes
/// ```
///
/// where pᵢ is the critical path of a brand (its longest search, the analyst, the strategist), mᵢ what its models take,
/// and l the requests a minute that the service takes, a tenth of which may pass at once at the start.
pub fn lower_bound(drawn: &Drawn, night: &Night, models: u64, searches: u64) -> Duration {
    let brands = drawn.brands();
    let paths = brands.iter().map(Brand::critical_path);
    let of_workers = paths.clone().sum::<f64>() / night.workers as f64;
    let longest = paths.fold(0.0, f64::max);
    let shortest_models = brands
        .iter()
        .map(|brand| brand.analyst + brand.strategist)
        .fold(f64::INFINITY, f64::min);
    let of_searches = gate(searches, night.real.search.min(night.set.search)) + shortest_models;
    let of_models = gate(models, night.real.llm.min(night.set.llm));
    Duration::from_secs_f64(of_workers.max(longest).max(of_searches).max(of_models))
}

/// Seconds until so many requests have passed.
pub fn gate(requests: u64, a_minute: u32) -> f64 {
    let limit = f64::from(a_minute);
    (requests as f64 - limit / 10.0).max(0.0) * 60.0 / limit
}
