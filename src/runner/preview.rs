//! The preview of a run of these rows: what it would take, as its own start would say it.

use jiff::Timestamp;

use super::{
    brands::Brands,
    errors::store_failure,
    estimate::Estimate,
    options::RunOptions,
    plan::{Plan, Rules},
    preflight::Connections,
    setup::list_id,
};
use crate::{
    brand::Row,
    config::Settings,
    exit::Failure,
    research,
    store::{job::Job, registry_lookup::RegistryLookup},
};

/// What a batch would take.
#[derive(Debug)]
pub struct Priced {
    pub brands: usize,
    pub due: usize,
    /// Rows that name no brand.
    pub rejected: usize,
    pub estimate: Estimate,
}

/// Reckons with what is known of the brands; nothing is spent and nothing is written.
pub async fn price(
    options: &RunOptions,
    settings: &Settings,
    connections: &Connections,
    rows: Vec<Row>,
    known: &dyn RegistryLookup,
) -> Result<Priced, Failure> {
    let list = list_id(options, settings);
    let now = Timestamp::now();
    // As a run would begin it: --force asks for every brand again.
    let job = Job::next(None, "", now, options.batch.force, 0);
    let rules = Rules::of(options, &settings.folders.output, &list, &job, now);
    let brands = Brands::of(rows, rules.limit);
    let plan = Plan::make(&brands, known, &rules).await;
    let plan = plan.map_err(store_failure)?;
    let estimate = estimate(&plan, options, settings, connections);
    Ok(Priced {
        brands: plan.total,
        due: plan.due.len(),
        rejected: plan.rejected.len(),
        estimate,
    })
}

/// What the brands that are due would take, at what the model and the searches cost now.
pub fn estimate(
    plan: &Plan,
    options: &RunOptions,
    settings: &Settings,
    connections: &Connections,
) -> Estimate {
    let prices = connections.openrouter.model().prices;
    let typical = |depth| research::typical_cost(prices, settings.credit_price, depth);
    plan.estimate(&options.batch, settings.rates, settings.speed, typical)
}
