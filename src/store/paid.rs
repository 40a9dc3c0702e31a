//! Paid responses and what they cost, in the state folder or where several hosts share them.
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
use serde::{Deserialize, Serialize, de::IgnoredAny};
use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use super::{
    budget::{Budget, Refusal},
    caps::{Purse, Purses, Standing},
    job::Job,
    postgres::{Admission, Ledger, Night, Slot, caps_of},
    reconciliation::{self, Comparison, OfRun, Reading},
    sqlite::{Beside, Fault, Store},
};
use crate::{
    config::caps::Caps,
    money::{Cost, Usd},
};

/// The hash of a request: the name of its answer.
pub type RequestHash = [u8; 32];

/// An answer that was paid for.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    home: Home,
    this_run: Mutex<Cost>,
    /// Rung whenever money comes back.
    freed: Notify,
    job: Job,
}

/// Where answers and the ledger are kept.
#[derive(Debug)]
enum Home {
    /// In the state folder, with the sums in memory.
    Folder {
        store: Arc<Store>,
        budget: Mutex<Budget>,
        /// The last call before this run.
        last_call: i64,
        /// Locked before the budget, where both are.
        purses: Mutex<Purses>,
    },
    /// Where other hosts keep theirs too; what was spent is as of the last look.
    Shared {
        ledger: Box<Ledger>,
        spent: Mutex<(Usd, Usd)>,
    },
}

/// A call in the ledger of a state folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    id: i64,
    job: String,
    service: String,
    /// What was set aside for it, in US dollars.
    held: Usd,
}

/// Money set aside for one call. Dropped without being settled, it stays set aside: the call may have been billed.
#[derive(Debug)]
#[must_use = "a hold is settled when the call has ended"]
pub struct Hold {
    paid: Arc<Paid>,
    id: i64,
    service: &'static str,
    amount: Usd,
    /// When it was set aside, which decides whose day it is.
    at: Timestamp,
    open: bool,
}

/// A call that would be paid for.
#[derive(Debug)]
pub struct Ask<'a> {
    pub service: &'static str,
    /// What kind of call it is, and of which model: `analyst`, `search`.
    pub stage: &'a str,
    pub model: Option<&'a str>,
    pub hash: RequestHash,
    /// Answers that came after this, or that the job has paid for, will do.
    pub since: Timestamp,
    /// What it costs at worst, in US dollars.
    pub worst: Usd,
    /// The brand that it is for.
    pub payer: &'a str,
    /// Its turn, where hosts share one.
    pub slot: Option<&'a Slot>,
}

/// How a call may go on.
#[derive(Debug)]
pub enum Admitted {
    /// Its money is set aside, and its turn is then.
    Held(Hold, Instant),
    /// Another host has brought the answer meanwhile.
    Kept(Kept),
}

/// Why money was not set aside.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error("{purse} has {left} left, and one more call may cost up to {needed}")]
    Budget {
        purse: Purse,
        needed: Usd,
        left: Usd,
    },
    /// Calls in flight may give back enough of what was set aside for them.
    #[error("the budget waits for calls in flight")]
    Wait,
    /// Another host is asking the same now.
    #[error("another host is asking the same")]
    Busy,
    #[error("the brand has been given to another host")]
    Lost,
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

impl Paid {
    /// The answers and the ledger of a job. What it spent before counts against `cap`.
    pub fn new(store: Arc<Store>, job: Job, cap: Option<Usd>) -> anyhow::Result<Self> {
        let (spent, uncertain, last_call) = store.with_now(|db| {
            let last = "SELECT coalesce(max(id), 0) FROM spending";
            Ok((
                sum(db, &job.id, "settled", "usd")?,
                sum(db, &job.id, "held", "held")?,
                db.query_row(last, [], |row| row.get(0))?,
            ))
        })?;
        let home = Home::Folder {
            store,
            budget: Mutex::new(Budget::new(cap, spent, uncertain)),
            last_call,
            purses: Mutex::default(),
        };
        Ok(Self::of(home, job))
    }

    /// The same, within caps by day and month on what all runs and hosts spend together.
    ///
    /// # Errors
    /// When what was spent so far cannot be read.
    pub fn capped(mut self, caps: Caps, now: Timestamp) -> anyhow::Result<Self> {
        match &mut self.home {
            Home::Folder { store, purses, .. } => {
                *purses = Mutex::new(Purses::open(store, caps, now)?);
            }
            Home::Shared { ledger, .. } => ledger.caps = caps,
        }
        Ok(self)
    }

    /// The answers and the ledger of a job that several hosts work on; `cap` counts for all of them together.
    pub fn shared(night: &Night, cap: Option<Usd>) -> Self {
        let ledger = Ledger {
            shared: night.shared.clone(),
            job: night.job.id.clone(),
            last_before: night.job.last_before,
            run: night.run.clone(),
            cap,
            caps: Caps::default(),
        };
        let home = Home::Shared {
            ledger: Box::new(ledger),
            spent: Mutex::default(),
        };
        Self::of(home, night.job.clone())
    }

    fn of(home: Home, job: Job) -> Self {
        Self {
            home,
            this_run: Mutex::default(),
            freed: Notify::new(),
            job,
        }
    }

    /// Answers and a ledger that are gone with the program.
    pub fn in_memory(cap: Option<Usd>, now: Timestamp) -> anyhow::Result<Self> {
        let store = Store::in_memory(now)?;
        let job = Job::begin(&store, "", "", now, false)?;
        Self::new(Arc::new(store), job, cap)
    }

    /// The database in the state folder; `None` where hosts share another.
    pub fn store(&self) -> Option<&Store> {
        match &self.home {
            Home::Folder { store, .. } => Some(store),
            Home::Shared { .. } => None,
        }
    }

    /// What hosts share, where they do.
    pub fn ledger(&self) -> Option<&Ledger> {
        match &self.home {
            Home::Folder { .. } => None,
            Home::Shared { ledger, .. } => Some(ledger),
        }
    }

    /// The job that is paid for.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Takes down what a service reports to have been spent, ever, and settles lost calls by it; `longest` is how long
    /// the service may work on one. `None` where calls of other hosts are in flight.
    pub async fn take_reading(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Option<Reading>> {
        match &self.home {
            Home::Folder {
                store,
                budget,
                last_call,
                purses,
            } => {
                let mut purses = lock(purses);
                let mut budget = lock(budget);
                let run = OfRun {
                    job: &self.job.id,
                    after: *last_call,
                };
                let (reading, settled) =
                    reconciliation::take(store, service, usd, longest, now, &run, &mut budget)?;
                lock(&self.this_run).usd += settled;
                purses.read_again(store, now)?;
                Ok(Some(reading))
            }
            Home::Shared { ledger, .. } => {
                let take = async || ledger.take_reading(service, usd, longest, now).await;
                ledger.shared.patiently(take).await
            }
        }
    }

    /// What a service reported between two readings, beside what was counted.
    pub async fn compare(
        &self,
        service: &str,
        from: &Reading,
        to: &Reading,
    ) -> anyhow::Result<Comparison> {
        match &self.home {
            Home::Folder { store, .. } => reconciliation::compare(store, service, from, to),
            Home::Shared { ledger, .. } => {
                let compare = async || ledger.compare(service, from, to).await;
                ledger.shared.patiently(compare).await
            }
        }
    }

    /// A kept answer to this very request that this job has paid for, or that is not older than `since`.
    pub async fn find(
        self: &Arc<Self>,
        hash: RequestHash,
        since: Timestamp,
    ) -> anyhow::Result<Option<Kept>> {
        let last_before = self.job.last_before;
        match &self.home {
            Home::Folder { store, .. } => {
                let found = store.with(move |db| find(db, hash, last_before, since));
                match found.await? {
                    Found::Kept(kept) => Ok(Some(kept)),
                    Found::Nothing => Ok(None),
                    Found::Unreadable => {
                        store.say("a paid answer in paid.sqlite3 was damaged and cannot be read: it is asked for again".into());
                        Ok(None)
                    }
                }
            }
            Home::Shared { ledger, .. } => ledger.find(hash, since).await,
        }
    }

    /// Rings when money comes back, whether or not somebody has begun to wait for it.
    pub fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Sets the worst case of a call aside.
    pub async fn hold(self: &Arc<Self>, ask: Ask<'_>) -> Result<Admitted, HoldError> {
        let worst = ask.worst;
        // As exactly as it is kept.
        let at = Timestamp::now().as_millisecond();
        let at = Timestamp::from_millisecond(at).map_err(anyhow::Error::from)?;
        let hold = |id| Hold {
            paid: Arc::clone(self),
            id,
            service: ask.service,
            amount: worst,
            at,
            open: true,
        };
        match &self.home {
            Home::Folder {
                store,
                budget,
                purses,
                ..
            } => {
                set_aside(store, budget, purses, worst, at)?;
                // From here on the hold gives the money back to the books when it is dropped.
                let mut hold = hold(0);
                let call = ToBeHeld {
                    job: self.job.id.clone(),
                    service: ask.service,
                    stage: ask.stage.to_owned(),
                    model: ask.model.map(str::to_owned),
                    hash: ask.hash,
                    at,
                    worst,
                };
                match store.with(move |db| put_down(db, &call)).await {
                    Ok(id) => {
                        hold.id = id;
                        Ok(Admitted::Held(hold, Instant::now()))
                    }
                    Err(error) => {
                        hold.give_back(Usd::ZERO);
                        Err(error.into())
                    }
                }
            }
            Home::Shared { ledger, .. } => match ledger.admit(&ask, at).await? {
                Admission::Held(id, at) => Ok(Admitted::Held(hold(id), at)),
                Admission::Kept(kept) => Ok(Admitted::Kept(kept)),
                Admission::Busy => Err(HoldError::Busy),
                Admission::Lost => Err(HoldError::Lost),
                Admission::Wait => Err(HoldError::Wait),
                Admission::Never(purse, left) => Err(HoldError::Budget {
                    purse,
                    needed: worst,
                    left,
                }),
            },
        }
    }

    /// Marks an answer as unusable: it stays on record, but is not given out again.
    pub async fn reject(self: &Arc<Self>, hash: RequestHash) -> anyhow::Result<()> {
        match &self.home {
            Home::Folder { store, .. } => {
                store
                    .with(move |db| {
                        db.execute("UPDATE response SET rejected = 1 WHERE hash = ?1", [hash])?;
                        Ok(())
                    })
                    .await
            }
            Home::Shared { ledger, .. } => ledger.reject(hash).await,
        }
    }

    /// What this run paid so far, on this host.
    pub fn this_run(&self) -> Cost {
        *lock(&self.this_run)
    }

    /// What the whole job, earlier runs and other hosts included, is known to have spent, and what is set aside for lost
    /// calls.
    pub fn job_spent(&self) -> (Usd, Usd) {
        match &self.home {
            Home::Folder { budget, .. } => {
                let budget = lock(budget);
                (budget.spent(), budget.uncertain())
            }
            Home::Shared { spent, .. } => *lock(spent),
        }
    }

    /// What the caps by day and month still leave, in US dollars. What hosts share is not asked for this: the ledger decides
    /// there.
    pub fn caps_left(&self) -> Option<Usd> {
        match &self.home {
            Home::Folder { purses, .. } => lock(purses).left(),
            Home::Shared { .. } => None,
        }
    }

    /// How the caps by day and month stand now, on all hosts.
    pub async fn standings(&self) -> anyhow::Result<Vec<Standing>> {
        match &self.home {
            Home::Folder { purses, .. } => Ok(lock(purses).standings()),
            Home::Shared { ledger, .. } => {
                let standings = async || {
                    let client = ledger.shared.connect().await?;
                    caps_of(&client, ledger.caps, Timestamp::now()).await
                };
                ledger.shared.patiently(standings).await
            }
        }
    }

    /// Takes in what all hosts have spent.
    pub fn learn_spent(&self, so_far: Usd, uncertain: Usd) {
        if let Home::Shared { spent, .. } = &self.home {
            *lock(spent) = (so_far, uncertain);
        }
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
        let body = pack(kept.body.as_bytes())?;
        match &self.paid.home {
            Home::Folder { store, .. } => {
                let call = Call {
                    id,
                    job: self.paid.job.id.clone(),
                    service: self.service.to_owned(),
                    held: self.amount,
                };
                let answer = Beside {
                    call: call.clone(),
                    hash,
                    kept: kept.clone(),
                    usable,
                };
                let done = store
                    .keep(move |db| keep(db, &call, hash, &kept, &body, usable))
                    .await;
                match done {
                    // It is paid for: what the database has no room for may find some beside it.
                    Err(error) if Fault::of(&error) == Some(Fault::Unwritable) => {
                        store.put_beside(&answer).map_err(|_| error)?;
                    }
                    done => done?,
                }
            }
            Home::Shared { ledger, .. } => {
                let answer = Some((hash, kept, body, usable));
                ledger.settle(id, cost, answer).await?;
            }
        }
        *lock(&self.paid.this_run) += cost;
        self.give_back(cost.usd);
        Ok(())
    }

    /// The call was not billed.
    pub async fn release(mut self) -> anyhow::Result<()> {
        let id = self.id;
        match &self.paid.home {
            Home::Folder { store, .. } => {
                store
                    .with(move |db| {
                        db.execute("UPDATE spending SET state = 'released' WHERE id = ?1", [id])?;
                        Ok(())
                    })
                    .await?;
            }
            Home::Shared { ledger, .. } => ledger.settle(id, Cost::default(), None).await?,
        }
        self.give_back(Usd::ZERO);
        Ok(())
    }

    /// Tells all hosts that nobody waits for the call any more. Without a runtime the program ends, and its lease does so.
    fn lose(&self) {
        let (paid, id) = (Arc::clone(&self.paid), self.id);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Home::Shared { ledger, .. } = &paid.home
                    && let Err(error) = ledger.lose(id).await
                {
                    tracing::warn!("{error:#}");
                }
                paid.freed.notify_waiters();
            });
        }
    }

    fn give_back(&mut self, cost: Usd) {
        self.open = false;
        if let Home::Folder { budget, purses, .. } = &self.paid.home {
            lock(budget).settle(self.amount, cost);
            lock(purses).end(self.at, self.amount, cost);
        }
        self.paid.freed.notify_waiters();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.open {
            match &self.paid.home {
                Home::Folder { budget, purses, .. } => {
                    lock(budget).leave_uncertain(self.amount);
                    lock(purses).end(self.at, self.amount, self.amount);
                }
                Home::Shared { .. } => self.lose(),
            }
            self.paid.freed.notify_waiters();
        }
    }
}

/// What the store has for a request.
enum Found {
    Kept(Kept),
    /// An answer that cannot be unpacked, or is no JSON.
    Unreadable,
    Nothing,
}

fn find(
    db: &Connection,
    hash: RequestHash,
    last_before: i64,
    since: Timestamp,
) -> anyhow::Result<Found> {
    let mut query = db.prepare_cached(
        "SELECT body, at, usd, credits, payer FROM response
         WHERE hash = ?1 AND NOT rejected AND (rowid > ?2 OR at >= ?3)",
    )?;
    let found = query
        .query_row(params![hash, last_before, since.as_millisecond()], |row| {
            let body = match row.get_ref("body")? {
                ValueRef::Blob(packed) => unpack(packed).ok(),
                // The first version of the store kept them as they are.
                plain => plain.as_str().map(str::to_owned).ok(),
            };
            Ok((
                body,
                row.get("at")?,
                row.get::<_, String>("usd")?,
                row.get("credits")?,
                row.get("payer")?,
            ))
        })
        .optional()?;
    let Some((body, at, usd, credits, payer)) = found else {
        return Ok(Found::Nothing);
    };
    let is_json = |body: &String| serde_json::from_str::<IgnoredAny>(body).is_ok();
    let Some(body) = body.filter(is_json) else {
        return Ok(Found::Unreadable);
    };
    Ok(Found::Kept(Kept {
        body,
        at: Timestamp::from_millisecond(at)?,
        cost: Cost {
            usd: usd.parse()?,
            credits,
        },
        payer,
    }))
}

/// Sets the worst case of a call aside in the budget and within the caps, or in none of them.
fn set_aside(
    store: &Store,
    budget: &Mutex<Budget>,
    purses: &Mutex<Purses>,
    worst: Usd,
    at: Timestamp,
) -> Result<(), HoldError> {
    let mut purses = lock(purses);
    let admitted = purses.admit(store, worst, at)?;
    let refused = admitted.and_then(|()| {
        let held = lock(budget).hold(worst);
        held.map_err(|refusal| (refusal, Purse::Run))
    });
    refused.map_err(|(refusal, purse)| match refusal {
        Refusal::Wait => HoldError::Wait,
        Refusal::Never { left } => HoldError::Budget {
            purse,
            needed: worst,
            left,
        },
    })?;
    purses.hold(worst);
    Ok(())
}

/// A call whose money is to be set aside.
struct ToBeHeld {
    job: String,
    service: &'static str,
    stage: String,
    model: Option<String>,
    hash: RequestHash,
    at: Timestamp,
    worst: Usd,
}

fn put_down(db: &Connection, call: &ToBeHeld) -> anyhow::Result<i64> {
    db.prepare_cached(
        "INSERT INTO spending (job, service, stage, model, hash, at, state, held)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'held', ?7)",
    )?
    .execute(params![
        call.job,
        call.service,
        call.stage,
        call.model,
        call.hash,
        call.at.as_millisecond(),
        call.worst.exact()
    ])?;
    Ok(db.last_insert_rowid())
}

/// Keeps an answer, and what it cost.
pub(super) fn keep(
    db: &Connection,
    call: &Call,
    hash: RequestHash,
    kept: &Kept,
    body: &[u8],
    usable: bool,
) -> anyhow::Result<()> {
    let Kept {
        at, cost, payer, ..
    } = kept;
    let (at, usd) = (at.as_millisecond(), cost.usd.exact());
    db.prepare_cached(
        "INSERT OR REPLACE INTO response (hash, at, rejected, usd, credits, body, payer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![hash, at, !usable, usd, cost.credits, body, payer])?;
    // The line of the call may have been lost with a damaged page.
    db.prepare_cached(
        "INSERT INTO spending (id, job, service, hash, at, state, held, usd, credits) VALUES (?1, ?2, ?3, ?4, ?5, 'settled', ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET state = 'settled', usd = excluded.usd, credits = excluded.credits",
    )?
    .execute(params![
        call.id,
        call.job,
        call.service,
        hash,
        at,
        call.held.exact(),
        usd,
        cost.credits
    ])?;
    Ok(())
}

/// Bodies are kept deflated: a third of the space for a tenth of a millisecond.
pub fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(body)?;
    packed.finish()
}

/// Reads what was deflated.
pub fn unpack(packed: &[u8]) -> anyhow::Result<String> {
    let mut body = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut body)?;
    Ok(body)
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
