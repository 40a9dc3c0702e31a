//! How a list is worked through: validate, load, plan, run, close.

mod crew;
mod log;
mod plan;
pub mod preflight;
mod progress;
pub mod stop;
mod summary;
mod writeback;

use std::{path::PathBuf, sync::Arc, time::Instant};

use jiff::{Timestamp, tz::TimeZone};

use self::{
    crew::{Crew, End},
    log::LogFiles,
    plan::{Estimate, Plan, Rules},
    preflight::Connections,
    progress::Progress,
    stop::Signals,
    summary::{Config, Figures},
    writeback::{Words, WriteBack},
};
use crate::{
    brand::{Row, gather},
    cli::{RunArgs, ServiceArgs, SourceArgs},
    event::Events,
    exit::{Exit, Failure, OrExit},
    list::{
        self,
        sheet::{ListError, Outcome, SheetList, Target},
    },
    research::{self, Research, calendar},
    sandbox::{self, Sandbox},
    say,
    services::call::CallError,
    settings::{self, Settings},
    state::{
        LockError, StateFolder,
        checkpoint::{Checkpoint, Job},
        paid::Paid,
        registry::{Registry, Status},
    },
};

/// What a run has before it speaks to anybody.
struct Desk {
    args: RunArgs,
    settings: Settings,
    /// `None` for a dry run, which writes nothing.
    state: Option<StateFolder>,
    paid: Arc<Paid>,
    job: Job,
    run_id: String,
    started: Timestamp,
    clock: Instant,
    logs: LogFiles,
    _sandbox: Option<Sandbox>,
}

/// Works through a list of brands. Returns the exit code.
pub async fn run(args: RunArgs) -> Result<Exit, Failure> {
    let desk = Desk::open(args).await?;
    let quiet = desk.args.verbosity.quiet;
    crate::output::set_quiet(quiet);
    summary::banner(desk.settings.simulated);
    let (events, incoming) = Events::channel();
    let mut connections = Connections::make(&desk.settings, &desk.paid, &events, desk.speed())?;
    preflight::validate(&mut connections, &desk.settings, desk.args.batch.budget).await?;

    summary::heading("PARALLEL BATCH MODE - OPTIMIZED PROCESSING");
    let (rows, statuses) = load(&desk.args.source, connections.sheet.as_mut()).await?;
    let registry = desk.registry()?;
    let plan = desk.plan(&rows, &registry);
    let estimate = desk.announce(&plan, &registry, &rows, &connections);
    if desk.args.batch.dry_run {
        return Ok(desk.rehearse(&plan));
    }

    let words = Words::of(desk.args.batch.lang);
    let heal = unwritten(&plan, &statuses, words);
    let (write_back, research, stop) = desk.begin(connections, &plan, heal, words, &events).await?;
    let progress = Progress::new(plan.due.len(), desk.args.verbosity);
    let telling = tokio::spawn(tell(incoming, progress));
    let crew = Crew::new(
        &desk,
        &plan,
        estimate.per_brand,
        registry,
        research,
        write_back,
        words,
        events,
        stop,
    );
    let (end, figures) = crew.work(plan, Signals::listen()).await?;
    // The crew has dropped its sender, so the telling ends.
    let _ = telling.await;
    desk.close(&figures, end)
}

impl Desk {
    async fn open(args: RunArgs) -> Result<Self, Failure> {
        let source = &args.source;
        if !source.google_sheets && source.brands.is_none() && source.brand.is_none() {
            return Err(Failure::new(
                Exit::Usage,
                "what is to be researched? Give --google-sheets, --brands FILE or --brand NAME. \
                 To rehearse without keys: brandintel --google-sheets --sandbox --workers 8 --limit 20",
            ));
        }
        let (settings, sandbox) = settings(&args).await?;
        let started = Timestamp::now();
        let run_id = format!(
            "{}-{:04x}",
            started.strftime("%Y%m%dT%H%M%SZ"),
            fastrand::u16(..)
        );
        let state = match args.batch.dry_run {
            true => None,
            false => Some(take_state(&settings)?),
        };
        let last = Checkpoint::peek(&settings.folders.state).or_exit(Exit::Usage)?;
        let job = Checkpoint::next_job(last.as_ref(), &run_id, started, args.batch.force);
        let store = state.as_ref().map_or_else(
            || PathBuf::from(":memory:"),
            |state| state.file("paid.sqlite3"),
        );
        let paid = Paid::open(&store, &job.id, args.batch.budget, started).or_exit(Exit::Usage)?;
        let logs = LogFiles::of(
            &settings.folders.logs,
            started.to_zoned_datetime(TimeZone::system()).date(),
        );
        if state.is_some() {
            logs.install().or_exit(Exit::Usage)?;
            tracing::info!(run_id, job = job.id, "run started");
        }
        Ok(Self {
            settings,
            state,
            paid: Arc::new(paid),
            job,
            run_id,
            started,
            clock: Instant::now(),
            logs,
            _sandbox: sandbox,
            args,
        })
    }

    fn speed(&self) -> f64 {
        if self.settings.simulated {
            self.args.services.sandbox_speed
        } else {
            1.0
        }
    }

    fn registry(&self) -> Result<Registry, Failure> {
        let registry = match &self.state {
            Some(state) => Registry::open(state),
            None => Registry::peek(&self.settings.folders.state),
        };
        registry.or_exit(Exit::Usage)
    }

    fn plan(&self, rows: &[Row], registry: &Registry) -> Plan {
        let rules = Rules {
            limit: self.args.source.limit,
            max_age_days: self.args.batch.max_age,
            job: &self.job,
            now: self.started,
        };
        Plan::make(gather(rows), registry, &rules)
    }

    /// Prints what will be done, in the sections of the guide.
    fn announce(
        &self,
        plan: &Plan,
        registry: &Registry,
        rows: &[Row],
        connections: &Connections,
    ) -> Estimate {
        let (success, failed) = (
            registry.count(Status::Success),
            registry.count(Status::Failed),
        );
        say!(
            "\n[REGISTRY] Loaded: {} brands tracked ({success} success, {failed} failed)",
            success + failed
        );
        let rows = rows.iter().filter(|row| !row.is_empty()).count();
        let place = if self.args.source.google_sheets {
            "sheet"
        } else {
            "list"
        };
        match self.args.source.limit {
            Some(limit) => {
                say!(
                    "Found {} brands in {place} (of {rows} rows, the first {limit} brands count)",
                    plan.total
                )
            }
            None => say!("Found {} brands in {place} ({rows} rows)", plan.total),
        }
        say!("Brands to process: {}/{}", plan.due.len(), plan.total);
        say!("Skipped (unchanged): {}", plan.skipped.len());
        for row in &plan.rejected {
            crate::output::urgent(&format!(
                "  Row {} «{}»: {}",
                row.number, row.name, row.reason
            ));
        }
        for note in &plan.notes {
            say!("  Note: {note}");
        }
        say!("");
        let config = Config {
            workers: self.args.batch.workers,
            chunk_size: self.args.batch.chunk_size,
            budget: self.args.batch.budget,
            spent_before: self.paid.job_spent().0,
        };
        summary::config(&config);
        let typical = research::typical_cost(
            connections.openrouter.model().prices,
            self.settings.credit_price,
        );
        let estimate = plan.estimate(
            registry,
            config.workers,
            self.settings.rates,
            self.speed(),
            typical,
        );
        summary::estimate(plan.due.len(), &estimate);
        connections.warn_of_limits(&estimate, plan.due.len());
        estimate
    }

    fn place(&self) -> &'static str {
        if self.args.source.google_sheets {
            "sheet"
        } else {
            "list"
        }
    }

    /// What a dry run prints instead of working.
    fn rehearse(&self, plan: &Plan) -> Exit {
        say!("[DRY RUN] Nothing is spent and nothing is written. These brands are due:");
        for due in &plan.due {
            let rows: Vec<String> = due.brand.rows.iter().map(ToString::to_string).collect();
            say!(
                "  {} (row {}) → {}/",
                due.brand.name,
                rows.join(", "),
                self.settings.folders.output.join(&due.folder).display()
            );
        }
        Exit::Done
    }

    /// Hands the connections to those who work with them. The first write to the sheet happens here, so that a sheet
    /// that may not be written to is known before anything is paid for.
    async fn begin(
        &self,
        connections: Connections,
        plan: &Plan,
        mut first: Vec<(Target, Outcome)>,
        words: Words,
        events: &Events,
    ) -> Result<(WriteBack, Research, tokio_util::sync::CancellationToken), Failure> {
        let Connections {
            openrouter,
            tavily,
            sheet,
            stop,
            ..
        } = connections;
        let in_progress = || Outcome::InProgress {
            status: words.in_progress.to_owned(),
        };
        let ahead = plan.due.iter().take(self.args.batch.chunk_size);
        first.extend(ahead.map(|due| (Target::Brand(due.brand.key.clone()), in_progress())));
        let write_back = match sheet {
            Some(sheet) if sheet.can_write() => WriteBack::start(sheet, first, events.clone())
                .await
                .map_err(list_failure)?,
            Some(_) => {
                say!(
                    "The sheet was opened with an API key, which can only read: results are not written back.\n"
                );
                WriteBack::none()
            }
            None => WriteBack::none(),
        };
        let research = Research {
            openrouter,
            tavily,
            lang: self.args.batch.lang,
            run_id: self.run_id.clone(),
            today: calendar::day_in_iran(self.job.started_at),
            simulated: self.settings.simulated,
        };
        Ok((write_back, research, stop))
    }

    /// Prints the summary and decides on the exit code.
    fn close(&self, figures: &Figures, end: End) -> Result<Exit, Failure> {
        let state = &self.settings.folders.state;
        summary::summary(
            figures,
            self.place(),
            &self.logs,
            &state.join("checkpoint_latest.json"),
            &self.settings.folders.output,
        );
        let code = match &end {
            End::Complete if figures.failed + figures.rejected > 0 => Exit::SomeFailed,
            End::Complete => Exit::Done,
            End::Signal(exit) => *exit,
            End::Budget(_) => Exit::Budget,
            End::Failed(failure) => failure.exit,
        };
        tracing::info!(
            code = code as u8,
            cost_usd = figures.cost.as_f64(),
            "run ended"
        );
        match end {
            End::Failed(failure) => Err(failure),
            End::Budget(why) => Err(Failure::new(
                Exit::Budget,
                format!(
                    "{why}. {} brands wait for the next run: raise --budget, or run again",
                    figures.left
                ),
            )),
            End::Complete | End::Signal(_) => Ok(code),
        }
    }
}

/// The settings of a run, and for a rehearsal the services that it speaks to.
async fn settings(args: &RunArgs) -> Result<(Settings, Option<Sandbox>), Failure> {
    let services = &args.services;
    if !services.sandbox {
        let settings =
            Settings::from_environment(services, args.source.google_sheets).or_exit(Exit::Usage)?;
        return Ok((settings, None));
    }
    let (mut settings, sandbox) = sandbox_settings(services).await?;
    if !args.source.google_sheets {
        settings.sheet = None;
    }
    Ok((settings, Some(sandbox)))
}

/// The settings that `check` looks at: a sheet is looked at where one is set.
pub async fn settings_for_check(
    services: &ServiceArgs,
) -> Result<(Settings, Option<Sandbox>), Failure> {
    if services.sandbox {
        let (settings, sandbox) = sandbox_settings(services).await?;
        return Ok((settings, Some(sandbox)));
    }
    let sheet = settings::sheet_is_set();
    Ok((
        Settings::from_environment(services, sheet).or_exit(Exit::Usage)?,
        None,
    ))
}

async fn sandbox_settings(services: &ServiceArgs) -> Result<(Settings, Sandbox), Failure> {
    let options = sandbox::Options {
        speed: services.sandbox_speed,
        ..sandbox::Options::default()
    };
    let sandbox = Sandbox::start(options).await.or_exit(Exit::Usage)?;
    let settings = Settings::for_sandbox(services, &sandbox).or_exit(Exit::Usage)?;
    Ok((settings, sandbox))
}

fn take_state(settings: &Settings) -> Result<StateFolder, Failure> {
    StateFolder::take(&settings.folders.state).map_err(|error| {
        let exit = match &error {
            LockError::Held(_) => Exit::Locked,
            LockError::Io { .. } => Exit::Usage,
        };
        Failure {
            exit,
            error: error.into(),
        }
    })
}

/// The rows of the list, and what stands in the sheet's status cells.
async fn load(
    source: &SourceArgs,
    sheet: Option<&mut SheetList>,
) -> Result<(Vec<Row>, std::collections::HashMap<usize, String>), Failure> {
    if let Some(sheet) = sheet {
        let (table, statuses) = sheet.load().await.map_err(list_failure)?;
        announce_columns(&table, &sheet.place());
        return Ok((table.rows, statuses));
    }
    if let Some(path) = &source.brands {
        let table = list::file::read(path).or_exit(Exit::Usage)?;
        return Ok((table.rows, Default::default()));
    }
    let row = Row {
        number: 1,
        name: source.brand.clone().unwrap_or_default(),
        website: source.website.clone().unwrap_or_default(),
        parent: source.parent.clone().unwrap_or_default(),
    };
    Ok((vec![row], Default::default()))
}

fn announce_columns(table: &list::Table, place: &str) {
    let letters = crate::services::sheets::column_letters;
    let optional = |column: Option<usize>| column.map_or_else(|| "none".to_owned(), letters);
    say!(
        "Reading {place}: name in column {}, website {}, parent company {}",
        letters(table.columns.name),
        optional(table.columns.website),
        optional(table.columns.parent)
    );
}

/// Results that are in the registry but not in the sheet: a run was killed before it wrote them, or a row is new.
fn unwritten(
    plan: &Plan,
    statuses: &std::collections::HashMap<usize, String>,
    words: Words,
) -> Vec<(Target, Outcome)> {
    let rejected = plan.rejected.iter().map(|row| {
        (
            Target::Rejected(row.name.clone()),
            words.failure(&row.reason, Timestamp::now()),
        )
    });
    let told = |row: &usize| {
        statuses
            .get(row)
            .is_some_and(|status| status.starts_with(['✓', '⚠']))
    };
    let skipped = plan
        .skipped
        .iter()
        .filter(|(brand, _)| !brand.rows.iter().all(told))
        .map(|(brand, entry)| {
            let report = entry.report.as_deref().map(page_of).unwrap_or_default();
            let thin = entry.thin.unwrap_or(false);
            (
                Target::Brand(brand.key.clone()),
                words.success(&report, entry.cost_usd, entry.updated_at, thin),
            )
        });
    rejected.chain(skipped).collect()
}

/// The page for people beside a report.
fn page_of(report: &str) -> String {
    report.replace("brand_report.json", "report.html")
}

async fn tell(
    mut incoming: tokio::sync::mpsc::UnboundedReceiver<crate::event::Event>,
    mut progress: Progress,
) {
    while let Some(event) = incoming.recv().await {
        log::log(&event);
        progress.show(&event);
    }
    progress.finish();
}

/// The exit code of an error that ends a run.
fn call_failure(error: CallError) -> Failure {
    let exit = match &error {
        CallError::Run { exit, .. } => *exit,
        CallError::Budget { .. } => Exit::Budget,
        CallError::Stopped => Exit::Interrupted,
        CallError::Request { .. } => Exit::Unavailable,
        CallError::Store(_) => Exit::Usage,
    };
    Failure {
        exit,
        error: error.into(),
    }
}

pub fn list_failure(error: ListError) -> Failure {
    match error {
        ListError::Call(error) => call_failure(error),
        ListError::Content(error) => Failure {
            exit: Exit::Usage,
            error,
        },
    }
}
