//! The overview for people: one screen, aligned, cut to the width of the terminal.

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use jiff::{Timestamp, civil::Date};

use super::overview::{Ages, Counts, Overview, Running};
use crate::{
    money::Usd,
    store::{
        checkpoint::{Checkpoint, RunStatus},
        lock_holder::{Holder, Outage},
        run_history::RunLine,
        shared_run::HostLine,
    },
    text::{calendar::tehran, local_time},
};

/// Errors that are shown, the most common first.
const SHOWN_ERRORS: usize = 5;

/// Up to so many hosts, what each has in hand is shown.
const SHOWN_IN_DETAIL: usize = 6;

/// The longest bar of the chart.
const LONGEST_BAR: usize = 40;

/// Lines that are no longer than the terminal is wide.
struct Screen {
    text: String,
    width: usize,
}

/// All that there is to tell, in lines of at most so many columns.
pub fn text(overview: &Overview, width: usize) -> String {
    let mut page = Screen {
        text: String::new(),
        width,
    };
    brands(&mut page, &overview.registry, &overview.report_age);
    last_run(&mut page, overview);
    hosts(&mut page, overview);
    runs(&mut page, &overview.runs);
    spending(&mut page, overview);
    errors(&mut page, overview);
    page.text
}

impl Screen {
    fn line(&mut self, text: &str) {
        self.text += &truncate_str(text, self.width, "…");
        self.text.push('\n');
    }

    /// A text in as many lines as it takes, those after the first below the text.
    fn paragraph(&mut self, first: &str, text: &str) {
        let indent = " ".repeat(measure_text_width(first));
        let mut line = first.to_owned();
        let mut is_empty = true;
        for word in text.split(' ') {
            let room = self.width.saturating_sub(measure_text_width(&line));
            if !is_empty && measure_text_width(word) > room {
                self.line(line.trim_end());
                indent.clone_into(&mut line);
            }
            line.extend([word, " "]);
            is_empty = false;
        }
        self.line(line.trim_end());
    }

    /// Rows whose columns stand below each other: words at both ends, and figures between them.
    fn table<const N: usize>(&mut self, rows: &[[String; N]]) {
        let widths: [usize; N] = std::array::from_fn(|i| {
            let widths = rows.iter().map(|row| measure_text_width(&row[i]));
            widths.max().unwrap_or(0)
        });
        for row in rows {
            let cells = row.iter().zip(widths).enumerate();
            let line: Vec<_> = cells
                .map(|(i, (cell, width))| match i {
                    0 => pad_str(cell, width, Alignment::Left, None),
                    _ if i + 1 == N => cell.into(),
                    _ => pad_str(cell, width, Alignment::Right, None),
                })
                .collect();
            self.line(format!("  {}", line.join("  ")).trim_end());
        }
    }
}

fn brands(page: &mut Screen, brands: &Counts, ages: &Ages) {
    page.line(&format!(
        "[REGISTRY] {} brands tracked ({} success, {} failed)",
        brands.brands, brands.success, brands.failed
    ));
    if brands.brands == 0 {
        return;
    }
    let mut states = vec![format!("✓ {} done", brands.done)];
    for (count, what) in [
        (brands.thin, "⚠ {} little found"),
        (brands.ambiguous, "؟ {} which company?"),
        (brands.failed, "✗ {} failed"),
    ] {
        if count > 0 {
            states.push(what.replace("{}", &count.to_string()));
        }
    }
    page.line(&format!("  {}", states.join("   ")));
    let mut reports = format!(
        "{} under a day old, {} under a week, {} under 30 days, {} older",
        ages.day, ages.week, ages.month, ages.older
    );
    if brands.failed_with_report > 0 {
        reports += &format!(
            "; {} more of brands that failed since",
            brands.failed_with_report
        );
    }
    page.paragraph("  Reports: ", &reports);
}

fn last_run(page: &mut Screen, overview: &Overview) {
    beginning(page, overview);
    let Some(last) = &overview.last_run else {
        return page.line("\n[LAST RUN] There was none yet.");
    };
    let run = &last.checkpoint;
    page.line("");
    if let Some(remedy) = &last.remedy {
        page.line(&format!(
            "[LAST RUN] did not start, {} (Iran's time)",
            clock(run.started_at)
        ));
        page.paragraph("  Why: ", run.ended_because.as_deref().unwrap_or_default());
        return page.paragraph("  → ", remedy);
    }
    match &overview.running {
        Some(running) => {
            let stands = match running.phase.as_deref() {
                Some("planning") => "is being planned",
                _ => "is going on",
            };
            page.line(&format!("[NOW] Run {} {stands}", run.run_id));
            page.line(&progress(run, running));
            waiting(page, &running.waiting_for);
        }
        None => page.line(&format!("[LAST RUN] {} {}", run.run_id, words(run.status))),
    }
    page.line(&format!(
        "  Started {}, last update {} (Iran's time)",
        clock(run.started_at),
        clock(run.updated_at)
    ));
    page.line(&figures(run));
    if let Some(why) = &run.ended_because {
        page.paragraph("  Why: ", why);
    }
    if let Some(other) = &overview.not_started {
        let first = format!("  Another did not start, {}: ", clock(other.at));
        page.paragraph(&first, &other.error);
    }
}

/// Somebody holds the folder and works on no brand yet.
fn beginning(page: &mut Screen, overview: &Overview) {
    let Some(holder) = overview
        .holder
        .as_ref()
        .filter(|_| overview.running.is_none())
    else {
        return;
    };
    page.line(&format!(
        "\n[NOW] A run is beginning{}",
        Holder::in_words(Some(holder))
    ));
    waiting(page, &holder.waiting_for);
}

fn waiting(page: &mut Screen, services: &[Outage]) {
    for outage in services {
        let first = format!("  Waiting for {} ", outage.service);
        let text = format!("since {}: {}", local_time::clock(outage.since), outage.why);
        page.paragraph(&first, &text);
    }
}

fn progress(run: &Checkpoint, running: &Running) -> String {
    let more = running
        .seconds_left
        .map(|seconds| format!(", {} more at this pace", time(seconds)))
        .unwrap_or_default();
    let in_hand = running
        .in_flight
        .map(|brands| format!("; {brands} in hand"))
        .unwrap_or_default();
    format!(
        "  {} of {} brands in {}{more}{in_hand}",
        run.processed,
        run.processed + running.left,
        time(run.elapsed_s)
    )
}

fn hosts(page: &mut Screen, overview: &Overview) {
    if overview.hosts.is_empty() {
        return;
    }
    let gone = overview.hosts.iter().filter(|host| host.gone).count();
    let gone_too = match gone {
        0 => String::new(),
        gone => format!(", {gone} gone: others do what they had in hand"),
    };
    page.line(&format!(
        "\n[HOSTS] {} at work{gone_too}",
        overview.hosts.len() - gone
    ));
    let head = [
        "host", "process", "workers", "here for", "seen", "in hand", "done", "",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    let run = overview.last_run.as_ref();
    let run = run.map(|run| &*run.checkpoint.run_id);
    rows.extend(overview.hosts.iter().map(|host| host_row(host, run)));
    page.table(&rows);
    if overview.hosts.len() > SHOWN_IN_DETAIL {
        return page.line("  What each has in hand: brandintel status --json");
    }
    for host in overview
        .hosts
        .iter()
        .filter(|host| !host.in_hand.is_empty())
    {
        let brands = host.in_hand.iter();
        let brands: Vec<String> = brands
            .map(|brand| format!("{} {}", brand.brand, time(brand.seconds)))
            .collect();
        page.line(&format!(
            "  {} ({}): {}",
            host.name,
            host.process,
            brands.join(", ")
        ));
    }
}

fn host_row(host: &HostLine, run: Option<&str>) -> [String; 8] {
    let mut notes = Vec::new();
    if host.gone {
        notes.push("gone".to_owned());
    }
    if host.leads {
        notes.push("leads".to_owned());
    }
    if let Some(other) = host.run.as_deref().filter(|other| Some(*other) != run) {
        notes.push(format!("run {other}"));
    }
    [
        host.name.clone(),
        host.process.to_string(),
        host.workers.to_string(),
        time(host.here_s),
        format!("{} ago", time(host.silent_s)),
        host.in_hand.len().to_string(),
        host.done.to_string(),
        notes.join(", "),
    ]
}

fn figures(run: &Checkpoint) -> String {
    format!(
        "  ✓ {} ✗ {} 💰 {}   {} skipped of {} brands{}",
        run.succeeded,
        run.failed,
        run.cost_usd,
        run.skipped,
        run.total,
        if run.simulated { ", simulated" } else { "" }
    )
}

fn runs(page: &mut Screen, runs: &[RunLine]) {
    if runs.is_empty() {
        return;
    }
    page.line("\n[RUNS] The last ones:");
    let head = ["started", "took", "brands", "✓", "✗", "cost", ""].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(runs.iter().map(|run| {
        let took = run.ended_at.duration_since(run.started_at);
        [
            clock(run.started_at),
            time(took.as_secs_f64()),
            format!("{}/{}", run.processed, run.total),
            run.succeeded.to_string(),
            run.failed.to_string(),
            run.usd.to_string(),
            words(run.status).to_owned(),
        ]
    }));
    page.table(&rows);
}

fn spending(page: &mut Screen, overview: &Overview) {
    let days = &overview.spent_by_day;
    if overview.set_aside_usd > Usd::ZERO {
        page.line("");
        page.paragraph(
            "[SET ASIDE] ",
            &format!(
                "Up to {} for calls that were lost: the next run asks the services what they were billed",
                overview.set_aside_usd
            ),
        );
    }
    if days.is_empty() {
        return;
    }
    let total: Usd = days.values().copied().sum();
    page.line(&format!("\n[SPENT] {total}, by day in Iran:"));
    let most = days.values().max().map_or(0.0, |most| most.as_f64());
    let amounts: Vec<String> = days.values().map(ToString::to_string).collect();
    let widest = amounts.iter().map(String::len).max().unwrap_or(0);
    let room = page.width.saturating_sub(16 + widest).clamp(1, LONGEST_BAR);
    for ((day, usd), amount) in days.iter().zip(&amounts) {
        page.line(&bar_line(*day, amount, widest, usd.as_f64() / most, room));
    }
}

fn bar_line(day: Date, amount: &str, widest: usize, share: f64, room: usize) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of some columns; of nothing at all it is none"
    )]
    let length = (share * room as f64).ceil() as usize;
    let line = format!("  {day}  {amount:>widest$}  {}", "█".repeat(length));
    line.trim_end().to_owned()
}

fn errors(page: &mut Screen, overview: &Overview) {
    if overview.errors.is_empty() {
        return;
    }
    page.line(&format!(
        "\n[ERRORS] Of {} brands that failed:",
        overview.failed.len()
    ));
    for group in overview.errors.iter().take(SHOWN_ERRORS) {
        let tried = match group.attempts {
            0 | 1 => String::new(),
            n => format!(" (up to {n} attempts)"),
        };
        page.paragraph(&format!("  {} × ", group.brands), group.text());
        page.line(&format!("      {}{tried}", group.named()));
        page.paragraph("      → ", group.remedy);
    }
    if overview.errors.len() > SHOWN_ERRORS {
        page.line(&format!(
            "  and {} other errors: brandintel status --json",
            overview.errors.len() - SHOWN_ERRORS
        ));
    }
}

fn words(status: RunStatus) -> &'static str {
    match status {
        RunStatus::BudgetReached => "budget reached",
        RunStatus::NotStarted => "not started",
        other => other.name(),
    }
}

fn clock(at: Timestamp) -> String {
    let at = at.to_zoned_datetime(tehran());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Some time, in the unit that says most.
fn time(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.0} s"),
        90.0..5_400.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::overview::tests::{sample, sample_of_hosts},
        *,
    };

    #[test]
    fn one_screen_tells_all() {
        insta::assert_snapshot!(text(&sample(RunStatus::Running, true), 80));
    }

    #[test]
    fn hosts_are_told_of_in_the_middle_of_the_screen() {
        insta::assert_snapshot!(text(&sample_of_hosts(), 80));
    }

    #[test]
    fn a_narrow_terminal_cuts_lines_and_wraps_advice() {
        let text = text(&sample(RunStatus::Running, false), 40);
        for line in text.lines() {
            assert!(measure_text_width(line) <= 40, "{line}");
        }
        let advice: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(advice.contains("→ Choose another --model"), "{text}");
    }

    #[test]
    fn days_on_which_nothing_was_spent_have_no_bar() {
        let day = Date::constant(2026, 11, 24);
        let line = bar_line(day, "$0.00", 6, f64::NAN, 40);
        assert_eq!(line, "  2026-11-24   $0.00");
        assert_eq!(
            bar_line(day, "$1.50", 5, 1.0, 4),
            "  2026-11-24  $1.50  ████"
        );
    }
}
