//! The writer of the checkpoint: how a run stands, for `status` and for the record of runs. Nothing depends on it.

use jiff::Timestamp;

use super::{budget_check::LimitReached, context::RunContext, scheduler::Outline, shutdown::End};
use crate::{
    event::Events,
    money::Usd,
    store::{
        checkpoint::{Checkpoint, RunStatus},
        registry::BrandStatus,
        shared_run::RunSnapshot,
    },
};

/// How a run stands.
pub struct CheckpointWriter {
    /// As it was written last, or will be next.
    pub now: Checkpoint,
    /// It could not be written, and the user knows.
    is_without: bool,
}

impl CheckpointWriter {
    /// Of a run that begins.
    pub fn new(context: &RunContext, outline: &Outline) -> Self {
        let now = Checkpoint {
            run_id: context.run_id.to_string(),
            status: RunStatus::Running,
            started_at: context.started,
            updated_at: context.started,
            total: outline.total,
            processed: 0,
            succeeded: 0,
            failed: 0,
            skipped: outline.skipped + outline.on_request,
            cost_usd: Usd::ZERO,
            elapsed_s: 0.0,
            ended_because: None,
            simulated: context.settings.simulated,
        };
        Self {
            now,
            is_without: false,
        }
    }

    /// A brand has ended.
    pub fn count(&mut self, status: BrandStatus) {
        self.now.processed += 1;
        match status {
            BrandStatus::Success => self.now.succeeded += 1,
            BrandStatus::Failed => self.now.failed += 1,
        }
    }

    /// How the run stands on all hosts.
    pub fn take_in(&mut self, whole: &RunSnapshot) {
        self.now.processed = whole.succeeded + whole.failed;
        self.now.succeeded = whole.succeeded;
        self.now.failed = whole.failed;
        self.now.cost_usd = whole.usd;
    }

    /// The run has ended so.
    pub fn end(&mut self, end: &End) {
        self.now.status = end.status();
        self.now.ended_because = match end {
            End::Complete | End::Signal(_) => None,
            End::Budget(LimitReached { why, .. }) | End::TimeUp(why) => Some(why.clone()),
            End::Failed(failure) => Some(format!("{:#}", failure.error)),
        };
    }

    /// Brings time and cost up to date. What all hosts have spent is known only when it is looked at.
    pub fn refresh(&mut self, context: &RunContext) {
        self.now.updated_at = Timestamp::now();
        self.now.elapsed_s = (context.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        if context.shared.is_none() {
            self.now.cost_usd = context.paid.this_run().usd;
        }
    }

    /// Writes it. A run goes on without a checkpoint where it cannot be written.
    pub fn save(&mut self, context: &RunContext, events: &Events) {
        self.refresh(context);
        // A run that works always holds its folder.
        let Some(state) = &context.state else {
            return;
        };
        let saved = self.now.save(state);
        if let Err(error) = &saved
            && !self.is_without
        {
            events.warn(format!("{error:#}. The run goes on without a checkpoint"));
        }
        self.is_without = saved.is_err();
    }
}
