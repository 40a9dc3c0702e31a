//! The rows of the list as they are at one moment: which brand stands where, and what its own cells show.

use std::collections::HashMap;

use super::{
    columns::Columns,
    own::{HEADERS, Shown, Target},
};
use crate::brand::{Row, gather};

/// The rows as they are now.
#[derive(Debug)]
pub struct Located {
    pub rows: HashMap<Target, Vec<usize>>,
    /// Own cells by row number; of rows that name no brand too.
    pub shown: HashMap<usize, Shown>,
    pub own: [usize; HEADERS.len()],
    /// Own headers that are not in the sheet yet.
    pub missing: Vec<usize>,
    /// Tags by row number, as far as they were asked for.
    pub tags: HashMap<usize, i64>,
    /// Whether the results tab can be written to.
    pub results: bool,
}

/// What tells where things are in the cells that were read.
pub struct Layout<'a> {
    pub columns: Columns,
    pub header_row: usize,
    pub own: [Option<usize>; HEADERS.len()],
    /// Columns in use: own columns are added beyond them.
    pub width: usize,
    /// The columns that were read: name, website and parent company if there are such, own columns that are there.
    pub read: &'a [Vec<Vec<String>>],
}

impl Located {
    /// Puts the columns that were read together.
    pub fn of(layout: &Layout<'_>) -> Self {
        let mut columns = layout.read.iter();
        let names = columns.next();
        let websites = layout.columns.website.and_then(|_| columns.next());
        let parents = layout.columns.parent.and_then(|_| columns.next());
        let own_cells = layout.own.map(|column| column.and_then(|_| columns.next()));
        let cell = |column: Option<&Vec<Vec<String>>>, row: usize| {
            column
                .and_then(|c| c.get(row - 1)?.first().cloned())
                .unwrap_or_default()
        };
        let last = layout.read.iter().map(Vec::len).max().unwrap_or(0);
        let numbers = layout.header_row + 1..=last;
        let rows = numbers.clone().map(|number| Row {
            number,
            name: cell(names, number),
            website: cell(websites, number),
            parent: cell(parents, number),
            ..Row::default()
        });
        let gathered = gather(rows);
        let mut by_target: HashMap<Target, Vec<usize>> = gathered
            .brands
            .into_iter()
            .map(|brand| (Target::Brand(brand.key), brand.rows))
            .collect();
        for rejected in gathered.rejected {
            by_target
                .entry(Target::Rejected(rejected.name))
                .or_default()
                .push(rejected.number);
        }
        let mut next = layout.width;
        let mut missing = Vec::new();
        let own = std::array::from_fn(|i| {
            layout.own[i].unwrap_or_else(|| {
                missing.push(i);
                next += 1;
                next - 1
            })
        });
        Self {
            rows: by_target,
            shown: numbers
                .map(|row| (row, own_cells.map(|column| cell(column, row))))
                .collect(),
            own,
            missing,
            tags: HashMap::new(),
            results: true,
        }
    }

    /// Which brand stands in which row.
    pub fn by_row(&self) -> HashMap<usize, &Target> {
        let rows = self.rows.iter();
        rows.flat_map(|(target, rows)| rows.iter().map(move |row| (*row, target)))
            .collect()
    }

    /// The own cells of every row that names something.
    pub fn named(&self) -> impl Iterator<Item = (&Target, &Shown)> {
        let shown = &self.shown;
        let rows = self.rows.iter();
        rows.flat_map(move |(target, rows)| rows.iter().map(move |row| (target, &shown[row])))
    }
}
