//! The planner of a run: it reads the list, says what is due and what that will take, and prepares the first write.

use super::{
    budget_check::{LimitReached, SpendingLimits},
    context::RunContext,
    errors::list_failure,
    estimate::Estimate,
    first_write::{first_write, take_back_marks},
    load::{Loaded, load, without_results_tab},
    plan::Plan,
    preflight::Connections,
    run_report::ReportDraft,
    scheduler::Outline,
    start::{Planned, Prepared, Start},
};
use crate::{
    exit::{Exit, Failure},
    list::own::{Outcome, Target},
    say,
};

/// What has come of planning.
pub enum Planning {
    Ready(Box<Prepared>),
    /// Nothing is to be done, and what would be is said.
    DryRun(Exit),
}

/// Reads the list and plans what is due.
pub async fn plan(
    context: &RunContext,
    mut connections: Connections,
    draft: &mut ReportDraft,
) -> Result<Planning, Failure> {
    let Loaded {
        from,
        rows,
        shown,
        notes,
    } = load(&context.options, &mut connections).await?;
    say_list(context, from, &notes);
    if let Some(note) = without_results_tab(&context.options, &connections) {
        say!(context.terminal; "Note: {note}");
    }
    let plan = context.plan(rows).await?;
    draft.reject(&plan.rejected);
    let limits = SpendingLimits::of(context).await?;
    let estimate = context.announce(&plan, &connections, &limits);
    let refused = limits.refuse(context, &plan, &connections, &estimate);
    let words = context.words();
    let mut first = first_write(context, &plan, &shown, connections.sheet.as_ref(), &words);
    take_back_marks(&mut first, connections.sheet.as_mut(), &shown).await?;
    drop(shown);
    if context.options.batch.dry_run {
        return dry_run(context, plan, &mut connections, &first, refused).await;
    }
    say_start(context, &plan, refused.is_some());
    let searches = searches_per_brand(&estimate, plan.due.len());
    let outlook = context.outlook(&connections, estimate.per_brand, searches);
    Ok(Planning::Ready(Box::new(Prepared {
        outline: Outline {
            total: plan.total,
            due: plan.due.len(),
            skipped: plan.skipped,
            on_request: plan.on_request,
            rejected: plan.brands_missing(),
            per_brand: estimate.per_brand,
            refused,
        },
        outlook,
        start: Start::Plan(Box::new(Planned {
            plan,
            first,
            connections,
        })),
    })))
}

fn say_list(context: &RunContext, from: Option<(String, String)>, notes: &[String]) {
    if let Some((place, mapping)) = from {
        say!(context.terminal; "Reading {place}: {mapping}");
        tracing::info!("reading {place}: {mapping}");
    }
    for note in notes {
        say!(context.terminal; "Note: {note}");
        tracing::warn!("{note}");
    }
}

fn say_start(context: &RunContext, plan: &Plan, is_refused: bool) {
    match plan.due.len() {
        0 if context.options.batch.retry_failed_only => {
            say!(context.terminal; "Nothing to do: no brand has failed.");
        }
        0 if plan.total == 0 => context
            .terminal
            .log_warning("the list names no brand: is it the right list?"),
        0 => say!(context.terminal; "Nothing to do: all {} brands are unchanged.", plan.total),
        _ if is_refused => {}
        _ => say!(context.terminal; "[START] Beginning parallel processing...\n"),
    }
}

/// Says what would be done.
async fn dry_run(
    context: &RunContext,
    plan: Plan,
    connections: &mut Connections,
    first: &[(Target, Outcome)],
    refused: Option<LimitReached>,
) -> Result<Planning, Failure> {
    let cells = match connections.sheet.as_mut() {
        Some(sheet) if sheet.can_write() => sheet.preview(first).await.map_err(list_failure)?,
        _ => Vec::new(),
    };
    if let Some(LimitReached { why, remedy }) = refused {
        context.terminal.log_warning(&format!("{why}: {remedy}"));
    }
    context.rehearse(&plan, &cells);
    Ok(Planning::DryRun(Exit::Done))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lists are far shorter than 2^52"
)]
fn searches_per_brand(estimate: &Estimate, due: usize) -> f64 {
    f64::from(estimate.credits) / due.max(1) as f64
}
