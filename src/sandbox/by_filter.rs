//! The data filters and developer metadata of the simulated Google Sheets.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Services, SimulatedService, bearer, error,
    sheets::{enter, invalid, of_write, written},
    tab::{Range, SimulatedTag, Tab, parse_range},
};

/// Characters of keys and values that a spreadsheet has room for.
const ROOM: usize = 30_000;

/// What a filter matches: the place of a tab and a range in it.
type MatchedRange = (usize, Range);

pub(super) async fn search(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if let Some(end) = enter_with_filters(&services, &id, &headers, false).await {
        return end;
    }
    let tabs = services.spreadsheet.tabs();
    let mut matched = Vec::new();
    for filter in filters(&body) {
        let lookup = &filter["developerMetadataLookup"];
        if let Err(why) = check_lookup(lookup) {
            return invalid(&why);
        }
        for tab in tabs.iter() {
            let hits = tab.tags.iter().filter(|tag| matches(tab, tag, lookup));
            matched.extend(
                hits.map(
                    |tag| json!({"developerMetadata": shown(tab, tag), "dataFilters": [filter]}),
                ),
            );
        }
    }
    let body = match matched.is_empty() {
        true => json!({}),
        false => json!({"matchedDeveloperMetadata": matched}),
    };
    Json(body).into_response()
}

pub(super) async fn batch_get(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if let Some(end) = enter_with_filters(&services, &id, &headers, false).await {
        return end;
    }
    services.spreadsheet.disturb(false);
    let tabs = services.spreadsheet.tabs();
    let mut found: Vec<(MatchedRange, Vec<Value>)> = Vec::new();
    for filter in filters(&body) {
        let ranges = match find(&tabs, &filter) {
            Ok(ranges) => ranges,
            Err(why) => return invalid(&why),
        };
        for range in ranges {
            match found.iter_mut().find(|(known, _)| *known == range) {
                Some((_, filters)) => filters.push(filter.clone()),
                None => found.push((range, vec![filter.clone()])),
            }
        }
    }
    let ranges: Vec<Value> = found
        .into_iter()
        .map(|((tab, range), filters)| {
            let mut values = json!({"range": tabs[tab].written(range), "majorDimension": "ROWS"});
            let cells = tabs[tab].read(range);
            if !cells.is_empty() {
                values["values"] = json!(cells);
            }
            json!({"valueRange": values, "dataFilters": filters})
        })
        .collect();
    Json(json!({"spreadsheetId": id, "valueRanges": ranges})).into_response()
}

pub(super) async fn batch_update(
    State(services): State<Arc<Services>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if let Some(end) = enter_with_filters(&services, &id, &headers, true).await {
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
        let ranges = match find(&tabs, &entry["dataFilter"]) {
            Ok(ranges) => ranges,
            Err(why) => return invalid(&format!("Invalid data[{i}]: {why}")),
        };
        let Ok(values) = serde_json::from_value::<Vec<Vec<Value>>>(entry["values"].clone()) else {
            return invalid(&format!("Invalid data[{i}]: values"));
        };
        for (tab, range) in ranges {
            if let Err(why) = tabs[tab].check(range, &values) {
                let range = tabs[tab].written(range);
                return invalid(&format!("Invalid data[{i}]: Range ({range}) {why}"));
            }
            writes.push((tab, range, values.clone(), entry["dataFilter"].clone()));
        }
    }
    let responses = writes
        .into_iter()
        .map(|(tab, range, values, filter)| {
            let mut response = services.spreadsheet.write(&mut tabs[tab], range, &values);
            response["dataFilter"] = filter;
            response
        })
        .collect::<Vec<_>>();
    services.counts.writes.fetch_add(1, Ordering::SeqCst);
    services.counts.tagged_writes.fetch_add(1, Ordering::SeqCst);
    Json(written(&id, &responses)).into_response()
}

/// Tags a row, as `createDeveloperMetadata` asks for it. Returns the reply.
pub(super) fn create(tabs: &mut [Tab], request: &Value) -> Result<Value, String> {
    let asked = &request["developerMetadata"];
    let text = |field: &str| asked[field].as_str().map(str::to_owned);
    let key = text("metadataKey").ok_or("developer_metadata.metadata_key is required")?;
    let visibility = text("visibility")
        .filter(|visibility| matches!(visibility.as_str(), "DOCUMENT" | "PROJECT"))
        .ok_or("developer_metadata.visibility is required")?;
    let range = &asked["location"]["dimensionRange"];
    let index = |field: &str| range[field].as_u64().and_then(|n| usize::try_from(n).ok());
    let (start, end) = (index("startIndex").unwrap_or(0), index("endIndex"));
    if range["dimension"] != "ROWS" || end != Some(start + 1) {
        return Err("The dimension range must represent a single row or column".into());
    }
    let used: usize = tabs
        .iter()
        .flat_map(|tab| &tab.tags)
        .map(|tag| tag.key.len() + tag.value.as_ref().map_or(0, String::len))
        .sum();
    let value = text("metadataValue");
    if used + key.len() + value.as_ref().map_or(0, String::len) > ROOM {
        return Err("The developer metadata of this spreadsheet exceeds its limit".into());
    }
    let sheet = range["sheetId"].as_i64().unwrap_or(0);
    let tab = tabs.iter_mut().find(|tab| tab.id == sheet);
    let tab = tab.ok_or_else(|| format!("No grid with id: {sheet}"))?;
    if start >= tab.row_count {
        return Err(format!("Row {start} is beyond the grid"));
    }
    let tag = SimulatedTag {
        // Large, as the service's are.
        id: i64::from(fastrand::u32(1 << 20..1 << 30)),
        key,
        value,
        visibility,
        row: start,
    };
    let reply = json!({"createDeveloperMetadata": {"developerMetadata": shown(tab, &tag)}});
    tab.tags.push(tag);
    Ok(reply)
}

/// Filters are for signed-in accounts alone, also when reading.
async fn enter_with_filters(
    services: &Services,
    id: &str,
    headers: &HeaderMap,
    write: bool,
) -> Option<Response> {
    if let Some(end) = enter(services, id, headers, write).await {
        return Some(end);
    }
    let refused =
        services.spreadsheet.without_tags.load(Ordering::SeqCst) || bearer(headers).is_none();
    refused.then(|| {
        error(
            SimulatedService::Sheets,
            403,
            "The caller does not have permission",
        )
    })
}

fn filters(body: &str) -> Vec<Value> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["dataFilters"].as_array().cloned().unwrap_or_default()
}

/// The ranges that a filter matches; a lookup that matches nothing is no error.
fn find(tabs: &[Tab], filter: &Value) -> Result<Vec<MatchedRange>, String> {
    if let Some(text) = filter["a1Range"].as_str() {
        let range = parse_range(text).and_then(|(title, range)| {
            Some((tabs.iter().position(|tab| tab.title == title)?, range))
        });
        return Ok(vec![
            range.ok_or_else(|| format!("Unable to parse range: {text}"))?,
        ]);
    }
    let lookup = &filter["developerMetadataLookup"];
    check_lookup(lookup)?;
    let mut found = Vec::new();
    for (i, tab) in tabs.iter().enumerate() {
        let hits = tab.tags.iter().filter(|tag| matches(tab, tag, lookup));
        found.extend(hits.map(|tag| (i, tab.row(tag.row))));
    }
    Ok(found)
}

fn check_lookup(lookup: &Value) -> Result<(), String> {
    let Some(fields) = lookup.as_object() else {
        return Err("Must specify exactly one of the fields of a data filter".into());
    };
    let known = [
        "metadataId",
        "metadataKey",
        "metadataValue",
        "visibility",
        "locationType",
    ];
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(format!(
            "Invalid JSON payload received. Unknown name \"{field}\": Cannot find field."
        )),
        None => Ok(()),
    }
}

fn matches(tab: &Tab, tag: &SimulatedTag, lookup: &Value) -> bool {
    let tag = shown(tab, tag);
    let same = |(field, wanted): (&String, &Value)| match field.as_str() {
        "locationType" => tag["location"]["locationType"] == *wanted,
        field => tag[field] == *wanted,
    };
    lookup
        .as_object()
        .is_some_and(|lookup| lookup.iter().all(same))
}

fn shown(tab: &Tab, tag: &SimulatedTag) -> Value {
    let mut shown = json!({
        "metadataId": tag.id,
        "metadataKey": tag.key,
        "location": {"locationType": "ROW", "dimensionRange":
            {"sheetId": tab.id, "dimension": "ROWS", "startIndex": tag.row, "endIndex": tag.row + 1}},
        "visibility": tag.visibility,
    });
    if let Some(value) = &tag.value {
        shown["metadataValue"] = json!(value);
    }
    shown
}
