//! The writer of a run's sheet: marks when brands are begun, results as they end, a write for each chunk whose brands
//! have all ended. Where several hosts work, the leader writes, and hears what the others do.

use std::collections::HashMap;

use super::write_batch::{OutcomeText, WriteBack};
use crate::{
    brand::BrandKey,
    list::{
        own::{Outcome, Target},
        results_tab::Findings,
        sheet::ListError,
    },
    store::registry::{BrandStatus, Entry},
};

/// Writes down what becomes of brands.
#[derive(Debug)]
pub struct SheetWriter {
    write_back: WriteBack,
    words: OutcomeText,
    chunk_size: usize,
    /// Brands of each chunk that are due.
    due: usize,
    /// How many brands of a chunk have ended, until all have.
    ended: HashMap<usize, usize>,
}

impl SheetWriter {
    pub fn new(write_back: WriteBack, words: OutcomeText, chunk_size: usize, due: usize) -> Self {
        Self {
            write_back,
            words,
            chunk_size,
            due,
            ended: HashMap::new(),
        }
    }

    /// A brand was taken in hand.
    pub fn begun(&self, brand: &BrandKey, position: usize) {
        // The first chunk was marked before anything was paid for.
        if position >= self.chunk_size {
            let (target, mark) = self.words.mark(brand);
            self.write_back.put(target, mark);
        }
    }

    /// A brand has ended, and it is on record. Returns whether its chunk is done.
    pub fn ended(
        &mut self,
        brand: BrandKey,
        position: usize,
        entry: &Entry,
        findings: Option<Box<Findings>>,
    ) -> bool {
        let outcome = outcome(&self.words, entry, findings);
        self.write_back.put(Target::Brand(brand), outcome);
        self.left(position)
    }

    /// A brand is not in hand any more. With the last one of a chunk, what is known of the chunk goes into the sheet.
    pub fn left(&mut self, position: usize) -> bool {
        let chunk = position / self.chunk_size;
        let ended = self.ended.entry(chunk).or_default();
        *ended += 1;
        let size = self.chunk_size.min(self.due - chunk * self.chunk_size);
        let done = *ended >= size;
        if done {
            self.ended.remove(&chunk);
            self.write_back.write();
        }
        done
    }

    /// Waits until the sheet may not be written to any more.
    pub async fn refused(&mut self) -> ListError {
        self.write_back.refused().await
    }

    /// Writes what is left, takes marks back, and ends.
    pub async fn finish(self) -> Result<(), ListError> {
        self.write_back.finish().await
    }

    /// Leaves the sheet as it is to the scribe of another host.
    pub fn abandon(self) {
        self.write_back.abandon();
    }
}

/// What a row is told of how its brand ended.
pub fn outcome(words: &OutcomeText, entry: &Entry, found: Option<Box<Findings>>) -> Outcome {
    let mut outcome = match entry.status {
        BrandStatus::Success => words.success(entry),
        BrandStatus::Failed => {
            words.failure(entry.error.as_deref().unwrap_or_default(), entry.updated_at)
        }
    };
    if let Outcome::Done { findings, .. } = &mut outcome {
        *findings = found;
    }
    outcome
}
