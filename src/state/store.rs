//! The database of everything that money is spent on, `paid.sqlite3`: answers, spending, jobs, runs, and what the services
//! reported.
//!
//! `SQLite`, because of the stores that were measured with a million answers it is the smallest, opens in a millisecond
//! even after a kill, needs one sync for an answer, and can be read with common tools.

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, ensure};
use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, ToSql, params_from_iter, types::Value};
use tokio::sync::oneshot;

use super::{set_aside, set_aside_name};

/// The name of the database in the state folder.
pub const FILE: &str = "paid.sqlite3";

const SCHEMA_VERSION: i64 = 5;

/// Answers older than this are never asked for again and make room.
pub const KEEP_DAYS: i64 = 30;

/// The tables and their columns, the oldest version first. Each batch leads from one version to the next.
const MIGRATIONS: [&str; 5] = [
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

/// The tables that are worth saving from a damaged database.
const TABLES: [&str; 6] = ["response", "spending", "job", "reading", "fence", "run"];

/// The database, used by one thread at a time.
pub struct Store {
    db: Mutex<Connection>,
    /// Work that waits for the next commit.
    waiting: Mutex<Vec<Work>>,
}

/// Work for the database, and how its end is told once that is on disk.
type Work = Box<dyn FnOnce(&Connection) -> Tell + Send>;
type Tell = Box<dyn FnOnce(&anyhow::Result<()>) + Send>;

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the database of a state folder. One that is damaged is set aside under a new name and what can be read of
    /// it is used; the texts say so.
    pub fn open(path: &Path, now: Timestamp) -> anyhow::Result<(Self, Vec<String>)> {
        let place = || format!("{} cannot be opened", path.display());
        match connect(path, now) {
            Ok(db) => Ok((Self::of(db), Vec::new())),
            Err(error) if is_damage(&error) => {
                let aside = set_aside_name(path, now);
                set_database_aside(path, &aside).with_context(place)?;
                let db = connect(path, now).with_context(place)?;
                let saved = save_from(&aside, &db);
                let note = format!(
                    "{} was damaged ({error:#}). It is now {}, and {saved} of its records could be read and are used; paid answers that could not be read are asked for again",
                    path.display(),
                    aside.display()
                );
                Ok((Self::of(db), vec![note]))
            }
            Err(error) => Err(error).with_context(place),
        }
    }

    /// A database that is gone with the program.
    pub fn in_memory(now: Timestamp) -> anyhow::Result<Self> {
        Ok(Self::of(connect(Path::new(":memory:"), now)?))
    }

    fn of(db: Connection) -> Self {
        Self {
            db: Mutex::new(db),
            waiting: Mutex::default(),
        }
    }

    /// The database alone.
    pub fn into_connection(self) -> Connection {
        self.db.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of the fences around text from the web: the same for the same state folder, and known to no page.
    pub fn fence_key(&self) -> anyhow::Result<[u8; 32]> {
        self.with_now(|db| Ok(db.query_row("SELECT key FROM fence", [], |row| row.get(0))?))
    }

    /// Works with the database, in the background; all of the work is kept or none. When this returns, it is on disk.
    /// What comes while the disk is busy is committed together, because it is the commits that take time.
    pub async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |db| {
            let done = alone(db, work);
            Box::new(move |committed| {
                let done = match committed {
                    Ok(()) => done,
                    Err(error) => Err(anyhow::anyhow!("{error:#}")),
                };
                // Whoever asked may have gone.
                let _ = sender.send(done);
            })
        });
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(work);
            waiting.len() == 1
        };
        if first {
            let store = Arc::clone(self);
            tokio::task::spawn_blocking(move || store.work_off());
        }
        receiver.await?.context(UNUSABLE)
    }

    /// Works with the database at once.
    pub fn with_now<T>(
        &self,
        work: impl FnOnce(&Connection) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        work(&lock(&self.db)).context(UNUSABLE)
    }

    fn work_off(&self) {
        let db = lock(&self.db);
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut done = Vec::with_capacity(waiting.len());
        let committed = || -> anyhow::Result<()> {
            let transaction = db.unchecked_transaction()?;
            done.extend(waiting.into_iter().map(|work| work(&transaction)));
            Ok(transaction.commit()?)
        }();
        for tell in done {
            tell(&committed);
        }
    }
}

const UNUSABLE: &str = "the store of paid answers (paid.sqlite3) cannot be used: is the disk full?";

/// Work that fails leaves no traces in the transaction that it shares with others.
fn alone<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    db.prepare_cached("SAVEPOINT work")?.execute([])?;
    let done = work(db);
    if done.is_err() {
        db.prepare_cached("ROLLBACK TO work")?.execute([])?;
    }
    db.prepare_cached("RELEASE work")?.execute([])?;
    done
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path, now: Timestamp) -> anyhow::Result<Connection> {
    let db = Connection::open(path)?;
    // Write-ahead log, and every commit on disk before it counts.
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    ensure!(
        version <= SCHEMA_VERSION,
        "it has version {version}, this program reads up to {SCHEMA_VERSION}: use the program that wrote it, or move the file away"
    );
    let transaction = db.unchecked_transaction()?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(version)?) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| anyhow::anyhow!("there are no random numbers"))?;
    db.execute(
        "INSERT OR IGNORE INTO fence (id, key) VALUES (1, ?1)",
        [key],
    )?;
    forget_old_answers(&db, now)?;
    Ok(db)
}

/// A clock that is set wrong for a while must not cost the answers: age is counted from the newest of them.
fn forget_old_answers(db: &Connection, now: Timestamp) -> anyhow::Result<()> {
    let newest: Option<i64> = db.query_row("SELECT max(at) FROM response", [], |row| row.get(0))?;
    let newest = newest.map_or(Ok(now), Timestamp::from_millisecond)?;
    let oldest = now.min(newest).checked_sub((KEEP_DAYS * 24).hours())?;
    db.execute(
        "DELETE FROM response WHERE at < ?1",
        [oldest.as_millisecond()],
    )?;
    Ok(())
}

fn is_damage(error: &anyhow::Error) -> bool {
    let code = error
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
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

/// `SQLite` reads nothing of a file that is shorter than its header says; one that was cut is filled up with zeros.
/// Page size and count stand at the bytes 16 and 28 of the header (<https://sqlite.org/fileformat.html>, 1.3).
fn fill_up(path: &Path) -> std::io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let mut header = [0; 32];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    let whole = page * u64::from(pages);
    if file.metadata()?.len() < whole {
        file.set_len(whole)?;
    }
    Ok(())
}

/// Copies the records that can be read, and says how many they were.
fn save_from(damaged: &Path, into: &Connection) -> usize {
    if fill_up(damaged).is_err() {
        return 0;
    }
    let Ok(from) = Connection::open_with_flags(damaged, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return 0;
    };
    TABLES
        .iter()
        // A table that cannot be read at all is not in the way of the others.
        .map(|table| save_table(&from, into, table).unwrap_or(0))
        .sum()
}

fn save_table(from: &Connection, into: &Connection, table: &str) -> rusqlite::Result<usize> {
    let mut all = from.prepare(&format!("SELECT * FROM {table}"))?;
    let names = all.column_names().collect::<Vec<_>>().join(", ");
    let width = all.column_count();
    let marks = vec!["?"; width].join(", ");
    let mut insert = into.prepare(&format!(
        "INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"
    ))?;
    let values = |row: &Row<'_>| (0..width).map(|i| row.get(i)).collect();
    let mut saved = 0;
    for row in all.query_map([], values)? {
        // From the first page that cannot be read there is no way on.
        let row: Vec<Value> = match row {
            Ok(row) => row,
            Err(_) => break,
        };
        saved += insert.execute(params_from_iter(
            row.iter().map(|value| value as &dyn ToSql),
        ))?;
    }
    Ok(saved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn answers(store: &Store) -> i64 {
        store
            .with_now(|db| Ok(db.query_row("SELECT count(*) FROM response", [], |row| row.get(0))?))
            .unwrap()
    }

    fn insert(store: &Store, number: u8, at: i64) {
        let body = format!("{number} ").repeat(2_000);
        store
            .with_now(|db| {
                db.execute(
                    "INSERT INTO response (hash, at, rejected, usd, credits, body) VALUES (?1, ?2, 0, '0', 0, ?3)",
                    rusqlite::params![[number; 32], at, body],
                )?;
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn a_damaged_database_is_set_aside_and_what_can_be_read_is_used() {
        let now = Timestamp::now();
        for (damage, some_saved) in [("header", false), ("cut", true), ("hole", true)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("paid.sqlite3");
            let (store, notes) = Store::open(&path, now).unwrap();
            assert!(notes.is_empty());
            for number in 0..100 {
                insert(&store, number, now.as_millisecond());
            }
            drop(store);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            match damage {
                "header" => bytes[..100].fill(b'x'),
                "cut" => bytes.truncate(middle),
                // The page with the schema stays, the root of the index of ages goes.
                _ => bytes[3 * 4096..5 * 4096].fill(0xA5),
            }
            fs::write(&path, &bytes).unwrap();

            let (store, notes) = Store::open(&path, now).unwrap();
            assert_eq!(notes.len(), 1, "{damage}");
            let aside: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.contains(".broken-"))
                .collect();
            assert!(
                !aside.is_empty() && notes[0].contains(&aside[0].replace("-wal", "")),
                "{damage}: {aside:?} {notes:?}"
            );
            assert_eq!(answers(&store) > 0, some_saved, "{damage}: {notes:?}");
            insert(&store, 200, now.as_millisecond());
        }
    }

    #[test]
    fn a_clock_that_was_wrong_for_a_while_costs_no_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("paid.sqlite3");
        let now = Timestamp::now();
        let (store, _) = Store::open(&path, now).unwrap();
        insert(&store, 1, now.as_millisecond());
        drop(store);
        let years_on = now.checked_add((24 * 400).hours()).unwrap();
        let (store, _) = Store::open(&path, years_on).unwrap();
        assert_eq!(answers(&store), 1);
        // Once there are answers of that time, the old ones go.
        insert(&store, 2, years_on.as_millisecond());
        drop(store);
        let (store, _) = Store::open(&path, years_on).unwrap();
        assert_eq!(answers(&store), 1);
    }
}
