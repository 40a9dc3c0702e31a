//! The check whether the folders of a run can be written to, before anything is spent.

use std::{fs, path::Path};

use anyhow::Context;

use crate::{
    exit::{Exit, Failure, OrExit},
    files::write_atomically,
};

/// Not empty, because a disk that is full still takes empty files.
const PROBE: [u8; 4_096] = [b'.'; 4_096];

/// Writes a small file into a folder, which is created where it is not there, and takes the file away again.
///
/// # Errors
/// With [`Exit::Machine`], when the folder or a file in it cannot be written.
pub fn prove(folder: &Path) -> Result<(), Failure> {
    // Hosts may share the folder, so each has a name of its own.
    let probe = folder.join(format!(".check-{:016x}", fastrand::u64(..)));
    let written = write_atomically(&probe, &PROBE).and_then(|()| Ok(fs::remove_file(&probe)?));
    // A file that stands in the place of the folder, or a link that leads nowhere, has no error of its own kind.
    let blocked = !folder.is_dir() && folder.symlink_metadata().is_ok();
    let written = match blocked {
        true => written.with_context(|| {
            let place = folder.display();
            format!("{place} is not a folder: move away what stands in its place")
        }),
        false => written,
    };
    written.or_exit(Exit::Machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_a_folder_is_named() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("output");
        prove(&output).unwrap();
        assert_eq!(fs::read_dir(&output).unwrap().count(), 0, "nothing is left");
        fs::remove_dir(&output).unwrap();
        fs::write(&output, "a file").unwrap();
        let failure = prove(&output).unwrap_err();
        assert_eq!(failure.exit, Exit::Machine);
        let words = format!("{:#}", failure.error);
        assert!(words.contains("is not a folder"), "{words}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_named() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("output");
        std::os::unix::fs::symlink(place.path().join("gone/away"), &output).unwrap();
        let words = format!("{:#}", prove(&output).unwrap_err().error);
        assert!(words.contains("is not a folder"), "{words}");
    }
}
