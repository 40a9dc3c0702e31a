//! The start of a host: with a plan of its own, or on that of others.

use std::sync::Arc;

use super::{
    budget_check::SpendingLimits,
    context::RunContext,
    errors::store_failure,
    membership::Hosts,
    plan::Plan,
    preflight::Connections,
    progress::Outlook,
    reconciliation::UsageReconciliation,
    recorder::Recorder,
    scheduler::{Outline, Supply, Tools},
    sheet_writer::SheetWriter,
};
use crate::{
    event::Events,
    exit::{Exit, Failure},
    list::own::{Outcome, Target},
    research::neighbours::Neighbours,
    say,
    store::{
        RunStore,
        shared_run::{self, RunSnapshot, SharedRun},
    },
};

/// A run that is ready to be begun.
pub struct Prepared {
    pub outline: Outline,
    pub outlook: Outlook,
    pub start: Start,
}

/// What it is begun with.
pub enum Start {
    Plan(Box<Planned>),
    /// The plan of another host.
    Join(Box<Connections>, RunSnapshot),
}

/// A plan, and what goes into the sheet before anything is paid for.
pub struct Planned {
    pub plan: Plan,
    pub first: Vec<(Target, Outcome)>,
    pub connections: Connections,
}

/// Joins a run that another host has planned.
pub async fn join(
    context: &RunContext,
    connections: Connections,
    whole: RunSnapshot,
) -> Result<Prepared, Failure> {
    let depth = context.options.batch.depth;
    let limits = SpendingLimits::of(context).await?;
    let refused = limits.too_little(&context.settings, &connections, whole.price, depth);
    let refused = refused.filter(|_| whole.left() > 0);
    say!(context.terminal;
        "[HOSTS] Joining the run {}: {} of {} brands are done, {} hosts work on it\n",
        context.run_id,
        whole.succeeded + whole.failed,
        whole.due,
        whole.hosts
    );
    let searches = f64::from(context.options.batch.depth.credits());
    Ok(Prepared {
        outline: Outline {
            total: whole.total,
            due: whole.due,
            skipped: whole.skipped,
            on_request: 0,
            rejected: whole.rejected,
            per_brand: whole.price,
            refused,
        },
        outlook: context.outlook(&connections, whole.price, searches),
        start: Start::Join(Box::new(connections), whole),
    })
}

impl Start {
    /// Hands the connections to those who work with them. The sheet is written to here, so that one that may not be
    /// written to is known before anything is paid for.
    pub async fn begin(
        self,
        context: &RunContext,
        outline: &Outline,
        events: Events,
    ) -> Result<Tools, Failure> {
        match self {
            Self::Plan(planned) => Box::pin(planned.begin(context, outline, events)).await,
            Self::Join(connections, whole) => {
                let shared = context.shared.clone().ok_or_else(no_run)?;
                let names = shared.names().await.map_err(store_failure)?;
                let neighbours = Arc::new(Neighbours::from_bytes(&names));
                Box::pin(tools(
                    context,
                    *connections,
                    neighbours,
                    events,
                    Supply::Hosts(Box::new(Hosts::new(shared, whole))),
                ))
                .await
            }
        }
    }
}

fn no_run() -> Failure {
    Failure::new(Exit::Machine, "a dry run begins no brand; please report it")
}

impl Planned {
    async fn begin(
        self,
        context: &RunContext,
        outline: &Outline,
        events: Events,
    ) -> Result<Tools, Failure> {
        let Self {
            plan,
            first,
            mut connections,
        } = self;
        let key = connections.key.as_ref();
        let price = context.settings.credit_price;
        let reconciliation =
            UsageReconciliation::open(&context.paid, key, &connections.credits, price).await;
        let reconciliation = reconciliation.map_err(store_failure)?;
        let sheet = connections.sheet.take();
        let write_back = context.write_back(sheet, &plan, first, &events).await?;
        let words = context.words();
        let chunk_size = context.options.batch.chunk_size;
        let mut writer = Some(SheetWriter::new(write_back, words, chunk_size, outline.due));
        let neighbours = Arc::clone(&plan.neighbours);
        let supply = match &context.shared {
            None => Supply::Own {
                queue: plan.due,
                begun: 0,
            },
            Some(shared) => {
                let whole = put_down(&**shared, plan, outline)
                    .await
                    .map_err(store_failure)?;
                let mut hosts = Hosts::new(Arc::clone(shared), whole);
                match hosts.whole.leads {
                    true => hosts.listen(0),
                    // Another host took this one for dead and has planned in its place.
                    false => {
                        if let Some(writer) = writer.take() {
                            writer.abandon();
                        }
                    }
                }
                Supply::Hosts(Box::new(hosts))
            }
        };
        let tools = tools(context, connections, neighbours, events, supply);
        let tools = Box::pin(tools).await?;
        Ok(Tools {
            writer,
            reconciliation: Some(reconciliation),
            ..tools
        })
    }
}

/// Lets all hosts begin.
async fn put_down(
    run: &dyn SharedRun,
    plan: Plan,
    outline: &Outline,
) -> anyhow::Result<RunSnapshot> {
    let said = shared_run::RunOutline {
        total: outline.total,
        skipped: outline.skipped + outline.on_request,
        rejected: outline.rejected,
        price: outline.per_brand,
        names: plan.neighbours.to_bytes(),
    };
    let mut due = plan.due.into_iter();
    let mut next = || {
        let Some(due) = due.next() else {
            return Ok(None);
        };
        Ok(Some(shared_run::PlannedBrand {
            brand: due.assignment.brand.key.to_string(),
            key: due.key.to_string(),
            due: serde_json::to_string(&due)?,
        }))
    };
    run.plan(&said, &mut next).await?;
    run.look(true).await
}

async fn tools(
    context: &RunContext,
    connections: Connections,
    neighbours: Arc<Neighbours>,
    events: Events,
    supply: Supply,
) -> Result<Tools, Failure> {
    let Connections {
        openrouter,
        tavily,
        stop,
        sheet_maker,
        successes,
        lists_model,
        ..
    } = connections;
    let research = context.research(openrouter, tavily, neighbours).await;
    let run: Arc<dyn RunStore> = context.run.clone().ok_or_else(no_run)?;
    Ok(Tools {
        supply,
        recorder: Recorder::new(run),
        research: research.map_err(store_failure)?,
        writer: None,
        reconciliation: None,
        sheets: sheet_maker,
        events,
        stop,
        successes,
        lists_model,
    })
}
