//! The room for what is written to the sheet: own columns, the results tab and its rows, and the tab, whatever its
//! present name.

use anyhow::Context;

use super::{LOOKS, ListError, SheetList, SheetWrite};
use crate::{
    error_kind::ErrorKind,
    exit::Exit,
    http::call::CallError,
    list::{
        located::Located,
        results_tab::{self, ROOM, ResultsTab},
    },
    sheets::client::TabProperties,
};

impl SheetList {
    /// Makes room for a batch and writes it.
    pub(super) async fn put(
        &mut self,
        located: &Located,
        batch: &mut SheetWrite,
    ) -> Result<(), ListError> {
        self.left.append(&mut batch.left);
        if batch.cells.is_empty() {
            return Ok(());
        }
        self.make_room(located).await?;
        self.make_room_for_results(batch.last_result).await?;
        Ok(self.sheets.write(&batch.cells).await?)
    }

    /// The error of a write that the service takes for wrong although the rows are where they were looked up.
    pub(super) fn unwritable(&self, error: ListError) -> ListError {
        match error {
            ListError::Call(
                error @ CallError::Request {
                    kind: ErrorKind::Rejected,
                    ..
                },
            ) => {
                let tab = self.results.as_ref().map(|results| &results.title);
                let tab = tab.map_or(String::new(), |tab| format!(" or the tab «{tab}»"));
                ListError::Content(anyhow::anyhow!(
                    "{}: {error}. Results cannot be written there: look whether the «brandintel …» columns{tab} are \
                     protected or have merged cells, and whether the spreadsheet is full",
                    self.place()
                ))
            }
            error => error,
        }
    }

    /// Finds the tab again, whatever it is called now, and its size.
    pub(super) async fn reopen(&mut self) -> Result<(), ListError> {
        let spreadsheet = self.sheets.spreadsheet().await?;
        let tabs = spreadsheet.sheets.into_iter().map(|tab| tab.properties);
        let tabs: Vec<TabProperties> = tabs.collect();
        if let Some(results) = &mut self.results
            && let Some(tab) = &results.tab
        {
            // One that was deleted is added again.
            results.tab = tabs
                .iter()
                .find(|now| now.sheet_id == tab.sheet_id)
                .cloned();
        }
        let mut tabs = tabs.into_iter();
        self.tab = tabs
            .find(|tab| tab.sheet_id == self.tab.sheet_id)
            .with_context(|| format!("{} was deleted", self.place()))?;
        Ok(())
    }

    /// Adds the results tab where it is missing, and rows where it is full.
    pub(super) async fn make_room_for_results(&mut self, last: usize) -> Result<(), ListError> {
        let there = |results: &Option<ResultsTab>| {
            let tab = results.as_ref()?.tab.as_ref()?;
            Some((tab.sheet_id, tab.grid_properties.row_count))
        };
        if last == 0 {
            return Ok(());
        }
        if let Some(results) = self
            .results
            .as_mut()
            .filter(|results| results.tab.is_none())
        {
            results.tab = Some(match self.sheets.add_tab(&results.properties()).await {
                Ok(tab) => tab,
                // It may have been added although the answer was lost.
                Err(error) => {
                    let tabs = self.sheets.spreadsheet().await?.sheets.into_iter();
                    let mut tabs = tabs.map(|tab| tab.properties);
                    tabs.find(|tab| tab.title == results.title).ok_or(error)?
                }
            });
        }
        if let Some(tab) = self
            .results
            .as_ref()
            .and_then(|results| results.tab.as_ref())
        {
            let (needed, there) = (results_tab::HEADERS.len(), tab.grid_properties.column_count);
            if there > 0 && there < needed {
                self.sheets
                    .add(tab.sheet_id, "COLUMNS", needed - there)
                    .await?;
                self.reopen().await?;
            }
        }
        if there(&self.results).is_some_and(|(_, rows)| last > rows) {
            self.reopen().await?;
        }
        if let Some((id, rows)) = there(&self.results).filter(|(_, rows)| last > *rows) {
            self.sheets.add(id, "ROWS", (last - rows).max(ROOM)).await?;
        }
        Ok(())
    }

    /// Adds columns to the grid where the own ones do not fit. An answer may be lost after the columns were added, so
    /// the size is looked up before each try.
    pub(super) async fn make_room(&mut self, located: &Located) -> Result<(), ListError> {
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
                .add(self.tab.sheet_id, "COLUMNS", needed - there)
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
