//! The errors of PostgreSQL, and what to do about each.

use std::{
    error::Error,
    io::{self, ErrorKind},
    time::Duration,
};

use tokio_postgres::error::SqlState;

use super::address::cause;
use crate::store::StoreError;

const GONE: &str = "Check that PostgreSQL runs, that this host may reach it, and the address in --state (BRANDINTEL_STATE)";
const FULL: &str = "Make room on the disk of PostgreSQL";
const CROWDED: &str =
    "Raise max_connections of PostgreSQL, or run fewer hosts: each takes two connections";
const NAME: &str =
    "Check the host in --state (BRANDINTEL_STATE), and this machine's network and DNS";
const STANDBY: &str = "Give --state (BRANDINTEL_STATE) the address of a server and database that may be written to: this may be a standby, or default_transaction_read_only is on";
const STRANGER: &str = "Check host and port in --state (BRANDINTEL_STATE)";
const NO_TLS: &str = "Check host and port in --state (BRANDINTEL_STATE), and turn TLS on in PostgreSQL (ssl=on); sslmode=disable does without, for a network that you trust";
const CERTIFICATE: &str = "Check the host's name and sslrootcert in --state (BRANDINTEL_STATE), what names and dates the server's certificate has, and this machine's clock; sslmode=require encrypts without asking who the server is";
const PASSWORD: &str = "Check user and password in --state (BRANDINTEL_STATE); in a URL, signs other than letters and digits are written with percent signs: @ as %40, : as %3A, / as %2F, # as %23, % as %25";
const ENTRY: &str = "Check the user in --state (BRANDINTEL_STATE), and that pg_hba.conf of the server lets this user in from this host; where it asks for TLS, write sslmode=require";
pub const RIGHTS: &str = "Let this user make tables in the database (GRANT CREATE ON DATABASE, or make it the owner), or give all hosts the user that made them";

const AT_START: Duration = Duration::from_mins(1);

/// A name that cannot be looked up is more often mistyped than away.
const AT_START_FOR_A_NAME: Duration = Duration::from_secs(5);

impl StoreError {
    /// The same, where the store was reached before.
    pub fn in_a_run(self) -> Self {
        match self {
            Self::Misled { why, remedy } => away(why, remedy),
            other => other,
        }
    }

    /// What of an error is trouble with the store.
    ///
    /// # Errors
    /// The error itself, where it is none.
    pub fn of(error: anyhow::Error) -> Result<Self, anyhow::Error> {
        let error = match error.downcast::<Self>() {
            Ok(trouble) => return Ok(trouble),
            Err(error) => error,
        };
        error.downcast::<tokio_postgres::Error>().map(Self::from)
    }

    /// Nothing came back in time.
    pub fn silent() -> Self {
        away("it does not answer".into(), GONE)
    }
}

fn away(why: String, remedy: &'static str) -> StoreError {
    StoreError::Away {
        why,
        remedy,
        worth: AT_START,
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return said_by_the_server(said.code(), said.message().to_owned());
        }
        let why = cause(&error);
        match error.source().map(<dyn Error>::downcast_ref::<io::Error>) {
            Some(Some(io)) => of_the_line(io, why),
            // The driver's own words, of what the server wants of it.
            Some(None) if why == "password missing" => Self::Refused {
                why,
                remedy: PASSWORD,
            },
            Some(None) if why.contains("TLS") => Self::Misled {
                why,
                remedy: NO_TLS,
            },
            Some(None) => Self::Misled { why, remedy: ENTRY },
            None => away(why, GONE),
        }
    }
}

fn said_by_the_server(code: &SqlState, why: String) -> StoreError {
    let refused = |why, remedy| StoreError::Refused { why, remedy };
    match *code {
        SqlState::DISK_FULL => return away(why, FULL),
        SqlState::TOO_MANY_CONNECTIONS => return away(why, CROWDED),
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            return StoreError::Misled {
                why,
                remedy: STANDBY,
            };
        }
        SqlState::INVALID_CATALOG_NAME => return StoreError::NoDatabase(why),
        SqlState::INVALID_PASSWORD => return refused(why, PASSWORD),
        SqlState::INSUFFICIENT_PRIVILEGE => return refused(why, RIGHTS),
        _ => {}
    }
    match code.code().get(..2) {
        Some("28") => refused(why, ENTRY),
        // Connections, resources, conflicts, the operator, the system: what passes.
        Some("08" | "53" | "40" | "55" | "57" | "58" | "25") => away(why, GONE),
        _ => StoreError::Failed(format!("{why} ({})", code.code())),
    }
}

fn of_the_line(io: &io::Error, why: String) -> StoreError {
    // Of Windows: no such host, try again, no address.
    let no_address = [11001, 11002, 11004];
    if why.starts_with("failed to lookup")
        || io
            .raw_os_error()
            .is_some_and(|code| no_address.contains(&code))
    {
        return StoreError::Away {
            why,
            remedy: NAME,
            worth: AT_START_FOR_A_NAME,
        };
    }
    if io
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
    {
        return StoreError::Misled {
            why,
            remedy: CERTIFICATE,
        };
    }
    // The last is said of a message that has no end.
    let strange = matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput)
        || why == "bytes remaining on stream";
    match strange {
        true => StoreError::Misled {
            why: "what answers there does not speak as PostgreSQL does".into(),
            remedy: STRANGER,
        },
        false => away(why, GONE),
    }
}
