//! The list from a file: known by its content, whatever it is called.

use std::{fs::File, io::Read, path::Path};

use anyhow::{Context, anyhow, bail};

use super::{Table, csv, workbook};

pub use super::workbook::read_bytes;

/// The endings of files that can be read.
pub const EXTENSIONS: [&str; 7] = ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "ods"];

/// Beginnings of workbooks: of a ZIP container, and of the older kind.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xD0\xCF\x11\xE0"];

/// Reads the rows of a file; in a workbook those of the tab that was asked for, of `INPUT`, or of the first that has a
/// header.
pub fn read(path: &Path, tab: Option<&str>) -> anyhow::Result<Table> {
    let place = path.display().to_string();
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_lowercase();
    if !EXTENSIONS.contains(&extension.as_str()) {
        bail!("{place}: a list is a .csv or an .xlsx file, so save it as one of them");
    }
    let begin = beginning(path, &place)?;
    if WORKBOOKS.iter().any(|workbook| begin.starts_with(workbook)) {
        return workbook::read(path, tab, &place);
    }
    let mut table = match csv::read(path, &place) {
        Ok(table) => table,
        // What is called a workbook and is none is often text with tabs, and else a page.
        Err(_) if !matches!(extension.as_str(), "csv" | "tsv" | "txt") => {
            let is_page = begin.trim_ascii_start().starts_with(b"<");
            let what = if is_page { " (it is a web page)" } else { "" };
            return Err(anyhow!(
                "{place} cannot be read as a workbook{what}: open it in Excel, and save it again as .xlsx"
            ));
        }
        Err(error) => return Err(error),
    };
    if let Some(tab) = tab {
        let note = format!("{place} is text and has no tabs: «{tab}» is not looked for");
        table.notes.push(note);
    }
    Ok(table)
}

/// The first bytes of a file; none of what can be read once only.
fn beginning(path: &Path, place: &str) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("{place} cannot be read: is the path right?");
    let mut begin = Vec::new();
    if path.metadata().with_context(cannot)?.is_file() {
        let file = File::open(path).with_context(cannot)?;
        file.take(16).read_to_end(&mut begin).with_context(cannot)?;
    }
    Ok(begin)
}

#[cfg(test)]
mod tests {
    use super::*;
    fn read_text(name: &str, text: &[u8]) -> anyhow::Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path, None)
    }

    #[test]
    fn a_csv_as_excel_writes_it_is_read() {
        let table = read_text(
            "list.csv",
            "\u{FEFF}نام برند;وب‌سایت\r\nکاله;kalleh.com\r\n\r\n\"میهن; نو\";\r\n\"دو\r\nخط\";\r\n\r\n\r\nپگاه;"
                .as_bytes(),
        )
        .unwrap();
        let named: Vec<_> = table
            .rows
            .iter()
            .map(|r| (r.number, r.name.as_str()))
            .filter(|(_, name)| !name.is_empty())
            .collect();
        assert_eq!(
            named,
            [(2, "کاله"), (4, "میهن; نو"), (5, "دو\nخط"), (8, "پگاه")]
        );
    }

    #[test]
    fn files_that_are_no_lists_say_what_to_do() {
        for (name, bytes, words) in [
            ("list.csv", &b"Brand\nM\xF6bel\n"[..], "CSV UTF-8"),
            ("list.csv", b"PK\x03\x04", "workbook"),
            ("list.csv", b"", "is empty"),
            (
                "list.csv",
                b"Brand,Website\na,b\n\"c,d\ne,f\n",
                "row 3 has a quotation mark",
            ),
            ("list.pdf", b"x", ".csv or an .xlsx"),
            ("list.xlsx", b"x", "workbook"),
        ] {
            let error = format!("{:#}", read_text(name, bytes).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        let error = read(Path::new("nowhere.csv"), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("nowhere.csv"), "{error}");
    }

    #[test]
    fn a_workbook_is_read_with_its_row_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.xlsx");
        let mut book = rust_xlsxwriter::Workbook::new();
        book.add_worksheet().write(0, 0, "other").unwrap();
        let tab = book.add_worksheet().set_name("INPUT").unwrap();
        tab.write(2, 1, "Brand").unwrap();
        tab.write(3, 1, "کاله").unwrap();
        book.save(&path).unwrap();
        let table = read(&path, None).unwrap();
        let first = &table.rows[0];
        assert_eq!((first.number, first.name.as_str()), (4, "کاله"));
    }

    #[test]
    fn a_stray_cell_in_the_last_corner_is_named_and_takes_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.xlsx");
        let mut book = rust_xlsxwriter::Workbook::new();
        let tab = book.add_worksheet();
        tab.write(0, 0, "Brand").unwrap();
        tab.write(1, 0, "کاله").unwrap();
        tab.write(1_048_575, 16_383, "x").unwrap();
        book.save(&path).unwrap();
        let error = read(&path, None).unwrap_err().to_string();
        assert!(error.contains("row 1048576 and column XFD"), "{error}");
    }
}
