//! Paid responses and what they cost.
//!
//! A response and its cost are one transaction, so a crash at any moment leaves both or neither.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params, types::ValueRef};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, futures::Notified};

use super::{
    budget::{Budget, Refusal},
    job::Job,
    meter::{self, Comparison, Reading},
    store::Store,
};
use crate::money::Usd;

/// The hash of a request: the name of its answer.
pub type RequestHash = [u8; 32];

/// What a call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// US dollars, those for credits included.
    pub usd: Usd,
    /// Search credits.
    pub credits: u32,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.usd += other.usd;
        self.credits += other.credits;
    }
}

/// An answer that was paid for.
#[derive(Clone, Debug)]
pub struct Kept {
    pub body: String,
    /// When it came.
    pub at: Timestamp,
    pub cost: Cost,
    /// The brand that it was paid for; earlier versions did not take it down.
    pub payer: Option<String>,
}

/// The store and the ledger.
#[derive(Debug)]
pub struct Paid {
    store: Arc<Store>,
    budget: Mutex<Budget>,
    this_run: Mutex<Cost>,
    /// Rung whenever money comes back.
    freed: Notify,
    job: Job,
}

/// Money set aside for one call. Dropped without being settled, it stays set aside: the call may have been billed.
#[derive(Debug)]
#[must_use = "a hold is settled when the call has ended"]
pub struct Hold {
    paid: Arc<Paid>,
    id: i64,
    amount: Usd,
    open: bool,
}

/// Why money was not set aside.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error("the budget has {left} left, and one more call may cost up to {needed}")]
    Budget { needed: Usd, left: Usd },
    /// Calls in flight may give back enough of what was set aside for them.
    #[error("the budget waits for calls in flight")]
    Wait,
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

impl Paid {
    /// The answers and the ledger of a job. What it spent before counts against `cap`.
    pub fn new(store: Arc<Store>, job: Job, cap: Option<Usd>) -> anyhow::Result<Self> {
        let (spent, uncertain) = store.with_now(|db| {
            Ok((
                sum(db, &job.id, "settled", "usd")?,
                sum(db, &job.id, "held", "held")?,
            ))
        })?;
        Ok(Self {
            store,
            budget: Mutex::new(Budget::new(cap, spent, uncertain)),
            this_run: Mutex::default(),
            freed: Notify::new(),
            job,
        })
    }

    /// Answers and a ledger that are gone with the program.
    pub fn in_memory(cap: Option<Usd>, now: Timestamp) -> anyhow::Result<Self> {
        let store = Store::in_memory(now)?;
        let job = Job::begin(&store, "", "", now, false)?;
        Self::new(Arc::new(store), job, cap)
    }

    /// The database itself.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The key of the fences around text from the web.
    pub fn fence_key(&self) -> anyhow::Result<[u8; 32]> {
        self.store.fence_key()
    }

    /// The job that is paid for.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Nothing of the job is left to go on with.
    pub fn end_job(&self) -> anyhow::Result<()> {
        self.job.end(&self.store)
    }

    /// Takes down what a service reports to have been spent, ever, and settles lost calls by it; `longest` is how long
    /// the service may work on one.
    pub fn take_reading(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Reading> {
        let mut budget = lock(&self.budget);
        meter::take(
            &self.store,
            service,
            usd,
            longest,
            now,
            &self.job.id,
            &mut budget,
        )
    }

    /// What a service reported between two readings, beside what was counted.
    pub fn compare(
        &self,
        service: &str,
        from: &Reading,
        to: &Reading,
    ) -> anyhow::Result<Comparison> {
        meter::compare(&self.store, service, from, to)
    }

    /// A kept answer to this very request that this job has paid for, or that is not older than `since`.
    pub async fn find(
        self: &Arc<Self>,
        hash: RequestHash,
        since: Timestamp,
    ) -> anyhow::Result<Option<Kept>> {
        let last_before = self.job.last_before;
        self.store
            .with(move |db| {
                let mut query = db.prepare_cached(
                    "SELECT body, at, usd, credits, payer FROM response
                 WHERE hash = ?1 AND NOT rejected AND (rowid > ?2 OR at >= ?3)",
                )?;
                query
                    .query_row(params![hash, last_before, since.as_millisecond()], |row| {
                        Ok((
                            unpack(row.get_ref(0)?),
                            row.get(1)?,
                            row.get::<_, String>(2)?,
                            row.get(3)?,
                            row.get(4)?,
                        ))
                    })
                    .optional()?
                    .map(|(body, at, usd, credits, payer)| {
                        Ok(Kept {
                            body: body?,
                            at: Timestamp::from_millisecond(at)?,
                            cost: Cost {
                                usd: usd.parse()?,
                                credits,
                            },
                            payer,
                        })
                    })
                    .transpose()
            })
            .await
    }

    /// Rings when money comes back, whether or not somebody has begun to wait for it.
    pub fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Sets the worst case of a call aside.
    pub async fn hold(
        self: &Arc<Self>,
        service: &'static str,
        hash: RequestHash,
        worst: Usd,
    ) -> Result<Hold, HoldError> {
        let refused = lock(&self.budget).hold(worst);
        refused.map_err(|refusal| match refusal {
            Refusal::Wait => HoldError::Wait,
            Refusal::Never { left } => HoldError::Budget {
                needed: worst,
                left,
            },
        })?;
        // From here on the hold gives the money back to the books when it is dropped.
        let mut hold = Hold {
            paid: Arc::clone(self),
            id: 0,
            amount: worst,
            open: true,
        };
        let job = self.job.id.clone();
        let now = Timestamp::now().as_millisecond();
        let inserted = self
            .store
            .with(move |db| {
                db.prepare_cached(
                    "INSERT INTO spending (job, service, hash, at, state, held) VALUES (?1, ?2, ?3, ?4, 'held', ?5)",
                )?
                .execute(params![job, service, hash, now, worst.exact()])?;
                Ok(db.last_insert_rowid())
            })
            .await;
        match inserted {
            Ok(id) => {
                hold.id = id;
                Ok(hold)
            }
            Err(error) => {
                hold.give_back(Usd::ZERO);
                Err(error.into())
            }
        }
    }

    /// Marks an answer as unusable: it stays on record, but is not given out again.
    pub async fn reject(self: &Arc<Self>, hash: RequestHash) -> anyhow::Result<()> {
        self.store
            .with(move |db| {
                db.execute("UPDATE response SET rejected = 1 WHERE hash = ?1", [hash])?;
                Ok(())
            })
            .await
    }

    /// What this run paid so far.
    pub fn this_run(&self) -> Cost {
        *lock(&self.this_run)
    }

    /// What the whole job, earlier runs included, is known to have spent, and what is set aside for lost calls.
    pub fn job_spent(&self) -> (Usd, Usd) {
        let budget = lock(&self.budget);
        (budget.spent(), budget.uncertain())
    }
}

impl Hold {
    /// The call came back with an answer worth keeping, or one to be kept on record only. When this returns, the
    /// answer and its cost are on disk.
    pub async fn settle(
        mut self,
        hash: RequestHash,
        kept: Kept,
        usable: bool,
    ) -> anyhow::Result<()> {
        let (id, cost) = (self.id, kept.cost);
        let body = pack(&kept.body)?;
        self.paid
            .store
            .with(move |db| {
                db.prepare_cached(
                    "INSERT OR REPLACE INTO response (hash, at, rejected, usd, credits, body, payer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![hash, kept.at.as_millisecond(), !usable, cost.usd.exact(), cost.credits, body, kept.payer])?;
                db.prepare_cached(
                    "UPDATE spending SET state = 'settled', usd = ?2, credits = ?3 WHERE id = ?1",
                )?
                .execute(params![id, cost.usd.exact(), cost.credits])?;
                Ok(())
            })
            .await?;
        *lock(&self.paid.this_run) += cost;
        self.give_back(cost.usd);
        Ok(())
    }

    /// The call was not billed.
    pub async fn release(mut self) -> anyhow::Result<()> {
        let id = self.id;
        self.paid
            .store
            .with(move |db| {
                db.execute("UPDATE spending SET state = 'released' WHERE id = ?1", [id])?;
                Ok(())
            })
            .await?;
        self.give_back(Usd::ZERO);
        Ok(())
    }

    fn give_back(&mut self, cost: Usd) {
        self.open = false;
        lock(&self.paid.budget).settle(self.amount, cost);
        self.paid.freed.notify_waiters();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.open {
            lock(&self.paid.budget).leave_uncertain(self.amount);
            self.paid.freed.notify_waiters();
        }
    }
}

/// Bodies are kept deflated: a third of the space for a tenth of a millisecond.
fn pack(body: &str) -> io::Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(body.as_bytes())?;
    packed.finish()
}

/// Reads a body; the first version of the store kept them as they are.
fn unpack(body: ValueRef<'_>) -> anyhow::Result<String> {
    match body {
        ValueRef::Blob(packed) => {
            let mut body = String::new();
            ZlibDecoder::new(packed).read_to_string(&mut body)?;
            Ok(body)
        }
        plain => Ok(plain.as_str()?.to_owned()),
    }
}

/// Sums in decimals, which `SQLite` cannot.
fn sum(db: &Connection, job: &str, state: &str, column: &str) -> anyhow::Result<Usd> {
    let mut query = db.prepare(&format!(
        "SELECT {column} FROM spending WHERE job = ?1 AND state = ?2"
    ))?;
    let amounts = query.query_map([job, state], |row| row.get::<_, String>(0))?;
    let mut total = Usd::ZERO;
    for amount in amounts {
        total += amount?.parse()?;
    }
    Ok(total)
}

/// The values behind these locks are whole after every statement, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
