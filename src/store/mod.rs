//! What survives: the registry, the checkpoint, paid responses with what they cost, jobs, runs, and the lock on the folder.

pub mod budget;
pub mod caps;
pub mod checkpoint;
mod entries;
pub mod job;
pub mod lock_holder;
pub mod moved_note;
pub mod not_started;
pub mod paid;
pub mod postgres;
pub mod reconciliation;
pub mod registry;
pub mod registry_lookup;
pub mod run_history;
pub mod spending;
pub mod sqlite;
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

use self::lock_holder::Holder;
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
    sync_folder_of(path)
}

/// As [`write_atomically`], and on Unix only the owner may read the file, whoever could read the old one.
pub fn write_privately(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    place(path, true, true, |file| Ok(file.write_all(bytes)?))?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> anyhow::Result<()> {
    let folder = behind_links(path);
    sync_folder(folder_of(&folder)).with_context(|| cannot_be_written(path))
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
    let path = &behind_links(path);
    let place = || -> anyhow::Result<()> {
        let mut file = new_file(folder_of(path), private)?;
        let mut buffer = BufWriter::new(file.as_file_mut());
        write(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        // On Windows the folder's rights hold for all of its files.
        #[cfg(unix)]
        if !private && let Ok(old) = fs::metadata(path) {
            file.as_file().set_permissions(old.permissions())?;
        }
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

/// How the names of files begin that are not in their places yet.
const NEW: &str = ".new-";

/// A file that is locked while it is written: one that is not was left behind by a kill.
fn new_file(folder: &Path, private: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(NEW);
    #[cfg(unix)]
    if !private {
        // Temporary files are private; what people read is as the user's umask has it.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = private;
    loop {
        let file = match builder.tempfile_in(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                builder.tempfile_in(folder)?
            }
            created => created?,
        };
        // Where there are no locks, nothing is swept either.
        let _ = file.as_file().lock();
        // A sweep may have come before the lock.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the files that a kill has left in a folder before they were in their places.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(NEW));
        let is_ours = |random: &str| random.len() == 6 && random.chars().all(char::is_alphanumeric);
        if random.is_some_and(is_ours)
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            // What cannot be removed now is tried again the next time.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where a file really is: what the user has put elsewhere stays there.
fn behind_links(path: &Path) -> PathBuf {
    /// As many as systems follow.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = folder_of(&path).join(target);
    }
    path
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
        "{} cannot be written: is the disk full, the folder read-only, or the file open in another program?",
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
    // What was set aside before at the same moment is not lost for it.
    while Path::new(&name).exists() {
        name.push("+");
    }
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

    #[test]
    fn a_sweep_takes_what_a_kill_has_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [".new-a1B2c3", ".new-year.csv", "new-a1B2c3"] {
            fs::write(path(name), "half of it").unwrap();
        }
        let written = new_file(folder.path(), false).unwrap();
        sweep(folder.path());
        let left = |name: &str| path(name).exists();
        assert!(!left(".new-a1B2c3"));
        assert!(left(".new-year.csv") && left("new-a1B2c3"));
        assert!(written.path().exists(), "it is being written");
        written.persist(path("whole")).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_rights_stay_as_they_are() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        // What a plain file gets is what the umask leaves.
        fs::write(path("plain"), "").unwrap();
        write_atomically(&path("new"), b"one").unwrap();
        assert_eq!(mode("new"), mode("plain"));
        fs::set_permissions(path("new"), fs::Permissions::from_mode(0o640)).unwrap();
        write_atomically(&path("new"), b"two").unwrap();
        assert_eq!(mode("new"), 0o640);
        symlink("away/there.csv", path("link")).unwrap();
        for text in ["first", "second"] {
            write_atomically(&path("link"), text.as_bytes()).unwrap();
            assert!(path("link").is_symlink());
            assert_eq!(fs::read_to_string(path("away/there.csv")).unwrap(), text);
        }
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
