//! The list of brands: from a sheet or a file, and how results get back into the sheet.

mod columns;
mod csv;
pub mod file;
mod located;
mod memory;
pub mod own;
mod results_tab;
mod row_tags;
mod rows;
pub mod sheet;

use anyhow::Context;

use columns::Columns;

pub use self::rows::{Reading, Rows};

/// Rows below a header, as somebody typed them.
#[derive(Debug)]
pub struct Table {
    /// Where the columns are.
    pub columns: Columns,
    pub rows: Rows,
    /// Headers of columns that are neither read nor the program's own, with what they may have been meant for.
    left_alone: Vec<String>,
}

/// Rows at the top among which the header is looked for: some lists have a title above it.
const TOP: usize = 20;

/// Columns that are named as left alone.
const LEFT_ALONE_SHOWN: usize = 8;

impl Table {
    /// Reads cells that have a header.
    pub fn read(cells: Vec<Vec<String>>, place: &str) -> anyhow::Result<Self> {
        let (columns, header_row) = find_header(&cells, place)?;
        Ok(Self::below(columns, header_row, cells))
    }

    /// The rows below the header.
    pub fn below(columns: Columns, header_row: usize, cells: Vec<Vec<String>>) -> Self {
        let left_alone = columns.left_alone(&cells[header_row - 1]);
        let below = cells.into_iter().enumerate().skip(header_row);
        Self {
            columns,
            left_alone,
            rows: Rows::Held(below.map(|(i, cells)| columns.read(i + 1, cells)).collect()),
        }
    }

    /// Which column is taken for what, in one line.
    pub fn mapping(&self) -> String {
        let mut mapping = self.columns.to_string();
        if !self.left_alone.is_empty() {
            let shown = self.left_alone.iter().take(LEFT_ALONE_SHOWN);
            let shown: Vec<&str> = shown.map(String::as_str).collect();
            mapping += &format!("; left alone: {}", shown.join(", "));
            if self.left_alone.len() > LEFT_ALONE_SHOWN {
                mapping += &format!(" and {} more", self.left_alone.len() - LEFT_ALONE_SHOWN);
            }
        }
        mapping
    }
}

/// Which of these tabs has the list: the one that was asked for, `INPUT` where there is such a tab, else the first.
pub fn pick_tab(titles: &[&str], asked: Option<&str>, place: &str) -> anyhow::Result<usize> {
    let named = |name: &str| titles.iter().position(|title| *title == name);
    match asked {
        Some(asked) => named(asked).with_context(|| {
            format!(
                "{place} has no tab «{asked}»: choose one of these with GOOGLE_SHEET_TAB: {}",
                titles.join(", ")
            )
        }),
        None => named("INPUT")
            .or((!titles.is_empty()).then_some(0))
            .with_context(|| {
                format!("{place} has no tab with cells: put the list into one, with a header such as “Brand Name”")
            }),
    }
}

/// Finds the header: where the columns are, and its row number.
pub fn find_header(cells: &[Vec<String>], place: &str) -> anyhow::Result<(Columns, usize)> {
    let filled = |row: &&Vec<String>| is_filled(row);
    for (i, row) in cells
        .iter()
        .enumerate()
        .take(TOP)
        .filter(|(_, row)| filled(row))
    {
        if let Some(columns) = Columns::find(row, place, i + 1)? {
            return Ok((columns, i + 1));
        }
    }
    match cells.iter().enumerate().find(|(_, row)| filled(row)) {
        Some((i, row)) => Err(Columns::missing(row, place, i + 1)),
        None => Err(anyhow::anyhow!(
            "{place} is empty: put a header (Brand Name, Website, Parent Company) and brands into it"
        )),
    }
}

fn is_filled(row: &[String]) -> bool {
    row.iter().any(|cell| !crate::text::clean(cell).is_empty())
}
