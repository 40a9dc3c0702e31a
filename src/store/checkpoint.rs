//! The checkpoint: how far the run that is going on, or was the last, has come.

use std::{fs, path::Path};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StateFolder, run_history::RunLine};
use crate::{
    files::{replace, set_aside, set_aside_name},
    money::Usd,
};

const FILE: &str = "checkpoint_latest.json";

/// Whether there was a run in a state folder.
pub fn is_there(state: &Path) -> bool {
    state.join(FILE).exists()
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Complete,
    Interrupted,
    BudgetReached,
    Aborted,
    /// Never in a checkpoint: what the next run says of one that was left as running.
    Killed,
    /// Never in a checkpoint: what `status` says of a run that came to no work.
    NotStarted,
}

impl RunStatus {
    const ALL: [Self; 7] = [
        Self::Running,
        Self::Complete,
        Self::Interrupted,
        Self::BudgetReached,
        Self::Aborted,
        Self::Killed,
        Self::NotStarted,
    ];

    /// The name that it has in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::BudgetReached => "budget_reached",
            Self::Aborted => "aborted",
            Self::Killed => "killed",
            Self::NotStarted => "not_started",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// The content of `checkpoint_latest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub run_id: String,
    pub status: RunStatus,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    /// Brands in the list.
    pub total: usize,
    /// Brands that ended in this run, well or not.
    pub processed: usize,
    pub succeeded: usize,
    pub failed: usize,
    /// Unchanged brands.
    pub skipped: usize,
    /// What this run spent, in US dollars.
    pub cost_usd: Usd,
    /// Seconds since the run began.
    pub elapsed_s: f64,
    /// Why it ended before everything was done, where there is a reason besides a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<String>,
    /// The services were simulated.
    #[serde(default)]
    pub simulated: bool,
}

impl Checkpoint {
    /// That of a run that has ended.
    pub fn of(run: &RunLine) -> Self {
        Self {
            run_id: run.run_id.clone(),
            status: run.status,
            started_at: run.started_at,
            updated_at: run.ended_at,
            total: run.total,
            processed: run.processed,
            succeeded: run.succeeded,
            failed: run.failed,
            skipped: run.skipped,
            cost_usd: run.usd,
            elapsed_s: run.ended_at.duration_since(run.started_at).as_secs_f64(),
            ended_because: None,
            simulated: run.simulated,
        }
    }

    /// Reads the checkpoint of a state folder; `None` where there was no run.
    pub fn peek(state: &Path) -> anyhow::Result<Option<Self>> {
        let path = state.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let place = || {
            format!(
                "{} cannot be read: is it of another version, or was it changed by hand?",
                path.display()
            )
        };
        let bytes = fs::read(&path).with_context(place)?;
        serde_json::from_slice(&bytes).map(Some).with_context(place)
    }

    /// Sets a checkpoint that cannot be read aside, before a new one takes its place; the text says so.
    pub fn clear_broken(folder: &StateFolder, now: Timestamp) -> anyhow::Result<Option<String>> {
        let path = folder.file(FILE);
        let Err(error) = Self::peek(&folder.path) else {
            return Ok(None);
        };
        let aside = set_aside_name(&path, now);
        set_aside(&path, &aside)?;
        Ok(Some(format!(
            "{error:#}. It is now {}; nothing that is needed to go on stands in it",
            aside.display()
        )))
    }

    /// Writes the checkpoint. Nothing depends on it, so nobody waits until it is on disk.
    pub fn save(&self, folder: &StateFolder) -> anyhow::Result<()> {
        replace(&folder.file(FILE), &serde_json::to_vec_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(status: RunStatus) -> Checkpoint {
        let at = Timestamp::from_second(1_000).unwrap();
        Checkpoint {
            run_id: "first".into(),
            status,
            started_at: at,
            updated_at: at,
            total: 3,
            processed: 1,
            succeeded: 1,
            failed: 0,
            skipped: 0,
            cost_usd: Usd::ZERO,
            elapsed_s: 1.0,
            ended_because: None,
            simulated: false,
        }
    }

    #[test]
    fn a_status_has_one_name() {
        for status in RunStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(RunStatus::named(status.name()), Some(status));
        }
    }

    #[test]
    fn it_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        assert!(Checkpoint::peek(folder.path()).unwrap().is_none());
        let written = checkpoint(RunStatus::Complete);
        written.save(&state).unwrap();
        assert_eq!(Checkpoint::peek(folder.path()).unwrap(), Some(written));
    }
}
