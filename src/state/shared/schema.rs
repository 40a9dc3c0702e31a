//! The tables of the shared store: made by the program, and brought from one version to the next.

use tokio_postgres::{Client, Row};

use super::Trouble;

/// Each leads from one version to the next.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// The number of the lock that hosts change something under: whoever holds it is alone.
pub const TURN: i64 = 0x6272_616e_6469_6e74;

/// Makes the tables, or brings them to this version.
pub async fn prepare(client: &mut Client) -> Result<(), Trouble> {
    if version(client).await? == Some(known()) {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    // Hosts that come at the same time wait for the first.
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&TURN])
        .await?;
    transaction
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS brandintel; \
             CREATE TABLE IF NOT EXISTS version (number integer NOT NULL, moved_to text)",
        )
        .await?;
    // Another version of the program may have come first.
    let found = recorded(transaction.query_opt(RECORDED, &[]).await?)?;
    let from = usize::try_from(found.unwrap_or(0)).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(from) {
        transaction.batch_execute(migration).await?;
    }
    if found.is_some() {
        let update = "UPDATE version SET number = $1";
        transaction.execute(update, &[&known()]).await?;
    } else {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)
            .map_err(|_| Trouble::Failed("there are no random numbers".into()))?;
        transaction
            .execute("INSERT INTO fence (id, key) VALUES (1, $1)", &[&&key[..]])
            .await?;
        let insert = "INSERT INTO version (number) VALUES ($1)";
        transaction.execute(insert, &[&known()]).await?;
    }
    Ok(transaction.commit().await?)
}

/// The version that this program works with.
fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// The version of the tables; `None` where there are none.
pub async fn version(client: &Client) -> Result<Option<i32>, Trouble> {
    let there = client
        .query_one("SELECT to_regclass('brandintel.version') IS NOT NULL", &[])
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    recorded(client.query_opt(RECORDED, &[]).await?)
}

const RECORDED: &str = "SELECT number, moved_to FROM version";

fn recorded(row: Option<Row>) -> Result<Option<i32>, Trouble> {
    let Some(row) = row else {
        return Ok(None);
    };
    let found = row.get(0);
    if found > known() {
        return Err(Trouble::Version {
            found,
            known: known(),
        });
    }
    match row.get::<_, Option<String>>(1) {
        Some(to) => Err(Trouble::Moved(to)),
        None => Ok(Some(found)),
    }
}
