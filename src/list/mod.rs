//! The list of brands: from a sheet or a file, and how results get back into the sheet.

mod columns;
pub mod file;
pub mod own;
pub mod sheet;

use crate::brand::Row;
use columns::Columns;

/// Rows below a header, as somebody typed them.
#[derive(Debug)]
pub struct Table {
    /// Where the columns are.
    pub columns: Columns,
    /// Row number of the header, as the spreadsheet counts.
    pub header_row: usize,
    pub rows: Vec<Row>,
}

/// Rows at the top among which the header is looked for: some lists have a title above it.
const TOP: usize = 20;

/// Reads cells below a header.
pub fn read_table(cells: &[Vec<String>], place: &str) -> anyhow::Result<Table> {
    let filled = |row: &&Vec<String>| row.iter().any(|cell| !crate::text::clean(cell).is_empty());
    for (i, row) in cells
        .iter()
        .enumerate()
        .take(TOP)
        .filter(|(_, row)| filled(row))
    {
        if let Some(columns) = Columns::find(row, place, i + 1)? {
            let rows = (i + 1..cells.len())
                .map(|i| columns.read(i + 1, &cells[i]))
                .collect();
            return Ok(Table {
                columns,
                header_row: i + 1,
                rows,
            });
        }
    }
    match cells.iter().enumerate().find(|(_, row)| filled(row)) {
        Some((i, row)) => Err(Columns::missing(row, place, i + 1)),
        None => Err(anyhow::anyhow!(
            "{place} is empty: put a header (Brand Name, Website, Parent Company) and brands into it"
        )),
    }
}
