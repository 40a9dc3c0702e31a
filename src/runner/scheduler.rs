//! Who works on what: brands are handed to workers as these become free, chunks only read ahead, and what comes back
//! is put on record before anybody is told.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::{
    budget_check::Reached,
    context::Desk,
    deadline::Deadline,
    errors::{BrandError, RunError, list_failure, store_failure},
    handover::{Following, SheetMaker},
    leader::{LEADS_FOR, followed, news, refused},
    membership::{Hosts, Ready},
    plan::Due,
    pool::Pool,
    queue::Queue,
    reconciliation::Bill,
    recorder::Recorder,
    refusal_policy::Suspects,
    sheet_writer::Scribe,
    shutdown::Signals,
    summary::Figures,
    suspects::{Asking, asked},
    writable,
    write_batch::Words,
};
use crate::{
    event::{Event, Events},
    exit::{Exit, Failure},
    http::successes::Successes,
    list::results_tab::Findings,
    money::Usd,
    render,
    report::ReportCost,
    research::{Research, Researched},
    span,
    store::{
        checkpoint::{Checkpoint, RunStatus},
        paid::unpack,
        sqlite::Fault,
    },
};

/// Why a run ended.
pub enum End {
    Complete,
    Signal(Exit),
    /// The budget, or a cap by day or month, was reached.
    Budget(Reached),
    /// No other brand would have been done in time; the text says why.
    TimeUp(String),
    /// Nothing more could be done.
    Failed(Failure),
}

impl End {
    /// The status that the run has in files.
    pub fn status(&self) -> RunStatus {
        match self {
            Self::Complete => RunStatus::Complete,
            Self::Signal(_) | Self::TimeUp(_) => RunStatus::Interrupted,
            Self::Budget(_) => RunStatus::BudgetReached,
            Self::Failed(_) => RunStatus::Aborted,
        }
    }
}

/// Where brands come from.
pub enum Supply {
    /// This host's own queue; so many have been taken out of it.
    Own { queue: Queue, begun: usize },
    /// What is left to all hosts.
    Hosts(Box<Hosts>),
}

/// A report that is saved.
pub struct Saved {
    pub researched: Researched,
    /// Deflated for other hosts, with its hash.
    pub report: Option<(Vec<u8>, Vec<u8>)>,
}

/// A brand that a worker has in hand.
pub struct InHand {
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

/// What a crew is told of the list before it begins.
pub struct Outline {
    pub total: usize,
    pub due: usize,
    pub skipped: usize,
    pub on_request: usize,
    pub rejected: usize,
    /// What a brand is expected to cost, in US dollars.
    pub per_brand: Usd,
    /// Why nothing is bought.
    pub refused: Option<Reached>,
}

/// What a crew works with.
pub struct Tools {
    pub supply: Supply,
    pub recorder: Recorder<InHand>,
    pub research: Research,
    /// `None` where another host has it.
    pub scribe: Option<Scribe>,
    pub bill: Option<Bill>,
    pub sheets: Option<SheetMaker>,
    pub words: Words,
    pub events: Events,
    pub stop: CancellationToken,
    /// What services have answered in this run.
    pub successes: Arc<Successes>,
    /// Whether the server knows the key and lists the model.
    pub lists_model: bool,
}

/// Everything that a run changes while it goes on; only one task touches it.
pub struct Crew<'a> {
    pub(super) desk: &'a Desk,
    pub(super) supply: Supply,
    pub(super) recorder: Recorder<InHand>,
    pub(super) research: Arc<Research>,
    pub(super) scribe: Option<Scribe>,
    /// A lead that died is being followed.
    pub(super) following: Option<Following>,
    /// Until when this host leads for sure.
    pub(super) leads_until: Instant,
    pub(super) sheets: Option<SheetMaker>,
    pub(super) bill: Option<Bill>,
    pub(super) words: Words,
    pub(super) events: Events,
    pub(super) stop: CancellationToken,
    pub(super) outline: Outline,
    pub(super) checkpoint: Checkpoint,
    /// The checkpoint could not be written, and the user knows.
    pub(super) without_checkpoint: bool,
    pub(super) output: PathBuf,
    pub(super) pool: Pool<InHand, Saved>,
    /// Brands that were refused, while nothing proves whose fault that is.
    pub(super) suspects: Suspects<Box<InHand>>,
    pub(super) successes: Arc<Successes>,
    /// A harmless question is being asked, to tell whether a refusal meets all brands.
    pub(super) trial: Option<Asking>,
    /// The kinds of call for which that was done.
    pub(super) tried: Vec<String>,
    pub(super) lists_model: bool,
    pub(super) done: Done,
    pub(super) deadline: Deadline,
    pub(super) end: End,
}

/// What came of the brands of this host.
#[derive(Default)]
pub struct Done {
    pub brands: usize,
    pub thin: usize,
    /// Brands whose reports say something else than before.
    pub changed: usize,
    /// Tokens of prompts, and those of them that providers had in their caches.
    pub tokens_in: u64,
    pub tokens_cached: u64,
    pub one_by_one: Duration,
}

impl<'a> Crew<'a> {
    /// A crew that is ready to work.
    pub fn new(desk: &'a Desk, mut outline: Outline, tools: Tools) -> Self {
        let refused = outline.refused.take();
        Self {
            supply: tools.supply,
            recorder: tools.recorder,
            research: Arc::new(tools.research),
            scribe: tools.scribe,
            following: None,
            leads_until: Instant::now() + LEADS_FOR,
            sheets: tools.sheets,
            bill: tools.bill,
            words: tools.words,
            events: tools.events,
            stop: tools.stop,
            checkpoint: Checkpoint {
                run_id: desk.run_id.to_string(),
                status: RunStatus::Running,
                started_at: desk.started,
                updated_at: desk.started,
                total: outline.total,
                processed: 0,
                succeeded: 0,
                failed: 0,
                skipped: outline.skipped + outline.on_request,
                cost_usd: Usd::ZERO,
                elapsed_s: 0.0,
                ended_because: None,
                simulated: desk.settings.simulated,
            },
            outline,
            without_checkpoint: false,
            output: desk.settings.folders.output.clone(),
            pool: Pool::new(),
            suspects: Suspects::default(),
            successes: tools.successes,
            trial: None,
            tried: Vec::new(),
            lists_model: tools.lists_model,
            done: Done::default(),
            deadline: desk.deadline(),
            end: refused.map_or(End::Complete, End::Budget),
            desk,
        }
    }

    /// Works until everything is done or has to end.
    pub async fn work(mut self, mut signals: Signals) -> (End, Figures) {
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
                exit = signals.next() => self.signalled(exit),
                refused = refused(&mut self.scribe) => self.give_up(list_failure(refused)),
                led = followed(&mut self.following) => self.lead(led),
                // What was answered makes room, and clears those that were refused.
                () = self.successes.news() => {}
                answer = asked(&mut self.trial) => self.trial_ended(answer),
                () = sleep_until(self.leads_until), if self.is_unsure() => self.stop_leading(),
            }
        }
        let reported = self.close(&mut signals).await;
        let figures = self.figures(reported);
        (self.end, figures)
    }

    /// Begins brands as long as there is room for them.
    fn take_up(&mut self) {
        let begins_more = self.begins_more();
        if let Supply::Hosts(hosts) = &mut self.supply
            && !begins_more
        {
            hosts.put_back_ready();
        }
        while self.has_room() && self.has_time() {
            let next = match &mut self.supply {
                Supply::Own { queue, begun } => queue.next().map(|due| {
                    due.map(|due| Ready {
                        position: std::mem::replace(begun, *begun + 1),
                        claim: 0,
                        due,
                        report: None,
                    })
                }),
                Supply::Hosts(hosts) => Ok(hosts.next()),
            };
            match next {
                Ok(Some(ready)) => self.start(ready),
                Ok(None) => return self.ask_for_more(),
                Err(error) => self.give_up(RunError::Machine(error).into()),
            }
        }
    }

    fn ask_for_more(&mut self) {
        let room = self.room();
        if let Supply::Hosts(hosts) = &mut self.supply {
            let budget = self.desk.options.batch.budget;
            hosts.want(room, budget, self.outline.per_brand);
        }
    }

    /// Whether this host has nothing more to do, or may not do more.
    fn is_over(&self) -> bool {
        let idle = self.pool.is_empty() && self.suspects.is_empty() && self.trial.is_none();
        idle && self.recorder.is_done()
            && match &self.supply {
                Supply::Own { .. } => true,
                Supply::Hosts(hosts) => match self.end {
                    _ if hosts.is_asking() || self.following.is_some() => false,
                    End::Complete => hosts.is_over() && !self.stop.is_cancelled(),
                    // The leader stays until the others have found out too.
                    End::Budget(_) => !hosts.whole.leads || hosts.whole.hosts <= 1,
                    End::Signal(_) | End::TimeUp(_) | End::Failed(_) => true,
                },
            }
    }

    /// Whether nothing has ended the run so far.
    pub(super) fn begins_more(&self) -> bool {
        matches!(self.end, End::Complete) && !self.stop.is_cancelled()
    }

    /// Whether another brand may be begun: there is a worker for it, and the budget is expected to last for it
    /// besides those in hand, so that what is begun is finished.
    fn has_room(&self) -> bool {
        if !self.begins_more() || self.room() == 0 {
            return false;
        }
        if matches!(self.supply, Supply::Hosts(_)) {
            // Brands are given out with an eye on what all hosts have in hand.
            return true;
        }
        let (spent, uncertain) = self.desk.paid.job_spent();
        let in_hand = self.pool.len() as u64;
        let more = self.outline.per_brand.times(in_hand + 1);
        let needed = spent + uncertain + more;
        let budget = self.desk.options.batch.budget;
        let caps = self.desk.paid.caps_left();
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
                self.say_winding_down(format!("The time is up: {why}"));
                self.end = End::TimeUp(why);
                false
            }
            _ => true,
        }
    }

    fn start(&mut self, ready: Ready) {
        let Ready {
            position,
            claim,
            due,
            report,
        } = ready;
        let size = self.desk.options.batch.chunk_size;
        if position.is_multiple_of(size) {
            let to = (position + size).min(self.outline.due);
            self.events.say(Event::ChunkStarted {
                number: position / size + 1,
                from: position + 1,
                to,
                total: self.outline.due,
            });
        }
        let shared = matches!(self.supply, Supply::Hosts(_));
        if let Some(scribe) = self.scribe.as_ref().filter(|_| !shared) {
            scribe.begun(&due.assignment.brand.key, position);
        }
        let name = due.assignment.brand.name.as_str();
        let span = span::brand(name, &self.desk.run_id);
        let started = Event::BrandStarted { brand: name.into() };
        span.in_scope(|| self.events.say(started));
        let research = Arc::clone(&self.research);
        let output = self.output.clone();
        let folder = output.join(&due.folder);
        let assignment = due.assignment.clone();
        let events = self.events.clone();
        let work = async move {
            if let Some(report) = report {
                let folder = folder.clone();
                let bring = move || render::bring(&folder, &unpack(&report)?);
                in_folder(&output, bring).await?;
            }
            let mut researched = research.run(&assignment).await?;
            let saved = in_folder(&output, move || {
                let problems = render::save(&folder, &mut researched)?;
                let report = shared.then(|| render::carry(&folder)).transpose()?;
                Ok((Saved { researched, report }, problems))
            });
            let (saved, problems) = span::measure(span::stage("save"), saved).await?;
            for problem in problems {
                events.warn(problem);
            }
            Ok(saved)
        };
        self.pool.spawn(
            InHand {
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
            },
            work.instrument(span),
        );
    }

    fn signalled(&mut self, exit: Exit) {
        if self.stop.is_cancelled() && matches!(self.end, End::Signal(_)) {
            // Somebody is in a hurry. It is as safe as a crash: everything that was paid for is on disk.
            std::process::exit(exit as i32);
        }
        if !matches!(self.end, End::Failed(_)) {
            self.end = End::Signal(exit);
        }
        self.stop.cancel();
        self.say_winding_down(
            "Stopping after the calls in flight; press Ctrl-C again to leave at once".into(),
        );
    }

    pub(super) fn say_winding_down(&self, why: String) {
        let in_flight = self
            .pool
            .held()
            .map(|in_hand| in_hand.due.assignment.brand.name.as_str().into())
            .collect();
        self.events.say(Event::WindingDown { why, in_flight });
    }

    /// Nothing new is begun; calls in flight are waited for, because they are paid for. The first reason counts, but
    /// that time is up is none that hides another.
    pub(super) fn give_up(&mut self, failure: Failure) {
        self.stop.cancel();
        match self.end {
            End::Complete | End::TimeUp(_) => {
                self.say_winding_down(format!("{:#}", failure.error));
                self.end = End::Failed(failure);
            }
            End::Failed(_) => {}
            End::Signal(_) | End::Budget(_) => self.events.warn(format!("{:#}", failure.error)),
        }
    }
}

/// Works in the folder of a brand, beside everything else. What goes wrong there is the brand's own matter as long as the
/// disk has room and others can be written beside it.
async fn in_folder<T: Send + 'static>(
    output: &Path,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, BrandError> {
    let error = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error,
        Err(panic) => return Err(BrandError::bug(&panic)),
    };
    let output = output.to_owned();
    let others = tokio::task::spawn_blocking(move || writable::prove(&output)).await;
    if Fault::of(&error) == Some(Fault::Unwritable) || !matches!(others, Ok(Ok(()))) {
        return Err(RunError::Machine(error).into());
    }
    Err(BrandError::files(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;

    #[tokio::test]
    async fn what_goes_wrong_in_one_folder_is_the_brands_own() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("output");
        let kind = async |work: fn() -> anyhow::Result<()>| match in_folder(&output, work).await {
            Err(BrandError::Failed { kind, .. }) => Some(kind),
            Err(BrandError::Run(_)) => None,
            other => unreachable!("{other:?}"),
        };
        let refused = || anyhow::bail!("products.csv is open in another program");
        let full = || Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
        assert_eq!(kind(refused).await, Some(ErrorKind::Files));
        assert_eq!(kind(|| unreachable!("a bug")).await, Some(ErrorKind::Bug));
        assert_eq!(kind(full).await, None, "it meets all");
        std::fs::remove_dir(&output).unwrap();
        std::fs::write(&output, "a file in the place of all folders").unwrap();
        assert_eq!(kind(refused).await, None, "it meets all");
    }
}
