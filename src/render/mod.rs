//! The pages, tables and the workbook that people read, made from saved reports alone.

mod campaign_year;
mod changes;
mod chunks;
mod family_drawing;
mod findings;
mod formula_escape;
mod history;
mod ordered_threads;
mod overview;
mod owners_sheet;
mod page;
mod portfolio;
mod recent_changes;
mod run_charts;
#[cfg(test)]
mod sample;
mod statements;
mod tables;
mod template_filters;
mod view;
mod workbook;
mod workbook_sheets;
mod workbook_style;

use std::{
    fs,
    io::{self, Read, Seek},
    path::Path,
};

use anyhow::Context;

pub use self::changes::in_short as changes_in_short;
pub use self::findings::findings;
pub use self::portfolio::{Background, FailedBrand};
use crate::{
    files::{replace, write_atomically},
    list::results_tab::Findings,
    ownership::Ownership,
    report::{Field, Report},
    research::Researched,
    text::lang::Lang,
};

/// The file that everything else is made of.
use crate::report::FILE as REPORT;

/// A file with its name.
pub type NamedFile = (&'static str, Vec<u8>);

/// Saves a report in the brand's folder, with what is rendered from it; the one that was there goes into its history,
/// and the report says what changed. When this returns, the report itself is on disk; what is rendered from it may be
/// lost with the power, because it can be made again. Returns what is wrong with earlier reports.
pub fn save(folder: &Path, researched: &mut Researched) -> anyhow::Result<Vec<String>> {
    let Researched { report, sight, .. } = researched;
    let problems = history::turn_page(folder, report, sight)?;
    replace_all(folder, render(report)?)?;
    // The report last: once it is there, everything that belongs to it is.
    write_atomically(&folder.join(REPORT), &serde_json::to_vec_pretty(report)?)?;
    Ok(problems)
}

/// Puts a report that another host has made into the brand's folder, with what is rendered from it; an older one goes
/// into its history.
pub fn bring(folder: &Path, json: &str) -> anyhow::Result<()> {
    let path = folder.join(REPORT);
    if fs::read(&path).is_ok_and(|here| here == json.as_bytes()) {
        return Ok(());
    }
    let report: Report = serde_json::from_str(json)?;
    history::keep(folder)?;
    replace_all(folder, render(&report)?)?;
    write_atomically(&path, json.as_bytes())
}

/// Whether the report under this path is there and was not cut short. What was written by this program is known by its
/// last line; the rest of the file is not looked at.
pub fn is_whole(report: &Path) -> bool {
    let ends_well = || -> io::Result<bool> {
        let mut file = fs::File::open(report)?;
        let mut end = [0; 2];
        file.seek(io::SeekFrom::End(-2))?;
        file.read_exact(&mut end)?;
        Ok(&end == b"\n}")
    };
    ends_well().unwrap_or(false) || fs::read(report).is_ok_and(|bytes| Report::read(&bytes).is_ok())
}

fn replace_all(folder: &Path, files: Vec<NamedFile>) -> anyhow::Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        if !fs::read(&path).is_ok_and(|old| old == bytes) {
            replace(&path, &bytes)?;
        }
    }
    Ok(())
}

/// The pages and tables of one report.
fn render(report: &Report) -> anyhow::Result<Vec<NamedFile>> {
    Ok(vec![
        ("report.html", page::html(report)?.into_bytes()),
        ("report.md", page::markdown(report)?.into_bytes()),
        ("products.csv", tables::products(report)?),
        ("campaign_opportunities.csv", tables::opportunities(report)?),
        ("related_brands.csv", tables::related(report)?),
        ("chunks.jsonl", chunks::lines(report)?),
    ])
}

/// Rebuilds the portfolio and the workbook of all reports in the output folder. Returns what is wrong with reports that
/// cannot be read and are left out, and what the workbook has no room for.
pub fn portfolio(output: &Path, background: &Background) -> anyhow::Result<Vec<String>> {
    let (_, problems) = portfolio::walk(output, background, |_, _| Ok(()))?;
    Ok(problems)
}

/// Hands over all reports below a folder that can be read, with the names of their folders.
pub fn each_saved(output: &Path, take: &mut dyn FnMut(&str, &Report)) -> anyhow::Result<()> {
    for folder in folders(output)? {
        if let Ok(Some(report)) = read(output, &folder) {
            take(&folder, &report);
        }
    }
    Ok(())
}

/// The key findings of a report that was saved under this path; none where it cannot be read.
pub fn saved_findings(report: &str, lang: Lang) -> Option<Findings> {
    let report: Report = serde_json::from_slice(&fs::read(report).ok()?).ok()?;
    Some(findings(&report, lang))
}

/// Who owns whom, as all reports below a folder say, and what is wrong with reports that cannot be read.
pub fn ownership(output: &Path) -> anyhow::Result<(Ownership, Vec<String>)> {
    let (mut ownership, mut problems) = (Ownership::default(), Vec::new());
    for folder in folders(output)? {
        match read(output, &folder) {
            Ok(report) => report.iter().for_each(|report| ownership.add(report)),
            Err(problem) => problems.push(problem),
        }
    }
    Ok((ownership, problems))
}

/// Renders everything again from the saved reports. Returns how many there are, and what is wrong with others.
pub fn export(output: &Path, background: &Background) -> anyhow::Result<(usize, Vec<String>)> {
    portfolio::walk(output, background, |folder, report| {
        replace_all(&output.join(folder), render(report)?)
    })
}

/// The folders of reports that call their brand, in either language, as wanted. What cannot be read is passed over.
pub fn named(output: &Path, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
    let mut folders = folders(output)?;
    folders.retain(|folder| {
        let Ok(Some(report)) = read(output, folder) else {
            return false;
        };
        let names = [Field::NameFa, Field::NameEn];
        let names = names.iter().flat_map(|field| report.facts.all(*field));
        is_wanted(&report.brand) || names.map(|fact| &*fact.value).any(&is_wanted)
    });
    Ok(folders)
}

/// The names of all folders, in their order.
pub fn folders(output: &Path) -> anyhow::Result<Vec<String>> {
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
    Report::read(&bytes).map(Some).map_err(|error| {
        format!(
            "{} is not a report that this program can read ({error}): move it away, or research the brand again",
            path.display()
        )
    })
}
