//! The end of a run: what is left is written, spending is reconciled, the run is recorded, and pages are made.

use std::sync::Arc;

use super::{
    budget_check::LimitReached,
    errors::{list_failure, store_failure},
    portfolio_data, reconciliation,
    scheduler::{Scheduler, Supply},
    shutdown::{End, Signals},
    summary::{Share, Totals},
};
use crate::{
    exit::{Exit, Failure, OrExit},
    render,
    store::{
        caps::BudgetLimit,
        checkpoint::RunStatus,
        run_history::RunLine,
        shared_run::{Phase, RunSnapshot, SharedRun},
    },
};

impl Scheduler<'_> {
    /// Ends the run, or leaves it to the other hosts. Returns what the services report.
    pub(super) async fn close(&mut self, signals: &mut Signals) -> Vec<reconciliation::UsageLine> {
        let Some(run) = self.shared() else {
            return self.close_run(signals).await;
        };
        match self.leaves(&*run).await {
            Ok(true) => {
                if let Some(writer) = self.lead.writer.take() {
                    writer.abandon();
                }
                self.end_as_the_whole();
                self.save_checkpoint();
                Vec::new()
            }
            Ok(false) => {
                self.catch_up().await;
                self.close_run(signals).await
            }
            Err(error) => {
                self.give_up(store_failure(error));
                Vec::new()
            }
        }
    }

    fn shared(&self) -> Option<Arc<dyn SharedRun>> {
        match &self.supply {
            Supply::Own { .. } => None,
            Supply::Hosts(hosts) => Some(Arc::clone(&hosts.run)),
        }
    }

    fn whole(&self) -> Option<&RunSnapshot> {
        match &self.supply {
            Supply::Own { .. } => None,
            Supply::Hosts(hosts) => Some(&hosts.whole),
        }
    }

    /// Leaves where others are at work, or have closed the run. Whoever leads, and has seen all brands end, closes it.
    async fn leaves(&mut self, run: &dyn SharedRun) -> anyhow::Result<bool> {
        match self.whole() {
            Some(whole) if whole.phase == Phase::Closed => return Ok(true),
            Some(whole) if whole.leads && whole.left() == 0 => return Ok(false),
            _ => {}
        }
        if run.leave().await? > 0 {
            return Ok(true);
        }
        if self.lead.writer.is_none() {
            self.take_over();
            let taken = super::leader::taken_over(&mut self.lead.takeover).await;
            self.take_lead(taken);
        }
        Ok(false)
    }

    /// A host that others have left nothing to do ends as the whole did.
    fn end_as_the_whole(&mut self) {
        let Some(whole) = self.whole() else {
            return;
        };
        let status = RunStatus::named(&whole.status);
        if whole.phase == Phase::Closed {
            self.shutdown.end_as(match status {
                Some(RunStatus::BudgetReached) => End::Budget(LimitReached {
                    why: "the budget was reached".into(),
                    remedy: BudgetLimit::Run.remedy(),
                }),
                Some(RunStatus::Complete) => End::Complete,
                _ => End::Failed(Failure::new(
                    Exit::Unavailable,
                    "another host ended the run before everything was done: its log says why",
                )),
            });
        }
        self.checkpoint.now.status = self.shutdown.end().status();
    }

    /// Writes what is left to write, as far as it can be written. A second signal ends that too.
    /// Returns what the services report.
    async fn close_run(&mut self, signals: &mut Signals) -> Vec<reconciliation::UsageLine> {
        let folded = self.recorder.settle().await.map_err(store_failure);
        let writer = self.lead.writer.take();
        let written = async {
            match writer {
                Some(writer) => writer.finish().await,
                None => Ok(()),
            }
        };
        let reconciliation = self.reconciliation.take();
        let reported = async {
            match reconciliation {
                Some(reconciliation) => reconciliation.close(&self.research).await,
                None => Ok(Vec::new()),
            }
        };
        let (written, reported) = tokio::select! {
            done = futures::future::join(written, reported) => done,
            exit = signals.next() => std::process::exit(exit as i32),
        };
        let (reported, compared) = match reported {
            Ok(items) => (items, Ok(())),
            Err(error) => (Vec::new(), Err(store_failure(error))),
        };
        // The pages show this run too.
        self.checkpoint.now.status = self.shutdown.end().status();
        self.checkpoint.refresh(self.context);
        self.remember(false).await;
        let rendered = self.render_portfolio().await;
        for done in [folded, written.map_err(list_failure), rendered, compared] {
            if let Err(failure) = done {
                self.shutdown.fail_at_end(failure);
            }
        }
        self.checkpoint.end(self.shutdown.end());
        self.save_checkpoint();
        let ends = !self.shutdown.is_broken_off();
        self.remember(ends).await;
        reported
    }

    /// Puts the run on record among those of the past, and ends its job where nothing of it is left to go on with:
    /// whoever raises the budget or comes back another night begins a new one.
    async fn remember(&self, ends: bool) {
        let Some(run) = &self.context.run else {
            return;
        };
        let line = RunLine::of(&self.checkpoint.now, self.checkpoint.now.status);
        let why = self.checkpoint.now.ended_because.as_deref();
        let remembered = run.close(&line, why, ends).await;
        if let Err(error) = remembered {
            self.events
                .warn(format!("this run is not on record: {error:#}"));
        }
    }

    async fn render_portfolio(&self) -> Result<(), Failure> {
        if self.checkpoint.now.processed == 0 {
            return Ok(());
        }
        let output = self.context.settings.folders.output.clone();
        let background = portfolio_data::read(&*self.context.store, &output).await;
        let background = background.map_err(store_failure)?;
        let rendered = tokio::task::spawn_blocking(move || {
            let (background, mut problems) = background;
            problems.extend(render::portfolio(&output, &background)?);
            anyhow::Ok(problems)
        });
        let problems = rendered
            .await
            .map_err(anyhow::Error::from)
            .and_then(|done| done)
            .or_exit(Exit::Machine)?;
        for problem in problems {
            self.events.warn(problem);
        }
        Ok(())
    }

    /// How the run went, on all hosts.
    pub(super) fn totals(&self, reported: Vec<reconciliation::UsageLine>) -> Totals {
        let spent = self.context.paid.this_run();
        let (job_spent, uncertain) = self.context.paid.job_spent();
        let searched = self
            .context
            .settings
            .credit_price
            .times(spent.credits.into());
        let outline = &self.outline;
        Totals {
            total: outline.total,
            skipped: outline.skipped,
            on_request: outline.on_request,
            rejected: outline.rejected,
            succeeded: self.checkpoint.now.succeeded,
            thin: self.tally.thin,
            changed: self.tally.changed,
            tokens_in: self.tally.tokens_in,
            tokens_cached: self.tally.tokens_cached,
            failed: self.checkpoint.now.failed,
            left: outline.due.saturating_sub(self.checkpoint.now.processed),
            elapsed: self.context.clock.elapsed(),
            one_by_one: self.tally.one_by_one,
            cost: spent.usd,
            model_for_nothing: self.tally.tokens_in > 0
                && spent.usd <= searched
                && self.research.openrouter.model().prices.is_none(),
            credits: spent.credits,
            uncertain,
            job_spent,
            budget: self.context.options.batch.budget,
            reported,
            share: self.whole().map(|whole| Share {
                brands: self.tally.brands,
                usd: whole.usd,
            }),
        }
    }

    /// Puts down how the run stands.
    pub(super) fn save_checkpoint(&mut self) {
        self.checkpoint.save(self.context, &self.events);
    }
}
