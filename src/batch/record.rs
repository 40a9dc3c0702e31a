//! How brands get on record: what ends while the disk is busy is written together, and nobody is told of a brand before
//! it is on disk.

use std::future::pending;

use tokio::task::JoinHandle;

use crate::{
    brand::BrandKey,
    state::registry::{Entry, Registry},
};

/// Writes entries into the registry, in the background. `T` is what the owner wants back with each of them.
#[derive(Debug)]
pub struct Recorder<T> {
    /// `None` while it is written to.
    registry: Option<Registry>,
    waiting: Vec<(BrandKey, Entry, T)>,
    writing: Option<JoinHandle<Written<T>>>,
}

#[derive(Debug)]
struct Written<T> {
    registry: Registry,
    result: anyhow::Result<()>,
    entries: Vec<(Entry, T)>,
}

impl<T: Send + 'static> Recorder<T> {
    pub fn new(registry: Registry) -> Self {
        Self {
            registry: Some(registry),
            waiting: Vec::new(),
            writing: None,
        }
    }

    /// Takes in how a brand ended.
    pub fn record(&mut self, key: BrandKey, entry: Entry, with: T) {
        self.waiting.push((key, entry, with));
        self.write();
    }

    /// Waits until entries are on disk and gives them back. Waits for ever when there is nothing to wait for. Nothing is
    /// lost when the waiting is broken off.
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn recorded(&mut self) -> anyhow::Result<Vec<(Entry, T)>> {
        let Some(writing) = &mut self.writing else {
            return pending().await;
        };
        let written = writing.await;
        self.writing = None;
        let Written {
            registry,
            result,
            entries,
        } = written?;
        self.registry = Some(registry);
        self.write();
        result.map(|()| entries)
    }

    /// Whether nothing more can be waited for: everything that was taken in is on disk, or the writing has broken down.
    pub fn is_done(&self) -> bool {
        self.writing.is_none() && (self.waiting.is_empty() || self.registry.is_none())
    }

    /// Leaves the registry as one file, at the end of a run.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        self.registry.as_mut().map_or(Ok(()), Registry::settle)
    }

    fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(mut registry) = self.registry.take() else {
            return;
        };
        let waiting = std::mem::take(&mut self.waiting);
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let mut entries = Vec::with_capacity(waiting.len());
            let lines = waiting.into_iter().map(|(key, entry, with)| {
                entries.push((entry.clone(), with));
                (key, entry)
            });
            let result = registry.record(lines);
            Written {
                registry,
                result,
                entries,
            }
        }));
    }
}
