//! What people read: pages, tables and the workbook, made of saved reports alone.

mod pages;
mod tables;
mod view;
mod workbook;

use std::{fs, path::Path};

use anyhow::Context;

use crate::{
    research::report::Report,
    state::{write_all_atomically, write_atomically},
};

/// The file that everything else is made of.
const REPORT: &str = "brand_report.json";

/// Saves a report and what is rendered from it in the brand's folder.
pub fn save(folder: &Path, report: &Report) -> anyhow::Result<()> {
    let mut files = render(report)?;
    // The report last: once it is there, everything that belongs to it is.
    files.push((REPORT, serde_json::to_vec_pretty(report)?));
    write_all_atomically(folder, files)
}

/// The pages and tables of one report.
fn render(report: &Report) -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(vec![
        ("report.html", pages::html(report)?.into_bytes()),
        ("report.md", pages::markdown(report)?.into_bytes()),
        ("products.csv", tables::products(report)?),
        ("campaign_opportunities.csv", tables::opportunities(report)?),
        ("related_brands.csv", tables::related(report)?),
    ])
}

/// Rebuilds the index and the workbook of all reports in the output folder. Returns what is wrong with reports that
/// cannot be read; they are left out.
pub fn portfolio(output: &Path) -> anyhow::Result<Vec<String>> {
    let (reports, unreadable) = reports(output)?;
    write_portfolio(output, &reports)?;
    Ok(unreadable)
}

/// Renders everything again from the saved reports. Returns how many there are, and what is wrong with others.
pub fn export(output: &Path) -> anyhow::Result<(usize, Vec<String>)> {
    let (reports, unreadable) = reports(output)?;
    for (folder, report) in &reports {
        write_all_atomically(&output.join(folder), render(report)?)?;
    }
    write_portfolio(output, &reports)?;
    Ok((reports.len(), unreadable))
}

fn write_portfolio(output: &Path, reports: &[(String, Report)]) -> anyhow::Result<()> {
    write_atomically(
        &output.join("index.html"),
        pages::index(reports)?.as_bytes(),
    )?;
    write_atomically(&output.join("brands.xlsx"), &workbook::workbook(reports)?)
}

/// Reports with the names of their folders, and what is wrong with those that cannot be read.
type Readable = (Vec<(String, Report)>, Vec<String>);

/// All saved reports in the order of their folders.
fn reports(output: &Path) -> anyhow::Result<Readable> {
    let entries = match fs::read_dir(output) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", output.display()));
        }
    };
    let (mut reports, mut unreadable) = (Vec::new(), Vec::new());
    for entry in entries {
        let entry = entry?;
        let path = entry.path().join(REPORT);
        let Ok(bytes) = fs::read(&path) else { continue };
        match serde_json::from_slice(&bytes) {
            Ok(report) => reports.push((entry.file_name().to_string_lossy().into_owned(), report)),
            Err(error) => unreadable.push(format!(
                "{} is not a report that this program can read ({error}): move it away, or research the brand again",
                path.display()
            )),
        }
    }
    reports.sort_by(|(a, _), (b, _): &(String, Report)| a.cmp(b));
    Ok((reports, unreadable))
}
