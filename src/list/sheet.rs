//! The list from a Google Sheet, and the results back into it.
//!
//! Results go to the program's own columns only, found by header or added at the right. Before each write the rows
//! are looked up again, so that a result reaches its brand even if somebody sorted the sheet meanwhile; each look also
//! shows whether earlier results stand where they belong.

use std::collections::{HashMap, HashSet};

use anyhow::Context;
use serde_json::{Value, json};

use super::{
    Table,
    columns::Columns,
    find_header,
    own::{self, HEADERS, Memory, Outcome, Shown, Target, Values},
};
use crate::{
    brand::{Row, gather},
    exit::Exit,
    services::{
        call::CallError,
        sheets::{Cells, Sheets, TabProperties, a1, column_letters},
    },
};

/// Times that a moving sheet is looked at again before giving up for now.
const LOOKS: usize = 3;

/// A tab of the spreadsheet with the list in it.
#[derive(Debug)]
pub struct SheetList {
    sheets: Sheets,
    tab: TabProperties,
    header_row: usize,
    columns: Columns,
    own: [Option<usize>; HEADERS.len()],
    /// Columns in use when the list was read: own columns are added beyond them.
    width: usize,
    memory: Memory,
    /// Whether this run has written anything.
    written: bool,
}

/// Why the list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Content(#[from] anyhow::Error),
}

/// The rows as they are now.
struct Located {
    rows: HashMap<Target, Vec<usize>>,
    /// Own cells by row number.
    shown: HashMap<usize, Shown>,
    own: [usize; HEADERS.len()],
    /// Own headers that are not in the sheet yet.
    missing: Vec<usize>,
}

impl SheetList {
    /// Finds the tab: the one asked for, `INPUT` where there is such a tab, else the first.
    pub async fn open(sheets: Sheets, tab: Option<&str>) -> Result<(Self, String), ListError> {
        let spreadsheet = sheets.spreadsheet().await?;
        let titles: Vec<&str> = spreadsheet
            .sheets
            .iter()
            .map(|tab| tab.properties.title.as_str())
            .collect();
        let wanted = tab.unwrap_or("INPUT");
        let found = spreadsheet
            .sheets
            .iter()
            .find(|tab| tab.properties.title == wanted);
        let found = match (found, tab) {
            (None, Some(tab)) => {
                return Err(ListError::Content(anyhow::anyhow!(
                    "GOOGLE_SHEET_TAB: the spreadsheet has no tab «{tab}»; it has {}",
                    titles.join(", ")
                )));
            }
            (found, _) => found.or(spreadsheet.sheets.first()),
        };
        let tab = found
            .context("the spreadsheet has no tab")?
            .properties
            .clone();
        let list = Self {
            sheets,
            tab,
            header_row: 1,
            columns: Columns {
                name: 0,
                website: None,
                parent: None,
            },
            own: [None; HEADERS.len()],
            width: 0,
            memory: Memory::default(),
            written: false,
        };
        Ok((list, spreadsheet.properties.title))
    }

    /// Reads the whole tab; also gives the own cells by row number.
    pub async fn load(&mut self) -> Result<(Table, HashMap<usize, Shown>), ListError> {
        let range = format!("'{}'", self.tab.title.replace('\'', "''"));
        let mut found = self.sheets.values(&[range]).await?;
        let cells = found.pop().unwrap_or_default();
        let (columns, header_row) = find_header(&cells, &self.place())?;
        self.columns = columns;
        self.header_row = header_row;
        self.width = cells.iter().map(Vec::len).max().unwrap_or(0);
        self.own = own::columns(&cells[header_row - 1]);
        let own_cells = |row: &Vec<String>| {
            let cell = |column: Option<usize>| row.get(column?).cloned();
            self.own.map(|column| cell(column).unwrap_or_default())
        };
        let numbered = cells.iter().enumerate().skip(header_row);
        let shown = numbered
            .map(|(i, row)| (i + 1, own_cells(row)))
            .filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()))
            .collect();
        Ok((Table::below(columns, header_row, cells), shown))
    }

    /// Whether results can be written.
    pub fn can_write(&self) -> bool {
        self.sheets.can_write()
    }

    /// Tries whether results may be written, with a write of nothing; only a refusal counts.
    pub async fn try_writing(&self) -> Result<(), CallError> {
        match self.sheets.write(&[]).await {
            Err(
                error @ CallError::Run {
                    exit: Exit::Refused,
                    ..
                },
            ) => Err(error),
            _ => Ok(()),
        }
    }

    /// The tab, as messages name it.
    pub fn place(&self) -> String {
        format!("tab «{}»", self.tab.title)
    }

    /// Writes results in one request, and mends what earlier ones left in wrong rows. Returns how many rows were hit,
    /// and the brands that are not in the sheet now.
    pub async fn write(
        &mut self,
        results: &[(Target, Outcome)],
    ) -> Result<(usize, Vec<Target>), ListError> {
        if results.is_empty() {
            return Ok((0, Vec::new()));
        }
        let located = self.locate().await?;
        for (target, rows) in &located.rows {
            self.memory.meet(target, &located.shown[&rows[0]]);
        }
        let (mut rows_written, mut cells, mut gone) = (0, Vec::new(), Vec::new());
        for (target, outcome) in results {
            let Some(rows) = located.rows.get(target) else {
                gone.push(target.clone());
                continue;
            };
            for &row in rows {
                let values = self.memory.values(target, outcome);
                cells.extend(self.row_cells(row, &located.own, values));
                rows_written += 1;
            }
        }
        cells.extend(self.mended(&located, results));
        if cells.is_empty() {
            return Ok((0, gone));
        }
        cells.extend(
            located
                .missing
                .iter()
                .map(|&i| self.cells(self.header_row, located.own[i], vec![json!(HEADERS[i])])),
        );
        self.make_room(&located).await?;
        self.sheets.write(&cells).await?;
        for (target, outcome) in results {
            self.memory.wrote(target, outcome);
        }
        self.written = true;
        Ok((rows_written, gone))
    }

    /// Looks whether the results stand where they belong, after the last write, and mends them until they do.
    pub async fn verify(&mut self) -> Result<(), ListError> {
        if !self.written {
            return Ok(());
        }
        for _ in 0..LOOKS {
            let located = self.locate().await?;
            let cells = self.mended(&located, &[]);
            if cells.is_empty() {
                break;
            }
            self.sheets.write(&cells).await?;
        }
        Ok(())
    }

    /// Cells for rows that do not show what they should, but for those that get new results anyway.
    fn mended(&self, located: &Located, results: &[(Target, Outcome)]) -> Vec<Cells> {
        let fresh: HashSet<&Target> = results.iter().map(|(target, _)| target).collect();
        let reports = self.memory.reports();
        let others = located
            .rows
            .iter()
            .filter(|(target, _)| !fresh.contains(target));
        let mut cells = Vec::new();
        for (target, rows) in others {
            for &row in rows {
                if let Some(values) = self.memory.mend(target, &located.shown[&row], &reports) {
                    cells.extend(self.row_cells(row, &located.own, values));
                }
            }
        }
        cells
    }

    /// One range for each run of neighbouring own columns.
    fn row_cells(&self, row: usize, own: &[usize], values: Values) -> Vec<Cells> {
        let mut by_column: Vec<(usize, Value)> = own
            .iter()
            .copied()
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
        runs.into_iter()
            .map(|(column, values)| self.cells(row, column, values))
            .collect()
    }

    fn cells(&self, row: usize, column: usize, values: Vec<Value>) -> Cells {
        let (first, last) = (
            column_letters(column),
            column_letters(column + values.len() - 1),
        );
        Cells {
            range: a1(&self.tab.title, &format!("{first}{row}:{last}{row}")),
            row: values,
        }
    }

    /// Finds the rows as they are now. Where columns or the header have moved, or the tab was renamed, the whole tab is
    /// read again.
    async fn locate(&mut self) -> Result<Located, ListError> {
        for _ in 0..LOOKS {
            match self.look().await {
                Ok(Some(located)) => return Ok(located),
                Ok(None) => {}
                // A range that is not there any more is refused.
                Err(CallError::Request { .. }) => self.reopen().await?,
                Err(error) => return Err(error.into()),
            }
            match self.load().await {
                Ok(_) | Err(ListError::Call(CallError::Request { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ListError::Content(anyhow::anyhow!(
            "{}: its columns are being moved about, so that results cannot be written now",
            self.place()
        )))
    }

    /// Reads the header and the columns that tell which brand a row holds; `None` where the header says that they are
    /// elsewhere.
    async fn look(&self) -> Result<Option<Located>, CallError> {
        let column = |column: usize| {
            let letters = column_letters(column);
            a1(&self.tab.title, &format!("{letters}:{letters}"))
        };
        let header = a1(&self.tab.title, &format!("{0}:{0}", self.header_row));
        let read = [Some(self.columns.name), self.columns.website];
        let ranges: Vec<String> = std::iter::once(header)
            .chain(read.into_iter().chain(self.own).flatten().map(column))
            .collect();
        let found = self.sheets.values(&ranges).await?;
        let header = found
            .first()
            .and_then(|rows| rows.first())
            .cloned()
            .unwrap_or_default();
        let columns = Columns::find(&header, &self.place(), self.header_row)
            .ok()
            .flatten();
        let own = own::columns(&header);
        let here = columns.is_some_and(|columns| {
            (columns.name, columns.website) == (self.columns.name, self.columns.website)
        });
        Ok((here && own == self.own)
            .then(|| self.located(header.len(), found.get(1..).unwrap_or_default())))
    }

    /// Puts the columns that were read together: name, website if there is one, own columns that are there.
    fn located(&self, header_width: usize, columns: &[Vec<Vec<String>>]) -> Located {
        let mut columns = columns.iter();
        let names = columns.next();
        let websites = self.columns.website.and_then(|_| columns.next());
        let own_cells = self.own.map(|column| column.and_then(|_| columns.next()));
        let cell = |column: Option<&Vec<Vec<String>>>, row: usize| {
            column
                .and_then(|c| c.get(row - 1)?.first().cloned())
                .unwrap_or_default()
        };
        let last = [names, websites]
            .into_iter()
            .flatten()
            .map(Vec::len)
            .max()
            .unwrap_or(0);
        let rows: Vec<Row> = (self.header_row + 1..=last)
            .map(|number| Row {
                number,
                name: cell(names, number),
                website: cell(websites, number),
                parent: String::new(),
            })
            .collect();
        let gathered = gather(&rows);
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
        let mut next = header_width.max(self.width);
        let mut missing = Vec::new();
        let own = std::array::from_fn(|i| {
            self.own[i].unwrap_or_else(|| {
                missing.push(i);
                next += 1;
                next - 1
            })
        });
        Located {
            rows: by_target,
            shown: (self.header_row + 1..=last)
                .map(|row| (row, own_cells.map(|column| cell(column, row))))
                .collect(),
            own,
            missing,
        }
    }

    /// Finds the tab again, whatever it is called now, and its size.
    async fn reopen(&mut self) -> Result<(), ListError> {
        let spreadsheet = self.sheets.spreadsheet().await?;
        let mut tabs = spreadsheet.sheets.into_iter().map(|tab| tab.properties);
        self.tab = tabs
            .find(|tab| tab.sheet_id == self.tab.sheet_id)
            .with_context(|| format!("{} was deleted", self.place()))?;
        Ok(())
    }

    /// Adds columns to the grid where the own ones do not fit. An answer may be lost after the columns were added, so
    /// the size is looked up before each try.
    async fn make_room(&mut self, located: &Located) -> Result<(), ListError> {
        let needed = located.own.iter().max().map_or(0, |last| last + 1);
        for tries_left in (0..LOOKS).rev() {
            let there = self.tab.grid_properties.column_count;
            if located.missing.is_empty() && needed <= there {
                break;
            }
            self.reopen().await?;
            let there = self.tab.grid_properties.column_count;
            if there == 0 || needed <= there {
                break;
            }
            match self
                .sheets
                .add_columns(self.tab.sheet_id, needed - there)
                .await
            {
                Ok(()) => break,
                Err(CallError::Run {
                    exit: Exit::Unavailable,
                    ..
                }) if tries_left > 0 => {}
                Err(error) => return Err(error.into()),
            }
        }
        // From now on the headers are there, and the own columns are known by them.
        self.own = located.own.map(Some);
        Ok(())
    }
}
