//! The tags on rows of a sheet: developer metadata, which moves with its row and is deleted with it.
//!
//! A tag says nothing about the row but that it is one: whose row it is, is read in the row itself.

use reqwest::{Method, header::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Cells, PATIENCE, Place, Sheets, ValueRange};
use crate::http::{
    call::{Body, CallError, Request},
    patience::CallPatience,
};

/// The key of all tags. Keys count against a limit of some 30,000 characters a spreadsheet, so it is short.
const KEY: &str = "bi";

/// Tags that one spreadsheet is given at most: what is left of the limit is for others.
pub const MOST: usize = 10_000;

/// A tag, and the row it stands on, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub id: i64,
    pub row: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaggedRow {
    #[serde(default)]
    matched_developer_metadata: Vec<Matched>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Matched {
    developer_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    metadata_id: i64,
    location: TagLocation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TagLocation {
    dimension_range: DimensionRange,
}

/// What is zero is left out by the service.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct DimensionRange {
    sheet_id: i64,
    start_index: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filtered {
    #[serde(default)]
    value_ranges: Vec<FilteredRange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilteredRange {
    #[serde(default)]
    data_filters: Vec<Value>,
    value_range: ValueRange,
}

impl Sheets {
    /// The tags that rows of a tab have already.
    pub async fn tags(&self, sheet_id: i64) -> Result<Vec<Tag>, CallError> {
        let lookup = json!({"metadataKey": KEY, "locationType": "ROW", "visibility": "PROJECT"});
        let body = json!({"dataFilters": [{"developerMetadataLookup": lookup}]});
        let mut request = self.post("look for tagged rows", "developerMetadata:search", &body);
        request.patience = CallPatience::AtMost(crate::http::PREFLIGHT_PATIENCE);
        let found: TaggedRow = self.read(self.send(request).await?)?;
        let tags = found.matched_developer_metadata.into_iter();
        Ok(tags
            .filter_map(|matched| matched.developer_metadata.on(sheet_id))
            .collect())
    }

    /// Tags rows, which are counted from 1.
    pub async fn tag(&self, sheet_id: i64, rows: &[usize]) -> Result<Vec<Tag>, CallError> {
        let create = |row: &usize| {
            let range = json!({"sheetId": sheet_id, "dimension": "ROWS", "startIndex": row - 1, "endIndex": row});
            json!({"createDeveloperMetadata": {"developerMetadata":
                {"metadataKey": KEY, "visibility": "PROJECT", "location": {"dimensionRange": range}}}})
        };
        let requests = rows.iter().map(create).collect();
        let mut reply = self.update("tag rows", requests).await?;
        let replies = reply.get_mut("replies").and_then(Value::as_array_mut);
        let mut tags = Vec::with_capacity(rows.len());
        for reply in replies.into_iter().flatten() {
            let created = reply.pointer_mut("/createDeveloperMetadata/developerMetadata");
            let created: Metadata = self.read(created.map(Value::take).unwrap_or_default())?;
            tags.extend(created.on(sheet_id));
        }
        Ok(tags)
    }

    /// The values of several ranges, as they are shown, and in which rows these tags stand; all of one moment.
    pub async fn values_and_tags(
        &self,
        ranges: &[String],
        tags: &[i64],
    ) -> Result<(Vec<Vec<Vec<String>>>, Vec<Tag>), CallError> {
        let ranges: Vec<Value> = ranges.iter().map(|range| in_range(range)).collect();
        let filters: Vec<Value> = ranges
            .iter()
            .cloned()
            .chain(tags.iter().copied().map(tagged))
            .collect();
        let body = json!({"dataFilters": filters});
        let mut request = self.post("read values", "values:batchGetByDataFilter", &body);
        // Values can be had without tags too, and that is waited for.
        request.patience = CallPatience::AtMost(crate::http::PREFLIGHT_PATIENCE);
        let reply: Filtered = self.read(self.send(request).await?)?;
        let (mut values, mut found) = (vec![None; ranges.len()], Vec::new());
        for FilteredRange {
            data_filters,
            value_range,
        } in reply.value_ranges
        {
            let row = row_of(&value_range.range);
            let ids = data_filters.iter().filter_map(tag_of);
            found.extend(ids.filter_map(|id| Some(Tag { id, row: row? })));
            let cells = value_range.into_shown();
            for (asked, values) in ranges.iter().zip(&mut values) {
                if data_filters.contains(asked) {
                    *values = Some(cells.clone());
                }
            }
        }
        let values: Option<Vec<_>> = values.into_iter().collect();
        let values = values.ok_or_else(|| self.strange("it lacks a range that was asked for"))?;
        Ok((values, found))
    }

    pub(super) async fn write_by_filter(&self, cells: &[Cells]) -> Result<(), CallError> {
        let entry = |cells: &Cells| {
            let (filter, row) = match &cells.place {
                Place::Range(range) => (in_range(range), cells.row.clone()),
                Place::Tagged { id, column } => {
                    // A row's values begin at its first cell; those before are left as they are.
                    let before = std::iter::repeat_n(Value::Null, *column);
                    (tagged(*id), before.chain(cells.row.clone()).collect())
                }
            };
            json!({"dataFilter": filter, "majorDimension": "ROWS", "values": [row]})
        };
        let data: Vec<Value> = cells.iter().map(entry).collect();
        let body = json!({"valueInputOption": "RAW", "data": data});
        let mut request = self.post("write values", "values:batchUpdateByDataFilter", &body);
        request.patience = CallPatience::AtMost(PATIENCE);
        self.send(request).await.map(drop)
    }

    fn post(&self, what: &str, path: &str, body: &Value) -> Request {
        let mut request = Request::free(what, Method::POST, self.at(&[path]), HeaderMap::new());
        request.body = Body::Json(body.to_string());
        request
    }
}

impl Metadata {
    fn on(self, sheet_id: i64) -> Option<Tag> {
        let at = self.location.dimension_range;
        (at.sheet_id == sheet_id).then_some(Tag {
            id: self.metadata_id,
            row: at.start_index.saturating_add(1),
        })
    }
}

fn in_range(range: &str) -> Value {
    json!({"a1Range": range})
}

fn tagged(id: i64) -> Value {
    json!({"developerMetadataLookup": {"metadataId": id}})
}

fn tag_of(filter: &Value) -> Option<i64> {
    filter
        .pointer("/developerMetadataLookup/metadataId")?
        .as_i64()
}

/// The first row of a range in A1 notation, whose tab may have any name.
pub fn row_of(range: &str) -> Option<usize> {
    let cells = range.rsplit('!').next()?;
    let first = cells.split(':').next()?;
    first
        .trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_a_range_is_found_whatever_the_tab_is_called() {
        for (range, row) in [
            ("INPUT!A5:Z5", Some(5)),
            ("'Jon''s! برندها'!A17:AB17", Some(17)),
            ("'A1'!B2", Some(2)),
            ("INPUT!A:B", None),
            ("", None),
        ] {
            assert_eq!(row_of(range), row, "{range}");
        }
    }
}
