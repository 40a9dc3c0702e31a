//! What the user reads before and after a run: the sections of the guide, with its tags and in its order.

use std::{path::Path, time::Duration};

use console::Term;
use jiff::ZonedDateTime;

use super::{estimate::Estimate, log::LogFiles, reconciliation};
use crate::{
    config::zone,
    money::Usd,
    say,
    store::{
        caps::Standing,
        reconciliation::{Comparison, Difference},
    },
    text::terminal,
};

/// Columns of the lines around a heading, where the terminal has them.
const RULE: usize = 60;

/// The name of the program, and what it is for.
pub fn banner(simulated: bool) {
    let wide = rule(66);
    say!(
        "{wide}\n       Brand Intelligence Agent - Multi-Agent System\n            Iranian Brand Analysis for Advertising\n{wide}\n"
    );
    if simulated {
        say!(
            "[SANDBOX] The services are simulated: no keys, no network, no money. Nothing in the reports is true.\n"
        );
    }
}

/// A heading between two lines.
pub fn heading(text: &str) {
    let rule = rule(RULE);
    say!("{rule}\n{text}\n{rule}");
}

/// A line of so many columns, or as many as a narrow terminal has.
fn rule(columns: usize) -> String {
    let (_, terminal) = Term::stdout().size_checked().unwrap_or((0, u16::MAX));
    "=".repeat(columns.min(terminal.into()))
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
pub fn config(config: &Config, caps: &[Standing]) {
    let budget = config
        .budget
        .map_or_else(|| "Unlimited".to_owned(), |budget| budget.to_string());
    say!("[CONFIG] Parallel Processing Configuration:");
    say!("  Workers: {} parallel", config.workers);
    say!("  Chunk size: {} brands", config.chunk_size);
    say!("  Budget limit: {budget}");
    if config.spent_before > Usd::ZERO {
        say!("  Spent before the interruption: {}", config.spent_before);
    }
    for cap in caps {
        say!("  {}: {cap}", cap.title());
    }
    if let Some(deadline) = &config.deadline {
        say!("  Deadline: {}", zone::named(deadline));
    }
    say!("");
}

/// Prints `[ESTIMATE]`.
pub fn estimate(brands: usize, estimate: &Estimate) {
    say!("[ESTIMATE] Processing Estimates:");
    say!("  Brands: {brands}");
    say!("  Sequential time: {}", span(estimate.sequential));
    say!("  Parallel time: {} (est.)", span(estimate.parallel));
    say!(
        "  Speedup: ~{:.1}× faster",
        ratio(estimate.sequential, estimate.parallel)
    );
    say!("  Estimated cost: {}\n", estimate.cost);
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
    pub reported: Vec<reconciliation::Item>,
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

fn results(totals: &Totals, processed: usize) {
    say!("\n[RESULTS]");
    say!(
        "  ✓ Success: {} ({})",
        totals.succeeded,
        percent(totals.succeeded, processed)
    );
    if totals.thin > 0 && totals.share.is_none() {
        say!(
            "  ⚠ of these with little found: {} ({})",
            totals.thin,
            percent(totals.thin, totals.succeeded)
        );
    }
    say!(
        "  ✗ Failed: {} ({})",
        totals.failed,
        percent(totals.failed, processed)
    );
    if let Some(share) = &totals.share {
        let thin = match totals.thin {
            0 => String::new(),
            thin => format!(", ⚠ {thin} of them with little found"),
        };
        say!("  Of these on this host: {}{thin}", share.brands);
    }
}

fn changes(brands: usize, reports: &Path) {
    if brands > 0 {
        let page = reports.join("changes.html");
        say!("\n[CHANGES]");
        terminal::place(&format!("  Brands that changed: {brands}, see "), &page);
    }
}

/// Prints the summary.
pub fn summary(totals: &Totals, place: &str, logs: &LogFiles, checkpoint: &Path, reports: &Path) {
    let processed = totals.succeeded + totals.failed;
    say!("");
    heading("PARALLEL BATCH PROCESSING SUMMARY");
    say!("\n[TOTALS]");
    say!("  Total brands in {place}: {}", totals.total);
    say!("  Processed: {processed}");
    say!("  Skipped (unchanged): {}", totals.skipped);
    if totals.on_request > 0 {
        say!("  Skipped on request: {}", totals.on_request);
    }
    if totals.rejected > 0 {
        say!("  Rows without a usable name: {}", totals.rejected);
    }
    if totals.left > 0 {
        say!("  Left for the next run: {}", totals.left);
    }
    results(totals, processed);
    changes(totals.changed, reports);
    say!("\n[PERFORMANCE]");
    say!(
        "  Elapsed time: {} ({:.0}s)",
        span(totals.elapsed),
        totals.elapsed.as_secs_f64()
    );
    if let Some(average) = u32::try_from(processed)
        .ok()
        .and_then(|n| totals.elapsed.checked_div(n))
    {
        say!("  Average per brand: {:.1} seconds", average.as_secs_f64());
        say!("  Estimated sequential time: {}", span(totals.one_by_one));
        say!(
            "  ⚡ Speedup: {:.1}× faster than sequential",
            ratio(totals.one_by_one, totals.elapsed)
        );
    }
    say!("\n[COST]");
    say!(
        "  Cost: {} ({} search credits)",
        totals.cost,
        totals.credits
    );
    if let Some(share) = &totals.share {
        say!("  Cost on all hosts: {}", share.usd);
    }
    if totals.model_for_nothing {
        say!("  The model's calls are not in it: the server at OPENROUTER_BASE_URL tells no cost");
    }
    if totals.tokens_in > 0 {
        say!(
            "  Prompt tokens: {} ({} from the provider's cache)",
            totals.tokens_in,
            share(totals.tokens_cached, totals.tokens_in)
        );
    }
    if totals.uncertain > Usd::ZERO {
        say!(
            "  Set aside for calls that were lost: up to {}",
            totals.uncertain
        );
    }
    if let Some(budget) = totals.budget {
        say!(
            "  Budget: {} of {budget} used",
            totals.job_spent + totals.uncertain
        );
    }
    for (service, comparison) in &totals.reported {
        let Comparison {
            reported, counted, ..
        } = comparison;
        let difference = comparison.difference();
        let why = match difference {
            Difference::None => "",
            Difference::Lost => "; the rest may be the calls that were lost",
            Difference::Late => "; its totals come late, or are those of another account",
            Difference::Unknown => "; somebody else uses the key",
        };
        say!("  {service} reports: {reported} (counted here: {counted}{why})");
        if difference == Difference::Unknown {
            terminal::warning(&format!(
                "{service} reports {reported} for the time of this run, and {counted} were counted: does somebody else use the key?"
            ));
        }
    }
    say!("\n[LOGS]");
    terminal::place("  Daily log: ", &logs.readable);
    terminal::place("  Structured log: ", &logs.structured);
    terminal::place("  Checkpoint: ", checkpoint);
    terminal::place("  Reports: ", &reports.join("index.html"));
    say!("\n{}", rule(RULE));
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
