//! The target of the list's parser: whatever cells a sheet has, each row is one brand's or is rejected.

#![no_main]

use std::collections::{BTreeSet, HashSet};

use brandintel::fuzzing::{
    brand::{self, Brand, BrandKey, Row},
    list::{self, Table, own},
    text,
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| sheet_values(data));

/// Cells of a sheet: a line is a row, a tab separates cells, and `␤` stands for a line break inside of a cell.
fn sheet_values(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let cells: Vec<Vec<String>> = text
        .split('\n')
        .map(|row| {
            row.split('\t')
                .map(|cell| cell.replace('␤', "\n"))
                .collect()
        })
        .collect();
    let Ok(found) = list::find_header(&cells, "the sheet") else {
        return;
    };
    let header = &cells[found.row - 1];
    let own = own::columns(header);
    assert!(own.iter().flatten().all(|&column| column < header.len()));
    assert!(found.columns.name < header.len());
    let last = cells.len();
    let rows = Table::below(&found, cells).rows;
    let numbers = rows.iter().map(|row| row.number);
    assert!(numbers.eq(found.last + 1..=last));

    let gathered = brand::gather(&rows);
    let mut seen: Vec<usize> = gathered
        .brands
        .iter()
        .flat_map(|brand| brand.rows.iter().copied())
        .chain(gathered.rejected.iter().map(|row| row.number))
        .collect();
    seen.sort_unstable();
    let filled = rows.iter().filter(|row| !row.is_empty());
    assert!(
        filled.map(|row| row.number).eq(seen),
        "each row is one brand's, or is rejected"
    );
    let keys: HashSet<&BrandKey> = gathered.brands.iter().map(|brand| &brand.key).collect();
    assert_eq!(keys.len(), gathered.brands.len(), "brands share a key");
    for brand in &gathered.brands {
        assert!(brand.possible_keys().contains(&brand.key), "{brand:?}");
        assert!(!text::key(&brand.name).is_empty());
        assert!(
            brand.host().is_none_or(|host| host.contains('.')),
            "pages of a whole top-level domain are no brand's own: {brand:?}"
        );
        typed_as_it_is_shown(brand);
    }
    // Somebody sorts the sheet.
    let sorted: Vec<Row> = rows.iter().rev().cloned().collect();
    assert_eq!(
        identities(&gathered.brands),
        identities(&brand::gather(&sorted).brands)
    );
}

/// Keys, fingerprints and rows.
fn identities(brands: &[Brand]) -> BTreeSet<(BrandKey, String, BTreeSet<usize>)> {
    brands
        .iter()
        .map(|brand| {
            let rows = brand.rows.iter().copied().collect();
            (brand.key.clone(), brand.input_hash(), rows)
        })
        .collect()
}

/// Whoever copies what the program shows of a brand into the list has not changed the brand.
fn typed_as_it_is_shown(brand: &Brand) {
    let website = brand
        .website
        .as_ref()
        .map_or("", |website| website.as_str());
    // In its ASCII form an address can be longer than a cell may be.
    if website.len() > 500 {
        return;
    }
    let row = Row {
        number: 2,
        name: brand.name.clone(),
        website: website.to_owned(),
        parent: brand.parent.clone().unwrap_or_default(),
        ..Row::default()
    };
    let again = brand::gather(&[row]);
    assert_eq!(again.brands.len(), 1, "{brand:?}: {:?}", again.rejected);
    assert_eq!(
        again.brands[0].input_hash(),
        brand.input_hash(),
        "{brand:?}"
    );
}
