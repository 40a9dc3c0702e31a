//! What a run has on its desk: settings, the state folder, the ledger, and how it tells the user about the whole.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use jiff::{Timestamp, tz::TimeZone};
use tokio::time::{Instant, sleep};

use super::{
    cleanup::Sweeping,
    deadline::Deadline,
    forecast::PerBrand,
    leader::store_failure,
    list_failure,
    log::LogFiles,
    open_files,
    plan::{self, Plan, Rules},
    preflight::Connections,
    progress::Outlook,
    registry_rebuild,
    setup::{list_id, settings, take_state},
    summary, writable,
    write_batch::{Words, WriteBack},
};
use crate::{
    cli::RunArgs,
    commands,
    config::{Folders, Settings, zone},
    event::Events,
    exit::{Exit, Failure, OrExit},
    http::{exchanges::Exchanges, patience::Waits, transport::Transport},
    list::{
        Rows,
        own::{Outcome, Target},
        sheet::SheetList,
    },
    llm::OpenRouter,
    money::Usd,
    research::{self, Research, calendar, disambiguation::Neighbours},
    sandbox::Sandbox,
    say,
    search::tavily::Tavily,
    store::{
        Location, RunStore, StateFolder, Store,
        checkpoint::Checkpoint,
        engine::{Begin, Begun, Rebuilt},
        paid::Paid,
        registry_lookup::RegistryLookup,
        shared_run::{Phase, SharedRun, Whole},
    },
    text::{calendar::day_in_iran, terminal},
};

/// How often it is looked whether another host has planned.
const PLAN_LOOK: Duration = Duration::from_millis(500);

/// What a run has before it speaks to anybody.
pub struct Desk {
    pub args: RunArgs,
    pub settings: Settings,
    /// `None` for a dry run, which writes nothing.
    pub state: Option<Arc<StateFolder>>,
    pub paid: Arc<Paid>,
    /// The state as it is read, and as this run changes it; a dry run changes nothing.
    pub store: Arc<dyn Store>,
    pub run: Option<Arc<dyn RunStore>>,
    /// The run as the work of several hosts, where it is.
    pub shared: Option<Arc<dyn SharedRun>>,
    /// Which list this is, so that two lists do not answer for each other.
    pub list: Arc<str>,
    pub run_id: Arc<str>,
    pub started: Timestamp,
    pub clock: Instant,
    pub logs: LogFiles,
    pub sandbox: Option<Arc<Sandbox>>,
    sweeping: Sweeping,
}

/// A deadline goes by the time zone that somebody wanted, or not at all.
fn look_at_clock(has_deadline: bool) -> Result<(), Failure> {
    match zone::trouble(has_deadline) {
        Some(trouble) if has_deadline && zone::is_set_wrong() => {
            Err(Failure::new(Exit::Usage, format!("--deadline: {trouble}")))
        }
        Some(trouble) => {
            terminal::warning(&trouble);
            Ok(())
        }
        None => Ok(()),
    }
}

impl Desk {
    /// Says who it is, checks the settings and takes the state folder; nothing is sent yet.
    pub async fn open(args: RunArgs, sandbox: Option<Arc<Sandbox>>) -> Result<Self, Failure> {
        let source = &args.source;
        if !source.google_sheets && source.brands.is_none() && source.brand.is_none() {
            return Err(commands::nothing_named());
        }
        if let Some(path) = &source.brands {
            // Before anybody is asked.
            std::fs::metadata(path)
                .with_context(|| format!("{} cannot be read: is the path right?", path.display()))
                .or_exit(Exit::Usage)?;
        }
        crate::text::terminal::set_quiet(args.verbosity.quiet);
        summary::banner(args.services.sandbox);
        look_at_clock(args.unattended.deadline.is_some())?;
        open_files::prove(args.batch.workers, args.services.sandbox)?;
        let (settings, sandbox) = settings(&args, sandbox).await?;
        let started = Timestamp::now();
        let run_id = format!(
            "{}-{:04x}",
            started.strftime("%Y%m%dT%H%M%SZ"),
            fastrand::u16(..)
        );
        let (state, sweeping) = match args.batch.dry_run {
            true => (None, Sweeping::default()),
            false => hold(&settings)?,
        };
        let list: Arc<str> = list_id(&args, &settings).into();
        let database = args.shared.database(args.services.sandbox);
        let location = match database.or_exit(Exit::Usage)? {
            Some(database) => database,
            None => Location::Folder(settings.folders.state.clone()),
        };
        if let Some(moved) = location.moved() {
            return Err(moved).or_exit(Exit::Usage);
        }
        let begin = Begin {
            list: &list,
            run_id: &run_id,
            now: started,
            force: args.batch.force,
            simulated: settings.simulated,
            workers: args.batch.workers,
            budget: args.batch.budget,
            caps: settings.caps,
        };
        let Begun {
            run_id,
            ledger,
            run,
            store,
            notes: mut broken,
        } = match &state {
            Some(state) => location.begin(Arc::clone(state), &begin).await,
            None => location.rehearse(&begin).await,
        }
        .map_err(store_failure)?;
        let paid = Paid::new(ledger);
        let run_id: Arc<str> = run_id.into();
        let shared = run.as_ref().and_then(|run| run.shared());
        if let Some(state) = &state {
            broken.extend(Checkpoint::clear_broken(state, started).or_exit(Exit::Machine)?);
        }
        let logs = LogFiles::of(
            &settings.folders.logs,
            started.to_zoned_datetime(TimeZone::system()).date(),
        );
        if state.is_some() {
            logs.install(args.unattended.keep_logs)
                .or_exit(Exit::Machine)?;
            tracing::info!(
                %run_id,
                job = paid.job().id,
                simulated = settings.simulated,
                "run started"
            );
        }
        for note in broken {
            warn(&note);
        }
        Ok(Self {
            settings,
            state,
            paid: Arc::new(paid),
            store,
            run,
            shared,
            list,
            run_id,
            started,
            clock: Instant::now(),
            logs,
            sandbox,
            sweeping,
            args,
        })
    }

    /// Waits while another host plans. Returns how the whole stands where there is a plan; `None` where this host has to
    /// make one.
    pub async fn wait_for_plan(&self) -> Result<Option<Whole>, Failure> {
        let Some(shared) = &self.shared else {
            return Ok(None);
        };
        let mut told = false;
        loop {
            let whole = shared.look(true).await.map_err(store_failure)?;
            self.paid.learn_spent(whole.spent, whole.uncertain);
            match whole.phase {
                Phase::Planning if whole.leads => return Ok(None),
                Phase::Planning => {
                    if !std::mem::replace(&mut told, true) {
                        say!("[HOSTS] Another host is planning the run {}", self.run_id);
                    }
                    sleep(PLAN_LOOK).await;
                }
                Phase::Working | Phase::Closed => return Ok(Some(whole)),
            }
        }
    }

    /// Who hears what happens to the store.
    pub fn tell_of_the_store(&self, events: Option<&Events>) {
        if let Some(run) = &self.run {
            run.tell(events);
        }
    }

    /// Takes this host out of those that share a store. One that could not is forgotten in a while.
    pub async fn leave(&mut self) {
        self.sweeping.end().await;
        if let Some(run) = &self.run
            && let Err(error) = run.leave().await
        {
            tracing::warn!("{error}");
        }
    }

    /// How many times faster than reality time passes.
    pub fn speed(&self) -> f64 {
        self.settings.speed(&self.args.services)
    }

    /// The simulated services, where they are spoken to without a network.
    pub fn in_process(&self) -> Option<Arc<dyn Transport>> {
        self.sandbox.as_ref()?.in_process()
    }

    /// Where exchanges that go wrong are kept; a dry run writes nothing.
    pub fn exchanges(&self) -> Exchanges {
        match self.state {
            Some(_) => Exchanges::of_run(&self.settings.folders.logs, &self.run_id),
            None => Exchanges::default(),
        }
    }

    /// What the time left is reckoned from.
    pub fn outlook(&self, connections: &Connections, per_brand: Usd, searches: f64) -> Outlook {
        Outlook {
            expected: PerBrand {
                busy: plan::TYPICAL_SECONDS / self.speed(),
                requests: [f64::from(research::LLM_CALLS), searches],
                cost: per_brand,
            },
            workers: self.args.batch.workers,
            gates: connections.gates.clone(),
            budget: self.args.batch.budget,
            paid: Arc::clone(&self.paid),
        }
    }

    /// How long services are waited for: who looks on can decide that.
    pub fn waits(&self) -> Waits {
        let until = self.deadline().ends();
        let is_attended = terminal::has_screen() && !self.args.verbosity.quiet && until.is_none();
        match (self.args.batch.dry_run, is_attended) {
            (true, _) => Waits::SHORT,
            (false, true) => Waits::ATTENDED,
            (false, false) => Waits::unattended(until),
        }
    }

    /// The words of the sheet.
    pub fn words(&self) -> Words {
        Words::of(self.args.batch.lang, self.settings.reports_url.clone())
    }

    /// Until when brands are begun.
    pub fn deadline(&self) -> Deadline {
        let expected = Duration::from_secs_f64(plan::TYPICAL_SECONDS / self.speed());
        Deadline::new(&self.args.unattended, self.started, self.clock, expected)
    }

    /// What became of each brand so far. Where the registry is gone, that is taken from the reports.
    async fn registry(&self) -> Result<Box<dyn RegistryLookup>, Failure> {
        let (folders, list) = (&self.settings.folders, &self.list);
        let rebuild = || rebuilt(folders, list);
        let looked = match &self.run {
            Some(run) => run.lookup(&rebuild).await,
            None => self.store.lookup(&rebuild).await,
        };
        let (registry, notes) = looked.map_err(store_failure)?;
        for note in notes {
            warn(&note);
        }
        Ok(registry)
    }

    /// What these rows ask for, with what is known of their brands.
    pub async fn plan(&self, rows: &Rows) -> Result<Plan, Failure> {
        let output = &self.settings.folders.output;
        let rules = Rules::of(
            &self.args,
            output,
            &self.list,
            self.paid.job(),
            self.started,
        );
        let registry = self.registry().await?;
        let plan = Plan::make(rows, &*registry, &rules).await;
        plan.map_err(store_failure)
    }

    /// The way into the sheet. The first write happens here, so that a sheet that may not be written to is known before
    /// anything is paid for.
    pub async fn write_back(
        &self,
        sheet: Option<SheetList>,
        plan: &Plan,
        first: Vec<(Target, Outcome)>,
        events: &Events,
    ) -> Result<WriteBack, Failure> {
        match sheet {
            Some(mut sheet) if sheet.can_write() => {
                let due = plan.due_keys.iter().cloned().map(Target::Brand);
                sheet.expect(due.collect());
                WriteBack::start(sheet, first, events.clone())
                    .await
                    .map_err(list_failure)
            }
            Some(_) => {
                say!(
                    "The sheet was opened with an API key, which can only read: results are not written back.\n"
                );
                Ok(WriteBack::default())
            }
            None if self.settings.public_sheet.is_some() => {
                say!(
                    "The sheet was read without a credential, as anyone with the link can: results are not written back.\n"
                );
                Ok(WriteBack::default())
            }
            None => Ok(WriteBack::default()),
        }
    }

    /// What researches brands.
    pub async fn research(
        &self,
        openrouter: OpenRouter,
        tavily: Tavily,
        neighbours: Arc<Neighbours>,
    ) -> anyhow::Result<Research> {
<<<<<<< /tmp/tw.rs
        let today = calendar::day_in_iran(self.paid.job().started_at);
        let fence_key = match &self.run {
            Some(run) => run.fence_key().await?,
            None => anyhow::bail!("a dry run researches nothing"),
=======
        let today = day_in_iran(self.paid.job().started_at);
        let fence_key = match (self.paid.store(), &self.night) {
            (Some(store), _) => store.fence_key()?,
            (None, Some(night)) => {
                let shared = &night.shared;
                shared.patiently(async || shared.fence_key().await).await?
            }
            (None, None) => anyhow::bail!("there is no store"),
>>>>>>> /tmp/tm.rs
        };
        Ok(Research {
            openrouter,
            tavily,
            lang: self.args.batch.lang,
            run_id: self.run_id.to_string(),
            today,
            year: calendar::year_from(today),
            simulated: self.settings.simulated,
            depth: self.args.batch.depth,
            neighbours,
            stages: self.args.stages,
            fence_key,
        })
    }
}

/// Takes the folders of a run: what earlier ones have left half-written in them is swept away.
fn hold(settings: &Settings) -> Result<(Option<Arc<StateFolder>>, Sweeping), Failure> {
    let state = take_state(settings)?;
    writable::prove(&settings.folders.output)?;
    let sweeping = Sweeping::begin(&state, &settings.folders.output);
    Ok((Some(Arc::new(state)), sweeping))
}

/// The registry as the reports in the output folder have it, where it is gone.
fn rebuilt(folders: &Folders, list: &Arc<str>) -> anyhow::Result<Option<Rebuilt>> {
    let output = &folders.output;
    let entries = registry_rebuild::entries(output, list)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let note = format!(
        "{} knows no brand, and {} has the reports of {}: these count as done, so that nothing is paid for twice. If the folder was lost, stop this run and put it back: failures, costs and paid answers are in it. To research the brands anew run with --force, or move {} away",
        folders.state.display(),
        output.display(),
        entries.len(),
        output.display()
    );
    Ok(Some(Rebuilt { entries, note }))
}

/// Says what the user should know, and logs it.
pub fn warn(text: &str) {
    crate::text::terminal::warning(text);
    tracing::warn!("{text}");
}
