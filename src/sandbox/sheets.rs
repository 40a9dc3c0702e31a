//! The simulated Google Sheets: one spreadsheet with one tab, `INPUT`, in memory.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context;
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Service, Services, a1, bearer, error};

pub(super) const KEY: &str = "AIza-sandbox-0123456789";
pub(super) const ID: &str = "sandbox-spreadsheet-of-brands";

const TAB: &str = "INPUT";
const SHEET_ID: i64 = 0;
const MEDIAN_SECONDS: f64 = 0.3;
const CELL_LIMIT: usize = 50_000;

/// A change of the rows.
pub(super) type Edit = Box<dyn FnOnce(&mut Vec<Vec<Value>>) + Send>;

/// A spreadsheet with one tab.
pub(super) struct Spreadsheet {
    grid: Mutex<Grid>,
    before_write: Mutex<Option<Edit>>,
    /// The account may read only.
    pub(super) read_only: AtomicBool,
}

impl std::fmt::Debug for Spreadsheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spreadsheet")
            .field("grid", &self.grid)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Grid {
    title: String,
    rows: Vec<Vec<Value>>,
    columns: usize,
    row_count: usize,
}

/// A rectangle of cells, counted from 0; ends are exclusive and may be open.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    rows: (usize, Option<usize>),
    columns: (usize, Option<usize>),
}

impl Spreadsheet {
    pub(super) fn new(csv: &str) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(csv.as_bytes());
        for record in reader.records() {
            let record = record.context("the list is not CSV")?;
            rows.push(
                record
                    .iter()
                    .map(|cell| json!(cell.trim_start_matches('\u{FEFF}')))
                    .collect(),
            );
        }
        let columns = rows.iter().map(Vec::len).max().unwrap_or(1).max(3) + 1;
        let row_count = rows.len().max(1_000);
        Ok(Self {
            grid: Mutex::new(Grid {
                title: TAB.to_owned(),
                rows,
                columns,
                row_count,
            }),
            before_write: Mutex::default(),
            read_only: AtomicBool::new(false),
        })
    }

    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        self.grid()
            .rows
            .iter()
            .map(|row| row.iter().map(formatted).collect())
            .collect()
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut Vec<Vec<Value>>)) {
        edit(&mut self.grid().rows);
    }

    pub(super) fn edit_before_write(&self, edit: Edit) {
        *self
            .before_write
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(edit);
    }

    pub(super) fn rename(&self, title: &str) {
        title.clone_into(&mut self.grid().title);
    }

    fn carry_out_edit(&self) {
        let edit = self
            .before_write
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(edit) = edit {
            self.edit(edit);
        }
    }

    fn grid(&self) -> MutexGuard<'_, Grid> {
        self.grid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grid {
    /// Values as the service sends them: empty cells at the end of a row, and empty rows at the end, are left out.
    fn read(&self, range: Range) -> Vec<Vec<String>> {
        let end = range.rows.1.unwrap_or(usize::MAX).min(self.rows.len());
        let mut values: Vec<Vec<String>> = (range.rows.0..end)
            .map(|r| {
                let row = &self.rows[r];
                let last = range.columns.1.unwrap_or(usize::MAX).min(row.len());
                let mut cells: Vec<String> = row
                    .get(range.columns.0..last)
                    .unwrap_or_default()
                    .iter()
                    .map(formatted)
                    .collect();
                while cells.last().is_some_and(String::is_empty) {
                    cells.pop();
                }
                cells
            })
            .collect();
        while values.last().is_some_and(Vec::is_empty) {
            values.pop();
        }
        values
    }

    /// A range as answers have it: open ends are where the grid ends.
    fn written(&self, range: Range) -> String {
        let end = |end: Option<usize>, size: usize| end.unwrap_or(size).min(size);
        a1::written(
            &self.title,
            range.rows.0..end(range.rows.1, self.row_count),
            range.columns.0..end(range.columns.1, self.columns),
        )
    }

    fn check(&self, range: Range, values: &[Vec<Value>]) -> Result<(), String> {
        let (rows, columns) = (self.row_count, self.columns);
        let end =
            |(start, end): (usize, Option<usize>), size: usize| end.unwrap_or(size.max(start + 1));
        if end(range.rows, rows) > rows || end(range.columns, columns) > columns {
            return Err(format!(
                "exceeds grid limits. Max rows: {rows}, max columns: {columns}"
            ));
        }
        let width = end(range.columns, columns) - range.columns.0;
        let height = end(range.rows, rows) - range.rows.0;
        if values.len() > height || values.iter().any(|row| row.len() > width) {
            return Err("Requested writing within range, but tried writing outside of it".into());
        }
        if values
            .iter()
            .flatten()
            .any(|cell| cell.is_object() || cell.is_array())
        {
            return Err("Invalid values: a cell is a boolean, a text or a number".into());
        }
        let too_long = |cell: &Value| {
            cell.as_str()
                .is_some_and(|text| text.chars().count() > CELL_LIMIT)
        };
        if values.iter().flatten().any(too_long) {
            return Err(
                "Your input contains more than the maximum of 50000 characters in a single cell."
                    .into(),
            );
        }
        Ok(())
    }

    fn write(&mut self, range: Range, values: &[Vec<Value>]) -> usize {
        let mut written = 0;
        for (r, row) in values.iter().enumerate() {
            for (c, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
                let (r, c) = (range.rows.0 + r, range.columns.0 + c);
                if self.rows.len() <= r {
                    self.rows.resize(r + 1, Vec::new());
                }
                if self.rows[r].len() <= c {
                    self.rows[r].resize(c + 1, json!(""));
                }
                self.rows[r][c] = cell.clone();
                written += 1;
            }
        }
        written
    }
}

pub(super) async fn spreadsheet(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(end) = enter(&services, &id, &headers, false).await {
        return end;
    }
    let grid = services.spreadsheet.grid();
    Json(json!({
        "properties": {"title": "Brands (simulated)"},
        "sheets": [{"properties": {"sheetId": SHEET_ID, "title": grid.title, "index": 0, "sheetType": "GRID",
            "gridProperties": {"rowCount": grid.row_count, "columnCount": grid.columns}}}],
    }))
    .into_response()
}

pub(super) async fn batch_get(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(end) = enter(&services, &id, &headers, false).await {
        return end;
    }
    let url = url::Url::parse(&format!("http://query/?{}", query.unwrap_or_default()));
    let pairs: Vec<(String, String)> = url
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default();
    let grid = services.spreadsheet.grid();
    let mut ranges = Vec::new();
    for (_, text) in pairs.iter().filter(|(name, _)| name == "ranges") {
        let Some(range) = parse_range(text, &grid.title) else {
            return invalid(&format!("Unable to parse range: {text}"));
        };
        let mut found = json!({"range": grid.written(range), "majorDimension": "ROWS"});
        let values = grid.read(range);
        if !values.is_empty() {
            found["values"] = json!(values);
        }
        ranges.push(found);
    }
    Json(json!({"spreadsheetId": id, "valueRanges": ranges})).into_response()
}

pub(super) async fn values_batch_update(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if let Some(end) = enter(&services, &id, &headers, true).await {
        return end;
    }
    let Ok(body) = serde_json::from_str::<Value>(&body) else {
        return invalid("Invalid JSON payload received.");
    };
    if !matches!(
        body["valueInputOption"].as_str(),
        Some("RAW" | "USER_ENTERED")
    ) {
        return invalid("'valueInputOption' is required but not specified");
    }
    services.spreadsheet.carry_out_edit();
    let mut grid = services.spreadsheet.grid();
    let mut writes = Vec::new();
    for (i, entry) in body["data"].as_array().into_iter().flatten().enumerate() {
        let text = entry["range"].as_str().unwrap_or_default();
        let Some(range) = parse_range(text, &grid.title) else {
            return invalid(&format!("Invalid data[{i}]: Unable to parse range: {text}"));
        };
        let Ok(values) = serde_json::from_value::<Vec<Vec<Value>>>(entry["values"].clone()) else {
            return invalid(&format!("Invalid data[{i}]: values"));
        };
        if let Err(why) = grid.check(range, &values) {
            return invalid(&format!("Invalid data[{i}]: Range ({text}) {why}"));
        }
        writes.push((range, values));
    }
    let responses = writes.iter().map(|(range, values)| {
        let cells = grid.write(*range, values);
        let columns = values.iter().map(Vec::len).max().unwrap_or(0);
        let written = Range {
            rows: (range.rows.0, Some(range.rows.0 + values.len())),
            columns: (range.columns.0, Some(range.columns.0 + columns)),
        };
        json!({"spreadsheetId": id, "updatedRange": grid.written(written),
            "updatedRows": values.len(), "updatedColumns": columns, "updatedCells": cells})
    });
    let responses: Vec<Value> = responses.collect();
    let total = |of: &str| responses.iter().filter_map(|r| r[of].as_u64()).sum::<u64>();
    services.counts.writes.fetch_add(1, Ordering::SeqCst);
    Json(json!({
        "spreadsheetId": id, "totalUpdatedRows": total("updatedRows"), "totalUpdatedColumns": total("updatedColumns"),
        "totalUpdatedCells": total("updatedCells"), "totalUpdatedSheets": 1, "responses": responses,
    }))
    .into_response()
}

/// `…/{id}:batchUpdate`, of which only new columns are known.
pub(super) async fn batch_update(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let Some(id) = id.strip_suffix(":batchUpdate").map(str::to_owned) else {
        return error(Service::Sheets, 404, "Requested entity was not found.");
    };
    if let Some(end) = enter(&services, &id, &headers, true).await {
        return end;
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut grid = services.spreadsheet.grid();
    for request in body["requests"].as_array().into_iter().flatten() {
        let append = &request["appendDimension"];
        let length = append["length"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok());
        match (
            append["sheetId"].as_i64(),
            append["dimension"].as_str(),
            length,
        ) {
            (Some(SHEET_ID), Some("COLUMNS"), Some(n @ 1..=1_000)) => grid.columns += n,
            _ => return invalid("Invalid requests[0]"),
        }
    }
    Json(json!({"spreadsheetId": id, "replies": [{}]})).into_response()
}

/// Who may come in: a signed-in account for everything, a key for reading.
async fn enter(
    services: &Services,
    id: &str,
    headers: &HeaderMap,
    write: bool,
) -> Option<Response> {
    if let Some(end) = services
        .meet(Service::Sheets, write, MEDIAN_SECONDS, headers, "")
        .await
    {
        return Some(end);
    }
    if write && services.spreadsheet.read_only.load(Ordering::SeqCst) {
        return Some(error(
            Service::Sheets,
            403,
            "The caller does not have permission",
        ));
    }
    let key = headers
        .get("x-goog-api-key")
        .and_then(|key| key.to_str().ok());
    match (bearer(headers), key) {
        (Some(token), _) if services.sign_in.knows(token) => {}
        (Some(_), _) => {
            return Some(error(
                Service::Sheets,
                401,
                "Request had invalid authentication credentials.",
            ));
        }
        (None, Some(KEY)) if !write => {}
        (None, Some(KEY)) => {
            return Some(error(
                Service::Sheets,
                401,
                "API keys are not supported by this API.",
            ));
        }
        (None, Some(_)) => return Some(invalid("API key not valid. Please pass a valid API key.")),
        (None, None) => {
            return Some(error(
                Service::Sheets,
                403,
                "The request is missing a valid API key.",
            ));
        }
    }
    (id != ID).then(|| error(Service::Sheets, 404, "Requested entity was not found."))
}

fn invalid(message: &str) -> Response {
    error(Service::Sheets, 400, message)
}

fn formatted(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string().to_uppercase(),
        other => other.to_string(),
    }
}

/// Reads `'INPUT'!A1:B2`, `INPUT!A:C`, `'INPUT'!1:1` or `'INPUT'`.
fn parse_range(text: &str, title: &str) -> Option<Range> {
    let (tab, cells) = text
        .rsplit_once('!')
        .map_or((text, None), |(tab, cells)| (tab, Some(cells)));
    let tab = tab
        .strip_prefix('\'')
        .and_then(|tab| tab.strip_suffix('\''))
        .unwrap_or(tab);
    if tab.replace("''", "'") != title {
        return None;
    }
    let Some(cells) = cells else {
        return Some(Range {
            rows: (0, None),
            columns: (0, None),
        });
    };
    let (first, last) = cells.split_once(':').unwrap_or((cells, cells));
    let ((c0, r0), (c1, r1)) = (parse_cell(first)?, parse_cell(last)?);
    Some(Range {
        rows: (r0.unwrap_or(0), r1.map(|r| r + 1)),
        columns: (c0.unwrap_or(0), c1.map(|c| c + 1)),
    })
}

/// Column and row, counted from 0; either may be missing, not both.
fn parse_cell(text: &str) -> Option<(Option<usize>, Option<usize>)> {
    let digits = text
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(text.len());
    let (letters, number) = text.split_at(digits);
    let mut column = None;
    for letter in letters.bytes() {
        let value = usize::from(letter.is_ascii_uppercase().then(|| letter - b'A' + 1)?);
        column = Some(column.map_or(value, |c: usize| c * 26 + value));
    }
    let row = match number {
        "" => None,
        number => Some(number.parse::<usize>().ok()?.checked_sub(1)?),
    };
    (column.is_some() || row.is_some()).then_some((column.map(|c| c - 1), row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_service_reads_them() {
        let range = |rows, columns| Some(Range { rows, columns });
        assert_eq!(
            parse_range("'INPUT'!B2:D5", TAB),
            range((1, Some(5)), (1, Some(4)))
        );
        assert_eq!(
            parse_range("INPUT!A:AA", TAB),
            range((0, None), (0, Some(27)))
        );
        assert_eq!(
            parse_range("'INPUT'!1:1", TAB),
            range((0, Some(1)), (0, None))
        );
        assert_eq!(parse_range("'INPUT'", TAB), range((0, None), (0, None)));
        for bad in ["'OTHER'!A1", "'INPUT'!", "'INPUT'!A0", "'INPUT'!a1", "A1"] {
            assert_eq!(parse_range(bad, TAB), None, "{bad}");
        }
    }

    #[test]
    fn empty_cells_at_the_ends_are_left_out() {
        let sheet = Spreadsheet::new("a,b,\n,,\nc,,d\n,,\n").unwrap();
        let all = Range {
            rows: (0, None),
            columns: (0, None),
        };
        assert_eq!(
            sheet.grid().read(all),
            [vec!["a", "b"], vec![], vec!["c", "", "d"]]
        );
    }
}
