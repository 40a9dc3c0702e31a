//! The opening of the database: its tables in this version, what is damaged, and what is too old to be kept.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, params};

use super::{fault::Impossible, fence_key, salvage};
use crate::{
    files::{folder_of, set_aside, set_aside_name},
    store::checkpoint,
};

const SCHEMA_VERSION: i64 = 5;

/// Answers older than this are never asked for again and make room.
pub const KEEP_DAYS: i64 = 30;

/// The tables and their columns, the oldest version first. Each batch leads from one version to the next.
pub(super) const MIGRATIONS: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS response (
         hash BLOB PRIMARY KEY, at INTEGER NOT NULL, rejected INTEGER NOT NULL,
         usd TEXT NOT NULL, credits INTEGER NOT NULL, body TEXT NOT NULL);
     CREATE INDEX IF NOT EXISTS response_age ON response (at);
     CREATE TABLE IF NOT EXISTS spending (
         id INTEGER PRIMARY KEY, job TEXT NOT NULL, service TEXT NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL,
         state TEXT NOT NULL, held TEXT NOT NULL, usd TEXT, credits INTEGER);
     CREATE INDEX IF NOT EXISTS spending_job ON spending (job);",
    "CREATE TABLE job (
         id TEXT PRIMARY KEY, list TEXT NOT NULL, started_at INTEGER NOT NULL, forced INTEGER NOT NULL,
         open INTEGER NOT NULL, last_before INTEGER NOT NULL);
     CREATE TABLE reading (
         id INTEGER PRIMARY KEY, service TEXT NOT NULL, at INTEGER NOT NULL, usd TEXT NOT NULL,
         upto INTEGER NOT NULL);
     CREATE INDEX spending_state ON spending (state);
     CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);",
    "ALTER TABLE response ADD COLUMN payer TEXT;",
    "CREATE TABLE run (
         id TEXT PRIMARY KEY, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, status TEXT NOT NULL,
         total INTEGER NOT NULL, processed INTEGER NOT NULL, succeeded INTEGER NOT NULL, failed INTEGER NOT NULL,
         skipped INTEGER NOT NULL, usd TEXT NOT NULL, simulated INTEGER NOT NULL);",
    "ALTER TABLE spending ADD COLUMN stage TEXT;
     ALTER TABLE spending ADD COLUMN model TEXT;
     CREATE INDEX spending_at ON spending (at);",
];

/// The version of the database that has this number as its `application_id` too: where the two differ, a number is damaged.
/// The first versions have none.
const MARK: i64 = 0x6272_0000;

/// Databases of up to so many bytes, some ten thousand answers, are looked through when they are opened.
const LOOKED_THROUGH: i64 = 64 << 20;

/// Why a database is left alone.
#[derive(Debug, thiserror::Error)]
#[error(
    "it has version {0}, this program reads up to {SCHEMA_VERSION}: use the program that wrote it, or move the file away"
)]
pub struct NewerVersion(i64);

/// Opens a database, and brings its tables to this version.
pub(super) fn connect(path: &Path) -> anyhow::Result<Connection> {
    let db = Connection::open(path)?;
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, mark) = (number("user_version")?, number("application_id")?);
    if mark != 0 && mark != MARK + version {
        let odd = format!("the number of its version is {version} or {}", mark - MARK);
        return Err(Impossible(odd).into());
    }
    if version > SCHEMA_VERSION {
        return Err(NewerVersion(version).into());
    }
    // A damaged number in its head says that only newer programs may write it.
    if db.is_readonly("main")? && File::options().append(true).open(path).is_ok() {
        return Err(Impossible("its head says that it may not be written".into()).into());
    }
    // Write-ahead log, and every commit on disk before it counts.
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    let transaction = db.unchecked_transaction()?;
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(version).unwrap_or(0))
    {
        transaction.execute_batch(migration)?;
    }
    if (version, mark) != (SCHEMA_VERSION, MARK + SCHEMA_VERSION) {
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.pragma_update(None, "application_id", MARK + SCHEMA_VERSION)?;
    }
    transaction.commit()?;
    Ok(db)
}

/// Makes a database ready for a run.
pub(super) fn ready(db: &Connection, path: Option<&Path>, now: Timestamp) -> anyhow::Result<()> {
    fence_key::make(db, path)?;
    forget_old_answers(db, now)
}

/// That there is no database where there were runs.
pub(super) fn lost(path: &Path) -> Option<String> {
    let is_empty = std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    (is_empty && checkpoint::is_there(folder_of(path))).then(|| {
        format!(
            "{} is gone or empty, although there were runs in this folder: if it was moved, stop this run and put it back; paid answers that were in it cannot be read and are asked for again",
            path.display()
        )
    })
}

/// Finds damage before anything is paid for. A large database is only found to be damaged where it is used.
pub(super) fn look_through(db: &Connection) -> anyhow::Result<()> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("page_count")? * number("page_size")? > LOOKED_THROUGH {
        return Ok(());
    }
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(Impossible(found).into());
    }
    salvage::TABLES.iter().try_for_each(|table| table.check(db))
}

/// Sets a damaged database aside and makes a new one with what can be read of it. The text says so.
pub(super) fn renewed(path: &Path, damage: &anyhow::Error) -> anyhow::Result<(Connection, String)> {
    let aside = set_aside_name(path, Timestamp::now());
    set_database_aside(path, &aside)?;
    let db = connect(path)?;
    let saved = salvage::save(&aside, &db)?;
    fence_key::make(&db, Some(path))?;
    number_anew(&db)?;
    let note = format!(
        "{} was damaged ({damage:#}). It is now {}, and {saved} of its records could be read and are used; paid answers that could not be read are asked for again",
        path.display(),
        aside.display()
    );
    Ok((db, note))
}

/// Numbers that were lost are not given a second time: calls in flight have theirs, and jobs tell by them which answers
/// are their own. Milliseconds are more than there ever were calls.
pub(super) fn number_anew(db: &Connection) -> rusqlite::Result<()> {
    let now = Timestamp::now().as_millisecond();
    db.execute(
        "INSERT OR REPLACE INTO response (rowid, hash, at, rejected, usd, credits, body) VALUES (?1, zeroblob(32), ?1, 1, '0', 0, x'')",
        [now],
    )?;
    db.execute(
        "INSERT INTO spending (id, job, service, hash, at, state, held) VALUES (?1, '', '', zeroblob(32), ?1, 'released', '0')",
        params![now],
    )?;
    Ok(())
}

/// A clock that is set wrong for a while must not cost the answers: age is counted from the newest of them.
pub(super) fn forget_old_answers(db: &Connection, now: Timestamp) -> anyhow::Result<()> {
    let newest: Option<i64> = db.query_row("SELECT max(at) FROM response", [], |row| row.get(0))?;
    let newest = newest.map_or(Ok(now), Timestamp::from_millisecond)?;
    let oldest = now.min(newest).checked_sub((KEEP_DAYS * 24).hours())?;
    db.execute(
        "DELETE FROM response WHERE at < ?1",
        [oldest.as_millisecond()],
    )?;
    Ok(())
}

/// Gives the database and its logs a new name.
pub fn set_database_aside(path: &Path, aside: &Path) -> anyhow::Result<()> {
    set_aside(path, aside)?;
    for log in ["-wal", "-shm"] {
        let beside = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(log);
            PathBuf::from(name)
        };
        if beside(path).exists() {
            set_aside(&beside(path), &beside(aside))?;
        }
    }
    Ok(())
}
