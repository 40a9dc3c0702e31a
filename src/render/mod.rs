//! What people read: pages, tables and the workbook, made of saved reports alone.

mod pages;
mod tables;
mod view;
mod workbook;

use std::{fs, path::Path};

use anyhow::Context;

use crate::{research::report::Report, state::write_atomically};

/// The file that everything else is made of.
const REPORT: &str = "brand_report.json";

/// Saves a report and what is rendered from it in the brand's folder.
pub fn save(folder: &Path, report: &Report) -> anyhow::Result<()> {
    // The report last: once it is there, everything that belongs to it is.
    render(folder, report)?;
    write_atomically(&folder.join(REPORT), &serde_json::to_vec_pretty(report)?)
}

/// Renders the pages and tables of one report.
fn render(folder: &Path, report: &Report) -> anyhow::Result<()> {
    let files = [
        ("report.html", pages::html(report)?.into_bytes()),
        ("report.md", pages::markdown(report)?.into_bytes()),
        ("products.csv", tables::products(report)?),
        ("campaign_opportunities.csv", tables::opportunities(report)?),
        ("related_brands.csv", tables::related(report)?),
    ];
    files
        .iter()
        .try_for_each(|(name, bytes)| write_atomically(&folder.join(name), bytes))
}

/// Rebuilds the index and the workbook of all reports in the output folder.
pub fn portfolio(output: &Path) -> anyhow::Result<()> {
    let reports = reports(output)?;
    write_atomically(
        &output.join("index.html"),
        pages::index(&reports)?.as_bytes(),
    )?;
    write_atomically(&output.join("brands.xlsx"), &workbook::workbook(&reports)?)
}

/// Renders everything again from the saved reports. Returns how many there are.
pub fn export(output: &Path) -> anyhow::Result<usize> {
    let reports = reports(output)?;
    for (folder, report) in &reports {
        render(&output.join(folder), report)?;
    }
    portfolio(output)?;
    Ok(reports.len())
}

/// All saved reports with the names of their folders, in the order of these names.
fn reports(output: &Path) -> anyhow::Result<Vec<(String, Report)>> {
    let entries = match fs::read_dir(output) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", output.display()));
        }
    };
    let mut reports = Vec::new();
    for entry in entries {
        let path = entry?.path().join(REPORT);
        let Ok(bytes) = fs::read(&path) else { continue };
        let report: Report = serde_json::from_slice(&bytes).with_context(|| {
            format!(
                "{} is not a report that this program can read: move it away, or research the brand again",
                path.display()
            )
        })?;
        let folder = path
            .parent()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        reports.push((folder.unwrap_or_default(), report));
    }
    reports.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(reports)
}
