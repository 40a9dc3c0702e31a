//! The client of Google Sheets: which tabs exist, values in and out, and room for new columns.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::auth::SignIn;
use crate::{
    config::{SheetAccess, SheetSettings},
    http::{
        call::{Body, CallError, Request, Service},
        client::HttpClient,
        patience::CallPatience,
        rate_limiter::RateLimiter,
        response::{Reply, ServiceFailure, Verdict, usual_verdict},
    },
};

/// The longest that a sheet is waited for: its results are saved elsewhere, and the next write brings them too.
pub(super) const PATIENCE: Duration = Duration::from_mins(3);

/// One spreadsheet.
#[derive(Debug)]
pub struct Sheets {
    caller: HttpClient,
    service: Service,
    base: Url,
    id: String,
    access: Access,
}

#[derive(Debug)]
enum Access {
    SignIn(Box<SignIn>),
    Key(HeaderMap),
}

/// A spreadsheet without its cells.
#[derive(Debug, Deserialize)]
pub struct Spreadsheet {
    #[serde(default)]
    pub properties: Titled,
    #[serde(default)]
    pub sheets: Vec<SheetTab>,
}

/// What has a title.
#[derive(Debug, Default, Deserialize)]
pub struct Titled {
    #[serde(default)]
    pub title: String,
}

/// One tab.
#[derive(Clone, Debug, Deserialize)]
pub struct SheetTab {
    pub properties: TabProperties,
    /// Cells that are one.
    #[serde(default)]
    pub merges: Vec<GridRange>,
}

/// A part of a tab; counted from 0, the ends not included. Ends that are left out are those of the tab.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GridRange {
    #[serde(rename = "startRowIndex")]
    pub top: usize,
    #[serde(rename = "endRowIndex")]
    pub bottom: Option<usize>,
    #[serde(rename = "startColumnIndex")]
    pub left: usize,
    #[serde(rename = "endColumnIndex")]
    pub right: Option<usize>,
}

/// What a tab is called and how large it is. Values that are zero or empty are left out by the service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TabProperties {
    pub sheet_id: i64,
    pub title: String,
    /// `GRID`, where it has cells.
    pub sheet_type: String,
    pub hidden: bool,
    pub grid_properties: Grid,
}

/// The size of a tab.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grid {
    pub row_count: usize,
    pub column_count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchValues {
    #[serde(default)]
    value_ranges: Vec<ValueRange>,
}

#[derive(Deserialize)]
pub(super) struct ValueRange {
    #[serde(default)]
    pub(super) range: String,
    #[serde(default)]
    values: Vec<Vec<Value>>,
}

impl ValueRange {
    /// Rows of cells, as they are shown.
    pub(super) fn into_shown(self) -> Vec<Vec<String>> {
        let rows = self.values.into_iter();
        rows.map(|row| row.into_iter().map(shown).collect())
            .collect()
    }
}

/// Values for neighbouring cells of a row.
#[derive(Clone, Debug)]
pub struct Cells {
    pub place: Place,
    /// One row of cells; `null` leaves a cell as it is.
    pub row: Vec<Value>,
}

/// Where cells are.
#[derive(Clone, Debug)]
pub enum Place {
    /// In A1 notation, with the tab's name.
    Range(String),
    /// In the row that has this tag, wherever it is by then, from this column on, counted from 0.
    Tagged { id: i64, column: usize },
}

impl Sheets {
    /// The spreadsheet of these settings.
    pub fn new(
        caller: HttpClient,
        gate: Arc<RateLimiter>,
        sign_in_gate: Arc<RateLimiter>,
        settings: &SheetSettings,
    ) -> anyhow::Result<Self> {
        let (access, credential) = match &settings.access {
            SheetAccess::ServiceAccount(account) => {
                let sign_in = SignIn::new(caller.clone(), sign_in_gate, account.clone());
                let credential = format!(
                    "Check GOOGLE_SHEET_ID, and share the sheet with {} as Editor",
                    sign_in.email()
                );
                (Access::SignIn(Box::new(sign_in)), credential)
            }
            SheetAccess::ApiKey(key) => {
                let mut value = HeaderValue::from_str(key.expose_secret()).map_err(|_| {
                    anyhow::anyhow!("GOOGLE_API_KEY has characters that cannot be sent in a header")
                })?;
                value.set_sensitive(true);
                // In a header, because addresses end up in logs of proxies.
                let headers = HeaderMap::from_iter([("x-goog-api-key".parse()?, value)]);
                (
                    Access::Key(headers),
                    "Check GOOGLE_SHEET_ID and GOOGLE_API_KEY, and that anyone with the link may view the sheet".into(),
                )
            }
        };
        Ok(Self {
            caller,
            service: Service {
                name: "Google Sheets",
                address: "GOOGLE_SHEET_ID or GOOGLE_SHEETS_BASE_URL",
                credential,
                account: "https://console.cloud.google.com".into(),
                gate,
                classify,
                own_words: |_| None,
            },
            base: settings.base.clone(),
            id: settings.id.clone(),
            access,
        })
    }

    /// Whether results can be written back.
    pub fn can_write(&self) -> bool {
        matches!(self.access, Access::SignIn(_))
    }

    /// Titles and sizes.
    pub async fn spreadsheet(&self) -> Result<Spreadsheet, CallError> {
        let mut url = self.at(&[]);
        url.query_pairs_mut().append_pair(
            "fields",
            "properties.title,sheets(properties(sheetId,title,sheetType,hidden,gridProperties),merges)",
        );
        let mut request = Request::free("spreadsheet", Method::GET, url, HeaderMap::new());
        request.timeout = crate::http::PREFLIGHT_TIMEOUT;
        request.patience = CallPatience::Start;
        self.read(self.send(request).await?)
    }

    /// The values of several ranges, as they are shown; in the order of the ranges.
    pub async fn values(&self, ranges: &[String]) -> Result<Vec<Vec<Vec<String>>>, CallError> {
        self.values_within(ranges, CallPatience::AtMost(PATIENCE))
            .await
    }

    /// The same, of the list that a run begins with.
    pub async fn values_of_list(
        &self,
        ranges: &[String],
    ) -> Result<Vec<Vec<Vec<String>>>, CallError> {
        self.values_within(ranges, CallPatience::Start).await
    }

    async fn values_within(
        &self,
        ranges: &[String],
        patience: CallPatience,
    ) -> Result<Vec<Vec<Vec<String>>>, CallError> {
        let mut url = self.at(&["values:batchGet"]);
        for range in ranges {
            url.query_pairs_mut().append_pair("ranges", range);
        }
        let mut request = Request::free("read values", Method::GET, url, HeaderMap::new());
        request.patience = patience;
        let reply: BatchValues = self.read(self.send(request).await?)?;
        let ranges = reply.value_ranges.into_iter();
        Ok(ranges.map(ValueRange::into_shown).collect())
    }

    /// Writes cells as plain text and numbers, all or none. Those of a row that is gone with its tag are left out.
    pub async fn write(&self, cells: &[Cells]) -> Result<(), CallError> {
        if cells
            .iter()
            .any(|cells| matches!(cells.place, Place::Tagged { .. }))
        {
            return self.write_by_filter(cells).await;
        }
        let in_range = |cells: &Cells| match &cells.place {
            Place::Range(range) => Some(json!({"range": range, "values": [cells.row]})),
            Place::Tagged { .. } => None,
        };
        let data: Vec<Value> = cells.iter().filter_map(in_range).collect();
        let mut request = Request::free(
            "write values",
            Method::POST,
            self.at(&["values:batchUpdate"]),
            HeaderMap::new(),
        );
        request.body = Body::Json(json!({"valueInputOption": "RAW", "data": data}).to_string());
        request.patience = CallPatience::AtMost(PATIENCE);
        self.send(request).await.map(drop)
    }

    /// Adds empty rows or columns at the end of a tab.
    pub async fn add(&self, sheet_id: i64, what: &str, count: usize) -> Result<(), CallError> {
        let append =
            json!({"appendDimension": {"sheetId": sheet_id, "dimension": what, "length": count}});
        self.update("make room", vec![append]).await.map(drop)
    }

    /// Adds a tab with these properties.
    pub async fn add_tab(&self, properties: &Value) -> Result<TabProperties, CallError> {
        let add = json!({"addSheet": {"properties": properties}});
        let mut reply = self.update("add a tab", vec![add]).await?;
        let added = reply.pointer_mut("/replies/0/addSheet/properties");
        self.read(added.map(Value::take).unwrap_or_default())
    }

    /// Changes the spreadsheet itself, all that is asked for or nothing. It is not tried again: what the answer was lost
    /// of would be done twice.
    pub(super) async fn update(
        &self,
        what: &str,
        requests: Vec<Value>,
    ) -> Result<Value, CallError> {
        let mut url = self.at(&[]);
        url.set_path(&format!("{}:batchUpdate", url.path()));
        let mut request = Request::free(what, Method::POST, url, HeaderMap::new());
        request.body = Body::Json(json!({"requests": requests}).to_string());
        request.patience = CallPatience::AtMost(Duration::ZERO);
        self.send(request).await
    }

    pub(super) async fn send(&self, mut request: Request) -> Result<Value, CallError> {
        let sign_in = match &self.access {
            Access::Key(headers) => {
                request.headers.clone_from(headers);
                return Ok(self
                    .caller
                    .send(&self.service, &request, Timestamp::MIN)
                    .await?
                    .json);
            }
            Access::SignIn(sign_in) => sign_in,
        };
        request.headers = sign_in.headers().await?;
        match self
            .caller
            .send(&self.service, &request, Timestamp::MIN)
            .await
        {
            // A token can end before its time; a fresh one is tried once.
            Err(CallError::Run {
                status: Some(401), ..
            }) => {
                sign_in.forget().await;
                request.headers = sign_in.headers().await?;
                Ok(self
                    .caller
                    .send(&self.service, &request, Timestamp::MIN)
                    .await?
                    .json)
            }
            other => Ok(other?.json),
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self, json: Value) -> Result<T, CallError> {
        T::deserialize(json).map_err(|error| self.strange(&error.to_string()))
    }

    /// The error of a reply that cannot be used.
    pub(super) fn strange(&self, why: &str) -> CallError {
        CallError::Request {
            service: self.service.name,
            kind: crate::error_kind::ErrorKind::BadAnswer,
            status: None,
            message: format!("the reply is not what it should be: {why}"),
        }
    }

    pub(super) fn at(&self, path: &[&str]) -> Url {
        let path = ["v4", "spreadsheets", &self.id]
            .into_iter()
            .chain(path.iter().copied());
        crate::http::join(&self.base, path)
    }
}

/// A cell as text; formatted values are texts already.
fn shown(cell: Value) -> String {
    match cell {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A tab's name and a range in it, in A1 notation.
pub fn a1(tab: &str, range: &str) -> String {
    format!("'{}'!{range}", tab.replace('\'', "''"))
}

/// The letters of a column, counted from 0: A, B, … Z, AA, ….
pub fn column_letters(mut column: usize) -> String {
    let mut letters = String::new();
    loop {
        letters.extend(('A'..='Z').nth(column % 26));
        match column / 26 {
            0 => return letters.chars().rev().collect(),
            more => column = more - 1,
        }
    }
}

fn classify(reply: &Reply) -> Verdict {
    let reason = reply
        .json
        .as_ref()
        .and_then(|json| json.pointer("/error/details/0/reason")?.as_str());
    match (reply.status, reason) {
        (403, Some("RATE_LIMIT_EXCEEDED" | "rateLimitExceeded" | "userRateLimitExceeded")) => {
            Verdict::Transient
        }
        (404, _) | (400, Some("API_KEY_INVALID")) => Verdict::Run(ServiceFailure::Refused),
        (400, _) if reply.message.contains("API key not valid") => {
            Verdict::Run(ServiceFailure::Refused)
        }
        (400, _) if reply.message.contains("not supported for this document") => {
            Verdict::Run(ServiceFailure::WrongAddress)
        }
        _ => usual_verdict(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, letters) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (52, "BA"),
            (701, "ZZ"),
            (702, "AAA"),
        ] {
            assert_eq!(column_letters(column), letters);
        }
    }

    #[test]
    fn tab_names_are_quoted() {
        assert_eq!(a1("Jon's برندها", "A1:B2"), "'Jon''s برندها'!A1:B2");
    }
}
