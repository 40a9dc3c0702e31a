//! The store of what survives: the registry, the checkpoint, paid responses with what they cost, jobs, runs, and the
//! lock on the folder.

pub mod budget;
pub mod caps;
pub mod checkpoint;
pub mod engine;
mod entries;
mod error;
pub mod job;
pub mod location;
pub mod lock_holder;
pub mod moved_note;
pub mod not_started;
pub mod paid;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod reconciliation;
pub mod registry;
pub mod registry_lookup;
pub mod report_copy;
pub mod run_history;
pub mod shared_run;
pub mod spending;
pub mod sqlite;
pub mod transfer;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use self::lock_holder::Holder;
pub use self::{
    engine::{RunStore, Store},
    error::StoreError,
    location::Location,
};
use crate::{
    exit::{Failure, NO_ROOM},
    files::write_atomically,
};

/// What to do about a failure of the machine, whether the system or the database tells of it.
pub fn remedy(failure: &Failure) -> Option<&'static str> {
    match sqlite::DatabaseFault::of(&failure.error) {
        Some(sqlite::DatabaseFault::Unwritable) => Some(NO_ROOM),
        _ => failure.remedy(),
    }
}

/// The file whose lock holds the folder.
const LOCK: &str = "lock";

/// The file with the folder's name among those of other hosts.
const PLACE: &str = "place";

/// Longer than a look at the lock takes.
const A_MOMENT: Duration = Duration::from_millis(50);

/// The state folder, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// The operating system frees the locks when the process ends, however it ends.
    _locks: Vec<File>,
}

/// Why the state folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "another run holds the folder {path}{}: wait until it ends, or stop it",
        Holder::in_words(holder.as_ref())
    )]
    Held {
        path: String,
        holder: Option<Holder>,
    },
    #[error(
        "the folder {path} cannot be used ({source}): check that it exists and may be written to"
    )]
    Io { path: String, source: io::Error },
}

impl StateFolder {
    /// Creates the folder where needed and takes it.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io {
            path: path.display().to_string(),
            source,
        };
        fs::create_dir_all(path).map_err(io_error)?;
        let mut locks = vec![lock_file(path).map_err(io_error)?];
        // Somebody may delete the file in the middle of a run; the folder stays.
        locks.extend(folder_itself(path));
        for lock in &locks {
            let taken = lock.try_lock().or_else(|_| {
                // `status` looks whether it is held, which takes it for a moment.
                thread::sleep(A_MOMENT);
                lock.try_lock()
            });
            match taken {
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held {
                        path: path.display().to_string(),
                        holder: Holder::peek(path),
                    });
                }
                // Not every disk takes locks on folders.
                Err(TryLockError::Error(error)) if lock.metadata().is_ok_and(|it| it.is_file()) => {
                    return Err(io_error(error));
                }
                _ => {}
            }
        }
        Holder::sign(path);
        Ok(Self {
            path: path.to_owned(),
            _locks: locks,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of this folder among those of other hosts, whichever machine it is on.
    pub fn place(&self) -> anyhow::Result<String> {
        let path = self.file(PLACE);
        if let Ok(place) = fs::read_to_string(&path) {
            return Ok(place.trim().to_owned());
        }
        let place = format!("{:032x}", fastrand::u128(..));
        write_atomically(&path, place.as_bytes())?;
        Ok(place)
    }

    /// Where a file of this folder is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Whether a run holds this state folder now.
pub fn is_held(path: &Path) -> bool {
    let file = File::open(path.join(LOCK)).ok();
    let mut locks = file.into_iter().chain(folder_itself(path));
    locks.any(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn lock_file(folder: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        // Others may read and write it, and nobody may delete it: a new one of its name would not be locked.
        const READ_AND_WRITE: u32 = 3;
        options.share_mode(READ_AND_WRITE);
    }
    options.open(folder.join(LOCK))
}

/// The folder as something that can be locked.
#[cfg(unix)]
fn folder_itself(path: &Path) -> Option<File> {
    File::open(path).ok()
}

/// Windows has no locks on folders; there the file cannot be deleted while a run holds it.
#[cfg(not(unix))]
fn folder_itself(_: &Path) -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_holds_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        assert!(!is_held(&state));
        let first = StateFolder::take(&state).unwrap();
        assert!(is_held(&state));
        assert!(matches!(
            StateFolder::take(&state),
            Err(LockError::Held { .. })
        ));
        drop(first);
        assert!(!is_held(&state));
        let first = StateFolder::take(&state).unwrap();
        // Somebody tidies up.
        let _ = fs::remove_file(state.join(LOCK));
        assert!(is_held(&state));
        assert!(matches!(
            StateFolder::take(&state),
            Err(LockError::Held { .. })
        ));
        drop(first);
        StateFolder::take(&state).unwrap();
    }
}
