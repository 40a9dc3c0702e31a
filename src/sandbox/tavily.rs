//! The simulated Tavily.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Services, SimulatedService, bearer, error};

pub(super) const KEY: &str = "tvly-sandbox-0123456789";

const MEDIAN_SECONDS: f64 = 1.2;
/// What the simulated plan has, so that no night uses it up.
const PLAN_CREDITS: u64 = 10_000_000;
const UNAUTHORIZED: &str = "Unauthorized: missing or invalid API key.";
const QUERY_LIMIT: usize = 400;

const SEARCH_FIELDS: [&str; 20] = [
    "query",
    "search_depth",
    "chunks_per_source",
    "max_results",
    "topic",
    "time_range",
    "start_date",
    "end_date",
    "days",
    "include_answer",
    "include_raw_content",
    "include_images",
    "include_image_descriptions",
    "include_favicon",
    "include_domains",
    "exclude_domains",
    "country",
    "auto_parameters",
    "exact_match",
    "include_usage",
];
const EXTRACT_FIELDS: [&str; 8] = [
    "urls",
    "query",
    "chunks_per_source",
    "extract_depth",
    "format",
    "include_images",
    "include_favicon",
    "include_usage",
];

pub(super) async fn search(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let body = match enter(&services, &headers, &body, &SEARCH_FIELDS).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    let query = body["query"].as_str().unwrap_or_default();
    if query.trim().is_empty() {
        return error(SimulatedService::Search, 400, "Query is missing.");
    }
    if query.chars().count() > QUERY_LIMIT {
        return error(
            SimulatedService::Search,
            400,
            "Query is too long. Max query length is 400 characters.",
        );
    }
    let credits = match body
        .get("search_depth")
        .map_or(Some("basic"), Value::as_str)
    {
        Some("basic" | "fast" | "ultra-fast") => 1,
        Some("advanced") => 2,
        _ => return error(SimulatedService::Search, 400, "Invalid search depth."),
    };
    let country = body.get("country");
    if country.is_some_and(|country| country.as_str() != Some("iran")) {
        return error(SimulatedService::Search, 400, "Invalid country.");
    }
    let Some(most) = body
        .get("max_results")
        .map_or(Some(5), Value::as_u64)
        .filter(|n| *n <= 20)
    else {
        return error(
            SimulatedService::Search,
            400,
            "Max results must be between 0 and 20.",
        );
    };
    let result = |url: &str, title: &str, text: &str, score: f64| json!({"url": url, "title": title, "content": text, "score": score, "raw_content": null});
    let most = usize::try_from(most).unwrap_or(20);
    let found = services.world.search(query, most);
    let results: Vec<Value> = found
        .iter()
        .map(|(page, score)| result(&page.url, &page.title, &page.text, *score))
        .collect();
    services.counts.credits.fetch_add(credits, Ordering::SeqCst);
    let mut reply = json!({
        "query": query, "answer": null, "follow_up_questions": null, "images": [], "results": results,
        "response_time": 1.2, "request_id": format!("simulated-{:016x}", fastrand::u64(..)),
    });
    if body["include_usage"] == true {
        reply["usage"] = json!({"credits": credits});
    }
    services.deliver(SimulatedService::Search, Json(reply).into_response())
}

pub(super) async fn extract(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let body = match enter(&services, &headers, &body, &EXTRACT_FIELDS).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    let urls: Vec<&str> = match &body["urls"] {
        Value::String(url) => vec![url],
        Value::Array(urls) => urls.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if urls.is_empty() {
        return error(SimulatedService::Search, 400, "No URLs were given.");
    }
    if urls.len() > 20 {
        return error(SimulatedService::Search, 400, "Max 20 URLs are allowed.");
    }
    let (mut results, mut failed) = (Vec::new(), Vec::new());
    for url in urls {
        let text = services.world.page(url).map(|page| page.text);
        match text {
            Some(text) => results.push(json!({"url": url, "raw_content": text, "images": []})),
            None => failed.push(json!({"url": url, "error": "Failed to fetch url"})),
        }
    }
    let credits = results.len().div_ceil(5) as u64;
    services.counts.credits.fetch_add(credits, Ordering::SeqCst);
    let reply = json!({
        "results": results, "failed_results": failed, "response_time": 0.9,
        "usage": {"credits": credits}, "request_id": format!("simulated-{:016x}", fastrand::u64(..)),
    });
    services.deliver(SimulatedService::Search, Json(reply).into_response())
}

pub(super) async fn usage(State(services): State<Arc<Services>>, headers: HeaderMap) -> Response {
    services.pause(0.2).await;
    if bearer(&headers) != Some(KEY) {
        return error(SimulatedService::Search, 401, UNAUTHORIZED);
    }
    let used = services.counts.credits.load(Ordering::SeqCst);
    Json(json!({
        "key": {"usage": used, "limit": PLAN_CREDITS, "search_usage": used},
        "account": {"current_plan": "Simulated", "plan_usage": used, "plan_limit": PLAN_CREDITS},
    }))
    .into_response()
}

async fn enter(
    services: &Services,
    headers: &HeaderMap,
    body: &str,
    fields: &[&str],
) -> Result<Value, Response> {
    if let Some(end) = services
        .meet(
            SimulatedService::Search,
            false,
            MEDIAN_SECONDS,
            headers,
            body,
        )
        .await
    {
        return Err(end);
    }
    if bearer(headers) != Some(KEY) {
        return Err(error(SimulatedService::Search, 401, UNAUTHORIZED));
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let unknown = body
        .as_object()
        .and_then(|body| body.keys().find(|key| !fields.contains(&key.as_str())));
    match (unknown, body.is_object()) {
        (Some(field), _) => Err(error(
            SimulatedService::Search,
            400,
            &format!("Unknown field: {field}"),
        )),
        (None, false) => Err(error(
            SimulatedService::Search,
            422,
            "The body is not a JSON object.",
        )),
        (None, true) => Ok(body),
    }
}
