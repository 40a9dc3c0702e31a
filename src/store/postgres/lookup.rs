//! The registry in PostgreSQL, as a plan asks it.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::{Client, Row, Statement, types::ToSql};

use super::{Patience, Shared, lock};
use crate::{
    brand::{BrandKey, ListMark},
    money::NotMoney,
    store::{
        StoreError,
        registry::{BrandStatus, Entry},
        registry_lookup::{EntryFacts, RegistryLookup, RegistryTotals},
    },
};

const FACTS: &str =
    "SELECT key, input_hash, status, list = $2, updated_at FROM registry WHERE key = ANY($1)";
const ENTRIES: &str = "SELECT key, entry FROM registry WHERE key = ANY($1)";
const FOLDERS: &str = "SELECT folder FROM registry WHERE folder = ANY($1)";
const MARKED: &str = "SELECT EXISTS (SELECT FROM registry WHERE right(key, length($1)) = $1)";
const STANDING: &str =
    "SELECT count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status = 'failed'),
     coalesce(sum(cost) FILTER (WHERE status = 'success'), 0)::text FROM registry";

/// The registry, over a connection of its own, which is made again where it breaks.
#[derive(Debug)]
pub struct Lookup {
    shared: Shared,
    connection: Mutex<Option<Arc<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    /// Prepared once: a long list asks the same many times.
    prepared: HashMap<&'static str, Statement>,
}

impl Lookup {
    pub fn new(shared: Shared) -> Self {
        Self {
            shared,
            connection: Mutex::default(),
        }
    }

    async fn query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let mut patience = Patience::in_a_run(&self.shared.events, &self.shared.address);
        loop {
            match self.try_query(sql, values).await {
                Ok(rows) => {
                    patience.over();
                    return Ok(rows);
                }
                Err(error) => {
                    *lock(&self.connection) = None;
                    patience.after(error).await?;
                }
            }
        }
    }

    async fn try_query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection().await?;
        let Connection { client, prepared } = &*connection;
        Ok(match prepared.get(sql) {
            Some(statement) => client.query(statement, values).await?,
            None => client.query(sql, values).await?,
        })
    }

    async fn connection(&self) -> Result<Arc<Connection>, StoreError> {
        let open = lock(&self.connection).clone();
        if let Some(connection) = open {
            return Ok(connection);
        }
        let client = self.shared.connect().await?;
        let mut prepared = HashMap::new();
        for sql in [FACTS, ENTRIES, FOLDERS] {
            prepared.insert(sql, client.prepare(sql).await?);
        }
        let connection = Arc::new(Connection { client, prepared });
        *lock(&self.connection) = Some(Arc::clone(&connection));
        Ok(connection)
    }

    async fn one(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, StoreError> {
        let mut rows = self.query(sql, values).await?;
        rows.pop()
            .ok_or_else(|| StoreError::Failed("it answered nothing".into()))
    }
}

#[async_trait]
impl RegistryLookup for Lookup {
    /// The reports may be on any host.
    fn is_of_this_machine(&self) -> bool {
        false
    }

    async fn is_marked(&self, mark: &ListMark) -> anyhow::Result<bool> {
        Ok(self.one(MARKED, &[&mark.as_str()]).await?.get(0))
    }

    async fn facts(
        &self,
        list: &str,
        keys: &[&BrandKey],
    ) -> anyhow::Result<HashMap<BrandKey, EntryFacts>> {
        let rows = self.query(FACTS, &[&texts(keys), &list]).await?;
        Ok(rows.iter().map(facts_of).collect::<Result<_, _>>()?)
    }

    async fn entries(&self, keys: &[&BrandKey]) -> anyhow::Result<HashMap<BrandKey, Arc<Entry>>> {
        let rows = self.query(ENTRIES, &[&texts(keys)]).await?;
        Ok(rows.iter().map(entry_of).collect::<Result<_, _>>()?)
    }

    async fn taken(&self, folders: Vec<String>) -> anyhow::Result<HashSet<String>> {
        let rows = self.query(FOLDERS, &[&folders]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn standing(&self) -> anyhow::Result<RegistryTotals> {
        let row = self.one(STANDING, &[]).await?;
        let count = |i| usize::try_from(row.get::<_, i64>(i)).unwrap_or(0);
        Ok(RegistryTotals {
            successes: count(0),
            failures: count(1),
            cost: row.get::<_, &str>(2).parse().map_err(|error: NotMoney| {
                StoreError::Failed(format!("what all reports cost together: {error}"))
            })?,
        })
    }
}

fn texts<'a>(keys: &[&'a BrandKey]) -> Vec<&'a str> {
    keys.iter().map(|key| key.as_str()).collect()
}

fn key_of(row: &Row) -> BrandKey {
    BrandKey::stored(row.get(0))
}

fn facts_of(row: &Row) -> Result<(BrandKey, EntryFacts), StoreError> {
    let facts = EntryFacts {
        input_hash: row.get(1),
        status: match row.get(2) {
            "success" => BrandStatus::Success,
            _ => BrandStatus::Failed,
        },
        of_list: row.get(3),
        updated_at: Timestamp::from_millisecond(row.get(4))
            .map_err(|error| unreadable(row, &error))?,
    };
    Ok((key_of(row), facts))
}

fn entry_of(row: &Row) -> Result<(BrandKey, Arc<Entry>), StoreError> {
    let key = key_of(row);
    let entry = serde_json::from_str(row.get(1)).map_err(|error| unreadable(row, &error))?;
    Ok((key, Arc::new(entry)))
}

fn unreadable(row: &Row, error: &dyn Error) -> StoreError {
    let key = key_of(row);
    StoreError::Failed(format!(
        "the entry of «{key}» in the registry cannot be read: {error}"
    ))
}
