//! The list from a CSV or XLSX file.

use std::{
    io::{Cursor, Read, Seek},
    path::Path,
};

use anyhow::{Context, anyhow, bail, ensure};
use calamine::{Data, Reader, Sheets, Xlsx, open_workbook_auto};

use super::{Table, csv};
use crate::services::sheets::column_letters;

/// The endings of files that can be read.
pub const EXTENSIONS: [&str; 7] = ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "ods"];

/// Cells of a workbook's tab at most, blank ones between others included: a Google Sheet has no more either.
const CELLS: usize = 10_000_000;

/// Reads the rows of a file, or opens it where they can be read one by one; in a workbook those of the tab `INPUT`, or of
/// the first.
pub fn read(path: &Path) -> anyhow::Result<Table> {
    let place = path.display().to_string();
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_lowercase();
    match extension.as_str() {
        "xlsx" | "xlsm" | "xls" | "ods" => Table::read(read_workbook(path, &place)?, &place),
        "csv" | "tsv" | "txt" => csv::open(path, &place),
        _ => bail!("{place}: a list is a .csv or an .xlsx file, so save it as one of them"),
    }
}

/// Reads a workbook that is in memory: the tab that was asked for, `INPUT`, or the first. Returns the tab's name too.
pub fn read_bytes(bytes: Vec<u8>, tab: Option<&str>) -> anyhow::Result<(String, Table)> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes))
        .context("the exported spreadsheet cannot be read as a workbook")?;
    let tab = tab_of(&book.sheet_names(), tab, "the spreadsheet")?;
    let place = format!("tab «{tab}»");
    let cells = cells_of_xlsx(&mut book, &tab, &place)?;
    Ok((tab, Table::read(cells, &place)?))
}

fn read_workbook(path: &Path, place: &str) -> anyhow::Result<Vec<Vec<String>>> {
    let bad = "cannot be read";
    std::fs::metadata(path).with_context(|| format!("{place} {bad}: is the path right?"))?;
    // The reader's own words are of ZIP containers, which nobody has asked for.
    let mut book = open_workbook_auto(path).map_err(|_| {
        anyhow!("{place} {bad} as a workbook: open it in Excel, take off its password where it has one, and save it again as .xlsx")
    })?;
    let tab = tab_of(&book.sheet_names(), None, place)?;
    match &mut book {
        Sheets::Xlsx(book) => cells_of_xlsx(book, &tab, place),
        other => cells(other, &tab, place),
    }
}

fn tab_of(tabs: &[String], asked: Option<&str>, place: &str) -> anyhow::Result<String> {
    let titles: Vec<&str> = tabs.iter().map(String::as_str).collect();
    Ok(titles[super::pick_tab(&titles, asked, place)?].to_owned())
}

/// The cells of a tab, one by one: a single stray cell in the last corner makes a tab of 17,000,000,000 cells.
fn cells_of_xlsx<F: Read + Seek>(
    book: &mut Xlsx<F>,
    tab: &str,
    place: &str,
) -> anyhow::Result<Vec<Vec<String>>> {
    let bad = || unreadable(tab, place);
    let mut reader = book.worksheet_cells_reader(tab).with_context(bad)?;
    let (mut cells, mut width): (Vec<Vec<String>>, usize) = (Vec::new(), 0);
    while let Some(cell) = reader.next_cell().with_context(bad)? {
        let value = Data::from(cell.get_value().clone());
        if value == Data::Empty {
            continue;
        }
        let (row, column) = cell.get_position();
        let (row, column) = (row as usize, column as usize);
        width = width.max(column + 1);
        let height = cells.len().max(row + 1);
        ensure!(
            height.saturating_mul(width) <= CELLS,
            "{place}: tab {tab} reaches to row {height} and column {}, which are more than {CELLS} cells: delete the rows and columns beyond the list, which may have a stray cell, and save it again",
            column_letters(width - 1)
        );
        cells.resize_with(height, Vec::new);
        let cells = &mut cells[row];
        cells.resize(cells.len().max(column + 1), String::new());
        cells[column] = shown(&value);
    }
    Ok(cells)
}

fn cells<F: Read + Seek, B: Reader<F, Error: std::error::Error + Send + Sync + 'static>>(
    book: &mut B,
    tab: &str,
    place: &str,
) -> anyhow::Result<Vec<Vec<String>>> {
    let range = book
        .worksheet_range(tab)
        .with_context(|| unreadable(tab, place))?;
    // The range begins at the first cell that is used; row numbers are those of the file.
    let (top, left) = range.start().unwrap_or((0, 0));
    let mut cells = vec![Vec::new(); top as usize];
    cells.extend(range.rows().map(|row| {
        let mut cells = vec![String::new(); left as usize];
        cells.extend(row.iter().map(shown));
        cells
    }));
    Ok(cells)
}

fn unreadable(tab: &str, place: &str) -> String {
    format!("{place}: tab {tab} cannot be read: open the file and save it again as .xlsx")
}

fn shown(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::Row;

    fn rows(table: &Table) -> Vec<Row> {
        let rows = table.rows.read().unwrap();
        rows.map(|row| row.unwrap().into_owned()).collect()
    }

    fn read_text(name: &str, text: &[u8]) -> anyhow::Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_csv_as_excel_writes_it_is_read() {
        let table = read_text(
            "list.csv",
            "\u{FEFF}نام برند;وب‌سایت\r\nکاله;kalleh.com\r\n\r\n\"میهن; نو\";\r\n\"دو\r\nخط\";\r\n\r\n\r\nپگاه;"
                .as_bytes(),
        )
        .unwrap();
        let rows = rows(&table);
        let named: Vec<_> = rows
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
            ("list.csv", &b"Brand\n\xC7\xE3\n"[..], "CSV UTF-8"),
            ("list.csv", b"PK\x03\x04", ".xlsx"),
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
        let error = read(Path::new("nowhere.csv")).unwrap_err().to_string();
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
        let table = read(&path).unwrap();
        let rows = rows(&table);
        assert_eq!((rows[0].number, rows[0].name.as_str()), (4, "کاله"));
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
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("row 1048576 and column XFD"), "{error}");
    }
}
