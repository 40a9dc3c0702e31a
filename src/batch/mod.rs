//! How a list is worked through: validate, load, plan, run, close.

pub mod background;
mod bill;
mod claim;
mod crew;
mod desk;
mod forecast;
mod log;
mod plan;
pub mod preflight;
pub mod price;
mod progress;
mod queue;
mod record;
pub mod stop;
pub mod summary;
mod writeback;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;

pub use self::desk::settings_for_check;
use self::{
    crew::Crew, desk::Desk, plan::Plan, preflight::Connections, progress::Progress, stop::Signals,
    writeback::Words,
};
use crate::{
    brand::Row,
    cli::{RunArgs, SourceArgs},
    event::Events,
    exit::{Exit, Failure, OrExit},
    list::{
        self,
        own::{self, Outcome, Shown, Target},
        sheet::ListError,
    },
    sandbox::Sandbox,
    say,
    services::call::CallError,
};

/// Works through a list of brands. Returns the exit code. A rehearsal may bring its own simulated services.
pub async fn run(args: RunArgs, sandbox: Option<Arc<Sandbox>>) -> Result<Exit, Failure> {
    let desk = Desk::open(args, sandbox).await?;
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
    let (rows, shown) = load(&desk.args.source, &mut connections).await?;
    let mut registry = desk.registry()?;
    desk.remember_left(&registry);
    let filled = rows.iter().filter(|row| !row.is_empty()).count();
    let plan = desk.plan(rows, &registry)?;
    let estimate = desk.announce(&plan, &registry, filled, &connections);
    if desk.args.batch.dry_run {
        return desk.rehearse(plan);
    }

    registry.let_go().or_exit(Exit::Usage)?;
    let words = Words::of(desk.args.batch.lang);
    let heal = unwritten(&plan, &shown, words);
    drop(shown);
    match plan.due.len() {
        0 => say!("Nothing to do: all {} brands are unchanged.", plan.total),
        _ => say!("[START] Beginning parallel processing...\n"),
    }
    let outlook = desk.outlook(&connections, estimate.per_brand);
    let progress = Progress::new(plan.due.len(), desk.args.verbosity, outlook);
    let telling = tokio::spawn(tell(incoming, progress));
    let begun = desk.begin(connections, &plan, heal, words, &events).await;
    let (write_back, research, bill, stop) = match begun {
        Ok(begun) => begun,
        Err(failure) => {
            drop(events);
            let _ = telling.await;
            return Err(failure);
        }
    };
    let crew = Crew::new(
        &desk,
        &plan,
        estimate.per_brand,
        registry,
        research,
        write_back,
        bill,
        words,
        events,
        stop,
    );
    let (end, figures) = crew.work(plan, Signals::listen()).await?;
    // The crew has dropped its sender, so the telling ends.
    let _ = telling.await;
    desk.close(&figures, end)
}

/// The rows of the list, and what stands in the program's own cells of the sheet.
pub async fn load(
    source: &SourceArgs,
    connections: &mut Connections,
) -> Result<(Vec<Row>, HashMap<usize, Shown>), Failure> {
    if let Some((place, table)) = connections.public_list.take() {
        announce_columns(&table, &place);
        return Ok((table.rows, HashMap::new()));
    }
    if let Some(sheet) = &mut connections.sheet {
        let (table, shown) = sheet.load().await.map_err(list_failure)?;
        announce_columns(&table, &sheet.place());
        return Ok((table.rows, shown));
    }
    if let Some(path) = &source.brands {
        let table = list::file::read(path).or_exit(Exit::Usage)?;
        return Ok((table.rows, HashMap::new()));
    }
    let row = Row {
        number: 1,
        name: source.brand.clone().unwrap_or_default(),
        website: source.website.clone().unwrap_or_default(),
        parent: source.parent.clone().unwrap_or_default(),
    };
    Ok((vec![row], HashMap::new()))
}

fn announce_columns(table: &list::Table, place: &str) {
    say!("Reading {place}: {}", columns(table));
}

/// Where the columns of a list are.
pub fn columns(table: &list::Table) -> String {
    let letters = crate::services::sheets::column_letters;
    let optional = |column: Option<usize>| column.map_or_else(|| "none".to_owned(), letters);
    format!(
        "name in column {}, website {}, parent company {}",
        letters(table.columns.name),
        optional(table.columns.website),
        optional(table.columns.parent)
    )
}

/// Results that are in the registry but not in the sheet: a run was killed before it wrote them, a row is new, or what
/// stands there is another brand's.
fn unwritten(plan: &Plan, shown: &HashMap<usize, Shown>, words: Words) -> Vec<(Target, Outcome)> {
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
    let skipped = plan.skipped.iter().filter_map(|(brand, entry)| {
        let page = entry.report.as_deref().map(page_of).unwrap_or_default();
        let success = || words.success(&page, entry);
        (!brand.rows.iter().all(|row| told(row, &page)))
            .then(|| (Target::Brand(brand.key.clone()), success()))
    });
    rejected.chain(skipped).collect()
}

/// The page for people beside a report.
fn page_of(report: &str) -> String {
    report.replace("brand_report.json", "report.html")
}

/// Shows and logs what happens, until nobody is left who says anything.
async fn tell(
    mut incoming: tokio::sync::mpsc::UnboundedReceiver<crate::event::Event>,
    mut progress: Progress,
) {
    let mut clock = tokio::time::interval(progress::TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = incoming.recv() => match event {
                Some(event) => {
                    log::log(&event);
                    progress.show(&event);
                }
                None => break,
            },
            _ = clock.tick() => progress.tick(),
        }
    }
    progress.finish();
}

/// The exit code of an error that ends a run.
pub fn call_failure(error: CallError) -> Failure {
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
