//! The match of registry entries with the brands of the list.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    brand::{Brand, BrandKey, ListMark},
    store::registry_lookup::EntryFacts,
};

/// A brand of the list, with the keys under which it may be known.
#[derive(Debug)]
pub struct RequestedBrand<'a> {
    pub brand: &'a Arc<Brand>,
    /// Its place among all brands of the list.
    pub place: usize,
    /// Its fingerprint.
    pub hash: String,
    /// Those with the mark of this list first.
    pub keys: Vec<BrandKey>,
}

impl<'a> RequestedBrand<'a> {
    /// `mark`: that of this list, if there are keys with it.
    pub fn of(brand: &'a Arc<Brand>, place: usize, mark: Option<&ListMark>) -> Self {
        let mut keys = brand.possible_keys();
        if let Some(mark) = mark {
            let marked: Vec<BrandKey> = keys.iter().map(|key| key.in_list(mark)).collect();
            keys.splice(..0, marked);
        }
        Self {
            place,
            hash: brand.input_hash(),
            keys,
            brand,
        }
    }

    /// Whether this is the fingerprint of its row.
    pub fn is_of(&self, hash: &str) -> bool {
        self.brand.has_hash(hash, &self.hash)
    }
}

/// Finds the entry of each brand in the registry. An entry for the very same row is taken first, whichever list it stood
/// in: the question was the same. Else the entry of this list under the brand's key is taken: its row has changed.
/// What belongs to another list or another brand is left alone, and the brand gets a new key.
///
/// Brands of the same name have to be asked for together: none of them gets what is another's.
pub fn claim<'a>(
    brands: &[RequestedBrand<'_>],
    known: &'a HashMap<BrandKey, EntryFacts>,
    list: &ListMark,
) -> Vec<(BrandKey, Option<&'a EntryFacts>)> {
    let mut claimed = HashSet::new();
    let same_row: Vec<Option<&BrandKey>> = brands
        .iter()
        .map(|asked| {
            let mut keys = asked.keys.iter();
            keys.find(|key| known.get(key).is_some_and(|e| asked.is_of(&e.input_hash)))
                .inspect(|key| {
                    claimed.insert(*key);
                })
        })
        .collect();
    let changed_row = |brand: &Brand| {
        [brand.key.in_list(list), brand.key.clone()]
            .into_iter()
            .find(|key| !claimed.contains(key) && known.get(key).is_some_and(|e| e.of_list))
    };
    let new_key = |brand: &Brand| match known.get(&brand.key) {
        None => brand.key.clone(),
        Some(_) => brand.key.in_list(list),
    };
    brands
        .iter()
        .zip(&same_row)
        .map(|(asked, same_row)| {
            let key = same_row
                .cloned()
                .or_else(|| changed_row(asked.brand))
                .unwrap_or_else(|| new_key(asked.brand));
            let facts = known.get(&key);
            (key, facts)
        })
        .collect()
}
