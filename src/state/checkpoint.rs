//! The checkpoint: how far the run that is going on, or was the last, has come.

use std::{fs, path::Path};

use anyhow::Context;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{StateFolder, write_atomically};
use crate::money::Usd;

const FILE: &str = "checkpoint_latest.json";

/// Days after which work that was cut off is not gone on with, but begun anew: its answers have aged.
const JOB_DAYS: i64 = 7;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Complete,
    Interrupted,
    BudgetReached,
    Aborted,
}

/// The work that a run belongs to. A run that was cut off and the one that goes on with it are one job: they share
/// the budget and the answers that were paid for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The id of its first run.
    pub id: String,
    /// When its first run began.
    pub started_at: Timestamp,
    /// Whether every brand was asked for again.
    pub force: bool,
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
    /// The services were simulated.
    #[serde(default)]
    pub simulated: bool,
    pub job: Job,
}

impl Checkpoint {
    /// Reads the checkpoint of a state folder; `None` where there was no run.
    pub fn peek(state: &Path) -> anyhow::Result<Option<Self>> {
        let path = state.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let place = || {
            format!(
                "{} cannot be read: move it away to start anew",
                path.display()
            )
        };
        let bytes = fs::read(&path).with_context(place)?;
        serde_json::from_slice(&bytes).map(Some).with_context(place)
    }

    /// Puts the checkpoint on disk.
    pub fn save(&self, folder: &StateFolder) -> anyhow::Result<()> {
        write_atomically(&folder.file(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// The job that a run beginning now belongs to: that of the last run where it was cut off, and not too long ago to
    /// be the same work.
    pub fn next_job(last: Option<&Self>, run_id: &str, now: Timestamp, force: bool) -> Job {
        let oldest = now.checked_sub((JOB_DAYS * 24).hours()).unwrap_or(now);
        let unfinished = last
            .filter(|last| last.job.started_at >= oldest)
            .filter(|last| {
                matches!(
                    last.status,
                    RunStatus::Running | RunStatus::Interrupted | RunStatus::Aborted
                )
            });
        match unfinished {
            Some(last) if last.job.force == force => last.job.clone(),
            // The other kind of work, but the same money.
            Some(last) => Job {
                id: last.job.id.clone(),
                started_at: now,
                force,
            },
            None => Job {
                id: run_id.to_owned(),
                started_at: now,
                force,
            },
        }
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
            simulated: false,
            job: Job {
                id: "first".into(),
                started_at: at,
                force: false,
            },
        }
    }

    #[test]
    fn what_was_cut_off_goes_on_as_the_same_job() {
        let now = Timestamp::from_second(9_000).unwrap();
        for (status, same) in [
            (RunStatus::Running, true),
            (RunStatus::Interrupted, true),
            (RunStatus::Aborted, true),
            (RunStatus::Complete, false),
            (RunStatus::BudgetReached, false),
        ] {
            let last = checkpoint(status);
            let job = Checkpoint::next_job(Some(&last), "second", now, false);
            assert_eq!(job == last.job, same, "{status:?}");
            assert_eq!(job.id == "first", same, "{status:?}");
        }
        let last = checkpoint(RunStatus::Interrupted);
        let later = Timestamp::from_second(8 * 86_400).unwrap();
        assert_eq!(
            Checkpoint::next_job(Some(&last), "second", later, false).id,
            "second"
        );
        let forced = Checkpoint::next_job(Some(&last), "second", now, true);
        assert_eq!((forced.id.as_str(), forced.started_at), ("first", now));
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
