//! The options of a row: whether, how early and how deeply its brand is researched, and what to consider.

use std::collections::BTreeSet;

use clap::ValueEnum;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use crate::text;

/// Longest notes that are handed on, in characters.
const NOTES_LIMIT: usize = 1_000;

const YES: [&str; 12] = [
    "yes", "y", "true", "x", "✓", "✔", "1", "skip", "بله", "بلی", "آری", "آره",
];
const NO: [&str; 9] = ["", "no", "n", "false", "0", "-", "خیر", "نه", "✗"];
const DEPTHS: [(Depth, &[&str]); 3] = [
    (Depth::Quick, &["quick", "fast", "سریع", "کوتاه"]),
    (
        Depth::Standard,
        &["", "standard", "normal", "معمولی", "عادی", "استاندارد"],
    ),
    (Depth::Deep, &["deep", "thorough", "عمیق", "کامل", "دقیق"]),
];

/// How much is asked about each brand.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize,
)]
pub enum Depth {
    /// Who it is and what it sells: two searches and its own site
    Quick,
    /// Four searches, its own site, and one search more for what is missing
    #[default]
    Standard,
    /// Seven searches, its own site, and one search more for what is missing
    Deep,
}

impl Depth {
    /// Search credits that a brand typically takes.
    pub fn credits(self) -> u32 {
        match self {
            Self::Quick => 3,
            Self::Standard => 5,
            Self::Deep => 8,
        }
    }
}

/// The cells under the optional headers, as somebody typed them; empty where there is no such column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedOptions {
    pub priority: String,
    pub skip: String,
    pub depth: String,
    pub notes: String,
}

/// What the cells ask for. None of it makes a row another one: only name, website and parent company do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowOptions {
    /// Thousandths; higher first.
    priority: Option<i64>,
    /// The brand is left out of the run.
    pub skip: bool,
    /// How much is asked about it, where that is not the same as for the others.
    pub depth: Option<Depth>,
    /// What the agency wants considered, one entry for each row of the brand.
    pub notes: BTreeSet<String>,
}

impl RowOptions {
    /// Reads the cells of a row. What cannot be read is left out, and `remarks` say so.
    pub fn read(typed: &TypedOptions, row: usize, remarks: &mut Vec<String>) -> Self {
        let shown = |cell: &str| text::shorten(&text::clean(cell), 40);
        let mut wishes = Self::default();
        if *typed == TypedOptions::default() {
            return wishes;
        }
        match priority(&typed.priority) {
            Ok(priority) => wishes.priority = priority,
            Err(()) => remarks.push(format!(
                "row {row}: the priority «{}» is not a number; the brand has its place in the list",
                shown(&typed.priority)
            )),
        }
        match folded(&typed.skip) {
            cell if is_any(&cell, &YES) => wishes.skip = true,
            cell if is_any(&cell, &NO) => {}
            _ => remarks.push(format!(
                "row {row}: «{}» under skip is neither yes nor no; the brand is not skipped",
                shown(&typed.skip)
            )),
        }
        let cell = folded(&typed.depth);
        match DEPTHS.iter().find(|(_, words)| is_any(&cell, words)) {
            Some(_) if cell.is_empty() => {}
            Some((depth, _)) => wishes.depth = Some(*depth),
            None => remarks.push(format!(
                "row {row}: the depth «{}» is none of quick, standard, deep; --depth counts",
                shown(&typed.depth)
            )),
        }
        let notes = text::shorten(&text::clean(&typed.notes), NOTES_LIMIT);
        wishes.notes.extend((!notes.is_empty()).then_some(notes));
        wishes
    }

    /// Takes in what another row of the same brand asks for. It does not matter which of them comes first.
    pub fn merge(&mut self, other: Self) {
        self.priority = self.priority.max(other.priority);
        self.skip &= other.skip;
        self.depth = self.depth.max(other.depth);
        self.notes.extend(other.notes);
    }

    /// Brands with a higher one come first; without one it is 0.
    pub fn priority(&self) -> i64 {
        self.priority.unwrap_or(0)
    }
}

fn folded(cell: &str) -> String {
    text::fold(cell).trim().to_owned()
}

fn is_any(cell: &str, words: &[&str]) -> bool {
    words.iter().any(|word| folded(word) == *cell)
}

/// Thousandths, in whichever digits; `None` for an empty cell.
fn priority(cell: &str) -> Result<Option<i64>, ()> {
    let cell = folded(cell).replace('٫', ".");
    if cell.is_empty() || cell == "-" {
        return Ok(None);
    }
    let number: Decimal = cell.parse().map_err(drop)?;
    let thousandths = number.checked_mul(Decimal::ONE_THOUSAND).ok_or(())?;
    thousandths.round().to_i64().map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(priority: &str, skip: &str, depth: &str, notes: &str) -> (RowOptions, Vec<String>) {
        let typed = TypedOptions {
            priority: priority.into(),
            skip: skip.into(),
            depth: depth.into(),
            notes: notes.into(),
        };
        let mut remarks = Vec::new();
        (RowOptions::read(&typed, 7, &mut remarks), remarks)
    }

    #[test]
    fn wishes_are_read_in_both_languages() {
        for (priority, skip, depth, expected) in [
            ("۱۰", "بله", "عمیق", (10_000, true, Some(Depth::Deep))),
            ("2.5", "TRUE", "Quick", (2_500, true, Some(Depth::Quick))),
            (
                "-1",
                "FALSE",
                "معمولی",
                (-1_000, false, Some(Depth::Standard)),
            ),
            ("۱٬۲۰۰", "✓", "", (1_200_000, true, None)),
            ("", "", "", (0, false, None)),
        ] {
            let (wishes, remarks) = read(priority, skip, depth, "");
            assert_eq!((wishes.priority(), wishes.skip, wishes.depth), expected);
            assert!(remarks.is_empty(), "{remarks:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_names_row_and_cell_and_costs_nothing_else() {
        let (wishes, remarks) = read("خیلی", "شاید", "abyssal", " یادداشت ");
        assert_eq!(
            (wishes.priority(), wishes.skip, wishes.depth),
            (0, false, None)
        );
        assert_eq!(wishes.notes.len(), 1);
        assert_eq!(remarks.len(), 3, "{remarks:?}");
        for (remark, cell) in remarks.iter().zip(["خیلی", "شاید", "abyssal"]) {
            assert!(
                remark.contains("row 7") && remark.contains(cell),
                "{remark}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_cell_can_be_read(cell in "\\PC{0,20}") {
            let _ = read(&cell, &cell, &cell, &cell);
        }

        /// Rows of one brand ask for the same in whichever order they stand.
        #[test]
        fn the_order_of_rows_does_not_matter(
            rows in proptest::collection::vec(("(|1|5|-2)", "(|x)", "(|deep|quick)", "(|a|b)"), 1..5),
        ) {
            let merged = |rows: Vec<RowOptions>| rows.into_iter().reduce(|mut all, row| {
                all.merge(row);
                all
            });
            let wishes: Vec<RowOptions> = rows.iter().map(|(p, s, d, n)| read(p, s, d, n).0).collect();
            let turned = wishes.iter().rev().cloned().collect();
            prop_assert_eq!(merged(wishes), merged(turned));
        }
    }
}
