//! The command `check`: tests every part of the set-up, and estimates what a batch would cost.

mod store;

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rehearsal;
use crate::{
    brand::Row,
    cli::CheckArgs,
    config::{self, Folders, Settings, certificates, dotenv, proxies, zone},
    event::Events,
    exit::{Exit, Failure, OrExit},
    http::{exchanges::Exchanges, patience::Waits},
    money::Usd,
    runner::{
        self, Loaded, Simulation,
        budget_check::{LimitReached, SpendingLimits},
        options::{ListSource, RunOptions},
        preflight::{self, Connections, PreflightFinding, PreflightResult},
        preview::Priced,
        store_failure,
        summary::span,
        trial_calls, writable,
    },
    say,
    store::{Store, caps::CapUsage, paid::Paid},
    text::terminal::Terminal,
};

/// What was found so far; each thing is said as it is found.
struct CheckReport {
    terminal: Terminal,
    worst: Exit,
    quiet: bool,
    json: bool,
    parts: Vec<Value>,
    caps: Vec<Value>,
    estimate: Value,
}

/// Where the list comes from.
#[derive(Clone, Copy, PartialEq)]
enum List {
    Sheet,
    File,
    Brand,
    None,
}

/// Proves keys, quota, sheet or file, clock and folders; says for each what is wrong and how to mend it, and what a
/// batch with the same flags would cost.
pub async fn check(args: CheckArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let CheckArgs { run, json, free } = args;
    let simulation = rehearsal::start(&run.services).await?;
    let mut run = RunOptions::from(run);
    let quiet = run.verbosity.is_quiet() && !json;
    let mut report = CheckReport {
        terminal: terminal.clone(),
        worst: Exit::Done,
        quiet,
        json,
        parts: Vec::new(),
        caps: Vec::new(),
        estimate: Value::Null,
    };
    let list = list_of(&mut run);
    let fine = prove_machine(&mut report, &run, list);
    let store = store::prove_store(&mut report, &run).await;
    if fine {
        prove_services(&mut report, &run, simulation.as_ref(), (list, store), free).await?;
    }
    Ok(report.end())
}

/// Folders and settings, without asking anybody. Returns whether services can be asked.
fn prove_machine(report: &mut CheckReport, run: &RunOptions, list: List) -> bool {
    let folders = Folders::new(run.is_rehearsal());
    for folder in [&folders.state, &folders.logs, &folders.output] {
        report.add(&format!("folder {}", folder.display()), try_folder(folder));
    }
    if let Err(failure) = runner::open_files::prove(run.batch.workers, run.is_rehearsal()) {
        report.add("open files", Err(failure));
    }
    match runner::report_goes(run, &report.terminal) {
        Ok(None) => {}
        Ok(Some(where_to)) => report.add("report", Ok(where_to)),
        Err(failure) => report.add("report", Err(failure)),
    }
    let deadline = run.unattended.deadline.is_some();
    match zone::trouble(deadline) {
        Some(trouble) if deadline && zone::is_set_wrong() => {
            report.add("deadline", Err(Failure::new(Exit::Usage, trouble)));
        }
        Some(trouble) => report.note("time zone", &trouble),
        None => {}
    }
    if run.is_rehearsal() {
        return true;
    }
    let from = match dotenv::find() {
        Some(file) => format!("read from {} and the environment", file.display()),
        None => "read from the environment; there is no .env, which brandintel init writes".into(),
    };
    report.note("settings", &from);
    note_network(report);
    let problems = Settings::problems(list == List::Sheet);
    let fine = problems.is_empty();
    for error in problems {
        let exit = Exit::Usage;
        report.add("settings", Err(Failure { exit, error }));
    }
    fine
}

/// Services, clock and list, and what a batch would cost.
async fn prove_services(
    report: &mut CheckReport,
    run: &RunOptions,
    simulation: Option<&Simulation>,
    (list, store): (List, Option<Arc<dyn Store>>),
    free: bool,
) -> Result<(), Failure> {
    let settings = runner::settings(run, simulation)?;
    let paid = Arc::new(Paid::in_memory(None, Timestamp::now()).or_exit(Exit::Machine)?);
    let (events, _incoming) = Events::channel();
    let connect = || {
        let pace = (settings.speed, Waits::SHORT);
        Connections::make(&settings, &paid, &events, pace, None, Exchanges::default())
    };
    let mut connections = connect()?;
    let mut all_fine = true;
    for finding in preflight::look(&mut connections, &settings).await {
        all_fine &= finding.result.is_ok();
        report.find(finding);
    }
    if let Some(trouble) = connections.clock.trouble() {
        report.add("clock", Err(Failure::new(Exit::Usage, trouble)));
    }
    if let Some(sheet) = connections.sheet.as_ref().filter(|sheet| sheet.can_write()) {
        let written = sheet.try_writing().await.map_err(runner::call_failure);
        let fine = || "results can be written into the sheet".to_owned();
        report.add("results", written.map(|()| fine()));
    }
    note_credit(report, &connections);
    let caps = match &store {
        Some(store) => store
            .standings(settings.caps)
            .await
            .map_err(store_failure)?,
        // Nobody knows.
        None => Vec::new(),
    };
    report.caps(&caps);
    let limits = SpendingLimits::expected(run, caps);
    if let Some(rows) = rows(report, run, list, &mut connections).await
        && let Some(store) = store
    {
        let priced = price(&*store, run, &settings, &connections, rows).await;
        report.price(run, &connections, priced, (&limits, &settings));
    }
    let budget = preflight::check_budget(&connections, &settings, run.batch.budget);
    // A server that refused the key was not asked for prices.
    if let (true, Err(failure)) = (all_fine, budget) {
        report.add("budget", Err(failure));
    }
    if free {
        return Ok(());
    }
    if report.worst != Exit::Done {
        report.note(
            "trial",
            "no real question is asked before the rest is in order",
        );
        return Ok(());
    }
    if let Some(cap) = limits.caps.iter().find(|cap| cap.left() == Usd::ZERO) {
        let title = cap.title().to_lowercase();
        report.note(
            "trial",
            &format!("no real question is asked: the {title} is used up"),
        );
        return Ok(());
    }
    report.note("trial", trial_calls::ABOUT_A_CENT);
    // A refusal of one service stops all calls of its connections, and the other one is to be asked too.
    let apart = connect()?;
    let model = &connections.openrouter;
    for finding in trial_calls::ask(model, &apart.tavily, run.batch.lang).await? {
        report.find(finding);
    }
    Ok(())
}

/// What a batch would take.
async fn price(
    store: &dyn Store,
    run: &RunOptions,
    settings: &Settings,
    connections: &Connections,
    rows: Vec<Row>,
) -> Result<Priced, Failure> {
    let (registry, _) = store.lookup(&|| Ok(None)).await.map_err(store_failure)?;
    runner::preview::price(run, settings, connections, rows, &*registry).await
}

/// The list that a batch with these flags would take; a sheet that is set is looked at without being asked for.
fn list_of(run: &mut RunOptions) -> List {
    let known = config::sheet_is_set() || run.is_rehearsal();
    let list = &mut run.source.list;
    if list.is_none() && known {
        *list = Some(ListSource::Sheet);
    }
    match list {
        Some(ListSource::Brand { .. }) => List::Brand,
        Some(ListSource::File(_)) => List::File,
        Some(ListSource::Sheet) => List::Sheet,
        None => List::None,
    }
}

/// The rows of the list; `None` where there is none or it cannot be read.
async fn rows(
    report: &mut CheckReport,
    run: &RunOptions,
    list: List,
    connections: &mut Connections,
) -> Option<Vec<Row>> {
    match list {
        List::None => {
            report.note(
                "list",
                "GOOGLE_SHEET_ID is not set and --brands names no file, so only --brand can be used",
            );
            return None;
        }
        // Why it is not there is said.
        List::Sheet if connections.sheet.is_none() && connections.public_list.is_none() => {
            return None;
        }
        List::Sheet | List::File | List::Brand => {}
    }
    let Loaded {
        from, rows, notes, ..
    } = match runner::load(run, connections).await {
        Ok(loaded) => loaded,
        Err(failure) => {
            report.add("list", Err(failure));
            return None;
        }
    };
    for note in notes {
        report.note("list", &note);
    }
    if let Some((_, mapping)) = from {
        let filled = rows.iter().filter(|row| !row.is_empty()).count();
        let words = format!("{mapping}; {filled} rows below the header");
        report.add("list", Ok(words));
    }
    match (
        runner::without_results_tab(run, connections),
        &run.batch.results_tab,
    ) {
        (Some(note), _) => report.note("results tab", note),
        (None, Some(title)) => {
            let fine = format!("findings go into the tab «{title}», one row a brand");
            report.add("results tab", Ok(fine));
        }
        (None, None) => {}
    }
    Some(rows)
}

/// Says which proxies requests go through, never a password, and which addresses are not spoken to over TLS.
fn note_network(report: &mut CheckReport) {
    for note in proxies::notes() {
        report.note("proxy", &note);
    }
    for name in certificates::without_effect() {
        report.note(
            name,
            "is set, and on this system the certificates of the system alone count",
        );
    }
    for name in [
        "OPENROUTER_BASE_URL",
        "TAVILY_BASE_URL",
        "GOOGLE_SHEETS_BASE_URL",
    ] {
        if config::is_open_line(name) {
            report.note(
                name,
                "is not https: whoever stands between can read the key",
            );
        }
    }
}

/// Says what the keys may still spend.
fn note_credit(report: &mut CheckReport, connections: &Connections) {
    if let Some(left) = connections.key.as_ref().and_then(|key| key.limit_remaining) {
        report.note("OpenRouter", &format!("the key may spend ${left:.2} more"));
    }
    if let (Some(used), Some(limit)) = (connections.credits.usage, connections.credits.limit) {
        report.note(
            "Tavily",
            &format!("{:.0} of {limit:.0} credits are left", limit - used),
        );
    }
}

fn try_folder(folder: &Path) -> Result<String, Failure> {
    writable::prove(folder)?;
    Ok("can be written".into())
}

impl CheckReport {
    fn add(&mut self, part: &str, result: Result<String, Failure>) {
        let (ok, text) = match result {
            Ok(text) => (true, text),
            Err(failure) => {
                if self.worst == Exit::Done {
                    self.worst = failure.exit;
                }
                (false, format!("{:#}", failure.error))
            }
        };
        match (self.json, ok) {
            (true, _) => {}
            (false, true) => say!(self.terminal; "✅ {part}: {text}"),
            (false, false) if self.quiet => {
                crate::text::terminal::urgent(&format!("✗ {part}: {text}"));
            }
            (false, false) => say!(self.terminal; "✗ {part}: {text}"),
        }
        self.parts
            .push(json!({"part": part, "ok": ok, "text": text}));
    }

    fn find(&mut self, PreflightFinding { what, result }: PreflightFinding) {
        match result {
            Ok(PreflightResult::Fine(text)) => self.add(what, Ok(text)),
            Ok(PreflightResult::Doubt(text)) => self.note(what, &text),
            Err(failure) => self.add(what, Err(failure)),
        }
    }

    /// Says what is neither right nor wrong.
    fn note(&mut self, part: &str, text: &str) {
        if !self.json {
            say!(self.terminal; "– {part}: {text}");
        }
        self.parts
            .push(json!({"part": part, "ok": null, "text": text}));
    }

    /// Says what the caps by day and month still allow.
    fn caps(&mut self, caps: &[CapUsage]) {
        for cap in caps {
            self.note(&cap.title().to_lowercase(), &cap.to_string());
        }
        let told = caps.iter().map(|cap| {
            json!({
                "setting": cap.period.term.setting(),
                "cap_usd": cap.cap,
                "used_usd": cap.used,
                "left_usd": cap.left(),
                "from": cap.period.from,
                "until": cap.period.to,
            })
        });
        self.caps = told.collect();
    }

    fn price(
        &mut self,
        run: &RunOptions,
        connections: &Connections,
        priced: Result<Priced, Failure>,
        (limits, settings): (&SpendingLimits, &Settings),
    ) {
        let Priced {
            brands,
            due,
            rejected,
            estimate,
        } = match priced {
            Ok(priced) => priced,
            Err(failure) => return self.add("estimate", Err(failure)),
        };
        if rejected > 0 {
            self.note(
                "list",
                &format!("{rejected} rows name no brand; --dry-run shows them"),
            );
        }
        let workers = run.batch.workers;
        self.note(
            "estimate",
            &format!(
                "{due} of {brands} brands are due: about {} and {} with --workers {workers}",
                estimate.cost,
                span(estimate.parallel)
            ),
        );
        self.estimate = json!({
            "brands": brands,
            "due": due,
            "rejected": rejected,
            "cost_usd": estimate.cost,
            "seconds": estimate.parallel.as_secs(),
            "workers": workers,
        });
        for (service, text) in connections.limits(&estimate) {
            self.note(service, &text);
        }
        for text in limits.short(&estimate, due) {
            self.note("budget", &text);
        }
        let too_little =
            limits.too_little(settings, connections, estimate.per_brand, run.batch.depth);
        if let Some(LimitReached { why, remedy }) = too_little.filter(|_| due > 0) {
            self.add(
                "budget",
                Err(Failure::new(Exit::Budget, format!("{why}: {remedy}"))),
            );
        }
    }

    fn end(self) -> Exit {
        if self.json {
            let all = json!({
                "ok": self.worst == Exit::Done,
                "exit_code": self.worst as u8,
                "parts": self.parts,
                "caps": self.caps,
                "estimate": self.estimate,
            });
            crate::text::terminal::result(&format!("{all:#}"));
        }
        self.worst
    }
}
