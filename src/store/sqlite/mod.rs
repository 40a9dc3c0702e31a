//! The database of everything that money is spent on, `paid.sqlite3`: answers, spending, jobs, runs, and what the services
//! reported.
//!
//! `SQLite`, because of the stores that were measured with a million answers it is the smallest, opens in a millisecond
//! even after a kill, needs one sync for an answer, and can be read with common tools.

mod disk_reserve;
mod fault;
pub mod fence_key;
mod folder;
mod ledger;
mod open;
mod pages;
mod run;
mod salvage;
mod write_ahead_log;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::event::Events;

#[cfg(feature = "postgres")]
pub use self::open::{KEEP_DAYS, set_database_aside};
pub use self::{
    disk_reserve::Beside,
    fault::{DatabaseFault, Unwritable},
    folder::Folder,
    ledger::{Call, SqliteLedger},
    open::NewerVersion,
    run::begin,
};
use self::{
    fault::{Impossible, is_full},
    open::{connect, look_through, lost, ready, renewed},
    write_ahead_log::Log,
};

/// The name of the database in the state folder.
pub const FILE: &str = "paid.sqlite3";

/// The database, used by one thread at a time.
pub struct Database {
    db: Mutex<Connection>,
    /// `None` in memory.
    path: Option<PathBuf>,
    /// Work that waits for the next commit.
    waiting: Mutex<Vec<Box<dyn Work>>>,
    /// Nothing is written any more but answers that are paid for.
    full: AtomicBool,
    told: Mutex<Told>,
}

/// Who hears what happened to the database.
#[derive(Default)]
struct Told {
    events: Option<Events>,
    /// What nobody has heard yet.
    notes: Vec<String>,
}

/// Work for the database. It may be done more than once, until it is on disk.
trait Work: Send {
    fn run(&mut self, db: &Connection);
    /// Does nothing, because nothing more can be written.
    fn refuse(&mut self);
    /// Whether it keeps an answer that is paid for.
    fn is_answer(&self) -> bool;
    fn failure(&self) -> Option<&anyhow::Error>;
    /// Tells how it ended.
    fn tell(self: Box<Self>, committed: &anyhow::Result<()>);
}

struct Task<T, F> {
    work: F,
    is_answer: bool,
    done: Option<anyhow::Result<T>>,
    sender: oneshot::Sender<anyhow::Result<T>>,
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> anyhow::Result<T> + Send,
{
    fn run(&mut self, db: &Connection) {
        self.done = Some(alone(db, &mut self.work));
    }

    fn refuse(&mut self) {
        let why = Unwritable("nothing but answers that are paid for is kept".into());
        self.done = Some(Err(why.into()));
    }

    fn is_answer(&self) -> bool {
        self.is_answer
    }

    fn failure(&self) -> Option<&anyhow::Error> {
        self.done.as_ref()?.as_ref().err()
    }

    fn tell(self: Box<Self>, committed: &anyhow::Result<()>) {
        let done = match (self.done, committed) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(again(error)),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => return,
        };
        // Whoever asked may have gone.
        let _ = self.sender.send(done);
    }
}

/// The same error for somebody else.
fn again(error: &anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}");
    match DatabaseFault::of(error) {
        Some(DatabaseFault::Unwritable) => Unwritable(text).into(),
        _ => anyhow::anyhow!(text),
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    /// Opens the database of a state folder. One that is damaged is set aside under a new name and what can be read of
    /// it is used; the texts say so.
    ///
    /// # Errors
    /// [`NewerVersion`] where a newer version of the program has made it, else what the system says.
    pub fn open(path: &Path, now: Timestamp) -> anyhow::Result<(Self, Vec<String>)> {
        let place = || format!("{} cannot be opened", path.display());
        let mut notes = Vec::from_iter(lost(path));
        let whole = match Log::of(path).is_damaged {
            true => Err(Impossible("its log has a damaged part".into()).into()),
            false => connect(path).and_then(|db| look_through(&db).map(|()| db)),
        };
        let db = match whole {
            Ok(db) => db,
            Err(error) if DatabaseFault::of(&error) == Some(DatabaseFault::Damage) => {
                let (db, note) = renewed(path, &error).with_context(place)?;
                notes.push(note);
                db
            }
            Err(error) => return Err(error).with_context(place),
        };
        ready(&db, Some(path), now).with_context(place)?;
        notes.extend(disk_reserve::take_in(&db, path).with_context(place)?);
        Ok((Self::of(db, Some(path.to_owned())), notes))
    }

    /// A database that is gone with the program.
    pub fn in_memory(now: Timestamp) -> anyhow::Result<Self> {
        let db = connect(Path::new(":memory:"))?;
        ready(&db, None, now)?;
        Ok(Self::of(db, None))
    }

    fn of(db: Connection, path: Option<PathBuf>) -> Self {
        Self {
            db: Mutex::new(db),
            path,
            waiting: Mutex::default(),
            full: AtomicBool::new(false),
            told: Mutex::default(),
        }
    }

    /// Who hears from now on what happens to the database; what nobody has heard yet is said first.
    pub fn tell(&self, events: Option<Events>) {
        let mut told = lock(&self.told);
        if let Some(events) = &events {
            for note in told.notes.drain(..) {
                events.warn(note);
            }
        }
        told.events = events;
    }

    /// Says what happened to the database.
    pub fn say(&self, note: String) {
        let mut told = lock(&self.told);
        match &told.events {
            Some(events) => events.warn(note),
            None => told.notes.push(note),
        }
    }

    /// Lays up room on the disk for the answers that are in flight when the disk is full.
    ///
    /// # Errors
    /// When the disk is full already.
    pub fn lay_up(&self) -> anyhow::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        match disk_reserve::lay_up(path) {
            Err(error) if is_full(&error) => Err(error).with_context(|| {
                let place = path.display();
                format!("there is no room beside {place} for the answers of calls in flight")
            }),
            // Answers find room without it, or are kept one by one.
            _ => Ok(()),
        }
    }

    /// Keeps an answer in a file of its own where the database takes no more; the next run takes it in.
    pub fn put_beside(&self, answer: &Beside) -> anyhow::Result<()> {
        match &self.path {
            Some(path) => answer.put(path),
            None => bail!("there is no folder"),
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
        work: impl FnMut(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.hand_in(work, false).await
    }

    /// As [`Self::with`], to keep an answer that is paid for: for that there is room when the disk is full.
    pub async fn keep(
        self: &Arc<Self>,
        work: impl FnMut(&Connection) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        self.hand_in(work, true).await
    }

    async fn hand_in<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnMut(&Connection) -> anyhow::Result<T> + Send + 'static,
        is_answer: bool,
    ) -> anyhow::Result<T> {
        let (sender, receiver) = oneshot::channel();
        let task = Task {
            work,
            is_answer,
            done: None,
            sender,
        };
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(Box::new(task));
            waiting.len() == 1
        };
        if first {
            let store = Arc::clone(self);
            tokio::task::spawn_blocking(move || store.work_off());
        }
        receiver.await?.context(UNUSABLE)
    }

    /// Works with the database at once. Where that turns out to be damaged, it is set aside, and the work is done once
    /// more with what can be read.
    pub fn with_now<T>(
        &self,
        mut work: impl FnMut(&Connection) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut db = lock(&self.db);
        let mut done = work(&db);
        if let Err(error) = &done
            && DatabaseFault::of(error) == Some(DatabaseFault::Damage)
        {
            done = self.renew(&mut db, error).and_then(|()| work(&db));
        }
        done.context(UNUSABLE)
    }

    fn work_off(&self) {
        let mut db = lock(&self.db);
        let mut waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut committed = self.commit(&db, &mut waiting);
        if let Err(error) = &committed
            && DatabaseFault::of(error) == Some(DatabaseFault::Damage)
        {
            committed = self.renew(&mut db, error);
            if committed.is_ok() {
                committed = self.commit(&db, &mut waiting);
            }
        }
        if let Err(error) = &committed
            && DatabaseFault::of(error) == Some(DatabaseFault::Unwritable)
        {
            self.full.store(true, Ordering::Relaxed);
            let is_paid = waiting.iter().any(|work| work.is_answer());
            if is_paid && self.path.as_deref().is_some_and(disk_reserve::release) {
                committed = self.commit(&db, &mut waiting);
            }
        }
        for work in waiting {
            work.tell(&committed);
        }
    }

    /// Does all of the work in one transaction.
    fn commit(&self, db: &Connection, waiting: &mut [Box<dyn Work>]) -> anyhow::Result<()> {
        let full = self.full.load(Ordering::Relaxed);
        let transaction = db.unchecked_transaction()?;
        for work in &mut *waiting {
            match full && !work.is_answer() {
                true => work.refuse(),
                false => work.run(&transaction),
            }
        }
        let done = waiting.iter().filter(|work| !full || work.is_answer());
        let mut failures = done.filter_map(|work| work.failure());
        if let Some((error, fault)) =
            failures.find_map(|error| Some((error, DatabaseFault::of(error)?)))
        {
            // `SQLite` may have rolled back all of it.
            return Err(match fault {
                DatabaseFault::Damage => Impossible(format!("{error:#}")).into(),
                DatabaseFault::Unwritable => Unwritable(format!("{error:#}")).into(),
            });
        }
        Ok(transaction.commit()?)
    }

    /// Sets the database aside and goes on with what can be read of it.
    fn renew(&self, db: &mut Connection, damage: &anyhow::Error) -> anyhow::Result<()> {
        let Some(path) = &self.path else {
            bail!("{damage:#}");
        };
        // A file that is open cannot be renamed everywhere.
        *db = Connection::open_in_memory()?;
        let (renewed, note) = renewed(path, damage)?;
        *db = renewed;
        self.say(note);
        Ok(())
    }
}

const UNUSABLE: &str = "the store of paid answers (paid.sqlite3) cannot be used";

/// Work that fails leaves no traces in the transaction that it shares with others.
fn alone<T>(
    db: &Connection,
    work: &mut impl FnMut(&Connection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    db.prepare_cached("SAVEPOINT work")?.execute([])?;
    match work(db) {
        Ok(done) => {
            db.prepare_cached("RELEASE work")?.execute([])?;
            Ok(done)
        }
        Err(error) => {
            // Where `SQLite` has rolled back everything, there is nothing left to take back: the first error counts.
            let _ = db.execute_batch("ROLLBACK TO work; RELEASE work");
            Err(error)
        }
    }
}

/// What is behind these locks is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use std::fs;

    fn answers(store: &Database) -> i64 {
        store
            .with_now(|db| Ok(db.query_row("SELECT count(*) FROM response", [], |row| row.get(0))?))
            .unwrap()
    }

    fn insert(store: &Database, number: u8, at: i64) {
        let body = format!("[{}0]", format!("{number}, ").repeat(2_000));
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
        for (damage, some_saved) in [("header", true), ("cut", true), ("hole", true)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("paid.sqlite3");
            let (store, notes) = Database::open(&path, now).unwrap();
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

            let (store, notes) = Database::open(&path, now).unwrap();
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
        let (store, _) = Database::open(&path, now).unwrap();
        insert(&store, 1, now.as_millisecond());
        drop(store);
        let years_on = now.checked_add((24 * 400).hours()).unwrap();
        let (store, _) = Database::open(&path, years_on).unwrap();
        assert_eq!(answers(&store), 1);
        // Once there are answers of that time, the old ones go.
        insert(&store, 2, years_on.as_millisecond());
        drop(store);
        let (store, _) = Database::open(&path, years_on).unwrap();
        assert_eq!(answers(&store), 1);
    }
}
