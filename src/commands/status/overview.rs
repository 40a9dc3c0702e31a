//! The contents of `status`, read from the state without locking it. Scripts read it as JSON, so fields are added and never
//! renamed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Serialize;

use crate::{
    error_groups::{Reason, Reasons},
    error_kind::ErrorKind,
    money::Usd,
    store::{
        Store,
        checkpoint::{Checkpoint, RunStatus},
        engine::Present,
        lock_holder::{Holder, Outage},
        not_started::NotStarted,
        registry::{BrandStatus, Entry},
        run_history::{self, Going, RunLine},
        shared_run::HostLine,
    },
    text::calendar::day_in_iran,
};

/// How many runs, and days with runs, are shown.
const SHOWN_RUNS: usize = 7;
const SHOWN_DAYS: usize = 14;

#[derive(Debug, Serialize)]
pub struct Overview {
    pub registry: Counts,
    pub report_age: Ages,
    /// The run that is going on, or was the last.
    pub last_run: Option<LastRun>,
    pub running: Option<Running>,
    /// The process that holds the state folder; none with a shared store.
    pub holder: Option<Holder>,
    /// The last run that did not start, where none has started since.
    pub not_started: Option<NotStarted>,
    /// Hosts that share the store and are at work, or have gone without a word; none with a state folder.
    pub hosts: Vec<HostLine>,
    /// The last that have ended, the oldest first.
    pub runs: Vec<RunLine>,
    /// US dollars on the last days with runs, days and runs as in Iran.
    pub spent_by_day: BTreeMap<Date, Usd>,
    /// US dollars set aside for calls that were lost, until the services say what they were billed.
    pub set_aside_usd: Usd,
    pub errors: Vec<Reason>,
    pub failed: Vec<FailedBrandStatus>,
}

/// The run that is going on, or was the last.
#[derive(Debug, Serialize)]
pub struct LastRun {
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// What to do, where it did not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
}

/// Brands, counted as they come.
#[derive(Debug, Default)]
struct Tally {
    registry: Counts,
    ages: Ages,
    failed: Vec<FailedBrandStatus>,
}

/// Brands by how their last attempt ended.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    pub brands: usize,
    /// With a report: `done`, `thin` and `ambiguous` together.
    pub success: usize,
    pub failed: usize,
    pub done: usize,
    /// Little was found.
    pub thin: usize,
    /// Several companies have the name.
    pub ambiguous: usize,
    /// Of those that failed, brands that keep the report of an earlier success.
    pub failed_with_report: usize,
}

/// Reports of brands that succeeded, by age.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Ages {
    /// Less than a day.
    pub day: usize,
    /// A day or more, and less than a week.
    pub week: usize,
    /// A week or more, and less than 30 days.
    pub month: usize,
    pub older: usize,
}

/// A run that is going on.
#[derive(Debug, Serialize)]
pub struct Running {
    pub run_id: String,
    /// Brands that are due and have not ended.
    pub left: usize,
    /// How long these take at the pace of the run so far; `None` before the first has ended, and while a service is away.
    pub seconds_left: Option<f64>,
    /// Services that do not answer now.
    pub waiting_for: Vec<Outage>,
    /// Where hosts share it: `planning` or `working`, and brands that one of them has in hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<usize>,
}

/// A brand that failed.
#[derive(Debug, Serialize)]
pub struct FailedBrandStatus {
    pub brand: String,
    pub error: String,
    pub kind: ErrorKind,
    pub attempts: u32,
    pub updated_at: Timestamp,
}

impl Overview {
    /// What the state tells, and what of it cannot be read.
    pub async fn of(store: &dyn Store) -> anyhow::Result<(Self, Vec<String>)> {
        let mut tally = Tally::default();
        let now = Timestamp::now();
        let present = store.present(&mut |entry| tally.add(entry, now)).await?;
        let Present {
            runs,
            going,
            hosts,
            holder,
            set_aside,
            problems,
        } = present;
        let mut overview = Self::make(tally, runs, going, hosts);
        if let (Some(running), Some(holder)) = (&mut overview.running, &holder) {
            running.wait_for(&holder.waiting_for);
        }
        overview.holder = holder;
        overview.set_aside_usd = set_aside;
        Ok((overview, problems))
    }

    /// `going` are the runs that may have no end on record, the newest last.
    fn make(
        tally: Tally,
        mut runs: Vec<RunLine>,
        mut going: Vec<Going>,
        hosts: Vec<HostLine>,
    ) -> Self {
        let mut running = None;
        let mut spent = run_history::by_day(&runs);
        for going in &mut going {
            let last = &mut going.checkpoint;
            if let Some(run) = runs.iter().find(|run| run.run_id == last.run_id) {
                // What lost calls were billed may be known only since.
                last.cost_usd = run.usd;
                continue;
            }
            if last.status != RunStatus::Running {
                continue;
            }
            *spent.entry(day_in_iran(last.started_at)).or_default() += last.cost_usd;
            if going.live {
                running = Some(Running::of(going));
            } else {
                // The next run will put it on record.
                last.status = RunStatus::Killed;
                runs.push(RunLine::of(last, RunStatus::Killed));
            }
        }
        runs.sort_by_key(|run| run.started_at);
        Self {
            registry: tally.registry,
            report_age: tally.ages,
            last_run: going.pop().map(|going| LastRun::of(going.checkpoint)),
            running,
            holder: None,
            not_started: None,
            hosts,
            runs: runs.split_off(runs.len().saturating_sub(SHOWN_RUNS)),
            spent_by_day: {
                let before = spent.len().saturating_sub(SHOWN_DAYS);
                spent.into_iter().skip(before).collect()
            },
            set_aside_usd: Usd::ZERO,
            errors: reasons(&tally.failed),
            failed: tally.failed,
        }
    }

    /// Adds a run that did not start. It is the last one where none has shown a sign of life since, and is told of beside
    /// the last one where that has gone on for longer.
    pub fn add_not_started(&mut self, run: Option<NotStarted>) {
        let last = self.last_run.as_ref().map(|last| &last.checkpoint);
        let Some(run) = run.filter(|run| last.is_none_or(|last| last.started_at < run.at)) else {
            return;
        };
        if self.running.is_none() && last.is_none_or(|last| last.updated_at < run.at) {
            self.last_run = Some(LastRun::not_started(&run));
        }
        self.not_started = Some(run);
    }
}

fn reasons(failed: &[FailedBrandStatus]) -> Vec<Reason> {
    let mut reasons = Reasons::default();
    for brand in failed {
        reasons.add(&brand.brand, brand.kind, &brand.error, brand.attempts);
    }
    reasons.sorted()
}

impl LastRun {
    fn of(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            remedy: None,
            exit_code: None,
        }
    }

    fn not_started(run: &NotStarted) -> Self {
        Self {
            checkpoint: Checkpoint {
                run_id: String::new(),
                status: RunStatus::NotStarted,
                started_at: run.at,
                updated_at: run.at,
                total: 0,
                processed: 0,
                succeeded: 0,
                failed: 0,
                skipped: 0,
                cost_usd: Usd::ZERO,
                elapsed_s: 0.0,
                ended_because: Some(run.error.clone()),
                simulated: run.simulated,
            },
            remedy: Some(run.remedy.clone()),
            exit_code: Some(run.exit_code),
        }
    }
}

impl Tally {
    fn add(&mut self, entry: &Entry, now: Timestamp) {
        self.registry.add(entry);
        match entry.status {
            BrandStatus::Success => self.ages.add(now.duration_since(entry.updated_at)),
            BrandStatus::Failed => self.failed.push(FailedBrandStatus::of(entry)),
        }
    }
}

impl Counts {
    fn add(&mut self, entry: &Entry) {
        self.brands += 1;
        match entry.status {
            BrandStatus::Failed => {
                self.failed += 1;
                self.failed_with_report += usize::from(entry.report.is_some());
                return;
            }
            BrandStatus::Success if entry.choices.is_some() => self.ambiguous += 1,
            BrandStatus::Success if entry.thin == Some(true) => self.thin += 1,
            BrandStatus::Success => self.done += 1,
        }
        self.success += 1;
    }
}

impl Ages {
    fn add(&mut self, age: SignedDuration) {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        let count = match () {
            () if age < DAY => &mut self.day,
            () if age < DAY * 7 => &mut self.week,
            () if age < DAY * 30 => &mut self.month,
            () => &mut self.older,
        };
        *count += 1;
    }
}

impl Running {
    fn of(going: &Going) -> Self {
        let run = &going.checkpoint;
        let left = match &going.whole {
            Some(whole) => whole.left,
            None => run.total.saturating_sub(run.skipped + run.processed),
        };
        #[expect(clippy::cast_precision_loss, reason = "far fewer brands than 2^52")]
        let seconds_left = (run.processed > 0).then(|| {
            let seconds = run.elapsed_s / run.processed as f64 * left as f64;
            seconds.round()
        });
        Self {
            run_id: run.run_id.clone(),
            left,
            seconds_left,
            waiting_for: Vec::new(),
            phase: going.whole.as_ref().map(|whole| whole.phase.clone()),
            in_flight: going.whole.as_ref().map(|whole| whole.in_flight),
        }
    }
}

impl Running {
    /// Nobody knows how long that takes.
    fn wait_for(&mut self, services: &[Outage]) {
        services.clone_into(&mut self.waiting_for);
        if !services.is_empty() {
            self.seconds_left = None;
        }
    }
}

impl FailedBrandStatus {
    fn of(entry: &Entry) -> Self {
        Self {
            brand: entry.brand.clone(),
            error: entry.error.clone().unwrap_or_default(),
            kind: entry.error_kind,
            attempts: entry.attempts,
            updated_at: entry.updated_at,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::store::shared_run::InHand;

    const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);

    fn entry(brand: &str, status: BrandStatus, days: i64) -> Entry {
        Entry {
            brand: brand.into(),
            list: "".into(),
            input_hash: String::new(),
            status,
            attempts: 1,
            run_id: "r".into(),
            updated_at: NOW - SignedDuration::from_hours(24 * days + 1),
            cost_usd: Usd::ZERO,
            report: None,
            thin: None,
            choices: None,
            changes: None,
            error_kind: ErrorKind::default(),
            error: None,
        }
    }

    fn run(run_id: &str, hours_ago: i64, status: RunStatus, usd: &str) -> Checkpoint {
        let started_at = NOW - SignedDuration::from_hours(hours_ago);
        Checkpoint {
            run_id: run_id.into(),
            status,
            started_at,
            updated_at: started_at + SignedDuration::from_mins(25),
            total: 219,
            processed: 100,
            succeeded: 97,
            failed: 3,
            skipped: 19,
            cost_usd: usd.parse().unwrap(),
            elapsed_s: 1_500.0,
            ended_because: None,
            simulated: false,
        }
    }

    /// A list with something of everything, and a run that stands like this.
    pub fn sample(last: RunStatus, held: bool) -> Overview {
        let failed = |brand: &str, kind, error: &str| Entry {
            error_kind: kind,
            error: Some(error.to_owned()),
            attempts: 3,
            ..entry(brand, BrandStatus::Failed, 1)
        };
        let mut entries = vec![
            entry("میهن", BrandStatus::Success, 0),
            entry("پگاه", BrandStatus::Success, 3),
            entry("هراز", BrandStatus::Success, 8),
            Entry {
                thin: Some(true),
                ..entry("رامک", BrandStatus::Success, 40)
            },
            Entry {
                choices: Some("الف، ب".into()),
                thin: Some(true),
                ..entry("آوا", BrandStatus::Success, 0)
            },
            failed(
                "کاله",
                ErrorKind::Blocked,
                "OpenRouter: analyst «کاله»: status 403: Flagged by policy 8f3a9b21",
            ),
            failed(
                "دامداران",
                ErrorKind::Blocked,
                "OpenRouter: analyst «دامداران»: status 403: Flagged by policy 77aa01c3",
            ),
            failed(
                "صباح",
                ErrorKind::NoAnswer,
                "Tavily: search «صباح لبنیات»: status 502: Bad gateway (8 times)",
            ),
        ];
        entries[5].report = Some("output/کاله/brand_report.json".into());
        let mut tally = Tally::default();
        for entry in &entries {
            tally.add(entry, NOW);
        }
        let runs = [
            ("a", 60, RunStatus::Complete, "12.5"),
            ("b", 36, RunStatus::BudgetReached, "25"),
        ]
        .map(|(id, hours, status, usd)| RunLine::of(&run(id, hours, status, usd), status));
        let going = Going {
            checkpoint: run("c", 2, last, "6.1"),
            live: held,
            whole: None,
        };
        Overview::make(tally, runs.to_vec(), vec![going], Vec::new())
    }

    /// The same where two hosts of three are at work.
    pub fn sample_of_hosts() -> Overview {
        let mut overview = sample(RunStatus::Running, true);
        if let Some(running) = &mut overview.running {
            running.phase = Some("working".into());
            running.in_flight = Some(3);
        }
        let host = |name: &str, process, gone| HostLine {
            name: name.into(),
            process,
            run: Some("c".into()),
            leads: process == 4_711,
            gone,
            workers: 8,
            started_at: NOW - SignedDuration::from_mins(25),
            seen_at: NOW,
            here_s: 1_500.0,
            silent_s: if gone { 47.0 } else { 2.0 },
            done: 48,
            in_hand: Vec::new(),
        };
        let brand = |brand: &str, seconds| InHand {
            brand: brand.into(),
            seconds,
        };
        overview.hosts = vec![
            host("tehran-1", 4_711, false),
            host("tehran-2", 99, true),
            host("karaj", 99, false),
        ];
        overview.hosts[0].in_hand = vec![brand("کاله", 95.0), brand("پگاه", 4.0)];
        overview.hosts[1].in_hand = vec![brand("میهن", 61.0)];
        overview
    }

    #[test]
    fn brands_are_counted_by_state_and_age() {
        let overview = sample(RunStatus::Running, true);
        let Counts {
            brands,
            success,
            failed,
            done,
            thin,
            ambiguous,
            failed_with_report,
        } = overview.registry;
        assert_eq!((brands, success, failed, failed_with_report), (8, 5, 3, 1));
        assert_eq!((done, thin, ambiguous), (3, 1, 1));
        let Ages {
            day,
            week,
            month,
            older,
        } = overview.report_age;
        assert_eq!((day, week, month, older), (2, 1, 1, 1));
    }

    #[test]
    fn a_run_that_goes_on_says_what_is_left_at_its_pace() {
        let overview = sample(RunStatus::Running, true);
        let running = overview.running.unwrap();
        assert_eq!((running.left, running.seconds_left), (100, Some(1_500.0)));
        assert_eq!(overview.runs.len(), 2);
        let spent: Usd = overview.spent_by_day.into_values().sum();
        assert_eq!(spent.to_string(), "$43.60");
    }

    #[test]
    fn a_run_that_holds_nothing_any_more_was_killed() {
        let overview = sample(RunStatus::Running, false);
        assert!(overview.running.is_none());
        let last = overview.last_run.unwrap().checkpoint;
        assert_eq!(last.status, RunStatus::Killed);
        assert_eq!(overview.runs[2].status, RunStatus::Killed);
        // One that ended has put itself on record, or could not write.
        let ended = sample(RunStatus::Complete, true);
        assert!(ended.running.is_none());
        assert_eq!(ended.runs.len(), 2);
    }
}
