//! The writing of files, so that after a crash at any moment the old file or the new one is there.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use jiff::Timestamp;
use tempfile::NamedTempFile;

use crate::exit::is_of_open_files;

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

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
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
