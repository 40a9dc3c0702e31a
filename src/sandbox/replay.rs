//! The replay of failures: requests that are in a file of `brandintel support` are answered as they were there.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::body;

/// The longest request that is looked at.
const LONGEST: usize = 16 << 20;

/// What is written into a chat besides the question: models and prices differ from one machine to another.
const OF_THE_MACHINE: [&str; 4] = ["messages", "model", "models", "provider"];

/// The exchanges of a file.
#[derive(Debug)]
pub(super) struct Replay(Vec<ReplayedCall>);

/// A request, with the answers that it got one after the other.
#[derive(Debug)]
struct ReplayedCall {
    endpoint: String,
    /// The body, `null` where there was none.
    body: Value,
    brand: Option<String>,
    answers: Vec<ReplayedAnswer>,
    /// It was answered well in the end.
    was_answered: bool,
    given: AtomicUsize,
}

#[derive(Debug, Deserialize)]
struct ReplayedExchange {
    exchanges: Vec<RecordedCall>,
}

#[derive(Debug, Deserialize)]
struct RecordedCall {
    request: RecordedRequest,
    #[serde(default)]
    brand: Option<String>,
    answers: Vec<ReplayedAnswer>,
    #[serde(default)]
    then: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RecordedRequest {
    url: String,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    body: Option<String>,
}

/// An answer, or how there was none.
#[derive(Clone, Debug, Deserialize)]
struct ReplayedAnswer {
    #[serde(default)]
    none: Option<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    body: Option<String>,
}

impl Replay {
    /// Reads the exchanges of a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let read = || -> anyhow::Result<ReplayedExchange> {
            let text = fs::read(path).context("is the path right?")?;
            serde_json::from_slice(&text).context("it is no file of brandintel support")
        };
        let recorded = read().with_context(|| format!("--replay {}", path.display()))?;
        let calls = recorded.exchanges.into_iter();
        let calls: Vec<ReplayedCall> = calls.map(ReplayedCall::of).collect();
        ensure!(
            !calls.is_empty(),
            "--replay {}: there is no exchange in it that went wrong",
            path.display()
        );
        Ok(Self(calls))
    }

    /// The answer that a request has in the file; `None` where it went well there, or is not in it.
    fn answer(&self, path: &str, body: &str) -> Option<&ReplayedAnswer> {
        let endpoint = endpoint(path);
        let body = json_of(body);
        let of_endpoint = || self.0.iter().filter(|call| call.endpoint == endpoint);
        of_endpoint()
            .filter(|call| call.body == body)
            .find_map(ReplayedCall::next)
            .or_else(|| {
                // Text from the web stands between fences that each state folder has its own of.
                let alike = of_endpoint().filter(|call| call.body != body && call.is_alike(&body));
                alike.into_iter().find_map(ReplayedCall::next)
            })
            // What ended the run was told to no other request, and would have been.
            .or_else(|| of_endpoint().find_map(ReplayedCall::refusal_of_all))
    }
}

impl ReplayedCall {
    fn of(recorded: RecordedCall) -> Self {
        let RecordedCall {
            request,
            brand,
            answers,
            then,
        } = recorded;
        let path = request.url.split_once("://").map_or("", |(_, rest)| rest);
        let path = path.find('/').map_or("", |at| &path[at..]);
        let text = request.body.as_deref().map(json_of);
        Self {
            endpoint: endpoint(path),
            body: request.json.or(text).unwrap_or_default(),
            brand,
            answers,
            was_answered: then.is_some(),
            given: AtomicUsize::new(0),
        }
    }

    /// The next answer. One that never was a good one is the last for ever.
    fn next(&self) -> Option<&ReplayedAnswer> {
        let given = self.given.fetch_add(1, Ordering::SeqCst);
        let last = self.answers.last().filter(|_| !self.was_answered);
        self.answers.get(given).or(last)
    }

    /// The last answer, where it is about the account or the address and not about this request.
    fn refusal_of_all(&self) -> Option<&ReplayedAnswer> {
        let of_all = |status| matches!(status, 300..=399 | 401 | 402 | 407 | 432 | 433);
        self.answers
            .last()
            .filter(|answer| !self.was_answered && of_all(answer.status))
    }

    /// Whether a request with another body asks for the same.
    fn is_alike(&self, body: &Value) -> bool {
        let Some(brand) = &self.brand else {
            // Pages, sheets and the brand's own site are asked for in one way.
            return self.endpoint != "chat/completions" && self.endpoint != "search";
        };
        let texts = |body: &Value| -> Vec<String> {
            let messages = body["messages"].as_array().into_iter().flatten();
            messages
                .map(|message| message["content"].to_string())
                .collect()
        };
        let (own, other) = (texts(&self.body), texts(body));
        own.len() == other.len()
            && own.first() == other.first()
            && form(&self.body) == form(body)
            && other.iter().any(|text| text.contains(brand.as_str()))
    }
}

/// The form in which a question is put.
fn form(body: &Value) -> Map<String, Value> {
    let mut form = body.as_object().cloned().unwrap_or_default();
    form.retain(|name, _| !OF_THE_MACHINE.contains(&name.as_str()));
    form
}

/// A body as it is compared.
fn json_of(body: &str) -> Value {
    match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_str(body).unwrap_or_else(|_| body.into()),
    }
}

/// What a path asks for, wherever the service stands and whichever spreadsheet it is.
fn endpoint(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if let Some(at) = parts.iter().position(|part| *part == "spreadsheets") {
        // The id follows, after `d` where a sheet is exported.
        let rest = parts[at + 1..].iter().filter(|part| **part != "d").skip(1);
        let rest: Vec<&str> = rest.copied().collect();
        return format!("spreadsheets/{}", rest.join("/"));
    }
    match &parts[..] {
        [.., "chat", "completions"] => "chat/completions".into(),
        [.., last] => (*last).to_owned(),
        [] => String::new(),
    }
}

/// Answers as in the file, or hands a request on to the simulated services.
pub(super) async fn play(
    State(replay): State<Arc<Replay>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, LONGEST).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    match replay.answer(parts.uri.path(), &text).cloned() {
        Some(answer) => answer.give().await,
        None => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
    }
}

impl ReplayedAnswer {
    async fn give(self) -> Response {
        match self.none.as_deref() {
            None => {}
            Some("no answer in time") => tokio::time::sleep(Duration::from_hours(1)).await,
            Some(_) => return body::cut(),
        }
        let text = match (self.json, self.body) {
            (Some(json), _) => json.to_string(),
            (None, body) => body.unwrap_or_default(),
        };
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut response = (status, text).into_response();
        response.headers_mut().remove(header::CONTENT_TYPE);
        for (name, value) in &self.headers {
            let name = name.parse::<header::HeaderName>();
            let value = value.as_str().unwrap_or_default().parse();
            if let (Ok(name), Ok(value)) = (name, value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn replay(exchanges: &Value) -> Replay {
        let recorded: ReplayedExchange =
            serde_json::from_value(json!({"exchanges": exchanges})).unwrap();
        Replay(
            recorded
                .exchanges
                .into_iter()
                .map(ReplayedCall::of)
                .collect(),
        )
    }

    fn statuses<const N: usize>(replay: &Replay, path: &str, body: &Value) -> [u16; N] {
        let text = body.to_string();
        std::array::from_fn(|_| {
            replay
                .answer(path, &text)
                .map_or(200, |answer| answer.status)
        })
    }

    #[test]
    fn answers_come_in_their_order_and_what_went_well_in_the_end_goes_well() {
        let body = json!({"query": "کاله"});
        let url = "https://api.tavily.com/search";
        let replay = replay(&json!([
            {"request": {"url": url, "json": body}, "answers": [{"status": 503}, {"status": 429}], "then": "answered"},
            {"request": {"url": url, "json": {"query": "میهن"}}, "answers": [{"status": 418}]},
        ]));
        assert_eq!(statuses(&replay, "/search", &body), [503, 429, 200, 200]);
        assert_eq!(
            statuses(&replay, "/search", &json!({"query": "میهن"})),
            [418, 418]
        );
        assert_eq!(
            statuses(&replay, "/search", &json!({"query": "پگاه"})),
            [200]
        );
        assert_eq!(statuses(&replay, "/extract", &body), [200]);
    }

    #[test]
    fn a_question_is_known_by_its_brand_and_form_whatever_the_fences_and_the_model() {
        let chat = |brand: &str, fence: &str, tokens: u32, model: &str| {
            json!({"model": model, "max_tokens": tokens,
            "messages": [{"role": "system", "content": "analyst"}, {"role": "user", "content": format!("{fence} {brand}")}]})
        };
        let replay = replay(&json!([{
            "brand": "کاله",
            "request": {"url": "https://openrouter.ai/api/v1/chat/completions", "json": chat("کاله", "1f", 12, "a")},
            "answers": [{"status": 403}],
        }]));
        let path = "/api/v1/chat/completions";
        let asked = |body: Value| statuses::<1>(&replay, path, &body)[0];
        assert_eq!(asked(chat("کاله", "2e", 12, "b")), 403);
        assert_eq!(asked(chat("میهن", "2e", 12, "b")), 200);
        assert_eq!(asked(chat("کاله", "2e", 24, "b")), 200, "another form");
    }

    #[test]
    fn endpoints_are_the_same_wherever_the_service_stands() {
        for (path, expected) in [
            ("/v1/chat/completions", "chat/completions"),
            ("/api/v1/key", "key"),
            (
                "/v4/spreadsheets/1abc/values:batchGet",
                "spreadsheets/values:batchGet",
            ),
            ("/v4/spreadsheets/another", "spreadsheets/"),
            (
                "/spreadsheets/d/1abc/export?format=xlsx",
                "spreadsheets/export",
            ),
        ] {
            assert_eq!(endpoint(path), expected, "{path}");
        }
    }
}
