//! The scheduler: brands are handed to workers as these become free, whatever chunk they are in, and results are
//! recorded before anybody is told.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::{
    brand_work::{BrandWork, Saved},
    budget_check::LimitReached,
    checkpoint_writer::CheckpointWriter,
    context::RunContext,
    deadline::Deadline,
    due::Due,
    errors::{list_failure, store_failure},
    handover::SheetMaker,
    leader::{SheetLead, news, refused, taken_over},
    membership::{Hosts, Ready},
    pool::Pool,
    reconciliation::UsageReconciliation,
    recorder::Recorder,
    sheet_writer::SheetWriter,
    shutdown::{End, Shutdown, Signals},
    summary::Totals,
    suspects::{RefusalWatch, asked},
};
use crate::{
    event::{Event, Events},
    exit::Failure,
    http::successes::Successes,
    list::results_tab::Findings,
    money::Usd,
    report::ReportCost,
    research::Research,
    span,
};

/// Where brands come from.
pub enum Supply {
    /// This host's own queue; so many have been taken out of it.
    Own { queue: VecDeque<Due>, begun: usize },
    /// What is left to all hosts.
    Hosts(Box<Hosts>),
}

/// A brand that a worker has in hand.
pub struct BrandInWork {
    pub due: Due,
    /// Its place among those that are due, counted from 0.
    pub position: usize,
    /// The request to all hosts' store that it was given for.
    pub claim: i64,
    pub started: Instant,
    /// How long it took, how much of that it waited for the turns of its calls, and what it cost, once it has ended.
    pub took: Duration,
    pub waited: Duration,
    pub cost: ReportCost,
    pub span: Span,
    /// For the results tab, where there is one.
    pub findings: Option<Box<Findings>>,
    /// For other hosts, where there are any.
    pub report: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a scheduler is told of the list before it begins.
pub struct Outline {
    pub total: usize,
    pub due: usize,
    pub skipped: usize,
    pub on_request: usize,
    pub rejected: usize,
    /// What a brand is expected to cost, in US dollars.
    pub per_brand: Usd,
    /// Why nothing is bought.
    pub refused: Option<LimitReached>,
}

/// What the work needs besides the run context.
pub struct Tools {
    pub supply: Supply,
    pub recorder: Recorder<BrandInWork>,
    pub research: Research,
    /// `None` where another host leads.
    pub writer: Option<SheetWriter>,
    pub sheets: Option<SheetMaker>,
    pub reconciliation: Option<UsageReconciliation>,
    pub events: Events,
    pub stop: CancellationToken,
    pub successes: Arc<Successes>,
    pub lists_model: bool,
}

/// The work on a list: each part has its own state, and this is where they meet.
pub struct Scheduler<'a> {
    pub(super) context: &'a RunContext,
    pub(super) outline: Outline,
    pub(super) events: Events,
    /// Where brands come from, and who works on them.
    pub(super) supply: Supply,
    pub(super) research: Arc<Research>,
    pub(super) pool: Pool<BrandInWork, Saved>,
    pub(super) refusals: RefusalWatch,
    /// Where they go.
    pub(super) recorder: Recorder<BrandInWork>,
    pub(super) lead: SheetLead,
    pub(super) checkpoint: CheckpointWriter,
    pub(super) tally: HostTally,
    /// How it ends.
    pub(super) deadline: Deadline,
    pub(super) shutdown: Shutdown,
    pub(super) reconciliation: Option<UsageReconciliation>,
}

/// What came of the brands of this host.
#[derive(Default)]
pub struct HostTally {
    pub brands: usize,
    pub thin: usize,
    /// Brands whose reports say something else than before.
    pub changed: usize,
    /// Tokens of prompts, and those of them that providers had in their caches.
    pub tokens_in: u64,
    pub tokens_cached: u64,
    pub one_by_one: Duration,
}

impl<'a> Scheduler<'a> {
    /// A scheduler that is ready to work.
    pub fn new(context: &'a RunContext, mut outline: Outline, tools: Tools) -> Self {
        let refused = outline.refused.take();
        Self {
            supply: tools.supply,
            research: Arc::new(tools.research),
            pool: Pool::new(),
            refusals: RefusalWatch::new(tools.successes, tools.lists_model),
            recorder: tools.recorder,
            lead: SheetLead::new(tools.writer, tools.sheets),
            checkpoint: CheckpointWriter::new(context, &outline),
            tally: HostTally::default(),
            deadline: context.deadline(),
            shutdown: Shutdown::new(tools.stop, tools.events.clone(), refused),
            reconciliation: tools.reconciliation,
            events: tools.events,
            outline,
            context,
        }
    }

    /// Works until everything is done or has to end.
    pub async fn work(mut self, mut signals: Signals) -> (End, Totals) {
        self.save_checkpoint();
        loop {
            self.weigh_refusals();
            self.take_up();
            self.settle_suspects();
            if self.is_over() {
                break;
            }
            let idle = self.pool.is_empty();
            tokio::select! {
                (in_hand, result) = self.pool.next() => self.take_back(in_hand, result),
                recorded = self.recorder.recorded() => match recorded {
                    Ok(recorded) => self.tell(recorded),
                    Err(error) => self.give_up(store_failure(error)),
                },
                news = news(&mut self.supply, idle) => match news {
                    Ok(news) => self.hear(news),
                    Err(error) => self.give_up(store_failure(error)),
                },
                exit = signals.next() => {
                    let in_flight = self.in_flight();
                    self.shutdown.signalled(exit, in_flight);
                }
                refused = refused(&mut self.lead.writer) => self.give_up(list_failure(refused)),
                taken = taken_over(&mut self.lead.takeover) => self.take_lead(taken),
                // What was answered makes room, and clears those that were refused.
                () = self.refusals.successes.news() => {}
                answer = asked(&mut self.refusals.trial) => self.trial_ended(answer),
                () = sleep_until(self.lead.until), if self.is_unsure() => self.stop_leading(),
            }
        }
        let reported = self.close(&mut signals).await;
        let totals = self.totals(reported);
        (self.shutdown.into_end(), totals)
    }

    /// Begins brands as long as there is room for them.
    fn take_up(&mut self) {
        let begins_more = self.shutdown.begins_more();
        if let Supply::Hosts(hosts) = &mut self.supply
            && !begins_more
        {
            hosts.put_back_ready();
        }
        while self.has_room() && self.has_time() {
            let next = match &mut self.supply {
                Supply::Own { queue, begun } => queue.pop_front().map(|due| Ready {
                    position: std::mem::replace(begun, *begun + 1),
                    claim: 0,
                    due,
                    report: None,
                }),
                Supply::Hosts(hosts) => hosts.next(),
            };
            match next {
                Some(ready) => self.start(ready),
                None => return self.ask_for_more(),
            }
        }
    }

    fn ask_for_more(&mut self) {
        let room = self.room();
        if let Supply::Hosts(hosts) = &mut self.supply {
            let budget = self.context.options.batch.budget;
            hosts.want(room, budget, self.outline.per_brand);
        }
    }

    /// Whether this host has nothing more to do, or may not do more.
    fn is_over(&self) -> bool {
        let idle = self.pool.is_empty() && self.refusals.is_settled();
        idle && self.recorder.is_done()
            && match &self.supply {
                Supply::Own { .. } => true,
                Supply::Hosts(hosts) => match self.shutdown.end() {
                    _ if hosts.is_asking() || self.lead.takeover.is_some() => false,
                    End::Complete => hosts.is_over() && !self.shutdown.is_stopped(),
                    // The leader stays until the others have found out too.
                    End::Budget(_) => !hosts.whole.leads || hosts.whole.hosts <= 1,
                    End::Signal(_) | End::TimeUp(_) | End::Failed(_) => true,
                },
            }
    }

    /// Whether another brand may be begun: there is a worker for it, and the budget is expected to last for it
    /// besides those in hand, so that what is begun is finished.
    fn has_room(&self) -> bool {
        if !self.shutdown.begins_more() || self.room() == 0 {
            return false;
        }
        if matches!(self.supply, Supply::Hosts(_)) {
            // Brands are given out with an eye on what all hosts have in hand.
            return true;
        }
        let (spent, uncertain) = self.context.paid.job_spent();
        let in_hand = self.pool.len() as u64;
        let more = self.outline.per_brand.times(in_hand + 1);
        let needed = spent + uncertain + more;
        let budget = self.context.options.batch.budget;
        let caps = self.context.paid.caps_left();
        // With nothing in hand it is tried in any case: the ledger decides.
        in_hand == 0
            || budget.is_none_or(|budget| needed <= budget) && caps.is_none_or(|left| more <= left)
    }

    /// Whether another brand is expected to be done in time. Where none is and some are left, the run ends when those
    /// in hand are done.
    fn has_time(&mut self) -> bool {
        let left = match &self.supply {
            Supply::Own { queue, .. } => queue.len(),
            Supply::Hosts(hosts) => hosts.whole.left() - hosts.whole.left().min(self.pool.len()),
        };
        match self.deadline.passed() {
            Some(why) if left > 0 => {
                let in_flight = self.in_flight();
                self.shutdown.time_is_up(why, in_flight);
                false
            }
            _ => true,
        }
    }

    /// Begins a brand.
    fn start(&mut self, ready: Ready) {
        let Ready {
            position,
            claim,
            due,
            report,
        } = ready;
        self.say_chunk(position);
        let shared = matches!(self.supply, Supply::Hosts(_));
        if let Some(writer) = self.lead.writer.as_ref().filter(|_| !shared) {
            writer.begun(&due.assignment.brand.key, position);
        }
        let name = due.assignment.brand.name.as_str();
        let span = span::brand(name, &self.context.run_id);
        let started = Event::BrandStarted { brand: name.into() };
        span.in_scope(|| self.events.say(started));
        let work = BrandWork {
            research: Arc::clone(&self.research),
            output: self.context.settings.folders.output.clone(),
            folder: due.folder.clone(),
            assignment: due.assignment.clone(),
            last_report: report,
            shared,
            events: self.events.clone(),
        };
        let in_hand = BrandInWork {
            due,
            position,
            claim,
            started: Instant::now(),
            took: Duration::ZERO,
            waited: Duration::ZERO,
            cost: ReportCost::default(),
            span: span.clone(),
            findings: None,
            report: None,
        };
        self.pool.spawn(in_hand, work.run().instrument(span));
    }

    /// Says that a chunk begins, with its first brand.
    fn say_chunk(&self, position: usize) {
        let size = self.context.options.batch.chunk_size;
        if position.is_multiple_of(size) {
            self.events.say(Event::ChunkStarted {
                number: position / size + 1,
                from: position + 1,
                to: (position + size).min(self.outline.due),
                total: self.outline.due,
            });
        }
    }

    /// The names of brands in flight.
    pub(super) fn in_flight(&self) -> Vec<Arc<str>> {
        let names = self.pool.held();
        names
            .map(|in_hand| in_hand.due.assignment.brand.name.as_str().into())
            .collect()
    }

    /// Nothing new is begun; calls in flight are waited for, because they are paid for.
    pub(super) fn give_up(&mut self, failure: Failure) {
        let in_flight = self.in_flight();
        self.shutdown.give_up(failure, in_flight);
    }
}
