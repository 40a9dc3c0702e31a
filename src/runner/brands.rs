//! The brands of a list, as far as they are considered, and what the list says as a whole.

use std::{collections::HashMap, sync::Arc};

use crate::{
    brand::{Brand, RejectedRow, Row, gather},
    research::neighbours::Neighbours,
    text,
};

/// The brands of a list, each once.
#[derive(Debug)]
pub struct Brands {
    /// In the order of their first rows.
    pub considered: Vec<Arc<Brand>>,
    /// Rows with anything in them.
    pub filled: usize,
    /// Rows that name no brand, as far as brands are considered.
    pub rejected: Vec<RejectedRow>,
    /// What the user should know of the list.
    pub notes: Vec<String>,
    /// Parent companies that several brands have, by what spelling does not change.
    shared_parents: HashMap<String, String>,
}

impl Brands {
    /// The brands in these rows; not more than `limit` of them are considered.
    pub fn of(rows: Vec<Row>, limit: Option<usize>) -> Self {
        let gathered = gather(rows);
        let (mut considered, mut rejected) = (gathered.brands, gathered.rejected);
        let named: usize = considered.iter().map(|brand| brand.rows.len()).sum();
        let filled = named + rejected.len();
        if let Some(left_out) = limit.and_then(|limit| considered.get(limit)) {
            let first_left_out = left_out.rows[0];
            rejected.retain(|row| row.number < first_left_out);
        }
        considered.truncate(limit.unwrap_or(usize::MAX));
        Self {
            shared_parents: shared_parents(&considered),
            considered: considered.into_iter().map(Arc::new).collect(),
            filled,
            rejected,
            notes: gathered.notes,
        }
    }

    /// The places of brands in parts of so many. Brands that may have taken each other's keys in the registry are in one
    /// part, the last.
    pub fn parts(&self, size: usize) -> Vec<Vec<usize>> {
        let mut of_name: HashMap<&str, usize> = HashMap::new();
        for brand in &self.considered {
            *of_name.entry(brand.key.name()).or_default() += 1;
        }
        let is_single = |place: &usize| of_name[self.considered[*place].key.name()] == 1;
        let places = 0..self.considered.len();
        let (singles, namesakes): (Vec<usize>, Vec<usize>) = places.partition(is_single);
        let mut parts: Vec<Vec<usize>> = singles.chunks(size).map(<[usize]>::to_vec).collect();
        parts.push(namesakes);
        parts
    }

    /// The parent company of a brand in the first of its spellings, if others have it too.
    pub fn shared_parent(&self, brand: &Brand) -> Option<String> {
        let parent = brand.parent.as_deref()?;
        self.shared_parents.get(&text::key(parent)).cloned()
    }

    /// The names of all brands.
    pub fn neighbours(&self) -> Neighbours {
        let names = self.considered.iter();
        Neighbours::of(names.map(|brand| Neighbours::hash(&brand.key)).collect())
    }
}

/// The first spelling of each parent company that several brands have, whatever the order of the rows.
fn shared_parents(brands: &[Brand]) -> HashMap<String, String> {
    let mut parents: HashMap<String, (usize, &str)> = HashMap::new();
    for parent in brands.iter().filter_map(|brand| brand.parent.as_deref()) {
        let (brands, spelling) = parents.entry(text::key(parent)).or_insert((0, parent));
        *brands += 1;
        *spelling = parent.min(spelling);
    }
    let shared = parents.into_iter().filter(|(_, (brands, _))| *brands > 1);
    shared
        .map(|(key, (_, spelling))| (key, spelling.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(number: usize, name: &str, website: &str, parent: &str) -> Row {
        Row {
            number,
            name: name.into(),
            website: website.into(),
            parent: parent.into(),
            ..Row::default()
        }
    }

    #[test]
    fn brands_share_a_parent_however_it_is_typed() {
        let rows = [
            row(2, "کاله", "", "هلدينگ سوليكو"),
            row(3, "سولیکو", "", "هلدینگ سولیکو"),
            row(4, "پگاه", "", "صندوق بازنشستگی"),
            row(5, "هراز", "", "-"),
        ];
        let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
        for rows in [rows.to_vec(), reversed] {
            let brands = Brands::of(rows, None);
            let considered = brands.considered.iter();
            let mut of: Vec<_> = considered
                .map(|brand| (brand.name.as_str(), brands.shared_parent(brand)))
                .collect();
            of.sort();
            let shared = Some("هلدينگ سوليكو".to_owned()).min(Some("هلدینگ سولیکو".to_owned()));
            assert_eq!(
                of,
                [
                    ("سولیکو", shared.clone()),
                    ("هراز", None),
                    ("پگاه", None),
                    ("کاله", shared)
                ]
            );
        }
    }

    #[test]
    fn a_brand_beyond_the_limit_shares_no_parent() {
        let rows = vec![row(2, "کاله", "", "سولیکو"), row(3, "میهن", "", "سولیکو")];
        let brands = Brands::of(rows, Some(1));
        assert_eq!((brands.considered.len(), brands.filled), (1, 2));
        assert_eq!(brands.shared_parent(&brands.considered[0]), None);
    }

    proptest! {
        #[test]
        fn each_brand_is_in_one_part_and_namesakes_in_the_same(
            rows in proptest::collection::vec(("(|[aب]|[a-f])(|@a|#0a1b2c3d)", "(|a\\.ir|b\\.ir|b\\.ir/x)"), 0..14),
            size in 1usize..5,
        ) {
            let rows = (2..).zip(&rows).map(|(number, (name, website))| row(number, name, website, ""));
            let brands = Brands::of(rows.collect(), None);
            let parts = brands.parts(size);
            let mut places: Vec<usize> = parts.concat();
            places.sort_unstable();
            prop_assert!(places.into_iter().eq(0..brands.considered.len()));
            let mut part_of: HashMap<&str, usize> = HashMap::new();
            for (i, part) in parts.iter().enumerate() {
                for place in part {
                    let name = brands.considered[*place].key.name();
                    prop_assert_eq!(*part_of.entry(name).or_insert(i), i);
                }
            }
        }
    }
}
