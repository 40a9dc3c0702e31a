//! How it stands now: runs that go on, the hosts at work on them, and what each has in hand. All of it is read at one
//! moment, and nothing is changed.

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
        (SELECT count(*) FROM work WHERE work.run = run.id AND state = 'claimed'),
        EXISTS (SELECT FROM live_host WHERE live_host.run = run.id) AS live,
        coalesce((SELECT (extract(epoch FROM max(seen_at)) * 1000)::bigint FROM host WHERE host.run = run.id), started_at)
    FROM run WHERE phase <> 'closed' ORDER BY live, run.started_at, id";

const HOSTS: &str = "
    SELECT host.id, host.name, host.process, host.run, coalesce(run.lead = host.id, false), live_host.id IS NULL, host.workers,
        (extract(epoch FROM host.started_at) * 1000)::bigint, (extract(epoch FROM host.seen_at) * 1000)::bigint,
        extract(epoch FROM clock_timestamp() - host.started_at)::float8,
        extract(epoch FROM clock_timestamp() - host.seen_at)::float8,
        coalesce(brands, 0)
    FROM host LEFT JOIN live_host USING (id) LEFT JOIN run ON run.id = host.run
        LEFT JOIN (
            SELECT host, count(*) AS brands FROM work WHERE state IN ('success', 'failed') GROUP BY host
        ) AS ended ON ended.host = host.id
    WHERE live_host.id IS NOT NULL OR run.phase <> 'closed' ORDER BY host.started_at, host.id";

const IN_HAND: &str = "
    SELECT host, coalesce(due::json #>> '{assignment,brand,name}', brand),
        extract(epoch FROM clock_timestamp() - claimed_at)::float8
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
            each(&serde_json::from_str(row.get(0))?);
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
    let count = |column: usize| usize::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    let started_at = Timestamp::from_millisecond(row.get(1))?;
    let updated_at = Timestamp::from_millisecond(row.get(12))?.max(started_at);
    let processed = count(3) + count(4);
    let checkpoint = Checkpoint {
        run_id: row.get(0),
        status: RunStatus::Running,
        started_at,
        updated_at,
        total: count(2),
        processed,
        succeeded: count(3),
        failed: count(4),
        skipped: count(5),
        cost_usd: row.get::<_, &str>(6).parse()?,
        elapsed_s: updated_at.duration_since(started_at).as_secs_f64().round(),
        ended_because: None,
        simulated: row.get(7),
    };
    Ok(Going {
        checkpoint,
        live: row.get(11),
        whole: Some(Together {
            phase: row.get(8),
            left: count(9).saturating_sub(processed),
            in_flight: count(10),
        }),
    })
}

async fn hosts(reading: &Transaction<'_>) -> anyhow::Result<Vec<HostLine>> {
    let rows = reading.query(HOSTS, &[]).await?;
    let in_hand = reading.query(IN_HAND, &[]).await?;
    let line = |row: &Row| {
        let id: i64 = row.get(0);
        let ours = in_hand
            .iter()
            .filter(|row| row.get::<_, Option<i64>>(0) == Some(id));
        let in_hand = ours.map(|row| InHand {
            brand: row.get(1),
            seconds: row.get::<_, Option<f64>>(2).unwrap_or(0.0).round(),
        });
        Ok(HostLine {
            name: row.get(1),
            process: row.get(2),
            run: row.get(3),
            leads: row.get(4),
            gone: row.get(5),
            workers: row.get(6),
            started_at: Timestamp::from_millisecond(row.get(7))?,
            seen_at: Timestamp::from_millisecond(row.get(8))?,
            here_s: row.get::<_, f64>(9).round(),
            silent_s: row.get::<_, f64>(10).round(),
            done: usize::try_from(row.get::<_, i64>(11)).unwrap_or(0),
            in_hand: in_hand.collect(),
        })
    };
    rows.iter().map(line).collect()
}
