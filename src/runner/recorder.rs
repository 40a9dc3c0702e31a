//! The recorder of a run: brands get on record, and nobody is told of a brand before it is on disk.

use std::{future::pending, sync::Arc};

use tokio::task::JoinSet;

use crate::store::{RunStore, registry::Entry, shared_run::Ended};

/// Puts brands on record, in the background. `T` is what the owner wants back with each of them.
#[derive(Debug)]
pub struct Recorder<T> {
    store: Arc<dyn RunStore>,
    writing: JoinSet<anyhow::Result<Recorded<T>>>,
    /// Why a brand is not on record, while those that are on record are given back first.
    failed: Option<anyhow::Error>,
}

/// An entry that is on disk, and whether it is: a brand that was given to another host in the meantime is not.
pub type Recorded<T> = (Entry, T, bool);

impl<T: Send + 'static> Recorder<T> {
    pub fn new(store: Arc<dyn RunStore>) -> Self {
        Self {
            store,
            writing: JoinSet::new(),
            failed: None,
        }
    }

    /// Takes in how a brand ended.
    pub fn record(&mut self, ended: Ended, with: T) {
        let store = Arc::clone(&self.store);
        self.writing.spawn(async move {
            let entry = ended.entry.clone();
            let ours = store.record(ended).await?;
            Ok((entry, with, ours))
        });
    }

    /// Waits until entries are on disk and gives all of them back that are. Waits for ever when there is nothing to wait for.
    /// Nothing is lost when the waiting is broken off.
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn recorded(&mut self) -> anyhow::Result<Vec<Recorded<T>>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(first) = self.writing.join_next().await else {
            return pending().await;
        };
        let mut recorded = vec![first??];
        while let Some(more) = self.writing.try_join_next() {
            match more.map_err(anyhow::Error::from).flatten() {
                Ok(more) => recorded.push(more),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(recorded)
    }

    /// Whether nothing more can be waited for.
    pub fn is_done(&self) -> bool {
        self.writing.is_empty() && self.failed.is_none()
    }

    /// Leaves the registry as it is kept between runs.
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        self.store.settle().await
    }
}
