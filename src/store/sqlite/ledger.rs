//! The ledger of a job in a state folder: answers and calls in the database, sums in memory.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params, types::ValueRef};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use tokio::time::Instant;

use super::{Beside, Database, DatabaseFault, lock};
use crate::{
    config::caps::Caps,
    money::{Cost, Usd},
    store::{
        budget::{Budget, BudgetRefusal},
        caps::{BudgetLimit, CapCounters, CapUsage},
        job::Job,
        paid::{self, Admission, AnswerToKeep, Ask, CachedResponse, HeldCall, RequestHash, unpack},
        reconciliation::{self, OfRun, UsageComparison, UsageReading},
    },
};

/// A call in the ledger of a state folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    id: i64,
    job: String,
    service: String,
    /// What was set aside for it, in US dollars.
    held: Usd,
}

/// The ledger of a job.
#[derive(Debug)]
pub struct SqliteLedger {
    db: Arc<Database>,
    job: Job,
    budget: Mutex<Budget>,
    /// The last call before this run.
    last_call: i64,
    /// Locked before the budget, where both are.
    counters: Mutex<CapCounters>,
}

/// Money that is being set aside. Dropped before the call has its number, it stays set aside: the call may be on record.
struct SetAside<'a> {
    ledger: &'a SqliteLedger,
    amount: Usd,
    at: Timestamp,
    open: bool,
}

impl SqliteLedger {
    /// The ledger of a job. What it spent before counts against `cap`, and what all jobs spent against `caps`.
    ///
    /// # Errors
    /// When what was spent so far cannot be read.
    pub fn open(
        db: Arc<Database>,
        job: Job,
        cap: Option<Usd>,
        caps: Caps,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (spent, uncertain, last_call) = db.with_now(|db| {
            let last = "SELECT coalesce(max(id), 0) FROM spending";
            Ok((
                sum(db, &job.id, "settled", "usd")?,
                sum(db, &job.id, "held", "held")?,
                db.query_row(last, [], |row| row.get(0))?,
            ))
        })?;
        let counters = CapCounters::open(&db, caps, now)?;
        Ok(Self {
            db,
            job,
            budget: Mutex::new(Budget::new(cap, spent, uncertain)),
            last_call,
            counters: Mutex::new(counters),
        })
    }

    /// A ledger that is gone with the program; `force` where its job asks for every brand again.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory(cap: Option<Usd>, now: Timestamp, force: bool) -> anyhow::Result<Self> {
        let db = Database::in_memory(now)?;
        let job = Job::begin(&db, "", "", now, force)?;
        Self::open(Arc::new(db), job, cap, Caps::default(), now)
    }

    /// Sets the worst case of a call aside in the budget and within the caps, or in none of them.
    fn set_aside(
        &self,
        worst: Usd,
        at: Timestamp,
    ) -> anyhow::Result<Result<SetAside<'_>, Admission>> {
        let mut counters = lock(&self.counters);
        let admitted = counters.admit(&self.db, worst, at)?;
        let refused = admitted.and_then(|()| {
            let held = lock(&self.budget).hold(worst);
            held.map_err(|refusal| (refusal, BudgetLimit::Run))
        });
        Ok(match refused {
            Ok(()) => {
                counters.hold(worst);
                Ok(SetAside {
                    ledger: self,
                    amount: worst,
                    at,
                    open: true,
                })
            }
            Err((BudgetRefusal::Wait, _)) => Err(Admission::Wait),
            Err((BudgetRefusal::Never { left }, limit)) => Err(Admission::Never(limit, left)),
        })
    }

    /// What was set aside is free again, but for what the call cost.
    fn give_back(&self, amount: Usd, at: Timestamp, cost: Usd) {
        lock(&self.budget).settle(amount, cost);
        lock(&self.counters).end(at, amount, cost);
    }

    fn leave_uncertain(&self, amount: Usd, at: Timestamp) {
        lock(&self.budget).leave_uncertain(amount);
        lock(&self.counters).end(at, amount, amount);
    }
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        if self.open {
            self.ledger.leave_uncertain(self.amount, self.at);
        }
    }
}

#[async_trait]
impl paid::Ledger for SqliteLedger {
    fn job(&self) -> &Job {
        &self.job
    }

    async fn find(
        &self,
        hash: RequestHash,
        since: Timestamp,
    ) -> anyhow::Result<Option<CachedResponse>> {
        let last_before = self.job.last_before;
        let found = self.db.with(move |db| find(db, hash, last_before, since));
        match found.await? {
            Found::Kept(kept) => Ok(Some(kept)),
            Found::Nothing => Ok(None),
            Found::Unreadable => {
                self.db.say("a paid answer in paid.sqlite3 was damaged and cannot be read: it is asked for again".into());
                Ok(None)
            }
        }
    }

    async fn admit(&self, ask: &Ask<'_>, at: Timestamp) -> anyhow::Result<Admission> {
        let mut aside = match self.set_aside(ask.worst, at)? {
            Ok(aside) => aside,
            Err(refused) => return Ok(refused),
        };
        let call = ToBeHeld {
            job: self.job.id.clone(),
            service: ask.service,
            stage: ask.stage.to_owned(),
            model: ask.model.map(str::to_owned),
            hash: ask.hash,
            at,
            worst: ask.worst,
        };
        let put_down = self.db.with(move |db| put_down(db, &call)).await;
        aside.open = false;
        match put_down {
            // From here on whoever asked gives the money back.
            Ok(id) => Ok(Admission::Held(id, Instant::now())),
            Err(error) => {
                self.give_back(ask.worst, at, Usd::ZERO);
                Err(error)
            }
        }
    }

    async fn settle(&self, held: &HeldCall, answer: AnswerToKeep) -> anyhow::Result<()> {
        let cost = answer.kept.cost;
        let call = Call {
            id: held.id,
            job: self.job.id.clone(),
            service: held.service.to_owned(),
            held: held.amount,
        };
        let AnswerToKeep {
            hash,
            kept,
            body,
            usable,
        } = answer;
        let beside = Beside {
            call: call.clone(),
            hash,
            kept: kept.clone(),
            usable,
        };
        let done = self
            .db
            .keep(move |db| keep(db, &call, hash, &kept, &body, usable))
            .await;
        match done {
            // It is paid for: what the database has no room for may find some beside it.
            Err(error) if DatabaseFault::of(&error) == Some(DatabaseFault::Unwritable) => {
                self.db.put_beside(&beside).map_err(|_| error)?;
            }
            done => done?,
        }
        self.give_back(held.amount, held.at, cost.usd);
        Ok(())
    }

    async fn release(&self, call: &HeldCall) -> anyhow::Result<()> {
        let id = call.id;
        self.db
            .with(move |db| {
                db.execute("UPDATE spending SET state = 'released' WHERE id = ?1", [id])?;
                Ok(())
            })
            .await?;
        self.give_back(call.amount, call.at, Usd::ZERO);
        Ok(())
    }

    fn lose(&self, call: &HeldCall) -> Option<BoxFuture<'static, anyhow::Result<()>>> {
        self.leave_uncertain(call.amount, call.at);
        None
    }

    async fn reject(&self, hash: RequestHash) -> anyhow::Result<()> {
        self.db
            .with(move |db| {
                db.execute("UPDATE response SET rejected = 1 WHERE hash = ?1", [hash])?;
                Ok(())
            })
            .await
    }

    async fn take_reading(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Option<(UsageReading, Usd)>> {
        let mut counters = lock(&self.counters);
        let mut budget = lock(&self.budget);
        let run = OfRun {
            job: &self.job.id,
            after: self.last_call,
        };
        let taken = reconciliation::take(&self.db, service, usd, longest, now, &run, &mut budget)?;
        counters.read_again(&self.db, now)?;
        Ok(Some(taken))
    }

    async fn compare(
        &self,
        service: &str,
        from: &UsageReading,
        to: &UsageReading,
    ) -> anyhow::Result<UsageComparison> {
        reconciliation::compare(&self.db, service, from, to)
    }

    fn spent(&self) -> (Usd, Usd) {
        let budget = lock(&self.budget);
        (budget.spent(), budget.uncertain())
    }

    fn caps_left(&self) -> Option<Usd> {
        lock(&self.counters).left()
    }

    async fn standings(&self) -> anyhow::Result<Vec<CapUsage>> {
        Ok(lock(&self.counters).standings())
    }
}

/// What the store has for a request.
enum Found {
    Kept(CachedResponse),
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
            let body = match row.get_ref(0)? {
                ValueRef::Blob(packed) => unpack(packed).ok(),
                // The first version of the store kept them as they are.
                plain => plain.as_str().map(str::to_owned).ok(),
            };
            Ok((
                body,
                row.get(1)?,
                row.get::<_, String>(2)?,
                row.get(3)?,
                row.get(4)?,
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
    Ok(Found::Kept(CachedResponse {
        body,
        at: Timestamp::from_millisecond(at)?,
        cost: Cost {
            usd: usd.parse()?,
            credits,
        },
        payer,
    }))
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
pub fn keep(
    db: &Connection,
    call: &Call,
    hash: RequestHash,
    kept: &CachedResponse,
    body: &[u8],
    usable: bool,
) -> anyhow::Result<()> {
    let CachedResponse {
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
