//! The runner of a list: validate, load, plan, run, close.

mod announce;
pub mod attempt;
mod base_url;
mod brand_work;
mod brands;
pub mod budget_check;
mod checkpoint_writer;
mod cleanup;
mod closing;
mod context;
mod deadline;
mod due;
pub mod errors;
mod estimate;
mod first_write;
mod forecast;
mod handover;
mod json_log;
mod leader;
mod listeners;
mod load;
mod log;
mod membership;
mod next_steps;
pub mod open_files;
pub mod options;
mod outages;
mod plan;
mod planner;
mod pool;
pub mod portfolio_data;
pub mod preflight;
pub mod preview;
mod progress;
mod progress_bar;
mod reconciliation;
mod recorder;
mod refusal_policy;
mod registry_match;
mod registry_rebuild;
mod report_folder;
mod results;
mod rotate;
mod run_report;
mod scheduler;
mod server_pages;
mod setup;
mod sheet_writer;
pub mod shutdown;
mod start;
pub mod summary;
mod suspects;
pub mod trial_calls;
pub mod writable;
mod write_batch;

use std::sync::Arc;

use self::{
    attempt::StartAttempt,
    context::RunContext,
    listeners::{Listeners, WorkBegins},
    options::RunOptions,
    outages::Outages,
    planner::Planning,
    preflight::Connections,
    run_report::{Recipient, ReportDraft},
    scheduler::Scheduler,
    shutdown::Signals,
    start::Prepared,
};
pub use self::{
    errors::{call_failure, store_failure},
    load::{Loaded, load, without_results_tab},
    run_report::report_goes,
    setup::settings,
};
use crate::{
    config::SimulatedServices,
    event::Events,
    exit::{Exit, Failure},
    http::transport::Transport,
    research::Stage,
    text::terminal::Terminal,
};

/// Simulated services that stand in for the real ones in a rehearsal.
pub struct Simulation {
    /// Where they answer, and to which credentials.
    pub services: SimulatedServices,
    /// The way to them where they are spoken to without a network.
    pub transport: Option<Arc<dyn Transport>>,
    /// How many requests to models, searches and sheets they got. The services live as long as this.
    pub requests: Box<dyn Fn() -> [u64; 3] + Send + Sync>,
    /// A part of the research that is not done, to see what it is worth.
    pub without: Option<Stage>,
    /// Whether the caps by day and month hold; nobody pays for a benchmark, and each begins anew.
    pub has_caps: bool,
}

/// Works through a list of brands, and tells whoever is to be told, however it ends. Returns the exit code. A rehearsal
/// may bring its own simulated services.
pub async fn run(
    options: RunOptions,
    simulation: Option<Simulation>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let attempt = StartAttempt::of(&options);
    let recipient = Recipient::of(&attempt, terminal);
    let recipient = recipient.inspect_err(|failure| attempt.did_not_start(failure, false))?;
    let mut draft = ReportDraft::open(&attempt, terminal);
    let end = Box::pin(work(options, simulation, &mut draft)).await;
    if let (Err(failure), false) = (&end, draft.has_worked()) {
        attempt.did_not_start(failure, draft.has_begun());
    }
    if let Some(recipient) = recipient {
        recipient.tell(&draft, &end).await;
    }
    end
}

/// Puts a batch on record whose command line or settings cannot be read, and tells whoever is to be told of it, as far as
/// these say who.
pub async fn refused(
    attempt: &StartAttempt,
    failure: Failure,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    attempt.did_not_start(&failure, false);
    let end = Err(failure);
    if let Ok(Some(recipient)) = Recipient::of(attempt, terminal) {
        recipient
            .tell(&ReportDraft::open(attempt, terminal), &end)
            .await;
    }
    end
}

async fn work(
    options: RunOptions,
    simulation: Option<Simulation>,
    draft: &mut ReportDraft,
) -> Result<Exit, Failure> {
    let mut context = RunContext::open(options, simulation, draft.terminal.clone()).await?;
    draft.begin(&context);
    let end = Box::pin(work_at(&context, draft)).await;
    context.leave().await;
    end
}

/// The story of a run: validate, plan, work, close.
async fn work_at(context: &RunContext, draft: &mut ReportDraft) -> Result<Exit, Failure> {
    let (events, incoming) = Events::channel();
    let mut connections = Connections::of_run(context, &events)?;
    let outages = Outages::of_run(context, &connections);
    let listeners = Listeners::start(incoming, outages, context.terminal.clone());
    let budget = context.options.batch.budget;
    preflight::validate(
        &mut connections,
        &context.settings,
        budget,
        &context.terminal,
    )
    .await?;

    summary::heading(
        &context.terminal,
        "PARALLEL BATCH MODE - OPTIMIZED PROCESSING",
    );
    let prepared = match context.wait_for_plan().await? {
        Some(whole) => start::join(context, connections, whole).await?,
        None => match Box::pin(planner::plan(context, connections, draft)).await? {
            Planning::Ready(prepared) => *prepared,
            Planning::DryRun(exit) => return Ok(exit),
        },
    };
    let Prepared {
        outline,
        outlook,
        start,
    } = prepared;
    let listeners = listeners.begin(WorkBegins {
        due: outline.due,
        verbosity: context.options.verbosity,
        outlook,
        next_steps: std::mem::take(&mut draft.next_steps),
    });

    context.tell_of_the_store(Some(&events));
    let tools = Box::pin(start.begin(context, &outline, events)).await;
    let worked = match tools {
        Ok(tools) => Ok(Scheduler::new(context, outline, tools)
            .work(Signals::listen())
            .await),
        Err(failure) => Err(failure),
    };
    context.tell_of_the_store(None);
    // Nobody is left who says anything, so the listeners end.
    draft.next_steps = listeners.await.unwrap_or_default();

    let (end, totals) = worked?;
    let status = end.status();
    let closed = context.close(&totals, end);
    draft.end(status, totals);
    draft.tell_next_steps(context.options.verbosity.is_quiet(), &closed);
    closed
}
