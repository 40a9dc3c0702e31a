//! The rows in the pages of a database file, read without its tree: where a page of the tree is gone, `SQLite` finds no
//! way to the rows below it, although they are there.
//!
//! The format is that of <https://sqlite.org/fileformat.html>: a page of a table's rows (1.6) has the places of its cells
//! behind its head; a cell has the length of its record, the row's number and the record (2.1), of which what does not fit
//! into the page goes on in a chain of others.

use std::{
    cell::RefCell,
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use rusqlite::types::Value;

use super::write_ahead_log::Log;

/// The size of pages where the head of the file does not tell.
pub const USUAL_PAGE: usize = 4_096;

/// Bytes of the head of the file, which stands in the first page.
const FILE_HEAD: usize = 100;

/// More pages than a log can reach to: a number beyond is damaged.
const MOST: usize = 1 << 24;

const INTERIOR_INDEX: u8 = 2;
const INTERIOR_TABLE: u8 = 5;
const LEAF_INDEX: u8 = 10;

/// The pages of a database file.
pub struct Pages {
    file: RefCell<File>,
    log: Log,
    /// How many there are, and bytes of each.
    count: usize,
    size: usize,
    /// Pages that are in no table any more: what stands in them is old.
    free: HashSet<usize>,
}

impl Pages {
    /// The pages of this file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        file.by_ref()
            .take(FILE_HEAD as u64)
            .read_to_end(&mut head)?;
        let size = match head.get(16..18) {
            Some([0, 1]) => 65_536,
            Some(size) => usize::from(u16::from_be_bytes([size[0], size[1]])),
            None => 0,
        };
        let is_size = size.is_power_of_two() && size >= 512;
        let size = if is_size { size } else { USUAL_PAGE };
        let log = Log::of(path);
        let in_log = log.pages.keys().max().copied().unwrap_or(0);
        let in_file = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut pages = Self {
            file: RefCell::new(file),
            count: in_file.div_ceil(size).max(in_log.min(MOST)),
            log,
            size,
            free: HashSet::new(),
        };
        let head = pages.page(1).unwrap_or(head);
        pages.free = pages.free_pages(number(&head, 32).unwrap_or(0));
        Ok(pages)
    }

    /// Hands over the rows of all pages that can be read: the number of each, and its values.
    pub fn rows(&self, take: &mut dyn FnMut(i64, Vec<Value>)) {
        for number in (1..=self.count).filter(|number| !self.free.contains(number)) {
            self.rows_of(number, take);
        }
    }

    /// The page of this number, counted from 1, as much of it as there is.
    fn page(&self, number: usize) -> Option<Vec<u8>> {
        if let Some(page) = self.log.pages.get(&number) {
            return Some(page.clone());
        }
        let start = number.checked_sub(1)?.checked_mul(self.size)?;
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(start as u64)).ok()?;
        let mut page = Vec::with_capacity(self.size);
        // A part of the disk that cannot be read is one page less.
        file.by_ref()
            .take(self.size as u64)
            .read_to_end(&mut page)
            .ok()?;
        (!page.is_empty()).then_some(page)
    }

    fn free_pages(&self, mut trunk: usize) -> HashSet<usize> {
        let mut free = HashSet::new();
        // A page that was here before closes a circle.
        while trunk != 0 && free.insert(trunk) {
            let Some(page) = self.page(trunk) else { break };
            let leaves = number(&page, 4).unwrap_or(0).min(self.size / 4);
            free.extend((0..leaves).filter_map(|leaf| number(&page, 8 + leaf * 4)));
            trunk = number(&page, 0).unwrap_or(0);
        }
        free
    }

    fn rows_of(&self, number: usize, take: &mut dyn FnMut(i64, Vec<Value>)) {
        let Some(page) = self.page(number) else {
            return;
        };
        let head = if number == 1 { FILE_HEAD } else { 0 };
        let Some(head) = page.get(head..head + 8) else {
            return;
        };
        if matches!(head[0], INTERIOR_INDEX | INTERIOR_TABLE | LEAF_INDEX) {
            return;
        }
        let places = if number == 1 { FILE_HEAD + 8 } else { 8 };
        let cells = usize::from(u16::from_be_bytes([head[3], head[4]]));
        for cell in 0..cells.min(self.size / 4) {
            let Some(place) = page.get(places + cell * 2..places + cell * 2 + 2) else {
                return;
            };
            let place = usize::from(u16::from_be_bytes([place[0], place[1]]));
            if let Some((row, values)) = self.row(&page, place) {
                take(row, values);
            }
        }
    }

    fn row(&self, page: &[u8], place: usize) -> Option<(i64, Vec<Value>)> {
        let mut rest = page.get(place..)?;
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        let row = varint(&mut rest)?;
        if length > self.count.saturating_mul(self.size) {
            return None;
        }
        let here = self.in_cell(length);
        let mut record = rest.get(..here)?.to_vec();
        let mut next = match here < length {
            true => number(rest, here)?,
            false => 0,
        };
        while record.len() < length {
            let page = self.page(next)?;
            let part = page.get(4..).filter(|part| !part.is_empty())?;
            record.extend(&part[..part.len().min(length - record.len())]);
            next = number(&page, 0)?;
        }
        Some((row, values(&record)?))
    }

    /// Bytes of a record of this length that stand in the cell itself (1.6).
    fn in_cell(&self, length: usize) -> usize {
        let most = self.size - 35;
        if length <= most {
            return length;
        }
        let least = (self.size - 12) * 32 / 255 - 23;
        let even = least + (length - least) % (self.size - 4);
        if even <= most { even } else { least }
    }
}

/// A number of four bytes.
pub fn number(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..place.checked_add(4)?)?;
    usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
}

/// Takes a number of one to nine bytes.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value: u64 = 0;
    for i in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if i == 8 {
            value = value << 8 | u64::from(byte);
        } else {
            value = value << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    Some(value.cast_signed())
}

/// The values of a record.
fn values(record: &[u8]) -> Option<Vec<Value>> {
    let mut start = record;
    let head = usize::try_from(varint(&mut start)?).ok()?;
    let mut kinds = record.get(record.len() - start.len()..head)?;
    let mut body = record.get(head..)?;
    let mut values = Vec::new();
    while !kinds.is_empty() {
        let kind = varint(&mut kinds)?;
        values.push(value(kind, &mut body)?);
    }
    // A record has no more than its values.
    body.is_empty().then_some(values)
}

fn value(kind: i64, body: &mut &[u8]) -> Option<Value> {
    let mut next = |length: usize| {
        let (here, rest) = body.split_at_checked(length)?;
        *body = rest;
        Some(here)
    };
    Some(match kind {
        0 => Value::Null,
        1..=4 => Value::Integer(integer(next(usize::try_from(kind).ok()?)?)),
        5 => Value::Integer(integer(next(6)?)),
        6 => Value::Integer(integer(next(8)?)),
        7 => Value::Real(f64::from_be_bytes(next(8)?.try_into().ok()?)),
        8 | 9 => Value::Integer(kind - 8),
        12.. => {
            let bytes = next(usize::try_from((kind - 12) / 2).ok()?)?.to_vec();
            match kind % 2 {
                0 => Value::Blob(bytes),
                _ => Value::Text(String::from_utf8(bytes).ok()?),
            }
        }
        _ => return None,
    })
}

/// A number of up to eight bytes, of which the first bit is the sign.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    let add = |value: i64, byte: &u8| value << 8 | i64::from(*byte);
    bytes.iter().fold(start, add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::{Connection, params_from_iter};

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            (-300_i64..300).prop_map(Value::Integer),
            (-1e9..1e9_f64).prop_map(|x| Value::Real(x + 0.5)),
            "[a-zب-ی]{0,20}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..9_000).prop_map(Value::Blob),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// What `SQLite` writes is found in the pages, with and without its tree.
        #[test]
        fn rows_are_what_was_written(
            rows in proptest::collection::vec((any_value(), any_value(), any_value()), 0..60),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let db = Connection::open(&path).unwrap();
            db.execute_batch("CREATE TABLE t (a, b, c)").unwrap();
            let mut written = Vec::new();
            for (i, (a, b, c)) in rows.into_iter().enumerate() {
                let values = vec![a, b, c];
                db.execute("INSERT INTO t VALUES (?, ?, ?)", params_from_iter(&values)).unwrap();
                written.push((i64::try_from(i).unwrap() + 1, values));
            }
            drop(db);
            let found = || {
                let mut found = Vec::new();
                Pages::open(&path).unwrap().rows(&mut |row, values| {
                    // The list of tables has five columns.
                    if values.len() == 3 {
                        found.push((row, values));
                    }
                });
                found.sort_by_key(|(row, _)| *row);
                found
            };
            prop_assert_eq!(&found(), &written);
            let mut headless = std::fs::read(&path).unwrap();
            headless[..USUAL_PAGE].fill(0);
            std::fs::write(&path, headless).unwrap();
            prop_assert_eq!(&found(), &written);
        }

        /// Whatever stands in a file, reading it ends and nothing breaks.
        #[test]
        fn noise_breaks_nothing(mut noise in proptest::collection::vec(any::<u8>(), 0..20_000), leaf in any::<bool>()) {
            if leaf && noise.len() > 5_000 {
                noise[4_096] = 13;
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("noise");
            std::fs::write(&path, noise).unwrap();
            Pages::open(&path).unwrap().rows(&mut |_, _| {});
        }
    }
}
