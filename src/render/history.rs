//! The history of a brand: earlier reports are kept beside the last one, with what the last one adds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use super::REPORT;
use crate::{
    files::{set_aside, set_aside_name, write_atomically},
    report::{Comparison, Report},
    research::diff::{self, PreviousReports, SearchCoverage},
};

/// Earlier reports that are kept, and comparisons that a report carries.
const KEPT: usize = 12;

const FOLDER: &str = "history";

/// What a saved report says of those before it.
#[derive(Deserialize)]
struct Trail {
    #[serde(default)]
    changes: Vec<Comparison>,
}

/// Puts the report that is in the brand's folder among the earlier ones and says in the new one what changed. Returns
/// what is wrong with files that cannot be compared. `sight` is what searching brought.
///
/// The program may have been killed after it saved the same report: it is known by its time, and nothing is compared
/// or kept twice.
pub fn turn_page(
    folder: &Path,
    report: &mut Report,
    sight: &SearchCoverage,
) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut before = earlier(folder, report.generated_at, &mut problems);
    let path = folder.join(REPORT);
    let last = fs::read(&path).ok();
    let last = last.and_then(
        |bytes| match serde_json::from_slice::<PreviousReports>(&bytes) {
            Ok(past) => Some((past, bytes)),
            Err(error) => {
                problems.push(set_apart(&path, &error));
                None
            }
        },
    );
    if let Some((past, bytes)) = last {
        let at = past.generated_at;
        let trail = serde_json::from_slice::<Trail>(&bytes).map(|trail| trail.changes);
        report.changes = trail.unwrap_or_default();
        report.changes.retain(|old| old.at != report.generated_at);
        if at != report.generated_at {
            before.retain(|kept| kept.generated_at != at);
            before.insert(0, past);
            write_atomically(&folder.join(FOLDER).join(name(at)), &bytes)?;
            forget_oldest(folder);
        }
    }
    if let Some(comparison) = diff::compare(report, sight, &before) {
        report.changes.insert(0, comparison);
    }
    report.changes.truncate(KEPT);
    Ok(problems)
}

/// Puts the report that is in the brand's folder among the earlier ones, where it can be read.
pub fn keep(folder: &Path) -> anyhow::Result<()> {
    let Ok(bytes) = fs::read(folder.join(REPORT)) else {
        return Ok(());
    };
    if let Ok(past) = serde_json::from_slice::<PreviousReports>(&bytes) {
        write_atomically(&folder.join(FOLDER).join(name(past.generated_at)), &bytes)?;
        forget_oldest(folder);
    }
    Ok(())
}

/// The reports that are kept, the last first.
fn earlier(folder: &Path, but: Timestamp, problems: &mut Vec<String>) -> Vec<PreviousReports> {
    let mut reports = Vec::new();
    for path in kept(folder) {
        let Ok(bytes) = fs::read(&path) else { continue };
        match serde_json::from_slice::<PreviousReports>(&bytes) {
            Ok(past) if past.generated_at != but => reports.push(past),
            Ok(_) => {}
            Err(error) => problems.push(not_compared(&path, &error)),
        }
    }
    reports
}

/// The files of earlier reports, the last first: their names are their times.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(FOLDER)).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    files
}

fn forget_oldest(folder: &Path) {
    for path in kept(folder).into_iter().skip(KEPT) {
        // What cannot be removed now is tried again with the next report.
        let _ = fs::remove_file(path);
    }
}

fn name(at: Timestamp) -> String {
    format!("{}.json", at.strftime("%Y%m%dT%H%M%S%3fZ"))
}

/// Moves a report that cannot be read out of the way of the new one, and says so.
fn set_apart(path: &Path, error: &serde_json::Error) -> String {
    let aside = set_aside_name(path, Timestamp::now());
    match set_aside(path, &aside) {
        Ok(()) => format!(
            "{} was damaged ({error}) and cannot be compared with the new report. It is now {}",
            path.display(),
            aside.display()
        ),
        Err(refused) => format!("{refused:#}"),
    }
}

fn not_compared(path: &Path, error: &serde_json::Error) -> String {
    format!(
        "{} cannot be compared with the new report ({error}): move it away",
        path.display()
    )
}
