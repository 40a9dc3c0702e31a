//! How a list is worked through: validate, load, plan, run, close.

mod announce;
mod attempt;
mod base_url;
mod brands;
pub mod budget_check;
mod cleanup;
mod closing;
mod context;
mod deadline;
pub mod estimate;
mod forecast;
mod handover;
mod json_log;
mod leader;
mod listeners;
mod log;
mod membership;
mod next_steps;
pub mod open_files;
mod order;
mod outages;
mod plan;
pub mod portfolio_data;
pub mod preflight;
mod progress;
mod progress_bar;
mod queue;
mod reconciliation;
mod recorder;
mod refusal_policy;
mod registry_match;
mod registry_rebuild;
mod report_folder;
mod results;
mod rotate;
mod run_report;
mod scheduler;
mod server_pages;
mod setup;
mod sheet_writer;
pub mod shutdown;
mod start;
pub mod summary;
mod suspects;
pub mod trial_calls;
pub mod writable;
mod write_batch;

use std::{collections::HashMap, ffi::OsString, sync::Arc};

use jiff::Timestamp;

use self::{
    attempt::Attempt,
    budget_check::{Means, Reached},
    context::Desk,
    listeners::{Begun, Telling},
    outages::Outages,
    plan::Plan,
    preflight::Connections,
    run_report::{Account, Recipient},
    scheduler::{Crew, Outline},
    shutdown::Signals,
    start::{Planned, Prepared, Start},
    write_batch::{IN_PROGRESS, Words},
};
pub use self::{leader::store_failure, setup::settings_for_check};
use crate::{
    brand::Row,
    cli::RunArgs,
    event::Events,
    exit::{Exit, Failure, OrExit},
    http::call::CallError,
    list::{
        self, Rows, Table,
        own::{self, Outcome, Shown, Target},
        sheet::{ListError, SheetList},
    },
    render,
    sandbox::Sandbox,
    say,
    store::StoreError,
    text::lang::Lang,
};

/// Works through a list of brands, and tells whoever is to be told, however it ends. Returns the exit code. A rehearsal
/// may bring its own simulated services.
pub async fn run(args: RunArgs, sandbox: Option<Arc<Sandbox>>) -> Result<Exit, Failure> {
    let attempt = Attempt::of(&args);
    let recipient =
        Recipient::of(&attempt).inspect_err(|failure| attempt.did_not_start(failure, false))?;
    let mut account = Account::open(&attempt);
    let end = Box::pin(work(args, sandbox, &mut account)).await;
    if let (Err(failure), false) = (&end, account.has_worked()) {
        attempt.did_not_start(failure, account.has_begun());
    }
    if let Some(recipient) = recipient {
        recipient.tell(&account, &end).await;
    }
    end
}

/// Puts a batch on record whose command line or settings cannot be read, and tells whoever is to be told of it, as far as
/// these say who.
pub async fn refused(args: &[OsString], failure: Failure) -> Result<Exit, Failure> {
    let Some(attempt) = Attempt::in_vain(args) else {
        return Err(failure);
    };
    attempt.did_not_start(&failure, false);
    let end = Err(failure);
    if let Ok(Some(recipient)) = Recipient::of(&attempt) {
        recipient.tell(&Account::open(&attempt), &end).await;
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
        (desk.speed(), desk.waits()),
        desk.in_process(),
        desk.exchanges(),
    )?;
    let state = desk.state.as_ref().map(|state| state.path().to_owned());
    let outages = Outages::new(connections.gates.clone(), state);
    let telling = Telling::start(incoming, outages);
    preflight::validate(&mut connections, &desk.settings, desk.args.batch.budget).await?;

    summary::heading("PARALLEL BATCH MODE - OPTIMIZED PROCESSING");
    let prepared = match desk.wait_for_plan().await? {
        Some(whole) => {
            let left = whole.left();
            let depth = desk.args.batch.depth;
            let means = Means::of(desk).await?;
            let refused = means.too_little(&desk.settings, &connections, whole.price, depth);
            let mut prepared = start::join(desk, connections, whole);
            prepared.outline.refused = refused.filter(|_| left > 0);
            prepared
        }
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
    let telling = telling.begin(Begun {
        due: outline.due,
        verbosity: desk.args.verbosity,
        outlook,
        next_steps: std::mem::take(&mut account.next_steps),
    });
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
    account.next_steps = telling.await.unwrap_or_default();
    let status = end.status();
    let closed = desk.close(&figures, end);
    account.end(status, figures);
    account.tell_next_steps(desk.args.verbosity.quiet, &closed);
    closed
}

/// Reads the list and plans what is due.
async fn lead(
    desk: &Desk,
    mut connections: Connections,
    account: &mut Account,
) -> Result<Result<Prepared, Exit>, Failure> {
    let Loaded {
        from,
        rows,
        shown,
        notes,
    } = load(&desk.args, &mut connections).await?;
    if let Some((place, mapping)) = from {
        say!("Reading {place}: {mapping}");
        tracing::info!("reading {place}: {mapping}");
    }
    for note in notes {
        say!("Note: {note}");
        tracing::warn!("{note}");
    }
    if let Some(note) = without_results_tab(&desk.args, &connections) {
        say!("Note: {note}");
    }
    let plan = desk.plan(&rows).await?;
    drop(rows);
    account.reject(&plan.rejected);
    let means = Means::of(desk).await?;
    let estimate = desk.announce(&plan, &connections, &means);
    let refused = means.refuse(desk, &plan, &connections, &estimate);
    let words = desk.words();
    let mut first = first_write(desk, &plan, &shown, connections.sheet.as_ref(), &words);
    take_back_marks(&mut first, connections.sheet.as_mut(), &shown).await?;
    drop(shown);
    if desk.args.batch.dry_run {
        let cells = match connections.sheet.as_mut() {
            Some(sheet) if sheet.can_write() => {
                sheet.preview(&first).await.map_err(list_failure)?
            }
            _ => Vec::new(),
        };
        if let Some(Reached { why, remedy }) = refused {
            context::warn(&format!("{why}: {remedy}"));
        }
        return desk.rehearse(plan, &cells).map(Err);
    }
    if let Some(run) = &desk.run {
        run.let_go().await.map_err(store_failure)?;
    }
    match plan.due.len() {
        0 if desk.args.batch.retry_failed_only => say!("Nothing to do: no brand has failed."),
        0 if plan.total == 0 => context::warn("the list names no brand: is it the right list?"),
        0 => say!("Nothing to do: all {} brands are unchanged.", plan.total),
        _ if refused.is_some() => {}
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
            rejected: plan.brands_missing(),
            per_brand: estimate.per_brand,
            refused,
        },
        outlook,
        start: Start::Plan(Box::new(Planned {
            plan,
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
    /// What the user should know of the list as a whole.
    pub notes: Vec<String>,
}

impl Loaded {
    fn of(place: String, table: Table) -> Self {
        Self {
            from: Some((place, table.mapping())),
            rows: table.rows,
            shown: HashMap::new(),
            notes: table.notes,
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
        let table = list::file::read(path, source.tab.as_deref()).or_exit(Exit::Usage)?;
        let place = match &table.tab {
            Some(tab) => format!("{}, tab «{tab}»", path.display()),
            None => path.display().to_string(),
        };
        return Ok(Loaded::of(place, table));
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
        notes: Vec::new(),
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
    let Some(recipient) = Recipient::of(&Attempt::of(args))? else {
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
    words: &Words,
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
    words: &Words,
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
        .filter(|row| row.brand_missing && !refused(row.number))
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
        let page = words.page(entry);
        let target = Target::Brand(brand.key.clone());
        let told = brand.rows.iter().all(|row| told(row, &page));
        let lacks = sheet.lacks_findings(&target);
        let mut success = words.success(entry);
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

/// The exit code of an error that ends a run.
pub fn call_failure(error: CallError) -> Failure {
    let exit = match &error {
        CallError::Run { exit, .. } => *exit,
        CallError::Budget { .. } => Exit::Budget,
        CallError::Stopped | CallError::Lost => Exit::Interrupted,
        CallError::Request { .. } => Exit::Unavailable,
        CallError::Store(error) => StoreError::exit_of(error),
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
