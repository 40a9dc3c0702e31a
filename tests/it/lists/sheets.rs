//! Google Sheets: which of the tabs has the list.

use serde_json::json;

use crate::common::{Desk, Ended, ended};

const OLD: &[&[&str]] = &[&["Brand"], &["کهنه"]];
const COVER: &[&[&str]] = &[&["راهنمای این فایل"]];

/// A spreadsheet whose tab has this title and a list of one brand; other tabs can be put beside it.
fn desk(title: &str) -> Desk {
    let desk = Desk::with_list("نام برند,وب‌سایت\nسپیدان,sepidan.com\n");
    desk.sandbox.rename_tab(title);
    desk
}

fn dry_run(desk: &Desk, set: &[(&str, &str)], more: &[&str]) -> Ended {
    let args = [&["--google-sheets", "--dry-run"], more].concat();
    let mut command = desk.command(&args);
    for (name, value) in set {
        command.env(name, value);
    }
    ended(command.output().unwrap())
}

fn assert_read(ended: &Ended, brand: &str) {
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let due = format!("  {brand} (row 2) → ");
    assert!(ended.out.contains(&due), "{brand}: {ended:#?}");
}

#[test]
fn charts_and_hidden_tabs_are_passed_over() {
    let desk = desk("برندها");
    desk.sandbox
        .add_tab(0, "نمودار", &[], json!({"sheetType": "OBJECT"}));
    desk.sandbox
        .add_tab(1, "پنهان", OLD, json!({"hidden": true}));
    let ended = dry_run(&desk, &[], &[]);
    assert_read(&ended, "سپیدان");
    assert!(
        ended.out.contains("tab «برندها», can be read"),
        "{ended:#?}"
    );
    let ended = dry_run(&desk, &[], &["--tab", "پنهان"]);
    assert_read(&ended, "کهنه");
    let ended = dry_run(&desk, &[], &["--tab", "نمودار"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.err.contains("«نمودار» (a chart) has no cells"),
        "{ended:#?}"
    );
}

#[test]
fn a_tab_with_a_blank_at_its_end_or_arabic_letters_is_found() {
    for (title, asked) in [
        ("برندها ", "برندها "),
        ("برندها ", "برندها"),
        ("برندهای كالا يك", "برندهای کالا یک"),
        ("برندهای کالا یک", "برندهاي كالا يك"),
        ("Brands 1404", "brands ۱۴۰۴"),
    ] {
        let desk = desk(title);
        desk.sandbox.add_tab(0, "قدیمی", OLD, json!({}));
        assert_read(
            &dry_run(&desk, &[("GOOGLE_SHEET_TAB", asked)], &[]),
            "سپیدان",
        );
        assert_read(&dry_run(&desk, &[("BRANDINTEL_TAB", asked)], &[]), "سپیدان");
        let ended = dry_run(&desk, &[("GOOGLE_SHEET_TAB", "قدیمی")], &["--tab", asked]);
        assert_read(&ended, "سپیدان");
    }
}

#[test]
fn the_tab_of_the_address_is_read() {
    let desk = desk("برندها");
    desk.sandbox.add_tab(0, "قدیمی", OLD, json!({}));
    let address = |gid: u32| {
        let id = desk.sandbox.sheet_id();
        format!("https://docs.google.com/spreadsheets/d/{id}/edit?usp=sharing#gid={gid}")
    };
    let ended = dry_run(&desk, &[("GOOGLE_SHEET_ID", &address(0))], &[]);
    assert_read(&ended, "سپیدان");
    assert!(
        ended
            .out
            .contains("the tab «برندها»; these have one too: «قدیمی»"),
        "{ended:#?}"
    );
    assert_read(
        &dry_run(&desk, &[("GOOGLE_SHEET_ID", &address(1))], &[]),
        "کهنه",
    );
    // Without a tab in the address the first one is read.
    assert_read(&dry_run(&desk, &[], &[]), "کهنه");
    desk.sandbox
        .add_tab(0, "Input ", &[&["Brand"], &["ورودی"]], json!({}));
    let ended = dry_run(&desk, &[("GOOGLE_SHEET_ID", &address(0))], &[]);
    assert_read(&ended, "ورودی");
    assert!(
        ended
            .out
            .contains("and not from «برندها», which the address"),
        "{ended:#?}"
    );
}

#[test]
fn a_cover_that_stands_first_is_passed_over_and_results_go_to_the_list() {
    let desk = desk("برندها");
    desk.sandbox.add_tab(0, "راهنما", COVER, json!({}));
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let rows = desk.sandbox.rows_of("برندها");
    let status = rows[0]
        .iter()
        .position(|cell| cell == "brandintel status")
        .unwrap();
    assert!(rows[1][status].starts_with(['✓', '⚠']), "{rows:?}");
    assert_eq!(desk.sandbox.rows_of("راهنما").len(), 1);
}

#[test]
fn all_tabs_are_named_when_none_has_a_list() {
    let desk = desk("برندها");
    desk.sandbox.edit_rows(|rows| rows[0][0] = "x".into());
    desk.sandbox.add_tab(1, "راهنما", COVER, json!({}));
    desk.sandbox
        .add_tab(2, "پنهان", OLD, json!({"hidden": true}));
    let ended = dry_run(&desk, &[], &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    for word in [
        "«برندها» has x",
        "«راهنما» has",
        "«پنهان» (hidden) was passed over",
        "--tab",
    ] {
        assert!(ended.err.contains(word), "{word}: {ended:#?}");
    }
}

#[test]
fn merged_cells_are_told() {
    let desk = Desk::with_list("Brand,Website,Parent\nسپیدان,,گروه نی\nنی‌بانو,,\n");
    let merged =
        json!([{"startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 2, "endColumnIndex": 3}]);
    desk.sandbox.add_tab(
        1,
        "ادغام",
        &[
            &["Brand", "", "Parent"],
            &["سپیدان", "", "گروه نی"],
            &["نی‌بانو"],
        ],
        json!({"merges": merged}),
    );
    let ended = dry_run(&desk, &[], &["--tab", "ادغام"]);
    assert!(
        ended
            .out
            .contains("merged cells count for their first row alone: C2:C3 («گروه نی»)"),
        "{ended:#?}"
    );
}

#[test]
fn the_results_tab_is_not_taken_for_a_list() {
    let desk = desk("برندها");
    let args = [
        "--google-sheets",
        "--results-tab",
        "نتایج",
        "--tab",
        "برندها",
    ];
    assert_eq!(desk.run(&args).code, Some(0));
    let ended = dry_run(&desk, &[], &["--results-tab", "نتایج"]);
    assert!(!ended.out.contains("these have one too"), "{ended:#?}");
    assert!(
        ended.out.contains("tab «برندها», can be read"),
        "{ended:#?}"
    );
}
