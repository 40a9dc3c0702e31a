//! What survives: the registry, the checkpoint, paid responses with what they cost, jobs, runs, and the lock on the folder.

pub mod budget;
pub mod caps;
pub mod checkpoint;
mod entries;
pub mod holder;
pub mod job;
pub mod known;
pub mod meter;
pub mod moved;
pub mod not_started;
pub mod paid;
pub mod registry;
pub mod runs;
pub mod shared;
pub mod spending;
pub mod store;
pub mod transfer;

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::Context;
use jiff::Timestamp;
use tempfile::NamedTempFile;

use self::holder::Holder;
use crate::exit::is_of_open_files;

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
    /// The operating system frees the lock when the process ends, however it ends.
    _lock: File,
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
        let lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path.join(LOCK))
            .map_err(io_error)?;
        match lock.try_lock().or_else(|_| {
            // `status` looks whether it is held, which takes it for a moment.
            thread::sleep(A_MOMENT);
            lock.try_lock()
        }) {
            Ok(()) => {
                Holder::sign(path);
                Ok(Self {
                    path: path.to_owned(),
                    _lock: lock,
                })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                path: path.display().to_string(),
                holder: Holder::peek(path),
            }),
            Err(TryLockError::Error(error)) => Err(io_error(error)),
        }
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
    File::open(path.join(LOCK))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Puts a whole file in the place of another: after a crash at any moment the old one or the new one is there. When
/// this returns, it is on disk.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    stream_atomically(path, |file| Ok(file.write_all(bytes)?))
}

/// As [`write_atomically`], for what is too long to be kept in memory.
pub fn stream_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    place(path, true, false, write)?;
    sync_folder(folder_of(path)).with_context(|| cannot_be_written(path))
}

/// As [`write_atomically`], and on Unix only the owner may read the file, whoever could read the old one.
pub fn write_privately(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    place(path, true, true, |file| Ok(file.write_all(bytes)?))?;
    sync_folder(folder_of(path)).with_context(|| cannot_be_written(path))
}

/// Puts a whole file in the place of another, for what may be lost when the power fails.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    place(path, false, false, |file| Ok(file.write_all(bytes)?))
}

fn place(
    path: &Path,
    sync: bool,
    private: bool,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let place = || -> anyhow::Result<()> {
        let folder = folder_of(path);
        let mut file = new_file(folder)?;
        let mut buffer = BufWriter::new(file.as_file_mut());
        write(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        #[cfg(unix)]
        if !private {
            // Temporary files are private; what people read is not.
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).map_or(0o644, |m| m.permissions().mode());
            file.as_file()
                .set_permissions(fs::Permissions::from_mode(mode))?;
        }
        // On Windows the folder's rights hold for all of its files.
        #[cfg(not(unix))]
        let _ = private;
        if sync {
            file.as_file().sync_all()?;
        }
        file.persist(path)?;
        Ok(())
    };
    place().map_err(|error| {
        let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
        let words = match causes.any(is_of_open_files) {
            true => format!(
                "{} cannot be written, because too many files are open: raise ulimit -n",
                path.display()
            ),
            false => cannot_be_written(path),
        };
        error.context(words)
    })
}

fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    let create = || tempfile::Builder::new().prefix(".new-").tempfile_in(folder);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            create()
        }
        created => created,
    }
}

/// A file without a name, which is gone with the program: in this folder, which has room for what comes of it, or else in
/// the system's folder for temporary files, which a container may not have.
pub fn scratch_file(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder).or_else(|error| tempfile::tempfile().map_err(|_| error))
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn cannot_be_written(path: &Path) -> String {
    format!(
        "{} cannot be written: is the disk full, or the folder read-only?",
        path.display()
    )
}

/// The name that a broken file is set aside under.
pub fn set_aside_name(path: &Path, now: Timestamp) -> PathBuf {
    aside_name(path, "broken", now)
}

/// The name that a file is set aside under, which says why.
pub fn aside_name(path: &Path, why: &str, now: Timestamp) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{why}-{}", now.strftime("%Y%m%dT%H%M%S%3fZ")));
    PathBuf::from(name)
}

/// Gives a file another name, so that it is out of the way and not lost.
pub fn set_aside(path: &Path, aside: &Path) -> anyhow::Result<()> {
    fs::rename(path, aside).with_context(|| {
        format!(
            "{} has to be out of the way and cannot be renamed to {}",
            path.display(),
            aside.display()
        )
    })
}

/// A rename survives a power failure only once its folder is on disk.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows cannot open a folder for this; NTFS journals the rename itself.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
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
        StateFolder::take(&state).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("file.json");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
