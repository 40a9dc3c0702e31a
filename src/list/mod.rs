//! The list of brands: from a sheet or a file, and how results get back into the sheet.

mod columns;
mod csv;
mod encoding;
pub mod file;
mod located;
mod memory;
pub mod own;
pub mod results_tab;
mod row_tags;
pub mod sheet;
mod tabs;
mod workbook;

use columns::Columns;

use crate::brand::{Row, header::heads_names};

/// Rows below a header, as somebody typed them.
#[derive(Debug)]
pub struct Table {
    /// Where the columns are.
    pub columns: Columns,
    pub rows: Vec<Row>,
    /// Headers of columns that are neither read nor the program's own, with what they may have been meant for.
    left_alone: Vec<String>,
    /// What the user should know of the list as a whole.
    pub notes: Vec<String>,
    /// The tab that it stands in, where a workbook has several.
    pub tab: Option<String>,
}

/// Rows at the top among which the header is looked for: some lists have a title above it.
const TOP: usize = 20;

/// Columns that are named as left alone.
const LEFT_ALONE_SHOWN: usize = 8;

impl Table {
    /// The rows below the header.
    pub fn below(header: &Header, cells: Vec<Vec<String>>) -> Self {
        let columns = header.columns;
        let left_alone = columns.left_alone(&cells[header.row - 1]);
        let below = cells.into_iter().enumerate().skip(header.last);
        Self {
            columns,
            left_alone,
            rows: below.map(|(i, cells)| columns.read(i + 1, cells)).collect(),
            notes: Vec::new(),
            tab: None,
        }
    }

    /// How many rows have anything in the columns that are read.
    pub fn filled(&self) -> usize {
        self.rows.iter().filter(|row| !row.is_empty()).count()
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

/// Where the header of a list is.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub columns: Columns,
    /// Its row, counted from 1.
    pub row: usize,
    /// The last of the rows that say what stands below: some lists have a header in each of two languages.
    pub last: usize,
}

/// Finds the header.
///
/// # Errors
/// When no row at the top has a column for the brand's name.
pub fn find_header(cells: &[Vec<String>], place: &str) -> anyhow::Result<Header> {
    let filled = |row: &&Vec<String>| is_filled(row);
    for (i, row) in cells
        .iter()
        .enumerate()
        .take(TOP)
        .filter(|(_, row)| filled(row))
    {
        if let Some(columns) = Columns::find(row, place, i + 1)? {
            return Ok(with_rows_below(columns, i, cells));
        }
    }
    match cells.iter().enumerate().find(|(_, row)| filled(row)) {
        Some((i, row)) => Err(Columns::missing(row, place, i + 1)),
        None => Err(anyhow::anyhow!(
            "{place} is empty: put a header (Brand Name, Website, Parent Company) and brands into it"
        )),
    }
}

/// The header in this row, counted from 0, with those directly below. One that says more of the columns counts: the row
/// above is the heading of a group.
fn with_rows_below(columns: Columns, i: usize, cells: &[Vec<String>]) -> Header {
    let mut header = Header {
        columns,
        row: i + 1,
        last: i + 1,
    };
    // What the program has written stands below the header that it knew.
    let is_settled = own::columns(&cells[i]).iter().any(Option::is_some);
    for (j, row) in cells.iter().enumerate().take(TOP).skip(i + 1) {
        let found = Columns::find(row, "", j + 1).ok().flatten();
        match found.filter(|found| found.count() > header.columns.count()) {
            Some(columns) if !is_settled && header.last == header.row => {
                header = Header {
                    columns,
                    row: j + 1,
                    last: j + 1,
                };
            }
            _ if row
                .get(header.columns.name)
                .is_some_and(|cell| heads_names(cell)) =>
            {
                header.last = j + 1;
            }
            _ => break,
        }
    }
    header
}

fn is_filled(row: &[String]) -> bool {
    row.iter().any(|cell| !crate::text::clean(cell).is_empty())
}
