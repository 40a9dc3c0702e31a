//! The changes in a report, in words and for a cell of the sheet.

use super::view::{FactView, Tongue};
use crate::{
    report::{Change, ChangeKind, Comparison, Report},
    text::calendar::day_in_iran,
};

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
        let value = |fact: &Option<crate::report::Fact>| {
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
