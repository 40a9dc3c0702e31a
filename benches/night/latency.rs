//! Latencies that are the same in every run.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Medians in seconds, and the spread of the logarithm.
const MODEL: f64 = 8.0;
const SEARCH: f64 = 1.2;
const SPREAD: f64 = 0.4;

/// Searches of a brand, its own site included.
pub const SEARCHES: usize = 6;

/// What was drawn for each brand that was asked about.
pub struct Drawn {
    seed: u64,
    brands: Mutex<HashMap<usize, Brand>>,
    /// Searches that were answered; those that were refused have no latency.
    searches: AtomicU64,
}

/// The latencies of one brand, in seconds.
#[derive(Clone, Copy, Default)]
pub struct Brand {
    /// The longest of its searches, which run together.
    pub search: f64,
    pub analyst: f64,
    pub strategist: f64,
}

impl Brand {
    /// No program can be done with a brand sooner: the analyst reads what all searches found, and the strategist what
    /// the analyst wrote.
    pub fn critical_path(&self) -> f64 {
        self.search + self.analyst + self.strategist
    }
}

impl Drawn {
    /// Nothing yet. Another seed draws other latencies.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            brands: Mutex::default(),
            searches: AtomicU64::new(0),
        }
    }

    /// The latency of a request with this body.
    pub fn of_request(&self, body: &str) -> Duration {
        let stage = ["analyst", "strategist"]
            .into_iter()
            .find(|stage| body.contains(&format!("\"name\":\"{stage}\"")));
        let brand = brand_in(body);
        let seconds = match (stage, brand) {
            (Some(stage), Some(brand)) => model(stage, brand, self.seed),
            _ => draw(SEARCH, body, self.seed),
        };
        if stage.is_none() {
            self.searches.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(brand) = brand {
            let mut drawn = self.brands.lock().unwrap_or_else(PoisonError::into_inner);
            let known = drawn.entry(brand).or_default();
            match stage {
                Some("analyst") => known.analyst = seconds,
                Some(_) => known.strategist = seconds,
                None => known.search = known.search.max(seconds),
            }
        }
        Duration::from_secs_f64(seconds)
    }

    /// How many searches were answered.
    pub fn searches(&self) -> u64 {
        self.searches.load(Ordering::Relaxed)
    }

    /// All brands that were asked about.
    pub fn brands(&self) -> Vec<Brand> {
        let drawn = self.brands.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.values().copied().collect()
    }
}

/// Seconds that a model takes for this stage of this brand.
pub fn model(stage: &str, brand: usize, seed: u64) -> f64 {
    draw(MODEL, &format!("{stage} {brand}"), seed)
}

/// Seconds that a search of this brand takes.
pub fn search(number: usize, brand: usize, seed: u64) -> f64 {
    draw(SEARCH, &format!("search {number} {brand}"), seed)
}

/// A lognormal number with this median, the same for the same text and seed. Box and Muller's transform makes a normal number of
/// two uniform ones.
fn draw(median: f64, text: &str, seed: u64) -> f64 {
    let mut random = fastrand::Rng::with_seed(fnv(text) ^ seed);
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * random.f64()).cos();
    median * (SPREAD * normal).exp()
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The number of the brand that a request is about: `b` and five digits.
fn brand_in(body: &str) -> Option<usize> {
    body.match_indices('b').find_map(|(at, _)| {
        let digits = body.get(at + 1..at + 6)?;
        let all = digits.bytes().all(|b| b.is_ascii_digit());
        all.then(|| digits.parse().ok()).flatten()
    })
}
