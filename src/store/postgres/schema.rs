//! The tables of the shared store: made by the program, and brought from one version to the next.

use ring::rand::{SecureRandom, SystemRandom};
use tokio_postgres::{Client, GenericClient, Transaction};

use super::StoreError;

/// Each leads from one version to the next.
const MIGRATIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("schema.2.sql")];

/// The number of the lock that hosts change something under: whoever holds it is alone.
pub const TURN: i64 = 0x6272_616e_6469_6e74;

/// The tables as they are.
#[derive(Debug)]
pub struct SchemaState {
    number: i32,
    /// Where everything that was in them has gone.
    pub moved_to: Option<String>,
}

impl SchemaState {
    /// Whether they are of an earlier version.
    pub fn is_old(&self) -> bool {
        self.number < known()
    }
}

/// Makes the tables, or brings them to this version.
pub async fn prepare(client: &mut Client) -> Result<(), StoreError> {
    if version(client).await? == Some(known()) {
        // Changes nothing, and fails where nothing may be changed.
        let probe = "UPDATE version SET number = number WHERE false";
        return Ok(client.batch_execute(probe).await?);
    }
    migrate(client).await?;
    // Another version of the program may have come first, or a move.
    version(client).await.map(|_| ())
}

/// Brings the tables to this version, whether or not what was in them has been moved away.
pub async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    make(&transaction).await?;
    Ok(transaction.commit().await?)
}

/// Makes the tables, or brings them to this version, within a transaction.
pub async fn make(transaction: &Transaction<'_>) -> Result<(), StoreError> {
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
    let found = found(transaction).await?.map(|found| found.number);
    let from = usize::try_from(found.unwrap_or(0)).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(from) {
        transaction.batch_execute(migration).await?;
    }
    let is_new = found.is_none();
    if is_new {
        make_fence(transaction).await?;
    }
    let note = match is_new {
        true => "INSERT INTO version (number) VALUES ($1)",
        false => "UPDATE version SET number = $1",
    };
    transaction.execute(note, &[&known()]).await?;
    Ok(())
}

/// Makes the key of the fences.
pub async fn make_fence(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| {
        StoreError::Failed("the operating system's random number generator failed".into())
    })?;
    let insert = "INSERT INTO fence (id, key) VALUES (1, $1)";
    transaction.execute(insert, &[&&key[..]]).await?;
    Ok(())
}

/// The version that this program works with.
fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// The version of the tables; `None` where there are none.
pub async fn version(client: &impl GenericClient) -> Result<Option<i32>, StoreError> {
    match found(client).await? {
        Some(SchemaState {
            moved_to: Some(to), ..
        }) => Err(StoreError::Moved(to)),
        found => Ok(found.map(|found| found.number)),
    }
}

/// The tables as they are; `None` where there are none.
pub async fn found(client: &impl GenericClient) -> Result<Option<SchemaState>, StoreError> {
    let there = client
        .query_one("SELECT to_regclass('brandintel.version') IS NOT NULL", &[])
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let select = "SELECT number, moved_to FROM version";
    let Some(row) = client.query_opt(select, &[]).await? else {
        return Ok(None);
    };
    let number = row.get(0);
    if number > known() {
        return Err(StoreError::Version {
            found: number,
            known: known(),
        });
    }
    Ok(Some(SchemaState {
        number,
        moved_to: row.get(1),
    }))
}
