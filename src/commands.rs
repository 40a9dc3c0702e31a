//! The commands besides the batch.

use std::{io::Write, sync::Arc};

use clap::CommandFactory;
use jiff::{Timestamp, civil::Date};
use serde_json::json;

use crate::{
    batch::{self, preflight},
    cli::{CheckArgs, Cli, FolderArgs, SandboxArgs, StatusArgs},
    event::Events,
    exit::{Exit, Failure, OrExit},
    money::Usd,
    ownership, render,
    research::calendar,
    sandbox::{CityPlan, Options, Sandbox},
    say,
    settings::Folders,
    state::{
        checkpoint::Checkpoint,
        paid::Paid,
        registry::{Registry, Status},
        runs::{self, RunLine},
        write_atomically,
    },
};

/// Validates keys, quota, sheet access and folders; says for each what is wrong and how to mend it.
pub async fn check(args: CheckArgs) -> Result<Exit, Failure> {
    let mut worst = Exit::Done;
    let mut report = |what: &str, result: Result<String, Failure>| match result {
        Ok(fine) => say!("✅ {what}: {fine}"),
        Err(failure) => {
            say!("✗ {what}: {:#}", failure.error);
            if worst == Exit::Done {
                worst = failure.exit;
            }
        }
    };
    let folders = Folders::new(args.services.sandbox);
    for folder in [&folders.state, &folders.logs, &folders.output] {
        report(&format!("folder {}", folder.display()), try_folder(folder));
    }
    match batch::settings_for_check(&args.services).await {
        Err(failure) => report("settings", Err(failure)),
        Ok((settings, _sandbox)) => {
            let paid = Paid::in_memory(None, Timestamp::now()).or_exit(Exit::Usage)?;
            let (events, _incoming) = Events::channel();
            let speed = if settings.simulated {
                args.services.sandbox_speed
            } else {
                1.0
            };
            let mut connections =
                preflight::Connections::make(&settings, &Arc::new(paid), &events, speed, None)?;
            if settings.sheet.is_none() {
                say!("– GOOGLE_SHEET_ID: not set, so only --brands and --brand can be used");
            }
            for finding in preflight::look(&mut connections, &settings).await {
                report(finding.what, finding.result);
            }
            if let Some(sheet) = &mut connections.sheet {
                let columns = sheet.load().await.map_err(batch::list_failure);
                report(
                    "columns",
                    columns.map(|(table, _)| format!("{} rows below the header", table.rows.len())),
                );
            }
        }
    }
    Ok(worst)
}

fn try_folder(folder: &std::path::Path) -> Result<String, Failure> {
    let probe = folder.join(".check");
    write_atomically(&probe, b"").or_exit(Exit::Usage)?;
    std::fs::remove_file(&probe).or_exit(Exit::Usage)?;
    Ok("can be written".into())
}

/// Shows the registry and the last run at a glance.
pub fn status(args: StatusArgs) -> Result<Exit, Failure> {
    let folders = Folders::new(args.folders.sandbox);
    if args.graph {
        return graph(&folders.output, args.json);
    }
    let (registry, damage) = Registry::peek(&folders.state).or_exit(Exit::Usage)?;
    let last = Checkpoint::peek(&folders.state);
    for problem in damage
        .into_iter()
        .chain(last.as_ref().err().map(|e| format!("{e:#}")))
    {
        crate::output::urgent(&format!("[WARNING] {problem}"));
    }
    let last = last.ok().flatten();
    let runs = runs::peek(&folders.state).unwrap_or_else(|error| {
        crate::output::urgent(&format!("[WARNING] {error:#}"));
        Vec::new()
    });
    let (success, failed) = (
        registry.count(Status::Success),
        registry.count(Status::Failed),
    );
    let errors: Vec<(String, String)> = registry
        .entries()
        .filter(|(_, entry)| entry.status == Status::Failed)
        .map(|(_, entry)| (entry.brand.clone(), entry.error.clone().unwrap_or_default()))
        .collect();
    if args.json {
        let errors: Vec<_> = errors
            .iter()
            .map(|(brand, error)| json!({"brand": brand, "error": error}))
            .collect();
        let all = json!({
            "registry": {"brands": success + failed, "success": success, "failed": failed},
            "last_run": last,
            "runs": tail(&runs),
            "spent_by_day": spent_by_day(&runs)
                .map(|(day, usd)| (day.to_string(), json!(usd)))
                .collect::<serde_json::Map<_, _>>(),
            "failed": errors,
        });
        say!("{all:#}");
        return Ok(Exit::Done);
    }
    say!(
        "[REGISTRY] {} brands tracked ({success} success, {failed} failed)",
        success + failed
    );
    match last {
        None => say!("[LAST RUN] There was none yet."),
        Some(run) => {
            say!("[LAST RUN] {} {}", run.run_id, run.status.name());
            say!(
                "  Started: {}, last change: {}",
                run.started_at,
                run.updated_at
            );
            say!(
                "  Processed: {}, skipped: {}, of {} brands",
                run.processed,
                run.skipped,
                run.total
            );
            say!(
                "  ✓ Success: {} | ✗ Failed: {} | 💰 Cost: {}",
                run.succeeded,
                run.failed,
                run.cost_usd
            );
        }
    }
    for (brand, error) in errors.iter().take(20) {
        say!("  ✗ {brand}: {error}");
    }
    say_runs(&runs);
    Ok(Exit::Done)
}

/// Shows who owns whom.
fn graph(output: &std::path::Path, as_json: bool) -> Result<Exit, Failure> {
    let (ownership, problems) = render::ownership(output).or_exit(Exit::Usage)?;
    for problem in problems {
        crate::output::urgent(&problem);
    }
    let families = ownership::families(&ownership);
    match as_json {
        true => say!("{:#}", ownership::as_json(&families)),
        false => say!("{}", ownership::as_tree(&families).trim_end()),
    }
    Ok(Exit::Done)
}

/// How many runs, and days with runs, `status` shows.
const SHOWN_RUNS: usize = 7;

fn tail(runs: &[RunLine]) -> &[RunLine] {
    &runs[runs.len().saturating_sub(SHOWN_RUNS)..]
}

/// The last days on which there were runs, in Iran's time.
fn spent_by_day(runs: &[RunLine]) -> impl Iterator<Item = (Date, Usd)> {
    let days = runs::by_day(runs);
    let before = days.len().saturating_sub(SHOWN_RUNS);
    days.into_iter().skip(before)
}

fn say_runs(runs: &[RunLine]) {
    if runs.is_empty() {
        return;
    }
    say!("[RUNS] The last of {}:", runs.len());
    for run in tail(runs) {
        let started = run.started_at.to_zoned_datetime(calendar::tehran());
        say!(
            "  {} {}: {} of {} brands processed, ✓ {} ✗ {} 💰 {}",
            started.strftime("%Y-%m-%d %H:%M"),
            run.status.name(),
            run.processed,
            run.total,
            run.succeeded,
            run.failed,
            run.usd
        );
    }
    say!("[SPENT] By day, in Iran's time:");
    for (day, usd) in spent_by_day(runs) {
        say!("  {day}: {usd}");
    }
}

/// Rebuilds everything that is made of saved reports.
pub fn export(args: FolderArgs) -> Result<Exit, Failure> {
    let Folders { output, state, .. } = Folders::new(args.sandbox);
    let (background, problems) = batch::background::read(&state);
    for problem in &problems {
        crate::output::urgent(&format!("[WARNING] {problem}"));
    }
    let (count, unreadable) = render::export(&output, &background).or_exit(Exit::Usage)?;
    for problem in &unreadable {
        crate::output::urgent(problem);
    }
    say!("{count} reports rendered below {}", output.display());
    Ok(if unreadable.is_empty() {
        Exit::Done
    } else {
        Exit::SomeFailed
    })
}

/// Serves the simulated services until the program is stopped.
pub async fn sandbox(args: SandboxArgs) -> Result<Exit, Failure> {
    let options = Options {
        port: args.port,
        speed: args.speed,
        llm_limit: args.llm_limit,
        search_limit: args.search_limit,
        sheets_limit: args.sheets_limit,
        faults: args.fault,
        dear: args.dear,
        list: args.list,
        latency: None,
        city: args.city.map(|seed| {
            (
                CityPlan {
                    seed,
                    brands: 60,
                    night: args.night,
                },
                args.temper,
            )
        }),
    };
    let sandbox = Sandbox::start(options).await.or_exit(Exit::Usage)?;
    let account = std::path::Path::new("sandbox").join("service-account.json");
    let file = serde_json::to_vec_pretty(&sandbox.service_account()).or_exit(Exit::Usage)?;
    write_atomically(&account, &file).or_exit(Exit::Usage)?;
    let at = sandbox.address();
    say!(
        "# Simulated services on http://{at}; stop with Ctrl-C. Put these lines into .env to use them:"
    );
    say!("OPENROUTER_BASE_URL=http://{at}/api/v1");
    say!("OPENROUTER_API_KEY={}", sandbox.openrouter_key());
    say!("TAVILY_BASE_URL=http://{at}");
    say!("TAVILY_API_KEY={}", sandbox.tavily_key());
    say!("GOOGLE_SHEETS_BASE_URL=http://{at}");
    say!("GOOGLE_SHEET_ID={}", sandbox.sheet_id());
    say!("GOOGLE_APPLICATION_CREDENTIALS={}", account.display());
    say!(
        "# or, to read only: GOOGLE_API_KEY={}",
        sandbox.google_key()
    );
    let exit = batch::stop::Signals::listen().next().await;
    Ok(if exit == Exit::Interrupted {
        Exit::Done
    } else {
        exit
    })
}

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "brandintel", &mut script);
    print_bytes(&script)
}

/// Prints the manual page.
pub fn manual() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .or_exit(Exit::Usage)?;
    print_bytes(&page)
}

fn print_bytes(bytes: &[u8]) -> Result<Exit, Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).or_exit(Exit::Usage)
        }
        _ => Ok(Exit::Done),
    }
}
