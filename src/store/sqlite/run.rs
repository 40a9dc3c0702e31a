//! A run whose state is in its folder: the registry in files, everything else in the database.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, OnceLock},
};

use anyhow::Context;
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{RwLock, oneshot};

use super::{Database, FILE, Folder, SqliteLedger, lock};
use crate::{
    brand::BrandKey,
    event::Events,
    store::{
        StateFolder,
        checkpoint::Checkpoint,
        engine::{Begin, Begun, Looked, Rebuild, RunStore},
        job::Job,
        registry::{Entry, Registry},
        registry_lookup::InMemory,
        run_history::{self, RunLine},
        shared_run::Ended,
    },
};

/// Begins a run with the state folder that this host holds.
///
/// # Errors
/// Where the database cannot be used.
pub fn begin(state: Arc<StateFolder>, begin: &Begin<'_>) -> anyhow::Result<Begun> {
    let (db, notes) = Database::open(&state.file(FILE), begin.now)?;
    db.lay_up()?;
    let job = Job::begin(&db, begin.list, begin.run_id, begin.now, begin.force)?;
    let db = Arc::new(db);
    let ledger = SqliteLedger::open(
        Arc::clone(&db),
        job.clone(),
        begin.budget,
        begin.caps,
        begin.now,
    )?;
    Ok(Begun {
        run_id: begin.run_id.to_owned(),
        ledger: Arc::new(ledger),
        store: Arc::new(Folder::new(state.path().to_owned())),
        run: Some(Arc::new(Run {
            db,
            job,
            state,
            now: begin.now,
            registry: OnceLock::new(),
            waiting: Arc::default(),
        })),
        notes,
    })
}

/// A run with a state folder of its own.
#[derive(Debug)]
struct Run {
    db: Arc<Database>,
    job: Job,
    state: Arc<StateFolder>,
    /// When it began.
    now: Timestamp,
    /// From the plan on.
    registry: OnceLock<Arc<RwLock<Registry>>>,
    /// Brands that wait until the registry has been written.
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

/// A brand whose end is to be put on record, and who is told when it is.
#[derive(Debug)]
struct Waiting {
    key: BrandKey,
    entry: Entry,
    recorded: oneshot::Sender<anyhow::Result<()>>,
}

impl Run {
    fn registry(&self) -> anyhow::Result<&Arc<RwLock<Registry>>> {
        self.registry.get().context("no plan was made")
    }

    /// Puts the run before on record where it could not do so itself. Nothing depends on it; the text says why not.
    fn remember_left(&self, registry: &Registry) -> Option<String> {
        let remembered = Checkpoint::peek(self.state.path()).and_then(|left| match left {
            Some(left) => run_history::remember_left(&self.db, &left, registry),
            None => Ok(()),
        });
        let error = remembered.err()?;
        Some(format!("the run before is not on record: {error:#}"))
    }
}

#[async_trait]
impl RunStore for Run {
    fn tell(&self, events: Option<&Events>) {
        self.db.tell(events.cloned());
    }

    async fn fence_key(&self) -> anyhow::Result<[u8; 32]> {
        self.db.fence_key()
    }

    async fn lookup(&self, rebuild: Rebuild<'_>) -> anyhow::Result<Looked> {
        let (mut registry, damage) = Registry::open(&self.state, self.now)?;
        let mut notes = Vec::from_iter(damage);
        if registry.is_empty()
            && let Some(rebuilt) = rebuild()?
        {
            notes.push(rebuilt.note);
            registry.record(rebuilt.entries)?;
        }
        notes.extend(self.remember_left(&registry));
        let registry = Arc::new(RwLock::new(registry));
        let registry = self.registry.get_or_init(|| registry);
        let registry = Arc::clone(registry).read_owned().await;
        Ok((Box::new(InMemory::new(registry)), notes))
    }

    /// What ends while the disk is busy is written together, because it is the writing that takes time.
    async fn record(&self, ended: Ended) -> anyhow::Result<bool> {
        let registry = Arc::clone(self.registry()?);
        let (recorded, told) = oneshot::channel();
        let first = {
            let mut waiting = lock(&self.waiting);
            waiting.push(Waiting {
                key: BrandKey::stored(ended.key),
                entry: ended.entry,
                recorded,
            });
            waiting.len() == 1
        };
        if first {
            let waiting = Arc::clone(&self.waiting);
            tokio::task::spawn_blocking(move || write_down(&registry, &waiting));
        }
        told.await.context("the registry cannot be written")??;
        Ok(true)
    }

    async fn settle(&self) -> anyhow::Result<()> {
        match self.registry.get() {
            Some(registry) => registry.write().await.settle(),
            None => Ok(()),
        }
    }

    async fn close(&self, run: &RunLine, _why: Option<&str>, job_ends: bool) -> anyhow::Result<()> {
        run_history::remember(&self.db, run)?;
        match job_ends {
            true => self.job.end(&self.db),
            false => Ok(()),
        }
    }
}

/// Writes down all that waits by the time that the registry is free.
fn write_down(registry: &RwLock<Registry>, waiting: &Mutex<Vec<Waiting>>) {
    let mut registry = registry.blocking_write();
    let waiting = mem::take(&mut *lock(waiting));
    let entries = waiting
        .iter()
        .map(|brand| (brand.key.clone(), brand.entry.clone()));
    let done = registry.record(entries);
    let failure = done.err().map(Arc::new);
    for brand in waiting {
        let told = match &failure {
            Some(error) => Err(SharedFailure(Arc::clone(error)).into()),
            None => Ok(()),
        };
        // Whoever asked may have gone.
        let _ = brand.recorded.send(told);
    }
}

/// One failure of several brands.
#[derive(Debug)]
struct SharedFailure(Arc<anyhow::Error>);

impl fmt::Display for SharedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
