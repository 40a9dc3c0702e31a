//! The rows of the results tab as a look has found them, and which of them is whose.
//!
//! A result that leaves the findings as they are must not come into another brand's row: beside the key of a row, the
//! name in it says whose findings it has.

use std::collections::HashMap;

use crate::text;

/// The rows that have a key.
#[derive(Debug)]
pub struct ResultRows {
    keyed: Vec<ResultRow>,
    by_key: HashMap<String, Vec<usize>>,
    /// The name that stood beside each key before this run wrote anything.
    names: Option<HashMap<String, String>>,
    /// The first row below all of them.
    pub free: usize,
}

#[derive(Debug)]
struct ResultRow {
    /// Counted from 1.
    number: usize,
    key: String,
    name: String,
}

impl Default for ResultRows {
    fn default() -> Self {
        Self {
            keyed: Vec::new(),
            by_key: HashMap::new(),
            names: None,
            free: 2,
        }
    }
}

impl ResultRows {
    /// Takes note of the columns with names and keys, header included.
    pub fn meet(&mut self, names: &[Vec<String>], keys: &[Vec<String>]) {
        let cell = |row: Option<&Vec<String>>| row.and_then(|row| row.first().cloned());
        let row = |i: usize| {
            let key = cell(keys.get(i)).filter(|key| !key.is_empty())?;
            let name = cell(names.get(i)).unwrap_or_default();
            let number = i + 1;
            Some(ResultRow { number, key, name })
        };
        self.keyed = (1..keys.len()).filter_map(row).collect();
        self.free = names.len().max(keys.len()).max(1) + 1;
        self.by_key.clear();
        for (i, row) in self.keyed.iter().enumerate() {
            self.by_key.entry(row.key.clone()).or_default().push(i);
        }
        if self.names.is_none() {
            let single = |row: &&ResultRow| self.by_key[&row.key].len() == 1;
            let names = self.keyed.iter().filter(single);
            let names = names.map(|row| (row.key.clone(), row.name.clone()));
            self.names = Some(names.collect());
        }
    }

    /// The numbers of the rows with this key.
    pub fn of(&self, key: &str) -> impl Iterator<Item = usize> {
        self.with_key(key).map(|row| row.number)
    }

    /// Whether there is one row with this key, and the brand's own findings are in it.
    pub fn is_at_home(&self, key: &str) -> bool {
        let mut rows = self.with_key(key);
        match (rows.next(), rows.next()) {
            (Some(row), None) => self.fits(row, key),
            _ => false,
        }
    }

    /// The row with the findings of this brand, whatever key came into it; `None` where it cannot be told.
    pub fn with_findings_of(&self, key: &str) -> Option<usize> {
        let mut rows = self
            .keyed
            .iter()
            .filter(|row| self.fits(row, key) && (row.key == key || !self.fits(row, &row.key)));
        match (rows.next(), rows.next()) {
            (Some(row), None) => Some(row.number),
            _ => None,
        }
    }

    fn with_key(&self, key: &str) -> impl Iterator<Item = &ResultRow> {
        let places = self.by_key.get(key).map(Vec::as_slice).unwrap_or_default();
        places.iter().map(|&i| &self.keyed[i])
    }

    /// Whether the name in a row is that of this brand.
    fn fits(&self, row: &ResultRow, key: &str) -> bool {
        let before = self.names.as_ref().and_then(|names| names.get(key));
        if row.name == key || before == Some(&row.name) {
            return true;
        }
        let name = text::key(&row.name);
        // Namesakes have more in their keys than the name.
        !name.is_empty()
            && key
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '#']))
    }
}
