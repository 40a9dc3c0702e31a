//! The list of brands: from a sheet or a file, and how results get back into the sheet.

mod columns;
pub mod file;
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

/// Reads cells with a header in the first row that is not empty.
pub fn read_table(cells: &[Vec<String>], place: &str) -> anyhow::Result<Table> {
    let header_at =
        cells.iter().position(|row| row.iter().any(|cell| !crate::text::clean(cell).is_empty())).ok_or_else(|| {
            anyhow::anyhow!("{place} is empty: put a header (Brand Name, Website, Parent Company) and brands into it")
        })?;
    let columns = Columns::find(&cells[header_at], place, header_at + 1)?;
    let rows = (header_at + 1..cells.len())
        .map(|i| columns.read(i + 1, &cells[i]))
        .collect();
    Ok(Table {
        columns,
        header_row: header_at + 1,
        rows,
    })
}
