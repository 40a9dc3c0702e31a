//! What changed: in words, for the sheet, and as a page of the last nights.

use std::collections::BTreeMap;

use askama::Template;
use jiff::{Timestamp, ToSpan};

use super::{
    filters,
    view::{FactView, Tongue, opens},
};
use crate::research::{
    calendar::{day_in_iran, tehran},
    radar::{Change, ChangeKind, Comparison},
    report::Report,
};

/// Days before the newest comparison that are shown.
const DAYS: i64 = 14;

/// A change as it is shown.
pub struct ChangeView {
    /// What happened: new, changed, disputed, settled, gone.
    pub kind: &'static str,
    pub class: &'static str,
    pub about: String,
    pub before: Option<FactView>,
    pub after: Option<FactView>,
    /// All of it in one line.
    pub line: String,
}

/// A comparison as it is shown.
pub struct ComparisonView {
    pub day: String,
    pub since: String,
    pub changes: Vec<ChangeView>,
}

/// What changed in the report, for a cell of the sheet; none where nothing did.
pub fn in_short(report: &Report) -> Option<String> {
    let t = Tongue::of(report.lang);
    let newest = report.changes.first()?;
    // A report that was saved before it was on record is compared with itself by no means.
    let own = newest.at == report.generated_at && !newest.changes.is_empty();
    let lines = newest.changes.iter().map(|change| t.change(change).line);
    own.then(|| lines.collect::<Vec<_>>().join(t.pick("؛ ", "; ")))
}

impl Tongue {
    /// The comparisons of a report that found something, the newest first.
    pub fn comparisons(self, report: &Report) -> Vec<ComparisonView> {
        let found = report.changes.iter().filter(|c| !c.changes.is_empty());
        found
            .map(|comparison| self.comparison(comparison))
            .collect()
    }

    fn comparison(self, comparison: &Comparison) -> ComparisonView {
        ComparisonView {
            day: self.whole_day(day_in_iran(comparison.at)),
            since: self.whole_day(day_in_iran(comparison.since)),
            changes: comparison.changes.iter().map(|c| self.change(c)).collect(),
        }
    }

    /// A change in words.
    pub fn change(self, change: &Change) -> ChangeView {
        let about = self.about(change);
        let value = |fact: &Option<crate::research::report::Fact>| {
            let value = fact.as_ref().map(|fact| self.value(&fact.value));
            crate::text::shorten(&value.unwrap_or_default(), 120)
        };
        let (before, after) = (value(&change.before), value(&change.after));
        let (kind, class, line) = match change.kind {
            ChangeKind::New => (
                self.pick("تازه", "new"),
                "new",
                match self.fa {
                    true => format!("{about} (تازه): {after}"),
                    false => format!("{about} (new): {after}"),
                },
            ),
            ChangeKind::Changed => (
                self.pick("تغییر", "changed"),
                "changed",
                format!("{about}: {before} {} {after}", self.pick("←", "→")),
            ),
            ChangeKind::Disputed => (
                self.pick("اختلاف", "disputed"),
                "disputed",
                match self.fa {
                    true => format!("{about}: منبع‌ها هم‌نظر نیستند: {after} یا {before}"),
                    false => format!("{about}: sources disagree: {after} or {before}"),
                },
            ),
            ChangeKind::Settled => (
                self.pick("پایان اختلاف", "settled"),
                "settled",
                match self.fa {
                    true => format!("{about}: دیگر اختلافی نیست: {after}"),
                    false => format!("{about}: no longer disputed: {after}"),
                },
            ),
            ChangeKind::SourceGone => (
                self.pick("بی‌منبع", "source gone"),
                "gone",
                match self.fa {
                    true => format!("{about}: صفحه‌ای که می‌گفت «{before}» دیگر پیدا نشد"),
                    false => format!("{about}: no page that said “{before}” was found any more"),
                },
            ),
        };
        ChangeView {
            kind,
            class,
            about,
            before: change.before.as_ref().map(|fact| self.fact_at(fact)),
            after: change.after.as_ref().map(|fact| self.fact_at(fact)),
            line: crate::text::clean(&line),
        }
    }

    fn about(self, change: &Change) -> String {
        let label = self.field(&change.about);
        match &change.of {
            Some(of) => format!("{label} «{}»", crate::text::shorten(&self.value(of), 80)),
            None => label,
        }
    }
}

/// The nights of the last days, with what was found in each.
#[derive(Default)]
pub struct Nights {
    /// By the first moment of a run and the run.
    runs: BTreeMap<String, Night>,
    newest: Option<Timestamp>,
}

/// What one run found.
struct Night {
    from: Timestamp,
    compared: usize,
    brands: Vec<ChangedBrand>,
}

/// A brand with what changed about it.
struct ChangedBrand {
    name: String,
    folder: String,
    changes: Vec<ChangeView>,
}

/// A night as it is shown.
struct NightView<'a> {
    title: String,
    compared: String,
    brands: &'a [ChangedBrand],
}

#[derive(Template)]
#[template(path = "changes.html")]
struct HtmlPage<'a> {
    t: Tongue,
    simulated: bool,
    nights: Vec<NightView<'a>>,
}

#[derive(Template)]
#[template(path = "changes.md", escape = "none")]
struct MarkdownPage<'a> {
    t: Tongue,
    simulated: bool,
    nights: Vec<NightView<'a>>,
}

impl Nights {
    /// Takes in the comparisons of a report, in the language of the page.
    pub fn add(&mut self, t: Tongue, folder: &str, report: &Report) {
        for comparison in &report.changes {
            self.newest = self.newest.max(Some(comparison.at));
            if self.is_old(comparison.at) {
                continue;
            }
            let night = self.runs.entry(comparison.run_id.clone()).or_insert(Night {
                from: comparison.at,
                compared: 0,
                brands: Vec::new(),
            });
            night.from = night.from.min(comparison.at);
            night.compared += 1;
            if !comparison.changes.is_empty() {
                night.brands.push(ChangedBrand {
                    name: report.brand.clone(),
                    folder: folder.to_owned(),
                    changes: comparison.changes.iter().map(|c| t.change(c)).collect(),
                });
            }
        }
    }

    fn is_old(&self, at: Timestamp) -> bool {
        let days = (24 * DAYS).hours();
        let oldest = self.newest.and_then(|newest| newest.checked_sub(days).ok());
        oldest.is_some_and(|oldest| at < oldest)
    }

    /// The pages: HTML and Markdown.
    pub fn pages(&self, t: Tongue, simulated: bool) -> askama::Result<(String, String)> {
        let html = HtmlPage {
            t,
            simulated,
            nights: self.views(t),
        };
        let markdown = MarkdownPage {
            t,
            simulated,
            nights: self.views(t),
        };
        Ok((html.render()?, markdown.render()?))
    }

    /// The newest night first.
    fn views(&self, t: Tongue) -> Vec<NightView<'_>> {
        let mut nights: Vec<&Night> = self.runs.values().collect();
        nights.retain(|night| !self.is_old(night.from));
        nights.sort_by_key(|night| std::cmp::Reverse(night.from));
        let view = |night: &&'_ Night| {
            let clock = night.from.to_zoned_datetime(tehran()).strftime("%H:%M");
            let day = t.whole_day(day_in_iran(night.from));
            (
                format!(
                    "{day}{}{}",
                    t.pick("، ", ", "),
                    t.digits(&clock.to_string())
                ),
                night.compared,
            )
        };
        nights
            .into_iter()
            .map(|night| {
                let (title, compared) = view(&night);
                NightView {
                    title,
                    compared: t.digits(&compared.to_string()),
                    brands: &night.brands,
                }
            })
            .collect()
    }
}
