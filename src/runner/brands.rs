//! The brands of a list, each once, however long the list is: it is read more than once, and what stands in memory is the
//! rows of names that occur more than once, and hashes of the others.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    iter::Enumerate,
};

use tokio::task::yield_now;

use crate::{
    brand::{self, Brand, RejectedRow, Row},
    list::{Reading, Rows},
    research::disambiguation::Neighbours,
    text,
};

/// Rows that are read before others get their turn.
const TURN: usize = 1_000;

/// Stands for the name of a row that has none.
const NO_NAME: u64 = 0;

/// A brand, and its place among all brands of the list.
#[derive(Debug)]
pub struct Placed {
    pub brand: Brand,
    pub place: usize,
}

/// The brands of a list. Those whose names occur once come as they are read; the others can have taken each other's keys,
/// so they come at the end and together.
pub struct Brands<'a> {
    reading: Enumerate<Reading<'a>>,
    /// The hash of the name in each row, and those of several rows.
    hashes: Vec<u64>,
    repeated: Repeated,
    /// The brands with these names, in the order of their first rows, and their places as far as they were read.
    namesakes: Vec<Brand>,
    places: Vec<usize>,
    limit: usize,
    learnt: Learnt,
    /// What is said of namesakes and doubles.
    notes: Vec<String>,
}

/// What a list says as a whole.
#[derive(Debug, Default)]
pub struct Learnt {
    /// Rows with anything in them.
    pub filled: usize,
    /// Brands, as far as they are considered.
    pub total: usize,
    pub rejected: Vec<RejectedRow>,
    pub notes: Vec<String>,
    pub parents: SharedParents,
    /// Hashes of all names.
    pub names: Vec<u64>,
    /// The first row of the first brand that is not considered.
    first_left_out: Option<usize>,
}

impl<'a> Brands<'a> {
    /// Looks which names and parent companies occur more than once, and begins to read. Not more than `limit` brands are
    /// considered.
    pub async fn of(rows: &'a Rows, limit: Option<usize>) -> anyhow::Result<Self> {
        let (mut hashes, mut parents, mut ambiguous) = (Vec::new(), Vec::new(), Vec::new());
        for (i, row) in rows.read()?.enumerate() {
            let row = row?;
            let key = row.key();
            hashes.push(key.as_ref().map_or(NO_NAME, Neighbours::hash));
            // Such a name can be the key that a list has given to a brand of the name without it.
            if let Some((key, name)) = key
                .as_ref()
                .and_then(|key| Some((key, key.without_mark()?)))
            {
                ambiguous.extend([key, &name].map(Neighbours::hash));
            }
            if let Some(parent) = row.parent() {
                parents.push(hash_of_parent(&text::key(&parent)));
            }
            take_turns(i).await;
        }
        let repeated = Repeated::among(hashes.clone(), ambiguous);
        let mut notes = Vec::new();
        let namesakes = gather(rows, &hashes, &repeated, &mut notes).await?;
        Ok(Self {
            reading: rows.read()?.enumerate(),
            hashes,
            repeated,
            namesakes,
            places: Vec::new(),
            limit: limit.unwrap_or(usize::MAX),
            learnt: Learnt {
                parents: SharedParents {
                    candidates: Repeated::among(parents, Vec::new()),
                    shared: HashMap::new(),
                },
                ..Learnt::default()
            },
            notes,
        })
    }

    /// Reads on for so many rows: brands whose names occur once. `None` when all were read.
    pub fn part(&mut self, rows: usize) -> anyhow::Result<Option<Vec<Placed>>> {
        let mut part = Vec::new();
        for _ in 0..rows {
            match self.reading.next() {
                Some((i, row)) => part.extend(self.meet(i, row?.as_ref())),
                None if part.is_empty() => return Ok(None),
                None => break,
            }
        }
        Ok(Some(part))
    }

    /// Takes in a row. Gives its brand, if that can be decided on by itself.
    fn meet(&mut self, i: usize, row: &Row) -> Option<Placed> {
        let learnt = &mut self.learnt;
        let brand = match brand::read(row, &mut learnt.notes)? {
            Ok(brand) => brand,
            Err(rejected) => {
                learnt.filled += 1;
                learnt.rejected.push(rejected);
                return None;
            }
        };
        learnt.filled += 1;
        let hash = *self.hashes.get(i).unwrap_or(&NO_NAME);
        let is_single = !self.repeated.has(hash);
        let namesake = self.namesakes.get(self.places.len());
        let namesake = namesake.filter(|brand| !is_single && brand.rows[0] == row.number);
        if !is_single && namesake.is_none() {
            return None;
        }
        if learnt.total == self.limit {
            learnt.first_left_out.get_or_insert(row.number);
            return None;
        }
        let place = learnt.total;
        learnt.total += 1;
        learnt.names.push(hash);
        if let Some(namesake) = namesake {
            learnt.parents.add(namesake);
            self.places.push(place);
            return None;
        }
        learnt.parents.add(&brand);
        Some(Placed { brand, place })
    }

    /// When all others were read: the brands whose names occur more than once, and what there is to know of the whole.
    pub fn finish(self) -> (Vec<Placed>, Learnt) {
        let Self {
            namesakes,
            places,
            mut learnt,
            notes,
            ..
        } = self;
        learnt.notes.extend(notes);
        if let Some(row) = learnt.first_left_out {
            learnt.rejected.retain(|rejected| rejected.number < row);
        }
        let placed = namesakes.into_iter().zip(places);
        let placed = placed.map(|(brand, place)| Placed { brand, place });
        (placed.collect(), learnt)
    }
}

/// The brands of rows with these names.
async fn gather(
    rows: &Rows,
    hashes: &[u64],
    repeated: &Repeated,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Brand>> {
    if repeated.0.is_empty() {
        return Ok(Vec::new());
    }
    let mut named = Vec::new();
    // What is to be said of single rows is said when all are read.
    let mut of_rows = Vec::new();
    for (i, row) in rows.read()?.enumerate() {
        let row = row?;
        if hashes.get(i).is_some_and(|hash| repeated.has(*hash)) {
            named.extend(brand::read(&row, &mut of_rows).and_then(Result::ok));
            of_rows.clear();
        }
        take_turns(i).await;
    }
    Ok(brand::unite(named, notes))
}

/// A long list must not keep this host from giving signs of life.
async fn take_turns(row: usize) {
    if row.is_multiple_of(TURN) {
        yield_now().await;
    }
}

/// Hashes that occur more than once, in order. What only has the same hash is taken for the same: that costs memory and
/// nothing else.
#[derive(Debug, Default)]
struct Repeated(Vec<u64>);

impl Repeated {
    /// Those among all, and more that count as repeated in any case.
    fn among(mut all: Vec<u64>, mut more: Vec<u64>) -> Self {
        all.sort_unstable();
        let pairs = all.windows(2).map(|pair| (pair[0], pair[1]));
        let same = pairs.filter(|(one, other)| one == other && *one != NO_NAME);
        more.extend(same.map(|(hash, _)| hash));
        more.sort_unstable();
        more.dedup();
        Self(more)
    }

    fn has(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }
}

fn hash_of_parent(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// Parent companies that several brands of the list have.
#[derive(Debug, Default)]
pub struct SharedParents {
    /// Those of several rows.
    candidates: Repeated,
    shared: HashMap<String, Shared>,
}

/// How many brands name a parent company, and the first of its spellings, whatever the order of the rows.
#[derive(Debug)]
struct Shared {
    brands: usize,
    spelling: String,
}

impl SharedParents {
    fn add(&mut self, brand: &Brand) {
        let Some(parent) = &brand.parent else {
            return;
        };
        let key = text::key(parent);
        if !self.candidates.has(hash_of_parent(&key)) {
            return;
        }
        let shared = self.shared.entry(key);
        let shared = shared.or_insert_with(|| Shared {
            brands: 0,
            spelling: parent.clone(),
        });
        shared.brands += 1;
        if *parent < shared.spelling {
            shared.spelling.clone_from(parent);
        }
    }

    /// The parent company of a brand, if others have it too.
    pub fn of(&self, brand: &Brand) -> Option<String> {
        let shared = self.shared.get(&text::key(brand.parent.as_ref()?))?;
        (shared.brands > 1).then(|| shared.spelling.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::gather;
    use proptest::prelude::*;

    /// All brands in the order of the list, and what was learnt.
    fn read(rows: Vec<Row>, limit: Option<usize>, chunk: usize) -> (Vec<Brand>, Learnt) {
        let rows = Rows::Held(rows);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let brands = runtime.unwrap().block_on(Brands::of(&rows, limit));
        let mut brands = brands.unwrap();
        let mut all = Vec::new();
        while let Some(part) = brands.part(chunk).unwrap() {
            all.extend(part);
        }
        let (namesakes, learnt) = brands.finish();
        all.extend(namesakes);
        all.sort_by_key(|placed| placed.place);
        let brands = all.into_iter().map(|placed| placed.brand);
        (brands.collect(), learnt)
    }

    #[test]
    fn brands_share_a_parent_however_it_is_typed() {
        let row = |number, name: &str, parent: &str| Row {
            number,
            name: name.into(),
            parent: parent.into(),
            ..Row::default()
        };
        let rows = [
            row(2, "کاله", "هلدينگ سوليكو"),
            row(3, "سولیکو", "هلدینگ سولیکو"),
            row(4, "پگاه", "صندوق بازنشستگی"),
            row(5, "هراز", "-"),
        ];
        let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
        for rows in [rows.to_vec(), reversed] {
            let (brands, learnt) = read(rows, None, 2);
            let mut of: Vec<_> = brands
                .iter()
                .map(|b| (b.name.as_str(), learnt.parents.of(b)))
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

    proptest! {
        /// However a list is cut into chunks, its brands are those that it has when all rows are in memory.
        #[test]
        fn a_list_that_is_read_on_and_on_has_the_brands_of_one_in_memory(
            rows in proptest::collection::vec(
                ("(|[aب]|[a-f]|=a|-)(|@a|#0a1b2c3d)", "(|a\\.ir|b\\.ir|b\\.ir/x|a b)", "(|p|q|ق)", "(|1|x)"),
                0..14,
            ),
            limit in proptest::option::of(0usize..8),
            chunk in 1usize..5,
        ) {
            let rows: Vec<Row> = rows.into_iter().enumerate().map(|(i, (name, website, parent, priority))| {
                let mut row = Row { number: i + 2, name, website, parent, ..Row::default() };
                row.wishes.priority = priority;
                row
            }).collect();
            let mut expected = gather(&rows);
            let limit_or_all = limit.unwrap_or(usize::MAX).min(expected.brands.len());
            if let Some(left_out) = expected.brands.get(limit_or_all) {
                let first_left_out = left_out.rows[0];
                expected.rejected.retain(|row| row.number < first_left_out);
            }
            expected.brands.truncate(limit_or_all);
            let filled = rows.iter().filter(|row| !row.is_empty()).count();
            let (brands, learnt) = read(rows, limit, chunk);
            prop_assert_eq!(format!("{brands:?}"), format!("{:?}", expected.brands));
            prop_assert_eq!(learnt.total, brands.len());
            prop_assert_eq!(learnt.filled, filled);
            prop_assert_eq!(&learnt.rejected, &expected.rejected);
            prop_assert_eq!(&learnt.notes, &expected.notes);
            for brand in &brands {
                let parent = brand.parent.as_deref().map(text::key);
                let sharing = brands.iter().filter(|other| other.parent.as_deref().map(text::key) == parent);
                let spellings: Vec<_> = sharing.filter_map(|other| other.parent.clone()).collect();
                let shared = (spellings.len() > 1).then(|| spellings.into_iter().min()).flatten();
                prop_assert_eq!(learnt.parents.of(brand), shared);
            }
        }
    }
}
