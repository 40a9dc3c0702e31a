//! A run that several hosts work on: which brands wait, who has which in hand, and how they ended.

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;

use super::{Shared, Value, ledger::one};
use crate::{
    money::Usd,
    store::{
        checkpoint::RunStatus,
        job::Job,
        shared_run::{
            Claimed, Ended, Heard, NextPlanned, Phase, RunOutline, RunSnapshot, SharedRun,
        },
    },
};

/// A run, as one of its hosts.
#[derive(Clone, Debug)]
pub struct Night {
    pub shared: Shared,
    pub run: String,
    pub job: Job,
}

const LOOK: &str = "
    WITH vacant AS (
        UPDATE run SET lead = $2 WHERE id = $1 AND $3 AND phase <> 'closed'
            AND NOT EXISTS (SELECT FROM live_host WHERE live_host.id = run.lead)
        RETURNING id)
    SELECT phase, EXISTS (SELECT FROM vacant) OR coalesce(lead = $2, false), status, total, due, succeeded, failed, skipped,
        rejected, usd::text,
        (SELECT count(*) FROM live_host WHERE live_host.run = $1),
        job.spent::text,
        (SELECT coalesce(sum(held), 0)::text FROM spending WHERE spending.job = job.id AND state = 'held'
            AND NOT EXISTS (SELECT FROM live_host WHERE live_host.id = spending.host)),
        price::text
    FROM run JOIN job ON job.id = run.job WHERE run.id = $1";

/// What is heard at once at most.
const HEARD: i64 = 5_000;

const HEAR: &str = "
    SELECT work.tick, position, brand, state, outcome, registry.entry
    FROM work LEFT JOIN registry ON registry.key = work.key AND state IN ('success', 'failed')
    WHERE run = $1 AND work.tick > $2 ORDER BY work.tick LIMIT $3";

// As long as money is expected to last for what is begun; with nothing in hand it is tried in any case, because the ledger
// decides.
const CLAIM: &str = "
    WITH again AS (
        SELECT position FROM work WHERE run = $1 AND state = 'claimed' AND host = $2 AND claim = $3),
    flying AS (
        SELECT count(*) AS brands FROM work JOIN live_host ON live_host.id = work.host
        WHERE work.run = $1 AND state = 'claimed'),
    spent AS (
        SELECT job.spent + (
            SELECT coalesce(sum(held), 0) FROM spending WHERE spending.job = job.id AND state = 'held'
                AND NOT EXISTS (SELECT FROM live_host WHERE live_host.id = spending.host)) AS usd
        FROM run JOIN job ON job.id = run.job WHERE run.id = $1 AND run.phase = 'working'),
    room AS (
        SELECT CASE WHEN $5::text IS NULL OR $6::text::numeric = 0 THEN $4::bigint
            ELSE greatest(
                CASE brands WHEN 0 THEN 1 ELSE 0 END,
                least($4::bigint, floor(($5::text::numeric - usd) / $6::text::numeric) - brands))::bigint
            END AS brands
        FROM flying, spent),
    orphaned AS (
        SELECT position FROM work WHERE run = $1 AND state = 'claimed'
            AND NOT EXISTS (SELECT FROM live_host WHERE live_host.id = work.host)),
    waiting AS (
        SELECT position FROM work WHERE run = $1 AND state = 'waiting'
        ORDER BY position LIMIT (SELECT brands FROM room)),
    next AS (
        SELECT position FROM (SELECT * FROM orphaned UNION ALL SELECT * FROM waiting) AS free
        WHERE NOT EXISTS (SELECT FROM again)
        ORDER BY position LIMIT (SELECT coalesce(max(brands), 0) FROM room)),
    taken AS (
        UPDATE work SET state = 'claimed', host = $2, claim = $3, claimed_at = clock_timestamp(), tick = nextval('tick')
        FROM next WHERE work.run = $1 AND work.position = next.position
        RETURNING work.position, work.key, work.due),
    ours AS (
        SELECT * FROM taken
        UNION ALL
        SELECT position, key, due FROM work JOIN again USING (position) WHERE run = $1)
    SELECT position, due, report.body FROM ours LEFT JOIN report USING (key) ORDER BY position";

const END: &str = "
    WITH ended AS (
        UPDATE work SET state = $4, outcome = $5, tick = nextval('tick')
        WHERE run = $1 AND position = $2 AND host = $3 AND claim = $16 AND state = 'claimed'
        RETURNING position),
    known AS (
        INSERT INTO registry (key, list, input_hash, status, updated_at, cost, folder, entry)
        SELECT $6, $7, $8, $4, $9, $10::text::numeric, $11, $12 FROM ended
        ON CONFLICT (key) DO UPDATE SET list = excluded.list, input_hash = excluded.input_hash,
            status = excluded.status, updated_at = excluded.updated_at, cost = excluded.cost,
            folder = excluded.folder, entry = excluded.entry),
    kept AS (
        INSERT INTO report (key, folder, hash, body)
        SELECT $6, $13, $14::bytea, $15::bytea FROM ended WHERE $15::bytea IS NOT NULL
        ON CONFLICT (key) DO UPDATE SET folder = excluded.folder, hash = excluded.hash, body = excluded.body),
    counted AS (
        UPDATE run SET succeeded = succeeded + CASE $4 WHEN 'success' THEN 1 ELSE 0 END,
            failed = failed + CASE $4 WHEN 'failed' THEN 1 ELSE 0 END
        WHERE id = $1 AND EXISTS (SELECT FROM ended))
    SELECT EXISTS (SELECT FROM ended)
        OR EXISTS (SELECT FROM work WHERE run = $1 AND position = $2 AND host = $3 AND claim = $16 AND state = $4)";

const PUT_BACK: &str = "
    UPDATE work SET state = 'waiting', host = NULL, tick = nextval('tick')
    WHERE run = $1 AND host = $2 AND position = $3 AND claim = $4 AND state = 'claimed'";

const LEAVE: &str = "
    WITH others AS (SELECT count(*) AS hosts FROM live_host WHERE run = $1 AND id <> $2),
    led AS (
        UPDATE run SET lead = CASE WHEN hosts = 0 THEN $2 END
        FROM others WHERE id = $1 AND (hosts = 0 OR lead = $2) AND phase <> 'closed'),
    put_back AS (
        UPDATE work SET state = 'waiting', host = NULL, tick = nextval('tick')
        WHERE run = $1 AND host = $2 AND state = 'claimed'),
    gone AS (DELETE FROM host USING others WHERE id = $2 AND hosts > 0)
    SELECT hosts FROM others";

const CLOSE: &str = "
    WITH closed AS (
        UPDATE run SET phase = 'closed', status = $2, ended_at = $3, ended_because = $6 WHERE id = $1 RETURNING id),
    forgotten AS (DELETE FROM work WHERE run = $1)
    UPDATE job SET open = open AND NOT $5 WHERE id = $4";

impl Night {
    fn ours(&self) -> Vec<Value> {
        vec![Box::new(self.run.clone()), Box::new(self.shared.host)]
    }

    /// Puts on record how a brand ended. `false` where it had been given to another host, and nothing was changed.
    pub async fn end(&self, ended: Ended) -> anyhow::Result<bool> {
        let Ended {
            position,
            claim,
            key,
            entry,
            findings,
            report,
        } = ended;
        let (hash, body) = report.unzip();
        let folder = entry.folder();
        let values: Vec<Value> = vec![
            Box::new(self.run.clone()),
            Box::new(i64::try_from(position)?),
            Box::new(self.shared.host),
            Box::new(entry.status.name()),
            Box::new(findings),
            Box::new(key),
            Box::new(entry.list.to_string()),
            Box::new(entry.input_hash.clone()),
            Box::new(entry.updated_at.as_millisecond()),
            Box::new(entry.cost_usd.exact()),
            Box::new(folder.as_ref().map(|folder| folder.to_lowercase())),
            Box::new(serde_json::to_string(&entry)?),
            Box::new(folder),
            Box::new(hash),
            Box::new(body),
            Box::new(claim),
        ];
        Ok(one(&self.shared.ask(END, values).await?)?.get(0))
    }

    /// The run is over, and its job too where nothing is left to go on with.
    pub async fn close(
        &self,
        status: RunStatus,
        why: Option<&str>,
        job_ends: bool,
    ) -> anyhow::Result<()> {
        let values: Vec<Value> = vec![
            Box::new(self.run.clone()),
            Box::new(status.name()),
            Box::new(Timestamp::now().as_millisecond()),
            Box::new(self.job.id.clone()),
            Box::new(job_ends),
            Box::new(why.map(str::to_owned)),
        ];
        self.shared.ask(CLOSE, values).await?;
        Ok(())
    }
}

#[async_trait]
impl SharedRun for Night {
    async fn look(&self, willing: bool) -> anyhow::Result<RunSnapshot> {
        let mut values = self.ours();
        values.push(Box::new(willing));
        let rows = self.shared.ask(LOOK, values).await?;
        let row = one(&rows)?;
        let count = |column: usize| {
            let count: i64 = row.get(column);
            usize::try_from(count).unwrap_or(0)
        };
        Ok(RunSnapshot {
            phase: match row.get(0) {
                "planning" => Phase::Planning,
                "working" => Phase::Working,
                _ => Phase::Closed,
            },
            leads: row.get(1),
            status: row.get(2),
            total: count(3),
            due: count(4),
            succeeded: count(5),
            failed: count(6),
            skipped: count(7),
            rejected: count(8),
            usd: row.get::<_, &str>(9).parse()?,
            hosts: count(10),
            spent: row.get::<_, &str>(11).parse()?,
            uncertain: row.get::<_, &str>(12).parse()?,
            price: row.get::<_, &str>(13).parse()?,
        })
    }

    async fn hear(&self, since: i64) -> anyhow::Result<(Vec<Heard>, i64)> {
        let values: Vec<Value> = vec![Box::new(self.run.clone()), Box::new(since), Box::new(HEARD)];
        let rows = self.shared.ask(HEAR, values).await?;
        let upto = rows.last().map_or(since, |row| row.get(0));
        let heard = rows.iter().map(|row| {
            let entry: Option<&str> = row.get(5);
            Ok(Heard {
                position: usize::try_from(row.get::<_, i64>(1))?,
                brand: row.get(2),
                entry: entry.map(serde_json::from_str).transpose()?,
                claimed: row.get::<_, &str>(3) == "claimed",
                findings: row.get(4),
            })
        });
        Ok((heard.collect::<anyhow::Result<_>>()?, upto))
    }

    async fn claim(
        &self,
        brands: usize,
        cap: Option<Usd>,
        price: Usd,
    ) -> anyhow::Result<Vec<Claimed>> {
        let claim = fastrand::i64(1..);
        let mut values = self.ours();
        values.extend([
            Box::new(claim) as Value,
            Box::new(i64::try_from(brands)?),
            Box::new(cap.map(Usd::exact)),
            Box::new(price.exact()),
        ]);
        let rows = self.shared.ask(CLAIM, values).await?;
        let claimed = rows.iter().map(|row| Claimed {
            position: row.get(0),
            claim,
            due: row.get(1),
            report: row.get(2),
        });
        Ok(claimed.collect())
    }

    async fn put_back(&self, position: usize, claim: i64) -> anyhow::Result<()> {
        let mut values = self.ours();
        values.push(Box::new(i64::try_from(position)?));
        values.push(Box::new(claim));
        self.shared.ask(PUT_BACK, values).await?;
        Ok(())
    }

    async fn leave(&self) -> anyhow::Result<usize> {
        let rows = self.shared.ask(LEAVE, self.ours()).await?;
        Ok(usize::try_from(one(&rows)?.get::<_, i64>(0))?)
    }

    async fn plan(&self, outline: &RunOutline, next: NextPlanned<'_>) -> anyhow::Result<bool> {
        self.put_plan(outline, next).await
    }

    async fn names(&self) -> anyhow::Result<Vec<u8>> {
        self.shared.patiently(|| self.read_names().boxed()).await
    }
}
