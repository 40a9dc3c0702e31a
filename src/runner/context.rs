//! The context of a run: settings, the state folder, the ledger, and how the user is told about the run.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use jiff::{Timestamp, tz::TimeZone};
use tokio::time::{Instant, sleep};

use super::{
    Simulation,
    brands::Brands,
    cleanup::Sweeping,
    deadline::Deadline,
    errors::{list_failure, store_failure},
    estimate::TYPICAL_SECONDS,
    forecast::PerBrand,
    log::LogFiles,
    open_files,
    options::{ListSource, RunOptions},
    plan::{Plan, Rules},
    preflight::Connections,
    progress::Outlook,
    registry_rebuild,
    setup::{list_id, settings, take_state},
    summary, writable,
    write_batch::{OutcomeText, WriteBack},
};
use crate::{
    brand::Row,
    config::{Folders, Settings, zone},
    event::Events,
    exit::{Exit, Failure, OrExit},
    http::{exchanges::Exchanges, patience::Waits, transport::Transport},
    list::{
        own::{Outcome, Target},
        sheet::SheetList,
    },
    llm::OpenRouter,
    money::Usd,
    research::{self, Research, Stages, calendar, neighbours::Neighbours},
    say,
    search::tavily::Tavily,
    store::{
        RunStore, StateFolder, Store,
        checkpoint::Checkpoint,
        engine::{Begin, Begun, Rebuilt},
        paid::Paid,
        registry_lookup::RegistryLookup,
        shared_run::{Phase, RunSnapshot, SharedRun},
    },
    text::{
        calendar::day_in_iran,
        terminal::{self, Terminal},
    },
};

/// How often it is looked whether another host has planned.
const PLAN_LOOK: Duration = Duration::from_millis(500);

/// What a run has before it speaks to anybody.
pub struct RunContext {
    pub terminal: Terminal,
    pub options: RunOptions,
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
    pub simulation: Option<Simulation>,
    stages: Stages,
    sweeping: Sweeping,
}

/// A deadline goes by the time zone that somebody wanted, or not at all.
fn look_at_clock(has_deadline: bool, terminal: &Terminal) -> Result<(), Failure> {
    match zone::trouble(has_deadline) {
        Some(trouble) if has_deadline && zone::is_set_wrong() => {
            Err(Failure::new(Exit::Usage, format!("--deadline: {trouble}")))
        }
        Some(trouble) => {
            terminal.warning(&trouble);
            Ok(())
        }
        None => Ok(()),
    }
}

impl RunContext {
    /// Says who it is, checks the settings and takes the state folder; nothing is sent yet.
    pub async fn open(
        options: RunOptions,
        simulation: Option<Simulation>,
        terminal: Terminal,
    ) -> Result<Self, Failure> {
        find_list(&options)?;
        summary::banner(&terminal, options.is_rehearsal());
        look_at_clock(options.unattended.deadline.is_some(), &terminal)?;
        open_files::prove(options.batch.workers, options.is_rehearsal())?;
        let stages = Stages::without(simulation.as_ref().and_then(|it| it.without));
        let settings = settings(&options, simulation.as_ref())?;
        let started = Timestamp::now();
        let run_id = new_run_id(started);
        let (state, sweeping) = match options.batch.dry_run {
            true => (None, Sweeping::default()),
            false => hold(&settings)?,
        };
        let list: Arc<str> = list_id(&options, &settings).into();
        let location = options.location().or_exit(Exit::Usage)?;
        if let Some(moved) = location.moved() {
            return Err(moved).or_exit(Exit::Usage);
        }
        let begin = Begin {
            list: &list,
            run_id: &run_id,
            now: started,
            force: options.batch.force,
            simulated: settings.simulated,
            workers: options.batch.workers,
            budget: options.batch.budget,
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
        let day = started.to_zoned_datetime(TimeZone::system()).date();
        let logs = LogFiles::of(&settings.folders.logs, day);
        if state.is_some() {
            install(&logs, &options, &terminal)?;
            tracing::info!(
                %run_id,
                job = paid.job().id,
                simulated = settings.simulated,
                "run started"
            );
        }
        for note in broken {
            terminal.log_warning(&note);
        }
        Ok(Self {
            terminal,
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
            simulation,
            stages,
            sweeping,
            options,
        })
    }

    /// Waits while another host plans. Returns how the whole stands where there is a plan; `None` where this host has to
    /// make one.
    pub async fn wait_for_plan(&self) -> Result<Option<RunSnapshot>, Failure> {
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
                        say!(self.terminal; "[HOSTS] Another host is planning the run {}", self.run_id);
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

    /// The simulated services, where they are spoken to without a network.
    pub fn in_process(&self) -> Option<Arc<dyn Transport>> {
        self.simulation.as_ref()?.transport.clone()
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
                busy: TYPICAL_SECONDS / self.settings.speed,
                requests: [f64::from(research::LLM_CALLS), searches],
                cost: per_brand,
            },
            workers: self.options.batch.workers,
            gates: connections.gates.clone(),
            budget: self.options.batch.budget,
            paid: Arc::clone(&self.paid),
        }
    }

    /// How long services are waited for: who looks on can decide that.
    pub fn waits(&self) -> Waits {
        let until = self.deadline().ends();
        let is_attended =
            terminal::has_screen() && !self.options.verbosity.is_quiet() && until.is_none();
        match (self.options.batch.dry_run, is_attended) {
            (true, _) => Waits::SHORT,
            (false, true) => Waits::ATTENDED,
            (false, false) => Waits::unattended(until),
        }
    }

    /// The words of the sheet.
    pub fn words(&self) -> OutcomeText {
        OutcomeText::of(self.options.batch.lang, self.settings.reports_url.clone())
    }

    /// Until when brands are begun.
    pub fn deadline(&self) -> Deadline {
        let expected = Duration::from_secs_f64(TYPICAL_SECONDS / self.settings.speed);
        Deadline::new(&self.options.unattended, self.started, self.clock, expected)
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
            self.terminal.log_warning(&note);
        }
        Ok(registry)
    }

    /// What these rows ask for, with what is known of their brands.
    pub async fn plan(&self, rows: Vec<Row>) -> Result<Plan, Failure> {
        let output = &self.settings.folders.output;
        let rules = Rules::of(
            &self.options,
            output,
            &self.list,
            self.paid.job(),
            self.started,
        );
        let brands = Brands::of(rows, rules.limit);
        let registry = self.registry().await?;
        let plan = Plan::make(&brands, &*registry, &rules).await;
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
                let due = plan.due.iter();
                let due = due.map(|due| Target::Brand(due.assignment.brand.key.clone()));
                sheet.expect(due.collect());
                WriteBack::start(sheet, first, events.clone())
                    .await
                    .map_err(list_failure)
            }
            Some(_) => {
                say!(self.terminal;
                    "The sheet was opened with an API key, which can only read: results are not written back.\n"
                );
                Ok(WriteBack::default())
            }
            None if self.settings.public_sheet.is_some() => {
                say!(self.terminal;
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
        let today = day_in_iran(self.paid.job().started_at);
        let fence_key = match &self.run {
            Some(run) => run.fence_key().await?,
            None => anyhow::bail!("a dry run researches nothing"),
        };
        Ok(Research {
            openrouter,
            tavily,
            lang: self.options.batch.lang,
            run_id: self.run_id.to_string(),
            today,
            year: calendar::year_from(today),
            simulated: self.settings.simulated,
            depth: self.options.batch.depth,
            neighbours,
            stages: self.stages,
            fence_key,
        })
    }
}

/// Begins the logs of the day, and the spans for a collector where one is set.
fn install(
    logs: &LogFiles,
    options: &RunOptions,
    #[cfg_attr(
        not(feature = "otel"),
        expect(unused_variables, reason = "only spans may fail to begin")
    )]
    terminal: &Terminal,
) -> Result<(), Failure> {
    logs.install(options.unattended.keep_logs)
        .or_exit(Exit::Machine)?;
    #[cfg(feature = "otel")]
    if let Some(problem) = crate::otel::problem() {
        terminal.log_warning(problem);
    }
    Ok(())
}

/// Looks for the list, before anybody is asked.
fn find_list(options: &RunOptions) -> Result<(), Failure> {
    if let ListSource::File(path) = options.source.list()? {
        std::fs::metadata(path)
            .with_context(|| format!("{} cannot be read: is the path right?", path.display()))
            .or_exit(Exit::Usage)?;
    }
    Ok(())
}

fn new_run_id(started: Timestamp) -> Arc<str> {
    let time = started.strftime("%Y%m%dT%H%M%SZ");
    format!("{time}-{:04x}", fastrand::u16(..)).into()
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
