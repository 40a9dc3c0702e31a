//! The removal of files that killed runs have left behind, while this run works.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::task::JoinHandle;

use crate::{config::dotenv, files::sweep, store::StateFolder};

/// The sweeping of the folders of all brands, which may be many.
#[derive(Debug, Default)]
pub struct Sweeping(Option<JoinHandle<()>>);

impl Sweeping {
    /// Sweeps the folders of a run, those of the brands in the background.
    pub fn begin(state: &StateFolder, output: &Path) -> Self {
        sweep(state.path());
        dotenv::sweep();
        let output = output.to_owned();
        Self(Some(tokio::task::spawn_blocking(move || {
            sweep(&output);
            for folder in folders(&output) {
                sweep(&folder);
                sweep(&folder.join("history"));
            }
        })))
    }

    /// Waits until all is swept.
    pub async fn end(&mut self) {
        if let Some(sweeping) = self.0.take() {
            // What was not swept is swept the next time.
            let _ = sweeping.await;
        }
    }
}

fn folders(output: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(output).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.is_dir())
}
