//! The transfer of everything that must survive from a state folder into a shared store, and back. What it goes to is
//! complete and on disk before what it comes from is emptied; an interrupted transfer is resumed by the next.

#[cfg(feature = "postgres")]
mod embedded;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod tables;

use std::{fmt, path::PathBuf};

#[cfg(feature = "postgres")]
pub use self::postgres::{to_folder, to_shared};

/// What is in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub brands: u64,
    pub answers: u64,
    pub calls: u64,
    pub runs: u64,
    /// Of the shared store alone: beside a folder they lie in the output.
    pub reports: u64,
}

/// What has been done.
#[derive(Debug)]
pub struct Done {
    pub holding: Holding,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Where files are that were set aside.
    pub aside: Vec<PathBuf>,
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveObstacle {
    #[error("there is nothing to move in {0}")]
    Nothing(String),
    #[error(
        "{place} is not empty, and what is there is not overwritten: it has {holding}. {remedy}"
    )]
    NotEmpty {
        place: String,
        holding: Holding,
        remedy: String,
    },
    #[error("hosts are at work with {place}: {}. Wait until they end, or stop them", hosts.join(", "))]
    Busy { place: String, hosts: Vec<String> },
}

impl Holding {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "brands: {}, reports: {}, paid answers: {}, calls: {}, runs: {}",
            self.brands, self.reports, self.answers, self.calls, self.runs
        )
    }
}
