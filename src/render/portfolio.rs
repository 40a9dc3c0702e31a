//! The portfolio: one page about all brands, and the workbook, written while reports are read one by one.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fs,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use anyhow::Context;
use askama::Template;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};

use super::{
    folders,
    ordered_threads::in_order,
    overview::{BrandGroup, BrandState, Choice, Glance, Support, name, parent, sector, short_key},
    read,
    recent_changes::Nights,
    run_charts::{Recent, amount},
    tables, template_filters as filters,
    view::Tongue,
    workbook::Book,
};
use crate::{
    files::{stream_atomically, write_atomically},
    ownership::{self, Ownership, Rivals},
    report::{Field, Report},
    store::{registry::Entry, run_history::RunLine, sqlite::DatabaseFault},
    text::shorten,
};

/// The page's only script; its hash is what the page's policy allows.
const SCRIPT: &str = include_str!("templates/portfolio.js");

/// Characters of an error that are shown.
const ERROR: usize = 300;

/// What the portfolio says besides the reports. It comes from whoever asks for the page.
#[derive(Debug, Default)]
pub struct Background {
    /// Runs of the past, the oldest first.
    pub runs: Vec<RunLine>,
    pub failed: Vec<FailedBrand>,
}

/// A brand whose last attempt failed.
#[derive(Debug)]
pub struct FailedBrand {
    pub brand: String,
    /// The folder of its older report.
    pub folder: Option<String>,
    pub error: String,
    pub at: Timestamp,
}

impl FailedBrand {
    /// The brand of this entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            brand: entry.brand.clone(),
            folder: entry.folder(),
            error: entry.error.clone().unwrap_or_default(),
            at: entry.updated_at,
        }
    }
}

impl Background {
    /// Brands that failed and had a report before, by its folder.
    pub fn failed_by_folder(&self) -> HashMap<&str, &FailedBrand> {
        let with_folder = |brand| -> Option<(&str, &FailedBrand)> {
            let brand: &FailedBrand = brand;
            Some((brand.folder.as_deref()?, brand))
        };
        self.failed.iter().filter_map(with_folder).collect()
    }
}

#[derive(Template)]
#[template(path = "portfolio_head.html")]
struct HeadPage<'a> {
    t: Tongue,
    glance: &'a Glance,
    recent: Option<Recent>,
    columns: [PortfolioColumn; COLUMNS.len()],
    sectors: Vec<Choice>,
    parents: Vec<Choice>,
    script_hash: String,
}

#[derive(Template)]
#[template(path = "portfolio_row.html")]
struct RowPage<'a> {
    t: Tongue,
    row: &'a PortfolioRow,
}

#[derive(Template)]
#[template(path = "portfolio_tail.html")]
struct TailPage<'a> {
    t: Tongue,
    families: Vec<(String, &'a BrandGroup)>,
    rivals: &'a [Rivals],
    script: &'a str,
}

/// A column of the table.
struct PortfolioColumn {
    /// Its name in the page's attributes and addresses.
    code: &'static str,
    label: &'static str,
}

/// The columns: codes, and labels in Persian and English.
const COLUMNS: [(&str, &str, &str); 8] = [
    ("brand", "برند", "Brand"),
    (
        "parent",
        Field::Parent.label(true),
        Field::Parent.label(false),
    ),
    ("sector", "صنعت", "Sector"),
    ("status", "وضعیت", "Status"),
    ("support", "با سند", "Supported"),
    ("opportunities", "فرصت‌ها", "Opportunities"),
    ("cost", "هزینه (دلار)", "Cost (USD)"),
    ("date", "تاریخ", "Date"),
];

/// A brand in the table.
struct PortfolioRow {
    name: String,
    /// The folder of its report.
    folder: Option<String>,
    parent: String,
    sector: String,
    standing: BrandState,
    error: String,
    band: Support,
    /// Supported facts in percent, and in words.
    percent: i32,
    support: String,
    opportunities: Option<usize>,
    usd: f64,
    cost: String,
    at: i64,
    day: String,
    /// What it is found by.
    key: String,
    parent_key: String,
    sector_key: String,
}

impl PortfolioRow {
    fn of(t: Tongue, folder: &str, report: &Report, failed: Option<&FailedBrand>) -> Self {
        let quality = &report.quality;
        let parent = parent(report.facts.one(Field::Parent), &report.given);
        let sector = sector(t, &report.facts);
        let value = |field| report.facts.one(field).map(|fact| fact.value.clone());
        let names = [
            Some(report.brand.clone()),
            value(Field::NameFa),
            value(Field::NameEn),
            Some(parent.to_owned()),
            Some(sector.to_owned()),
        ];
        #[expect(clippy::cast_possible_truncation, reason = "a share from 0 to 1")]
        let percent = quality
            .share_supported
            .map(|share| (share * 100.0).round() as i32);
        let insights = report.insights.as_ref();
        Self {
            name: name(&report.brand),
            folder: Some(folder.to_owned()),
            parent: t.digits(&name(parent)),
            sector: t.digits(&name(sector)),
            standing: BrandState::of(quality.coverage, quality.candidates.len(), failed.is_some()),
            error: failed.map(error).unwrap_or_default(),
            band: Support::of(quality.share_supported),
            percent: percent.unwrap_or(-1),
            support: percent.map_or_else(
                || "—".to_owned(),
                |percent| t.digits(&format!("{percent}{}", t.percent())),
            ),
            opportunities: Some(insights.map_or(0, |insights| insights.opportunities.len())),
            usd: report.cost.usd.as_f64(),
            cost: amount(t, report.cost.usd),
            at: report.generated_at.as_second(),
            day: t.day(&report.generated_at),
            key: keys(names.iter().flatten()),
            parent_key: short_key(parent),
            sector_key: short_key(sector),
        }
    }

    /// A brand that has no report.
    fn failed(t: Tongue, brand: &FailedBrand) -> Self {
        Self {
            name: name(&brand.brand),
            folder: None,
            parent: String::new(),
            sector: String::new(),
            standing: BrandState::Failed,
            error: error(brand),
            band: Support::None,
            percent: -1,
            support: "—".into(),
            opportunities: None,
            usd: -1.0,
            cost: "—".into(),
            at: brand.at.as_second(),
            day: t.day(&brand.at),
            key: keys([&brand.brand]),
            parent_key: String::new(),
            sector_key: String::new(),
        }
    }
}

fn error(brand: &FailedBrand) -> String {
    shorten(&crate::text::clean(&brand.error), ERROR)
}

/// Names folded for searching, each once. A key has no spaces, so that nothing is found across two of them.
fn keys<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let mut keys: Vec<String> = Vec::new();
    for key in names.into_iter().map(|name| short_key(name)) {
        if !keys.iter().any(|known| known.contains(&key)) {
            keys.push(key);
        }
    }
    keys.join(" ")
}

/// The script as a browser sees it, which counts a line's end as one character.
fn script() -> Cow<'static, str> {
    match SCRIPT.contains('\r') {
        true => SCRIPT.replace("\r\n", "\n").into(),
        false => SCRIPT.into(),
    }
}

/// How the policy names a script.
fn hash(script: &str) -> String {
    let hash = digest(&SHA256, script.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(hash))
}

/// Goes through all reports, of which a few at a time are in memory, and writes the page and the workbook on the way.
/// `each` is called on several threads. Returns how many there are, and what is wrong with others.
pub fn walk(
    output: &Path,
    background: &Background,
    each: impl Fn(&str, &Report) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<(usize, Vec<String>)> {
    let folders = folders(output)?;
    let glance = Glance::take(output, &folders, background)?;
    let t = glance.tongue();
    let failed = background.failed_by_folder();
    fs::create_dir_all(output)
        .with_context(|| format!("the folder {} cannot be made", output.display()))?;
    let mut book = Book::new(t, glance.simulated, output)?;
    let (mut nights, mut ownership) = (Nights::new(output)?, Ownership::default());
    let (mut count, mut problems) = (0, Vec::new());
    let mut families = ownership::Families::default();
    let mut walked = false;
    let page = stream_atomically(&output.join("index.html"), |page| {
        page.write_all(head(&glance, background)?.as_bytes())?;
        let mut row = |row: &PortfolioRow| -> anyhow::Result<()> {
            page.write_all(RowPage { t, row }.render()?.as_bytes())?;
            Ok(page.write_all(b"\n")?)
        };
        let mut met = HashSet::new();
        let work = |folder: &String| -> Result<_, String> {
            let made = || {
                let report = read(output, folder)?;
                Ok(report.map(|report| (each(folder, &report), report)))
            };
            // A bug that one report meets must not cost the others.
            catch_unwind(AssertUnwindSafe(made)).unwrap_or_else(|_| Err(bug(output, folder)))
        };
        in_order(&folders, work, |folder, done| {
            match done {
                Ok(Some((rendered, report))) => {
                    problems.extend(problem(rendered)?);
                    let failed = failed.get(folder.as_str()).copied();
                    let made = || PortfolioRow::of(t, folder, &report, failed);
                    let Ok(made) = catch_unwind(AssertUnwindSafe(made)) else {
                        problems.push(bug(output, folder));
                        return Ok(());
                    };
                    row(&made)?;
                    book.add(&report)?;
                    nights.add(t, folder, &report)?;
                    ownership.add(&report);
                    met.insert(folder.clone());
                    count += 1;
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
            Ok(())
        })?;
        let without_report = |brand: &&FailedBrand| {
            let folder = brand.folder.as_deref();
            folder.is_none_or(|folder| !met.contains(folder))
        };
        for brand in background.failed.iter().filter(without_report) {
            row(&PortfolioRow::failed(t, brand))?;
        }
        families = ownership::families(std::mem::take(&mut ownership));
        page.write_all(tail(&glance, &families.rivals)?.as_bytes())?;
        walked = true;
        Ok(())
    });
    match page {
        Err(error) if !walked => return Err(error),
        page => problems.extend(problem(page)?),
    }
    problems.extend(problem(nights.write(t, glance.simulated, output))?);
    let companies = tables::companies(&families, glance.simulated)?;
    let companies = write_atomically(&output.join("companies.csv"), &companies);
    problems.extend(problem(companies)?);
    book.add_owners(&families)?;
    problems.extend(book.left_out());
    let book = stream_atomically(&output.join("brands.xlsx"), |file| book.save(file));
    problems.extend(problem(book)?);
    Ok((count, problems))
}

fn bug(output: &Path, folder: &str) -> String {
    let place = output.join(folder);
    format!(
        "the program failed at the report in {}, which is left out: please report it",
        place.display()
    )
}

/// A file that cannot be written is a problem and keeps no other from being written, unless the disk is full.
fn problem(written: anyhow::Result<()>) -> anyhow::Result<Option<String>> {
    match written {
        Err(error) if DatabaseFault::of(&error) == Some(DatabaseFault::Unwritable) => Err(error),
        Err(error) => Ok(Some(format!("{error:#}. brandintel export makes it anew"))),
        Ok(()) => Ok(None),
    }
}

/// The page up to the first brand.
fn head(glance: &Glance, background: &Background) -> askama::Result<String> {
    let t = glance.tongue();
    HeadPage {
        t,
        glance,
        recent: Recent::of(t, &background.runs),
        columns: COLUMNS.map(|(code, fa, en)| PortfolioColumn {
            code,
            label: t.pick(fa, en),
        }),
        sectors: glance.sectors(),
        parents: glance.parents(),
        script_hash: hash(&script()),
    }
    .render()
}

/// The page from the last brand on.
fn tail(glance: &Glance, rivals: &[Rivals]) -> askama::Result<String> {
    TailPage {
        t: glance.tongue(),
        rivals,
        families: glance.families(),
        script: &script(),
    }
    .render()
}

#[cfg(test)]
#[path = "portfolio_tests.rs"]
mod tests;
