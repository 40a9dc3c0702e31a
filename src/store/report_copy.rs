//! The copies of reports that hosts hand to each other.

use std::{fs, path::Path};

use super::paid::pack;
use crate::report::FILE;

/// Puts a report in JSON into a brand's folder, with the pages that are made of it.
pub type PutReport = fn(&Path, &str) -> anyhow::Result<()>;

/// The report of a folder for other hosts: its hash, and the report, deflated.
pub fn carry(folder: &Path) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let bytes = fs::read(folder.join(FILE))?;
    Ok((blake3::hash(&bytes).as_bytes().to_vec(), pack(&bytes)?))
}

/// The hash of the report of a folder; `None` where there is none.
pub fn hash(folder: &Path) -> Option<[u8; 32]> {
    let bytes = fs::read(folder.join(FILE)).ok()?;
    Some(*blake3::hash(&bytes).as_bytes())
}
