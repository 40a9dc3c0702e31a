//! The reconciliation with what the services say was spent, where several hosts spend: as in the state folder, but only
//! while no host has a call in flight.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Client, Row};

use super::{PostgresLedger, schema::TURN};
use crate::{
    money::Usd,
    store::reconciliation::{Lost, UsageComparison, UsageReading, share_out},
};

impl PostgresLedger {
    /// Takes down what a service reports to have been spent, ever, and settles lost calls by it. `None` where calls are in
    /// flight.
    pub(super) async fn read(
        &self,
        service: &str,
        usd: Usd,
        longest: Duration,
        now: Timestamp,
    ) -> anyhow::Result<Option<UsageReading>> {
        let mut client = self.shared.connect().await?;
        let transaction = client.transaction().await?;
        let lock = "SELECT pg_advisory_xact_lock($1)";
        transaction.execute(lock, &[&TURN]).await?;
        let rows = transaction
            .query(
                "SELECT hold, job, held::text, at, id, EXISTS (SELECT FROM live_host WHERE live_host.id = host)
                 FROM spending WHERE service = $1 AND state = 'held' ORDER BY spending.id",
                &[&service],
            )
            .await?;
        if rows.iter().any(|row| row.get(5)) {
            return Ok(None);
        }
        let over = now.checked_sub(SignedDuration::try_from(longest)?)?;
        let young = |row: &Row| row.get::<_, i64>(3) > over.as_millisecond();
        if let Some(first) = rows.first()
            && !rows.iter().any(young)
            && let Some(before) = transaction
                .query_opt(
                    "SELECT usd::text, upto FROM reading WHERE service = $1 AND upto < $2 ORDER BY id DESC LIMIT 1",
                    &[&service, &first.get::<_, i64>(4)],
                )
                .await?
        {
            let lost = rows.iter().map(|row| {
                Ok(Lost {
                    id: row.get(0),
                    job: row.get(1),
                    held: row.get::<_, &str>(2).parse()?,
                })
            });
            let lost: Vec<Lost> = lost.collect::<anyhow::Result<_>>()?;
            let (counted, _) = sums(transaction.client(), service, before.get(1)).await?;
            let shares = share_out(&lost, usd, before.get::<_, &str>(0).parse()?, counted);
            for (lost, cost) in lost.iter().zip(shares.unwrap_or_default()) {
                transaction
                    .execute(
                        "WITH settled AS (
                             UPDATE spending SET state = 'settled', usd = $2::text::numeric, credits = 0 WHERE hold = $1
                             RETURNING job, run, held),
                         of_run AS (
                             UPDATE run SET usd = run.usd + $2::text::numeric FROM settled WHERE run.id = settled.run)
                         UPDATE job SET committed = committed - settled.held + $2::text::numeric,
                             spent = spent + $2::text::numeric
                         FROM settled WHERE job.id = settled.job",
                        &[&lost.id, &cost.exact()],
                    )
                    .await?;
            }
        }
        let row = transaction
            .query_one(
                "INSERT INTO reading (service, at, usd, upto)
                 SELECT $1, $2, $3::text::numeric, coalesce(max(id), 0) FROM spending RETURNING upto",
                &[&service, &now.as_millisecond(), &usd.exact()],
            )
            .await?;
        let upto = row.get(0);
        transaction.commit().await?;
        Ok(Some(UsageReading { usd, upto }))
    }

    /// What was spent between two readings.
    pub(super) async fn compare_readings(
        &self,
        service: &str,
        from: &UsageReading,
        to: &UsageReading,
    ) -> anyhow::Result<UsageComparison> {
        let client = self.shared.connect().await?;
        let (counted, lost) = sums(&client, service, from.upto).await?;
        Ok(UsageComparison {
            reported: to.usd.minus(from.usd),
            counted,
            lost,
        })
    }
}

/// What the calls after this one are known to have cost, and what is set aside for those of which nobody knows.
async fn sums(client: &Client, service: &str, after: i64) -> anyhow::Result<(Usd, Usd)> {
    let row = client
        .query_one(
            "SELECT coalesce(sum(usd) FILTER (WHERE state = 'settled'), 0)::text,
                 coalesce(sum(held) FILTER (WHERE state = 'held'), 0)::text
             FROM spending WHERE service = $1 AND id > $2",
            &[&service, &after],
        )
        .await?;
    Ok((
        row.get::<_, &str>(0).parse()?,
        row.get::<_, &str>(1).parse()?,
    ))
}
