//! What is one brand, and what is none.

use std::fs;

use super::{desk, dry_run, dry_run_of, fixture};
use crate::common::Desk;

#[test]
fn what_does_not_show_or_stands_around_a_name_makes_no_other_brand() {
    for (name, due) in [
        ("half-space.csv", &["نی‌بانو (row 2, 3, 4, 5, 6, 7)"][..]),
        (
            "trade-marks.csv",
            &["سپیدان (row 2, 3)", "Zarnab® (row 4, 5, 6, 7, 8, 9)"],
        ),
        (
            "punctuation.csv",
            &["سپیدان (row 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)"],
        ),
        (
            "addresses.csv",
            &["zarnab (row 2, 3, 4, 5)", "Dr.Sepid (row 6)"],
        ),
    ] {
        let (ended, found) = dry_run_of(name);
        assert_eq!(found, due, "{name}: {ended:#?}");
    }
}

#[test]
fn an_address_in_the_place_of_a_name_is_told() {
    let (ended, _) = dry_run_of("addresses.csv");
    assert!(
        ended.out.contains("row 2: an address stands where the brand name should be: researched as «zarnab» with the website https://www.zarnab.com/"),
        "{ended:#?}"
    );
}

#[test]
fn one_name_on_one_platform_is_a_brand_for_each_page() {
    let (ended, due) = dry_run_of("namesakes.csv");
    assert_eq!(due, ["زرناب (row 2)", "زرناب (row 3, 4)"], "{ended:#?}");
}

#[test]
fn cells_that_are_still_loading_are_set_aside_until_the_next_run() {
    let desk = desk();
    let list = fixture("loading.csv");
    let ended = desk.run(&["--brands", list.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let registry = desk.registry();
    assert_eq!(
        registry.keys().collect::<Vec<_>>(),
        ["نیبانو"],
        "{ended:#?}"
    );
    for row in 2..=5 {
        let line = ended
            .err
            .lines()
            .find(|line| line.contains(&format!("Row {row} ")));
        let line = line.unwrap_or_default();
        assert!(
            line.contains("still loading") && line.contains("run again"),
            "{row}: {ended:#?}"
        );
    }
    assert!(
        ended
            .err
            .contains("Row 7 «سپیدان»: its website was still loading"),
        "{ended:#?}"
    );
    let log = fs::read_dir(desk.path("logs")).unwrap();
    let log: String = log
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(log.contains("row 2 «Loading...» is set aside"), "{log}");
}

#[test]
fn words_for_nothing_are_set_aside_and_brands_that_look_alike_are_not() {
    let (ended, due) = dry_run_of("nothing.csv");
    assert_eq!(
        due,
        [
            "True (row 16)",
            "«Total» (row 17)",
            "1881 (row 18)",
            "7UP (row 19)",
            "۴۲۰ (row 20)",
            "Nilgoon (row 21)"
        ],
        "{ended:#?}"
    );
    for row in 2..=15 {
        assert!(
            ended.err.contains(&format!("Row {row} «")),
            "{row}: {ended:#?}"
        );
    }
    assert!(
        ended.err.contains("put it into quotation marks: «TRUE»"),
        "{ended:#?}"
    );
}

#[test]
fn rows_without_a_brand_have_a_word_beside_them_in_the_sheet() {
    let desk = Desk::with_list("Brand,Website\nسپیدان,sepidan.com\nN/A,\nLoading...,\n");
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    for (name, word) in [("N/A", "nothing"), ("Loading...", "still loading")] {
        assert!(
            desk.cell(name, "brandintel status").starts_with('✗'),
            "{name}"
        );
        assert!(desk.cell(name, "brandintel note").contains(word), "{name}");
    }
    assert!(
        desk.cell("سپیدان", "brandintel status")
            .starts_with(['✓', '⚠'])
    );
    assert_eq!(desk.registry().len(), 1);
}

/// The registry of version 0.1 has brands under keys that are made otherwise now.
#[test]
fn what_an_earlier_version_has_paid_for_is_not_due_again() {
    let desk = desk();
    let list = "Brand,Website,Parent\nZarnab™,,\nسپیدان،,sepidan.com,گروه نی\nzarnab.com,,\n";
    fs::write(desk.path("list.csv"), list).unwrap();
    assert_eq!(desk.run(&["--brands", "list.csv"]).code, Some(0));
    let before = desk.registry();
    let hash = |name: &str, website: Option<&str>, parent: Option<&str>| {
        let typed = serde_json::json!([name, website, parent]).to_string();
        blake3::hash(typed.as_bytes()).to_hex()[..16].to_owned()
    };
    let mut former = serde_json::Map::new();
    for (key, now, hash) in [
        ("zarnabtm", "zarnab", hash("zarnabtm", None, None)),
        (
            "سپیدان،",
            "سپیدان",
            hash("سپیدان،", Some("sepidan.com?"), Some("گروهنی")),
        ),
    ] {
        let mut entry = before[now].clone();
        entry["input_hash"] = hash.into();
        former.insert(key.to_owned(), entry);
    }
    if std::env::var_os("BRANDINTEL_TEST_STATE").is_some() {
        // Entries of a database are set one by one, and none is taken out.
        return;
    }
    let path = desk.path("state/registry.json");
    let mut registry = crate::common::read_json(&path);
    registry["brands"] = former.into();
    fs::write(path, registry.to_string()).unwrap();
    fs::write(desk.path("list.csv"), list.replace("zarnab.com,,\n", "")).unwrap();
    let (ended, due) = dry_run(&desk, "list.csv", &[]);
    assert!(due.is_empty(), "{ended:#?}");
    assert!(ended.out.contains("Skipped (unchanged): 2"), "{ended:#?}");
}
