//! The registry: what became of each brand, so that what has not changed is skipped.
//!
//! `registry.json` is rewritten whole while that is cheap. In a large registry brands are appended to
//! `registry.journal.jsonl` first, and folded into the file when the journal has grown to a share of it, so that the cost
//! of one brand does not grow with the number of all brands.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StateFolder, entries};
use crate::{
    brand::BrandKey,
    error_kind::ErrorKind,
    files::{set_aside_name, stream_atomically},
    money::Usd,
};

/// Its file and its journal.
const FILE: &str = "registry.json";
const JOURNAL: &str = "registry.journal.jsonl";
pub const FILES: [&str; 2] = [FILE, JOURNAL];

const SCHEMA_VERSION: u32 = 1;

/// Up to this many brands a rewrite takes a few milliseconds and is done for every finished brand.
const SMALL: usize = 1_000;

/// A larger registry is rewritten when its journal holds as many brands as a small one, or one for this many.
const FOLD_SHARE: usize = 50;

/// How the last attempt at a brand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrandStatus {
    Success,
    Failed,
}

impl BrandStatus {
    /// The name that it has in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }
}

/// What is known about one brand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The name as given.
    pub brand: String,
    /// The list that it stands in.
    #[serde(default = "no_list")]
    pub list: Arc<str>,
    /// Fingerprint of the row.
    pub input_hash: String,
    pub status: BrandStatus,
    /// Attempts since the row last changed or succeeded.
    pub attempts: u32,
    pub run_id: Arc<str>,
    pub updated_at: Timestamp,
    /// What the report cost, in US dollars.
    pub cost_usd: Usd,
    /// Path of `brand_report.json`; that of an earlier success stays when a later attempt fails.
    pub report: Option<String>,
    /// Whether the report rests on little evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thin: Option<bool>,
    /// Companies of this name among which the list does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<String>,
    /// What the last report says that the one before did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<String>,
    /// Why it failed, as far as what to do about it depends on it.
    #[serde(default, skip_serializing_if = "ErrorKind::is_unknown")]
    pub error_kind: ErrorKind,
    pub error: Option<String>,
}

impl Entry {
    /// The folder of its report, whose path is `output/<folder>/brand_report.json`.
    pub fn folder(&self) -> Option<String> {
        let mut parts = self.report.as_deref()?.rsplit(['/', '\\']).skip(1);
        parts.next().map(str::to_owned)
    }

    /// Whether its numbers can be.
    fn is_possible(&self) -> bool {
        !self.cost_usd.is_absurd()
    }

    /// Reads an entry. What says nothing about the brand itself may be wrong: it is left out, and the text says so.
    fn mended(mut value: Value) -> serde_json::Result<(Self, Option<String>)> {
        let read = Self::deserialize(&value);
        if let Ok(entry) = read
            && entry.is_possible()
        {
            return Ok((entry, None));
        }
        if !value.is_object() {
            return Self::deserialize(value).map(|entry| (entry, None));
        }
        let brand = value["brand"].as_str().unwrap_or_default().to_owned();
        let is_amount = |value: &Value| Usd::deserialize(value).is_ok_and(|usd| !usd.is_absurd());
        for (name, is_right, instead) in [
            ("cost_usd", is_amount(&value["cost_usd"]), 0),
            ("attempts", u32::deserialize(&value["attempts"]).is_ok(), 1),
        ] {
            if !is_right {
                value[name] = instead.into();
            }
        }
        let entry = Self::deserialize(value)?;
        let odd = format!("«{brand}»: an amount in its entry is impossible");
        Ok((entry, Some(odd)))
    }
}

fn no_list() -> Arc<str> {
    "".into()
}

/// All brands ever processed.
#[derive(Debug)]
pub struct Registry {
    brands: BTreeMap<BrandKey, Arc<Entry>>,
    json: PathBuf,
    journal: PathBuf,
    in_journal: usize,
    /// How often it was rewritten: lines of the journal that belong to an earlier writing are in it already.
    folds: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored<B> {
    schema_version: u32,
    #[serde(default)]
    folds: u64,
    brands: B,
    /// Says the version again: where the two differ, a number is damaged. The first versions did not.
    #[serde(default)]
    end: Option<Ending>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Ending {
    schema_version: u32,
}

/// Why a registry is left alone.
#[derive(Debug, thiserror::Error)]
#[error(
    "it has version {0}, this program reads up to version {SCHEMA_VERSION}: use the program that wrote it, or move the file away"
)]
pub struct NewerRegistry(u32);

/// What stands in `registry.json`, as far as it can be read.
#[derive(Default)]
struct Contents {
    brands: BTreeMap<BrandKey, Arc<Entry>>,
    folds: u64,
    /// Why it cannot be read whole.
    damage: Option<String>,
}

impl Registry {
    /// Reads the registry of a state folder. One that is damaged is copied under a new name, and what can be read of it
    /// is used; the text says so.
    pub fn open(folder: &StateFolder, now: Timestamp) -> anyhow::Result<(Self, Option<String>)> {
        let (mut registry, damage) = Self::read(&folder.path)?;
        let Some(damage) = damage else {
            return Ok((registry, None));
        };
        let note = registry.set_aside(&damage, now)?;
        registry.fold()?;
        Ok((registry, Some(note)))
    }

    /// Copies what is damaged under new names. The text says what is used of it.
    fn set_aside(&self, damage: &str, now: Timestamp) -> anyhow::Result<String> {
        let mut copies = Vec::new();
        for file in [&self.json, &self.journal]
            .into_iter()
            .filter(|file| file.exists())
        {
            let aside = set_aside_name(file, now);
            fs::copy(file, &aside).with_context(|| {
                format!(
                    "{} is damaged ({damage}) and cannot be copied to {}",
                    file.display(),
                    aside.display()
                )
            })?;
            copies.push(aside.display().to_string());
        }
        let copies = match copies.is_empty() {
            true => "It is gone".to_owned(),
            false => format!("A copy of it is {}", copies.join(" and ")),
        };
        Ok(format!(
            "{} was damaged ({damage}). {copies}; the {} brands that could be read are used, the others are due again",
            self.json.display(),
            self.brands.len()
        ))
    }

    /// Reads a registry without holding its folder, to show it; says where it is damaged.
    pub fn peek(state: &Path) -> anyhow::Result<(Self, Option<String>)> {
        let (registry, damage) = Self::read(state)?;
        let note = damage.map(|damage| {
            format!(
                "{} is damaged ({damage}): the next run sets it aside and uses what can be read",
                registry.json.display()
            )
        });
        Ok((registry, note))
    }

    /// The registry of somebody who has not begun yet.
    pub fn empty() -> Self {
        Self {
            brands: BTreeMap::new(),
            json: PathBuf::new(),
            journal: PathBuf::new(),
            in_journal: 0,
            folds: 0,
        }
    }

    fn read(state: &Path) -> anyhow::Result<(Self, Option<String>)> {
        let json = state.join(FILE);
        let journal = state.join(JOURNAL);
        let mut contents = match fs::read(&json) {
            Ok(bytes) => read_contents(&bytes).with_context(|| json.display().to_string())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", json.display()));
            }
        };
        let in_journal = contents.take_in(&journal, json.exists());
        let Contents {
            mut brands,
            folds,
            damage,
        } = contents;
        share_texts(&mut brands);
        let registry = Self {
            brands,
            json,
            journal,
            in_journal,
            folds,
        };
        Ok((registry, damage))
    }

    /// Whether nothing is known of any brand.
    pub fn is_empty(&self) -> bool {
        self.brands.is_empty()
    }

    /// What is known about a brand.
    pub fn get(&self, key: &BrandKey) -> Option<&Arc<Entry>> {
        self.brands.get(key)
    }

    /// All entries, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&BrandKey, &Arc<Entry>)> {
        self.brands.iter()
    }

    /// Takes in entries that are not written down.
    pub fn suppose(&mut self, entries: impl IntoIterator<Item = (BrandKey, Entry)>) {
        let entries = entries.into_iter();
        self.brands
            .extend(entries.map(|(key, entry)| (key, Arc::new(entry))));
    }

    /// Takes in how brands ended. When this returns, it is on disk.
    pub fn record(
        &mut self,
        entries: impl IntoIterator<Item = (BrandKey, Entry)>,
    ) -> anyhow::Result<()> {
        let mut lines = String::new();
        let mut count = 0;
        for (key, entry) in entries {
            let line = serde_json::to_string(&(self.folds, &key, &entry))?;
            // A cut line from a crash must not swallow this one.
            lines.extend(["\n", &line, "\n"]);
            count += 1;
            self.brands.insert(key, Arc::new(entry));
        }
        let journal_holds = SMALL.max(self.brands.len() / FOLD_SHARE);
        if self.brands.len() <= SMALL || self.in_journal + count >= journal_holds {
            return self.fold();
        }
        let append = || -> io::Result<()> {
            let mut journal = File::options()
                .create(true)
                .append(true)
                .open(&self.journal)?;
            journal.write_all(lines.as_bytes())?;
            journal.sync_data()
        };
        append().with_context(|| format!("{} cannot be written", self.journal.display()))?;
        self.in_journal += count;
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
        // The number in a damaged file may be the last one that there is.
        let folds = self.folds.wrapping_add(1);
        let stored = Stored {
            schema_version: SCHEMA_VERSION,
            folds,
            brands: &self.brands,
            end: Some(Ending {
                schema_version: SCHEMA_VERSION,
            }),
        };
        stream_atomically(&self.json, |file| {
            Ok(serde_json::to_writer_pretty(file, &stored)?)
        })?;
        self.folds = folds;
        self.in_journal = 0;
        match fs::remove_file(&self.journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", self.journal.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Lists and runs have many brands: each of their names is kept once.
fn share_texts(brands: &mut BTreeMap<BrandKey, Arc<Entry>>) {
    let mut known: HashSet<Arc<str>> = HashSet::new();
    let mut share = |text: &mut Arc<str>| match known.get(text) {
        Some(same) => *text = Arc::clone(same),
        None => {
            known.insert(Arc::clone(text));
        }
    };
    for entry in brands.values_mut().filter_map(Arc::get_mut) {
        share(&mut entry.list);
        share(&mut entry.run_id);
    }
}

impl Contents {
    /// Takes in the lines of the journal, and says how many they are. Those of an earlier writing are in the file already,
    /// where there is one.
    fn take_in(&mut self, journal: &Path, is_there: bool) -> usize {
        let bytes = fs::read(journal).unwrap_or_default();
        let lines = bytes.split(|&byte| byte == b'\n');
        let (mut count, mut broken) = (0, false);
        for line in lines.filter(|line| !line.is_empty()) {
            // A crash can cut the last line, and nobody was told that its brand is done.
            let Ok((writing, key, entry)) = serde_json::from_slice::<(u64, BrandKey, Entry)>(line)
            else {
                broken = true;
                continue;
            };
            if broken {
                let damage = || "a line of its journal cannot be read".to_owned();
                self.damage.get_or_insert_with(damage);
            }
            if writing == self.folds || self.damage.is_some() || !is_there {
                count += 1;
                self.brands.insert(key, Arc::new(entry));
            }
        }
        count
    }
}

/// Reads what can be read.
///
/// # Errors
/// When a newer version of the program has written it.
fn read_contents(bytes: &[u8]) -> anyhow::Result<Contents> {
    if let Ok(whole) = serde_json::from_slice::<Stored<BTreeMap<BrandKey, Arc<Entry>>>>(bytes)
        && whole.schema_version <= SCHEMA_VERSION
        && whole.brands.values().all(|entry| entry.is_possible())
    {
        return Ok(Contents {
            brands: whole.brands,
            folds: whole.folds,
            damage: None,
        });
    }
    read_damaged(bytes)
}

fn read_damaged(bytes: &[u8]) -> anyhow::Result<Contents> {
    let (stored, mut damage) =
        match serde_json::from_slice::<Stored<BTreeMap<String, Value>>>(bytes) {
            Ok(stored) => (stored, None),
            Err(error) => {
                let found = entries::fields(bytes, "brands");
                let number = |name: &str| found.other.get(name).and_then(Value::as_u64);
                let mut brands = found.entries;
                // Behind the damage there are more.
                for (key, value) in entries::scattered(bytes) {
                    brands.entry(key).or_insert(value);
                }
                let stored = Stored {
                    schema_version: number("schema_version").map_or(SCHEMA_VERSION, |version| {
                        u32::try_from(version).unwrap_or(u32::MAX)
                    }),
                    folds: number("folds").unwrap_or(0),
                    brands,
                    end: None,
                };
                (stored, Some(error.to_string()))
            }
        };
    let version = stored.schema_version;
    if version > SCHEMA_VERSION {
        match stored.end {
            Some(end) if end.schema_version != version => {
                let again = end.schema_version;
                damage = Some(format!(
                    "its version is {version} at its beginning and {again} at its end"
                ));
            }
            _ => return Err(NewerRegistry(version).into()),
        }
    }
    let mut brands = BTreeMap::new();
    for (key, value) in stored.brands {
        match Entry::mended(value) {
            Ok((entry, odd)) => {
                brands.insert(BrandKey::stored(key), Arc::new(entry));
                damage = damage.or(odd);
            }
            Err(error) => damage = damage.or_else(|| Some(format!("«{key}»: {error}"))),
        }
    }
    Ok(Contents {
        brands,
        folds: stored.folds,
        damage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(status: BrandStatus, at: i64) -> Entry {
        Entry {
            brand: "کاله".into(),
            list: "list".into(),
            input_hash: "00".into(),
            status,
            attempts: 1,
            run_id: "r".into(),
            updated_at: Timestamp::from_second(at).unwrap(),
            cost_usd: Usd::ZERO,
            report: None,
            thin: None,
            choices: None,
            changes: None,
            error_kind: ErrorKind::default(),
            error: None,
        }
    }

    fn open(state: &StateFolder) -> Registry {
        let (registry, note) = Registry::open(state, Timestamp::now()).unwrap();
        assert_eq!(note, None);
        registry
    }

    fn key(name: &str) -> BrandKey {
        serde_json::from_value(serde_json::json!(name)).unwrap()
    }

    #[test]
    fn a_large_registry_is_journalled_and_folded() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let mut registry = open(&state);
        let all = (0..=SMALL).map(|i| (key(&format!("b{i}")), entry(BrandStatus::Success, 1)));
        registry.record(all).unwrap();
        registry.settle().unwrap();
        assert!(!registry.journal.exists());
        // From now on each brand is one line, some of them new, some not, until the journal is full.
        for i in 0..SMALL - 1 {
            let brand = (key(&format!("b{}", i * 2)), entry(BrandStatus::Failed, 1));
            registry.record([brand]).unwrap();
        }
        assert_eq!(registry.in_journal, SMALL - 1);
        // A crash in the middle of a line loses that line only.
        let cut = fs::read(&registry.journal).unwrap();
        fs::write(&registry.journal, [&cut[..], b"\n[\"b2\",{\"bra"].concat()).unwrap();
        assert_eq!(open(&state).brands, registry.brands);
        let last = (key("last"), entry(BrandStatus::Failed, 1));
        registry.record([last]).unwrap();
        assert!(!registry.journal.exists());
        let mut read = open(&state);
        assert_eq!(read.brands, registry.brands);
        // What the next run records is there when it has settled.
        let more = (key("more"), entry(BrandStatus::Failed, 1));
        read.record([more]).unwrap();
        read.settle().unwrap();
        assert_eq!(open(&state).brands, read.brands);
    }

    #[test]
    fn a_large_registry_that_is_damaged_in_the_middle_of_a_run_is_whole_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let all =
            |n: usize| (0..n).map(|i| (key(&format!("b{i}")), entry(BrandStatus::Success, 1)));
        for gone in [false, true] {
            let mut registry = open(&state);
            registry.record(all(SMALL + 9)).unwrap();
            registry.settle().unwrap();
            registry
                .record([(key("new"), entry(BrandStatus::Failed, 1))])
                .unwrap();
            assert_eq!(registry.in_journal, 1);
            let mut bytes = fs::read(&registry.json).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] = 0xff;
            match gone {
                false => fs::write(&registry.json, bytes).unwrap(),
                true => fs::remove_file(&registry.json).unwrap(),
            }
            registry.settle().unwrap();
            assert_eq!(open(&state).brands.len(), SMALL + 10);
        }
    }

    #[test]
    fn a_line_of_the_journal_that_cannot_be_read_costs_only_itself_and_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let registry = open(&state);
        let line = |name: &str| {
            let line = (registry.folds, key(name), entry(BrandStatus::Success, 1));
            serde_json::to_string(&line).unwrap()
        };
        let lines = [
            line("a"),
            line("b").replace("success", "succes?"),
            line("c"),
        ];
        fs::write(&registry.journal, lines.join("\n")).unwrap();
        let (read, note) = Registry::open(&state, Timestamp::now()).unwrap();
        assert_eq!(read.brands.len(), 2);
        assert!(note.unwrap().contains("journal"));
        assert_eq!(open(&state).brands.len(), 2);
    }

    #[test]
    fn an_old_journal_does_not_undo_a_newer_entry_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let mut registry = open(&state);
        registry
            .record([(key("a"), entry(BrandStatus::Failed, 9))])
            .unwrap();
        let old = serde_json::to_string(&(registry.folds, key("a"), entry(BrandStatus::Failed, 9)))
            .unwrap();
        registry
            .record([(key("a"), entry(BrandStatus::Success, 5))])
            .unwrap();
        // A crash between the rewriting and the removal of the journal leaves it behind.
        fs::write(&registry.journal, old).unwrap();
        assert_eq!(
            open(&state).get(&key("a")).unwrap().status,
            BrandStatus::Success
        );
        // What was appended since counts, although the clock went back.
        let new = serde_json::to_string(&(registry.folds, key("a"), entry(BrandStatus::Failed, 1)))
            .unwrap();
        fs::write(&registry.journal, new).unwrap();
        assert_eq!(
            open(&state).get(&key("a")).unwrap().status,
            BrandStatus::Failed
        );
    }

    #[test]
    fn what_can_be_read_of_a_damaged_registry_is_used_and_the_rest_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let mut registry = open(&state);
        for name in ["a", "b", "c"] {
            registry
                .record([(key(name), entry(BrandStatus::Success, 5))])
                .unwrap();
        }
        let whole = fs::read_to_string(&registry.json).unwrap();
        let last = whole.rfind("\"c\"").unwrap();
        let by_hand = whole.replacen("\"success\"", "\"done\"", 1);
        for (damaged, left) in [(&whole[..last + 20], 2), (&by_hand, 2), ("", 0), ("[]", 0)] {
            fs::write(&registry.json, damaged).unwrap();
            let (_, note) = Registry::peek(folder.path()).unwrap();
            assert!(note.unwrap().contains("registry.json is damaged"));
            let (read, note) = Registry::open(&state, Timestamp::now()).unwrap();
            let note = note.unwrap();
            assert_eq!(read.brands.len(), left, "{note}");
            let aside = fs::read_dir(folder.path())
                .unwrap()
                .map(|e| e.unwrap().path());
            let aside = aside.filter(|path| path.to_string_lossy().contains(".broken-"));
            let aside: Vec<_> = aside.collect();
            assert!(
                aside
                    .iter()
                    .any(|path| note.contains(&path.display().to_string()))
            );
            assert!(
                aside
                    .iter()
                    .any(|path| fs::read_to_string(path).unwrap() == damaged)
            );
            // From now on it is whole.
            assert_eq!(open(&state).brands.len(), left);
        }
        fs::write(
            &registry.json,
            whole.replace("\"schema_version\": 1", "\"schema_version\": 2"),
        )
        .unwrap();
        let error = Registry::open(&state, Timestamp::now()).unwrap_err();
        assert!(format!("{error:#}").contains("version 2"), "{error:#}");
    }
}
