//! What a plan asks of the registry, wherever that is kept: a long list is asked for in parts.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    sync::{Arc, OnceLock},
};

use jiff::Timestamp;
use tokio_postgres::{Client, Row, Statement};

use super::{
    postgres::Trouble,
    registry::{Entry, Registry, Status},
};
use crate::{
    brand::{BrandKey, ListMark},
    money::{NotMoney, Usd},
};

/// The registry, as it is asked before a run.
#[derive(Debug)]
pub enum Known<'a> {
    /// In the state folder, and read into memory.
    Folder(Folder<'a>),
    /// In a database that several hosts share.
    Shared(Shared),
}

/// What decides whether a brand is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub status: Status,
    /// Fingerprint of the row.
    pub input_hash: String,
    /// Whether the entry was made for the list that was asked for.
    pub of_list: bool,
    pub updated_at: Timestamp,
}

/// How the registry stands as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub successes: usize,
    pub failures: usize,
    /// What the reports of all successes cost together.
    pub cost: Usd,
}

#[derive(Debug)]
pub struct Folder<'a> {
    registry: &'a Registry,
    /// Lower-cased names of the folders of all reports, once they were asked for.
    folders: OnceLock<HashSet<String>>,
}

#[derive(Debug)]
pub struct Shared {
    client: Client,
    facts: Statement,
    entries: Statement,
    folders: Statement,
}

impl<'a> Known<'a> {
    /// The registry of a state folder.
    pub fn folder(registry: &'a Registry) -> Self {
        Self::Folder(Folder {
            registry,
            folders: OnceLock::new(),
        })
    }

    /// The registry in this database.
    pub async fn shared(client: Client) -> Result<Self, Trouble> {
        let facts = "SELECT key, input_hash, status, list = $2 AS of_list, updated_at FROM registry WHERE key = ANY($1)";
        let entries = "SELECT key, entry FROM registry WHERE key = ANY($1)";
        let folders = "SELECT folder FROM registry WHERE folder = ANY($1)";
        Ok(Self::Shared(Shared {
            facts: client.prepare(facts).await?,
            entries: client.prepare(entries).await?,
            folders: client.prepare(folders).await?,
            client,
        }))
    }

    /// Whether the reports that it tells of were made on this machine.
    pub fn is_of_this_machine(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// Whether there are keys with this mark.
    pub async fn is_marked(&self, mark: &ListMark) -> Result<bool, Trouble> {
        match self {
            Self::Folder(folder) => {
                let mut keys = folder.registry.entries().map(|(key, _)| key.as_str());
                Ok(keys.any(|key| key.ends_with(mark.as_str())))
            }
            Self::Shared(shared) => {
                let select =
                    "SELECT EXISTS (SELECT FROM registry WHERE right(key, length($1)) = $1)";
                let row = shared.client.query_one(select, &[&mark.as_str()]).await?;
                Ok(row.get(0))
            }
        }
    }

    /// What decides about the brands with these keys, as far as they are known.
    pub async fn facts(
        &self,
        list: &str,
        keys: &[&BrandKey],
    ) -> Result<HashMap<BrandKey, Facts>, Trouble> {
        match self {
            Self::Folder(folder) => {
                let known = keys.iter().filter_map(|key| {
                    let entry = folder.registry.get(key)?;
                    let facts = Facts {
                        status: entry.status,
                        input_hash: entry.input_hash.clone(),
                        of_list: *entry.list == *list,
                        updated_at: entry.updated_at,
                    };
                    Some(((*key).clone(), facts))
                });
                Ok(known.collect())
            }
            Self::Shared(shared) => {
                let keys = texts(keys);
                let rows = shared.client.query(&shared.facts, &[&keys, &list]).await?;
                rows.iter().map(facts_of).collect()
            }
        }
    }

    /// The entries with these keys, as far as there are any.
    pub async fn entries(
        &self,
        keys: &[&BrandKey],
    ) -> Result<HashMap<BrandKey, Arc<Entry>>, Trouble> {
        match self {
            Self::Folder(folder) => {
                let known = keys.iter().filter_map(|key| {
                    let entry = folder.registry.get(key)?;
                    Some(((*key).clone(), Arc::clone(entry)))
                });
                Ok(known.collect())
            }
            Self::Shared(shared) => {
                let keys = texts(keys);
                let rows = shared.client.query(&shared.entries, &[&keys]).await?;
                rows.iter().map(entry_of).collect()
            }
        }
    }

    /// Which of these folders, with lower-cased names, have reports.
    pub async fn taken(&self, folders: Vec<String>) -> Result<HashSet<String>, Trouble> {
        match self {
            Self::Folder(folder) => {
                let taken = folder.folders.get_or_init(|| {
                    let entries = folder.registry.entries();
                    let folders = entries.filter_map(|(_, entry)| entry.folder());
                    folders.map(|folder| folder.to_lowercase()).collect()
                });
                let folders = folders.into_iter();
                Ok(folders.filter(|folder| taken.contains(folder)).collect())
            }
            Self::Shared(shared) => {
                let rows = shared.client.query(&shared.folders, &[&folders]).await?;
                Ok(rows.iter().map(|row| row.get("folder")).collect())
            }
        }
    }

    /// How it stands as a whole.
    pub async fn standing(&self) -> Result<Standing, Trouble> {
        match self {
            Self::Folder(folder) => {
                let mut standing = Standing::default();
                for (_, entry) in folder.registry.entries() {
                    match entry.status {
                        Status::Success => {
                            standing.successes += 1;
                            standing.cost += entry.cost_usd;
                        }
                        Status::Failed => standing.failures += 1,
                    }
                }
                Ok(standing)
            }
            Self::Shared(shared) => {
                let select = "SELECT count(*) FILTER (WHERE status = 'success') AS successes,
                                     count(*) FILTER (WHERE status = 'failed') AS failures,
                                     coalesce(sum(cost) FILTER (WHERE status = 'success'), 0)::text AS cost FROM registry";
                let row = shared.client.query_one(select, &[]).await?;
                let count = |column: &str| usize::try_from(row.get::<_, i64>(column)).unwrap_or(0);
                Ok(Standing {
                    successes: count("successes"),
                    failures: count("failures"),
                    cost: row
                        .get::<_, &str>("cost")
                        .parse()
                        .map_err(|error: NotMoney| {
                            Trouble::Failed(format!("what all reports cost together: {error}"))
                        })?,
                })
            }
        }
    }
}

fn texts<'a>(keys: &[&'a BrandKey]) -> Vec<&'a str> {
    keys.iter().map(|key| key.as_str()).collect()
}

fn key_of(row: &Row) -> BrandKey {
    BrandKey::stored(row.get("key"))
}

fn facts_of(row: &Row) -> Result<(BrandKey, Facts), Trouble> {
    let facts = Facts {
        input_hash: row.get("input_hash"),
        status: match row.get("status") {
            "success" => Status::Success,
            _ => Status::Failed,
        },
        of_list: row.get("of_list"),
        updated_at: Timestamp::from_millisecond(row.get("updated_at"))
            .map_err(|error| unreadable(row, &error))?,
    };
    Ok((key_of(row), facts))
}

fn entry_of(row: &Row) -> Result<(BrandKey, Arc<Entry>), Trouble> {
    let key = key_of(row);
    let entry = serde_json::from_str(row.get("entry")).map_err(|error| unreadable(row, &error))?;
    Ok((key, Arc::new(entry)))
}

fn unreadable(row: &Row, error: &dyn Error) -> Trouble {
    let key = key_of(row);
    Trouble::Failed(format!(
        "the entry of «{key}» in the registry cannot be read: {error}"
    ))
}
