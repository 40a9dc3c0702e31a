//! The lookup of registry entries for a plan, wherever they are kept: a long list is looked up in parts.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::registry::{BrandStatus, Entry, Registry};
use crate::{
    brand::{BrandKey, ListMark},
    money::Usd,
};

/// The registry, as it is asked before a run.
///
/// # Errors
/// Each method fails where the registry cannot be read.
#[async_trait]
pub trait RegistryLookup: fmt::Debug + Send + Sync {
    /// Whether the reports that it tells of were made on this machine.
    fn is_of_this_machine(&self) -> bool;

    /// Whether there are keys with this mark.
    async fn is_marked(&self, mark: &ListMark) -> anyhow::Result<bool>;

    /// What decides about the brands with these keys, as far as they are known.
    async fn facts(
        &self,
        list: &str,
        keys: &[&BrandKey],
    ) -> anyhow::Result<HashMap<BrandKey, EntryFacts>>;

    /// The entries with these keys, as far as there are any.
    async fn entries(&self, keys: &[&BrandKey]) -> anyhow::Result<HashMap<BrandKey, Arc<Entry>>>;

    /// Which of these folders, with lower-cased names, have reports.
    async fn taken(&self, folders: Vec<String>) -> anyhow::Result<HashSet<String>>;

    /// How it stands as a whole.
    async fn standing(&self) -> anyhow::Result<RegistryTotals>;
}

/// What decides whether a brand is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFacts {
    pub status: BrandStatus,
    /// Fingerprint of the row.
    pub input_hash: String,
    /// Whether the entry was made for the list that was asked for.
    pub of_list: bool,
    pub updated_at: Timestamp,
}

/// How the registry stands as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryTotals {
    pub successes: usize,
    pub failures: usize,
    /// What the reports of all successes cost together.
    pub cost: Usd,
}

/// The registry of a state folder, which is in memory.
#[derive(Debug)]
pub struct InMemory<R> {
    registry: R,
    /// Lower-cased names of the folders of all reports, once they were asked for.
    folders: OnceLock<HashSet<String>>,
}

impl<R: Deref<Target = Registry>> InMemory<R> {
    /// Asks this registry.
    pub fn new(registry: R) -> Self {
        Self {
            registry,
            folders: OnceLock::new(),
        }
    }
}

#[async_trait]
impl<R> RegistryLookup for InMemory<R>
where
    R: Deref<Target = Registry> + fmt::Debug + Send + Sync,
{
    fn is_of_this_machine(&self) -> bool {
        true
    }

    async fn is_marked(&self, mark: &ListMark) -> anyhow::Result<bool> {
        let mut keys = self.registry.entries().map(|(key, _)| key.as_str());
        Ok(keys.any(|key| key.ends_with(mark.as_str())))
    }

    async fn facts(
        &self,
        list: &str,
        keys: &[&BrandKey],
    ) -> anyhow::Result<HashMap<BrandKey, EntryFacts>> {
        let known = keys.iter().filter_map(|key| {
            let entry = self.registry.get(key)?;
            let facts = EntryFacts {
                status: entry.status,
                input_hash: entry.input_hash.clone(),
                of_list: *entry.list == *list,
                updated_at: entry.updated_at,
            };
            Some(((*key).clone(), facts))
        });
        Ok(known.collect())
    }

    async fn entries(&self, keys: &[&BrandKey]) -> anyhow::Result<HashMap<BrandKey, Arc<Entry>>> {
        let known = keys.iter().filter_map(|key| {
            let entry = self.registry.get(key)?;
            Some(((*key).clone(), Arc::clone(entry)))
        });
        Ok(known.collect())
    }

    async fn taken(&self, folders: Vec<String>) -> anyhow::Result<HashSet<String>> {
        let taken = self.folders.get_or_init(|| {
            let entries = self.registry.entries();
            let folders = entries.filter_map(|(_, entry)| entry.folder());
            folders.map(|folder| folder.to_lowercase()).collect()
        });
        let folders = folders.into_iter();
        Ok(folders.filter(|folder| taken.contains(folder)).collect())
    }

    async fn standing(&self) -> anyhow::Result<RegistryTotals> {
        let mut standing = RegistryTotals::default();
        for (_, entry) in self.registry.entries() {
            match entry.status {
                BrandStatus::Success => {
                    standing.successes += 1;
                    standing.cost += entry.cost_usd;
                }
                BrandStatus::Failed => standing.failures += 1,
            }
        }
        Ok(standing)
    }
}
