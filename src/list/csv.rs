//! Rows of a CSV file, one at a time, as often as they are asked for: a list is as long as its file, not as the memory.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek},
    path::Path,
    time::SystemTime,
};

use anyhow::{Context, bail, ensure};
use csv::{ErrorKind, StringRecord};

use super::{TOP, Table, columns::Columns, encoding::Text, find_header, is_filled, rows::Rows};
use crate::brand::Row;

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 16;

/// Bytes at the beginning, among which are the lines that may have the header.
const HEAD: usize = 1 << 20;

/// A CSV file that stays open: whoever replaces it while it is read leaves this one as it is.
#[derive(Debug)]
pub struct CsvFile {
    file: File,
    stamp: Stamp,
    place: String,
    columns: Columns,
    /// The last row of the header.
    header_row: usize,
}

/// By what a file is known that was written to.
type Stamp = (u64, Option<SystemTime>);

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

/// Opens a list. What is no file, and can be read once only, is read into memory.
pub fn open(path: &Path, place: &str) -> anyhow::Result<Table> {
    let file = File::open(path).with_context(|| cannot_be_read(place))?;
    let metadata = file.metadata().with_context(|| cannot_be_read(place))?;
    let mut records = Records::new(&file, place)?;
    let mut top: Vec<Vec<String>> = Vec::new();
    while top.len() < TOP || !top.iter().any(|row| is_filled(row)) {
        let Some((number, cells)) = records.next()? else {
            break;
        };
        top.resize_with(number - 1, Vec::new);
        top.push(cells);
    }
    let header = find_header(&top, place)?;
    let columns = header.columns;
    if metadata.is_file() {
        let left_alone = columns.left_alone(&top[header.row - 1]);
        let rows = Rows::File(CsvFile {
            file,
            stamp: stamp(&metadata),
            place: place.to_owned(),
            columns,
            header_row: header.last,
        });
        return Ok(Table {
            columns,
            rows,
            left_alone,
            notes: Vec::new(),
            tab: None,
        });
    }
    while let Some((number, cells)) = records.next()? {
        top.resize_with(number - 1, Vec::new);
        top.push(cells);
    }
    Ok(Table::below(&header, top))
}

impl CsvFile {
    /// Reads the rows below the header from the first on; one reading at a time. Rows with nothing in them at all are
    /// left out.
    pub fn read(&self) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Row>> + Send + '_> {
        (&self.file)
            .rewind()
            .with_context(|| cannot_be_read(&self.place))?;
        let mut records = Records::new(&self.file, &self.place)?;
        let mut ended = false;
        Ok(std::iter::from_fn(move || {
            while !ended {
                let row = records.next().transpose();
                ended = !matches!(row, Some(Ok(_)));
                match row {
                    Some(Ok((number, _))) if number <= self.header_row => {}
                    Some(Ok((number, cells))) => return Some(Ok(self.columns.read(number, cells))),
                    Some(Err(error)) => return Some(Err(error)),
                    None => return self.unchanged().err().map(Err),
                }
            }
            None
        }))
    }

    /// What two readings of a list say does not fit together when it was written to between them.
    fn unchanged(&self) -> anyhow::Result<()> {
        let now = self.file.metadata();
        let now = now.with_context(|| cannot_be_read(&self.place))?;
        ensure!(
            stamp(&now) == self.stamp,
            "{} was changed while it was read: run again when it is saved",
            self.place
        );
        Ok(())
    }
}

fn cannot_be_read(place: &str) -> String {
    format!("{place} cannot be read: is the path right?")
}

/// Rows with their numbers, as a spreadsheet counts them.
struct Records<R> {
    reader: csv::Reader<Lines<Text<R>>>,
    record: StringRecord,
    place: String,
    /// The number of the last row, and the line that the next one begins in.
    number: usize,
    next_line: usize,
    /// Whether the last cell of all so far ends with a line end.
    runs_out: bool,
}

impl<R: Read> Records<R> {
    fn new(source: R, place: &str) -> anyhow::Result<Self> {
        let text = Text::new(source).with_context(|| cannot_be_read(place))?;
        let mut lines = Lines::new(text);
        let head = lines.head().with_context(|| cannot_be_read(place))?;
        if head.starts_with(b"PK\x03\x04") {
            bail!("{place} is a workbook, not CSV: give it the ending .xlsx");
        }
        let delimiter = match told_delimiter(head) {
            // Excel does not show this line, and does not count it.
            Some((delimiter, line)) => {
                lines.at += line;
                delimiter
            }
            None => delimiter(head),
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(BLOCK)
            .from_reader(lines);
        Ok(Self {
            reader,
            record: StringRecord::new(),
            place: place.to_owned(),
            number: 0,
            next_line: 1,
            runs_out: false,
        })
    }

    fn next(&mut self) -> anyhow::Result<Option<(usize, Vec<String>)>> {
        let place = &self.place;
        let more = match self.reader.read_record(&mut self.record) {
            Ok(more) => more,
            Err(error) if matches!(error.kind(), ErrorKind::Utf8 { .. }) => bail!(
                "{place} is not UTF-8: in Excel choose “CSV UTF-8” when saving, or save as .xlsx"
            ),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{place} is not CSV: save it as “CSV UTF-8”, or as .xlsx")
                });
            }
        };
        if !more {
            // The line end that was added belongs to a cell only where that goes on to the end of the file.
            ensure!(
                !self.runs_out || self.reader.get_ref().last == b'"',
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

/// Text without marks of the byte order, with one kind of line end, and one at the end, so that lines can be counted.
struct Lines<R> {
    source: R,
    ready: Vec<u8>,
    /// How much of what is ready was read.
    at: usize,
    /// The byte before was a carriage return.
    returned: bool,
    ended: bool,
    /// The last byte so far that is not blank.
    last: u8,
}

impl<R: Read> Lines<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            ready: Vec::new(),
            at: 0,
            returned: false,
            ended: false,
            last: 0,
        }
    }

    /// The beginning, with the lines that may have the header.
    fn head(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.ready.len() < HEAD {
            self.fill()?;
            self.at = self.ready.len() - without_marks(&self.ready).len();
            let text = &self.ready[self.at..];
            let end = text.iter().rposition(|&byte| byte == b'\n');
            if end.is_some_and(|end| first_lines(&text[..end]).nth(TOP - 1).is_some()) {
                break;
            }
        }
        Ok(&self.ready[self.at..])
    }

    /// Makes more ready.
    fn fill(&mut self) -> io::Result<()> {
        let begin = self.ready.len();
        self.ready.resize(begin + BLOCK, 0);
        let read = loop {
            match self.source.read(&mut self.ready[begin..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.ready.truncate(begin + *read.as_ref().unwrap_or(&0));
        if read? == 0 {
            self.ended = true;
            self.ready.push(b'\n');
            return Ok(());
        }
        let block = &self.ready[begin..];
        if let Some(last) = block.trim_ascii_end().last() {
            self.last = *last;
        }
        if self.returned || block.contains(&b'\r') {
            let block = self.ready.split_off(begin);
            for byte in block {
                match (std::mem::replace(&mut self.returned, byte == b'\r'), byte) {
                    (true, b'\n') => {}
                    (_, b'\r') => self.ready.push(b'\n'),
                    _ => self.ready.push(byte),
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.ended {
            self.ready.clear();
            self.at = 0;
            self.fill()?;
        }
        let read = (&self.ready[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Excel writes semicolons where a comma is the decimal mark; tables copied from elsewhere have tabs.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The delimiter that finds the most columns in a header; without a header, the one that the first line has most of.
fn delimiter(head: &[u8]) -> u8 {
    let mut top = Vec::new();
    for line in first_lines(head).take(TOP) {
        top.extend_from_slice(line);
        top.push(b'\n');
    }
    let columns = |mark: u8| {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(mark)
            .from_reader(&*top);
        let cells: Vec<Vec<String>> = reader
            .into_byte_records()
            .map_while(Result::ok)
            .map(|row| {
                row.iter()
                    .map(|cell| String::from_utf8_lossy(cell).into_owned())
                    .collect()
            })
            .collect();
        find_header(&cells, "")
            .ok()
            .map(|header| header.columns.count())
    };
    let first = String::from_utf8_lossy(first_lines(head).next().unwrap_or_default());
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

/// The delimiter that a first line such as `sep=;` names, and the length of that line.
fn told_delimiter(head: &[u8]) -> Option<(u8, usize)> {
    let end = head.iter().position(|&byte| byte == b'\n')?;
    let line = head[..end].trim_ascii();
    let line = line
        .strip_prefix(b"\"")
        .map_or(line, |rest| rest.trim_ascii_end());
    let line = line.strip_suffix(b"\"").unwrap_or(line);
    let (word, mark) = line.split_at_checked(4)?;
    let mark = match mark {
        // Tabs are blank.
        [] => b'\t',
        [mark] => *mark,
        _ => return None,
    };
    word.eq_ignore_ascii_case(b"sep=")
        .then_some((mark, end + 1))
}

/// A text without marks of the byte order before it.
fn without_marks(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix("\u{FEFF}".as_bytes()) {
        text = rest;
    }
    text
}

/// The lines that are not blank.
fn first_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !String::from_utf8_lossy(line).trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{borrow::Cow, io::Write};

    /// Gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = buffer.len().min(self.1);
            self.0.read(&mut buffer[..few])
        }
    }

    fn rows(text: &[u8], at_a_time: usize) -> anyhow::Result<Vec<(usize, Vec<String>)>> {
        let mut records = Records::new(Trickle(text, at_a_time), "the list")?;
        std::iter::from_fn(|| records.next().transpose()).collect()
    }

    /// The same of a text that is in memory as a whole; `None` where a quotation mark is never closed.
    fn rows_of_whole(text: &str) -> Option<Vec<(usize, Vec<String>)>> {
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.push('\n');
        let text = text.trim_start_matches('\u{FEFF}');
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(text.as_bytes()))
            .from_reader(text.as_bytes());
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        let (mut record, mut number, mut next_line) = (StringRecord::new(), 0, 1);
        while reader.read_record(&mut record).unwrap() {
            let row: Vec<String> = record.iter().map(str::to_owned).collect();
            let breaks: usize = row.iter().map(|cell| cell.matches('\n').count()).sum();
            let end = usize::try_from(reader.position().line()).unwrap();
            number += end.saturating_sub(next_line + breaks + 1) + 1;
            rows.push((number, row));
            next_line = end;
        }
        let last = rows.last().and_then(|(_, row)| row.last());
        let runs_out = last.is_some_and(|cell| cell.ends_with('\n'));
        (!runs_out || text.trim_end().ends_with('"')).then_some(rows)
    }

    proptest! {
        /// However few bytes come at a time, the rows and their numbers are those of the whole text.
        #[test]
        fn rows_do_not_depend_on_how_they_come(
            text in "(\u{FEFF}){0,2}[نa,;\t\"\r\n]{0,24}",
            at_a_time in 1usize..5,
        ) {
            let few = rows(text.as_bytes(), at_a_time).ok();
            prop_assert_eq!(&few, &rows(text.as_bytes(), BLOCK).ok());
            prop_assert_eq!(few, rows_of_whole(&text));
        }
    }

    #[test]
    fn a_list_can_be_read_again_but_not_when_it_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        let mut list = File::create(&path).unwrap();
        write!(list, "title\n\nBrand,Website\r\nکاله,kalleh.com\n\nمیهن\n").unwrap();
        let table = open(&path, "the list").unwrap();
        let names = || -> anyhow::Result<Vec<(usize, String)>> {
            let row =
                |row: anyhow::Result<Cow<'_, Row>>| row.map(|row| (row.number, row.name.clone()));
            table.rows.read()?.map(row).collect()
        };
        let expected = [(4, "کاله".to_owned()), (6, "میهن".to_owned())];
        assert_eq!(names().unwrap(), expected);
        assert_eq!(names().unwrap(), expected);
        writeln!(list, "پگاه").unwrap();
        let error = names().unwrap_err().to_string();
        assert!(
            error.contains("the list was changed while it was read"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_can_be_read_once_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || std::fs::write(path, "Brand\nکاله\n\nمیهن\n"))
        };
        let table = open(&path, "the list").unwrap();
        writer.join().unwrap().unwrap();
        for _ in 0..2 {
            assert_eq!(table.rows.filled().unwrap(), 2);
        }
    }
}
