//! The simulated Google Sheets: one spreadsheet in memory, whose first tab is `INPUT`.

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

use super::{
    Services, SimulatedService, bearer, by_filter, error,
    tab::{Range, Tab, formatted, parse_range},
};

pub(super) const KEY: &str = "AIza-sandbox-0123456789";
pub(super) const ID: &str = "sandbox-spreadsheet-of-brands";

const TAB: &str = "INPUT";
const MEDIAN_SECONDS: f64 = 0.3;

/// A change of the rows.
pub(super) type Edit = Box<dyn FnOnce(&mut Tab) + Send>;

/// What somebody does at each request, the second time knowing whether it is a write.
type Disturbance = Box<dyn FnMut(&mut Tab, bool) + Send>;

/// Who is told of each cell that is written: its row and column, counted from 0, and what it shows now.
type CellWatch = Box<dyn FnMut(usize, usize, &str) + Send>;

/// A spreadsheet.
pub(super) struct SimulatedSpreadsheet {
    /// The list is in the first tab.
    tabs: Mutex<Vec<Tab>>,
    before_write: Mutex<Option<Edit>>,
    at_each: Mutex<Option<Disturbance>>,
    watch: Mutex<Option<CellWatch>>,
    /// The account may read only.
    pub(super) read_only: AtomicBool,
    /// Nobody may see or set tags.
    pub(super) without_tags: AtomicBool,
    /// All cells are protected.
    pub(super) protected: AtomicBool,
}

impl std::fmt::Debug for SimulatedSpreadsheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spreadsheet")
            .field("tabs", &self.tabs)
            .finish_non_exhaustive()
    }
}

impl SimulatedSpreadsheet {
    pub(super) fn new(csv: &str) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(csv.as_bytes());
        for record in reader.records() {
            let record = record.context("the list of --list is not CSV: save it as “CSV UTF-8”")?;
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
            tabs: Mutex::new(vec![Tab {
                id: 0,
                title: TAB.to_owned(),
                rows,
                columns,
                row_count,
                tags: Vec::new(),
                properties: json!({}),
            }]),
            before_write: Mutex::default(),
            at_each: Mutex::default(),
            watch: Mutex::default(),
            read_only: AtomicBool::new(false),
            without_tags: AtomicBool::new(false),
            protected: AtomicBool::new(false),
        })
    }

    /// The cells of the tab with this title, or of the first.
    pub(super) fn rows(&self, title: Option<&str>) -> Vec<Vec<String>> {
        let tabs = self.tabs();
        let tab = match title {
            Some(title) => tabs.iter().find(|tab| tab.title == title),
            None => tabs.first(),
        };
        let rows = tab.into_iter().flat_map(|tab| &tab.rows);
        rows.map(|row| row.iter().map(formatted).collect())
            .collect()
    }

    /// The first tab's name.
    pub(super) fn title(&self) -> String {
        let tabs = self.tabs();
        tabs.first()
            .map(|tab| tab.title.clone())
            .unwrap_or_default()
    }

    /// Changes the first tab.
    pub(super) fn edit(&self, edit: impl FnOnce(&mut Tab)) {
        if let Some(tab) = self.tabs().first_mut() {
            edit(tab);
        }
    }

    /// Puts a tab before the one at this place, with properties beside its title and size; `merges` are its merged cells.
    pub(super) fn add_tab(&self, at: usize, title: &str, rows: &[&[&str]], properties: Value) {
        let mut tabs = self.tabs();
        let id = tabs.iter().map(|tab| tab.id).max().unwrap_or(0) + 1;
        let rows: Vec<Vec<Value>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| json!(cell)).collect())
            .collect();
        let tab = Tab {
            id,
            title: title.to_owned(),
            columns: 26,
            row_count: 1_000,
            rows,
            tags: Vec::new(),
            properties,
        };
        let at = at.min(tabs.len());
        tabs.insert(at, tab);
    }

    pub(super) fn edit_before_write(&self, edit: Edit) {
        *lock(&self.before_write) = Some(edit);
    }

    pub(super) fn disturb_at_each(&self, disturbance: Disturbance) {
        *lock(&self.at_each) = Some(disturbance);
    }

    /// Lets those who share the sheet change it, in the moment before values are read or written.
    pub(super) fn disturb(&self, write: bool) {
        let edit = match write {
            true => lock(&self.before_write).take(),
            false => None,
        };
        let mut tabs = self.tabs();
        let Some(first) = tabs.first_mut() else {
            return;
        };
        if let Some(edit) = edit {
            edit(first);
        }
        if let Some(disturbance) = &mut *lock(&self.at_each) {
            disturbance(first, write);
        }
    }

    pub(super) fn watch(&self, watch: CellWatch) {
        *lock(&self.watch) = Some(watch);
    }

    /// Writes values; what the service says of it.
    pub(super) fn write(&self, tab: &mut Tab, range: Range, values: &[Vec<Value>]) -> Value {
        let cells = tab.write(range, values);
        if let Some(watch) = &mut *lock(&self.watch) {
            for (r, row) in values.iter().enumerate() {
                for (c, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
                    watch(range.rows.0 + r, range.columns.0 + c, &formatted(cell));
                }
            }
        }
        let columns = values.iter().map(Vec::len).max().unwrap_or(0);
        let hit = Range {
            rows: (range.rows.0, Some(range.rows.0 + values.len())),
            columns: (range.columns.0, Some(range.columns.0 + columns)),
        };
        json!({"updatedRange": tab.written(hit),
            "updatedRows": values.len(), "updatedColumns": columns, "updatedCells": cells})
    }

    pub(super) fn tabs(&self) -> MutexGuard<'_, Vec<Tab>> {
        lock(&self.tabs)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn spreadsheet(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(end) = enter(&services, &id, &headers, false).await {
        return end;
    }
    let tabs = services.spreadsheet.tabs();
    let tabs: Vec<Value> = tabs.iter().enumerate().map(properties).collect();
    Json(json!({"properties": {"title": "Brands (simulated)"}, "sheets": tabs})).into_response()
}

fn properties((index, tab): (usize, &Tab)) -> Value {
    let mut properties = tab.properties.clone();
    properties["sheetId"] = json!(tab.id);
    properties["title"] = json!(tab.title);
    properties["index"] = json!(index);
    let merges = properties
        .as_object_mut()
        .and_then(|all| all.remove("merges"));
    if properties["sheetType"].is_null() {
        properties["sheetType"] = json!("GRID");
        properties["gridProperties"]["rowCount"] = json!(tab.row_count);
        properties["gridProperties"]["columnCount"] = json!(tab.columns);
    }
    // As the real service has it: what is empty is left out.
    match merges {
        Some(merges) => json!({"properties": properties, "merges": merges}),
        None => json!({"properties": properties}),
    }
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
    services.spreadsheet.disturb(false);
    let tabs = services.spreadsheet.tabs();
    let mut ranges = Vec::new();
    for (_, text) in pairs.iter().filter(|(name, _)| name == "ranges") {
        let Some((tab, range)) = find(&tabs, text) else {
            return invalid(&format!("Unable to parse range: {text}"));
        };
        let mut found = json!({"range": tabs[tab].written(range), "majorDimension": "ROWS"});
        let values = tabs[tab].read(range);
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
    let body = match of_write(&body) {
        Ok(body) => body,
        Err(why) => return invalid(why),
    };
    services.spreadsheet.disturb(true);
    let mut tabs = services.spreadsheet.tabs();
    let mut writes = Vec::new();
    for (i, entry) in body["data"].as_array().into_iter().flatten().enumerate() {
        if services.spreadsheet.protected.load(Ordering::SeqCst) {
            return invalid(&format!(
                "Invalid data[{i}]: You are trying to edit a protected cell or object. Please contact the spreadsheet \
                 owner to remove protection if you need to edit."
            ));
        }
        let text = entry["range"].as_str().unwrap_or_default();
        let Some((tab, range)) = find(&tabs, text) else {
            return invalid(&format!("Invalid data[{i}]: Unable to parse range: {text}"));
        };
        let Ok(values) = serde_json::from_value::<Vec<Vec<Value>>>(entry["values"].clone()) else {
            return invalid(&format!("Invalid data[{i}]: values"));
        };
        if let Err(why) = tabs[tab].check(range, &values) {
            return invalid(&format!("Invalid data[{i}]: Range ({text}) {why}"));
        }
        writes.push((tab, range, values));
    }
    // A write of nothing is how somebody tries whether he may.
    let counts = u64::from(!writes.is_empty());
    services.counts.writes.fetch_add(counts, Ordering::SeqCst);
    let responses = writes
        .iter()
        .map(|(tab, range, values)| {
            let mut response = services.spreadsheet.write(&mut tabs[*tab], *range, values);
            response["spreadsheetId"] = json!(id);
            response
        })
        .collect::<Vec<_>>();
    Json(written(&id, &responses)).into_response()
}

/// The body of a request that writes values.
pub(super) fn of_write(body: &str) -> Result<Value, &'static str> {
    let body: Value = serde_json::from_str(body).map_err(|_| "Invalid JSON payload received.")?;
    match body["valueInputOption"].as_str() {
        Some("RAW" | "USER_ENTERED") => Ok(body),
        _ => Err("'valueInputOption' is required but not specified"),
    }
}

/// What the service says of all writes of a request.
pub(super) fn written(id: &str, responses: &[Value]) -> Value {
    let total = |of: &str| responses.iter().filter_map(|r| r[of].as_u64()).sum::<u64>();
    json!({
        "spreadsheetId": id, "totalUpdatedRows": total("updatedRows"), "totalUpdatedColumns": total("updatedColumns"),
        "totalUpdatedCells": total("updatedCells"), "totalUpdatedSheets": 1, "responses": responses,
    })
}

/// The tab and the cells in it that a range names.
fn find(tabs: &[Tab], text: &str) -> Option<(usize, Range)> {
    let (title, range) = parse_range(text)?;
    Some((tabs.iter().position(|tab| tab.title == title)?, range))
}

/// `…/{id}:batchUpdate`, of which new rows, columns, tabs and tags are known; all of it is carried out, or nothing.
pub(super) async fn batch_update(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let Some(id) = id.strip_suffix(":batchUpdate").map(str::to_owned) else {
        return error(
            SimulatedService::Sheets,
            404,
            "Requested entity was not found.",
        );
    };
    if let Some(end) = enter(&services, &id, &headers, true).await {
        return end;
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut tabs = services.spreadsheet.tabs();
    let mut changed = tabs.clone();
    let mut replies = Vec::new();
    for (i, request) in body["requests"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let Some((kind, asked)) = request
            .as_object()
            .and_then(|request| request.iter().next())
        else {
            return invalid(&format!("Invalid requests[{i}]: No request set."));
        };
        let reply = match kind.as_str() {
            "appendDimension" => append(&mut changed, asked),
            "addSheet" => add_sheet(&mut changed, asked),
            "createDeveloperMetadata"
                if services.spreadsheet.without_tags.load(Ordering::SeqCst) =>
            {
                return error(
                    SimulatedService::Sheets,
                    403,
                    "The caller does not have permission",
                );
            }
            "createDeveloperMetadata" => by_filter::create(&mut changed, asked),
            _ => Err("the simulated service does not know this request".into()),
        };
        match reply {
            Ok(reply) => replies.push(reply),
            Err(why) => return invalid(&format!("Invalid requests[{i}].{kind}: {why}")),
        }
    }
    *tabs = changed;
    Json(json!({"spreadsheetId": id, "replies": replies})).into_response()
}

fn append(tabs: &mut [Tab], asked: &Value) -> Result<Value, String> {
    let sheet = asked["sheetId"].as_i64().unwrap_or(0);
    let tab = tabs.iter_mut().find(|tab| tab.id == sheet);
    let tab = tab.ok_or_else(|| format!("No grid with id: {sheet}"))?;
    let length = asked["length"]
        .as_u64()
        .and_then(|n| usize::try_from(n).ok());
    match (asked["dimension"].as_str(), length) {
        (Some("COLUMNS"), Some(n @ 1..=1_000)) => tab.columns += n,
        (Some("ROWS"), Some(n @ 1..=100_000)) => tab.row_count += n,
        _ => return Err("Invalid dimension or length".into()),
    }
    Ok(json!({}))
}

fn add_sheet(tabs: &mut Vec<Tab>, asked: &Value) -> Result<Value, String> {
    let asked = &asked["properties"];
    let number = tabs.len();
    let title = asked["title"]
        .as_str()
        .map_or_else(|| format!("Sheet{}", number + 1), str::to_owned);
    // Titles that differ in letter case alone are the same one.
    if tabs
        .iter()
        .any(|tab| tab.title.to_lowercase() == title.to_lowercase())
    {
        return Err(format!(
            "A sheet with the name \"{title}\" already exists. Please enter another name."
        ));
    }
    let grid = &asked["gridProperties"];
    let size = |field: &str| grid[field].as_u64().and_then(|n| usize::try_from(n).ok());
    let tab = Tab {
        id: i64::from(fastrand::u32(1 << 20..1 << 30)),
        title,
        rows: Vec::new(),
        columns: size("columnCount").unwrap_or(26),
        row_count: size("rowCount").unwrap_or(1_000),
        tags: Vec::new(),
        properties: asked.clone(),
    };
    let reply = json!({"addSheet": properties((number, &tab))});
    tabs.push(tab);
    Ok(reply)
}

/// Who may come in: a signed-in account for everything, a key for reading.
pub(super) async fn enter(
    services: &Services,
    id: &str,
    headers: &HeaderMap,
    write: bool,
) -> Option<Response> {
    if let Some(end) = services
        .meet(SimulatedService::Sheets, write, MEDIAN_SECONDS, headers, "")
        .await
    {
        return Some(end);
    }
    if write && services.spreadsheet.read_only.load(Ordering::SeqCst) {
        return Some(error(
            SimulatedService::Sheets,
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
                SimulatedService::Sheets,
                401,
                "Request had invalid authentication credentials.",
            ));
        }
        (None, Some(KEY)) if !write => {}
        (None, Some(KEY)) => {
            return Some(error(
                SimulatedService::Sheets,
                401,
                "API keys are not supported by this API.",
            ));
        }
        (None, Some(_)) => return Some(invalid("API key not valid. Please pass a valid API key.")),
        (None, None) => {
            return Some(error(
                SimulatedService::Sheets,
                403,
                "The request is missing a valid API key.",
            ));
        }
    }
    (id != ID).then(|| {
        error(
            SimulatedService::Sheets,
            404,
            "Requested entity was not found.",
        )
    })
}

pub(super) fn invalid(message: &str) -> Response {
    error(SimulatedService::Sheets, 400, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_at_the_ends_are_left_out() {
        let sheet = SimulatedSpreadsheet::new("a,b,\n,,\nc,,d\n,,\n").unwrap();
        let (_, all) = parse_range("'INPUT'").unwrap();
        assert_eq!(
            sheet.tabs()[0].read(all),
            [vec!["a", "b"], vec![], vec!["c", "", "d"]]
        );
    }
}
