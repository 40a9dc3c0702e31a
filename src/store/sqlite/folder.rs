//! The state in a folder, as any command reads it without holding it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;

use crate::{
    config::caps::Caps,
    money::Usd,
    store::{
        caps::CapUsage,
        checkpoint::Checkpoint,
        engine::{EachEntry, Finding, History, Looked, Present, Rebuild, Said, Store},
        is_held,
        lock_holder::Holder,
        moved_note,
        registry::{BrandStatus, Registry},
        registry_lookup::InMemory,
        run_history::{self, Going, RunLine},
        spending::{self, Spending},
    },
};

/// A state folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The runs of the past; what cannot be read of them is put among the problems.
    fn runs(&self, problems: &mut Vec<String>) -> Vec<RunLine> {
        let runs = run_history::peek(&self.path);
        runs.unwrap_or_else(|error| {
            problems.push(format!("{error:#}"));
            Vec::new()
        })
    }
}

#[async_trait]
impl Store for Folder {
    async fn prove(&self) -> anyhow::Result<Vec<Finding>> {
        let moved = moved_note::note(&self.path).map(|moved| Finding {
            part: "state",
            said: Said::Wrong(moved.into()),
        });
        Ok(moved.into_iter().collect())
    }

    async fn present(&self, each: EachEntry<'_>) -> anyhow::Result<Present> {
        let state: &Path = &self.path;
        // Before the rest is read: a run that ends meanwhile has its end on record by then.
        let held = is_held(state);
        let holder = held.then(|| Holder::peek(state)).flatten();
        let (registry, damage) = Registry::peek(state)?;
        let moved = moved_note::note(state).map(|moved| moved.to_string());
        let mut problems: Vec<String> = moved.into_iter().chain(damage).collect();
        let last = Checkpoint::peek(state).unwrap_or_else(|error| {
            problems.push(format!("{error:#}"));
            None
        });
        let runs = self.runs(&mut problems);
        for (_, entry) in registry.entries() {
            each(entry);
        }
        // Whoever has taken the folder since works on another run, and has not begun with it.
        let is_old = |run: &Checkpoint| holder.as_ref().is_some_and(|h| h.since > run.updated_at);
        let going = last.map(|checkpoint| Going {
            live: held && !is_old(&checkpoint),
            checkpoint,
            whole: None,
        });
        Ok(Present {
            runs,
            going: going.into_iter().collect(),
            hosts: Vec::new(),
            holder,
            set_aside: match held {
                true => Usd::ZERO,
                false => run_history::set_aside(state),
            },
            problems,
        })
    }

    async fn spending(&self) -> anyhow::Result<Spending> {
        spending::of_folder(&self.path)
    }

    async fn standings(&self, caps: Caps) -> anyhow::Result<Vec<CapUsage>> {
        spending::caps_in(&self.path, caps)
    }

    async fn lookup(&self, rebuild: Rebuild<'_>) -> anyhow::Result<Looked> {
        let (mut registry, damage) = Registry::peek(&self.path)?;
        let mut notes = Vec::from_iter(damage);
        if registry.is_empty()
            && let Some(rebuilt) = rebuild()?
        {
            notes.push(rebuilt.note);
            registry.suppose(rebuilt.entries);
        }
        Ok((Box::new(InMemory::new(Arc::new(registry))), notes))
    }

    async fn history(&self) -> anyhow::Result<History> {
        let moved = moved_note::note(&self.path).map(|moved| moved.to_string());
        let mut problems = Vec::from_iter(moved);
        let runs = self.runs(&mut problems);
        let mut failed = Vec::new();
        match Registry::peek(&self.path) {
            Ok((registry, damage)) => {
                problems.extend(damage);
                let entries = registry.entries().map(|(_, entry)| entry);
                failed.extend(
                    entries
                        .filter(|entry| entry.status == BrandStatus::Failed)
                        .cloned(),
                );
            }
            Err(error) => problems.push(format!("{error:#}")),
        }
        Ok(History {
            runs,
            failed,
            problems,
        })
    }
}
