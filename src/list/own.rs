//! The program's own columns: what they show for each brand, and whether a row shows what it should.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{brand::BrandKey, text};

/// Headers of the program's own columns, in the order in which they are added.
pub const HEADERS: [&str; 6] = [
    "brandintel status",
    "brandintel report",
    "brandintel cost (USD)",
    "brandintel time",
    "brandintel note",
    "brandintel changes",
];

/// The own cells of a row as they are shown, in the order of [`HEADERS`].
pub type Shown = [String; HEADERS.len()];

pub const STATUS: usize = 0;
pub const REPORT: usize = 1;
pub const COST: usize = 2;

/// New values for the own cells of a row; `None` leaves a cell as it is.
pub type Values = [Option<Value>; HEADERS.len()];

/// What is to be written for a brand, or for a row that names none.
#[derive(Clone, Debug)]
pub enum Outcome {
    InProgress {
        status: String,
    },
    Done {
        status: String,
        report: String,
        /// US dollars.
        cost: f64,
        time: String,
        /// What the user has to answer; empty where nothing.
        note: String,
        /// What is otherwise than in the report before; empty where nothing.
        changes: String,
    },
    /// The cells for report, cost and changes stay: they tell of the last success.
    Failed {
        status: String,
        time: String,
        note: String,
    },
    /// The status cell gets back what stood there before.
    PutBack,
}

/// Whom a result belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    Brand(BrandKey),
    /// A row that names no brand, by what stands in its name cell.
    Rejected(String),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Brand(key) => write!(f, "«{key}»"),
            Self::Rejected(name) => write!(f, "«{name}»"),
        }
    }
}

/// Where the program's own columns are.
pub fn columns(header: &[String]) -> [Option<usize>; HEADERS.len()] {
    HEADERS.map(|own| {
        header
            .iter()
            .position(|cell| text::key(cell) == text::key(own))
    })
}

/// What the rows of each brand should show. Somebody may sort the sheet in the moment between finding a row and writing
/// to it; what then landed beside another brand is seen at the next look, and mended.
#[derive(Debug, Default)]
pub struct Memory {
    known: HashMap<Target, Known>,
    /// The mark of a brand that is in progress, once it was written.
    in_progress: Option<String>,
}

#[derive(Clone, Debug)]
struct Known {
    /// What its rows should show.
    now: Shown,
    /// What they showed before that was written.
    before: Shown,
    /// The status from before it was in progress.
    idle: String,
}

impl Memory {
    /// Remembers what a row shows that was not written to yet.
    pub fn meet(&mut self, target: &Target, shown: &Shown) {
        self.known.entry(target.clone()).or_insert_with(|| Known {
            now: shown.clone(),
            before: shown.clone(),
            idle: shown[STATUS].clone(),
        });
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
        known.before = known.now.clone();
        for (cell, value) in known.now.iter_mut().zip(values) {
            match value {
                Some(Value::String(text)) => *cell = text,
                Some(other) => *cell = other.to_string(),
                None => {}
            }
        }
    }

    /// What a row has to show instead of what it shows: a result did not reach it, or one of another brand did. What a
    /// person has written there stays.
    pub fn mend(&self, target: &Target, shown: &Shown, reports: &Reports<'_>) -> Option<Values> {
        let known = self.known.get(target)?;
        if same(shown, &known.now) {
            return None;
        }
        let never_reached = same(shown, &known.before);
        let others = reports
            .0
            .get(shown[REPORT].as_str())
            .is_some_and(|owner| *owner != target);
        let marked = self.in_progress.as_ref() == Some(&shown[STATUS]);
        if !never_reached && !others && !marked {
            return None;
        }
        let mut values = known.now.each_ref().map(|cell| Some(json!(cell)));
        if let Ok(cost) = known.now[COST].parse::<f64>() {
            values[COST] = Some(json!(cost));
        }
        Some(values)
    }

    /// Which report is whose.
    pub fn reports(&self) -> Reports<'_> {
        let owned = self
            .known
            .iter()
            .map(|(target, known)| (known.now[REPORT].as_str(), target))
            .filter(|(report, _)| !report.is_empty());
        Reports(owned.collect())
    }
}

/// Which report is whose.
pub struct Reports<'a>(HashMap<&'a str, &'a Target>);

/// The cost is left out: how a number is shown is the sheet's business.
fn same(one: &Shown, other: &Shown) -> bool {
    one.iter()
        .zip(other)
        .enumerate()
        .all(|(i, (one, other))| i == COST || one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Target {
        Target::Brand(BrandKey::stored(name.into()))
    }

    fn shown(status: &str, report: &str) -> Shown {
        [status, report, "", "", "", ""].map(str::to_owned)
    }

    fn done(report: &str) -> Outcome {
        Outcome::Done {
            status: "✓".into(),
            report: report.into(),
            cost: 0.05,
            time: String::new(),
            note: String::new(),
            changes: String::new(),
        }
    }

    fn mended(memory: &Memory, name: &str, row: &Shown) -> Option<String> {
        let values = memory.mend(&target(name), row, &memory.reports())?;
        values[REPORT].as_ref()?.as_str().map(str::to_owned)
    }

    #[test]
    fn a_result_beside_another_brand_is_mended_and_a_persons_words_stay() {
        let mut memory = Memory::default();
        for name in ["a", "b", "c"] {
            memory.meet(&target(name), &shown("", ""));
        }
        let mark = Outcome::InProgress {
            status: "…".into()
        };
        memory.wrote(&target("a"), &mark);
        memory.wrote(&target("a"), &done("a.html"));
        // It reached the row of `b`, which has the marks of `a` in exchange.
        assert_eq!(
            mended(&memory, "b", &shown("✓", "a.html")).as_deref(),
            Some("")
        );
        assert_eq!(
            mended(&memory, "a", &shown("…", "")).as_deref(),
            Some("a.html")
        );
        assert_eq!(mended(&memory, "c", &shown("…", "")).as_deref(), Some(""));
        assert_eq!(mended(&memory, "a", &shown("✓", "a.html")), None);
        assert_eq!(mended(&memory, "a", &shown("seen by Sara", "a.html")), None);
        assert_eq!(mended(&memory, "b", &shown("ask the client", "")), None);
    }

    #[test]
    fn what_was_there_is_put_back_but_not_the_mark_of_a_killed_run() {
        let mut memory = Memory::default();
        let mark = Outcome::InProgress {
            status: "…".into()
        };
        for (name, status) in [("a", "✓"), ("b", "…")] {
            memory.meet(&target(name), &shown(status, ""));
            memory.wrote(&target(name), &mark);
        }
        let put_back = |name| memory.values(&target(name), &Outcome::PutBack)[STATUS].clone();
        assert_eq!(put_back("a"), Some(json!("✓")));
        assert_eq!(put_back("b"), Some(json!("")));
    }
}
