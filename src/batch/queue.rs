//! Brands that wait to be begun. They wait on disk, and a chunk of them is read ahead, so that a long list takes no more
//! memory than a short one.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Seek, Write},
};

use anyhow::Context;

use super::plan::Due;

/// The brands that are left, in their order.
#[derive(Debug)]
pub struct Queue {
    ahead: VecDeque<Due>,
    chunk: usize,
    /// One brand a line. The file has no name, so it is gone with the program.
    rest: BufReader<File>,
}

impl Queue {
    /// Puts brands down, to be read back by the chunk.
    pub fn new(due: Vec<Due>, chunk: usize) -> anyhow::Result<Self> {
        let put_down = || -> anyhow::Result<File> {
            let mut file = BufWriter::new(tempfile::tempfile()?);
            for due in due {
                serde_json::to_writer(&mut file, &due)?;
                file.write_all(b"\n")?;
            }
            let mut file = file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.rewind()?;
            Ok(file)
        };
        let file =
            put_down().context("the list cannot be put down in the folder for temporary files")?;
        Ok(Self {
            ahead: VecDeque::new(),
            chunk,
            rest: BufReader::new(file),
        })
    }

    /// The next brand.
    pub fn next(&mut self) -> anyhow::Result<Option<Due>> {
        if self.ahead.is_empty() {
            self.read_ahead()
                .context("the list cannot be read back from the folder for temporary files")?;
        }
        Ok(self.ahead.pop_front())
    }

    fn read_ahead(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        while self.ahead.len() < self.chunk {
            line.clear();
            if self.rest.read_line(&mut line)? == 0 {
                break;
            }
            self.ahead.push_back(serde_json::from_str(&line)?);
        }
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
            let mut queue = Queue::new(due, chunk).unwrap();
            let mut back = Vec::new();
            while let Some(due) = queue.next().unwrap() {
                back.push(due);
            }
            prop_assert_eq!(format!("{back:?}"), expected);
        }
    }
}
