//! Brands that are due, until their order is known. Many of them wait on disk.

use std::{
    cmp::Reverse,
    fs::File,
    io::{BufReader, BufWriter, Read, Seek, Write},
    path::Path,
    vec,
};

use anyhow::Context;
use jiff::Timestamp;

use super::{
    plan::Due,
    queue::{NO_ROOM, NOT_READ},
};
use crate::files::scratch_file;

/// Brands that wait in memory.
const HELD: usize = 2_000;

/// What comes first: what the list wants first, then what has waited longest, then the order of the list.
pub type Rank = (Reverse<i64>, Option<Timestamp>, usize);

/// Brands with their ranks, as they come.
#[derive(Debug, Default)]
pub struct Order {
    ranks: Vec<Rank>,
    held: Vec<Due>,
    rest: Option<BufWriter<File>>,
    /// Where each brand of the rest ends.
    ends: Vec<u64>,
}

impl Order {
    /// Adds a brand.
    pub fn add(&mut self, rank: Rank, due: Due) -> anyhow::Result<()> {
        self.ranks.push(rank);
        if self.held.len() < HELD {
            self.held.push(due);
            return Ok(());
        }
        self.put_down(&due).context(NO_ROOM)
    }

    fn put_down(&mut self, due: &Due) -> anyhow::Result<()> {
        let file = match self.rest.take() {
            Some(file) => file,
            None => BufWriter::new(scratch_file(Path::new("."))?),
        };
        let file = self.rest.insert(file);
        let json = serde_json::to_vec(due)?;
        file.write_all(&json)?;
        let begin = self.ends.last().unwrap_or(&0);
        self.ends.push(begin + json.len() as u64);
        Ok(())
    }

    /// Puts them in their order.
    pub fn sorted(self) -> anyhow::Result<Ordered> {
        let mut order: Vec<(Rank, usize)> = self.ranks.into_iter().zip(0..).collect();
        order.sort_unstable();
        let rest = match self.rest {
            None => None,
            Some(file) => {
                let file = file
                    .into_inner()
                    .map_err(std::io::IntoInnerError::into_error);
                let mut file = file.context(NO_ROOM)?;
                file.rewind().context(NOT_READ)?;
                Some(BufReader::new(file))
            }
        };
        Ok(Ordered {
            order: order.into_iter(),
            held: self.held.into_iter().map(Some).collect(),
            rest,
            ends: self.ends,
            at: 0,
        })
    }
}

/// Brands in their order.
#[derive(Debug)]
pub struct Ordered {
    /// Which of the brands, as they came, is the next.
    order: vec::IntoIter<(Rank, usize)>,
    held: Vec<Option<Due>>,
    rest: Option<BufReader<File>>,
    ends: Vec<u64>,
    /// Where the file is read next.
    at: u64,
}

impl Ordered {
    /// The next brands, so many of them where there are as many.
    pub fn chunk(&mut self, size: usize) -> anyhow::Result<Vec<Due>> {
        let mut chunk = Vec::new();
        while chunk.len() < size {
            let Some((_, i)) = self.order.next() else {
                break;
            };
            let due = match i.checked_sub(self.held.len()) {
                None => self.held[i].take(),
                Some(i) => self.read_back(i).context(NOT_READ)?,
            };
            chunk.extend(due);
        }
        Ok(chunk)
    }

    fn read_back(&mut self, i: usize) -> anyhow::Result<Option<Due>> {
        let Some(file) = &mut self.rest else {
            return Ok(None);
        };
        let begin = match i {
            0 => 0,
            _ => self.ends[i - 1],
        };
        let end = self.ends[i];
        // Most of them come as they were put down: what was read ahead is kept.
        file.seek_relative(begin.cast_signed().wrapping_sub(self.at.cast_signed()))?;
        let mut json = vec![0; usize::try_from(end - begin)?];
        file.read_exact(&mut json)?;
        self.at = end;
        Ok(Some(serde_json::from_slice(&json)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brand::{BrandKey, Row, gather},
        research::Assignment,
    };

    #[test]
    fn brands_come_in_the_order_of_their_ranks_from_memory_and_from_disk() {
        let brand = gather([Row {
            number: 2,
            name: "کاله".into(),
            ..Row::default()
        }])
        .brands
        .remove(0);
        let count = HELD + 500;
        let rng = &mut fastrand::Rng::with_seed(7);
        let mut ranks: Vec<Rank> = (0..count)
            .map(|place| (Reverse(rng.i64(-2..2)), None, place))
            .collect();
        let mut order = Order::default();
        for rank in &ranks {
            let due = Due {
                key: BrandKey::stored(format!("{rank:?}")),
                folder: String::new(),
                attempts: 0,
                report: None,
                thin: None,
                assignment: Assignment {
                    brand: brand.clone(),
                    shared_parent: None,
                    since: Timestamp::MAX,
                },
            };
            order.add(*rank, due).unwrap();
        }
        ranks.sort_unstable();
        let mut sorted = order.sorted().unwrap();
        let mut ranks = ranks.iter();
        loop {
            let chunk = sorted.chunk(999).unwrap();
            if chunk.is_empty() {
                break;
            }
            for due in chunk {
                let rank = ranks.next().unwrap();
                assert_eq!(due.key.as_str(), format!("{rank:?}"));
            }
        }
        assert!(ranks.next().is_none());
    }
}
