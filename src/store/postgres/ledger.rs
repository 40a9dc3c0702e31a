//! The ledger of a job that several hosts work on: answers, what is set aside for calls, and the turns of all hosts at the
//! services.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::{GenericClient, Row};

use super::{Night, Shared, Value, lock};
use crate::{
    config::caps::{Caps, Term},
    money::{Cost, Usd},
    store::{
        StoreError,
        caps::{BudgetLimit, CapUsage, Period},
        job::Job,
        paid::{self, Admission, AnswerToKeep, Ask, CachedResponse, HeldCall, RequestHash, unpack},
        reconciliation::{UsageComparison, UsageReading},
        shared_run::{Slot, Turns},
    },
};

/// A turn whose answer takes longer than this is not used: requests would reach the service too close together. Less than
/// the margin that a minute has.
const LATEST: Duration = Duration::from_millis(300);

/// Whose money it is.
#[derive(Debug)]
pub struct PostgresLedger {
    pub shared: Shared,
    job: Job,
    run: String,
    /// What all hosts together may spend.
    cap: Option<Usd>,
    /// The same by day and month, for all lists.
    caps: Caps,
    /// What is spent, and what is set aside for lost calls, as of the last look.
    spent: Mutex<(Usd, Usd)>,
}

const FIND: &str = "
    SELECT body, at, usd::text, credits, payer FROM response
    WHERE hash = $1 AND NOT rejected AND (id > $2 OR at >= $3)";

// One statement, because what it finds and what it does belong together. It is sent again where its answer was lost: a
// hold that is there already is not made again.
const ADMIT: &str = "
    WITH kept AS (
        SELECT body, at, usd::text AS usd, credits, payer FROM response
        WHERE hash = $1 AND NOT rejected AND (id > $2 OR at >= $3)),
    ours AS (SELECT FROM work WHERE run = $4 AND brand = $5 AND state = 'claimed' AND host = $6),
    before AS (SELECT FROM spending WHERE hold = $7),
    busy AS (
        SELECT FROM spending JOIN live_host ON live_host.id = spending.host
        WHERE hash = $1 AND state = 'held' AND host <> $6),
    -- Where nothing limits a day or a month, its end is its beginning.
    today AS (
        SELECT coalesce(sum(CASE state WHEN 'held' THEN held WHEN 'settled' THEN usd END), 0) AS used
        FROM spending WHERE at >= $16 AND at < $17),
    month AS (
        SELECT coalesce(sum(CASE state WHEN 'held' THEN held WHEN 'settled' THEN usd END), 0) AS used
        FROM spending WHERE at >= $19 AND at < $20),
    money AS (
        UPDATE job SET committed = committed + $9::text::numeric
        WHERE id = $8 AND EXISTS (SELECT FROM ours) AND NOT EXISTS (SELECT FROM kept)
            AND NOT EXISTS (SELECT FROM busy) AND NOT EXISTS (SELECT FROM before)
            AND ($10::text IS NULL OR committed + $9::text::numeric <= $10::text::numeric)
            AND ($18::text IS NULL OR (SELECT used FROM today) + $9::text::numeric <= $18::text::numeric)
            AND ($21::text IS NULL OR (SELECT used FROM month) + $9::text::numeric <= $21::text::numeric)
        RETURNING id),
    hold AS (
        INSERT INTO spending (hold, job, run, host, service, hash, at, state, held, stage, model)
        SELECT $7, $8, $4, $6, $11, $1, $12, 'held', $9::text::numeric, $22, $23 FROM money),
    granted AS (SELECT 1 FROM money UNION ALL SELECT 1 FROM before),
    turn AS (
        INSERT INTO gate AS g (name, next_at)
        SELECT $13, clock_timestamp() + ($14::float8 - $15::float8) * interval '1 second' FROM granted
        ON CONFLICT (name) DO UPDATE SET next_at =
            greatest(g.next_at, clock_timestamp() - $15::float8 * interval '1 second') + $14::float8 * interval '1 second'
        RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 - $14::float8 AS wait)
    SELECT
        (SELECT wait FROM turn),
        EXISTS (SELECT FROM ours),
        EXISTS (SELECT FROM busy),
        (SELECT (greatest($10::text::numeric - committed, 0))::text FROM job WHERE id = $8 AND $10::text IS NOT NULL),
        EXISTS (
            SELECT FROM spending JOIN live_host ON live_host.id = spending.host
            WHERE state = 'held' AND job = $8 AND hold <> $7),
        (SELECT (greatest($18::text::numeric - used, 0))::text FROM today WHERE $18::text IS NOT NULL),
        EXISTS (
            SELECT FROM spending JOIN live_host ON live_host.id = spending.host
            WHERE state = 'held' AND at >= $16 AND at < $17 AND hold <> $7),
        (SELECT (greatest($21::text::numeric - used, 0))::text FROM month WHERE $21::text IS NOT NULL),
        EXISTS (
            SELECT FROM spending JOIN live_host ON live_host.id = spending.host
            WHERE state = 'held' AND at >= $19 AND at < $20 AND hold <> $7),
        kept.*
    FROM (SELECT 1) AS one LEFT JOIN kept ON true";

const TURN: &str = "
    INSERT INTO gate AS g (name, next_at)
    VALUES ($1, clock_timestamp() + ($2::float8 - $3::float8) * interval '1 second')
    ON CONFLICT (name) DO UPDATE SET next_at =
        greatest(g.next_at, clock_timestamp() - $3::float8 * interval '1 second') + $2::float8 * interval '1 second'
    RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 - $2::float8";

const PAUSE: &str = "
    UPDATE gate SET next_at = greatest(next_at, clock_timestamp() + $2::float8 * interval '1 second') WHERE name = $1";

// What a hold counted for before is taken back: another host may have settled it in the meantime, as that of a host that
// is gone. An answer that comes so late that another host is asking the same by now is not kept: kept, it would be an
// answer that is paid for again.
const SETTLE: &str = "
    WITH before AS (
        SELECT job, run, CASE state WHEN 'held' THEN held WHEN 'settled' THEN usd ELSE 0 END AS counted,
            CASE state WHEN 'settled' THEN usd ELSE 0 END AS spent
        FROM spending WHERE hold = $1),
    settled AS (
        UPDATE spending SET state = $2, usd = $3::text::numeric, credits = $4 WHERE hold = $1),
    booked AS (
        UPDATE job SET committed = committed - before.counted + $3::text::numeric,
            spent = job.spent - before.spent + $3::text::numeric
        FROM before WHERE job.id = before.job),
    of_run AS (
        UPDATE run SET usd = run.usd - before.spent + $3::text::numeric FROM before WHERE run.id = before.run)
    INSERT INTO response (hash, at, rejected, usd, credits, body, payer)
    SELECT $5, $6, $7, $3::text::numeric, $4, $8::bytea, $9 WHERE $8::bytea IS NOT NULL AND NOT EXISTS (
        SELECT FROM spending AS other JOIN live_host ON live_host.id = other.host
        WHERE other.hash = $5 AND other.state = 'held' AND other.hold <> $1)
    ON CONFLICT (hash) DO UPDATE SET id = DEFAULT, at = excluded.at, rejected = excluded.rejected,
        usd = excluded.usd, credits = excluded.credits, body = excluded.body, payer = excluded.payer";

// Nobody waits for this call any more: what is held for it is as that of a host that is gone.
const LOSE: &str = "UPDATE spending SET host = 0 WHERE hold = $1 AND state = 'held'";

const REJECT: &str = "UPDATE response SET rejected = true WHERE hash = $1";

impl PostgresLedger {
    /// The ledger of this run; `cap` and `caps` count for all hosts together.
    pub fn new(night: &Night, cap: Option<Usd>, caps: Caps) -> Self {
        Self {
            shared: night.shared.clone(),
            job: night.job.clone(),
            run: night.run.clone(),
            cap,
            caps,
            spent: Mutex::default(),
        }
    }

    fn admission(
        &self,
        ask: &Ask<'_>,
        slot: &Slot,
        hold: i64,
        at: Timestamp,
        periods: &[Period; 2],
    ) -> Vec<Value> {
        let mut values: Vec<Value> = vec![
            Box::new(ask.hash.to_vec()),
            Box::new(self.job.last_before),
            Box::new(ask.since.as_millisecond()),
            Box::new(self.run.clone()),
            Box::new(ask.payer.to_owned()),
            Box::new(self.shared.host),
            Box::new(hold),
            Box::new(self.job.id.clone()),
            Box::new(ask.worst.exact()),
            Box::new(self.cap.map(Usd::exact)),
            Box::new(ask.service),
            Box::new(at.as_millisecond()),
            Box::new(slot.gate.clone()),
            Box::new(slot.interval.as_secs_f64()),
            Box::new(slot.burst.as_secs_f64()),
        ];
        for (period, cap) in periods.iter().zip([self.caps.day, self.caps.month]) {
            let from = period.from.as_millisecond();
            let to = cap.map_or(from, |_| period.to.as_millisecond());
            values.push(Box::new(from));
            values.push(Box::new(to));
            values.push(Box::new(cap.map(Usd::exact)));
        }
        values.push(Box::new(ask.stage.to_owned()));
        values.push(Box::new(ask.model.map(str::to_owned)));
        values
    }

    /// The call that this was held for came back: it cost so much, and brought this.
    async fn book(
        &self,
        hold: i64,
        cost: Cost,
        answer: Option<AnswerToKeep>,
    ) -> anyhow::Result<()> {
        let state = if answer.is_some() {
            "settled"
        } else {
            "released"
        };
        let (hash, at, usable, body, payer) = match answer {
            Some(answer) => (
                answer.hash.to_vec(),
                answer.kept.at.as_millisecond(),
                answer.usable,
                Some(answer.body),
                answer.kept.payer,
            ),
            None => (Vec::new(), 0, false, None, None),
        };
        let values: Vec<Value> = vec![
            Box::new(hold),
            Box::new(state),
            Box::new(cost.usd.exact()),
            Box::new(i32::try_from(cost.credits)?),
            Box::new(hash),
            Box::new(at),
            Box::new(!usable),
            Box::new(body),
            Box::new(payer),
        ];
        self.shared.ask(SETTLE, values).await?;
        Ok(())
    }
}

#[async_trait]
impl paid::Ledger for PostgresLedger {
    fn job(&self) -> &Job {
        &self.job
    }

    async fn find(
        &self,
        hash: RequestHash,
        since: Timestamp,
    ) -> anyhow::Result<Option<CachedResponse>> {
        let values: Vec<Value> = vec![
            Box::new(hash.to_vec()),
            Box::new(self.job.last_before),
            Box::new(since.as_millisecond()),
        ];
        let rows = self.shared.ask(FIND, values).await?;
        rows.first().map(|row| kept(row, 0)).transpose()
    }

    /// Sets money aside and gives the call its turn in one statement.
    async fn admit(&self, ask: &Ask<'_>, at: Timestamp) -> anyhow::Result<Admission> {
        let slot = ask
            .slot
            .ok_or_else(|| StoreError::Failed("a call without a turn".into()))?;
        let hold = fastrand::i64(1..);
        let asked = Instant::now();
        let periods = [Term::Day, Term::Month].map(|term| Period::of(term, at));
        let rows = self
            .shared
            .ask(ADMIT, self.admission(ask, slot, hold, at, &periods))
            .await?;
        let row = one(&rows)?;
        let Some(wait) = row.get::<_, Option<f64>>(0) else {
            return refusal(row, ask.worst, periods);
        };
        let at = match in_time(wait, asked) {
            Some(at) => at,
            None => self.shared.turn(slot).await?,
        };
        Ok(Admission::Held(hold, at))
    }

    async fn settle(&self, call: &HeldCall, answer: AnswerToKeep) -> anyhow::Result<()> {
        let cost = answer.kept.cost;
        self.book(call.id, cost, Some(answer)).await
    }

    async fn release(&self, call: &HeldCall) -> anyhow::Result<()> {
        self.book(call.id, Cost::default(), None).await
    }

    fn lose(&self, call: &HeldCall) -> Option<BoxFuture<'static, anyhow::Result<()>>> {
        let (shared, id) = (self.shared.clone(), call.id);
        Some(Box::pin(async move {
            shared.ask(LOSE, vec![Box::new(id)]).await?;
            Ok(())
        }))
    }

    async fn reject(&self, hash: RequestHash) -> anyhow::Result<()> {
        self.shared
            .ask(REJECT, vec![Box::new(hash.to_vec())])
            .await?;
        Ok(())
    }

    async fn take_reading(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Option<(UsageReading, Usd)>> {
        let take = || self.read(service, usd, longest, now).boxed();
        let reading = self.shared.patiently(take).await?;
        // What lost calls cost is booked to the run that made them.
        Ok(reading.map(|reading| (reading, Usd::ZERO)))
    }

    async fn compare(
        &self,
        service: &str,
        from: &UsageReading,
        to: &UsageReading,
    ) -> anyhow::Result<UsageComparison> {
        let compare = || self.compare_readings(service, from, to).boxed();
        self.shared.patiently(compare).await
    }

    fn spent(&self) -> (Usd, Usd) {
        *lock(&self.spent)
    }

    fn caps_left(&self) -> Option<Usd> {
        None
    }

    async fn standings(&self) -> anyhow::Result<Vec<CapUsage>> {
        let standings = async || {
            let client = self.shared.connect().await?;
            caps_of(&client, self.caps, Timestamp::now()).await
        };
        self.shared.patiently(|| standings().boxed()).await
    }

    fn turns(&self) -> Option<&dyn Turns> {
        Some(&self.shared)
    }

    fn learn_spent(&self, so_far: Usd, uncertain: Usd) {
        *lock(&self.spent) = (so_far, uncertain);
    }
}

#[async_trait]
impl Turns for Shared {
    async fn turn(&self, slot: &Slot) -> anyhow::Result<Instant> {
        for _ in 0..2 {
            let asked = Instant::now();
            if let Some(at) = in_time(self.next_turn(slot).await?, asked) {
                return Ok(at);
            }
        }
        // It always takes long to be answered.
        let wait = self.next_turn(slot).await?;
        Ok(Instant::now() + Duration::from_secs_f64(wait.max(0.0)))
    }

    async fn pause(&self, slot: &Slot, wait: Duration) -> anyhow::Result<()> {
        let values: Vec<Value> = vec![Box::new(slot.gate.clone()), Box::new(wait.as_secs_f64())];
        self.ask(PAUSE, values).await?;
        Ok(())
    }
}

impl Shared {
    /// How many seconds away the next turn is.
    async fn next_turn(&self, slot: &Slot) -> Result<f64, StoreError> {
        let values: Vec<Value> = vec![
            Box::new(slot.gate.clone()),
            Box::new(slot.interval.as_secs_f64()),
            Box::new(slot.burst.as_secs_f64()),
        ];
        Ok(one(&self.ask(TURN, values).await?)?.get(0))
    }
}

/// When a turn is that was `wait` seconds away when the store gave it; `None` where nobody can tell well enough, because
/// the answer took too long.
fn in_time(wait: f64, asked: Instant) -> Option<Instant> {
    let at = Instant::now() + Duration::from_secs_f64(wait.max(0.0));
    (asked.elapsed() <= LATEST).then_some(at)
}

/// The row that a statement always answers with.
pub fn one(rows: &[Row]) -> Result<&Row, StoreError> {
    let missing = || StoreError::Failed("it answered nothing".into());
    rows.first().ok_or_else(missing)
}

fn refusal(row: &Row, worst: Usd, [day, month]: [Period; 2]) -> anyhow::Result<Admission> {
    let (ours, busy): (bool, bool) = (row.get(1), row.get(2));
    if row.get::<_, Option<&[u8]>>(9).is_some() {
        return Ok(Admission::Kept(kept(row, 9)?));
    }
    if !ours {
        return Ok(Admission::Lost);
    }
    if busy {
        return Ok(Admission::Busy);
    }
    let mut admission = Admission::Wait;
    for (column, limit) in [
        (3, BudgetLimit::Run),
        (5, BudgetLimit::Capped(day)),
        (7, BudgetLimit::Capped(month)),
    ] {
        let left: Option<&str> = row.get(column);
        let left: Option<Usd> = left.map(str::parse).transpose()?;
        // What is in flight may give money back; what will never fit is not waited for.
        if let Some(left) = left.filter(|left| *left < worst)
            && !row.get::<_, bool>(column + 1)
        {
            admission = Admission::Never(limit, left);
            break;
        }
    }
    Ok(admission)
}

/// How caps stand in a store that hosts share: all jobs of all lists count.
pub async fn caps_of(
    client: &impl GenericClient,
    caps: Caps,
    now: Timestamp,
) -> anyhow::Result<Vec<CapUsage>> {
    const USED: &str = "
        SELECT coalesce(sum(CASE state WHEN 'held' THEN held WHEN 'settled' THEN usd END), 0)::text
        FROM spending WHERE at >= $1 AND at < $2";
    let mut standings = Vec::new();
    for (term, cap) in caps.each() {
        let period = Period::of(term, now);
        let (from, to) = (period.from.as_millisecond(), period.to.as_millisecond());
        let row = client.query_one(USED, &[&from, &to]).await?;
        let used = row.get::<_, &str>(0).parse()?;
        standings.push(CapUsage { period, cap, used });
    }
    Ok(standings)
}

/// An answer, whose columns begin here.
fn kept(row: &Row, first: usize) -> anyhow::Result<CachedResponse> {
    Ok(CachedResponse {
        body: unpack(row.get(first))?,
        at: Timestamp::from_millisecond(row.get(first + 1))?,
        cost: Cost {
            usd: row.get::<_, &str>(first + 2).parse()?,
            credits: u32::try_from(row.get::<_, i32>(first + 3))?,
        },
        payer: row.get(first + 4),
    })
}
