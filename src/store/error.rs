//! The errors of a store, and the exit code of a command that ends with one.

use std::{fmt, time::Duration};

use super::{registry, sqlite};
use crate::exit::Exit;

/// Why the shared store cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It may be back in a moment.
    #[error(
        "the shared store cannot be used: {why}. {remedy}; then run again: nothing that was paid for is lost"
    )]
    Away {
        why: String,
        remedy: &'static str,
        /// How long a run that begins waits for it.
        worth: Duration,
    },
    /// What answers is not what the address says. A run that begins need not wait for it; where it was right before, it
    /// may be right again.
    #[error("the shared store cannot be used: {why}. {remedy}")]
    Misled { why: String, remedy: &'static str },
    #[error("the shared store refuses this user: {why}. {remedy}")]
    Refused { why: String, remedy: &'static str },
    #[error(
        "the shared store has no such database: {0}. Make it once, with createdb or with CREATE DATABASE"
    )]
    NoDatabase(String),
    #[error(
        "the tables of the shared store have version {found}, this program knows up to {known}: use the same version of brandintel on all hosts"
    )]
    Version { found: i32, known: i32 },
    #[error(
        "what was in the shared store is now in {0}: work there without --state (BRANDINTEL_STATE), or move it back with brandintel move"
    )]
    Moved(String),
    #[error("{0}")]
    Settings(String),
    #[error("the shared store did not do what it was asked: {0}")]
    Failed(String),
    /// One of these, and where.
    #[error("{place}: {trouble}")]
    At { place: String, trouble: Box<Self> },
}

impl StoreError {
    /// The exit code of a run that ends because of it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Away { .. } => Exit::Unavailable,
            Self::Refused { .. } => Exit::Refused,
            Self::At { trouble, .. } => trouble.exit(),
            _ => Exit::Usage,
        }
    }

    /// The same, with the place, which has no password in it.
    pub fn at(self, place: &impl fmt::Display) -> Self {
        match self {
            Self::At { .. } => self,
            trouble => Self::At {
                place: place.to_string(),
                trouble: Box::new(trouble),
            },
        }
    }

    /// The exit code of a command that ends with this error of a store: what only a newer version of the program can read is
    /// the user's matter, and what is no [`StoreError`] the machine's.
    pub fn exit_of(error: &anyhow::Error) -> Exit {
        let newer = error.is::<sqlite::NewerVersion>() || error.is::<registry::NewerRegistry>();
        match error.downcast_ref::<Self>() {
            Some(error) => error.exit(),
            None if newer => Exit::Usage,
            None => Exit::Machine,
        }
    }
}
