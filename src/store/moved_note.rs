//! The note in a state folder that what was in it has gone to a database that hosts share. Who worked in the folder all
//! the same would begin anew, and pay for everything again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::StateFolder;
use crate::files::write_atomically;

const FILE: &str = "moved_to";

/// That the state of a folder is somewhere else.
#[derive(Debug, thiserror::Error)]
#[error(
    "what was in {folder} is now in {to}: give that to --state (BRANDINTEL_STATE), or move it back with brandintel move --to {folder}. To begin anew, and pay for everything again, delete {note}"
)]
pub struct Moved {
    folder: String,
    pub to: String,
    note: String,
}

/// Where the state of this folder has gone; `None` where it has not.
pub fn note(state: &Path) -> Option<Moved> {
    let note = state.join(FILE);
    let to = fs::read_to_string(&note).ok()?;
    Some(Moved {
        folder: state.display().to_string(),
        to: to.trim().to_owned(),
        note: note.display().to_string(),
    })
}

/// Notes where the state goes, for good. When this returns, it is on disk.
pub fn put(folder: &StateFolder, to: &str) -> anyhow::Result<()> {
    write_atomically(&file(folder), format!("{to}\n").as_bytes())
}

/// The state is in the folder.
pub fn clear(folder: &StateFolder) -> anyhow::Result<()> {
    let note = file(folder);
    match fs::remove_file(&note) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", note.display()))
        }
        _ => Ok(()),
    }
}

fn file(folder: &StateFolder) -> PathBuf {
    folder.file(FILE)
}
