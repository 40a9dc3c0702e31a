//! What a batch of these rows would take, as its own start would say it.

use jiff::Timestamp;

use super::{
    leader::store_failure,
    plan::{Estimate, Plan, Rules},
    preflight::Connections,
    setup::list_id,
};
use crate::{
    cli::RunArgs,
    config::Settings,
    exit::Failure,
    list::Rows,
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
    args: &RunArgs,
    settings: &Settings,
    connections: &Connections,
    rows: &Rows,
    known: &dyn RegistryLookup,
) -> Result<Priced, Failure> {
    let list = list_id(args, settings);
    let now = Timestamp::now();
    // As a run would begin it: --force asks for every brand again.
    let job = Job::next(None, "", now, args.batch.force, 0);
    let rules = Rules::of(args, &settings.folders.output, &list, &job, now);
    let plan = Plan::make(rows, known, &rules).await;
    let plan = plan.map_err(store_failure)?;
    let estimate = estimate(&plan, args, settings, connections);
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
    args: &RunArgs,
    settings: &Settings,
    connections: &Connections,
) -> Estimate {
    let prices = connections.openrouter.model().prices;
    let typical = |depth| research::typical_cost(prices, settings.credit_price, depth);
    let speed = settings.speed(&args.services);
    plan.estimate(&args.batch, settings.rates, speed, typical)
}
