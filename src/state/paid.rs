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
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

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
    #[error("the run is winding down")]
    Stopped,
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
                db.query_row(
                    "SELECT body, at, usd, credits FROM response
                 WHERE hash = ?1 AND NOT rejected AND (rowid > ?2 OR at >= ?3)",
                    params![hash, last_before, since.as_millisecond()],
                    |row| {
                        Ok((
                            unpack(row.get_ref(0)?),
                            row.get(1)?,
                            row.get::<_, String>(2)?,
                            row.get(3)?,
                        ))
                    },
                )
                .optional()?
                .map(|(body, at, usd, credits)| {
                    Ok(Kept {
                        body: body?,
                        at: Timestamp::from_millisecond(at)?,
                        cost: Cost {
                            usd: usd.parse()?,
                            credits,
                        },
                    })
                })
                .transpose()
            })
            .await
    }

    /// Sets the worst case of a call aside, waiting for calls in flight to give back what they did not need, but not
    /// longer than until `stop`.
    pub async fn hold(
        self: &Arc<Self>,
        service: &'static str,
        hash: RequestHash,
        worst: Usd,
        stop: &CancellationToken,
    ) -> Result<Hold, HoldError> {
        loop {
            // Listening begins before the look, so that money coming back in between is not missed.
            let freed = self.freed.notified();
            let refused = lock(&self.budget).hold(worst);
            match refused {
                Ok(()) => break,
                Err(Refusal::Wait) => {
                    tokio::select! {
                        () = freed => {}
                        () = stop.cancelled() => return Err(HoldError::Stopped),
                    }
                }
                Err(Refusal::Never { left }) => {
                    return Err(HoldError::Budget {
                        needed: worst,
                        left,
                    });
                }
            }
        }
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
                db.execute(
                    "INSERT INTO spending (job, service, hash, at, state, held) VALUES (?1, ?2, ?3, ?4, 'held', ?5)",
                    params![job, service, hash, now, worst.exact()],
                )?;
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
                let transaction = db.unchecked_transaction()?;
                transaction.execute(
                    "INSERT OR REPLACE INTO response (hash, at, rejected, usd, credits, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![hash, kept.at.as_millisecond(), !usable, cost.usd.exact(), cost.credits, body],
                )?;
                transaction.execute(
                    "UPDATE spending SET state = 'settled', usd = ?2, credits = ?3 WHERE id = ?1",
                    params![id, cost.usd.exact(), cost.credits],
                )?;
                Ok(transaction.commit()?)
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
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::new(3));
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::meter::Difference;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    /// A run of the job that is open for this list.
    fn open(folder: &tempfile::TempDir, list: &str, cap: &str) -> Arc<Paid> {
        let (store, _) =
            Store::open(&folder.path().join("paid.sqlite3"), Timestamp::now()).unwrap();
        let job = Job::begin(&store, list, list, Timestamp::now(), false).unwrap();
        Arc::new(Paid::new(Arc::new(store), job, Some(usd(cap))).unwrap())
    }

    fn go_on() -> CancellationToken {
        CancellationToken::new()
    }

    fn kept(body: &str, cost: &str) -> Kept {
        Kept {
            body: body.into(),
            at: Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap(),
            cost: Cost {
                usd: usd(cost),
                credits: 1,
            },
        }
    }

    #[tokio::test]
    async fn a_paid_answer_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let paid = open(&folder, "job", "1");
        let hash = [1; 32];
        let hold = paid
            .hold("search", hash, usd("0.5"), &go_on())
            .await
            .unwrap();
        let answer = kept("{}", "0.008");
        hold.settle(hash, answer.clone(), true).await.unwrap();
        drop(paid);

        let paid = open(&folder, "job", "1");
        let found = paid.find(hash, answer.at).await.unwrap().unwrap();
        assert_eq!(
            (found.body, found.at, found.cost),
            (answer.body, answer.at, answer.cost)
        );
        // The job goes on with its own answers, even when the clock says that they are too old.
        assert!(paid.find(hash, Timestamp::MAX).await.unwrap().is_some());
        let other = open(&folder, "another list", "1");
        assert!(other.find(hash, answer.at).await.unwrap().is_some());
        assert!(other.find(hash, Timestamp::MAX).await.unwrap().is_none());
        drop(other);
        assert_eq!(paid.job_spent(), (usd("0.008"), Usd::ZERO));
        paid.reject(hash).await.unwrap();
        assert!(paid.find(hash, answer.at).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn answers_of_the_first_version_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("paid.sqlite3")).unwrap();
        db.execute_batch(
            "CREATE TABLE response (hash BLOB PRIMARY KEY, at INTEGER NOT NULL, rejected INTEGER NOT NULL,
                 usd TEXT NOT NULL, credits INTEGER NOT NULL, body TEXT NOT NULL);
             CREATE TABLE spending (id INTEGER PRIMARY KEY, job TEXT NOT NULL, service TEXT NOT NULL, hash BLOB NOT NULL,
                 at INTEGER NOT NULL, state TEXT NOT NULL, held TEXT NOT NULL, usd TEXT, credits INTEGER);
             PRAGMA user_version = 1;",
        )
        .unwrap();
        let now = Timestamp::now().as_millisecond();
        db.execute(
            "INSERT INTO response VALUES (?1, ?2, 0, '0.008', 1, '{\"پاسخ\": 1}')",
            params![[1u8; 32], now],
        )
        .unwrap();
        drop(db);
        let found = open(&folder, "list", "1")
            .find([1; 32], Timestamp::MIN)
            .await;
        assert_eq!(found.unwrap().unwrap().body, "{\"پاسخ\": 1}");
    }

    #[tokio::test]
    async fn lost_calls_are_settled_by_what_the_service_reports() {
        const LONGEST: Duration = Duration::from_mins(4);
        // What the service billed for two calls that were lost, and what is left set aside.
        for (billed, late, left) in [
            ("0", false, "0"),
            ("0.3", false, "0"),
            // More than both can have cost: somebody else uses the key.
            ("2", false, "1"),
            // Less than what is known to have been spent: the figures are late.
            ("0", true, "1"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let paid = open(&folder, "list", "5");
            let now = Timestamp::now();
            let read = |usd: Usd, now| paid.take_reading("llm", usd, LONGEST, now).unwrap();
            let first = read(usd("7"), now);
            let stop = go_on();
            let hold = |hash| paid.hold("llm", [hash; 32], usd("0.5"), &stop);
            let answered = hold(1).await.unwrap();
            answered
                .settle([1; 32], kept("{}", "0.2"), true)
                .await
                .unwrap();
            drop((hold(2).await.unwrap(), hold(3).await.unwrap()));
            let reported = match late {
                true => usd("7"),
                false => usd("7.2") + usd(billed),
            };
            // The service may still be at work on them.
            read(reported, now);
            assert_eq!(paid.job_spent(), (usd("0.2"), usd("1")));
            let later = now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap();
            let last = read(reported, later);
            let spent = if left == "0" {
                usd("0.2") + usd(billed)
            } else {
                usd("0.2")
            };
            assert_eq!(
                paid.job_spent(),
                (spent, usd(left)),
                "billed {billed}, late: {late}"
            );
            let compared = paid.compare("llm", &first, &last).unwrap();
            let difference = match (billed, late) {
                (_, true) => Difference::Late,
                ("2", _) => Difference::Unknown,
                _ => Difference::None,
            };
            assert_eq!(compared.difference(), difference, "{compared:?}");
        }
    }

    #[tokio::test]
    async fn a_lost_call_keeps_its_hold_across_runs_of_the_job() {
        let folder = tempfile::tempdir().unwrap();
        let paid = open(&folder, "job", "1");
        drop(
            paid.hold("llm", [1; 32], usd("0.7"), &go_on())
                .await
                .unwrap(),
        );
        let refused = paid
            .hold("llm", [2; 32], usd("0.7"), &go_on())
            .await
            .unwrap_err();
        assert!(matches!(refused, HoldError::Budget { left, .. } if left == usd("0.3")));
        drop(paid);

        let paid = open(&folder, "job", "1");
        assert!(
            paid.hold("llm", [2; 32], usd("0.7"), &go_on())
                .await
                .is_err()
        );
        drop(paid);
        let paid = open(&folder, "another job", "1");
        let hold = paid
            .hold("llm", [2; 32], usd("0.7"), &go_on())
            .await
            .unwrap();
        hold.release().await.unwrap();
        assert_eq!(paid.job_spent(), (Usd::ZERO, Usd::ZERO));
    }

    /// A call on its way: what was set aside, and which part of that the service will bill.
    #[derive(Clone, Debug)]
    struct Call {
        worst_cents: u64,
        billed_percent: u64,
        lost: bool,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        /// Calls begin and end in any order, cost up to their worst case, are lost, and the program crashes now and then:
        /// what was billed is never over the cap, and when no call fits any more nine tenths are used.
        #[test]
        fn random_schedules_keep_the_budget_and_use_it(
            cap in 200u64..1_000,
            steps in proptest::collection::vec(
                (1u64..=20, 0u64..=100, prop::bool::weighted(0.05), 0usize..16, prop::bool::weighted(0.02)), 1..120),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let cents = |n: u64| usd("0.01").times(n);
                let store = Arc::new(Store::in_memory(Timestamp::now()).unwrap());
                let begin = || {
                    let job = Job::begin(&store, "list", "run", Timestamp::now(), false).unwrap();
                    Arc::new(Paid::new(Arc::clone(&store), job, Some(cents(cap))).unwrap())
                };
                let mut paid = begin();
                let mut billed = Usd::ZERO;
                let mut flying: Vec<(Call, Hold)> = Vec::new();
                let stop = go_on();
                // No waiting: a call that does not fit now is not made.
                stop.cancel();
                let mut number = 0u8;
                let mut full = false;
                for (worst_cents, billed_percent, lost, at, crash) in steps {
                    number = number.wrapping_add(1);
                    let call = Call { worst_cents, billed_percent, lost };
                    match paid.hold("llm", [number; 32], cents(worst_cents), &stop).await {
                        Ok(hold) => flying.push((call, hold)),
                        Err(refused) => full |= matches!(refused, HoldError::Budget { .. }),
                    }
                    if crash {
                        // All calls in flight are billed, and nobody is there to hear of it.
                        for (call, hold) in flying.drain(..) {
                            billed += cents(call.worst_cents).scaled(rust_decimal::Decimal::new(call.billed_percent.try_into().unwrap(), 2));
                            drop(hold);
                        }
                        paid = begin();
                    } else if flying.len() > at {
                        let (call, hold) = flying.swap_remove(at);
                        let cost = cents(call.worst_cents).scaled(rust_decimal::Decimal::new(call.billed_percent.try_into().unwrap(), 2));
                        billed += cost;
                        if call.lost {
                            drop(hold);
                        } else {
                            let kept = Kept { cost: Cost { usd: cost, credits: 0 }, ..kept("{}", "0") };
                            hold.settle([number; 32], kept, true).await.unwrap();
                        }
                    }
                    let (spent, uncertain) = paid.job_spent();
                    prop_assert!(billed <= cents(cap), "{billed:?} billed of {:?}", cents(cap));
                    prop_assert!(spent + uncertain <= cents(cap));
                    if full && flying.is_empty() {
                        prop_assert!((spent + uncertain).times(10) >= cents(cap).times(9));
                    }
                }
                Ok(())
            })?;
        }
    }

    #[tokio::test]
    async fn a_call_waits_for_money_that_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let paid = open(&folder, "job", "1");
        let first = paid
            .hold("llm", [1; 32], usd("0.9"), &go_on())
            .await
            .unwrap();
        let stop = go_on();
        let (second, ()) = futures::join!(paid.hold("llm", [2; 32], usd("0.9"), &stop), async {
            first
                .settle([1; 32], kept("{}", "0.05"), true)
                .await
                .unwrap();
        });
        second.unwrap().release().await.unwrap();
        assert_eq!(paid.this_run().usd, usd("0.05"));
    }
}
