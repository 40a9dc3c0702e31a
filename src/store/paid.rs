//! The paid answers and the ledger of what they cost, wherever they are kept.
//!
//! An answer and its cost are one transaction, so a crash at any moment leaves both or neither.

use std::{
    fmt,
    io::{self, Read, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

use super::{
    caps::{BudgetLimit, CapUsage},
    job::Job,
    reconciliation::{UsageComparison, UsageReading},
    shared_run::{Slot, Turns},
    sqlite,
};

use crate::money::{Cost, Usd};

/// The hash of a request: the name of its answer.
pub type RequestHash = [u8; 32];

/// An answer that was paid for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CachedResponse {
    pub body: String,
    /// When it came.
    pub at: Timestamp,
    pub cost: Cost,
    /// The brand that it was paid for; earlier versions did not take it down.
    pub payer: Option<String>,
}

/// The answers and the ledger of a job, in one state engine.
///
/// # Errors
/// Each method fails where the state cannot be read or written.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync {
    /// The job that is paid for.
    fn job(&self) -> &Job;

    /// A kept answer to this very request that the job has paid for, or that is not older than `since`.
    async fn find(
        &self,
        hash: RequestHash,
        since: Timestamp,
    ) -> anyhow::Result<Option<CachedResponse>>;

    /// Sets the worst case of a call aside, unless there is an answer. Dropped before it is done, it may have been set aside.
    async fn admit(&self, ask: &Ask<'_>, at: Timestamp) -> anyhow::Result<Admission>;

    /// The call came back with an answer worth keeping, or one to be kept on record only. When this returns, the answer and
    /// its cost are on disk, and the rest of what was set aside is free.
    async fn settle(&self, call: &HeldCall, answer: AnswerToKeep) -> anyhow::Result<()>;

    /// The call was not billed: what was set aside is free.
    async fn release(&self, call: &HeldCall) -> anyhow::Result<()>;

    /// Nobody waits for the call any more: it may have been billed, and is not in flight. Where others have to hear of that,
    /// they have when what is returned is done.
    fn lose(&self, call: &HeldCall) -> Option<BoxFuture<'static, anyhow::Result<()>>>;

    /// Marks an answer as unusable: it stays on record, but is not given out again.
    async fn reject(&self, hash: RequestHash) -> anyhow::Result<()>;

    /// Takes down what a service reports to have been spent, ever, and settles lost calls by it; `longest` is how long the
    /// service may work on one. Returns what lost calls of this run cost besides. `None` where calls of other hosts are in
    /// flight.
    async fn take_reading(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Option<(UsageReading, Usd)>>;

    /// What a service reported between two readings, beside what was counted.
    async fn compare(
        &self,
        service: &str,
        from: &UsageReading,
        to: &UsageReading,
    ) -> anyhow::Result<UsageComparison>;

    /// What the whole job, earlier runs and other hosts included, is known to have spent, and what is set aside for lost
    /// calls.
    fn spent(&self) -> (Usd, Usd);

    /// What the caps by day and month still leave, in US dollars; `None` where only admitting a call tells.
    fn caps_left(&self) -> Option<Usd>;

    /// How the caps by day and month stand now, on all hosts.
    async fn standings(&self) -> anyhow::Result<Vec<CapUsage>>;

    /// The turns at the services, where hosts share them.
    fn turns(&self) -> Option<&dyn Turns> {
        None
    }

    /// Takes in what all hosts have spent, and what is set aside for lost calls.
    fn learn_spent(&self, _so_far: Usd, _uncertain: Usd) {}
}

/// What becomes of a call that is to be paid for.
#[derive(Debug)]
pub enum Admission {
    /// There is an answer.
    Kept(CachedResponse),
    /// Its money is set aside under this number, and its turn is then.
    Held(i64, Instant),
    /// Another host is asking the same now.
    Busy,
    /// The brand has been given to another host.
    Lost,
    /// The money may come back.
    Wait,
    /// It does not fit into what is left.
    Never(BudgetLimit, Usd),
}

/// A call whose money is set aside.
#[derive(Clone, Debug)]
pub struct HeldCall {
    /// Its number in the ledger.
    pub id: i64,
    pub service: &'static str,
    /// What was set aside, in US dollars.
    pub amount: Usd,
    /// When that was, which decides whose day it is.
    pub at: Timestamp,
}

/// What a call brought.
#[derive(Clone, Debug)]
pub struct AnswerToKeep {
    pub hash: RequestHash,
    pub kept: CachedResponse,
    /// The body, deflated.
    pub body: Vec<u8>,
    /// Whether it may be given out again.
    pub usable: bool,
}

/// The answers and the ledger of a job, as a run uses them.
#[derive(Debug)]
pub struct Paid {
    ledger: Arc<dyn Ledger>,
    this_run: Mutex<Cost>,
    /// Rung whenever money comes back.
    freed: Notify,
}

/// Money set aside for one call. Dropped without being settled, it stays set aside: the call may have been billed.
#[derive(Debug)]
#[must_use = "a hold is settled when the call has ended"]
pub struct Hold {
    paid: Arc<Paid>,
    call: HeldCall,
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
    Kept(CachedResponse),
}

/// Why money was not set aside.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error("{limit} has {left} left, and one more call may cost up to {needed}")]
    Budget {
        limit: BudgetLimit,
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
    /// What a run pays for, in this ledger.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger,
            this_run: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Answers and a ledger that are gone with the program.
    pub fn in_memory(cap: Option<Usd>, now: Timestamp) -> anyhow::Result<Self> {
        let ledger = sqlite::SqliteLedger::in_memory(cap, now, false)?;
        Ok(Self::new(Arc::new(ledger)))
    }

    /// The job that is paid for.
    pub fn job(&self) -> &Job {
        self.ledger.job()
    }

    /// The turns at the services, where hosts share them.
    pub fn turns(&self) -> Option<&dyn Turns> {
        self.ledger.turns()
    }

    /// Takes down what a service reports to have been spent, ever, and settles lost calls by it; `longest` is how long
    /// the service may work on one. `None` where calls of other hosts are in flight.
    pub async fn take_reading(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Option<UsageReading>> {
        let taken = self.ledger.take_reading(service, usd, longest, now).await?;
        Ok(taken.map(|(reading, settled)| {
            lock(&self.this_run).usd += settled;
            reading
        }))
    }

    /// What a service reported between two readings, beside what was counted.
    pub async fn compare(
        &self,
        service: &str,
        from: &UsageReading,
        to: &UsageReading,
    ) -> anyhow::Result<UsageComparison> {
        self.ledger.compare(service, from, to).await
    }

    /// A kept answer to this very request that this job has paid for, or that is not older than `since`.
    pub async fn find(
        &self,
        hash: RequestHash,
        since: Timestamp,
    ) -> anyhow::Result<Option<CachedResponse>> {
        self.ledger.find(hash, since).await
    }

    /// Rings when money comes back, whether or not somebody has begun to wait for it.
    pub fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Sets the worst case of a call aside.
    pub async fn hold(self: &Arc<Self>, ask: Ask<'_>) -> Result<Admitted, HoldError> {
        // As exactly as it is kept.
        let at = Timestamp::now().as_millisecond();
        let at = Timestamp::from_millisecond(at).map_err(anyhow::Error::from)?;
        let bell = Bell(Some(&self.freed));
        let admission = self.ledger.admit(&ask, at).await?;
        bell.leave();
        match admission {
            Admission::Held(id, turn) => {
                let hold = Hold {
                    paid: Arc::clone(self),
                    call: HeldCall {
                        id,
                        service: ask.service,
                        amount: ask.worst,
                        at,
                    },
                    open: true,
                };
                Ok(Admitted::Held(hold, turn))
            }
            Admission::Kept(kept) => Ok(Admitted::Kept(kept)),
            Admission::Busy => Err(HoldError::Busy),
            Admission::Lost => Err(HoldError::Lost),
            Admission::Wait => Err(HoldError::Wait),
            Admission::Never(limit, left) => Err(HoldError::Budget {
                limit,
                needed: ask.worst,
                left,
            }),
        }
    }

    /// Marks an answer as unusable: it stays on record, but is not given out again.
    pub async fn reject(&self, hash: RequestHash) -> anyhow::Result<()> {
        self.ledger.reject(hash).await
    }

    /// What this run paid so far, on this host.
    pub fn this_run(&self) -> Cost {
        *lock(&self.this_run)
    }

    /// What the whole job, earlier runs and other hosts included, is known to have spent, and what is set aside for lost
    /// calls.
    pub fn job_spent(&self) -> (Usd, Usd) {
        self.ledger.spent()
    }

    /// What the caps by day and month still leave, in US dollars; `None` where only asking for a call tells.
    pub fn caps_left(&self) -> Option<Usd> {
        self.ledger.caps_left()
    }

    /// How the caps by day and month stand now, on all hosts.
    pub async fn standings(&self) -> anyhow::Result<Vec<CapUsage>> {
        self.ledger.standings().await
    }

    /// Takes in what all hosts have spent.
    pub fn learn_spent(&self, so_far: Usd, uncertain: Usd) {
        self.ledger.learn_spent(so_far, uncertain);
    }
}

/// Rings where asking for money is broken off or fails: some may have been set aside and be free again, and others wait for
/// that.
struct Bell<'a>(Option<&'a Notify>);

impl Bell<'_> {
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        if let Some(freed) = self.0 {
            freed.notify_waiters();
        }
    }
}

impl Hold {
    /// The call came back with an answer worth keeping, or one to be kept on record only. When this returns, the
    /// answer and its cost are on disk.
    pub async fn settle(
        mut self,
        hash: RequestHash,
        kept: CachedResponse,
        usable: bool,
    ) -> anyhow::Result<()> {
        let cost = kept.cost;
        let answer = AnswerToKeep {
            hash,
            body: pack(kept.body.as_bytes())?,
            kept,
            usable,
        };
        self.paid.ledger.settle(&self.call, answer).await?;
        *lock(&self.paid.this_run) += cost;
        self.close();
        Ok(())
    }

    /// The call was not billed.
    pub async fn release(mut self) -> anyhow::Result<()> {
        self.paid.ledger.release(&self.call).await?;
        self.close();
        Ok(())
    }

    fn close(&mut self) {
        self.open = false;
        self.paid.freed.notify_waiters();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let lost = self.paid.ledger.lose(&self.call);
        // Without a runtime the program ends, and its lease does so.
        if let (Some(lost), Ok(runtime)) = (lost, tokio::runtime::Handle::try_current()) {
            let paid = Arc::clone(&self.paid);
            runtime.spawn(async move {
                if let Err(error) = lost.await {
                    tracing::warn!("{error:#}");
                }
                paid.freed.notify_waiters();
            });
        }
        self.paid.freed.notify_waiters();
    }
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

/// The values behind these locks are whole after every statement, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
