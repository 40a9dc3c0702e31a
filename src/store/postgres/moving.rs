//! A shared store that is moved into a folder, or a folder into it: whoever moves is alone with the store until all of
//! it is done, or none.

use tokio_postgres::{Client, Transaction};

use super::{
    Address, StoreError, connect,
    schema::{self, TURN},
};
use crate::store::transfer::{Holding, MoveObstacle};

/// Reaches a store that something is to be moved into, and makes its tables where they are not there.
pub async fn target(address: &Address) -> Result<Client, StoreError> {
    let reached = async {
        let mut client = connect(address).await?;
        let found = schema::found(&client).await?;
        if found.is_none_or(|found| found.is_old()) {
            schema::migrate(&mut client).await?;
        }
        Ok(client)
    };
    reached
        .await
        .map_err(|trouble: StoreError| trouble.at(address))
}

/// Reaches a store that is to be moved, and says where it has been moved to; `None` where there is none.
pub async fn source(address: &Address) -> Result<Option<(Client, Option<String>)>, StoreError> {
    let reached = async {
        let mut client = connect(address).await?;
        let Some(found) = schema::found(&client).await? else {
            return Ok(None);
        };
        if found.is_old() {
            schema::migrate(&mut client).await?;
        }
        Ok(Some((client, found.moved_to)))
    };
    reached
        .await
        .map_err(|trouble: StoreError| trouble.at(address))
}

/// Waits for the turn, which is kept to the end of the transaction: no host can begin anything.
pub async fn alone<'a>(
    client: &'a mut Client,
    address: &Address,
) -> anyhow::Result<Transaction<'a>> {
    let alone = client.transaction().await?;
    // Between two statements files are written.
    let set = "SET LOCAL idle_in_transaction_session_timeout TO 0";
    alone.batch_execute(set).await?;
    let lock = "SELECT pg_advisory_xact_lock($1)";
    alone.execute(lock, &[&TURN]).await?;
    let hosts = "SELECT DISTINCT name FROM live_host ORDER BY name";
    let hosts = alone.query(hosts, &[]).await?;
    if hosts.is_empty() {
        return Ok(alone);
    }
    Err(MoveObstacle::Busy {
        place: address.to_string(),
        hosts: hosts.iter().map(|row| row.get(0)).collect(),
    }
    .into())
}

/// What is in it.
pub async fn holding(alone: &Transaction<'_>) -> Result<Holding, StoreError> {
    let select = "SELECT (SELECT count(*) FROM registry), (SELECT count(*) FROM response), (SELECT count(*) FROM spending),
                         (SELECT count(*) FROM run), (SELECT count(*) FROM report)";
    let row = alone.query_one(select, &[]).await?;
    let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
    Ok(Holding {
        brands: count(0),
        answers: count(1),
        calls: count(2),
        runs: count(3),
        reports: count(4),
    })
}

/// The key of its fences.
pub async fn fence(alone: &Transaction<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let row = alone.query_opt("SELECT key FROM fence", &[]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Empties all tables.
pub async fn clear(alone: &Transaction<'_>) -> Result<(), StoreError> {
    let tables = "host, job, run, work, response, spending, reading, fence, registry, report, gate";
    Ok(alone.batch_execute(&format!("TRUNCATE {tables}")).await?)
}

/// Empties it, and says where everything is now: a host that does not know would begin anew, and pay for everything again.
pub async fn leave(alone: &Transaction<'_>, moved_to: &str) -> Result<(), StoreError> {
    clear(alone).await?;
    schema::make_fence(alone).await?;
    let update = "UPDATE version SET moved_to = $1";
    alone.execute(update, &[&moved_to]).await?;
    Ok(())
}

/// Reckons what follows from the rows that were put into it.
pub async fn complete(alone: &Transaction<'_>) -> Result<(), StoreError> {
    const COMPLETE: &str = "
        UPDATE version SET moved_to = NULL;
        UPDATE job SET spent = coalesce(sum.spent, 0), committed = coalesce(sum.spent, 0) + coalesce(sum.held, 0)
        FROM (
            SELECT job, sum(usd) FILTER (WHERE state = 'settled') AS spent, sum(held) FILTER (WHERE state = 'held') AS held
            FROM spending GROUP BY job) AS sum
        WHERE sum.job = job.id;
        SELECT setval(pg_get_serial_sequence('response', 'id'),
            greatest((SELECT max(id) FROM response), (SELECT max(last_before) FROM job), 1));
        SELECT setval(pg_get_serial_sequence('spending', 'id'),
            greatest((SELECT max(id) FROM spending), (SELECT max(upto) FROM reading), 1));
        SELECT setval(pg_get_serial_sequence('reading', 'id'), greatest((SELECT max(id) FROM reading), 1))";
    Ok(alone.batch_execute(COMPLETE).await?)
}

/// Puts runs on record that nobody works on any more: they were killed. Those that were not even planned were none.
pub async fn end_left(alone: &Transaction<'_>) -> Result<(), StoreError> {
    const END: &str = "
        DELETE FROM run WHERE phase <> 'closed' AND due + skipped + total = 0;
        UPDATE run SET phase = 'closed', status = 'killed', ended_at = greatest(started_at,
            (SELECT (extract(epoch FROM max(seen_at)) * 1000)::bigint FROM host WHERE host.run = run.id))
        WHERE phase <> 'closed'";
    Ok(alone.batch_execute(END).await?)
}
