//! Which entry of the registry belongs to which brand of the list.

use std::{collections::HashSet, sync::Arc};

use crate::{
    brand::{Brand, BrandKey},
    state::registry::{Entry, Registry},
};

/// Finds the entry of each brand in the registry. An entry for the very same row is taken first, whichever list it stood
/// in: the question was the same. Else the entry of this list under the brand's key is taken: its row has changed.
/// What belongs to another list or another brand is left alone, and the brand gets a new key.
pub fn claim<'a>(
    brands: &[Brand],
    registry: &'a Registry,
    list: &str,
) -> Vec<(BrandKey, Option<&'a Arc<Entry>>)> {
    let mut claimed = HashSet::new();
    let same_row: Vec<Option<BrandKey>> = brands
        .iter()
        .map(|brand| {
            let hash = brand.input_hash();
            let keys = brand.possible_keys();
            let of_list = keys.iter().map(|key| key.in_list(list));
            let mut keys = of_list.chain(keys.iter().cloned());
            keys.find(|key| registry.get(key).is_some_and(|e| e.input_hash == hash))
                .inspect(|key| {
                    claimed.insert(key.clone());
                })
        })
        .collect();
    let changed_row = |brand: &Brand| {
        [brand.key.in_list(list), brand.key.clone()]
            .into_iter()
            .find(|key| {
                !claimed.contains(key) && registry.get(key).is_some_and(|e| *e.list == *list)
            })
    };
    let new_key = |brand: &Brand| match registry.get(&brand.key) {
        None => brand.key.clone(),
        Some(_) => brand.key.in_list(list),
    };
    brands
        .iter()
        .zip(same_row)
        .map(|(brand, same_row)| {
            let key = same_row
                .or_else(|| changed_row(brand))
                .unwrap_or_else(|| new_key(brand));
            let entry = registry.get(&key);
            (key, entry)
        })
        .collect()
}
