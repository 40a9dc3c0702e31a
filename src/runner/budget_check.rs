//! Whether what may be spent lasts: said before anything is paid for, and nothing is bought where it does not last for one
//! brand, because half a brand is of no use to anybody.

use super::{
    context::Desk,
    leader::store_failure,
    plan::{Estimate, Plan},
    preflight::Connections,
};
use crate::{
    brand::row_options::Depth,
    cli::RunArgs,
    config::Settings,
    exit::Failure,
    money::Usd,
    research,
    store::caps::{Purse, Standing},
};

/// Why a run ends that has no money left, and what to do about it.
#[derive(Clone, Debug)]
pub struct Reached {
    pub why: String,
    pub remedy: String,
}

/// What a run may spend.
#[derive(Debug, Default)]
pub struct Means {
    /// `--budget`, and what is left of it, in US dollars.
    budget: Option<(Usd, Usd)>,
    /// How the caps by day and month stand.
    pub caps: Vec<Standing>,
}

impl Means {
    /// What this run may spend. A dry run looks without changing anything.
    pub async fn of(desk: &Desk) -> Result<Self, Failure> {
        let caps = match desk.run {
            Some(_) => desk.paid.standings().await,
            None => desk.store.standings(desk.settings.caps).await,
        };
        let caps = caps.map_err(store_failure)?;
        let (spent, uncertain) = desk.paid.job_spent();
        let budget = desk.args.batch.budget;
        Ok(Self {
            budget: budget.map(|budget| (budget, budget.minus(spent + uncertain))),
            caps,
        })
    }

    /// What a run with these flags could spend; `caps` is how those by day and month stand.
    pub fn expected(args: &RunArgs, caps: Vec<Standing>) -> Self {
        let budget = args.batch.budget;
        Self {
            budget: budget.map(|budget| (budget, budget)),
            caps,
        }
    }

    /// Each limit with what is left of it.
    fn left(&self) -> impl Iterator<Item = (Purse, Usd)> {
        let run = self.budget.map(|(_, left)| (Purse::Run, left));
        let caps = self.caps.iter();
        let caps = caps.map(|cap| (Purse::Capped(cap.period), cap.left()));
        run.into_iter().chain(caps)
    }

    /// What is said of each limit that the run is expected to meet.
    pub fn short(&self, estimate: &Estimate, due: usize) -> Vec<String> {
        let short = self.left().filter(|(_, left)| *left < estimate.cost);
        let said = short.map(|(purse, left)| {
            let lasts = left.in_units_of(estimate.per_brand).unwrap_or(0).min(due);
            format!(
                "{purse} has {left} left, and this is expected to cost {}: it lasts for about {lasts} of {due} brands, and the rest waits",
                estimate.cost
            )
        });
        said.collect()
    }

    /// Why nothing is bought: what is left is less than one brand may need.
    pub fn refuse(
        &self,
        desk: &Desk,
        plan: &Plan,
        connections: &Connections,
        estimate: &Estimate,
    ) -> Option<Reached> {
        let first = plan.due.ahead().next()?;
        let depth = first.assignment.brand.wishes.depth;
        let depth = depth.unwrap_or(desk.args.batch.depth);
        self.too_little(&desk.settings, connections, estimate.per_brand, depth)
    }

    /// The same for a brand of this depth, which is expected to cost so many US dollars. Work that goes on is not refused for what it has left of its budget: most of
    /// its answers may be there already.
    pub fn too_little(
        &self,
        settings: &Settings,
        connections: &Connections,
        per_brand: Usd,
        depth: Depth,
    ) -> Option<Reached> {
        let least = research::least(&connections.openrouter, settings.credit_price, depth);
        let needs = format!(
            "one brand costs about {per_brand}, and up to {least} is set aside for it. Nothing is bought"
        );
        if let Some((budget, _)) = self.budget.filter(|(budget, _)| *budget < least) {
            return Some(Reached {
                why: format!("the budget of {budget} is too small for one brand: {needs}"),
                remedy: format!("give a --budget of {least} or more"),
            });
        }
        let cap = self.caps.iter().find(|cap| cap.left() < least)?;
        let purse = Purse::Capped(cap.period);
        Some(Reached {
            why: format!(
                "{purse} has {} left, too little for one brand: {needs}",
                cap.left()
            ),
            remedy: purse.remedy(),
        })
    }
}
