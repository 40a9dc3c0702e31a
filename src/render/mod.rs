//! What people read: pages, tables and the workbook, made of saved reports alone.

mod family;
mod page;
mod pages;
mod tables;
mod view;
mod workbook;
mod year;

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use serde::Deserialize;

use self::{view::Tongue, workbook::Book};
use crate::{
    cli::Lang,
    research::report::{Coverage, Report},
    state::{stream_atomically, write_all_atomically},
};

/// The file that everything else is made of.
const REPORT: &str = "brand_report.json";

/// A file with its name.
pub type NamedFile = (&'static str, Vec<u8>);

/// A report and what is rendered from it.
pub fn files(report: &Report) -> anyhow::Result<Vec<NamedFile>> {
    let mut files = render(report)?;
    // The report last: once it is there, everything that belongs to it is.
    files.push((REPORT, serde_json::to_vec_pretty(report)?));
    Ok(files)
}

/// Saves a report's files in the brand's folder.
pub fn save(folder: &Path, files: Vec<NamedFile>) -> anyhow::Result<()> {
    write_all_atomically(folder, files)
}

/// The pages and tables of one report.
fn render(report: &Report) -> anyhow::Result<Vec<NamedFile>> {
    Ok(vec![
        ("report.html", page::html(report)?.into_bytes()),
        ("report.md", page::markdown(report)?.into_bytes()),
        ("products.csv", tables::products(report)?),
        ("campaign_opportunities.csv", tables::opportunities(report)?),
        ("related_brands.csv", tables::related(report)?),
    ])
}

/// Rebuilds the index and the workbook of all reports in the output folder. Returns what is wrong with reports that
/// cannot be read; they are left out.
pub fn portfolio(output: &Path) -> anyhow::Result<Vec<String>> {
    let (_, unreadable) = walk(output, |_, _| Ok(()))?;
    Ok(unreadable)
}

/// All reports below a folder, in the order of their folders.
pub fn saved(output: &Path) -> anyhow::Result<Vec<Report>> {
    let folders = folders(output)?;
    let reports = folders
        .iter()
        .filter_map(|folder| read(output, folder).transpose());
    reports
        .collect::<Result<_, String>>()
        .map_err(anyhow::Error::msg)
}

/// Renders everything again from the saved reports. Returns how many there are, and what is wrong with others.
pub fn export(output: &Path) -> anyhow::Result<(usize, Vec<String>)> {
    walk(output, |folder, report| {
        write_all_atomically(&output.join(folder), render(report)?)
    })
}

/// Goes through all reports, of which one at a time is in memory, and writes the index and the workbook on the way.
fn walk(
    output: &Path,
    mut each: impl FnMut(&str, &Report) -> anyhow::Result<()>,
) -> anyhow::Result<(usize, Vec<String>)> {
    let folders = folders(output)?;
    let glance = glance(output, &folders);
    let mut book = Book::new(glance.tongue())?;
    let (mut count, mut unreadable) = (0, Vec::new());
    stream_atomically(&output.join("index.html"), |index| {
        index.write_all(pages::index_head(&glance)?.as_bytes())?;
        for folder in &folders {
            match read(output, folder) {
                Ok(Some(report)) => {
                    each(folder, &report)?;
                    index.write_all(pages::index_row(&glance, folder, &report)?.as_bytes())?;
                    book.add(&report)?;
                    count += 1;
                }
                Ok(None) => {}
                Err(problem) => unreadable.push(problem),
            }
        }
        Ok(index.write_all(pages::INDEX_TAIL.as_bytes())?)
    })?;
    stream_atomically(&output.join("brands.xlsx"), |file| book.save(file))?;
    Ok((count, unreadable))
}

/// What has to be known of all reports before the first is shown.
#[derive(Default)]
pub struct Glance {
    pub reports: usize,
    /// Those with sufficient coverage.
    pub full: usize,
    pub persian: bool,
    pub simulated: bool,
}

impl Glance {
    /// The language of the portfolio: Persian where any report is.
    pub fn tongue(&self) -> Tongue {
        Tongue {
            fa: self.persian || self.reports == 0,
        }
    }
}

fn glance(output: &Path, folders: &[String]) -> Glance {
    #[derive(Deserialize)]
    struct Head {
        simulated: bool,
        lang: Lang,
        quality: HeadQuality,
    }
    #[derive(Deserialize)]
    struct HeadQuality {
        coverage: Coverage,
    }
    let mut glance = Glance::default();
    for folder in folders {
        let head = fs::read(output.join(folder).join(REPORT)).ok();
        let Some(head) = head.and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok()) else {
            continue;
        };
        glance.reports += 1;
        glance.full += usize::from(head.quality.coverage == Coverage::Full);
        glance.persian |= head.lang.persian();
        glance.simulated |= head.simulated;
    }
    glance
}

/// The names of all folders, in their order.
fn folders(output: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(output) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", output.display()));
        }
    };
    let mut folders = Vec::new();
    for entry in entries {
        folders.push(entry?.file_name().to_string_lossy().into_owned());
    }
    folders.sort_unstable();
    Ok(folders)
}

/// The report of a folder, if it has one, or what is wrong with it.
fn read(output: &Path, folder: &str) -> Result<Option<Report>, String> {
    let path = output.join(folder).join(REPORT);
    let Ok(bytes) = fs::read(&path) else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        format!(
            "{} is not a report that this program can read ({error}): move it away, or research the brand again",
            path.display()
        )
    })
}
