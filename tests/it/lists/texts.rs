//! Text files: title rows, separators, encodings, headers.

use std::fs;

use super::{desk, dry_run, dry_run_of};

#[test]
fn a_title_row_does_not_decide_the_separator() {
    for (name, due) in [
        (
            "title-semicolons.csv",
            &["سپیدان (row 4)", "نی‌بانو (row 5)"][..],
        ),
        ("title-tabs.txt", &["Zarnab (row 3)", "سپیدان (row 4)"]),
        ("pipes.csv", &["Zarnab (row 2)", "سپیدان (row 3)"]),
        ("sep.csv", &["Zarnab (row 2)"]),
    ] {
        let (ended, found) = dry_run_of(name);
        assert_eq!(found, due, "{name}: {ended:#?}");
        assert!(ended.out.contains("website B"), "{name}: {ended:#?}");
    }
}

#[test]
fn texts_are_read_in_the_encoding_that_they_were_saved_in() {
    for (name, due) in [
        (
            "unicode-text.txt",
            &["سپیدان (row 2)", "نی‌بانو (row 3)"][..],
        ),
        ("utf16-be.csv", &["سپیدان (row 2)"]),
        ("utf16-without-mark.csv", &["سپیدان (row 2)"]),
        (
            "windows-1256.csv",
            &["چاي سپيدان (row 2)", "پرنيان (row 3)"],
        ),
    ] {
        let (ended, found) = dry_run_of(name);
        assert_eq!(found, due, "{name}: {ended:#?}");
        assert!(ended.out.contains("website B"), "{name}: {ended:#?}");
    }
    let (ended, _) = dry_run_of("western.csv");
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.err.contains("CSV UTF-8"), "{ended:#?}");
}

#[test]
fn headers_in_two_languages_are_headers_and_repeated_ones_are_set_aside() {
    let (ended, due) = dry_run_of("two-headers.csv");
    assert_eq!(due, ["سپیدان (row 3)", "نی‌بانو (row 5)"], "{ended:#?}");
    assert!(
        ended
            .err
            .contains("Row 4 «Brand»: the row repeats the header"),
        "{ended:#?}"
    );
    assert!(!ended.err.contains("Row 2"), "{ended:#?}");
    let (ended, due) = dry_run_of("group-headings.csv");
    assert_eq!(due, ["سپیدان (row 3)"], "{ended:#?}");
    assert!(
        ended
            .out
            .contains("name in column A, website B, parent company C"),
        "{ended:#?}"
    );
}

#[test]
fn headers_as_people_write_them_are_known() {
    let desk = desk();
    for header in [
        "Company Name",
        "company_name",
        "نام شرکت",
        "Brand / نام برند",
        "نام برند (فارسی)",
        "Brand Name *",
        "نام برند:",
    ] {
        fs::write(desk.path("x.csv"), format!("{header},x\nسپیدان,\n")).unwrap();
        let (ended, due) = dry_run(&desk, "x.csv", &[]);
        assert_eq!(due, ["سپیدان (row 2)"], "{header}: {ended:#?}");
    }
}

#[test]
fn a_text_that_is_called_a_workbook_is_read_as_text() {
    let desk = desk();
    fs::write(
        desk.path("export.xls"),
        "Brand\tWebsite\nسپیدان\tsepidan.com\n",
    )
    .unwrap();
    let (ended, due) = dry_run(&desk, "export.xls", &[]);
    assert_eq!(due, ["سپیدان (row 2)"], "{ended:#?}");
    fs::write(desk.path("page.xls"), "<html><table><tr><td>Brand</table>").unwrap();
    let (ended, _) = dry_run(&desk, "page.xls", &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.err.contains("it is a web page"), "{ended:#?}");
}
