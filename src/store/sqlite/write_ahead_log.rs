//! The write-ahead log beside a database: pages that are newer than those in the file.
//!
//! `SQLite` reads it up to the first frame that is damaged and passes over the rest without a word
//! (<https://sqlite.org/fileformat.html>, 4.1): of a run that was killed that may be all of its answers.

use std::{collections::HashMap, fs, path::Path};

use super::pages::number;

const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;

/// How a log begins; the last bit says in which order the bytes are added up.
const MAGIC: usize = 0x377f_0682;

/// The pages in a log.
#[derive(Debug, Default)]
pub struct Log {
    /// The last version of each page, by its number.
    pub pages: HashMap<usize, Vec<u8>>,
    /// There is more behind the first frame that is damaged.
    pub is_damaged: bool,
}

impl Log {
    /// Reads the log of a database; where there is none, or nothing in it, there are no pages.
    pub fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        let bytes = fs::read(path).unwrap_or_default();
        let size = number(&bytes, 8).filter(|size| size.is_power_of_two() && *size >= 512);
        let size = size.unwrap_or(super::pages::USUAL_PAGE);
        let magic = number(&bytes, 0).unwrap_or(0);
        let is_big = magic == MAGIC + 1;
        let Some(head) = bytes.get(..HEAD) else {
            return Self::default();
        };
        let mut sum = Some(added(is_big, (0, 0), &head[..24]));
        // Frames of an earlier log in the same file have other marks.
        let mut mark = &head[16..24];
        if sum != sums(head, 24) || !(MAGIC..=MAGIC + 1).contains(&magic) {
            sum = None;
            mark = bytes.get(HEAD + 8..HEAD + 16).unwrap_or(mark);
        }
        let mut log = Self::default();
        for frame in bytes[HEAD..].chunks_exact(FRAME_HEAD + size) {
            let (head, page) = frame.split_at(FRAME_HEAD);
            if head[8..16] != *mark {
                sum = None;
                continue;
            }
            log.is_damaged |= sum.is_none();
            sum = sum.map(|sum| added(is_big, added(is_big, sum, &head[..8]), page));
            if sum != sums(head, 16) {
                sum = None;
            }
            log.pages
                .insert(number(head, 0).unwrap_or(0), page.to_vec());
        }
        if !log.is_damaged && sum.is_none() {
            // A kill has torn the last frame, which was never committed.
            log.forget_last(&bytes, size);
        }
        log
    }

    fn forget_last(&mut self, bytes: &[u8], size: usize) {
        let last = bytes[HEAD..].chunks_exact(FRAME_HEAD + size).next_back();
        if let Some(number) = last.and_then(|frame| number(frame, 0)) {
            self.pages.remove(&number);
        }
    }
}

/// The two sums that are written at a place.
fn sums(head: &[u8], at: usize) -> Option<(u32, u32)> {
    let sum = |at| number(head, at).and_then(|sum| u32::try_from(sum).ok());
    Some((sum(at)?, sum(at + 4)?))
}

fn added(is_big: bool, sums: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        match is_big {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        }
    };
    bytes.chunks_exact(8).fold(sums, |(one, two), bytes| {
        let one = one.wrapping_add(word(&bytes[..4])).wrapping_add(two);
        let two = two.wrapping_add(word(&bytes[4..])).wrapping_add(one);
        (one, two)
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_whole_log_is_told_from_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.execute_batch("CREATE TABLE t (a)").unwrap();
        for i in 0..20 {
            db.execute("INSERT INTO t VALUES (?1)", [vec![i; 3_000]])
                .unwrap();
        }
        let log = folder.path().join("db-wal");
        let whole = fs::read(&log).unwrap();
        let read = || Log::of(&path);
        assert!(!read().is_damaged && read().pages.len() >= 20);
        for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
            fs::write(&log, &whole[..cut]).unwrap();
            assert!(!read().is_damaged, "a crash may cut it at {cut}");
        }
        for byte in [1, 9, 17, 25, 33, 50, 4_000, whole.len() / 2] {
            let mut flipped = whole.clone();
            flipped[byte] ^= 4;
            fs::write(&log, &flipped).unwrap();
            assert!(read().is_damaged, "byte {byte}");
            assert!(read().pages.len() >= 20, "byte {byte}");
        }
    }
}
