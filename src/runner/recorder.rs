//! How brands get on record: what ends while the disk is busy is written together, and nobody is told of a brand before
//! it is on disk.

use std::future::pending;

use tokio::task::{JoinHandle, JoinSet};

use crate::{
    brand::BrandKey,
    store::{
        postgres::{Ended, Night},
        registry::{Entry, Registry},
    },
};

/// Writes entries into the registry, in the background. `T` is what the owner wants back with each of them.
#[derive(Debug)]
pub enum Recorder<T> {
    Folder(Folder<T>),
    Shared(Box<Shared<T>>),
}

/// An entry that is on disk, and whether it is: a brand that was given to another host in the meantime is not.
pub type Recorded<T> = (Entry, T, bool);

/// Into the registry of the state folder.
#[derive(Debug)]
pub struct Folder<T> {
    /// `None` while it is written to.
    registry: Option<Registry>,
    waiting: Vec<(BrandKey, Entry, T)>,
    writing: Option<JoinHandle<Written<T>>>,
}

#[derive(Debug)]
struct Written<T> {
    registry: Registry,
    result: anyhow::Result<()>,
    entries: Vec<Recorded<T>>,
}

/// Into the registry that hosts share.
#[derive(Debug)]
pub struct Shared<T> {
    night: Night,
    writing: JoinSet<anyhow::Result<Recorded<T>>>,
}

impl<T: Send + 'static> Recorder<T> {
    pub fn folder(registry: Registry) -> Self {
        Self::Folder(Folder {
            registry: Some(registry),
            waiting: Vec::new(),
            writing: None,
        })
    }

    pub fn shared(night: Night) -> Self {
        Self::Shared(Box::new(Shared {
            night,
            writing: JoinSet::new(),
        }))
    }

    /// Takes in how a brand ended.
    pub fn record(&mut self, ended: Ended, with: T) {
        match self {
            Self::Folder(folder) => {
                let key = BrandKey::stored(ended.key);
                folder.waiting.push((key, ended.entry, with));
                folder.write();
            }
            Self::Shared(shared) => {
                let night = shared.night.clone();
                shared.writing.spawn(async move {
                    let entry = ended.entry.clone();
                    let ours = night.end(ended).await?;
                    Ok((entry, with, ours))
                });
            }
        }
    }

    /// Waits until entries are on disk and gives them back. Waits for ever when there is nothing to wait for. Nothing is
    /// lost when the waiting is broken off.
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn recorded(&mut self) -> anyhow::Result<Vec<Recorded<T>>> {
        match self {
            Self::Folder(folder) => folder.recorded().await,
            Self::Shared(shared) => match shared.writing.join_next().await {
                Some(written) => Ok(vec![written??]),
                None => pending().await,
            },
        }
    }

    /// Whether nothing more can be waited for: everything that was taken in is on disk, or the writing has broken down.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Folder(folder) => {
                folder.writing.is_none() && (folder.waiting.is_empty() || folder.registry.is_none())
            }
            Self::Shared(shared) => shared.writing.is_empty(),
        }
    }

    /// Leaves the registry as one file, at the end of a run.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Folder(folder) => folder.registry.as_mut().map_or(Ok(()), Registry::settle),
            Self::Shared(_) => Ok(()),
        }
    }
}

impl<T: Send + 'static> Folder<T> {
    async fn recorded(&mut self) -> anyhow::Result<Vec<Recorded<T>>> {
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
                entries.push((entry.clone(), with, true));
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
