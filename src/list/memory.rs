//! The memory of what the rows of each brand should show, and of who wrote what they do show: the program or a person.
//!
//! Somebody may sort the sheet in the moment between finding a row and writing to it; what then landed beside another
//! brand is seen at the next look, and mended. What the program has never seen or written is a person's, and stays.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::own::{COST, HEADERS, Outcome, REPORT, STATUS, Shown, TIME, Target, Values, dollars};

/// What the program knows of the own cells of each brand.
#[derive(Debug, Default)]
pub struct Memory {
    known: HashMap<Target, KnownCells>,
    /// What further rows of the same brands showed at the beginning.
    further: Vec<Shown>,
    /// The mark of a brand that is in progress, once it was written.
    in_progress: Option<String>,
    /// Cells were cleared in this run: a cell that is empty need not have been cleared by a person.
    cleared: bool,
}

#[derive(Clone, Debug, Default)]
struct KnownCells {
    /// What its rows should show.
    now: Shown,
    /// What they showed before that was written.
    before: Shown,
    /// The status from before it was in progress.
    idle: String,
    /// The cost was written in this run: how a number is shown then is the sheet's business.
    cost_written: bool,
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// What it should.
    Right,
    /// Something of the program's that does not belong there, or not any more.
    Stale,
    /// What a person has put there meanwhile.
    Persons,
}

/// All values that the program has seen or written, by column.
pub struct Ours<'a>([HashSet<&'a str>; HEADERS.len()]);

impl Ours<'_> {
    fn has(&self, column: usize, cell: &str) -> bool {
        !cell.is_empty() && self.0[column].contains(cell)
    }

    /// What is left of the cells of a row that came during the run, when what is another brand's is taken out: the row
    /// was renamed or copied.
    fn without_others(&self, shown: &Shown, in_progress: Option<&str>) -> Shown {
        let is_anothers = self.has(REPORT, &shown[REPORT])
            || self.has(TIME, &shown[TIME])
            || in_progress == Some(&shown[STATUS]);
        let mut left = shown.clone();
        for (i, cell) in left.iter_mut().enumerate() {
            if is_anothers && (self.has(i, cell) || i == COST) {
                cell.clear();
            }
        }
        left
    }
}

impl Memory {
    /// Remembers what rows show of brands that were not met yet, row by row.
    pub fn meet<'a>(&mut self, rows: impl Iterator<Item = (&'a Target, &'a Shown)>) {
        let first_look = self.known.is_empty();
        let new: Vec<(&Target, &Shown)> = rows
            .filter(|(target, _)| !self.known.contains_key(target))
            .collect();
        if new.is_empty() {
            return;
        }
        let ours = self.ours();
        let met: Vec<(Target, KnownCells)> = new
            .iter()
            .map(|(target, shown)| {
                let now = match first_look {
                    true => (*shown).clone(),
                    false => ours.without_others(shown, self.in_progress.as_deref()),
                };
                let known = KnownCells {
                    idle: now[STATUS].clone(),
                    now,
                    before: (*shown).clone(),
                    cost_written: false,
                };
                ((*target).clone(), known)
            })
            .collect();
        for (target, known) in met {
            match self.known.contains_key(&target) {
                true => self.further.push(known.before),
                false => {
                    self.known.insert(target, known);
                }
            }
        }
    }

    /// The new values for a row of this brand.
    pub fn values(&self, target: &Target, outcome: &Outcome) -> Values {
        match outcome {
            Outcome::InProgress { status } => [Some(json!(status)), None, None, None, None, None],
            Outcome::Done {
                status,
                report,
                cost,
                time,
                note,
                changes,
                ..
            } => [
                Some(json!(status)),
                Some(json!(report)),
                Some(json!(cost)),
                Some(json!(time)),
                Some(json!(note)),
                Some(json!(changes)),
            ],
            Outcome::Failed { status, time, note } => [
                Some(json!(status)),
                None,
                None,
                Some(json!(time)),
                Some(json!(note)),
                None,
            ],
            Outcome::Idle => [Some(json!("")), None, None, None, None, None],
            Outcome::ForResultsTab(_) => [const { None }; HEADERS.len()],
            Outcome::PutBack => {
                let idle = self.known.get(target).map(|known| json!(known.idle));
                [idle, None, None, None, None, None]
            }
        }
    }

    /// Remembers what was written for a brand.
    pub fn wrote(&mut self, target: &Target, outcome: &Outcome) {
        let values = self.values(target, outcome);
        let Some(known) = self.known.get_mut(target) else {
            return;
        };
        if let Outcome::InProgress { status } = outcome {
            // A run that was killed has left its own mark.
            if known.idle == *status {
                known.idle.clear();
            }
            self.in_progress = Some(status.clone());
        }
        if matches!(outcome, Outcome::Idle) {
            known.idle.clear();
        }
        self.cleared |= matches!(outcome, Outcome::PutBack | Outcome::Idle);
        known.before = known.now.clone();
        known.cost_written |= values[COST].is_some();
        for (cell, value) in known.now.iter_mut().zip(values) {
            match value {
                Some(Value::String(text)) => *cell = text,
                Some(other) => *cell = other.to_string(),
                None => {}
            }
        }
    }

    /// Remembers that cells are being cleared, which may hit others than those that are meant.
    pub fn clearing(&mut self) {
        self.cleared = true;
    }

    /// What each cell of a row shows; `None` for the target stands for a row that should show nothing of ours.
    pub fn judge(
        &self,
        target: Option<&Target>,
        shown: &Shown,
        ours: &Ours<'_>,
    ) -> [CellState; HEADERS.len()] {
        let nothing = KnownCells::default();
        let known = target.map_or(Some(&nothing), |target| self.known.get(target));
        let Some(known) = known else {
            return [CellState::Right; HEADERS.len()];
        };
        let is_others = |i: usize| {
            i != COST
                && shown[i] != known.now[i]
                && shown[i] != known.before[i]
                && ours.has(i, &shown[i])
        };
        let is_blank = shown.iter().all(String::is_empty);
        let displaced = is_blank || (0..HEADERS.len()).any(is_others);
        std::array::from_fn(|i| {
            let cell = &shown[i];
            let number = i == COST && cell.chars().any(char::is_numeric);
            if *cell == known.now[i] || (number && known.cost_written && !displaced) {
                CellState::Right
            } else if *cell == known.before[i]
                || ours.has(i, cell)
                || displaced && number
                || (displaced || self.cleared) && cell.is_empty()
            {
                CellState::Stale
            } else {
                CellState::Persons
            }
        })
    }

    /// What a row has to show instead of what it shows: a result did not reach it, or one of another brand did. What a
    /// person has written there stays.
    pub fn mend(&self, target: Option<&Target>, shown: &Shown, ours: &Ours<'_>) -> Option<Values> {
        let standing = self.judge(target, shown, ours);
        if !standing.contains(&CellState::Stale) {
            return None;
        }
        let nothing = KnownCells::default();
        let known = target.map_or(Some(&nothing), |target| self.known.get(target))?;
        Some(std::array::from_fn(|i| {
            let cell = &known.now[i];
            let value = match i {
                COST if !cell.is_empty() => json!(dollars(cell)?),
                _ => json!(cell),
            };
            (standing[i] == CellState::Stale).then_some(value)
        }))
    }

    /// Whether a row may show anything else than it should: asking what is ours takes longer.
    pub fn differs(&self, target: Option<&Target>, shown: &Shown) -> bool {
        match target {
            Some(target) => self
                .known
                .get(target)
                .is_some_and(|known| known.now != *shown),
            None => shown.iter().any(|cell| !cell.is_empty()),
        }
    }

    /// All values that the program has seen or written.
    pub fn ours(&self) -> Ours<'_> {
        let mut ours = Ours(std::array::from_fn(|_| HashSet::new()));
        let known = self.known.values();
        let rows = known.flat_map(|known| [&known.now, &known.before]);
        for row in rows.chain(&self.further) {
            for (column, cell) in ours.0.iter_mut().zip(row) {
                column.insert(cell);
            }
        }
        let idle = self.known.values().map(|known| known.idle.as_str());
        ours.0[STATUS].extend(idle.chain(self.in_progress.as_deref()));
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::BrandKey;

    fn target(name: &str) -> Target {
        Target::Brand(BrandKey::stored(name.into()))
    }

    fn shown(status: &str, report: &str) -> Shown {
        [status, report, "", "", "", ""].map(str::to_owned)
    }

    fn met(rows: &[(&str, Shown)]) -> Memory {
        let mut memory = Memory::default();
        let rows: Vec<(Target, &Shown)> = rows
            .iter()
            .map(|(name, shown)| (target(name), shown))
            .collect();
        memory.meet(rows.iter().map(|(target, shown)| (target, *shown)));
        memory
    }

    fn mark() -> Outcome {
        Outcome::InProgress {
            status: "…".into()
        }
    }

    fn done(report: &str) -> Outcome {
        Outcome::Done {
            status: "✓".into(),
            report: report.into(),
            cost: 0.05,
            time: format!("time of {report}"),
            note: String::new(),
            changes: String::new(),
            findings: None,
        }
    }

    fn row_of(report: &str) -> Shown {
        let time = format!("time of {report}");
        ["✓", report, "$0.05", &time, "", ""].map(str::to_owned)
    }

    /// The new status and report of a row, where it has to be mended.
    fn mended(memory: &Memory, name: Option<&str>, row: &Shown) -> Option<[Option<Value>; 2]> {
        let target = name.map(target);
        let [status, report, ..] = memory.mend(target.as_ref(), row, &memory.ours())?;
        Some([status, report])
    }

    fn to(status: &str, report: &str) -> [Option<Value>; 2] {
        [Some(json!(status)), Some(json!(report))]
    }

    #[test]
    fn a_result_beside_another_brand_is_mended_and_a_persons_words_stay() {
        let blank = shown("", "");
        let mut memory = met(&["a", "b", "c"].map(|name| (name, blank.clone())));
        memory.wrote(&target("a"), &mark());
        memory.wrote(&target("a"), &done("a.html"));
        // It reached the row of `b`, which has the marks of `a` in exchange.
        assert_eq!(
            mended(&memory, Some("b"), &row_of("a.html")),
            Some(to("", ""))
        );
        assert_eq!(
            mended(&memory, Some("a"), &shown("…", "")),
            Some(to("✓", "a.html"))
        );
        assert_eq!(mended(&memory, Some("a"), &blank), Some(to("✓", "a.html")));
        assert_eq!(mended(&memory, None, &row_of("a.html")), Some(to("", "")));
        assert_eq!(
            mended(&memory, Some("c"), &shown("…", "")),
            Some([Some(json!("")), None])
        );
        let mut seen = row_of("a.html");
        assert_eq!(mended(&memory, Some("a"), &seen), None);
        seen[STATUS] = "seen by Sara".into();
        assert_eq!(mended(&memory, Some("a"), &seen), None);
        assert_eq!(
            mended(&memory, Some("b"), &shown("ask the client", "")),
            None
        );
        assert_eq!(mended(&memory, None, &shown("ask the client", "")), None);
    }

    #[test]
    fn a_cost_goes_back_as_a_number() {
        let memory = met(&[("a", row_of("a.html"))]);
        let mended = memory.mend(Some(&target("a")), &shown("", ""), &memory.ours());
        assert_eq!(mended.unwrap()[COST], Some(json!(0.05)));
    }

    #[test]
    fn a_cell_that_a_person_changed_during_the_run_is_a_persons() {
        let mut memory = met(&[("a", row_of("old.html"))]);
        memory.wrote(&target("a"), &mark());
        let mut row = row_of("old.html");
        row[STATUS] = "…".into();
        row[REPORT] = "see my mail".into();
        row[COST] = "about 5".into();
        let standing = memory.judge(Some(&target("a")), &row, &memory.ours());
        let [_, report, cost, time, ..] = standing;
        assert_eq!(
            (standing[STATUS], report, cost, time),
            (
                CellState::Right,
                CellState::Persons,
                CellState::Persons,
                CellState::Right
            )
        );
    }

    #[test]
    fn a_row_that_is_renamed_or_copied_loses_what_is_another_brands() {
        let mut memory = met(&[("a", shown("", ""))]);
        memory.wrote(&target("a"), &done("a.html"));
        let renamed = target("b");
        memory.meet(std::iter::once((&renamed, &row_of("a.html"))));
        assert_eq!(
            mended(&memory, Some("b"), &row_of("a.html")),
            Some(to("", ""))
        );
        let typed = shown("new here", "");
        let added = target("c");
        memory.meet(std::iter::once((&added, &typed)));
        assert_eq!(mended(&memory, Some("c"), &typed), None);
    }

    #[test]
    fn what_was_there_is_put_back_but_not_the_mark_of_a_killed_run() {
        let mut memory = met(&[("a", shown("✓", "")), ("b", shown("…", ""))]);
        for name in ["a", "b"] {
            memory.wrote(&target(name), &mark());
        }
        let put_back = |name| memory.values(&target(name), &Outcome::PutBack)[STATUS].clone();
        assert_eq!(put_back("a"), Some(json!("✓")));
        assert_eq!(put_back("b"), Some(json!("")));
    }
}
