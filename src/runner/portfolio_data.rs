//! The data of the portfolio: the reports of all hosts, and what it says besides them.

use std::path::Path;

use crate::{
    render::{self, Background, FailedBrand},
    store::Store,
};

/// Brings the reports of other hosts into the output folder, and reads the runs of the past and the brands that failed. What
/// cannot be read is left out, and the texts say so.
///
/// # Errors
/// Where the store cannot be read at all.
pub async fn read(store: &dyn Store, output: &Path) -> anyhow::Result<(Background, Vec<String>)> {
    let mut problems = store.bring_reports(output, render::bring).await?;
    let history = store.history().await?;
    problems.extend(history.problems);
    let background = Background {
        runs: history.runs,
        failed: history
            .failed
            .iter()
            .map(|entry| FailedBrand::of(entry))
            .collect(),
    };
    Ok((background, problems))
}
