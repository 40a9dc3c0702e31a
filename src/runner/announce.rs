//! The announcements of a run: what the user is told before it begins and at its end.

use super::{
    budget_check::{LimitReached, SpendingLimits},
    context::RunContext,
    deadline,
    estimate::Estimate,
    next_steps,
    plan::Plan,
    preflight::Connections,
    preview,
    shutdown::End,
    summary::{self, Config, Totals},
};
use crate::{
    brand::RejectedRow,
    exit::{Exit, Failure},
    say,
};

/// Brands that a warning names.
const LOST_SHOWN: usize = 10;

/// Cells of a sheet that a dry run names.
const CELLS_SHOWN: usize = 20;

impl RunContext {
    /// Prints what will be done, in the sections of the guide.
    pub fn announce(
        &self,
        plan: &Plan,
        connections: &Connections,
        limits: &SpendingLimits,
    ) -> Estimate {
        let (success, failed) = (plan.standing.successes, plan.standing.failures);
        let rows = plan.rows;
        say!(self.terminal;
            "\n[REGISTRY] Loaded: {} brands tracked ({success} success, {failed} failed)",
            success + failed
        );
        let place = if self.options.source.is_sheet() {
            "sheet"
        } else {
            "list"
        };
        match self.options.source.limit {
            Some(limit) => {
                say!(self.terminal;
                    "Found {} brands in {place} (--limit {limit} of {rows} rows)",
                    plan.total
                );
            }
            None => say!(self.terminal; "Found {} brands in {place} ({rows} rows)", plan.total),
        }
        say!(self.terminal; "Brands to process: {}/{}", plan.due.len(), plan.total);
        say!(self.terminal; "Skipped (unchanged): {}", plan.skipped);
        if plan.left_out > 0 {
            say!(self.terminal;
                "Left out (new or changed, and only failed ones are asked for): {}",
                plan.left_out
            );
        }
        if plan.on_request > 0 {
            say!(self.terminal; "Skipped on request: {}", plan.on_request);
        }
        self.announce_missing_reports(plan);
        for row in &plan.rejected {
            let RejectedRow {
                number,
                name,
                reason,
                ..
            } = row;
            tracing::warn!("row {number} «{name}» is set aside: {reason}");
            // A mail has them at its end.
            if !self.options.verbosity.is_quiet() || self.options.batch.dry_run {
                crate::text::terminal::urgent(&format!("  Row {number} «{name}»: {reason}"));
            }
        }
        for note in &plan.notes {
            say!(self.terminal; "  Note: {note}");
            tracing::info!("{note}");
        }
        say!(self.terminal; "");
        let config = Config {
            workers: self.options.batch.workers,
            chunk_size: self.options.batch.chunk_size,
            budget: self.options.batch.budget,
            spent_before: self.paid.job_spent().0,
            deadline: deadline::until(&self.options.unattended, self.started),
        };
        summary::config(&self.terminal, &config, &limits.caps);
        let estimate = preview::estimate(plan, &self.options, &self.settings, connections);
        summary::estimate(&self.terminal, plan.due.len(), &estimate);
        for (service, text) in connections.limits(&estimate) {
            self.terminal.warning(&format!("{service}: {text}"));
        }
        for text in limits.short(&estimate, plan.due.len()) {
            // Nobody looks on in a quiet night, and what the budget was short of is said at its end.
            match self.options.verbosity.is_quiet() && !self.options.batch.dry_run {
                true => tracing::warn!("{text}"),
                false => self.terminal.log_warning(&text),
            }
        }
        estimate
    }

    /// Who has moved the reports away should not wonder why they do not come back.
    fn announce_missing_reports(&self, plan: &Plan) {
        let lost = &plan.lost_reports;
        if !lost.is_empty() {
            let more = match lost.len().saturating_sub(LOST_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.terminal.log_warning(&format!(
                "the reports of these brands are gone from {} or cut short, and are made anew of paid answers as far as these are kept: {}{more}",
                self.settings.folders.output.display(),
                lost[..lost.len().min(LOST_SHOWN)].join(", ")
            ));
        }
        if plan.without_report > 0 {
            self.terminal.log_warning(&format!(
                "{} of the unchanged brands have no report in {} any more: put the folders back, or make them anew with --force",
                plan.without_report,
                self.settings.folders.output.display()
            ));
        }
    }

    fn place(&self) -> &'static str {
        if self.options.source.is_sheet() {
            "sheet"
        } else {
            "list"
        }
    }

    /// What a dry run prints instead of working: the brands that are due, and the cells of the first write.
    pub fn rehearse(&self, plan: &Plan, cells: &[(String, String)]) {
        say!(self.terminal; "[DRY RUN] Nothing is spent and nothing is written. These brands are due:");
        for due in &plan.due {
            let rows: Vec<String> = due
                .assignment
                .brand
                .rows
                .iter()
                .map(ToString::to_string)
                .collect();
            say!(self.terminal;
                "  {} (row {}) → {}/",
                due.assignment.brand.name,
                rows.join(", "),
                self.settings.folders.output.join(&due.folder).display()
            );
        }
        if !cells.is_empty() {
            say!(self.terminal; "These cells of the sheet would be written first, and results as they come:");
        }
        for (range, values) in cells.iter().take(CELLS_SHOWN) {
            say!(self.terminal; "  {range}: {values}");
        }
        if cells.len() > CELLS_SHOWN {
            say!(self.terminal; "  … and {} more", cells.len() - CELLS_SHOWN);
        }
    }

    /// Prints the summary and decides on the exit code.
    pub fn close(&self, totals: &Totals, end: End) -> Result<Exit, Failure> {
        let state = &self.settings.folders.state;
        summary::summary(
            &self.terminal,
            totals,
            self.place(),
            &self.logs,
            &state.join("checkpoint_latest.json"),
            &self.settings.folders.output,
        );
        if let Some(text) = next_steps::mostly_thin(totals) {
            self.terminal.log_warning(&text);
        }
        if let Some(simulation) = &self.simulation {
            let [models, searches, sheet] = (simulation.requests)();
            say!(self.terminal;
                "[SANDBOX] The simulated services got {models} model, {searches} search and {sheet} sheet requests"
            );
        }
        let code = match &end {
            End::Complete if totals.failed + totals.rejected > 0 => Exit::SomeFailed,
            End::Complete => Exit::Done,
            End::Signal(exit) => *exit,
            End::Budget(_) => Exit::Budget,
            End::TimeUp(_) => Exit::TimeUp,
            End::Failed(failure) => failure.exit,
        };
        tracing::info!(
            code = code as u8,
            cost_usd = totals.cost.as_f64(),
            "run ended"
        );
        match end {
            End::Failed(failure) => Err(failure),
            End::Budget(LimitReached { why, remedy }) => Err(Failure::new(
                Exit::Budget,
                format!(
                    "{why}. {} brands wait for the next run: {remedy}",
                    totals.left
                ),
            )),
            End::TimeUp(why) => Err(Failure::new(
                Exit::TimeUp,
                format!(
                    "the time is up: {why}. {} brands wait for the next run",
                    totals.left
                ),
            )),
            End::Complete | End::Signal(_) => Ok(code),
        }
    }
}
