//! The summary that the user reads before and after a run: the sections of the guide, with its tags and in its order.

use std::{path::Path, time::Duration};

use console::Term;
use jiff::ZonedDateTime;

use super::{estimate::Estimate, log::LogFiles, reconciliation};
use crate::{
    config::zone,
    money::Usd,
    say,
    store::{
        caps::CapUsage,
        reconciliation::{Difference, UsageComparison},
    },
    text::terminal::Terminal,
};

/// Columns of the lines around a heading, where the terminal has them.
const RULE: usize = 60;

/// The name of the program, and what it is for.
pub fn banner(terminal: &Terminal, simulated: bool) {
    let wide = rule(66);
    say!(terminal;
        "{wide}\n       Brand Intelligence Agent - Multi-Agent System\n            Iranian Brand Analysis for Advertising\n{wide}\n"
    );
    if simulated {
        say!(terminal;
            "[SANDBOX] The services are simulated: no keys, no network, no money. Nothing in the reports is true.\n"
        );
    }
}

/// A heading between two lines.
pub fn heading(terminal: &Terminal, text: &str) {
    let rule = rule(RULE);
    say!(terminal; "{rule}\n{text}\n{rule}");
}

/// A line of so many columns, or as many as a narrow terminal has.
fn rule(columns: usize) -> String {
    let (_, there) = Term::stdout().size_checked().unwrap_or((0, u16::MAX));
    "=".repeat(columns.min(there.into()))
}

/// How the run is set up.
#[derive(Clone, Debug)]
pub struct Config {
    pub workers: usize,
    pub chunk_size: usize,
    pub budget: Option<Usd>,
    /// What an interrupted run, with which this one goes on, has spent.
    pub spent_before: Usd,
    /// When no other brand is begun.
    pub deadline: Option<ZonedDateTime>,
}

/// Prints `[CONFIG]`.
pub fn config(terminal: &Terminal, config: &Config, caps: &[CapUsage]) {
    let budget = config
        .budget
        .map_or_else(|| "Unlimited".to_owned(), |budget| budget.to_string());
    say!(terminal; "[CONFIG] Parallel Processing Configuration:");
    say!(terminal; "  Workers: {} parallel", config.workers);
    say!(terminal; "  Chunk size: {} brands", config.chunk_size);
    say!(terminal; "  Budget limit: {budget}");
    if config.spent_before > Usd::ZERO {
        say!(terminal; "  Spent before the interruption: {}", config.spent_before);
    }
    for cap in caps {
        say!(terminal; "  {}: {cap}", cap.title());
    }
    if let Some(deadline) = &config.deadline {
        say!(terminal; "  Deadline: {}", zone::named(deadline));
    }
    say!(terminal; "");
}

/// Prints `[ESTIMATE]`.
pub fn estimate(terminal: &Terminal, brands: usize, estimate: &Estimate) {
    say!(terminal; "[ESTIMATE] Processing Estimates:");
    say!(terminal; "  Brands: {brands}");
    say!(terminal; "  Sequential time: {}", span(estimate.sequential));
    say!(terminal; "  Parallel time: {} (est.)", span(estimate.parallel));
    say!(terminal;
        "  Speedup: ~{:.1}× faster",
        ratio(estimate.sequential, estimate.parallel)
    );
    say!(terminal; "  Estimated cost: {}\n", estimate.cost);
}

/// How a run went.
#[derive(Debug)]
pub struct Totals {
    pub total: usize,
    pub skipped: usize,
    /// Brands that the list asks to leave out.
    pub on_request: usize,
    pub rejected: usize,
    pub succeeded: usize,
    /// Of those that succeeded, brands about which little or nothing was found.
    pub thin: usize,
    /// Brands whose reports say something else than before.
    pub changed: usize,
    /// Tokens of the prompts of these, and how many of them providers had in their caches.
    pub tokens_in: u64,
    pub tokens_cached: u64,
    pub failed: usize,
    /// Due, but left for the next run.
    pub left: usize,
    pub elapsed: Duration,
    /// The times of all brands, one after the other.
    pub one_by_one: Duration,
    pub cost: Usd,
    /// The model's server told neither prices nor costs.
    pub model_for_nothing: bool,
    pub credits: u32,
    /// Set aside for calls whose end is not known.
    pub uncertain: Usd,
    pub job_spent: Usd,
    pub budget: Option<Usd>,
    /// What the services say of this run.
    pub reported: Vec<reconciliation::UsageLine>,
    /// Where several hosts work.
    pub share: Option<Share>,
}

/// This host's part in a run of several, and the cost of the whole.
#[derive(Debug)]
pub struct Share {
    /// Brands that ended here.
    pub brands: usize,
    /// US dollars that all hosts have spent.
    pub usd: Usd,
}

fn results(terminal: &Terminal, totals: &Totals, processed: usize) {
    say!(terminal; "\n[RESULTS]");
    say!(terminal;
        "  ✓ Success: {} ({})",
        totals.succeeded,
        percent(totals.succeeded, processed)
    );
    if totals.thin > 0 && totals.share.is_none() {
        say!(terminal;
            "  ⚠ of these with little found: {} ({})",
            totals.thin,
            percent(totals.thin, totals.succeeded)
        );
    }
    say!(terminal;
        "  ✗ Failed: {} ({})",
        totals.failed,
        percent(totals.failed, processed)
    );
    if let Some(share) = &totals.share {
        let thin = match totals.thin {
            0 => String::new(),
            thin => format!(", ⚠ {thin} of them with little found"),
        };
        say!(terminal; "  Of these on this host: {}{thin}", share.brands);
    }
}

fn changes(terminal: &Terminal, brands: usize, reports: &Path) {
    if brands > 0 {
        let page = reports.join("changes.html");
        say!(terminal; "\n[CHANGES]");
        terminal.place(&format!("  Brands that changed: {brands}, see "), &page);
    }
}

/// Prints the summary.
pub fn summary(
    terminal: &Terminal,
    totals: &Totals,
    place: &str,
    logs: &LogFiles,
    checkpoint: &Path,
    reports: &Path,
) {
    let processed = totals.succeeded + totals.failed;
    say!(terminal; "");
    heading(terminal, "PARALLEL BATCH PROCESSING SUMMARY");
    say!(terminal; "\n[TOTALS]");
    say!(terminal; "  Total brands in {place}: {}", totals.total);
    say!(terminal; "  Processed: {processed}");
    say!(terminal; "  Skipped (unchanged): {}", totals.skipped);
    if totals.on_request > 0 {
        say!(terminal; "  Skipped on request: {}", totals.on_request);
    }
    if totals.rejected > 0 {
        say!(terminal; "  Rows without a usable name: {}", totals.rejected);
    }
    if totals.left > 0 {
        say!(terminal; "  Left for the next run: {}", totals.left);
    }
    results(terminal, totals, processed);
    changes(terminal, totals.changed, reports);
    performance(terminal, totals, processed);
    cost(terminal, totals);
    reported(terminal, &totals.reported);
    say!(terminal; "\n[LOGS]");
    terminal.place("  Daily log: ", &logs.readable);
    terminal.place("  Structured log: ", &logs.structured);
    terminal.place("  Checkpoint: ", checkpoint);
    terminal.place("  Reports: ", &reports.join("index.html"));
    say!(terminal; "\n{}", rule(RULE));
}

fn performance(terminal: &Terminal, totals: &Totals, processed: usize) {
    say!(terminal; "\n[PERFORMANCE]");
    say!(terminal;
        "  Elapsed time: {} ({:.0}s)",
        span(totals.elapsed),
        totals.elapsed.as_secs_f64()
    );
    if let Some(average) = u32::try_from(processed)
        .ok()
        .and_then(|n| totals.elapsed.checked_div(n))
    {
        say!(terminal; "  Average per brand: {:.1} seconds", average.as_secs_f64());
        say!(terminal; "  Estimated sequential time: {}", span(totals.one_by_one));
        say!(terminal;
            "  ⚡ Speedup: {:.1}× faster than sequential",
            ratio(totals.one_by_one, totals.elapsed)
        );
    }
}

fn cost(terminal: &Terminal, totals: &Totals) {
    say!(terminal; "\n[COST]");
    say!(terminal;
        "  Cost: {} ({} search credits)",
        totals.cost,
        totals.credits
    );
    if let Some(share) = &totals.share {
        say!(terminal; "  Cost on all hosts: {}", share.usd);
    }
    if totals.model_for_nothing {
        say!(terminal; "  The model's calls are not in it: the server at OPENROUTER_BASE_URL tells no cost");
    }
    if totals.tokens_in > 0 {
        say!(terminal;
            "  Prompt tokens: {} ({} from the provider's cache)",
            totals.tokens_in,
            share(totals.tokens_cached, totals.tokens_in)
        );
    }
    if totals.uncertain > Usd::ZERO {
        say!(terminal;
            "  Set aside for calls that were lost: up to {}",
            totals.uncertain
        );
    }
    if let Some(budget) = totals.budget {
        say!(terminal;
            "  Budget: {} of {budget} used",
            totals.job_spent + totals.uncertain
        );
    }
}

/// What the services say of the run.
fn reported(terminal: &Terminal, items: &[reconciliation::UsageLine]) {
    for (service, comparison) in items {
        let UsageComparison {
            reported, counted, ..
        } = comparison;
        let difference = comparison.difference();
        let why = match difference {
            Difference::None => "",
            Difference::Lost => "; the rest may be the calls that were lost",
            Difference::Late => "; its figures come late, or are those of another account",
            Difference::Unknown => "; somebody else uses the key",
        };
        say!(terminal; "  {service} reports: {reported} (counted here: {counted}{why})");
        if difference == Difference::Unknown {
            terminal.warning(&format!(
                "{service} reports {reported} for the time of this run, and {counted} were counted: does somebody else use the key?"
            ));
        }
    }
}

/// Seconds below two minutes, then minutes, then hours.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        0.0..120.0 => format!("{seconds:.1} seconds"),
        120.0..7_200.0 => format!("{:.1} minutes", seconds / 60.0),
        _ => format!("{:.1} hours", seconds / 3_600.0),
    }
}

fn ratio(long: Duration, short: Duration) -> f64 {
    if short.is_zero() {
        1.0
    } else {
        (long.as_secs_f64() / short.as_secs_f64()).max(1.0)
    }
}

fn percent(part: usize, whole: usize) -> String {
    share(part as u64, whole as u64)
}

fn share(part: u64, whole: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "lists and prompts are far shorter than 2^52"
    )]
    let share = part as f64 / whole.max(1) as f64 * 100.0;
    format!("{share:.1}%")
}
