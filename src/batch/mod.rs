//! How a list is worked through: validate, load, plan, run, close.

mod announce;
pub mod background;
mod bar;
mod base_url;
mod bill;
mod brands;
mod claim;
mod closing;
mod crew;
mod deadline;
mod desk;
mod folder;
mod forecast;
mod hosts;
mod lines;
mod log;
mod opening;
mod order;
mod plan;
pub mod preflight;
pub mod price;
mod progress;
mod queue;
mod rebuild;
mod record;
mod refusals;
mod report;
mod results;
mod rotate;
mod scribe;
mod server_pages;
mod start;
pub mod stop;
pub mod summary;
mod suspects;
mod sweeping;
mod takeover;
mod together;
pub mod trial;
pub mod writable;
mod writeback;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use self::{
    crew::{Crew, Outline},
    desk::Desk,
    plan::Plan,
    preflight::Connections,
    progress::Progress,
    report::{Account, Failed, Recipient},
    start::{Planned, Prepared, Start},
    stop::Signals,
    writeback::{IN_PROGRESS, Words},
};
pub use self::{opening::settings_for_check, together::store_failure};
use crate::{
    brand::Row,
    cli::{Lang, RunArgs},
    event::{Events, Incoming},
    exit::{Exit, Failure, OrExit},
    list::{
        self, Rows, Table,
        own::{self, Outcome, Shown, Target},
        sheet::{ListError, SheetList},
    },
    render,
    sandbox::Sandbox,
    say,
    services::call::CallError,
    state::shared::Trouble,
};

/// Works through a list of brands, and tells whoever is to be told, however it ends. Returns the exit code. A rehearsal
/// may bring its own simulated services.
pub async fn run(args: RunArgs, sandbox: Option<Arc<Sandbox>>) -> Result<Exit, Failure> {
    let recipient = Recipient::of(&args)?;
    let mut account = Account::open(&args);
    let end = Box::pin(work(args, sandbox, &mut account)).await;
    if let Some(recipient) = recipient {
        recipient.tell(&account, &end).await;
    }
    end
}

async fn work(
    args: RunArgs,
    sandbox: Option<Arc<Sandbox>>,
    account: &mut Account,
) -> Result<Exit, Failure> {
    let mut desk = Desk::open(args, sandbox).await?;
    account.begin(&desk);
    let end = Box::pin(work_at(&desk, account)).await;
    desk.leave().await;
    end
}

async fn work_at(desk: &Desk, account: &mut Account) -> Result<Exit, Failure> {
    let (events, incoming) = Events::channel();
    let mut connections = Connections::make(
        &desk.settings,
        &desk.paid,
        &events,
        desk.speed(),
        desk.in_process(),
    )?;
    preflight::validate(&mut connections, &desk.settings, desk.args.batch.budget).await?;

    summary::heading("PARALLEL BATCH MODE - OPTIMIZED PROCESSING");
    let prepared = match desk.wait_for_plan().await? {
        Some(whole) => start::join(desk, connections, whole),
        None => match Box::pin(lead(desk, connections, account)).await? {
            Ok(prepared) => prepared,
            Err(exit) => return Ok(exit),
        },
    };
    let Prepared {
        outline,
        outlook,
        start,
    } = prepared;
    let progress = Progress::new(outline.due, desk.args.verbosity, outlook);
    let telling = tokio::spawn(tell(incoming, progress));
    desk.tell_of_the_store(Some(&events));
    let tools = match Box::pin(start.begin(desk, &outline, events)).await {
        Ok(tools) => tools,
        Err(failure) => {
            desk.tell_of_the_store(None);
            let _ = telling.await;
            return Err(failure);
        }
    };
    let crew = Crew::new(desk, outline, tools);
    let (end, figures) = crew.work(Signals::listen()).await;
    desk.tell_of_the_store(None);
    // The crew has dropped its sender, so the telling ends.
    let failed = telling.await.unwrap_or_default();
    let status = end.status();
    let closed = desk.close(&figures, end);
    account.end(status, figures, failed);
    closed
}

/// Reads the list and plans what is due.
async fn lead(
    desk: &Desk,
    mut connections: Connections,
    account: &mut Account,
) -> Result<Result<Prepared, Exit>, Failure> {
    let Loaded { from, rows, shown } = load(&desk.args, &mut connections).await?;
    if let Some((place, mapping)) = from {
        say!("Reading {place}: {mapping}");
    }
    if let Some(note) = without_results_tab(&desk.args, &connections) {
        say!("Note: {note}");
    }
    let mut registry = desk.registry()?;
    if let Some(registry) = &registry {
        desk.remember_left(registry);
    }
    let plan = desk.plan(&rows, registry.as_ref()).await?;
    drop(rows);
    account.reject(&plan.rejected);
    let estimate = desk.announce(&plan, &connections);
    let words = Words::of(desk.args.batch.lang);
    let mut first = first_write(desk, &plan, &shown, connections.sheet.as_ref(), words);
    take_back_marks(&mut first, connections.sheet.as_mut(), &shown).await?;
    drop(shown);
    if desk.args.batch.dry_run {
        let cells = match connections.sheet.as_mut() {
            Some(sheet) if sheet.can_write() => {
                sheet.preview(&first).await.map_err(list_failure)?
            }
            _ => Vec::new(),
        };
        return desk.rehearse(plan, &cells).map(Err);
    }
    if let Some(registry) = &mut registry {
        registry.let_go().or_exit(Exit::Machine)?;
    }
    match plan.due.len() {
        0 if desk.args.batch.retry_failed_only => say!("Nothing to do: no brand has failed."),
        0 if plan.total == 0 => desk::warn("the list names no brand: is it the right list?"),
        0 => say!("Nothing to do: all {} brands are unchanged.", plan.total),
        _ => say!("[START] Beginning parallel processing...\n"),
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "lists are far shorter than 2^52"
    )]
    let searches = f64::from(estimate.credits) / plan.due.len().max(1) as f64;
    let outlook = desk.outlook(&connections, estimate.per_brand, searches);
    Ok(Ok(Prepared {
        outline: Outline {
            total: plan.total,
            due: plan.due.len(),
            skipped: plan.skipped,
            on_request: plan.on_request,
            rejected: plan.rejected.len(),
            per_brand: estimate.per_brand,
        },
        outlook,
        start: Start::Plan(Box::new(Planned {
            plan,
            registry,
            first,
            connections,
        })),
    }))
}

/// A list that was read.
pub struct Loaded {
    /// Where it is, and which column is taken for what; `None` for a brand that was named by a flag.
    pub from: Option<(String, String)>,
    pub rows: Rows,
    /// What stands in the program's own cells of the sheet, by row.
    pub shown: HashMap<usize, Shown>,
}

impl Loaded {
    fn of(place: String, table: Table) -> Self {
        Self {
            from: Some((place, table.mapping())),
            rows: table.rows,
            shown: HashMap::new(),
        }
    }
}

/// Reads the list, and the tab of results where one is kept. Nothing is written and nothing is said.
pub async fn load(args: &RunArgs, connections: &mut Connections) -> Result<Loaded, Failure> {
    let source = &args.source;
    if let Some((place, table)) = connections.public_list.take() {
        return Ok(Loaded::of(place, table));
    }
    if let Some(sheet) = &mut connections.sheet {
        let title = args.batch.results_tab.as_ref();
        if let Some(title) = title.filter(|_| sheet.can_write()) {
            let kept = sheet.keep_results(title, args.batch.lang).await;
            kept.map_err(list_failure)?;
        }
        let (table, shown) = sheet.load().await.map_err(list_failure)?;
        return Ok(Loaded {
            shown,
            ..Loaded::of(sheet.place(), table)
        });
    }
    if let Some(path) = &source.brands {
        let table = list::file::read(path).or_exit(Exit::Usage)?;
        return Ok(Loaded::of(path.display().to_string(), table));
    }
    let row = Row {
        number: 1,
        name: source.brand.clone().unwrap_or_default(),
        website: source.website.clone().unwrap_or_default(),
        parent: source.parent.clone().unwrap_or_default(),
        ..Row::default()
    };
    Ok(Loaded {
        from: None,
        rows: Rows::Held(vec![row]),
        shown: HashMap::new(),
    })
}

/// What is said of a tab of results that nothing can be written into.
pub fn without_results_tab(args: &RunArgs, connections: &Connections) -> Option<&'static str> {
    let sheet = connections.sheet.as_ref();
    let kept = sheet.is_some_and(SheetList::can_write);
    (args.batch.results_tab.is_some() && !kept).then_some(
        "--results-tab needs a sheet that a service account may write to; this list has none",
    )
}

/// Who would be told of a run with these flags; the address of a webhook is a secret, so its host is not named either.
pub fn report_goes(args: &RunArgs) -> Result<Option<String>, Failure> {
    let Some(recipient) = Recipient::of(args)? else {
        return Ok(None);
    };
    Ok(Some(match recipient {
        Recipient::StandardOutput => "is printed".into(),
        Recipient::Webhook(_) => {
            "goes to a webhook, whose address is right as far as it can be told without posting"
                .into()
        }
        Recipient::File(path) => {
            let place = path.display();
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            if path.is_dir() || folder.is_some_and(|folder| folder.exists() && !folder.is_dir()) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!(
                        "--report-to {place}: no file can be written there: name a file in a folder"
                    ),
                ));
            }
            format!("goes into {place}")
        }
    }))
}

/// What the sheet gets before anything is paid for: results that it lacks, and marks at the first chunk.
fn first_write(
    desk: &Desk,
    plan: &Plan,
    shown: &HashMap<usize, Shown>,
    sheet: Option<&SheetList>,
    words: Words,
) -> Vec<(Target, Outcome)> {
    let Some(sheet) = sheet else {
        return Vec::new();
    };
    let mut first = unwritten(plan, shown, sheet, words, desk.args.batch.lang);
    let ahead = plan.due.ahead();
    first.extend(ahead.map(|due| words.mark(&due.assignment.brand.key)));
    first
}

/// Rows that a killed run has left in progress, and of which this write says nothing else, are not in progress any more.
async fn take_back_marks(
    first: &mut Vec<(Target, Outcome)>,
    sheet: Option<&mut SheetList>,
    shown: &HashMap<usize, Shown>,
) -> Result<(), Failure> {
    let is_marked = |cells: &Shown| IN_PROGRESS.contains(&&*cells[own::STATUS]);
    let Some(sheet) = sheet.filter(|sheet| sheet.can_write()) else {
        return Ok(());
    };
    if !shown.values().any(is_marked) {
        return Ok(());
    }
    let marked = sheet.showing(&IN_PROGRESS).await.map_err(list_failure)?;
    for target in marked {
        if !first.iter().any(|(told, _)| *told == target) {
            first.push((target, Outcome::Idle));
        }
    }
    Ok(())
}

/// Results that are in the registry but not in the sheet: a run was killed before it wrote them, a row is new, or what
/// stands there is another brand's.
fn unwritten(
    plan: &Plan,
    shown: &HashMap<usize, Shown>,
    sheet: &SheetList,
    words: Words,
    lang: Lang,
) -> Vec<(Target, Outcome)> {
    let refused = |row: usize| {
        shown
            .get(&row)
            .is_some_and(|cells| cells[own::STATUS].starts_with('✗'))
    };
    let rejected = plan
        .rejected
        .iter()
        .filter(|row| !refused(row.number))
        .map(|row| {
            (
                Target::Rejected(row.name.clone()),
                words.failure(&row.reason, Timestamp::now()),
            )
        });
    let told = |row: &usize, page: &str| {
        shown.get(row).is_some_and(|cells| {
            cells[own::STATUS].starts_with(['✓', '⚠', '؟', '?'])
                && cells[own::REPORT] == page
                && !cells[own::COST].is_empty()
        })
    };
    let unchanged = plan.unchanged.iter().filter_map(|(brand, entry)| {
        let page = entry.report.as_deref().map(page_of).unwrap_or_default();
        let target = Target::Brand(brand.key.clone());
        let told = brand.rows.iter().all(|row| told(row, &page));
        let lacks = sheet.lacks_findings(&target);
        let mut success = words.success(&page, entry);
        if let Outcome::Done { findings, .. } = &mut success
            && lacks
        {
            let saved = |report: &str| render::saved_findings(report, lang);
            *findings = entry.report.as_deref().and_then(saved).map(Box::new);
        }
        match (told, lacks) {
            (false, _) => Some((target, success)),
            (true, true) => Some((target, Outcome::ForResultsTab(Box::new(success)))),
            (true, false) => None,
        }
    });
    rejected.chain(unchanged).collect()
}

/// The page for people beside a report.
fn page_of(report: &str) -> String {
    report.replace("brand_report.json", "report.html")
}

/// Shows and logs what happens, until nobody is left who says anything. Returns the brands that failed.
async fn tell(mut incoming: Incoming, mut progress: Progress) -> Failed {
    let mut failed = Failed::default();
    let mut clock = tokio::time::interval(progress::TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = incoming.recv() => match event {
                Some((span, event)) => {
                    span.in_scope(|| log::log(&event));
                    failed.note(&event);
                    progress.show(&event);
                }
                None => break,
            },
            _ = clock.tick() => progress.tick(),
        }
    }
    progress.finish();
    failed
}

/// The exit code of an error that ends a run.
pub fn call_failure(error: CallError) -> Failure {
    let exit = match &error {
        CallError::Run { exit, .. } => *exit,
        CallError::Budget { .. } => Exit::Budget,
        CallError::Stopped | CallError::Lost => Exit::Interrupted,
        CallError::Request { .. } => Exit::Unavailable,
        CallError::Store(error) => error
            .downcast_ref::<Trouble>()
            .map_or(Exit::Machine, Trouble::exit),
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
