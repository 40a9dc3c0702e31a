//! Who works on what: brands are handed to workers as these become free, chunks only read ahead, and what comes back
//! is put on record before anybody is told.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    task::{Id, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::{
    background,
    bill::{self, Bill},
    call_failure,
    deadline::Deadline,
    desk::Desk,
    list_failure, page_of,
    plan::{Due, Plan},
    record::Recorder,
    stop::Signals,
    summary::Figures,
    writeback::{Words, WriteBack},
};
use crate::{
    event::{Event, Events},
    exit::{Exit, Failure, OrExit},
    list::own::{Outcome, Target},
    money::Usd,
    remedy::ErrorKind,
    render::{self, Findings},
    research::{
        Research, Researched, identity,
        report::{Coverage, ReportCost},
    },
    services::call::CallError,
    span::{self, Spent},
    state::{
        checkpoint::{Checkpoint, RunStatus},
        paid::Cost,
        registry::{Entry, Registry, Status},
        runs::{self, RunLine},
    },
};

/// Why a run ended.
pub enum End {
    Complete,
    Signal(Exit),
    /// The budget was reached; the text says how.
    Budget(String),
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

/// A brand that a worker has in hand.
struct InHand {
    due: Due,
    /// The chunk it belongs to, counted from 0.
    chunk: usize,
    started: Instant,
    /// How long it took, how much of that it waited for the turns of its calls, and what it cost, once it has ended.
    took: Duration,
    waited: Duration,
    cost: ReportCost,
    span: Span,
    /// For the results tab, where there is one.
    findings: Option<Box<Findings>>,
}

/// Everything that a run changes while it goes on; only one task touches it.
pub struct Crew<'a> {
    desk: &'a Desk,
    recorder: Recorder<InHand>,
    research: Arc<Research>,
    write_back: WriteBack,
    bill: Option<Bill>,
    words: Words,
    events: Events,
    stop: CancellationToken,
    checkpoint: Checkpoint,
    /// The checkpoint could not be written, and the user knows.
    without_checkpoint: bool,
    output: PathBuf,
    /// Brands of each chunk that have not ended yet.
    open: Vec<usize>,
    flying: JoinSet<Result<Researched, CallError>>,
    in_hand: HashMap<Id, InHand>,
    /// What a brand is expected to cost.
    per_brand: Usd,
    thin: usize,
    /// Brands whose reports say something else than before.
    changed: usize,
    /// Tokens of prompts, and those of them that providers had in their caches.
    tokens_in: u64,
    tokens_cached: u64,
    one_by_one: Duration,
    deadline: Deadline,
    end: End,
}

impl<'a> Crew<'a> {
    /// A crew that is ready to work.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is handed over once, by one caller"
    )]
    pub fn new(
        desk: &'a Desk,
        plan: &Plan,
        per_brand: Usd,
        registry: Registry,
        research: Research,
        write_back: WriteBack,
        bill: Bill,
        words: Words,
        events: Events,
        stop: CancellationToken,
    ) -> Self {
        let chunk_size = desk.args.batch.chunk_size;
        Self {
            recorder: Recorder::new(registry),
            research: Arc::new(research),
            write_back,
            bill: Some(bill),
            words,
            events,
            stop,
            checkpoint: Checkpoint {
                run_id: desk.run_id.to_string(),
                status: RunStatus::Running,
                started_at: desk.started,
                updated_at: desk.started,
                total: plan.total,
                processed: 0,
                succeeded: 0,
                failed: 0,
                skipped: plan.skipped + plan.on_request,
                cost_usd: Usd::ZERO,
                elapsed_s: 0.0,
                ended_because: None,
                simulated: desk.settings.simulated,
            },
            without_checkpoint: false,
            output: desk.settings.folders.output.clone(),
            open: (0..plan.due.len())
                .step_by(chunk_size)
                .map(|first| chunk_size.min(plan.due.len() - first))
                .collect(),
            flying: JoinSet::new(),
            in_hand: HashMap::new(),
            per_brand,
            thin: 0,
            changed: 0,
            tokens_in: 0,
            tokens_cached: 0,
            one_by_one: Duration::ZERO,
            deadline: desk.deadline(),
            end: End::Complete,
            desk,
        }
    }

    /// Works until everything is done or has to end.
    pub async fn work(mut self, plan: Plan, mut signals: Signals) -> (End, Figures) {
        self.save_checkpoint();
        let Plan {
            due: mut queue,
            rejected,
            total,
            on_request,
            ..
        } = plan;
        let (rejected, waiting) = (rejected.len(), queue.len());
        let mut begun = 0;
        loop {
            while self.has_room() && self.has_time(queue.len()) {
                match queue.next() {
                    Ok(Some(due)) => self.start(begun, due, waiting),
                    Ok(None) => break,
                    Err(error) => {
                        self.give_up(Failure {
                            exit: Exit::Usage,
                            error,
                        });
                        break;
                    }
                }
                begun += 1;
            }
            if self.flying.is_empty() && self.recorder.is_done() {
                break;
            }
            tokio::select! {
                Some(ended) = self.flying.join_next_with_id() => self.take_back(ended),
                recorded = self.recorder.recorded() => match recorded {
                    Ok(recorded) => self.tell(recorded),
                    Err(error) => self.give_up(Failure { exit: Exit::Usage, error }),
                },
                exit = signals.next() => self.signalled(exit),
                refused = self.write_back.refused() => self.give_up(list_failure(refused)),
            }
        }
        let left = waiting - self.checkpoint.processed;
        let reported = self.close(&mut signals).await;
        let spent = self.desk.paid.this_run();
        let (job_spent, uncertain) = self.desk.paid.job_spent();
        let searched = self.desk.settings.credit_price.times(spent.credits.into());
        let figures = Figures {
            total,
            skipped: self.checkpoint.skipped - on_request,
            on_request,
            rejected,
            succeeded: self.checkpoint.succeeded,
            thin: self.thin,
            changed: self.changed,
            tokens_in: self.tokens_in,
            tokens_cached: self.tokens_cached,
            failed: self.checkpoint.failed,
            left,
            elapsed: self.desk.clock.elapsed(),
            one_by_one: self.one_by_one,
            cost: spent.usd,
            model_for_nothing: self.tokens_in > 0
                && spent.usd <= searched
                && self.research.openrouter.model().prices.is_none(),
            credits: spent.credits,
            uncertain,
            job_spent,
            budget: self.desk.args.batch.budget,
            reported,
        };
        (self.end, figures)
    }

    /// Whether another brand may be begun: there is a worker for it, and the budget is expected to last for it
    /// besides those in hand, so that what is begun is finished.
    fn has_room(&self) -> bool {
        if self.flying.len() >= self.desk.args.batch.workers
            || !matches!(self.end, End::Complete)
            || self.stop.is_cancelled()
        {
            return false;
        }
        let (spent, uncertain) = self.desk.paid.job_spent();
        let in_hand = self.flying.len() as u64;
        let needed = spent + uncertain + self.per_brand.times(in_hand + 1);
        // With nothing in hand it is tried in any case: the ledger decides.
        in_hand == 0
            || self
                .desk
                .args
                .batch
                .budget
                .is_none_or(|budget| needed <= budget)
    }

    /// Whether another brand is expected to be done in time. Where none is and some are left, the run ends when those
    /// in hand are done.
    fn has_time(&mut self, left: usize) -> bool {
        match self.deadline.passed() {
            Some(why) if left > 0 => {
                self.say_winding_down(format!("The time is up: {why}"));
                self.end = End::TimeUp(why);
                false
            }
            _ => true,
        }
    }

    fn start(&mut self, position: usize, due: Due, total: usize) {
        let size = self.desk.args.batch.chunk_size;
        let chunk = position / size;
        if position.is_multiple_of(size) {
            let to = (position + size).min(total);
            self.events.say(Event::ChunkStarted {
                number: chunk + 1,
                from: position + 1,
                to,
                total,
            });
        }
        if chunk > 0 {
            // The first chunk was marked before anything was paid for.
            let (target, mark) = self.words.mark(&due.assignment.brand.key);
            self.write_back.put(target, mark);
        }
        let name = due.assignment.brand.name.as_str();
        let span = span::brand(name, &self.desk.run_id);
        let started = Event::BrandStarted { brand: name.into() };
        span.in_scope(|| self.events.say(started));
        let research = Arc::clone(&self.research);
        let folder = self.output.join(&due.folder);
        let assignment = due.assignment.clone();
        let events = self.events.clone();
        let work = async move {
            let mut researched = research.run(&assignment).await?;
            let saved = tokio::task::spawn_blocking(move || {
                let problems = render::save(&folder, &mut researched)?;
                anyhow::Ok((researched, problems))
            });
            let saved = async { saved.await.map_err(anyhow::Error::from)? };
            let (researched, problems) = span::measure(span::stage("save"), saved).await?;
            for problem in problems {
                events.warn(problem);
            }
            Ok(researched)
        };
        let task = self.flying.spawn(work.instrument(span.clone()));
        self.in_hand.insert(
            task.id(),
            InHand {
                due,
                chunk,
                started: Instant::now(),
                took: Duration::ZERO,
                waited: Duration::ZERO,
                cost: ReportCost::default(),
                span,
                findings: None,
            },
        );
    }

    /// Sends on to the record how a brand ended.
    fn take_back(
        &mut self,
        ended: Result<(Id, Result<Researched, CallError>), tokio::task::JoinError>,
    ) {
        let (id, result) = match ended {
            Ok((id, result)) => (id, result),
            // A bug met by one brand must not cost the others.
            Err(panic) => {
                let message = format!("the program failed here, please report it: {panic}");
                (
                    panic.id(),
                    Err(CallError::Request {
                        service: "brandintel",
                        kind: ErrorKind::Bug,
                        message,
                    }),
                )
            }
        };
        let Some(mut in_hand) = self.in_hand.remove(&id) else {
            return;
        };
        in_hand.took = in_hand.started.elapsed();
        self.one_by_one += in_hand.took;
        self.deadline.brand_took(in_hand.took);
        span::took(&in_hand.span, in_hand.took);
        if let Err(error) = &result {
            span::failed(&in_hand.span, error);
        }
        let entry = match result {
            Ok(researched) => self.success(&mut in_hand, &researched),
            Err(CallError::Request {
                service,
                kind,
                message,
            }) => {
                let mut entry = self.entry(&in_hand.due, Status::Failed);
                entry.error_kind = kind;
                entry.error = Some(format!("{service}: {message}"));
                entry
            }
            Err(error) => {
                self.put_back(&in_hand, error);
                return self.leave_chunk(in_hand.chunk);
            }
        };
        self.recorder
            .record(in_hand.due.key.clone(), entry, in_hand);
    }

    fn success(&self, in_hand: &mut InHand, researched: &Researched) -> Entry {
        let Researched { report, waited, .. } = researched;
        in_hand.waited = *waited;
        in_hand.cost = report.cost;
        spent(&report.cost, *waited).record(&in_hand.span);
        if self.desk.args.batch.results_tab.is_some() {
            let findings = render::findings(report, self.desk.args.batch.lang);
            in_hand.findings = Some(Box::new(findings));
        }
        let path = self
            .output
            .join(&in_hand.due.folder)
            .join("brand_report.json");
        let mut entry = self.entry(&in_hand.due, Status::Success);
        entry.cost_usd = report.cost.usd;
        entry.report = Some(path.to_string_lossy().replace('\\', "/"));
        entry.thin = Some(report.quality.coverage != Coverage::Full);
        entry.choices = identity::choices(&report.quality.candidates);
        entry.changes = render::changes_in_short(report);
        entry
    }

    /// Tells of brands whose end is on record.
    fn tell(&mut self, recorded: Vec<(Entry, InHand)>) {
        let chunks: Vec<usize> = recorded.iter().map(|(_, in_hand)| in_hand.chunk).collect();
        for (entry, in_hand) in recorded {
            self.checkpoint.processed += 1;
            let brand: Arc<str> = in_hand.due.assignment.brand.name.as_str().into();
            let (event, outcome) = match entry.status {
                Status::Success => {
                    self.checkpoint.succeeded += 1;
                    self.told_success(brand, &entry, &in_hand)
                }
                Status::Failed => {
                    self.checkpoint.failed += 1;
                    let error = entry.error.unwrap_or_default();
                    let outcome = self.words.failure(&error, entry.updated_at);
                    (Event::BrandFailed { brand, error }, outcome)
                }
            };
            self.write_back
                .put(Target::Brand(in_hand.due.assignment.brand.key), outcome);
            in_hand.span.in_scope(|| self.events.say(event));
        }
        self.save_checkpoint();
        for chunk in chunks {
            self.leave_chunk(chunk);
        }
    }

    fn told_success(
        &mut self,
        brand: Arc<str>,
        entry: &Entry,
        in_hand: &InHand,
    ) -> (Event, Outcome) {
        let report = entry.report.clone().unwrap_or_default();
        let thin = entry.thin.unwrap_or(false);
        self.thin += usize::from(thin);
        self.changed += usize::from(entry.changes.is_some());
        self.tokens_in += in_hand.cost.tokens_in;
        self.tokens_cached += in_hand.cost.tokens_cached;
        if let Some(choices) = &entry.choices {
            self.events.warn(format!(
                "«{brand}» may be any of: {choices}. Type the website or the parent company of the right one into its row"
            ));
        }
        let mut outcome = self.words.success(&page_of(&report), entry);
        if let Outcome::Done { findings, .. } = &mut outcome {
            findings.clone_from(&in_hand.findings);
        }
        let event = Event::BrandDone {
            brand,
            report,
            cost: Cost {
                usd: entry.cost_usd,
                credits: in_hand.cost.search_credits,
            },
            thin,
            took: in_hand.took,
            waited: in_hand.waited,
        };
        (event, outcome)
    }

    /// One brand less of a chunk is open; with the last one its results go into the sheet.
    fn leave_chunk(&mut self, chunk: usize) {
        self.open[chunk] -= 1;
        if self.open[chunk] == 0 {
            self.save_checkpoint();
            self.events.say(Event::CheckpointSaved {
                processed: self.checkpoint.processed,
            });
            self.write_back.write();
        }
    }

    /// The brand is left as it was; what it paid for is kept. The first reason decides how the run ends.
    fn put_back(&mut self, in_hand: &InHand, error: CallError) {
        let brand = in_hand.due.assignment.brand.name.as_str().into();
        let put_back = Event::BrandPutBack { brand };
        in_hand.span.in_scope(|| self.events.say(put_back));
        match error {
            CallError::Stopped => {}
            CallError::Budget { .. } if !matches!(self.end, End::Complete) => {}
            // Others in flight may still find room for what they need.
            CallError::Budget { .. } => {
                let why = error.to_string();
                self.end = End::Budget(why.clone());
                self.say_winding_down(why);
            }
            error => self.give_up(call_failure(error)),
        }
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

    fn say_winding_down(&self, why: String) {
        let in_flight = self
            .in_hand
            .values()
            .map(|in_hand| in_hand.due.assignment.brand.name.as_str().into())
            .collect();
        self.events.say(Event::WindingDown { why, in_flight });
    }

    /// Nothing new is begun; calls in flight are waited for, because they are paid for. The first reason counts, but
    /// that time is up is none that hides another.
    fn give_up(&mut self, failure: Failure) {
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

    /// Writes what is left to write, as far as it can be written. A second signal ends that too.
    /// Returns what the services report.
    async fn close(&mut self, signals: &mut Signals) -> Vec<bill::Item> {
        let folded = self.recorder.settle().or_exit(Exit::Usage);
        let write_back = std::mem::take(&mut self.write_back);
        let bill = self.bill.take();
        let reported = async {
            match bill {
                Some(bill) => bill.close(&self.research).await,
                None => Ok(Vec::new()),
            }
        };
        let (written, reported) = tokio::select! {
            done = futures::future::join(write_back.finish(), reported) => done,
            exit = signals.next() => std::process::exit(exit as i32),
        };
        let (reported, compared) = match reported {
            Ok(items) => (items, Ok(())),
            Err(error) => (Vec::new(), Err(error).or_exit(Exit::Usage)),
        };
        // The pages show this run too.
        self.checkpoint.status = self.end.status();
        self.refresh_checkpoint();
        self.remember();
        let rendered = self.render_portfolio().await;
        for done in [folded, written.map_err(list_failure), rendered, compared] {
            match (done, &self.end) {
                (Ok(()), _) => {}
                (Err(failure), End::Complete | End::TimeUp(_)) => self.end = End::Failed(failure),
                (Err(failure), _) => self.events.warn(format!("{:#}", failure.error)),
            }
        }
        let ended = match &self.end {
            // Whoever raises the budget or comes back another night begins a new job.
            End::Complete | End::Budget(_) | End::TimeUp(_) => {
                self.desk.paid.end_job().or_exit(Exit::Usage)
            }
            End::Signal(_) | End::Failed(_) => Ok(()),
        };
        if let Err(failure) = ended {
            self.give_up(failure);
        }
        self.checkpoint.status = self.end.status();
        self.checkpoint.ended_because = match &self.end {
            End::Complete | End::Signal(_) => None,
            End::Budget(why) | End::TimeUp(why) => Some(why.clone()),
            End::Failed(failure) => Some(format!("{:#}", failure.error)),
        };
        self.save_checkpoint();
        self.remember();
        reported
    }

    /// Puts the run on record among those of the past. Nothing depends on it.
    fn remember(&self) {
        let run = RunLine::of(&self.checkpoint, self.checkpoint.status);
        if let Err(error) = runs::remember(self.desk.paid.store(), &run) {
            self.events
                .warn(format!("this run is not on record: {error:#}"));
        }
    }

    async fn render_portfolio(&self) -> Result<(), Failure> {
        if self.checkpoint.processed == 0 {
            return Ok(());
        }
        let output = self.output.clone();
        let state = self.desk.settings.folders.state.clone();
        let rendered = tokio::task::spawn_blocking(move || {
            let (background, mut problems) = background::read(&state);
            problems.extend(render::portfolio(&output, &background)?);
            anyhow::Ok(problems)
        });
        let problems = rendered
            .await
            .map_err(anyhow::Error::from)
            .and_then(|done| done)
            .or_exit(Exit::Usage)?;
        for problem in problems {
            self.events.warn(problem);
        }
        Ok(())
    }

    fn entry(&self, due: &Due, status: Status) -> Entry {
        Entry {
            brand: due.assignment.brand.name.clone(),
            list: Arc::clone(&self.desk.list),
            input_hash: due.assignment.brand.input_hash(),
            status,
            attempts: due.attempts + 1,
            run_id: Arc::clone(&self.desk.run_id),
            updated_at: Timestamp::now(),
            cost_usd: Usd::ZERO,
            report: due.report.clone(),
            thin: due.thin,
            choices: None,
            changes: None,
            error_kind: ErrorKind::default(),
            error: None,
        }
    }

    fn refresh_checkpoint(&mut self) {
        self.checkpoint.updated_at = Timestamp::now();
        self.checkpoint.elapsed_s = (self.desk.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        self.checkpoint.cost_usd = self.desk.paid.this_run().usd;
    }

    /// Nothing depends on the checkpoint, so a run goes on without it.
    fn save_checkpoint(&mut self) {
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

/// What a brand took.
fn spent(cost: &ReportCost, waited: Duration) -> Spent {
    Spent {
        usd: cost.usd,
        credits: cost.search_credits,
        tokens_in: cost.tokens_in,
        tokens_out: cost.tokens_out,
        waited,
    }
}
