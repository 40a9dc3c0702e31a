//! The rows of a list, which can be read more than once, whether they are in memory or not.

use std::borrow::Cow;

use super::csv::CsvFile;
use crate::brand::Row;

/// Rows below a header.
#[derive(Debug)]
pub enum Rows {
    /// In memory.
    Held(Vec<Row>),
    /// In a file that is read again each time.
    File(CsvFile),
}

/// A reading of all rows, in their order.
pub type Reading<'a> = Box<dyn Iterator<Item = anyhow::Result<Cow<'a, Row>>> + Send + 'a>;

impl Rows {
    /// Begins to read them from the first on; one reading at a time.
    ///
    /// # Errors
    /// When the file cannot be read, or was changed since it was opened.
    pub fn read(&self) -> anyhow::Result<Reading<'_>> {
        Ok(match self {
            Self::Held(rows) => Box::new(rows.iter().map(|row| Ok(Cow::Borrowed(row)))),
            Self::File(file) => Box::new(file.read()?.map(|row| row.map(Cow::Owned))),
        })
    }

    /// How many of them have anything in the columns that are read.
    pub fn filled(&self) -> anyhow::Result<usize> {
        let mut filled = 0;
        for row in self.read()? {
            filled += usize::from(!row?.is_empty());
        }
        Ok(filled)
    }
}
