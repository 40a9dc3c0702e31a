//! The runs of the past: one record each, however the run ended.
//!
//! A run puts itself on record when it ends. One that was killed could not: the next run finds its checkpoint and does it
//! in its place, unless it is on record already.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use jiff::{Timestamp, civil::Date};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, types::Type};
use serde::Serialize;

use super::{
    checkpoint::{Checkpoint, RunStatus},
    registry::{BrandStatus, Registry},
    sqlite::{Database, FILE},
};
use crate::{money::Usd, text::calendar::day_in_iran};

/// The version of the database that has them first.
const SINCE_VERSION: i64 = 4;

/// A run of the past.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunLine {
    pub run_id: String,
    pub started_at: Timestamp,
    /// When it ended; the last update of one that was killed.
    pub ended_at: Timestamp,
    pub status: RunStatus,
    /// Brands in the list.
    pub total: usize,
    /// Brands that ended in this run, well or not.
    pub processed: usize,
    pub succeeded: usize,
    pub failed: usize,
    /// Unchanged brands.
    pub skipped: usize,
    /// What it spent, in US dollars.
    pub usd: Usd,
    /// The services were simulated.
    pub simulated: bool,
}

impl RunLine {
    /// The run of a checkpoint, ended with this status.
    pub fn of(checkpoint: &Checkpoint, status: RunStatus) -> Self {
        Self {
            run_id: checkpoint.run_id.clone(),
            started_at: checkpoint.started_at,
            ended_at: checkpoint.updated_at,
            status,
            total: checkpoint.total,
            processed: checkpoint.processed,
            succeeded: checkpoint.succeeded,
            failed: checkpoint.failed,
            skipped: checkpoint.skipped,
            usd: checkpoint.cost_usd,
            simulated: checkpoint.simulated,
        }
    }
}

/// The run that was begun last, or another that may have no end on record.
#[derive(Debug)]
pub struct Going {
    pub checkpoint: Checkpoint,
    /// Somebody is at work on it.
    pub live: bool,
    /// What is known besides where hosts share it.
    pub whole: Option<Together>,
}

/// How a run stands that several hosts work on.
#[derive(Debug)]
pub struct Together {
    /// `planning` or `working`.
    pub phase: String,
    /// Brands that are due and have not ended.
    pub left: usize,
    /// Brands that a host has in hand.
    pub in_flight: usize,
}

/// Puts a run on record, in the place of what it said of itself before.
pub fn remember(store: &Database, run: &RunLine) -> anyhow::Result<()> {
    store.with_now(|db| insert(db, "REPLACE", run))
}

/// Puts the run of a checkpoint that was left behind on record, where it did not do so itself. A kill can fall between
/// an answer and the checkpoint, so brands are counted in the registry too, and money in the ledger. No run has begun to
/// spend since.
pub fn remember_left(
    store: &Database,
    left: &Checkpoint,
    registry: &Registry,
) -> anyhow::Result<()> {
    let mut run = RunLine::of(left, left.status);
    store.with_now(|db| {
        if left.status == RunStatus::Running {
            run.status = RunStatus::Killed;
            let ended = |status| {
                let entries = registry.entries().map(|(_, entry)| entry);
                entries
                    .filter(|entry| *entry.run_id == *left.run_id && entry.status == status)
                    .count()
            };
            run.succeeded = run.succeeded.max(ended(BrandStatus::Success));
            run.failed = run.failed.max(ended(BrandStatus::Failed));
            run.processed = run.succeeded + run.failed;
            run.usd = run.usd.max(spent_since(db, left.started_at)?);
        }
        insert(db, "IGNORE", &run)
    })
}

/// Adds what a lost call of a run of the past was billed, as is known only now.
pub fn bill_later(db: &Connection, call: i64, cost: Usd) -> anyhow::Result<()> {
    let run: Option<(String, String)> = db
        .query_row(
            "SELECT run.id, run.usd FROM run, spending
             WHERE spending.id = ?1 AND run.started_at <= spending.at ORDER BY run.started_at DESC LIMIT 1",
            [call],
            |row| Ok((row.get("id")?, row.get("usd")?)),
        )
        .optional()?;
    // Runs were not always put on record.
    if let Some((id, usd)) = run {
        let usd = usd.parse::<Usd>()? + cost;
        db.execute(
            "UPDATE run SET usd = ?2 WHERE id = ?1",
            params![id, usd.exact()],
        )?;
    }
    Ok(())
}

fn spent_since(db: &Connection, at: Timestamp) -> anyhow::Result<Usd> {
    let mut query = db.prepare(
        "SELECT usd FROM spending WHERE at >= ?1 AND state = 'settled' AND usd NOT NULL",
    )?;
    let amounts = query.query_map([at.as_millisecond()], |row| row.get::<_, String>(0))?;
    let mut total = Usd::ZERO;
    for amount in amounts {
        total += amount?.parse()?;
    }
    Ok(total)
}

fn insert(db: &Connection, otherwise: &str, run: &RunLine) -> anyhow::Result<()> {
    db.execute(
        &format!(
            "INSERT OR {otherwise} INTO run
             (id, started_at, ended_at, status, total, processed, succeeded, failed, skipped, usd, simulated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ),
        params![
            run.run_id,
            run.started_at.as_millisecond(),
            run.ended_at.as_millisecond(),
            run.status.name(),
            run.total,
            run.processed,
            run.succeeded,
            run.failed,
            run.skipped,
            run.usd.exact(),
            run.simulated
        ],
    )?;
    Ok(())
}

/// The runs of a state folder, the oldest first. Neither takes the folder nor changes what is in it; where there is no
/// database, or one from before runs were remembered, there are none.
pub fn peek(state: &Path) -> anyhow::Result<Vec<RunLine>> {
    let path = state.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    read(&path).with_context(|| {
        format!(
            "the runs of the past cannot be read in {}: if it is damaged, the next run sets it aside and uses what can be read",
            path.display()
        )
    })
}

/// US dollars that are set aside in a state folder for calls of which nobody knows what they were billed, while no run has
/// any in flight. What cannot be read is nothing: the runs of the past say why.
pub fn set_aside(state: &Path) -> Usd {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sum = || -> anyhow::Result<Usd> {
        let db = Connection::open_with_flags(state.join(FILE), flags)?;
        let mut query = db.prepare("SELECT held FROM spending WHERE state = 'held'")?;
        let held = query.query_map([], |row| row.get::<_, String>(0))?;
        let mut total = Usd::ZERO;
        for amount in held {
            total += amount?.parse()?;
        }
        Ok(total)
    };
    sum().unwrap_or_default()
}

fn read(path: &Path) -> anyhow::Result<Vec<RunLine>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < SINCE_VERSION {
        return Ok(Vec::new());
    }
    let mut query = db.prepare(
        "SELECT id, started_at, ended_at, status, total, processed, succeeded, failed, skipped, usd, simulated
         FROM run ORDER BY started_at, rowid",
    )?;
    let runs = query.query_map([], line)?.collect::<Result<_, _>>()?;
    Ok(runs)
}

fn line(row: &Row<'_>) -> rusqlite::Result<RunLine> {
    let at = |name: &str| {
        Timestamp::from_millisecond(row.get(name)?).map_err(|error| odd(row, name, error))
    };
    let status: String = row.get("status")?;
    let usd: String = row.get("usd")?;
    Ok(RunLine {
        run_id: row.get("id")?,
        started_at: at("started_at")?,
        ended_at: at("ended_at")?,
        status: RunStatus::named(&status)
            .ok_or_else(|| odd(row, "status", format!("{status:?} is no status of a run")))?,
        total: row.get("total")?,
        processed: row.get("processed")?,
        succeeded: row.get("succeeded")?,
        failed: row.get("failed")?,
        skipped: row.get("skipped")?,
        usd: usd.parse().map_err(|error| odd(row, "usd", error))?,
        simulated: row.get("simulated")?,
    })
}

fn odd(
    row: &Row<'_>,
    column: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    match row.as_ref().column_index(column) {
        Ok(index) => rusqlite::Error::FromSqlConversionFailure(index, Type::Text, error.into()),
        Err(missing) => missing,
    }
}

/// What was spent on each day in Iran on which a run began, the earliest day first.
pub fn by_day(runs: &[RunLine]) -> BTreeMap<Date, Usd> {
    let mut days = BTreeMap::new();
    for run in runs {
        *days.entry(day_in_iran(run.started_at)).or_default() += run.usd;
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brand::BrandKey,
        store::{StateFolder, registry::Entry},
    };

    fn checkpoint(run_id: &str, second: i64, status: RunStatus) -> Checkpoint {
        let at = Timestamp::from_second(second).unwrap();
        Checkpoint {
            run_id: run_id.into(),
            status,
            started_at: at,
            updated_at: at,
            total: 9,
            processed: 3,
            succeeded: 2,
            failed: 1,
            skipped: 4,
            cost_usd: "0.5".parse().unwrap(),
            elapsed_s: 1.0,
            ended_because: None,
            simulated: true,
        }
    }

    fn entry(run_id: &str, status: BrandStatus) -> Entry {
        Entry {
            brand: "b".into(),
            list: "".into(),
            input_hash: String::new(),
            status,
            attempts: 1,
            run_id: run_id.into(),
            updated_at: Timestamp::UNIX_EPOCH,
            cost_usd: Usd::ZERO,
            report: None,
            thin: None,
            choices: None,
            changes: None,
            error_kind: crate::error_kind::ErrorKind::default(),
            error: None,
        }
    }

    fn spend(store: &Database, second: i64, usd: &str) {
        store
            .with_now(|db| {
                db.execute(
                    "INSERT INTO spending (job, service, hash, at, state, held, usd) VALUES ('j', 's', x'00', ?1, 'settled', '9', ?2)",
                    params![second * 1_000, usd],
                )?;
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_killed_run_counts_once_with_all_that_it_did() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let (store, _) = Database::open(&state.file(FILE), Timestamp::now()).unwrap();
        let (mut registry, _) = Registry::open(&state, Timestamp::now()).unwrap();
        // Killed after a third brand was on record and paid for, and before the checkpoint said so.
        let brands = [
            ("a", "second", BrandStatus::Success),
            ("b", "second", BrandStatus::Success),
            ("c", "second", BrandStatus::Success),
            ("d", "second", BrandStatus::Failed),
            ("e", "first", BrandStatus::Failed),
        ];
        let brands =
            brands.map(|(name, run, status)| (BrandKey::stored(name.into()), entry(run, status)));
        registry.record(brands).unwrap();
        spend(&store, 999, "70");
        spend(&store, 2_000, "0.45");
        spend(&store, 2_001, "0.25");

        let first = RunLine::of(
            &checkpoint("first", 900, RunStatus::Running),
            RunStatus::Complete,
        );
        remember(&store, &first).unwrap();
        let left = checkpoint("second", 2_000, RunStatus::Running);
        // The next run is killed too, before it has a checkpoint of its own.
        for _ in 0..2 {
            remember_left(&store, &left, &registry).unwrap();
        }
        let runs = peek(folder.path()).unwrap();
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[0], first);
        let killed = &runs[1];
        assert_eq!(killed.status, RunStatus::Killed);
        assert_eq!(
            (
                killed.processed,
                killed.succeeded,
                killed.failed,
                killed.usd
            ),
            (4, 3, 1, "0.70".parse().unwrap())
        );
    }

    #[test]
    fn a_run_on_record_is_not_overwritten_by_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let (store, _) = Database::open(&state.file(FILE), Timestamp::now()).unwrap();
        let (registry, _) = Registry::open(&state, Timestamp::now()).unwrap();
        // Killed after it had put itself on record, while the pages were made.
        let running = checkpoint("only", 1_000, RunStatus::Running);
        let own = RunLine::of(&running, RunStatus::BudgetReached);
        remember(&store, &own).unwrap();
        remember_left(&store, &running, &registry).unwrap();
        assert_eq!(peek(folder.path()).unwrap(), [own]);
        // It may say it again itself.
        let aborted = RunLine::of(&running, RunStatus::Aborted);
        remember(&store, &aborted).unwrap();
        assert_eq!(peek(folder.path()).unwrap(), [aborted]);
        // One that ended well and could not write into the store keeps its status.
        let ended = checkpoint("other", 2_000, RunStatus::Complete);
        remember_left(&store, &ended, &registry).unwrap();
        assert_eq!(peek(folder.path()).unwrap()[1].status, RunStatus::Complete);
    }

    #[test]
    fn looking_needs_no_state_and_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert!(peek(&state).unwrap().is_empty());
        assert!(!state.exists());
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join(FILE), b"no database").unwrap();
        assert!(peek(&state).is_err());
        std::fs::remove_file(state.join(FILE)).unwrap();
        // A database of the version before.
        let old = Connection::open(state.join(FILE)).unwrap();
        old.pragma_update(None, "user_version", SINCE_VERSION - 1)
            .unwrap();
        assert!(peek(&state).unwrap().is_empty());
    }

    #[test]
    fn days_are_those_in_iran() {
        // 20:00 and 21:00 in Greenwich are before and after midnight in Tehran.
        let evening = Timestamp::from_second(72_000).unwrap();
        let night = Timestamp::from_second(75_600).unwrap();
        let runs = [evening, evening, night].map(|started_at| RunLine {
            started_at,
            ..RunLine::of(
                &checkpoint("r", 0, RunStatus::Complete),
                RunStatus::Complete,
            )
        });
        let days: Vec<String> = by_day(&runs)
            .iter()
            .map(|(day, usd)| format!("{day} {usd}"))
            .collect();
        assert_eq!(days, ["1970-01-01 $1.00", "1970-01-02 $0.50"]);
    }
}
