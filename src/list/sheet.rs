//! The list from a Google Sheet, and the results back into it.
//!
//! Results go to the program's own columns only, found by header or added at the right. Before each write the rows
//! are looked up again, so that a result reaches its brand even if somebody sorted the sheet meanwhile.

use std::collections::HashMap;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Table, columns::Columns, read_table};
use crate::{
    brand::{BrandKey, Row, gather},
    services::{
        call::CallError,
        sheets::{Cells, Sheets, TabProperties, a1, column_letters},
    },
    text,
};

/// Headers of the program's own columns, in the order in which they are added.
const OWN_HEADERS: [&str; 5] = [
    "brandintel status",
    "brandintel report",
    "brandintel cost (USD)",
    "brandintel time",
    "brandintel note",
];
const STATUS: usize = 0;

/// A tab of the spreadsheet with the list in it.
#[derive(Debug)]
pub struct SheetList {
    sheets: Sheets,
    tab: TabProperties,
    header_row: usize,
    columns: Columns,
    status_column: Option<usize>,
    /// Columns in use when the list was read: own columns are added beyond them.
    width: usize,
    /// Status cells as they were before this run changed them, to be put back.
    before: HashMap<Target, String>,
}

/// Why the list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Content(#[from] anyhow::Error),
}

/// What is to be written for a brand, or for a row that names none.
#[derive(Clone, Debug)]
pub enum Outcome {
    InProgress {
        status: String,
    },
    Done {
        status: String,
        report: String,
        /// US dollars.
        cost: f64,
        time: String,
    },
    /// The cells for report and cost stay: they tell of the last success.
    Failed {
        status: String,
        time: String,
        note: String,
    },
    /// The status cell gets back what stood there before.
    PutBack,
}

/// Whom a result belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    Brand(BrandKey),
    /// A row that names no brand, by what stands in its name cell.
    Rejected(String),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Brand(key) => write!(f, "«{key}»"),
            Self::Rejected(name) => write!(f, "«{name}»"),
        }
    }
}

/// The rows as they are now.
struct Located {
    rows: HashMap<Target, Vec<usize>>,
    /// Status cells by row number.
    status: HashMap<usize, String>,
    own: [usize; OWN_HEADERS.len()],
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
            status_column: None,
            width: 0,
            before: HashMap::new(),
        };
        Ok((list, spreadsheet.properties.title))
    }

    /// Reads the whole tab.
    pub async fn load(&mut self) -> Result<(Table, HashMap<usize, String>), ListError> {
        let range = format!("'{}'", self.tab.title.replace('\'', "''"));
        let mut found = self.sheets.values(&[range]).await?;
        let cells = found.pop().unwrap_or_default();
        let table = read_table(&cells, &self.place())?;
        self.columns = table.columns;
        self.header_row = table.header_row;
        self.width = cells.iter().map(Vec::len).max().unwrap_or(0);
        self.status_column = own_columns(&cells[table.header_row - 1])[STATUS];
        let status = self.status_column.map_or_else(HashMap::new, |column| {
            let numbered = cells.iter().enumerate().skip(table.header_row);
            numbered
                .filter_map(|(i, row)| Some((i + 1, row.get(column)?.clone())))
                .collect()
        });
        Ok((table, status))
    }

    /// Whether results can be written.
    pub fn can_write(&self) -> bool {
        self.sheets.can_write()
    }

    /// The tab, as messages name it.
    pub fn place(&self) -> String {
        format!("tab «{}»", self.tab.title)
    }

    /// Writes results in one request. Returns how many rows were hit, and the brands that are not in the sheet now.
    pub async fn write(
        &mut self,
        results: &[(Target, Outcome)],
    ) -> Result<(usize, Vec<Target>), ListError> {
        if results.is_empty() {
            return Ok((0, Vec::new()));
        }
        let located = self.locate().await?;
        let mut cells: Vec<Cells> = located
            .missing
            .iter()
            .map(|&i| self.cells(self.header_row, located.own[i], vec![json!(OWN_HEADERS[i])]))
            .collect();
        let (mut hit, mut gone) = (0, Vec::new());
        for (target, result) in results {
            let rows = located
                .rows
                .get(target)
                .map(Vec::as_slice)
                .unwrap_or_default();
            if rows.is_empty() {
                gone.push(target.clone());
            }
            for &row in rows {
                let now = located
                    .status
                    .get(&row)
                    .map(String::as_str)
                    .unwrap_or_default();
                let values = self.values(target, result, now);
                cells.extend(self.row_cells(row, &located.own, values));
                hit += 1;
            }
        }
        self.make_room(&located).await?;
        self.sheets.write(&cells).await?;
        Ok((hit, gone))
    }

    /// The value for each own column; `None` leaves the cell as it is.
    fn values(
        &mut self,
        target: &Target,
        result: &Outcome,
        now: &str,
    ) -> [Option<Value>; OWN_HEADERS.len()] {
        match result {
            Outcome::InProgress { status } => {
                // A run that was killed has left its own mark.
                let before = if now == status { "" } else { now };
                self.before
                    .entry(target.clone())
                    .or_insert_with(|| before.to_owned());
                [Some(json!(status)), None, None, None, None]
            }
            Outcome::Done {
                status,
                report,
                cost,
                time,
            } => [
                Some(json!(status)),
                Some(json!(report)),
                Some(json!(cost)),
                Some(json!(time)),
                Some(json!("")),
            ],
            Outcome::Failed { status, time, note } => [
                Some(json!(status)),
                None,
                None,
                Some(json!(time)),
                Some(json!(note)),
            ],
            Outcome::PutBack => {
                let before = self.before.get(target).map_or(now, String::as_str);
                [Some(json!(before)), None, None, None, None]
            }
        }
    }

    /// One range for each run of neighbouring own columns.
    fn row_cells(
        &self,
        row: usize,
        own: &[usize],
        values: [Option<Value>; OWN_HEADERS.len()],
    ) -> Vec<Cells> {
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

    /// Finds the rows as they are now. Where columns or the header have moved, the whole tab is read again.
    async fn locate(&mut self) -> Result<Located, ListError> {
        for _ in 0..3 {
            match self.look().await {
                Ok(Some(located)) => return Ok(located),
                // A range that is not there any more is refused.
                Ok(None) | Err(CallError::Request { .. }) => self.load().await.map(drop)?,
                Err(error) => return Err(error.into()),
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
        let read = [
            Some(self.columns.name),
            self.columns.website,
            self.status_column,
        ];
        let ranges: Vec<String> = std::iter::once(header)
            .chain(read.into_iter().flatten().map(column))
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
        let own = own_columns(&header);
        let here = columns.is_some_and(|columns| {
            (columns.name, columns.website) == (self.columns.name, self.columns.website)
        });
        Ok((here && own[STATUS] == self.status_column)
            .then(|| self.located(header.len(), own, found.get(1..).unwrap_or_default())))
    }

    /// Puts the columns that were read together: name, website if there is one, status if there is one.
    fn located(
        &self,
        header_width: usize,
        own: [Option<usize>; OWN_HEADERS.len()],
        columns: &[Vec<Vec<String>>],
    ) -> Located {
        let mut columns = columns.iter();
        let names = columns.next();
        let websites = self.columns.website.and_then(|_| columns.next());
        let statuses = self.status_column.and_then(|_| columns.next());
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
            own[i].unwrap_or_else(|| {
                missing.push(i);
                next += 1;
                next - 1
            })
        });
        Located {
            rows: by_target,
            status: (self.header_row + 1..=last)
                .map(|row| (row, cell(statuses, row)))
                .collect(),
            own,
            missing,
        }
    }

    /// Adds columns to the grid where the own ones do not fit.
    async fn make_room(&mut self, located: &Located) -> Result<(), ListError> {
        let needed = located.own.iter().max().map_or(0, |last| last + 1);
        let there = self.tab.grid_properties.column_count;
        if there > 0 && needed > there {
            self.sheets
                .add_columns(self.tab.sheet_id, needed - there)
                .await?;
            self.tab.grid_properties.column_count = needed;
        }
        // From now on the headers are there, and the own columns are known by them.
        self.status_column = Some(located.own[STATUS]);
        Ok(())
    }
}

/// Where the program's own columns are.
fn own_columns(header: &[String]) -> [Option<usize>; OWN_HEADERS.len()] {
    OWN_HEADERS.map(|own| {
        header
            .iter()
            .position(|cell| text::key(cell) == text::key(own))
    })
}
