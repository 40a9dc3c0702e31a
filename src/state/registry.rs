//! The registry: what became of each brand, so that what has not changed is skipped.
//!
//! `registry.json` is rewritten whole while that is cheap. In a large registry finished brands are appended to
//! `registry.journal.jsonl` first and folded in when the journal has grown to a share of the registry, so that the
//! cost of one brand does not grow with the number of all brands.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StateFolder, write_atomically};
use crate::{brand::BrandKey, money::Usd};

const SCHEMA_VERSION: u32 = 1;

/// Up to this many brands a rewrite takes a few milliseconds and is done for every finished brand.
const SMALL: usize = 2_000;

/// A larger registry is rewritten when its journal holds one brand for this many.
const FOLD_SHARE: usize = 50;

/// How the last attempt at a brand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Success,
    Failed,
}

/// What is known about one brand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The name as given.
    pub brand: String,
    /// Fingerprint of the row.
    pub input_hash: String,
    pub status: Status,
    /// Attempts since the row last changed or succeeded.
    pub attempts: u32,
    pub run_id: String,
    pub updated_at: Timestamp,
    /// What the report cost, in US dollars.
    pub cost_usd: Usd,
    /// Path of `brand_report.json`; that of an earlier success stays when a later attempt fails.
    pub report: Option<String>,
    /// Whether the report rests on little evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thin: Option<bool>,
    pub error: Option<String>,
}

/// All brands ever processed.
#[derive(Debug)]
pub struct Registry {
    brands: BTreeMap<BrandKey, Entry>,
    json: PathBuf,
    journal: PathBuf,
    in_journal: usize,
}

#[derive(Serialize, Deserialize)]
struct Stored<B> {
    schema_version: u32,
    brands: B,
}

impl Registry {
    /// Reads the registry of a state folder.
    pub fn open(folder: &StateFolder) -> anyhow::Result<Self> {
        Self::read(
            folder.file("registry.json"),
            folder.file("registry.journal.jsonl"),
        )
    }

    /// Reads a registry without holding its folder, to show it.
    pub fn peek(state: &std::path::Path) -> anyhow::Result<Self> {
        Self::read(
            state.join("registry.json"),
            state.join("registry.journal.jsonl"),
        )
    }

    fn read(json: PathBuf, journal: PathBuf) -> anyhow::Result<Self> {
        let mut brands = match fs::read(&json) {
            Ok(bytes) => {
                let stored: Stored<BTreeMap<BrandKey, Entry>> = serde_json::from_slice(&bytes).with_context(|| {
                    format!(
                        "{} is damaged: put back a copy, or move it away to start anew (everything is then due again)",
                        json.display()
                    )
                })?;
                ensure!(
                    stored.schema_version == SCHEMA_VERSION,
                    "{} has version {}, this program reads version {SCHEMA_VERSION}: use the program that wrote it, or move the file away",
                    json.display(),
                    stored.schema_version
                );
                stored.brands
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", json.display()));
            }
        };
        let mut in_journal = 0;
        for line in fs::read(&journal)
            .unwrap_or_default()
            .split(|&b| b == b'\n')
        {
            // A crash can cut only the last line, and nobody was told that its brand is done.
            let Ok((key, entry)) = serde_json::from_slice::<(BrandKey, Entry)>(line) else {
                continue;
            };
            in_journal += 1;
            let newer = brands
                .get(&key)
                .is_none_or(|known| known.updated_at <= entry.updated_at);
            if newer {
                brands.insert(key, entry);
            }
        }
        Ok(Self {
            brands,
            json,
            journal,
            in_journal,
        })
    }

    /// What is known about a brand.
    pub fn get(&self, key: &BrandKey) -> Option<&Entry> {
        self.brands.get(key)
    }

    /// All entries, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&BrandKey, &Entry)> {
        self.brands.iter()
    }

    /// How many brands ended with this status.
    pub fn count(&self, status: Status) -> usize {
        self.brands.values().filter(|e| e.status == status).count()
    }

    /// Takes in how a brand ended. When this returns, it is on disk.
    pub fn record(&mut self, key: BrandKey, entry: Entry) -> anyhow::Result<()> {
        let line = serde_json::to_string(&(&key, &entry))?;
        self.brands.insert(key, entry);
        if self.in_journal * FOLD_SHARE >= self.brands.len().saturating_sub(SMALL) {
            return self.fold();
        }
        let append = || -> io::Result<()> {
            let mut journal = File::options()
                .create(true)
                .append(true)
                .open(&self.journal)?;
            // A cut line from a crash must not swallow this one.
            journal.write_all(format!("\n{line}\n").as_bytes())?;
            journal.sync_data()
        };
        append().with_context(|| format!("{} cannot be written", self.journal.display()))?;
        self.in_journal += 1;
        Ok(())
    }

    /// Folds in what is in the journal, at the end of a run.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        if self.in_journal > 0 {
            self.fold()
        } else {
            Ok(())
        }
    }

    /// Rewrites `registry.json` and empties the journal.
    fn fold(&mut self) -> anyhow::Result<()> {
        let stored = Stored {
            schema_version: SCHEMA_VERSION,
            brands: &self.brands,
        };
        write_atomically(&self.json, &serde_json::to_vec_pretty(&stored)?)?;
        self.in_journal = 0;
        match fs::remove_file(&self.journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", self.journal.display()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: Status, at: i64) -> Entry {
        Entry {
            brand: "کاله".into(),
            input_hash: "00".into(),
            status,
            attempts: 1,
            run_id: "r".into(),
            updated_at: Timestamp::from_second(at).unwrap(),
            cost_usd: Usd::ZERO,
            report: None,
            thin: None,
            error: None,
        }
    }

    fn key(name: &str) -> BrandKey {
        serde_json::from_value(serde_json::json!(name)).unwrap()
    }

    #[test]
    fn a_large_registry_is_journalled_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let mut registry = Registry::open(&state).unwrap();
        for i in 0..SMALL + FOLD_SHARE * 3 {
            registry
                .brands
                .insert(key(&format!("b{i}")), entry(Status::Success, 1));
        }
        registry.fold().unwrap();
        let size = fs::metadata(&registry.json).unwrap().len();
        registry.in_journal = 0;
        registry
            .record(key("b0"), entry(Status::Failed, 2))
            .unwrap();
        registry.in_journal = 1;
        registry
            .record(key("b1"), entry(Status::Failed, 2))
            .unwrap();
        assert!(registry.journal.exists());
        assert!(fs::metadata(&registry.json).unwrap().len() >= size);

        // A crash in the middle of a line loses that line only.
        let cut = fs::read(&registry.journal).unwrap();
        fs::write(&registry.journal, [&cut[..], b"\n[\"b2\",{\"bra"].concat()).unwrap();
        let read = Registry::open(&state).unwrap();
        assert_eq!(read.count(Status::Failed), 2);
        assert_eq!(read.brands, registry.brands);
    }

    #[test]
    fn an_old_journal_does_not_undo_a_newer_entry() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let mut registry = Registry::open(&state).unwrap();
        registry
            .record(key("a"), entry(Status::Success, 5))
            .unwrap();
        let old = serde_json::to_string(&(key("a"), entry(Status::Failed, 4))).unwrap();
        fs::write(&registry.journal, old).unwrap();
        let read = Registry::open(&state).unwrap();
        assert_eq!(read.get(&key("a")).unwrap().status, Status::Success);
    }

    #[test]
    fn a_damaged_registry_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("registry.json"),
            "{\"schema_version\":1,",
        )
        .unwrap();
        let error = Registry::peek(folder.path()).unwrap_err();
        assert!(error.to_string().contains("registry.json is damaged"));
    }
}
