//! The pages about changes in the last nights. The text about each brand waits on disk until the pages are written, so
//! that memory does not grow with the number of brands.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use anyhow::Context;
use askama::Template;
use jiff::{Timestamp, ToSpan};

use super::{
    changes::ChangeView,
    template_filters as filters,
    view::{Tongue, opens},
};
use crate::{
    files::{scratch_file, stream_atomically},
    report::Report,
    text::calendar::{day_in_iran, tehran},
};

/// Days before the newest comparison that are shown.
const DAYS: i64 = 14;

/// The nights of the last days, with what was found in each.
pub struct Nights {
    /// By run.
    runs: BTreeMap<String, RunChanges>,
    newest: Option<Timestamp>,
    spool: BufWriter<File>,
    /// Bytes in the spool.
    length: u64,
}

/// What one run found.
struct RunChanges {
    from: Timestamp,
    compared: usize,
    /// What is said of each brand, as HTML and as Markdown.
    brands: Vec<[Passage; 2]>,
}

/// Where a piece of a page waits.
#[derive(Clone, Copy)]
struct Passage {
    at: u64,
    length: u64,
}

/// A brand with what changed about it.
#[derive(Template)]
#[template(path = "changes_brand.html")]
struct HtmlBrand<'a> {
    t: Tongue,
    name: &'a str,
    folder: &'a str,
    changes: &'a [ChangeView],
}

#[derive(Template)]
#[template(path = "changes_brand.md", escape = "none")]
struct MarkdownBrand<'a> {
    name: &'a str,
    changes: &'a [ChangeView],
}

/// A night as it is shown.
struct NightView<'a> {
    title: String,
    compared: String,
    brands: Passages<'a>,
}

/// Pieces of a page that are read while it is written.
struct Passages<'a> {
    spool: &'a File,
    passages: Vec<Passage>,
}

#[derive(Template)]
#[template(path = "changes.html")]
struct ChangesHtmlPage<'a> {
    t: Tongue,
    simulated: bool,
    nights: Vec<NightView<'a>>,
}

#[derive(Template)]
#[template(path = "changes.md", escape = "none")]
struct ChangesMarkdownPage<'a> {
    t: Tongue,
    simulated: bool,
    nights: Vec<NightView<'a>>,
}

impl Nights {
    /// Pages without nights, in the folder that they are for.
    pub fn new(output: &Path) -> anyhow::Result<Self> {
        let spool = scratch_file(output).with_context(|| {
            format!(
                "the page of changes cannot be put down in {}",
                output.display()
            )
        })?;
        Ok(Self {
            runs: BTreeMap::new(),
            newest: None,
            spool: BufWriter::new(spool),
            length: 0,
        })
    }

    /// Takes in the comparisons of a report, in the language of the page.
    pub fn add(&mut self, t: Tongue, folder: &str, report: &Report) -> anyhow::Result<()> {
        for comparison in &report.changes {
            self.newest = self.newest.max(Some(comparison.at));
            if self.is_old(comparison.at) {
                continue;
            }
            let changes: Vec<_> = comparison.changes.iter().map(|c| t.change(c)).collect();
            let said = match changes.is_empty() {
                true => None,
                false => Some(self.say(t, folder, &report.brand, &changes)?),
            };
            let night = self
                .runs
                .entry(comparison.run_id.clone())
                .or_insert(RunChanges {
                    from: comparison.at,
                    compared: 0,
                    brands: Vec::new(),
                });
            night.from = night.from.min(comparison.at);
            night.compared += 1;
            night.brands.extend(said);
        }
        Ok(())
    }

    /// Puts down what is said of a brand.
    fn say(
        &mut self,
        t: Tongue,
        folder: &str,
        name: &str,
        changes: &[ChangeView],
    ) -> anyhow::Result<[Passage; 2]> {
        let html = HtmlBrand {
            t,
            name,
            folder,
            changes,
        };
        let markdown = MarkdownBrand { name, changes };
        Ok([
            self.put_down(&html.render()?)?,
            self.put_down(&markdown.render()?)?,
        ])
    }

    fn put_down(&mut self, text: &str) -> anyhow::Result<Passage> {
        self.spool
            .write_all(text.as_bytes())
            .context("cannot write the page of changes to the temporary folder; set TMPDIR")?;
        let passage = Passage {
            at: self.length,
            length: text.len() as u64,
        };
        self.length += passage.length;
        Ok(passage)
    }

    fn is_old(&self, at: Timestamp) -> bool {
        let days = (24 * DAYS).hours();
        let oldest = self.newest.and_then(|newest| newest.checked_sub(days).ok());
        oldest.is_some_and(|oldest| at < oldest)
    }

    /// Writes the pages, HTML and Markdown, into the output folder.
    pub fn write(mut self, t: Tongue, simulated: bool, output: &Path) -> anyhow::Result<()> {
        self.spool
            .flush()
            .context("cannot write the page of changes to the temporary folder; set TMPDIR")?;
        let html = ChangesHtmlPage {
            t,
            simulated,
            nights: self.views(t, 0),
        };
        stream_atomically(&output.join("changes.html"), |file| {
            Ok(html.write_into(file)?)
        })?;
        let markdown = ChangesMarkdownPage {
            t,
            simulated,
            nights: self.views(t, 1),
        };
        stream_atomically(&output.join("changes.md"), |file| {
            Ok(markdown.write_into(file)?)
        })
    }

    /// The newest night first, in one of the two forms.
    fn views(&self, t: Tongue, form: usize) -> Vec<NightView<'_>> {
        let mut nights: Vec<&RunChanges> = self.runs.values().collect();
        nights.retain(|night| !self.is_old(night.from));
        nights.sort_by_key(|night| std::cmp::Reverse(night.from));
        let view = |night: &RunChanges| {
            let clock = night.from.to_zoned_datetime(tehran()).strftime("%H:%M");
            let day = t.whole_day(day_in_iran(night.from));
            let comma = t.pick("، ", ", ");
            NightView {
                title: format!("{day}{comma}{}", t.digits(&clock.to_string())),
                compared: t.digits(&night.compared.to_string()),
                brands: Passages {
                    spool: self.spool.get_ref(),
                    passages: night.brands.iter().map(|forms| forms[form]).collect(),
                },
            }
        };
        nights.into_iter().map(view).collect()
    }
}

impl Passages<'_> {
    fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    fn read(&self, passage: Passage) -> std::io::Result<String> {
        let mut spool = self.spool;
        spool.seek(SeekFrom::Start(passage.at))?;
        let mut text = String::new();
        spool.take(passage.length).read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Markup that is escaped already.
impl fmt::Display for Passages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &passage in &self.passages {
            f.write_str(&self.read(passage).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}
