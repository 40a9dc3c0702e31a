//! The brands that are due: when a brand is, in which order they come, and which earlier answers they may use.

use std::cmp::Reverse;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{plan::Rules, registry_match::RequestedBrand};
use crate::{
    brand::BrandKey,
    research::Assignment,
    store::{
        registry::{BrandStatus, Entry},
        registry_lookup::EntryFacts,
    },
};

/// Days for which the answer to a search is as good as a new one.
const SEARCH_DAYS: i64 = 7;

/// A brand that is to be researched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Due {
    /// The brand, with what its research depends on.
    pub assignment: Assignment,
    /// Its key in the registry.
    pub key: BrandKey,
    /// Its folder below `output/`.
    pub folder: String,
    /// Attempts so far, since the row changed or succeeded.
    pub attempts: u32,
    /// Path of the report of an earlier success, and whether that was thin.
    pub report: Option<String>,
    pub thin: Option<bool>,
}

/// What comes first: what the list wants first, then what has waited longest, then the order of the list.
pub type Rank = (Reverse<i64>, Option<Timestamp>, usize);

/// The place of a brand among those that are due. When time or money do not last for all, brands that have no report of
/// what their row says now come first, in the order of the list, then those with the oldest reports.
pub fn rank(asked: &RequestedBrand<'_>, known: Option<&EntryFacts>) -> Rank {
    let reported = known
        .filter(|facts| facts.status == BrandStatus::Success && asked.is_of(&facts.input_hash))
        .map(|facts| facts.updated_at);
    let priority = Reverse(asked.brand.wishes.priority());
    (priority, reported, asked.place)
}

/// Whether the last attempt at a brand failed.
pub fn has_failed(known: Option<&EntryFacts>) -> bool {
    known.is_some_and(|facts| facts.status == BrandStatus::Failed)
}

/// Whether a brand that is known is researched again.
pub fn is_due(asked: &RequestedBrand<'_>, known: &EntryFacts, rules: &Rules<'_>) -> bool {
    rules.job.force
        || known.status == BrandStatus::Failed
        || !asked.is_of(&known.input_hash)
        || (!rules.failed_only && is_stale(known, rules))
}

fn is_stale(known: &EntryFacts, rules: &Rules<'_>) -> bool {
    rules
        .max_age_days
        .and_then(|days| rules.now.checked_sub((i64::from(days) * 24).hours()).ok())
        .is_some_and(|oldest| known.updated_at < oldest || is_of_the_future(known, rules))
}

/// Whether the clock was wrong when a report was made, which therefore may be of any age. Clocks of hosts differ a little.
fn is_of_the_future(known: &EntryFacts, rules: &Rules<'_>) -> bool {
    rules
        .now
        .checked_add(1.hour())
        .is_ok_and(|soon| known.updated_at > soon)
}

/// Since when answers are used again. A crash must not cost anything twice, but who asks for research again does not want yesterday's answers.
pub fn replay_since(unchanged: Option<&Entry>, rules: &Rules<'_>) -> Timestamp {
    let week = rules
        .now
        .checked_sub((SEARCH_DAYS * 24).hours())
        .unwrap_or(rules.now);
    match unchanged {
        // The answers of this job are its own in any case.
        _ if rules.job.force => Timestamp::MAX,
        Some(entry) if entry.status == BrandStatus::Success => entry.updated_at,
        _ => week,
    }
}

/// For a report that is made anew because it was lost, the answers that it was made of will do.
pub fn remade_since(entry: &Entry) -> Timestamp {
    let week = (SEARCH_DAYS * 24).hours();
    entry
        .updated_at
        .checked_sub(week)
        .unwrap_or(entry.updated_at)
}
