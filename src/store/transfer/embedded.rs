//! The store in a state folder, with the output folder beside it, as the source or the target of a move.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use futures::{TryStreamExt, pin_mut};
use jiff::Timestamp;
use rusqlite::{Connection, types::Value};
use tokio_postgres::{Transaction, types::ToSql};

use super::{
    Holding,
    tables::{REGISTRY, REPORTS, TablePart},
};
use crate::{
    brand::BrandKey,
    files::{aside_name, set_aside},
    store::{
        StateFolder,
        checkpoint::Checkpoint,
        postgres::reports,
        registry::{self, Registry},
        report_copy::{self, PutReport},
        run_history::{self, RunLine},
        sqlite::{self, Database, fence_key, set_database_aside},
    },
};

/// The files that are moved; the others tell of this host.
pub const FILES: [&str; 3] = [sqlite::FILE, registry::FILES[0], registry::FILES[1]];

/// Brands that are recorded together: each time a large registry may be written anew.
const RECORDED: usize = 20_000;

/// What lies in a state folder.
#[derive(Debug)]
pub struct Embedded<'a> {
    folder: &'a StateFolder,
    output: PathBuf,
    db: Connection,
    registry: Registry,
    notes: Vec<String>,
}

/// Whether there is any of it.
pub fn is_there(folder: &StateFolder) -> bool {
    FILES.iter().any(|name| folder.file(name).exists())
}

impl<'a> Embedded<'a> {
    /// Opens it, or makes it. What is damaged is set aside, and what can be read is used, as by a run.
    pub fn open(folder: &'a StateFolder, now: Timestamp) -> anyhow::Result<Self> {
        let was_there = is_there(folder);
        let (store, mut notes) = Database::open(&folder.file(sqlite::FILE), now)?;
        let (registry, damage) = Registry::open(folder, now)?;
        notes.extend(damage);
        // The last run is put on record where it could not do so itself. Nothing depends on a checkpoint that cannot be read.
        if let (true, Ok(Some(left))) = (was_there, Checkpoint::peek(folder.path())) {
            run_history::remember_left(&store, &left, &registry)?;
        }
        let beside = folder.path().parent().unwrap_or(Path::new(""));
        Ok(Self {
            folder,
            output: beside.join("output"),
            db: store.into_connection(),
            registry,
            notes,
        })
    }

    /// What was found to be damaged, or missing.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What is in it.
    pub fn holding(&self) -> anyhow::Result<Holding> {
        let count = |table: &str| {
            let count = format!("SELECT count(*) FROM {table}");
            self.db.query_row(&count, [], |row| row.get(0))
        };
        Ok(Holding {
            brands: self.registry.entries().count().try_into()?,
            answers: count("response")?,
            calls: count("spending")?,
            runs: count("run")?,
            reports: 0,
        })
    }

    /// The key of its fences.
    pub fn fence(&self) -> anyhow::Result<Vec<u8>> {
        let select = "SELECT key FROM fence";
        Ok(self.db.query_row(select, [], |row| row.get(0))?)
    }

    /// Copies the registry into the shared store, with the reports that it tells of.
    pub async fn give_registry(&mut self, there: &Transaction<'_>) -> anyhow::Result<()> {
        let (mut entries, mut reports) = (TablePart::of(&REGISTRY), TablePart::of(&REPORTS));
        let mut missing = 0;
        for (key, entry) in self.registry.entries() {
            let folder = entry.folder();
            entries.push([
                key.to_string().into(),
                entry.list.to_string().into(),
                entry.input_hash.clone().into(),
                entry.status.name().to_owned().into(),
                entry.updated_at.as_millisecond().into(),
                entry.cost_usd.exact().into(),
                folder.as_ref().map(|folder| folder.to_lowercase()).into(),
                serde_json::to_string(entry)?.into(),
            ])?;
            if let Some(folder) = folder {
                match carry(&self.output.join(&folder))? {
                    Some((hash, body)) => reports.push([
                        Value::from(key.to_string()),
                        folder.into(),
                        hash.into(),
                        body.into(),
                    ])?,
                    None => missing += 1,
                }
            }
            if entries.is_full() {
                REGISTRY.put(&entries, there).await?;
                entries = TablePart::of(&REGISTRY);
            }
            if reports.is_full() {
                REPORTS.put(&reports, there).await?;
                reports = TablePart::of(&REPORTS);
            }
        }
        REGISTRY.put(&entries, there).await?;
        REPORTS.put(&reports, there).await?;
        if missing > 0 {
            self.notes.push(format!(
                "{missing} reports are not in {} any more and were not moved",
                self.output.display()
            ));
        }
        Ok(())
    }

    /// Takes in the registry and the reports of the shared store, once its tables are copied.
    pub async fn complete(
        &mut self,
        there: &Transaction<'_>,
        put: PutReport,
    ) -> anyhow::Result<()> {
        // Numbers of answers that are gone may be given again: what comes must count as later than what was there.
        const LAST: &str = "UPDATE job SET last_before = min(last_before, (SELECT coalesce(max(rowid), 0) FROM response))";
        self.db.execute(LAST, [])?;
        fence_key::make(&self.db, Some(&self.folder.file(sqlite::FILE)))?;
        self.take_registry(there).await?;
        let problems = reports::bring(there, &self.output, put).await?;
        ensure!(problems.is_empty(), "{}", problems.join("; "));
        self.renew_checkpoint()
    }

    async fn take_registry(&mut self, there: &Transaction<'_>) -> anyhow::Result<()> {
        let none: [&(dyn ToSql + Sync); 0] = [];
        let select = "SELECT key, entry FROM registry ORDER BY key";
        let rows = there.query_raw(select, none).await?;
        pin_mut!(rows);
        let mut part = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let key = BrandKey::stored(row.get(0));
            let entry = serde_json::from_str(row.get(1))
                .with_context(|| format!("the entry of «{key}» cannot be read"))?;
            part.push((key, entry));
            if part.len() == RECORDED {
                self.registry.record(part.drain(..))?;
            }
        }
        if !part.is_empty() {
            self.registry.record(part)?;
        }
        self.registry.settle()
    }

    /// The last run is that of the store now.
    fn renew_checkpoint(&self) -> anyhow::Result<()> {
        let runs = run_history::peek(self.folder.path())?;
        let known = Checkpoint::peek(self.folder.path()).ok().flatten();
        let is_told = |last: &RunLine| {
            known.is_some_and(|known| known.run_id == last.run_id && known.status == last.status)
        };
        match runs.last() {
            Some(last) if !is_told(last) => Checkpoint::of(last).save(self.folder),
            _ => Ok(()),
        }
    }

    /// The database.
    pub fn db(&self) -> &Connection {
        &self.db
    }

    /// Gives its files new names, and says which.
    pub fn set_aside(self, now: Timestamp) -> anyhow::Result<Vec<PathBuf>> {
        let path = |name| self.folder.file(name);
        // Closes the database.
        drop(self.db);
        fence_key::forget(&path(sqlite::FILE));
        let mut all = Vec::new();
        for path in FILES.map(path).iter().filter(|path| path.exists()) {
            let aside = aside_name(path, "moved", now);
            match path.ends_with(sqlite::FILE) {
                true => set_database_aside(path, &aside)?,
                false => set_aside(path, &aside)?,
            }
            all.push(aside);
        }
        Ok(all)
    }

    /// Removes what was put here by a move that failed: all of it is where it came from.
    pub fn give_up(self) -> anyhow::Result<()> {
        let path = |name: &str| self.folder.file(name);
        let logs = [
            format!("{}-wal", sqlite::FILE),
            format!("{}-shm", sqlite::FILE),
        ];
        drop(self.db);
        fence_key::forget(&path(sqlite::FILE));
        for path in FILES
            .into_iter()
            .chain(logs.iter().map(String::as_str))
            .map(path)
        {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("{} cannot be removed", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A report for the shared store; `None` where there is none.
fn carry(folder: &Path) -> anyhow::Result<Option<(Vec<u8>, Vec<u8>)>> {
    match report_copy::carry(folder) {
        Ok(report) => Ok(Some(report)),
        Err(error) => match error.downcast_ref::<io::Error>() {
            Some(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => Err(error).with_context(|| format!("the report in {}", folder.display())),
        },
    }
}
