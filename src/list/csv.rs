//! The rows of a CSV file.

use std::{fs, path::Path};

use anyhow::{Context, anyhow, ensure};
use csv::StringRecord;

use super::{TOP, Table, encoding::decode, find_header, is_filled};

/// Reads a list.
///
/// # Errors
/// When the file cannot be read, is no text, or has no header.
pub fn read(path: &Path, place: &str) -> anyhow::Result<Table> {
    let bytes =
        fs::read(path).with_context(|| format!("{place} cannot be read: is the path right?"))?;
    ensure!(
        !bytes.starts_with(b"PK\x03\x04"),
        "{place} is a workbook, not CSV: give it the ending .xlsx"
    );
    let text = decode(bytes).ok_or_else(|| {
        anyhow!("{place} is not UTF-8: in Excel choose “CSV UTF-8” when saving, or save as .xlsx")
    })?;
    table(&with_line_ends(text), place)
}

/// The list in a text whose lines all end alike.
fn table(text: &str, place: &str) -> anyhow::Result<Table> {
    let mut records = Records::of(text, place);
    let mut top: Vec<Vec<String>> = Vec::new();
    while top.len() < TOP || !top.iter().any(|row| is_filled(row)) {
        let Some((number, cells)) = records.next()? else {
            break;
        };
        top.resize_with(number - 1, Vec::new);
        top.push(cells);
    }
    let header = find_header(&top, place)?;
    let mut table = Table::below(&header, top);
    while let Some((number, cells)) = records.next()? {
        table.rows.push(table.columns.read(number, cells));
    }
    Ok(table)
}

/// The text with one kind of line end, and one at the end, so that lines can be counted.
fn with_line_ends(text: String) -> String {
    let mut text = match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text,
    };
    text.push('\n');
    text
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes())
}

/// Rows with their numbers, as a spreadsheet counts them.
struct Records<'a> {
    reader: csv::Reader<&'a [u8]>,
    record: StringRecord,
    place: &'a str,
    /// Whether the text ends with a quotation mark.
    ends_quoted: bool,
    /// The number of the last row, and the line that the next one begins in.
    number: usize,
    next_line: usize,
    /// Whether the last cell of all so far ends with a line end.
    runs_out: bool,
}

impl<'a> Records<'a> {
    fn of(text: &'a str, place: &'a str) -> Self {
        let text = text.trim_start_matches('\u{FEFF}');
        // Excel does not show a line that names the delimiter, and does not count it.
        let (delimiter, text) = told_delimiter(text).unwrap_or_else(|| (delimiter(text), text));
        Self {
            reader: reader(text, delimiter),
            record: StringRecord::new(),
            place,
            ends_quoted: text.trim_ascii_end().ends_with('"'),
            number: 0,
            next_line: 1,
            runs_out: false,
        }
    }

    fn next(&mut self) -> anyhow::Result<Option<(usize, Vec<String>)>> {
        let place = self.place;
        let more = self.reader.read_record(&mut self.record);
        let more = more
            .with_context(|| format!("{place} is not CSV: save it as “CSV UTF-8”, or as .xlsx"))?;
        if !more {
            // The line end that was added belongs to a cell only where that goes on to the end of the file.
            ensure!(
                !self.runs_out || self.ends_quoted,
                "{place}: row {} has a quotation mark that is never closed, so that all rows below would belong to its cell: close it, or write it twice",
                self.number
            );
            return Ok(None);
        }
        let cells: Vec<String> = self.record.iter().map(str::to_owned).collect();
        let breaks: usize = cells.iter().map(|cell| cell.matches('\n').count()).sum();
        let end = usize::try_from(self.reader.position().line()).unwrap_or(usize::MAX);
        // Empty lines are no records, but a spreadsheet counts them as rows.
        let empty = end.saturating_sub(self.next_line + breaks + 1);
        self.number += empty + 1;
        self.next_line = end;
        self.runs_out = cells.last().is_some_and(|cell| cell.ends_with('\n'));
        Ok(Some((self.number, cells)))
    }
}

/// Excel writes semicolons where a comma is the decimal mark; tables copied from elsewhere have tabs.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The delimiter that finds the most columns in a header; without a header, the one that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let mut top = String::new();
    for line in filled_lines(text).take(TOP) {
        top.extend([line, "\n"]);
    }
    let columns = |mark: u8| {
        let records = reader(&top, mark).into_records().map_while(Result::ok);
        let cells: Vec<Vec<String>> = records
            .map(|row| row.iter().map(str::to_owned).collect())
            .collect();
        find_header(&cells, "")
            .ok()
            .map(|header| header.columns.count())
    };
    let first = filled_lines(text).next().unwrap_or_default();
    let likely = |mark: u8| {
        // A pipe stands in titles too.
        let count = if mark == b'|' {
            0
        } else {
            first.matches(char::from(mark)).count()
        };
        (columns(mark), count)
    };
    let best = DELIMITERS.iter().rev().max_by_key(|&&mark| likely(mark));
    *best.unwrap_or(&b',')
}

/// The delimiter that a first line such as `sep=;` names, and the text below that line.
fn told_delimiter(text: &str) -> Option<(u8, &str)> {
    let (line, below) = text.split_once('\n')?;
    let line = line.trim_ascii();
    let line = line
        .strip_prefix('"')
        .map_or(line, |rest| rest.trim_ascii_end());
    let line = line.strip_suffix('"').unwrap_or(line);
    let (word, mark) = line.split_at_checked(4)?;
    let mark = match mark.as_bytes() {
        // Tabs are blank.
        [] => b'\t',
        [mark] => *mark,
        _ => return None,
    };
    word.eq_ignore_ascii_case("sep=").then_some((mark, below))
}

/// The lines that are not blank.
fn filled_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').filter(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whichever delimiter and line ends a program writes, cells come back with the numbers of their rows.
        #[test]
        fn cells_come_back_as_they_were_written(
            mut rows in proptest::collection::vec(proptest::collection::vec("[نa\",;\t\n]{0,4}", 2), 0..6),
            delimiter in proptest::sample::select(&b",;\t"[..]),
            with_returns: bool,
            marks in 0usize..3,
        ) {
            rows.insert(0, vec!["Brand".into(), "Website".into()]);
            let mut writer = csv::WriterBuilder::new()
                .delimiter(delimiter)
                .quote_style(csv::QuoteStyle::Always)
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let mut text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            if with_returns {
                text = text.replace('\n', "\r\n");
            }
            let text = with_line_ends("\u{FEFF}".repeat(marks) + &text);
            let mut records = Records::of(&text, "the list");
            let read: Vec<_> = std::iter::from_fn(|| records.next().unwrap()).collect();
            let expected: Vec<_> = (1..).zip(rows).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_can_be_read_once_only_is_a_list_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || fs::write(path, "Brand\nکاله\n\nمیهن\n"))
        };
        let table = read(&path, "the list").unwrap();
        writer.join().unwrap().unwrap();
        let names = table.rows.iter().filter(|row| !row.is_empty());
        let names: Vec<_> = names.map(|row| (row.number, row.name.as_str())).collect();
        assert_eq!(names, [(2, "کاله"), (4, "میهن")]);
    }
}
