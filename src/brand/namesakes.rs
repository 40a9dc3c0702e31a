//! The separation of namesakes: which rows with one name are one brand, and which are different brands.

use std::collections::{BTreeSet, HashMap, HashSet, hash_map::Entry};

use url::Url;

use super::{Brand, BrandKey, host, platforms};

/// Where the websites of rows of one name are.
type Places = BTreeSet<String>;

/// Where a website is, among those of rows of one name: a page on a shared host, unless a row has that host itself for
/// its own.
fn place_among(places: &Places, website: &Url) -> String {
    let host = host(website);
    match places.contains(&host) {
        true => host,
        false => platforms::place(website),
    }
}

/// How many brands these places are.
fn brands_at(places: &Places) -> usize {
    let is_page_of_another = |place: &&String| {
        let host = place.split_once('/').map(|(host, _)| host);
        host.is_some_and(|host| places.contains(host))
    };
    places.len() - places.iter().filter(is_page_of_another).count()
}

/// Makes brands of rows that name one each.
pub fn unite(mut named: Vec<Brand>, notes: &mut Vec<String>) -> Vec<Brand> {
    let mut places: HashMap<BrandKey, Places> = HashMap::new();
    for row in &named {
        let known = places.entry(row.key.clone()).or_default();
        known.extend(row.website.as_ref().map(platforms::place));
    }
    places.retain(|_, places| brands_at(places) > 1);
    note_namesakes(&named, &places, notes);
    let mut known = HashSet::with_capacity(named.len());
    let mut all_differ = true;
    for row in &mut named {
        if let Some(places) = places.get(&row.key)
            && let Some(website) = &row.website
        {
            row.key = BrandKey::of_namesake(&row.key.0, &place_among(places, website));
        }
        all_differ &= known.insert(row.key.clone());
    }
    if all_differ {
        return named;
    }
    let brands = merge(named);
    notes.extend(note_doubles(&brands));
    brands
}

/// Doubles that are named one by one.
const DOUBLES: usize = 5;

/// Says which rows have the brand of another.
fn note_doubles(brands: &[Brand]) -> Option<String> {
    let several = brands.iter().filter(|brand| brand.rows.len() > 1);
    let mut doubles = several.flat_map(|brand| {
        let first = brand.rows[0];
        let others = brand.rows[1..].iter();
        others.map(move |row| format!("row {row} as row {first} («{}»)", brand.name))
    });
    let named: Vec<String> = doubles.by_ref().take(DOUBLES).collect();
    let more = match doubles.count() {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    (!named.is_empty()).then(|| {
        format!(
            "done once, with the result in both rows: {}{more}",
            named.join(", ")
        )
    })
}

/// Each brand once, at the place of its first row.
fn merge(rows: Vec<Brand>) -> Vec<Brand> {
    let mut brands: Vec<Brand> = Vec::new();
    let mut place: HashMap<BrandKey, usize> = HashMap::new();
    for row in rows {
        match place.entry(row.key.clone()) {
            Entry::Occupied(at) => brands[*at.get()].merge(row),
            Entry::Vacant(free) => {
                free.insert(brands.len());
                brands.push(row);
            }
        }
    }
    brands
}

fn note_namesakes(named: &[Brand], places: &HashMap<BrandKey, Places>, notes: &mut Vec<String>) {
    let mut rows_of: HashMap<&BrandKey, Vec<&Brand>> = HashMap::new();
    let mut firsts = Vec::new();
    for row in named.iter().filter(|row| places.contains_key(&row.key)) {
        let rows = rows_of.entry(&row.key).or_default();
        if rows.is_empty() {
            firsts.push(row);
        }
        rows.push(row);
    }
    for row in firsts {
        let rows = rows_of.remove(&row.key).unwrap_or_default().into_iter();
        let (with, without): (Vec<&Brand>, Vec<&Brand>) =
            rows.partition(|row| row.website.is_some());
        let numbers = |rows: &[&Brand]| {
            let numbers: Vec<String> = rows.iter().map(|row| row.rows[0].to_string()).collect();
            numbers.join(", ")
        };
        let of_their_own = match without.is_empty() {
            true => String::new(),
            false => format!(
                "; row {} has none and is taken for one more: type its website",
                numbers(&without)
            ),
        };
        notes.push(format!(
            "rows {} are all called «{}» but have different websites: each website is a brand of its own{of_their_own}",
            numbers(&with),
            row.name
        ));
    }
}
