//! The program's own columns, and what is written to them.

use serde_json::Value;

use crate::{brand::BrandKey, list::results_tab::Findings, text};

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
pub const TIME: usize = 3;

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
        /// For the results tab, where there is one.
        findings: Option<Box<Findings>>,
    },
    /// The cells for report, cost and changes stay: they tell of the last success.
    Failed {
        status: String,
        time: String,
        note: String,
    },
    /// The status cell gets back what stood there before.
    PutBack,
    /// A run that was killed has left its mark in the status cell: it is emptied.
    Idle,
    /// Only the results tab lacks it.
    ForResultsTab(Box<Outcome>),
}

impl Outcome {
    /// Whether something came of the brand, rather than a mark that is set or taken back.
    pub fn is_result(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
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

/// The US dollars that a cell shows, in whichever digits and with whichever sign; `None` where it is no such number.
pub fn dollars(cell: &str) -> Option<f64> {
    let cell = text::fold(cell).replace('٫', ".");
    let number = cell.trim_matches(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-'));
    let number: f64 = number.parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_a_number_however_it_is_shown() {
        for (cell, number) in [
            ("$0.05", Some(0.05)),
            ("۰٫۰۵", Some(0.05)),
            ("US$ 1,234.5", Some(1234.5)),
            ("0,05 €", None),
            ("about 5 or 6", None),
            ("", None),
        ] {
            assert_eq!(dollars(cell), number, "{cell}");
        }
    }
}
