//! The list from a Google Sheet, and the results back into it.
//!
//! Results go to the program's own columns only, found by header or added at the right. Before each write the rows
//! are looked up again, so that a result reaches its brand even if somebody sorted the sheet meanwhile; each look also
//! shows whether earlier results stand where they belong.

mod batch;
mod room;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use self::batch::SheetWrite;
use super::{
    TOP, Table,
    columns::Columns,
    find_header,
    located::{Layout, Located},
    memory::Memory,
    own::{self, HEADERS, Outcome, Shown, Target},
    results_tab::ResultsTab,
    row_tags::RowTags,
    tabs::{self, Candidates},
    workbook::{Merged, merged_note},
};
use crate::{
    config::SheetSettings,
    exit::Exit,
    http::call::CallError,
    sheets::{
        client::{self, Cells, Place, Sheets, TabProperties, a1, column_letters},
        row_tags::row_of,
    },
    text::{self, lang::Lang},
};

/// Times that a moving sheet is looked at again before giving up for now.
const LOOKS: usize = 3;

/// Characters that are shown of a row that would be written.
const PREVIEW: usize = 100;

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
    tags: RowTags,
    results: Option<ResultsTab>,
    /// Brands that are going to be written for.
    due: Vec<Target>,
    /// Cells that keep what a person has put there during the run.
    left: BTreeSet<String>,
    /// Whether this run has written anything.
    written: bool,
    /// Cells that are one, and what is to be said of how the tab was chosen.
    merged: Vec<Merged>,
    notes: Vec<String>,
}

/// Which tab is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The title that was asked for.
    pub title: Option<&'a str>,
    /// The id of the tab that the spreadsheet's address names.
    pub id: Option<i64>,
}

impl<'a> Wanted<'a> {
    /// The tab of these settings.
    pub fn of(settings: &'a SheetSettings) -> Self {
        Self {
            title: settings.tab.as_deref(),
            id: settings.tab_id,
        }
    }
}

/// Why the list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Content(#[from] anyhow::Error),
}

/// Which of the tabs has the list, and what is to be said of the choice.
async fn pick(
    sheets: &Sheets,
    all: &[client::SheetTab],
    wanted: Wanted<'_>,
) -> Result<(usize, Vec<String>), ListError> {
    const PLACE: &str = "the spreadsheet";
    let tab = |tab: &client::SheetTab| tabs::ListTab {
        title: tab.properties.title.clone(),
        hidden: tab.properties.hidden,
        without_cells: !matches!(tab.properties.sheet_type.as_str(), "" | "GRID"),
    };
    let known: Vec<tabs::ListTab> = all.iter().map(tab).collect();
    let opened = wanted
        .id
        .and_then(|id| all.iter().position(|tab| tab.properties.sheet_id == id));
    let (picked, note) = match tabs::candidates(&known, wanted.title, opened, PLACE)? {
        Candidates::One(picked) => (picked, None),
        Candidates::Some(some) => {
            let top = |i: &usize| {
                let rows = match all[*i].properties.grid_properties.row_count {
                    0 => TOP,
                    rows => rows.min(TOP),
                };
                a1(&known[*i].title, &format!("1:{rows}"))
            };
            let ranges: Vec<String> = some.iter().map(top).collect();
            let mut tops = sheets.values(&ranges).await?;
            tops.resize_with(some.len(), Vec::new);
            tabs::choose(&known, &some, &tops, PLACE)?
        }
    };
    let other = opened.filter(|opened| wanted.title.is_none() && *opened != picked);
    let other = other.map(|opened| {
        format!(
            "the list is read from the tab «{}», and not from «{}», which the address in GOOGLE_SHEET_ID names (--tab or GOOGLE_SHEET_TAB chooses another one)",
            known[picked].title, known[opened].title
        )
    });
    Ok((picked, other.or(note).into_iter().collect()))
}

impl SheetList {
    /// Finds the tab: the one asked for, `INPUT` where there is such a tab, else the one of the address, else the first
    /// that people see and that has a header.
    pub async fn open(sheets: Sheets, wanted: Wanted<'_>) -> Result<(Self, String), ListError> {
        let mut spreadsheet = sheets.spreadsheet().await?;
        let (picked, notes) = pick(&sheets, &spreadsheet.sheets, wanted).await?;
        let tab = spreadsheet.sheets.swap_remove(picked);
        let merged = tab.merges.iter().map(Merged::of_range).collect();
        let tab = tab.properties;
        let list = Self {
            sheets,
            tab,
            header_row: 1,
            columns: Columns::default(),
            own: [None; HEADERS.len()],
            width: 0,
            memory: Memory::default(),
            tags: RowTags::default(),
            results: None,
            due: Vec::new(),
            left: BTreeSet::new(),
            written: false,
            merged,
            notes,
        };
        Ok((list, spreadsheet.properties.title))
    }

    /// Reads the whole tab; also gives the own cells by row number.
    pub async fn load(&mut self) -> Result<(Table, HashMap<usize, Shown>), ListError> {
        let range = format!("'{}'", self.tab.title.replace('\'', "''"));
        let mut found = self.sheets.values_of_list(&[range]).await?;
        let cells = found.pop().unwrap_or_default();
        let header = find_header(&cells, &self.place())?;
        let header_row = header.row;
        self.columns = header.columns;
        self.header_row = header_row;
        self.width = cells.iter().map(Vec::len).max().unwrap_or(0);
        self.own = own::columns(&cells[header_row - 1]);
        let own_cells = |row: &Vec<String>| {
            let cell = |column: Option<usize>| row.get(column?).cloned();
            self.own.map(|column| cell(column).unwrap_or_default())
        };
        let numbered = cells.iter().enumerate().skip(header.last);
        let shown = numbered
            .map(|(i, row)| (i + 1, own_cells(row)))
            .filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()))
            .collect();
        let merged = merged_note(&self.merged, &header, &cells);
        let mut table = Table::below(&header, cells);
        table.notes.clone_from(&self.notes);
        table.notes.extend(merged);
        Ok((table, shown))
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

    /// Keeps rows of key findings in the tab with this title too.
    pub async fn keep_results(&mut self, title: &str, lang: Lang) -> Result<(), ListError> {
        let spreadsheet = self.sheets.spreadsheet().await?;
        let tabs: Vec<TabProperties> = spreadsheet
            .sheets
            .into_iter()
            .map(|tab| tab.properties)
            .collect();
        let mut results = ResultsTab::new(title, lang, &tabs, &self.tab)?;
        let ranges = results.ranges();
        if !ranges.is_empty() {
            results.meet(&self.sheets.values(&ranges).await?)?;
        }
        self.results = Some(results);
        Ok(())
    }

    /// Whether key findings are kept, and those of this brand are not there.
    pub fn lacks_findings(&self, target: &Target) -> bool {
        self.results
            .as_ref()
            .is_some_and(|results| results.lacks(target))
    }

    /// Says for which brands results are going to come: their rows are tagged with the first write.
    pub fn expect(&mut self, due: Vec<Target>) {
        self.due = due;
    }

    /// Cells that kept what a person had put there during the run.
    pub fn left(&self) -> &BTreeSet<String> {
        &self.left
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
        let (mut located, mut batch) = self.prepare(results).await?;
        match self.put(&located, &mut batch).await {
            Ok(()) => {}
            // Rows, columns or a tab have changed since the look, or the service knows no tags.
            Err(ListError::Call(error @ CallError::Request { .. })) => {
                if batch.is_tagged() {
                    self.tags.refuse(&error);
                }
                let again = self.put_again(results).await;
                (located, batch) = again.map_err(|error| self.unwritable(error))?;
            }
            Err(error) => return Err(error),
        }
        self.remember_findings(&located, results);
        if batch.cells.is_empty() {
            return Ok((0, batch.gone));
        }
        for (target, outcome) in results {
            self.memory.wrote(target, outcome);
        }
        self.written = true;
        // Not before the first write: time between a look and a write is time in which rows are moved.
        self.tags
            .set_up(&self.sheets, self.tab.sheet_id, &located, &self.due)
            .await;
        Ok((batch.rows, batch.gone))
    }

    /// Looks again, and writes.
    async fn put_again(
        &mut self,
        results: &[(Target, Outcome)],
    ) -> Result<(Located, SheetWrite), ListError> {
        let (located, mut batch) = self.prepare(results).await?;
        self.put(&located, &mut batch).await?;
        Ok((located, batch))
    }

    /// Remembers what is in the results tab now, or has to wait until its columns are back.
    fn remember_findings(&mut self, located: &Located, results: &[(Target, Outcome)]) {
        match &mut self.results {
            Some(tab) if located.results => tab.wrote(results),
            Some(tab) => tab.wait(results),
            None => {}
        }
    }

    /// The results tab and how many brands' findings wait for its columns to come back; `None` where none do.
    pub fn findings_waiting(&self) -> Option<(&str, usize)> {
        let results = self.results.as_ref()?;
        (results.waiting() > 0).then(|| (results.title.as_str(), results.waiting()))
    }

    /// The brands and rows that show one of these as their status.
    pub async fn showing(&mut self, statuses: &[&str]) -> Result<Vec<Target>, ListError> {
        let located = self.locate(&[]).await?;
        let shows = |row: &usize| {
            let shown = located.shown.get(row);
            shown.is_some_and(|cells| statuses.contains(&&*cells[own::STATUS]))
        };
        let rows = located.rows.iter();
        let targets = rows.filter(|(_, rows)| rows.iter().any(shows));
        Ok(targets.map(|(target, _)| target.clone()).collect())
    }

    /// The cells that would be written now: where, and what.
    pub async fn preview(
        &mut self,
        results: &[(Target, Outcome)],
    ) -> Result<Vec<(String, String)>, ListError> {
        let (_, batch) = self.prepare(results).await?;
        let shown = |cells: Cells| {
            // Tags come with the first write.
            let Place::Range(range) = cells.place else {
                return None;
            };
            let values = cells.row.iter().map(|value| match value {
                Value::String(text) => format!("«{text}»"),
                other => other.to_string(),
            });
            let values = values.collect::<Vec<_>>().join(" | ");
            Some((range, text::shorten(&values, PREVIEW)))
        };
        let mut cells: Vec<(String, String)> = batch.cells.into_iter().filter_map(shown).collect();
        cells.sort_by_key(|(range, _)| row_of(range));
        Ok(cells)
    }

    /// Looks whether the results stand where they belong, after the last write, and mends them until they do.
    pub async fn verify(&mut self) -> Result<(), ListError> {
        if !self.written && self.findings_waiting().is_none() {
            return Ok(());
        }
        for _ in 0..LOOKS {
            let (located, mut batch) = self.prepare(&[]).await?;
            if batch.cells.is_empty() {
                break;
            }
            self.put(&located, &mut batch).await?;
            self.remember_findings(&located, &[]);
        }
        Ok(())
    }

    /// Looks where the rows are, and works out what to write to them.
    async fn prepare(
        &mut self,
        results: &[(Target, Outcome)],
    ) -> Result<(Located, SheetWrite), ListError> {
        let located = self.locate(results).await?;
        self.memory.meet(located.named());
        let batch = self.batch(&located, results);
        if batch.clears {
            self.memory.clearing();
        }
        Ok((located, batch))
    }

    /// Finds the rows as they are now. Where columns or the header have moved, or the tab was renamed, the whole tab is
    /// read again.
    async fn locate(&mut self, results: &[(Target, Outcome)]) -> Result<Located, ListError> {
        for look in 0..LOOKS {
            // What was refused may be the tags.
            let tags = match look {
                0 => self.tags.of(results.iter().map(|(target, _)| target)),
                _ => Vec::new(),
            };
            match self.look(&tags).await {
                Ok(Some(located)) => {
                    self.tags.met(&tags, &located);
                    return Ok(located);
                }
                Ok(None) => {}
                // A range that is not there any more is refused.
                Err(CallError::Request { .. }) => self.reopen().await?,
                Err(error @ CallError::Run { .. }) if !tags.is_empty() => {
                    self.tags.failed(&error);
                    continue;
                }
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

    /// Reads the header, the columns that tell which brand a row holds, and where these tags stand; `None` where the
    /// header says that the columns are elsewhere.
    async fn look(&mut self, tags: &[i64]) -> Result<Option<Located>, CallError> {
        let column = |column: usize| {
            let letters = column_letters(column);
            a1(&self.tab.title, &format!("{letters}:{letters}"))
        };
        let header = a1(&self.tab.title, &format!("{0}:{0}", self.header_row));
        let read = [
            Some(self.columns.name),
            self.columns.website,
            self.columns.parent,
        ];
        let mut ranges: Vec<String> = std::iter::once(header)
            .chain(read.into_iter().chain(self.own).flatten().map(column))
            .collect();
        let of_list = ranges.len();
        ranges.extend(self.results.iter().flat_map(ResultsTab::ranges));
        let (found, tags) = match tags.is_empty() {
            true => (self.sheets.values(&ranges).await?, Vec::new()),
            false => self.sheets.values_and_tags(&ranges, tags).await?,
        };
        let header = found
            .first()
            .and_then(|rows| rows.first())
            .cloned()
            .unwrap_or_default();
        let here = self.columns.tell_apart_as_in(&header) && own::columns(&header) == self.own;
        let mut located = Located::of(&Layout {
            columns: self.columns,
            header_row: self.header_row,
            own: self.own,
            width: header.len().max(self.width),
            read: found.get(1..of_list).unwrap_or_default(),
        });
        if let Some(results) = &mut self.results {
            // Its columns are being moved about: findings wait until they are back.
            located.results = results
                .meet(found.get(of_list..).unwrap_or_default())
                .is_ok();
        }
        located.tags = tags.into_iter().map(|tag| (tag.row, tag.id)).collect();
        Ok(here.then_some(located))
    }
}
