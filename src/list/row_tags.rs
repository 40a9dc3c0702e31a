//! The places of the row tags, as far as they are known: a hint where to look, which the row itself has to confirm.

use std::collections::{HashMap, HashSet};

use super::{located::Located, own::Target};
use crate::{
    exit::Exit,
    http::call::CallError,
    sheets::{
        client::Sheets,
        row_tags::{self, Tag},
    },
};

/// The tags of a sheet.
#[derive(Debug, Default)]
pub struct RowTags {
    /// In whose row each tag was seen last.
    rows: HashMap<i64, Target>,
    /// The sheet does not let its rows be tagged, or not by this account: they are looked up by name alone.
    refused: bool,
    set_up: bool,
}

impl RowTags {
    /// The tags that may stand in rows of these brands.
    pub fn of<'a>(&self, targets: impl Iterator<Item = &'a Target>) -> Vec<i64> {
        let targets: HashSet<&Target> = targets.collect();
        let rows = self.rows.iter();
        rows.filter(|(_, target)| targets.contains(target))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Takes note of where tags that were asked for stand now: one that is gone went with its row.
    pub fn met(&mut self, asked: &[i64], located: &Located) {
        for id in asked {
            self.rows.remove(id);
        }
        let by_row = located.by_row();
        for (row, id) in &located.tags {
            if let Some(target) = by_row.get(row) {
                self.rows.insert(*id, (*target).clone());
            }
        }
    }

    /// No tag is used any more.
    pub fn refuse(&mut self, error: &CallError) {
        tracing::warn!("rows are looked up by name alone from now on: {error}");
        self.rows.clear();
        self.refused = true;
    }

    /// Takes note that tags could not be used: for good where they are refused, just this once where the service is
    /// not to be reached.
    pub fn failed(&mut self, error: &CallError) {
        match error {
            CallError::Request { .. } => self.refuse(error),
            CallError::Run { exit, .. } if *exit != Exit::Unavailable => self.refuse(error),
            _ => tracing::warn!("rows are looked up by name alone this time: {error}"),
        }
    }

    /// Finds the tags that rows have, and tags those of these brands that have none, once. Without the right to, the
    /// run goes on without tags.
    pub async fn set_up(
        &mut self,
        sheets: &Sheets,
        sheet_id: i64,
        located: &Located,
        due: &[Target],
    ) {
        if self.set_up || self.refused || due.is_empty() {
            return;
        }
        let by_row = located.by_row();
        let found = match sheets.tags(sheet_id).await {
            Ok(found) => found,
            Err(error) => return self.failed(&error),
        };
        let tagged: HashSet<usize> = found.iter().map(|tag| tag.row).collect();
        let rows = due.iter().filter_map(|target| located.rows.get(target));
        let mut bare: Vec<usize> = rows
            .flatten()
            .copied()
            .filter(|row| !tagged.contains(row))
            .collect();
        bare.truncate(row_tags::MOST.saturating_sub(found.len()));
        let made = match bare.is_empty() {
            true => Ok(Vec::new()),
            false => sheets.tag(sheet_id, &bare).await,
        };
        let made: Vec<Tag> = match made {
            Ok(made) => made,
            Err(error) => return self.failed(&error),
        };
        self.set_up = true;
        for tag in found.into_iter().chain(made) {
            if let Some(target) = by_row.get(&tag.row) {
                self.rows.insert(tag.id, (*target).clone());
            }
        }
    }
}
