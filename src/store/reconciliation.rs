//! The readings of what the services themselves say was spent: beside our own sum, and for settling calls whose end is
//! not known.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{budget::Budget, run_history, sqlite::Database};
use crate::money::Usd;

/// Differences up to this are rounding.
const ROUNDING: &str = "0.001";

/// What a service reported at some moment, in US dollars since its account was opened.
#[derive(Clone, Debug)]
pub struct UsageReading {
    pub(super) usd: Usd,
    /// The last call before it.
    pub(super) upto: i64,
}

/// What a service says of the calls between two readings, and what we counted, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsageComparison {
    pub reported: Usd,
    pub counted: Usd,
    /// Set aside for calls that were lost.
    pub lost: Usd,
}

/// How what a service says and what was counted fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// None but rounding.
    None,
    /// What more was reported may be the calls that were lost.
    Lost,
    /// Less was reported.
    Late,
    /// More was reported than all calls can have cost.
    Unknown,
}

impl UsageComparison {
    /// How the two fit together.
    pub fn difference(&self) -> Difference {
        let rounding = ROUNDING.parse().unwrap_or_default();
        let more = self.reported.minus(self.counted);
        if self.counted.minus(self.reported) > rounding {
            Difference::Late
        } else if more <= rounding {
            Difference::None
        } else if more <= self.lost + rounding {
            Difference::Lost
        } else {
            Difference::Unknown
        }
    }
}

/// A call that was sent and never answered, or answered by nobody who knows what it cost.
pub(super) struct Lost {
    pub(super) id: i64,
    pub(super) job: String,
    pub(super) held: Usd,
}

/// What each of the lost calls was billed, none more than was set aside for it, where a service now reports so much,
/// reported so much before them, and so much was counted since then. `None` where the figures cannot tell: less than was
/// counted, because they are late or of another account, or more than all lost calls can have cost, because somebody else
/// uses the key.
pub(super) fn share_out(lost: &[Lost], now: Usd, before: Usd, counted: Usd) -> Option<Vec<Usd>> {
    let held: Usd = lost.iter().map(|lost| lost.held).sum();
    let rounding = ROUNDING.parse().unwrap_or_default();
    let mut billed = now.minus(before).minus(counted);
    if now + rounding < before + counted || billed > held {
        return None;
    }
    let share = |lost: &Lost| {
        let cost = billed.min(lost.held);
        billed = billed.minus(cost);
        cost
    };
    Some(lost.iter().map(share).collect())
}

/// Takes down what a service reports while none of our calls is in flight, and settles lost calls by it. A service may
/// work on a lost call for as long as `longest` and bill it then, so younger ones wait for a later reading. Returns what
/// lost calls of `run` cost besides; those of earlier runs are put on record there.
pub fn take(
    store: &Database,
    service: &str,
    usd: Usd,
    longest: Duration,
    now: Timestamp,
    run: &OfRun<'_>,
    budget: &mut Budget,
) -> anyhow::Result<(UsageReading, Usd)> {
    let (reading, settled) = store.with_now(|db| {
        let transaction = db.unchecked_transaction()?;
        let mut settled = Vec::new();
        if let Some(lost) = settleable(&transaction, service, longest, now)?
            && let Some(first) = lost.first()
            && let Some(before) = last_reading(&transaction, service, first.id)?
        {
            let counted = counted(&transaction, service, before.upto)?;
            if let Some(shares) = share_out(&lost, usd, before.usd, counted) {
                settle(&transaction, &lost, &shares, run)?;
                settled.extend(lost.into_iter().zip(shares));
            }
        }
        let upto: i64 =
            transaction.query_row("SELECT coalesce(max(id), 0) FROM spending", [], |row| {
                row.get(0)
            })?;
        transaction.execute(
            "INSERT INTO reading (service, at, usd, upto) VALUES (?1, ?2, ?3, ?4)",
            params![service, now.as_millisecond(), usd.exact(), upto],
        )?;
        transaction.commit()?;
        Ok((UsageReading { usd, upto }, settled))
    })?;
    let mut of_this_run = Usd::ZERO;
    for (lost, cost) in settled {
        if lost.job == run.job {
            budget.learn(lost.held, cost);
        }
        if lost.id > run.after {
            of_this_run += cost;
        }
    }
    Ok((reading, of_this_run))
}

/// Which calls are those of the run that goes on.
#[derive(Clone, Copy, Debug)]
pub struct OfRun<'a> {
    pub job: &'a str,
    /// The last call before it.
    pub after: i64,
}

/// What was spent between two readings.
pub fn compare(
    store: &Database,
    service: &str,
    from: &UsageReading,
    to: &UsageReading,
) -> anyhow::Result<UsageComparison> {
    store.with_now(|db| {
        Ok(UsageComparison {
            reported: to.usd.minus(from.usd),
            counted: counted(db, service, from.upto)?,
            lost: sum(db, service, from.upto, "held", "held")?,
        })
    })
}

/// The lost calls of a service, the oldest first; `None` while one of them may still go on.
fn settleable(
    db: &Connection,
    service: &str,
    longest: Duration,
    now: Timestamp,
) -> anyhow::Result<Option<Vec<Lost>>> {
    let over = now.checked_sub(jiff::SignedDuration::try_from(longest)?)?;
    let mut query = db.prepare(
        "SELECT id, job, held, at FROM spending WHERE service = ?1 AND state = 'held' ORDER BY id",
    )?;
    let rows = query.query_map([service], |row| {
        Ok((
            row.get("id")?,
            row.get("job")?,
            row.get::<_, String>("held")?,
            row.get::<_, i64>("at")?,
        ))
    })?;
    let mut lost = Vec::new();
    for row in rows {
        let (id, job, held, at) = row?;
        if at > over.as_millisecond() {
            return Ok(None);
        }
        let held = held.parse()?;
        lost.push(Lost { id, job, held });
    }
    Ok(Some(lost))
}

/// The last reading before a call.
fn last_reading(db: &Connection, service: &str, call: i64) -> anyhow::Result<Option<UsageReading>> {
    let found: Option<(String, i64)> = db
        .query_row(
            "SELECT usd, upto FROM reading WHERE service = ?1 AND upto < ?2 ORDER BY id DESC LIMIT 1",
            params![service, call],
            |row| Ok((row.get("usd")?, row.get("upto")?)),
        )
        .optional()?;
    found
        .map(|(usd, upto)| {
            let usd = usd.parse()?;
            Ok(UsageReading { usd, upto })
        })
        .transpose()
}

/// What the calls after this one are known to have cost.
fn counted(db: &Connection, service: &str, after: i64) -> anyhow::Result<Usd> {
    sum(db, service, after, "settled", "usd")
}

fn sum(
    db: &Connection,
    service: &str,
    after: i64,
    state: &str,
    column: &str,
) -> anyhow::Result<Usd> {
    let mut query = db.prepare(&format!(
        "SELECT {column} FROM spending WHERE service = ?1 AND id > ?2 AND state = ?3"
    ))?;
    let amounts = query.query_map(params![service, after, state], |row| {
        row.get::<_, String>(0)
    })?;
    let mut total = Usd::ZERO;
    for amount in amounts {
        total += amount?.parse()?;
    }
    Ok(total)
}

fn settle(db: &Connection, lost: &[Lost], shares: &[Usd], run: &OfRun<'_>) -> anyhow::Result<()> {
    for (lost, cost) in lost.iter().zip(shares) {
        db.execute(
            "UPDATE spending SET state = 'settled', usd = ?2, credits = 0 WHERE id = ?1",
            params![lost.id, cost.exact()],
        )?;
        if lost.id <= run.after {
            run_history::bill_later(db, lost.id, *cost)?;
        }
    }
    Ok(())
}
