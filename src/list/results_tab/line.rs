//! The lines that results make in the results tab.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::list::own::{Outcome, Target};

/// What a row of the results tab says of a brand, beside status, cost and time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    pub brand: String,
    pub parent: String,
    /// Whether the parent company that the list gives is right.
    pub verdict: String,
    pub industry: String,
    pub position: String,
    pub opportunities: [String; 3],
    /// The share of facts that are supported.
    pub support: String,
}

/// Headers in Persian and English.
pub const HEADERS: [(&str, &str); 16] = [
    ("برند", "Brand"),
    ("وضعیت", "Status"),
    ("شرکت مادر", "Parent company"),
    ("شرکت مادرِ فهرست", "Parent in the list"),
    ("صنعت", "Industry"),
    ("جایگاه در بازار", "Market position"),
    ("چه تغییر کرد", "What changed"),
    ("فرصت ۱", "Opportunity 1"),
    ("فرصت ۲", "Opportunity 2"),
    ("فرصت ۳", "Opportunity 3"),
    ("نکته‌های دارای منبع", "Facts supported"),
    ("گزارش", "Report"),
    ("هزینه (دلار)", "Cost (USD)"),
    ("زمان", "Time"),
    ("یادداشت", "Note"),
    ("کلید", "Key"),
];
pub const NAME: usize = 0;
pub const STATUS: usize = 1;
const TIME: usize = 13;
const NOTE: usize = 14;
pub const KEY: usize = HEADERS.len() - 1;

/// A row of the tab; `null` leaves a cell as it is.
pub type ResultLine = [Value; HEADERS.len()];

/// The rows that results make; `null` leaves a cell as it is.
pub fn lines(results: &[(Target, Outcome)]) -> Vec<(String, ResultLine)> {
    let line = |(target, outcome): &(Target, Outcome)| {
        let Target::Brand(key) = target else {
            return None;
        };
        let outcome = match outcome {
            Outcome::ForResultsTab(outcome) => outcome,
            outcome => outcome,
        };
        let mut line = match outcome {
            Outcome::Done {
                status,
                report,
                cost,
                time,
                note,
                changes,
                findings: Some(findings),
            } => {
                let Findings {
                    brand,
                    parent,
                    verdict,
                    industry,
                    position,
                    opportunities: [first, second, third],
                    support,
                } = &**findings;
                let texts = [
                    brand, status, parent, verdict, industry, position, changes, first, second,
                    third, support, report,
                ]
                .map(|text| json!(text));
                let mut line = HEADERS.map(|_| Value::Null);
                line[..texts.len()].clone_from_slice(&texts);
                line[texts.len()] = json!(cost);
                line[TIME] = json!(time);
                line[NOTE] = json!(note);
                line
            }
            Outcome::Failed { status, time, note } => {
                // The rest tells of the last success.
                let mut line = HEADERS.map(|_| Value::Null);
                line[STATUS] = json!(status);
                line[TIME] = json!(time);
                line[NOTE] = json!(note);
                line
            }
            Outcome::Done { .. }
            | Outcome::InProgress { .. }
            | Outcome::PutBack
            | Outcome::Idle
            | Outcome::ForResultsTab(_) => {
                return None;
            }
        };
        line[KEY] = json!(key.as_str());
        Some((key.as_str().to_owned(), line))
    };
    results.iter().filter_map(line).collect()
}

/// Puts later lines over earlier ones, of which those cells stay that the later ones leave as they are.
pub fn lay_over(
    earlier: &mut BTreeMap<String, ResultLine>,
    later: impl IntoIterator<Item = (String, ResultLine)>,
) {
    for (key, line) in later {
        let below = earlier.entry(key).or_insert(HEADERS.map(|_| Value::Null));
        for (cell, value) in below.iter_mut().zip(line) {
            if !value.is_null() {
                *cell = value;
            }
        }
    }
}

/// Whether a line has the findings too.
pub fn is_whole(line: &ResultLine) -> bool {
    line.iter().all(|cell| !cell.is_null())
}

/// A line for a row that has nothing of this brand: no findings of another one stay beside it.
pub fn alone(key: &str, line: &ResultLine) -> ResultLine {
    let mut line = line.clone();
    if line[NAME].is_null() {
        line[NAME] = json!(key);
    }
    line.map(|cell| if cell.is_null() { json!("") } else { cell })
}
