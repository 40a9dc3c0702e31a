//! What can be wrong with the shared store, and what to do about it.

use tokio_postgres::error::SqlState;

use super::address::cause;
use crate::exit::Exit;

/// Why the shared store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It may be back in a moment.
    #[error("the shared store cannot be used: {why}. {remedy}")]
    Away { why: String, remedy: &'static str },
    #[error(
        "the shared store refuses this user: {0}. Check user and password in --state (BRANDINTEL_STATE), and that the user may create tables in the database"
    )]
    Refused(String),
    #[error(
        "the shared store has no such database: {0}. Make it once, with createdb or with CREATE DATABASE"
    )]
    NoDatabase(String),
    #[error(
        "the tables of the shared store have version {found}, this program knows up to {known}: use the same version of brandintel on all hosts"
    )]
    Version { found: i32, known: i32 },
    #[error(
        "the shared store has been moved to {0}: give that to --state, or move it back with brandintel move"
    )]
    Moved(String),
    #[error(transparent)]
    Settings(anyhow::Error),
    #[error("the shared store did not do what it was asked: {0}")]
    Failed(String),
}

const GONE: &str = "Check that PostgreSQL runs, that this host may reach it, and the address in --state (BRANDINTEL_STATE); then run again: nothing that was paid for is lost";
const FULL: &str =
    "Make room on the disk of PostgreSQL, then run again: nothing that was paid for is lost";
const CROWDED: &str =
    "Raise max_connections of PostgreSQL, or run fewer hosts: each takes two connections";
const STANDBY: &str = "Give the address of the server that may be written to";

impl Trouble {
    /// The exit code of a run that ends because of it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Away { .. } => Exit::Unavailable,
            Self::Refused(_) => Exit::Refused,
            _ => Exit::Usage,
        }
    }

    /// The same, for one more who waits.
    pub fn again(&self) -> Self {
        match self {
            Self::Away { why, remedy } => Self::Away {
                why: why.clone(),
                remedy,
            },
            Self::Refused(why) => Self::Refused(why.clone()),
            Self::NoDatabase(why) => Self::NoDatabase(why.clone()),
            Self::Version { found, known } => Self::Version {
                found: *found,
                known: *known,
            },
            Self::Moved(to) => Self::Moved(to.clone()),
            Self::Settings(error) => Self::Failed(format!("{error:#}")),
            Self::Failed(why) => Self::Failed(why.clone()),
        }
    }

    /// Whether what failed may go well in a moment.
    pub fn may_pass(error: &anyhow::Error) -> bool {
        matches!(error.downcast_ref(), Some(Self::Away { .. }))
    }

    /// Nothing came back in time.
    pub fn silent() -> Self {
        Self::Away {
            why: "it does not answer".into(),
            remedy: GONE,
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let why = error
            .as_db_error()
            .map_or_else(|| cause(&error), |said| said.message().to_owned());
        let Some(code) = error.code() else {
            return match why.as_str() {
                "password missing" => Self::Refused(why),
                _ => Self::Away { why, remedy: GONE },
            };
        };
        if *code == SqlState::DISK_FULL {
            return Self::Away { why, remedy: FULL };
        }
        if *code == SqlState::TOO_MANY_CONNECTIONS {
            return Self::Away {
                why,
                remedy: CROWDED,
            };
        }
        if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            return Self::Away {
                why,
                remedy: STANDBY,
            };
        }
        if *code == SqlState::INVALID_CATALOG_NAME {
            return Self::NoDatabase(why);
        }
        if *code == SqlState::INSUFFICIENT_PRIVILEGE || code.code().starts_with("28") {
            return Self::Refused(why);
        }
        // Connections, resources, conflicts, the operator, the system: what passes.
        let passes = ["08", "53", "40", "55", "57", "58", "25"];
        if passes.iter().any(|class| code.code().starts_with(class)) {
            return Self::Away { why, remedy: GONE };
        }
        Self::Failed(format!("{why} ({})", code.code()))
    }
}
