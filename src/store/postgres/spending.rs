//! The spending of all hosts, call by call.

use futures::{TryStreamExt, pin_mut};
use jiff::Timestamp;
use tokio_postgres::{Client, types::ToSql};

use crate::store::spending::{Calls, Spending, Sum};

/// The spending of all hosts.
pub async fn spending(client: &Client) -> anyhow::Result<Spending> {
    const SPENT: &str = "
        SELECT at / 1800000 * 1800000, service, stage, model, job.list, count(*), coalesce(sum(credits), 0)::bigint,
            coalesce(sum(CASE state WHEN 'settled' THEN usd END), 0)::text,
            coalesce(sum(CASE state WHEN 'held' THEN held END), 0)::text
        FROM spending LEFT JOIN job ON job.id = spending.job WHERE state IN ('held', 'settled')
        GROUP BY 1, 2, 3, 4, 5";
    let none: [&(dyn ToSql + Sync); 0] = [];
    let rows = client.query_raw(SPENT, none).await?;
    pin_mut!(rows);
    let mut spending = Spending::new();
    while let Some(row) = rows.try_next().await? {
        let calls = Calls {
            at: Timestamp::from_millisecond(row.get(0))?,
            service: row.get(1),
            stage: row.get(2),
            model: row.get(3),
            list: row.get(4),
        };
        let count = |column: usize| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        *spending.entry(calls).or_default() += Sum {
            calls: count(5),
            credits: count(6),
            usd: row.get::<_, &str>(7).parse()?,
            held: row.get::<_, &str>(8).parse()?,
        };
    }
    Ok(spending)
}
