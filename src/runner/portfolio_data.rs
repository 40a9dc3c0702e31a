//! What the portfolio says besides the reports, read from the state folder without holding it.

use std::path::Path;

use crate::{
    render::{Background, FailedBrand},
    store::{
        moved_note,
        registry::{Registry, Status},
        run_history,
    },
};

/// Runs of the past and brands that failed. What cannot be read is left out, and the texts say so.
pub fn read(state: &Path) -> (Background, Vec<String>) {
    let moved = moved_note::note(state).map(|moved| moved.to_string());
    let mut problems = Vec::from_iter(moved);
    let mut or_none = |error: anyhow::Error| problems.push(format!("{error:#}"));
    let runs = run_history::peek(state)
        .map_err(&mut or_none)
        .unwrap_or_default();
    let registry = Registry::peek(state).map_err(&mut or_none).ok();
    let mut failed = Vec::new();
    if let Some((registry, damage)) = registry {
        problems.extend(damage);
        let entries = registry.entries().map(|(_, entry)| entry);
        failed.extend(
            entries
                .filter(|entry| entry.status == Status::Failed)
                .map(|entry| FailedBrand::of(entry)),
        );
    }
    (Background { runs, failed }, problems)
}
