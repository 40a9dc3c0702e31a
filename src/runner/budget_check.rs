//! The check whether the budget suffices: it is made before anything is paid for, and nothing is bought where the
//! budget does not suffice for one brand, because half a brand helps nobody.

use super::{
    context::RunContext, errors::store_failure, estimate::Estimate, options::RunOptions,
    plan::Plan, preflight::Connections,
};
use crate::{
    brand::row_options::Depth,
    config::Settings,
    exit::Failure,
    money::Usd,
    research,
    store::caps::{BudgetLimit, CapUsage},
};

/// Why a run ends that has no money left, and what to do about it.
#[derive(Clone, Debug)]
pub struct LimitReached {
    pub why: String,
    pub remedy: String,
}

/// What a run may spend.
#[derive(Debug, Default)]
pub struct SpendingLimits {
    /// `--budget`, and what is left of it, in US dollars.
    budget: Option<(Usd, Usd)>,
    /// How the caps by day and month stand.
    pub caps: Vec<CapUsage>,
}

impl SpendingLimits {
    /// What this run may spend. A dry run looks without changing anything.
    pub async fn of(context: &RunContext) -> Result<Self, Failure> {
        let caps = match context.run {
            Some(_) => context.paid.standings().await,
            None => context.store.standings(context.settings.caps).await,
        };
        let caps = caps.map_err(store_failure)?;
        let (spent, uncertain) = context.paid.job_spent();
        let budget = context.options.batch.budget;
        Ok(Self {
            budget: budget.map(|budget| (budget, budget.minus(spent + uncertain))),
            caps,
        })
    }

    /// What a run with these options could spend; `caps` is how those by day and month stand.
    pub fn expected(options: &RunOptions, caps: Vec<CapUsage>) -> Self {
        let budget = options.batch.budget;
        Self {
            budget: budget.map(|budget| (budget, budget)),
            caps,
        }
    }

    /// Each limit with what is left of it.
    fn left(&self) -> impl Iterator<Item = (BudgetLimit, Usd)> {
        let run = self.budget.map(|(_, left)| (BudgetLimit::Run, left));
        let caps = self.caps.iter();
        let caps = caps.map(|cap| (BudgetLimit::Capped(cap.period), cap.left()));
        run.into_iter().chain(caps)
    }

    /// What is said of each limit that the run is expected to meet.
    pub fn short(&self, estimate: &Estimate, due: usize) -> Vec<String> {
        let short = self.left().filter(|(_, left)| *left < estimate.cost);
        let said = short.map(|(limit, left)| {
            let lasts = left.in_units_of(estimate.per_brand).unwrap_or(0).min(due);
            format!(
                "{limit} has {left} left, and this is expected to cost {}: it lasts for about {lasts} of {due} brands, and the rest waits",
                estimate.cost
            )
        });
        said.collect()
    }

    /// Why nothing is bought: what is left is less than one brand may need.
    pub fn refuse(
        &self,
        context: &RunContext,
        plan: &Plan,
        connections: &Connections,
        estimate: &Estimate,
    ) -> Option<LimitReached> {
        let first = plan.due.front()?;
        let depth = first.assignment.brand.wishes.depth;
        let depth = depth.unwrap_or(context.options.batch.depth);
        self.too_little(&context.settings, connections, estimate.per_brand, depth)
    }

    /// The same for a brand of this depth, which is expected to cost so many US dollars. Work that goes on is not refused for what it has left of its budget: most of
    /// its answers may be there already.
    pub fn too_little(
        &self,
        settings: &Settings,
        connections: &Connections,
        per_brand: Usd,
        depth: Depth,
    ) -> Option<LimitReached> {
        let least = research::least(&connections.openrouter, settings.credit_price, depth);
        let needs = format!(
            "one brand costs about {per_brand}, and up to {least} is set aside for it. Nothing is bought"
        );
        if let Some((budget, _)) = self.budget.filter(|(budget, _)| *budget < least) {
            return Some(LimitReached {
                why: format!("the budget of {budget} is too small for one brand: {needs}"),
                remedy: format!("give a --budget of {least} or more"),
            });
        }
        let cap = self.caps.iter().find(|cap| cap.left() < least)?;
        let limit = BudgetLimit::Capped(cap.period);
        Some(LimitReached {
            why: format!(
                "{limit} has {} left, too little for one brand: {needs}",
                cap.left()
            ),
            remedy: limit.remedy(),
        })
    }
}
