//! The contents of one write to the sheet: results, corrections of rows that earlier writes left wrong, headers, and
//! the results tab.

use std::{
    cell::LazyCell,
    collections::{BTreeSet, HashSet},
};

use serde_json::{Value, json};

use super::SheetList;
use crate::{
    list::{
        located::Located,
        memory::CellState,
        own::{HEADERS, Outcome, Target, Values},
    },
    sheets::client::{Cells, Place, a1, column_letters},
};

/// What is to be written at once.
#[derive(Default)]
pub struct SheetWrite {
    pub cells: Vec<Cells>,
    /// Rows that get results.
    pub rows: usize,
    /// Brands that are not in the sheet now.
    pub gone: Vec<Target>,
    /// Cells that keep what a person has put there.
    pub left: BTreeSet<String>,
    /// Cells are cleared that show what is not theirs.
    pub clears: bool,
    /// The last row of the results tab that is in use then.
    pub last_result: usize,
}

impl SheetWrite {
    /// Whether rows are found by their tags.
    pub fn is_tagged(&self) -> bool {
        let tagged = |cells: &Cells| matches!(cells.place, Place::Tagged { .. });
        self.cells.iter().any(tagged)
    }
}

impl SheetList {
    /// What to write where, with the rows as they are.
    pub(super) fn batch(&self, located: &Located, results: &[(Target, Outcome)]) -> SheetWrite {
        let mut batch = SheetWrite::default();
        let ours = LazyCell::new(|| self.memory.ours());
        for (target, outcome) in results {
            let Some(rows) = located.rows.get(target) else {
                batch.gone.push(target.clone());
                continue;
            };
            for &row in rows {
                let mut values = self.memory.values(target, outcome);
                let shown = &located.shown[&row];
                if self.memory.differs(Some(target), shown) {
                    let standing = self.memory.judge(Some(target), shown, &ours);
                    for (i, value) in values.iter_mut().enumerate() {
                        if standing[i] == CellState::Persons && value.take().is_some() {
                            batch.left.insert(format!("{target}, {}", HEADERS[i]));
                        }
                    }
                }
                batch.cells.extend(self.row_cells(row, located, values));
                batch.rows += 1;
            }
        }
        // Rows that do not show what they should, but for those that get new results anyway.
        let fresh: HashSet<&Target> = results.iter().map(|(target, _)| target).collect();
        let by_row = located.by_row();
        for (&row, shown) in &located.shown {
            let target = by_row.get(&row).copied();
            if target.is_some_and(|target| fresh.contains(target))
                || !self.memory.differs(target, shown)
            {
                continue;
            }
            if let Some(values) = self.memory.mend(target, shown, &ours) {
                batch.clears |= values.iter().flatten().any(|value| value == "");
                batch.cells.extend(self.row_cells(row, located, values));
            }
        }
        if !batch.cells.is_empty() {
            let header =
                |&i: &usize| self.cells(self.header_row, located.own[i], vec![json!(HEADERS[i])]);
            batch.cells.extend(located.missing.iter().map(header));
        }
        if let Some(tab) = self.results.as_ref().filter(|_| located.results) {
            let (last, cells) = tab.cells(results);
            batch.last_result = last;
            batch.cells.extend(cells);
        }
        batch
    }

    /// One range for each run of neighbouring own columns.
    fn row_cells(&self, row: usize, located: &Located, values: Values) -> Vec<Cells> {
        let mut by_column: Vec<(usize, Value)> = located
            .own
            .into_iter()
            .zip(values)
            .filter_map(|(column, value)| Some((column, value?)))
            .collect();
        by_column.sort_by_key(|(column, _)| *column);
        let mut runs: Vec<(usize, Vec<Value>)> = Vec::new();
        for (column, value) in by_column {
            match runs.last_mut() {
                Some((first, values)) if *first + values.len() == column => values.push(value),
                _ => runs.push((column, vec![value])),
            }
        }
        let cells = |(column, values)| match located.tags.get(&row) {
            Some(&id) => Cells {
                place: Place::Tagged { id, column },
                row: values,
            },
            None => self.cells(row, column, values),
        };
        runs.into_iter().map(cells).collect()
    }

    fn cells(&self, row: usize, column: usize, values: Vec<Value>) -> Cells {
        let (first, last) = (
            column_letters(column),
            column_letters(column + values.len() - 1),
        );
        let range = match first == last {
            true => format!("{first}{row}"),
            false => format!("{first}{row}:{last}{row}"),
        };
        Cells {
            place: Place::Range(a1(&self.tab.title, &range)),
            row: values,
        }
    }
}
