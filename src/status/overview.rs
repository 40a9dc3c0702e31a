//! What `status` tells, gathered from the state folder without holding it. As JSON it is what scripts read, so fields are
//! added and never renamed.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Serialize;

use super::errors::{self, ErrorGroup};
use crate::{
    money::Usd,
    remedy::ErrorKind,
    research::calendar::day_in_iran,
    state::{
        self,
        checkpoint::{Checkpoint, RunStatus},
        registry::{Entry, Registry, Status},
        runs::{self, RunLine},
    },
};

/// How many runs, and days with runs, are shown.
const SHOWN_RUNS: usize = 7;
const SHOWN_DAYS: usize = 14;

#[derive(Debug, Serialize)]
pub struct Overview {
    pub registry: Counts,
    pub report_age: Ages,
    /// The run that is going on, or was the last.
    pub last_run: Option<Checkpoint>,
    pub running: Option<Running>,
    /// The last that have ended, the oldest first.
    pub runs: Vec<RunLine>,
    /// US dollars on the last days with runs, days and runs as in Iran.
    pub spent_by_day: BTreeMap<Date, Usd>,
    pub errors: Vec<ErrorGroup>,
    pub failed: Vec<FailedBrand>,
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
    /// How long these take at the pace of the run so far; `None` before the first has ended.
    pub seconds_left: Option<f64>,
}

/// A brand that failed.
#[derive(Debug, Serialize)]
pub struct FailedBrand {
    pub brand: String,
    pub error: String,
    pub kind: ErrorKind,
    pub attempts: u32,
    pub updated_at: Timestamp,
}

impl Overview {
    /// What a state folder tells, and what of it cannot be read.
    pub fn of(state: &Path) -> anyhow::Result<(Self, Vec<String>)> {
        // Before the rest is read: a run that ends meanwhile has its end on record by then.
        let held = state::is_held(state);
        let (registry, damage) = Registry::peek(state)?;
        let mut problems: Vec<String> = damage.into_iter().collect();
        let mut or_none = |error: anyhow::Error| problems.push(format!("{error:#}"));
        let last = Checkpoint::peek(state).map_err(&mut or_none).ok().flatten();
        let runs = runs::peek(state).map_err(&mut or_none).unwrap_or_default();
        let entries: Vec<&Arc<Entry>> = registry.entries().map(|(_, entry)| entry).collect();
        let overview = Self::make(&entries, last, runs, held, Timestamp::now());
        Ok((overview, problems))
    }

    fn make(
        entries: &[&Arc<Entry>],
        mut last: Option<Checkpoint>,
        mut runs: Vec<RunLine>,
        held: bool,
        now: Timestamp,
    ) -> Self {
        let mut running = None;
        let mut spent = runs::by_day(&runs);
        if let Some(last) = &mut last
            && last.status == RunStatus::Running
            && runs.iter().all(|run| run.run_id != last.run_id)
        {
            *spent.entry(day_in_iran(last.started_at)).or_default() += last.cost_usd;
            if held {
                running = Some(Running::of(last));
            } else {
                // The next run will put it on record.
                last.status = RunStatus::Killed;
                runs.push(RunLine::of(last, RunStatus::Killed));
            }
        }
        let failed: Vec<FailedBrand> = entries
            .iter()
            .filter(|entry| entry.status == Status::Failed)
            .map(|entry| FailedBrand::of(entry))
            .collect();
        Self {
            registry: Counts::count(entries),
            report_age: Ages::count(entries, now),
            last_run: last,
            running,
            runs: runs.split_off(runs.len().saturating_sub(SHOWN_RUNS)),
            spent_by_day: {
                let before = spent.len().saturating_sub(SHOWN_DAYS);
                spent.into_iter().skip(before).collect()
            },
            errors: errors::group(&failed),
            failed,
        }
    }
}

impl Counts {
    fn count(entries: &[&Arc<Entry>]) -> Self {
        let mut brands = Self {
            brands: entries.len(),
            ..Self::default()
        };
        for entry in entries {
            match entry.status {
                Status::Failed => {
                    brands.failed += 1;
                    brands.failed_with_report += usize::from(entry.report.is_some());
                    continue;
                }
                Status::Success if entry.choices.is_some() => brands.ambiguous += 1,
                Status::Success if entry.thin == Some(true) => brands.thin += 1,
                Status::Success => brands.done += 1,
            }
            brands.success += 1;
        }
        brands
    }
}

impl Ages {
    fn count(entries: &[&Arc<Entry>], now: Timestamp) -> Self {
        const DAY: SignedDuration = SignedDuration::from_hours(24);
        let mut ages = Self::default();
        for entry in entries.iter().filter(|e| e.status == Status::Success) {
            let age = now.duration_since(entry.updated_at);
            let count = match () {
                () if age < DAY => &mut ages.day,
                () if age < DAY * 7 => &mut ages.week,
                () if age < DAY * 30 => &mut ages.month,
                () => &mut ages.older,
            };
            *count += 1;
        }
        ages
    }
}

impl Running {
    fn of(run: &Checkpoint) -> Self {
        let left = run.total.saturating_sub(run.skipped + run.processed);
        #[expect(clippy::cast_precision_loss, reason = "far fewer brands than 2^52")]
        let seconds_left = (run.processed > 0).then(|| {
            let seconds = run.elapsed_s / run.processed as f64 * left as f64;
            seconds.round()
        });
        Self {
            run_id: run.run_id.clone(),
            left,
            seconds_left,
        }
    }
}

impl FailedBrand {
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

    const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);

    fn entry(brand: &str, status: Status, days: i64) -> Entry {
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
            ..entry(brand, Status::Failed, 1)
        };
        let mut entries = vec![
            entry("میهن", Status::Success, 0),
            entry("پگاه", Status::Success, 3),
            entry("هراز", Status::Success, 8),
            Entry {
                thin: Some(true),
                ..entry("رامک", Status::Success, 40)
            },
            Entry {
                choices: Some("الف، ب".into()),
                thin: Some(true),
                ..entry("آوا", Status::Success, 0)
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
        let entries: Vec<Arc<Entry>> = entries.into_iter().map(Arc::new).collect();
        let runs = [
            ("a", 60, RunStatus::Complete, "12.5"),
            ("b", 36, RunStatus::BudgetReached, "25"),
        ]
        .map(|(id, hours, status, usd)| RunLine::of(&run(id, hours, status, usd), status));
        let last = run("c", 2, last, "6.1");
        Overview::make(
            &entries.iter().collect::<Vec<_>>(),
            Some(last),
            runs.to_vec(),
            held,
            NOW,
        )
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
        assert_eq!(overview.last_run.unwrap().status, RunStatus::Killed);
        assert_eq!(overview.runs[2].status, RunStatus::Killed);
        // One that ended has put itself on record, or could not write.
        let ended = sample(RunStatus::Complete, true);
        assert!(ended.running.is_none());
        assert_eq!(ended.runs.len(), 2);
    }
}
