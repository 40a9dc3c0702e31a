//! Brands that wait to be begun. They wait on disk, and a chunk of them is read ahead, so that a long list takes no more
//! memory than a short one.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Seek, Write},
    path::Path,
};

use anyhow::Context;

use super::plan::Due;
use crate::files::scratch_file;

/// What is said when brands cannot wait on disk.
pub const NO_ROOM: &str = "the list cannot be put down in this folder, nor in that for temporary files: make room, or set TMPDIR (TEMP on Windows) to one with room";
pub const NOT_READ: &str = "the list cannot be read back from where it was put down";

/// The brands that are left, in their order.
#[derive(Debug)]
pub struct Queue {
    chunk: usize,
    /// How many there are.
    len: usize,
    ahead: VecDeque<Due>,
    rest: Option<Rest>,
}

/// Those behind the chunk that is read ahead, one a line. The files have no names, so they are gone with the program.
#[derive(Debug)]
enum Rest {
    Written(BufWriter<File>),
    Read(BufReader<File>),
}

impl Queue {
    /// A queue of which so many brands are in memory.
    pub fn new(chunk: usize) -> Self {
        Self {
            chunk,
            len: 0,
            ahead: VecDeque::new(),
            rest: None,
        }
    }

    /// How many brands there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The brands that are read ahead: at the start, the first chunk.
    pub fn ahead(&self) -> impl Iterator<Item = &Due> {
        self.ahead.iter()
    }

    /// Adds a brand at the end. Brands are taken out only when all have been put in.
    pub fn push(&mut self, due: Due) -> anyhow::Result<()> {
        self.len += 1;
        if self.rest.is_none() && self.ahead.len() < self.chunk {
            self.ahead.push_back(due);
            return Ok(());
        }
        self.put_down(&due).context(NO_ROOM)
    }

    /// Takes out the next brand.
    pub fn next(&mut self) -> anyhow::Result<Option<Due>> {
        if self.ahead.is_empty() {
            self.read_ahead().context(NOT_READ)?;
        }
        let next = self.ahead.pop_front();
        self.len -= usize::from(next.is_some());
        Ok(next)
    }

    fn put_down(&mut self, due: &Due) -> anyhow::Result<()> {
        if self.rest.is_none() {
            let file = scratch_file(Path::new("."))?;
            self.rest = Some(Rest::Written(BufWriter::new(file)));
        }
        if let Some(Rest::Written(file)) = &mut self.rest {
            serde_json::to_writer(&mut *file, due)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    fn read_ahead(&mut self) -> anyhow::Result<()> {
        let mut file = match self.rest.take() {
            None => return Ok(()),
            Some(Rest::Read(file)) => file,
            Some(Rest::Written(file)) => {
                let mut file = file
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error)?;
                file.rewind()?;
                BufReader::new(file)
            }
        };
        let mut line = String::new();
        while self.ahead.len() < self.chunk && file.read_line(&mut line)? > 0 {
            self.ahead.push_back(serde_json::from_str(&line)?);
            line.clear();
        }
        self.rest = Some(Rest::Read(file));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brand::{Row, gather},
        research::Assignment,
    };
    use jiff::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Brands come back as they were put down, however the list and its chunks are cut.
        #[test]
        fn brands_come_back_as_they_were(names in proptest::collection::vec("[ا-یa-z\\\\\"\u{200C}]{1,12}", 0..30), chunk in 1usize..8) {
            let rows = names.iter().enumerate().map(|(i, name)| Row {
                number: i + 2,
                name: name.clone(),
                website: format!("{i}.example.ir/فارسی?a=b"),
                parent: name.chars().rev().collect(),
                ..Row::default()
            });
            let due: Vec<Due> = gather(rows).brands.into_iter().map(|brand| Due {
                key: brand.key.clone(),
                folder: brand.name.clone(),
                attempts: 3,
                report: Some(brand.name.clone()),
                thin: Some(true),
                assignment: Assignment {
                    shared_parent: brand.parent.clone(),
                    since: Timestamp::MAX,
                    brand,
                },
            }).collect();
            let expected = format!("{due:?}");
            let mut queue = Queue::new(chunk);
            for due in due {
                queue.push(due).unwrap();
            }
            prop_assert!(queue.ahead().count() <= chunk);
            let mut back = Vec::new();
            while let Some(due) = queue.next().unwrap() {
                back.push(due);
            }
            prop_assert_eq!(format!("{back:?}"), expected);
        }
    }
}
