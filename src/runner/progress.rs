//! The progress display: a bar on a terminal, plain lines in a pipe. A reader of events.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    forecast::{Forecast, PerBrand, Seen, Situation, forecast},
    options::Verbosity,
    outages::{LONG, Outages},
    progress_bar::{Bar, BarState},
};
use crate::{
    event::Event,
    http::rate_limiter::RateLimiter,
    money::Usd,
    store::paid::Paid,
    text::{
        local_time,
        terminal::{self, Terminal},
    },
};

/// Seconds between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How often the time is shown anew while nothing happens.
pub const TICK: Duration = Duration::from_secs(1);

/// What the time left is reckoned from.
#[derive(Debug)]
pub struct Outlook {
    /// What a brand is expected to take.
    pub expected: PerBrand,
    pub workers: usize,
    pub gates: [(&'static str, Arc<RateLimiter>); 2],
    pub budget: Option<Usd>,
    pub paid: Arc<Paid>,
}

/// Follows a run on the terminal.
#[derive(Debug)]
pub struct Progress {
    terminal: Terminal,
    verbosity: Verbosity,
    bar: Option<Bar>,
    started: Instant,
    last_line: Option<Instant>,
    outlook: Outlook,
    seen: Seen,
    /// A brand was taken up.
    has_begun: bool,
    in_flight: usize,
    total: usize,
    succeeded: usize,
    failed: usize,
    spent: Usd,
    elsewhere: Elsewhere,
    outages: Outages,
    /// When the user was told last that a service is waited for.
    told: HashMap<&'static str, Instant>,
}

/// What other hosts have done.
#[derive(Debug, Default)]
struct Elsewhere {
    succeeded: usize,
    failed: usize,
    spent: Usd,
}

impl Progress {
    /// A display for this many brands.
    pub fn new(
        total: usize,
        verbosity: Verbosity,
        outlook: Outlook,
        outages: Outages,
        terminal: Terminal,
    ) -> Self {
        let bar = (!verbosity.is_quiet() && terminal::has_screen()).then(Bar::new);
        Self {
            terminal,
            verbosity,
            bar,
            started: Instant::now(),
            last_line: None,
            outlook,
            seen: Seen::default(),
            has_begun: false,
            in_flight: 0,
            total,
            succeeded: 0,
            failed: 0,
            spent: Usd::ZERO,
            elsewhere: Elsewhere::default(),
            outages,
            told: HashMap::new(),
        }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::ChunkStarted {
                number,
                from,
                to,
                total,
            } => {
                self.line(&format!(
                    "[CHUNK {number}] Processing brands {from}-{to}/{total}"
                ));
            }
            Event::CallDone {
                service,
                cost,
                replayed: false,
            } => {
                self.spent += cost.usd;
                self.count_request(service);
                self.refresh();
            }
            Event::CallRetried {
                service, why, wait, ..
            } => {
                self.count_request(service);
                self.waiting(service, why, *wait);
            }
            Event::BrandDone {
                brand,
                cost,
                thin,
                took,
                waited,
                ..
            } => {
                self.succeeded += 1;
                self.in_flight = self.in_flight.saturating_sub(1);
                self.seen.cost += cost.usd;
                self.seen.brands += 1;
                self.seen.busy += took.saturating_sub(*waited).as_secs_f64();
                let mark = if *thin { "⚠ little found" } else { "✓" };
                self.detail(&format!(
                    "  {mark} {brand} ({:.1} s, {})",
                    took.as_secs_f64(),
                    cost.usd
                ));
                self.advance();
            }
            Event::BrandFailed { brand, error, .. } => {
                self.failed += 1;
                self.in_flight = self.in_flight.saturating_sub(1);
                // A mail has them by reason, at its end.
                if !self.verbosity.is_quiet() {
                    self.urgent(&format!("  ✗ {brand}: {error}"));
                }
                self.advance();
            }
            Event::BrandPutBack { brand } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.detail(&format!("  ↩ {brand}: left for the next run"));
            }
            Event::CheckpointSaved { processed } => {
                self.line(&self.counts());
                self.line(&format!("\n[CHECKPOINT] Saved at {processed} brands"));
            }
            Event::WindingDown { why, in_flight } => {
                self.winding_down(why, in_flight);
            }
            Event::Warning { text } => self.above_the_bar(|| self.terminal.warning(text)),
            Event::Whole {
                succeeded,
                failed,
                usd,
                ..
            } => {
                self.elsewhere = self.elsewhere(*succeeded, *failed, *usd);
                self.refresh();
            }
            Event::BrandStarted { .. } => {
                self.has_begun = true;
                self.in_flight += 1;
            }
            Event::SheetWritten { .. } | Event::CallDone { .. } => {}
        }
    }

    /// Leaves the last state of the bar on the terminal, where there was any work.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish(self.has_begun.then(|| self.standing()).as_ref());
        }
    }

    /// Takes note of what became of a call.
    pub fn note(&mut self, event: &Event) {
        self.outages.note(event);
        if let Event::CallDone {
            service,
            replayed: false,
            ..
        } = event
        {
            self.told.remove(service);
        }
    }

    /// Says in the state folder who is waited for.
    pub fn tell_outages(&mut self) {
        self.outages.tell();
    }

    /// A single failure is for those who asked for more. Who waits for a service has to know what for.
    fn waiting(&mut self, service: &'static str, why: &str, wait: Duration) {
        let text = format!("  {service}: {why}; again in {:.1} s", wait.as_secs_f64());
        if self.verbosity.is_verbose() {
            return self.detail(&text);
        }
        let Some(failing) = self.outages.of(service) else {
            return;
        };
        let since = local_time::clock(failing.since_at);
        let gone = failing.since.elapsed();
        let again = self.told.get(service).is_none_or(|at| at.elapsed() >= LONG);
        if gone + wait >= LONG && again {
            self.told.insert(service, Instant::now());
            let minutes = gone.as_secs_f64() / 60.0;
            self.line(&format!(
                "[WAITING] since {since} ({minutes:.1} minutes).{text}"
            ));
        }
    }

    fn advance(&mut self) {
        if self.bar.is_some() {
            return self.refresh();
        }
        let last = self.done() == self.total;
        let due = last || self.last_line.is_none_or(|at| at.elapsed() >= PLAIN_EVERY);
        if due && !self.verbosity.is_quiet() {
            self.last_line = Some(Instant::now());
            self.line(&format!("Progress: {}", self.plain()));
        }
    }

    /// Shows the time anew.
    pub fn tick(&self) {
        self.refresh();
    }

    fn refresh(&self) {
        if let Some(bar) = &self.bar {
            bar.draw(&self.standing());
        }
    }

    fn plain(&self) -> String {
        let standing = self.standing();
        let last = match (&standing.waiting, &standing.limit) {
            (Some(waiting), _) => format!(" | {waiting}"),
            (None, Some(limit)) => format!(" | Limit: {limit}"),
            (None, None) => String::new(),
        };
        format!(
            "{}/{} [{}] {}{last}",
            self.done(),
            self.total,
            standing.pace(),
            self.counts(),
        )
    }

    fn standing(&self) -> BarState {
        let elapsed = self.started.elapsed();
        let done = u32::try_from(self.done()).unwrap_or(u32::MAX);
        let between = elapsed.checked_div(done).map_or_else(
            || "?".to_owned(),
            |between| format!("{:.1}", between.as_secs_f64()),
        );
        let waiting = self.outages.now();
        let waiting = waiting.first().map(|outage| {
            let since = local_time::clock(outage.since);
            format!("waiting for {} since {since}", outage.service)
        });
        let forecast = self.forecast();
        BarState {
            succeeded: self.succeeded + self.elsewhere.succeeded,
            failed: self.failed + self.elsewhere.failed,
            total: self.total,
            elapsed,
            left: match (&waiting, &forecast) {
                // How long a service stays away nobody knows.
                (Some(_), Some(_)) => None,
                (_, forecast) => Some(forecast.as_ref().map_or(Duration::ZERO, |f| f.left)),
            },
            between,
            spent: self.spent + self.elsewhere.spent,
            limit: forecast.map(|forecast| forecast.limit.to_string()),
            waiting,
        }
    }

    /// What is left to do will take; `None` when nothing is left.
    fn forecast(&self) -> Option<Forecast> {
        let left = self.total.saturating_sub(self.done());
        let Outlook {
            expected,
            workers,
            gates,
            budget,
            paid,
        } = &self.outlook;
        let (spent, uncertain) = paid.job_spent();
        let of_run = budget.map(|budget| budget.minus(spent + uncertain));
        let situation = Situation {
            left,
            in_flight: self.in_flight,
            workers: *workers,
            gates: gates
                .each_ref()
                .map(|(name, gate)| (*name, gate.standing())),
            budget_left: [of_run, paid.caps_left()].into_iter().flatten().min(),
        };
        let brand = expected.after(&self.seen, self.in_flight);
        (left > 0).then(|| forecast(&situation, &brand))
    }

    fn count_request(&mut self, service: &str) {
        let gates = self.outlook.gates.iter();
        for ((name, _), requests) in gates.zip(&mut self.seen.requests) {
            *requests += u32::from(*name == service);
        }
    }

    fn counts(&self) -> String {
        format!(
            "✓ Success: {} | ✗ Failed: {} | 💰 Cost: {}",
            self.succeeded + self.elsewhere.succeeded,
            self.failed + self.elsewhere.failed,
            self.spent + self.elsewhere.spent
        )
    }

    /// What other hosts have done, where all together have done this.
    fn elsewhere(&self, succeeded: usize, failed: usize, spent: Usd) -> Elsewhere {
        Elsewhere {
            succeeded: succeeded.saturating_sub(self.succeeded),
            failed: failed.saturating_sub(self.failed),
            spent: spent.minus(self.spent),
        }
    }

    fn winding_down(&self, why: &str, in_flight: &[Arc<str>]) {
        let names: Vec<&str> = in_flight.iter().take(16).map(AsRef::as_ref).collect();
        let waiting = match names.len() {
            0 => String::new(),
            _ => format!(
                " Waiting for answers already paid for: {}.",
                names.join("، ")
            ),
        };
        let apart = if self.verbosity.is_quiet() { "" } else { "\n" };
        // A mail has the reason at its end; at a terminal somebody waits.
        if !self.verbosity.is_quiet() || terminal::has_screen() {
            self.urgent(&format!("{apart}[STOP] {why}.{waiting}"));
        }
    }

    /// Brands that have ended, on all hosts.
    fn done(&self) -> usize {
        self.succeeded + self.failed + self.elsewhere.succeeded + self.elsewhere.failed
    }

    /// Part of the usual story.
    fn line(&self, text: &str) {
        if !self.verbosity.is_quiet() {
            self.above_the_bar(|| self.terminal.line(text));
        }
    }

    /// For those who asked for more.
    fn detail(&self, text: &str) {
        if self.verbosity.is_verbose() {
            self.above_the_bar(|| self.terminal.line(text));
        }
    }

    /// Even for those who asked for less.
    fn urgent(&self, text: &str) {
        self.above_the_bar(|| {
            crate::text::terminal::urgent(text);
        });
    }

    fn above_the_bar(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// Minutes and seconds, with hours where there are any.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
