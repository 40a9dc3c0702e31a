//! The faults that an error of the store shows: that the file is damaged, or that nothing more can be written.

use std::io;

use rusqlite::{ErrorCode, ffi};

use crate::money::NotMoney;

/// What can be done about an error of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseFault {
    /// The file is damaged: it is set aside, and what can be read of it is used.
    Damage,
    /// The disk is full, or takes nothing more for another reason.
    Unwritable,
}

/// What stands in the database and cannot be, although `SQLite` can read it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(pub String);

/// Nothing more is written, because the disk is full.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the disk takes no more: {0}")]
pub struct Unwritable(pub String);

impl DatabaseFault {
    /// What an error shows; `None` where it is neither.
    pub fn of(error: &anyhow::Error) -> Option<Self> {
        error.chain().find_map(|cause| {
            if let Some(error) = cause.downcast_ref::<rusqlite::Error>() {
                return of_database(error);
            }
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                let is_too_long = error.kind() == io::ErrorKind::FileTooLarge;
                return (is_full(error) || is_too_long).then_some(Self::Unwritable);
            }
            if cause.is::<Unwritable>() {
                return Some(Self::Unwritable);
            }
            let odd =
                cause.is::<Impossible>() || cause.is::<NotMoney>() || cause.is::<jiff::Error>();
            odd.then_some(Self::Damage)
        })
    }
}

/// Whether the system says that there is no room for a file.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn of_database(error: &rusqlite::Error) -> Option<DatabaseFault> {
    let Some(code) = error.sqlite_error_code() else {
        // A value of another type than the column has, a row that must be there and is not, or a column that is not there.
        let is_read = matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..)
                | rusqlite::Error::QueryReturnedNoRows
                | rusqlite::Error::SqlInputError { .. }
        );
        return is_read.then_some(DatabaseFault::Damage);
    };
    match code {
        ErrorCode::DiskFull => Some(DatabaseFault::Unwritable),
        ErrorCode::SystemIoFailure => match error.sqlite_extended_error_code() {
            Some(ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS) => {
                Some(DatabaseFault::Damage)
            }
            Some(ffi::SQLITE_IOERR_READ) => None,
            _ => Some(DatabaseFault::Unwritable),
        },
        // The last one stands for a statement that does not fit the tables: the program's own fit its own tables.
        ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::SchemaChanged
        | ErrorCode::TypeMismatch
        | ErrorCode::ConstraintViolation
        | ErrorCode::TooBig
        | ErrorCode::InternalMalfunction
        | ErrorCode::Unknown => Some(DatabaseFault::Damage),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn what_an_error_shows_is_found_however_deep_it_lies() {
        let of = |error: anyhow::Error| DatabaseFault::of(&error.context("store").context("run"));
        let sqlite = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for (code, fault) in [
            (ffi::SQLITE_CORRUPT, Some(DatabaseFault::Damage)),
            (ffi::SQLITE_NOTADB, Some(DatabaseFault::Damage)),
            (ffi::SQLITE_FULL, Some(DatabaseFault::Unwritable)),
            (ffi::SQLITE_IOERR_WRITE, Some(DatabaseFault::Unwritable)),
            (ffi::SQLITE_BUSY, None),
            (ffi::SQLITE_CANTOPEN, None),
        ] {
            assert_eq!(of(sqlite(code).into()), fault, "{code}");
        }
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(of(full.into()), Some(DatabaseFault::Unwritable));
        let odd = "twelve".parse::<crate::money::Usd>().map(drop);
        assert_eq!(
            of(odd.context("usd").unwrap_err()),
            Some(DatabaseFault::Damage)
        );
        assert_eq!(of(anyhow::anyhow!("another host")), None);
    }
}
