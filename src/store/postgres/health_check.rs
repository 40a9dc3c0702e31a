//! The health check of a shared store: what `check` proves, without leaving a trace.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_postgres::{Client, Transaction};

use super::{Address, StoreError, connect, error::RIGHTS, schema};

/// The oldest version of PostgreSQL that will do, as it numbers them. Identity columns need 10; from 12 on the parts of a
/// statement that only read are planned with it, as those that hand out brands and money are written for.
const OLDEST: i32 = 120_000;

/// Times that a small question is asked, of which the quickest counts.
const QUESTIONS: usize = 5;

/// What was found.
#[derive(Debug)]
pub struct Proof {
    /// The version of PostgreSQL.
    pub server: String,
    pub too_old: bool,
    /// The version of the tables; `None` where there are none yet.
    pub tables: Option<i32>,
    /// What encrypts the connection.
    pub encrypted: Option<String>,
    /// The time of a way there and back.
    pub trip: Duration,
    /// Seconds that this host's clock is ahead of the store's.
    pub ahead: f64,
    /// Hosts that are at work.
    pub hosts: Vec<String>,
}

/// Reaches the store, and tries what a run does there.
pub async fn prove(address: &Address) -> Result<Proof, StoreError> {
    try_all(address)
        .await
        .map_err(|trouble| trouble.at(address))
}

async fn try_all(address: &Address) -> Result<Proof, StoreError> {
    let mut client = connect(address).await?;
    let row = client
        .query_one(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
                 (SELECT version || ', ' || cipher FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid())",
            &[],
        )
        .await?;
    let too_old = row.get::<_, i32>(1) < OLDEST;
    let (trip, ahead) = ask_the_time(&client).await?;
    let tables = schema::version(&client).await?;
    let mut hosts = Vec::new();
    if tables.is_some() {
        let select = "SELECT name || ' (' || process || ')' FROM live_host ORDER BY started_at";
        let rows = client.query(select, &[]).await?;
        hosts.extend(rows.iter().map(|row| row.get(0)));
    }
    if !too_old {
        let trial = client.transaction().await?;
        try_writing(&trial, tables).await?;
        trial.rollback().await?;
    }
    Ok(Proof {
        server: row.get(0),
        too_old,
        tables,
        encrypted: row.get(2),
        trip,
        ahead,
        hosts,
    })
}

/// The time of a way there and back, and how many seconds this clock is ahead.
async fn ask_the_time(client: &Client) -> Result<(Duration, f64), StoreError> {
    let select = "SELECT extract(epoch FROM clock_timestamp())::float8";
    let select = client.prepare(select).await?;
    let mut best = (Duration::MAX, 0.0);
    for _ in 0..QUESTIONS {
        let (asked, here) = (Instant::now(), SystemTime::now());
        let there: f64 = client.query_one(&select, &[]).await?.get(0);
        let trip = asked.elapsed();
        if trip < best.0 {
            let here = here.duration_since(SystemTime::UNIX_EPOCH);
            let here = here.unwrap_or_default().as_secs_f64() + trip.as_secs_f64() / 2.0;
            best = (trip, here - there);
        }
    }
    Ok(best)
}

/// Writes what a run would write; whoever calls undoes it.
async fn try_writing(trial: &Transaction<'_>, tables: Option<i32>) -> Result<(), StoreError> {
    const DENIED: &str = "
        SELECT coalesce(string_agg(relname, ', ' ORDER BY relname), '') FROM pg_class
        WHERE relnamespace = 'brandintel'::regnamespace AND CASE relkind
            WHEN 'r' THEN NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
            WHEN 'v' THEN NOT has_table_privilege(oid, 'SELECT')
            WHEN 'S' THEN NOT has_sequence_privilege(oid, 'USAGE')
            ELSE false END";
    if tables.is_none() {
        return schema::make(trial).await;
    }
    let denied: String = trial.query_one(DENIED, &[]).await?.get(0);
    if !denied.is_empty() {
        return Err(StoreError::Refused {
            why: format!("it may not read and write {denied}"),
            remedy: RIGHTS,
        });
    }
    let gate = format!("check {:016x}", fastrand::u64(..));
    let insert = "INSERT INTO gate (name, next_at) VALUES ($1, clock_timestamp())";
    trial.execute(insert, &[&gate]).await?;
    Ok(())
}
