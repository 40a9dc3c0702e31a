//! Workbooks: which tab, which kind of file, what its cells show, and how large it is unpacked.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use rust_xlsxwriter::{Chart, ChartType, Format, Workbook, XlsxError};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{desk, dry_run, dry_run_of};

/// Rows of cells.
type Rows<'a> = &'a [&'a [&'a str]];

const LIST: Rows<'_> = &[&["نام برند", "وب‌سایت"], &["سپیدان", "sepidan.com"]];
const OLD: Rows<'_> = &[&["Brand"], &["کهنه"]];
const COVER: Rows<'_> = &[&["راهنمای این فایل"], &["برگهٔ دوم را پر کنید"]];

/// Saves a workbook with these tabs; `!` before a title hides the tab, `!!` very much so.
fn save(path: &Path, tabs: &[(&str, Rows<'_>)]) -> Result<(), XlsxError> {
    let mut book = Workbook::new();
    for (title, rows) in tabs {
        let tab = book.add_worksheet();
        tab.set_name(title.trim_start_matches('!'))?;
        // The tab that is open is never hidden.
        tab.set_active(!title.starts_with('!'));
        if title.starts_with("!!") {
            tab.set_very_hidden(true);
        } else if title.starts_with('!') {
            tab.set_hidden(true);
        }
        for (r, row) in (0..).zip(*rows) {
            for (c, cell) in (0..).zip(*row) {
                tab.write(r, c, *cell)?;
            }
        }
    }
    book.save(path)
}

#[test]
fn the_tab_with_a_header_is_taken_wherever_it_stands() {
    let desk = desk();
    for (tabs, read) in [
        (&[("راهنما", COVER), ("برندها", LIST)][..], "برندها"),
        (&[("Sheet", &[]), ("برندها", LIST)], "برندها"),
        (&[("old", OLD), ("Input", LIST)], "Input"),
        (&[("old", OLD), ("INPUT ", LIST)], "INPUT "),
        (&[("برندها", LIST), ("!INPUT", OLD)], "برندها"),
        (&[("!یک", OLD), ("!!دو", OLD), ("سه", LIST)], "سه"),
    ] {
        save(&desk.path("list.xlsx"), tabs).unwrap();
        let (ended, due) = dry_run(&desk, "list.xlsx", &[]);
        assert_eq!(due, ["سپیدان (row 2)"], "{tabs:?}: {ended:#?}");
        assert!(
            ended
                .out
                .contains(&format!("Reading list.xlsx, tab «{read}»:")),
            "{ended:#?}"
        );
    }
}

#[test]
fn of_several_lists_the_tab_that_is_read_and_the_others_are_named() {
    let desk = desk();
    save(&desk.path("list.xlsx"), &[("1403", OLD), ("1404", LIST)]).unwrap();
    let (ended, due) = dry_run(&desk, "list.xlsx", &[]);
    assert_eq!(due, ["کهنه (row 2)"], "{ended:#?}");
    assert!(
        ended
            .out
            .contains("the list is read from the tab «1403»; these have one too: «1404» (--tab"),
        "{ended:#?}"
    );
    for tab in ["1404", "۱۴۰۴ "] {
        let (ended, due) = dry_run(&desk, "list.xlsx", &["--tab", tab]);
        assert_eq!(due, ["سپیدان (row 2)"], "{ended:#?}");
    }
    let mut command = desk.command(&["--brands", "list.xlsx", "--dry-run"]);
    let output = command.env("BRANDINTEL_TAB", "1404").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("سپیدان (row 2)"));
    let (ended, _) = dry_run(&desk, "list.xlsx", &["--tab", "1405"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.contains("no tab «1405»") && ended.err.contains("1403, 1404"),
        "{ended:#?}"
    );
}

#[test]
fn all_tabs_are_named_when_none_has_a_list() {
    let desk = desk();
    let tabs = [
        ("راهنما", COVER),
        ("داده", &[&["x", "y"][..]][..]),
        ("!INPUT", LIST),
    ];
    save(&desk.path("list.xlsx"), &tabs).unwrap();
    let (ended, _) = dry_run(&desk, "list.xlsx", &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    for word in [
        "«راهنما» has",
        "«داده» has x | y in row 1",
        "«INPUT» (hidden) was passed over",
        "--tab",
    ] {
        assert!(ended.err.contains(word), "{word}: {ended:#?}");
    }
    let (ended, due) = dry_run(&desk, "list.xlsx", &["--tab", "input"]);
    assert_eq!(due, ["سپیدان (row 2)"], "{ended:#?}");
}

#[test]
fn a_chart_that_stands_first_is_passed_over() {
    let desk = desk();
    let mut book = Workbook::new();
    let chart_tab = book.add_chartsheet();
    chart_tab.set_name("نمودار").unwrap();
    let mut chart = Chart::new(ChartType::Column);
    chart.add_series().set_values("data!$B$2:$B$3");
    chart_tab.insert_chart(0, 0, &chart).unwrap();
    let tab = book.add_worksheet();
    tab.set_name("data").unwrap();
    tab.write(0, 0, "Brand").unwrap();
    tab.write(1, 0, "سپیدان").unwrap();
    book.save(desk.path("list.xlsx")).unwrap();
    let (ended, due) = dry_run(&desk, "list.xlsx", &[]);
    assert_eq!(due, ["سپیدان (row 2)"], "{ended:#?}");
    let (ended, _) = dry_run(&desk, "list.xlsx", &["--tab", "نمودار"]);
    assert!(
        ended.err.contains("«نمودار» (a chart) has no cells"),
        "{ended:#?}"
    );
}

#[test]
fn a_table_that_begins_elsewhere_is_read_with_the_rows_of_the_file() {
    let desk = desk();
    let rows: Rows<'_> = &[
        &[],
        &[],
        &["", "", "گزارش"],
        &["", "", "Website", "Brand"],
        &["", "", "sepidan.com", "سپیدان"],
    ];
    save(&desk.path("list.xlsx"), &[("Sheet1", rows)]).unwrap();
    let (ended, due) = dry_run(&desk, "list.xlsx", &[]);
    assert_eq!(due, ["سپیدان (row 5)"], "{ended:#?}");
    assert!(
        ended.out.contains("name in column D, website C"),
        "{ended:#?}"
    );
}

#[test]
fn dates_times_and_percentages_are_set_aside_as_excel_shows_them() {
    let desk = desk();
    let mut book = Workbook::new();
    let tab = book.add_worksheet();
    let format = |format| Format::new().set_num_format(format);
    tab.write(0, 0, "Brand").unwrap();
    for (row, number, shown) in [
        (1, 45_497.0, "yyyy-mm-dd"),
        (2, 0.308_333_333, "hh:mm"),
        (3, 45_497.5, "yyyy/mm/dd hh:mm"),
        (4, 0.5, "0%"),
        (5, 1.25, "[h]:mm"),
        (6, 7.0, "000"),
        (7, 1372.0, "General"),
        (8, 0.5, "General"),
    ] {
        tab.write_number_with_format(row, 0, number, &format(shown))
            .unwrap();
    }
    tab.write(9, 0, true).unwrap();
    tab.write(10, 0, "1881").unwrap();
    book.save(desk.path("list.xlsx")).unwrap();
    let (ended, due) = dry_run(&desk, "list.xlsx", &[]);
    assert_eq!(
        due,
        [
            "007 (row 7)",
            "1372 (row 8)",
            "0.5 (row 9)",
            "1881 (row 11)"
        ],
        "{ended:#?}"
    );
    for told in [
        "Row 2 «2024-07-24»: the cell holds a date: type the name as text",
        "Row 3 «07:24»: the cell holds a time",
        "Row 4 «2024-07-24 12:00»: the cell holds a date",
        "Row 5 «50%»: the cell holds a percentage",
        "Row 6 «30:00»: the cell holds a time",
        "Row 10 «TRUE»: the cell holds true or false",
    ] {
        assert!(ended.err.contains(told), "{told}: {ended:#?}");
    }
}

#[test]
fn a_workbook_of_the_older_kind_is_read_alike() {
    let (ended, due) = dry_run_of("dates.xls");
    assert_eq!(due, ["1372 (row 6)", "سپیدان (row 7)"], "{ended:#?}");
    for told in [
        "Row 4 «2024-07-24»: the cell holds a date",
        "Row 5 «07:24»: the cell holds a time",
        "Row 9 «TRUE»",
    ] {
        assert!(ended.err.contains(told), "{told}: {ended:#?}");
    }
    assert!(ended.out.contains("tab «brands»"), "{ended:#?}");
    assert!(
        ended
            .out
            .contains("merged cells count for their first row alone: B7:B8 («سپیدان»)"),
        "{ended:#?}"
    );
}

#[test]
fn merged_cells_are_told() {
    let desk = desk();
    let mut book = Workbook::new();
    let tab = book.add_worksheet();
    for (column, header) in (0..).zip(["Brand", "Website", "Parent"]) {
        tab.write(0, column, header).unwrap();
    }
    tab.write(1, 0, "سپیدان").unwrap();
    tab.write(2, 0, "نی‌بانو").unwrap();
    tab.merge_range(1, 2, 2, 2, "گروه نی", &Format::new())
        .unwrap();
    tab.merge_range(4, 3, 6, 3, "elsewhere", &Format::new())
        .unwrap();
    book.save(desk.path("list.xlsx")).unwrap();
    let (ended, due) = dry_run(&desk, "list.xlsx", &[]);
    assert_eq!(due, ["سپیدان (row 2)", "نی‌بانو (row 3)"], "{ended:#?}");
    assert!(
        ended
            .out
            .contains("merged cells count for their first row alone: C2:C3 («گروه نی»). Unmerge"),
        "{ended:#?}"
    );
}

#[test]
fn a_workbook_is_known_by_its_content_whatever_it_is_called() {
    let desk = desk();
    save(&desk.path("list.xlsx"), &[("Sheet1", LIST)]).unwrap();
    for name in ["list.xls", "list.csv", "list.txt", "list.ods"] {
        fs::copy(desk.path("list.xlsx"), desk.path(name)).unwrap();
        let (ended, due) = dry_run(&desk, name, &[]);
        assert_eq!(due, ["سپیدان (row 2)"], "{name}: {ended:#?}");
    }
    fs::copy(super::fixture("dates.xls"), desk.path("old.xlsx")).unwrap();
    let (ended, due) = dry_run(&desk, "old.xlsx", &[]);
    assert_eq!(due.len(), 2, "{ended:#?}");
}

/// A workbook of the open format with this content.
fn ods(content: &str) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let manifest = r#"<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"#;
    for (name, text) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", manifest),
        ("content.xml", content),
    ] {
        archive.start_file(name, stored).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_workbook_of_libreoffice_is_read_alike() {
    let desk = desk();
    let cell = |text: &str| {
        format!(
            r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
        )
    };
    let date = r#"<table:table-cell office:value-type="date" office:date-value="2024-07-24"><text:p>24.07.24</text:p></table:table-cell>"#;
    let row = |cell: &str| format!("<table:table-row>{cell}</table:table-row>");
    let table = |title: &str, rows: &[String]| {
        format!(
            r#"<table:table table:name="{title}">{}</table:table>"#,
            rows.concat()
        )
    };
    let tabs = [
        table("cover", &[row(&cell("راهنما"))]),
        table(
            "برندها",
            &[
                row(&cell("Brand")),
                row(&cell("سپیدان")),
                row(date),
                row(&cell("Err:502")),
            ],
        ),
    ];
    let content = format!(
        r#"<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>{}</office:spreadsheet></office:body></office:document-content>"#,
        tabs.concat()
    );
    fs::write(desk.path("list.ods"), ods(&content)).unwrap();
    let (ended, due) = dry_run(&desk, "list.ods", &[]);
    assert_eq!(due, ["سپیدان (row 2)"], "{ended:#?}");
    assert!(
        ended
            .err
            .contains("Row 3 «2024-07-24»: the cell holds a date"),
        "{ended:#?}"
    );
    assert!(ended.err.contains("Row 4 «Err:502»"), "{ended:#?}");
}

/// 130 MB of blanks in a file of 140 KB.
#[test]
fn a_workbook_that_is_far_larger_than_its_file_is_refused() {
    let desk = desk();
    save(&desk.path("list.xlsx"), &[("Sheet1", LIST)]).unwrap();
    let whole = fs::read(desk.path("list.xlsx")).unwrap();
    let mut archive = ZipWriter::new_append(Cursor::new(whole)).unwrap();
    archive
        .start_file("xl/sharedStrings2.xml", SimpleFileOptions::default())
        .unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..130 {
        archive.write_all(&blanks).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20);
    fs::write(desk.path("bomb.xlsx"), bytes).unwrap();
    let (ended, _) = dry_run(&desk, "bomb.xlsx", &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.err.contains("bomb.xlsx is far larger than its file"),
        "{ended:#?}"
    );
}
