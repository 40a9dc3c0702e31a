//! How a run ends: what is left is written, what was spent is compared, the run is put on record, and pages are made.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    budget_check::Reached,
    leader::store_failure,
    list_failure, portfolio_data, reconciliation,
    scheduler::{Crew, End, Supply},
    shutdown::Signals,
    summary::{Figures, Share},
};
use crate::{
    exit::{Exit, Failure, OrExit},
    render,
    store::{
        caps::Purse,
        checkpoint::RunStatus,
        run_history::RunLine,
        shared_run::{Phase, SharedRun, Whole},
    },
};

impl Crew<'_> {
    /// Ends the run, or leaves it to the other hosts. Returns what the services report.
    pub(super) async fn close(&mut self, signals: &mut Signals) -> Vec<reconciliation::Item> {
        let Some(run) = self.shared() else {
            return self.close_run(signals).await;
        };
        match self.leaves(&*run).await {
            Ok(true) => {
                if let Some(scribe) = self.scribe.take() {
                    scribe.abandon();
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

    fn whole(&self) -> Option<&Whole> {
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
        if self.scribe.is_none() {
            self.follow();
            let led = super::leader::followed(&mut self.following).await;
            self.lead(led);
        }
        Ok(false)
    }

    /// A host that others have left nothing to do ends as the whole did.
    fn end_as_the_whole(&mut self) {
        let Some(whole) = self.whole() else {
            return;
        };
        let status = RunStatus::named(&whole.status);
        if matches!(self.end, End::Complete) && whole.phase == Phase::Closed {
            self.end = match status {
                Some(RunStatus::BudgetReached) => End::Budget(Reached {
                    why: "the budget was reached".into(),
                    remedy: Purse::Run.remedy(),
                }),
                Some(RunStatus::Complete) => End::Complete,
                _ => End::Failed(Failure::new(
                    Exit::Unavailable,
                    "another host ended the run before everything was done: its log says why",
                )),
            };
        }
        self.checkpoint.status = self.end.status();
    }

    /// Writes what is left to write, as far as it can be written. A second signal ends that too.
    /// Returns what the services report.
    async fn close_run(&mut self, signals: &mut Signals) -> Vec<reconciliation::Item> {
        let folded = self.recorder.settle().await.map_err(store_failure);
        let scribe = self.scribe.take();
        let written = async {
            match scribe {
                Some(scribe) => scribe.finish().await,
                None => Ok(()),
            }
        };
        let bill = self.bill.take();
        let reported = async {
            match bill {
                Some(bill) => bill.close(&self.research).await,
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
        self.checkpoint.status = self.end.status();
        self.refresh_checkpoint();
        self.remember(false).await;
        let rendered = self.render_portfolio().await;
        for done in [folded, written.map_err(list_failure), rendered, compared] {
            match (done, &self.end) {
                (Ok(()), _) => {}
                (Err(failure), End::Complete | End::TimeUp(_)) => self.end = End::Failed(failure),
                (Err(failure), _) => self.events.warn(format!("{:#}", failure.error)),
            }
        }
        self.checkpoint.status = self.end.status();
        self.checkpoint.ended_because = match &self.end {
            End::Complete | End::Signal(_) => None,
            End::Budget(Reached { why, .. }) | End::TimeUp(why) => Some(why.clone()),
            End::Failed(failure) => Some(format!("{:#}", failure.error)),
        };
        self.save_checkpoint();
        let ends = matches!(self.end, End::Complete | End::Budget(_) | End::TimeUp(_));
        self.remember(ends).await;
        reported
    }

    /// Puts the run on record among those of the past, and ends its job where nothing of it is left to go on with:
    /// whoever raises the budget or comes back another night begins a new one.
    async fn remember(&self, ends: bool) {
        let Some(run) = &self.desk.run else {
            return;
        };
        let line = RunLine::of(&self.checkpoint, self.checkpoint.status);
        let why = self.checkpoint.ended_because.as_deref();
        let remembered = run.close(&line, why, ends).await;
        if let Err(error) = remembered {
            self.events
                .warn(format!("this run is not on record: {error:#}"));
        }
    }

    async fn render_portfolio(&self) -> Result<(), Failure> {
        if self.checkpoint.processed == 0 {
            return Ok(());
        }
        let output = self.output.clone();
        let background = portfolio_data::read(&*self.desk.store, &output).await;
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
    pub(super) fn figures(&self, reported: Vec<reconciliation::Item>) -> Figures {
        let spent = self.desk.paid.this_run();
        let (job_spent, uncertain) = self.desk.paid.job_spent();
        let searched = self.desk.settings.credit_price.times(spent.credits.into());
        let outline = &self.outline;
        Figures {
            total: outline.total,
            skipped: outline.skipped,
            on_request: outline.on_request,
            rejected: outline.rejected,
            succeeded: self.checkpoint.succeeded,
            thin: self.done.thin,
            changed: self.done.changed,
            tokens_in: self.done.tokens_in,
            tokens_cached: self.done.tokens_cached,
            failed: self.checkpoint.failed,
            left: outline.due.saturating_sub(self.checkpoint.processed),
            elapsed: self.desk.clock.elapsed(),
            one_by_one: self.done.one_by_one,
            cost: spent.usd,
            model_for_nothing: self.done.tokens_in > 0
                && spent.usd <= searched
                && self.research.openrouter.model().prices.is_none(),
            credits: spent.credits,
            uncertain,
            job_spent,
            budget: self.desk.args.batch.budget,
            reported,
            share: self.whole().map(|whole| Share {
                brands: self.done.brands,
                usd: whole.usd,
            }),
        }
    }

    fn refresh_checkpoint(&mut self) {
        self.checkpoint.updated_at = Timestamp::now();
        self.checkpoint.elapsed_s = (self.desk.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        if let Supply::Own { .. } = self.supply {
            self.checkpoint.cost_usd = self.desk.paid.this_run().usd;
        }
    }

    /// Nothing depends on the checkpoint, so a run goes on without it.
    pub(super) fn save_checkpoint(&mut self) {
        self.refresh_checkpoint();
        // The desk of a run that works always holds its folder.
        let Some(state) = &self.desk.state else {
            return;
        };
        let saved = self.checkpoint.save(state);
        if let Err(error) = &saved
            && !self.without_checkpoint
        {
            self.events
                .warn(format!("{error:#}. The run goes on without a checkpoint"));
        }
        self.without_checkpoint = saved.is_err();
    }
}
