//! The choice of the `.env` that is read.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The nearest `.env`: of this folder, or of one above it where that file is this user's own.
pub fn find() -> Option<PathBuf> {
    nearest().filter(|file| !is_above(file) || is_own(file))
}

pub fn nearest() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    let mut files = here.ancestors().map(|folder| folder.join(".env"));
    files.find(|file| file.is_file())
}

/// Whether a file is in a folder above this one: its settings surprise who has forgotten it.
pub fn is_above(file: &Path) -> bool {
    env::current_dir().is_ok_and(|here| file.parent() != Some(&here))
}

/// Whether a file belongs to this user, and so does the link that leads to it: in a folder above, such as `/tmp`, anybody
/// may have left one that sends keys elsewhere.
#[cfg(unix)]
pub fn is_own(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    [fs::metadata(file), fs::symlink_metadata(file)]
        .iter()
        .all(|found| found.as_ref().is_ok_and(|found| found.uid() == user))
}

/// Whether a file is in the user's own profile, where others cannot write: Windows tells owners by unsafe code alone.
#[cfg(windows)]
pub fn is_own(file: &Path) -> bool {
    let profile = env::var_os("USERPROFILE").map(PathBuf::from);
    let whole = |path: &Path| fs::canonicalize(path).ok();
    match (profile.as_deref().and_then(whole), whole(file)) {
        (Some(profile), Some(file)) => file.starts_with(profile),
        _ => false,
    }
}
