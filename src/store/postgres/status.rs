//! The status of the shared store now: runs that go on, the hosts at work on them, and what each has claimed. All of it
//! is read at one moment, and nothing is changed.

use futures::{TryStreamExt, pin_mut};
use jiff::Timestamp;
use tokio_postgres::{IsolationLevel, Row, Transaction, types::ToSql};

use super::{Shared, history};
use crate::store::{
    checkpoint::{Checkpoint, RunStatus},
    engine::{EachEntry, Present},
    run_history::{Going, Together},
    shared_run::{HostLine, InHand},
};

// Times of hosts and of brands in hand are those of the store's clock; of runs, those of the host that planned.
const OPEN: &str = "
    SELECT id, started_at, total, succeeded, failed, skipped, usd::text, simulated, phase, due,
        (SELECT count(*) FROM work WHERE work.run = run.id AND state = 'claimed') AS in_flight,
        EXISTS (SELECT FROM live_host WHERE live_host.run = run.id) AS live,
        coalesce((SELECT (extract(epoch FROM max(seen_at)) * 1000)::bigint FROM host WHERE host.run = run.id), started_at)
            AS updated_at
    FROM run WHERE phase <> 'closed' ORDER BY live, run.started_at, id";

const HOSTS: &str = "
    SELECT host.id, host.name, host.process, host.run, coalesce(run.lead = host.id, false) AS leads,
        live_host.id IS NULL AS gone, host.workers,
        (extract(epoch FROM host.started_at) * 1000)::bigint AS started_at,
        (extract(epoch FROM host.seen_at) * 1000)::bigint AS seen_at,
        extract(epoch FROM clock_timestamp() - host.started_at)::float8 AS here_s,
        extract(epoch FROM clock_timestamp() - host.seen_at)::float8 AS silent_s,
        coalesce(brands, 0) AS done
    FROM host LEFT JOIN live_host USING (id) LEFT JOIN run ON run.id = host.run
        LEFT JOIN (
            SELECT host, count(*) AS brands FROM work WHERE state IN ('success', 'failed') GROUP BY host
        ) AS ended ON ended.host = host.id
    WHERE live_host.id IS NOT NULL OR run.phase <> 'closed' ORDER BY host.started_at, host.id";

const IN_HAND: &str = "
    SELECT host, coalesce(due::json #>> '{assignment,brand,name}', brand) AS name,
        extract(epoch FROM clock_timestamp() - claimed_at)::float8 AS seconds
    FROM work WHERE state = 'claimed' ORDER BY claimed_at, position";

impl Shared {
    /// How the whole stands; each entry of the registry is handed on as it comes.
    pub async fn present(&self, each: EachEntry<'_>) -> anyhow::Result<Present> {
        let mut client = self.connect().await?;
        let reading = client
            .build_transaction()
            .read_only(true)
            .isolation_level(IsolationLevel::RepeatableRead);
        let reading = reading.start().await?;
        let runs = history::runs(&reading).await?;
        let open = reading.query(OPEN, &[]).await?;
        let mut going = open.iter().map(going_on).collect::<Result<Vec<_>, _>>()?;
        if let (true, Some(last)) = (going.is_empty(), runs.last()) {
            let why = "SELECT ended_because FROM run WHERE id = $1";
            let why = reading.query_one(why, &[&last.run_id]).await?;
            going.push(Going {
                checkpoint: Checkpoint {
                    ended_because: why.get(0),
                    ..Checkpoint::of(last)
                },
                live: false,
                whole: None,
            });
        }
        let hosts = hosts(&reading).await?;
        let none: [&(dyn ToSql + Sync); 0] = [];
        let entries = reading
            .query_raw("SELECT entry FROM registry", none)
            .await?;
        pin_mut!(entries);
        while let Some(row) = entries.try_next().await? {
            each(&serde_json::from_str(row.get("entry"))?);
        }
        Ok(Present {
            runs,
            going,
            hosts,
            ..Present::default()
        })
    }
}

fn going_on(row: &Row) -> anyhow::Result<Going> {
    let count = |column: &str| usize::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    let started_at = Timestamp::from_millisecond(row.get("started_at"))?;
    let updated_at = Timestamp::from_millisecond(row.get("updated_at"))?.max(started_at);
    let processed = count("succeeded") + count("failed");
    let checkpoint = Checkpoint {
        run_id: row.get("id"),
        status: RunStatus::Running,
        started_at,
        updated_at,
        total: count("total"),
        processed,
        succeeded: count("succeeded"),
        failed: count("failed"),
        skipped: count("skipped"),
        cost_usd: row.get::<_, &str>("usd").parse()?,
        elapsed_s: updated_at.duration_since(started_at).as_secs_f64().round(),
        ended_because: None,
        simulated: row.get("simulated"),
    };
    Ok(Going {
        checkpoint,
        live: row.get("live"),
        whole: Some(Together {
            phase: row.get("phase"),
            left: count("due").saturating_sub(processed),
            in_flight: count("in_flight"),
        }),
    })
}

async fn hosts(reading: &Transaction<'_>) -> anyhow::Result<Vec<HostLine>> {
    let rows = reading.query(HOSTS, &[]).await?;
    let in_hand = reading.query(IN_HAND, &[]).await?;
    let line = |row: &Row| {
        let id: i64 = row.get("id");
        let ours = in_hand
            .iter()
            .filter(|row| row.get::<_, Option<i64>>("host") == Some(id));
        let in_hand = ours.map(|row| InHand {
            brand: row.get("name"),
            seconds: row.get::<_, Option<f64>>("seconds").unwrap_or(0.0).round(),
        });
        Ok(HostLine {
            name: row.get("name"),
            process: row.get("process"),
            run: row.get("run"),
            leads: row.get("leads"),
            gone: row.get("gone"),
            workers: row.get("workers"),
            started_at: Timestamp::from_millisecond(row.get("started_at"))?,
            seen_at: Timestamp::from_millisecond(row.get("seen_at"))?,
            here_s: row.get::<_, f64>("here_s").round(),
            silent_s: row.get::<_, f64>("silent_s").round(),
            done: usize::try_from(row.get::<_, i64>("done")).unwrap_or(0),
            in_hand: in_hand.collect(),
        })
    };
    rows.iter().map(line).collect()
}
