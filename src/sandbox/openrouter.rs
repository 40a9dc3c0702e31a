//! The simulated OpenRouter.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Service, Services, bearer, error, fault::Kind, model};

pub(super) const KEY: &str = "sk-or-v1-sandbox-0123456789";

const MEDIAN_SECONDS: f64 = 8.0;

/// Slug, and US dollars for a million prompt and answer tokens.
const MODELS: [(&str, f64, f64); 4] = [
    ("google/gemini-3.1-flash-lite", 0.25, 1.5),
    ("google/gemini-3-flash-preview", 0.5, 3.0),
    ("google/gemini-2.5-flash", 0.3, 2.5),
    ("openai/gpt-5-mini", 0.25, 2.0),
];

const PROVIDER_FIELDS: [&str; 13] = [
    "order",
    "only",
    "ignore",
    "allow_fallbacks",
    "require_parameters",
    "data_collection",
    "zdr",
    "sort",
    "max_price",
    "quantizations",
    "preferred_min_throughput",
    "preferred_max_latency",
    "enforce_distillable_text",
];

pub(super) async fn key(State(services): State<Arc<Services>>, headers: HeaderMap) -> Response {
    services.pause(0.2).await;
    if let Some(end) = refuse(&headers) {
        return end;
    }
    let usage = services.counts.billed_usd();
    Json(json!({"data": {
        "label": "sandbox", "creator_user_id": null,
        "limit": null, "limit_remaining": null, "limit_reset": null,
        "usage": usage, "usage_daily": usage, "usage_weekly": usage, "usage_monthly": usage,
        "byok_usage": 0, "byok_usage_daily": 0, "byok_usage_weekly": 0, "byok_usage_monthly": 0,
        "include_byok_in_limit": false,
        "is_free_tier": false, "is_management_key": false, "is_provisioning_key": false,
        "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
    }}))
    .into_response()
}

pub(super) async fn models(State(services): State<Arc<Services>>) -> Response {
    services.pause(0.2).await;
    let data: Vec<Value> = MODELS
        .iter()
        .map(|(slug, prompt, completion)| {
            json!({
                "id": slug, "canonical_slug": slug, "name": slug, "created": 1_772_000_000, "context_length": 1_048_576,
                "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
                "top_provider": {"context_length": 1_048_576, "max_completion_tokens": 65_536, "is_moderated": false},
                "per_request_limits": null, "default_parameters": null, "supported_voices": null,
                "links": {"details": format!("/api/v1/models/{slug}/endpoints")},
                "pricing": {"prompt": per_token(*prompt), "completion": per_token(*completion), "request": "0"},
                "supported_parameters": ["response_format", "structured_outputs", "reasoning", "max_tokens", "max_completion_tokens"],
            })
        })
        .collect();
    Json(json!({"total_count": data.len(), "links": {"next": null}, "data": data})).into_response()
}

pub(super) async fn chat(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    services.turnstile.pass().await;
    if let Some(end) = services
        .meet(Service::Llm, false, MEDIAN_SECONDS, &headers, &body)
        .await
        .or_else(|| refuse(&headers))
    {
        return end;
    }
    let body: Value = match serde_json::from_str(&body) {
        Ok(body) => body,
        Err(why) => return error(Service::Llm, 400, &format!("The body is not JSON: {why}")),
    };
    let (prompt_price, completion_price) = match check(&body) {
        Ok(prices) => prices,
        Err((status, why)) => return error(Service::Llm, status, &why),
    };
    let schema = &body["response_format"]["json_schema"]["schema"];
    let texts: Vec<&str> = body["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["content"].as_str())
        .collect();
    let answer = model::answer(schema, &texts, services.temper()).to_string();
    let tokens_in = texts.iter().map(|text| model::tokens(text)).sum::<u64>()
        + model::tokens(&schema.to_string());
    let cached = services
        .cached_prompts
        .tokens_seen_before(texts.first().copied().unwrap_or_default());
    let most = body["max_completion_tokens"]
        .as_u64()
        .or(body["max_tokens"].as_u64())
        .unwrap_or(u64::MAX);
    let cut = model::tokens(&answer) > most || services.cuts();
    // An answer is cut where the tokens that were allowed are used up.
    let tokens_out = match cut && most < u64::MAX {
        true => most,
        false => model::tokens(&answer),
    };
    services.counts.chats.fetch_add(1, Ordering::SeqCst);
    let (content, reason) = match cut {
        true => (
            answer.chars().take(answer.chars().count() / 2).collect(),
            "length",
        ),
        false => (answer, "stop"),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "token counts are far below 2^52"
    )]
    let cost = match services.dear {
        true => fastrand::f64() * dearest(&body),
        false => (tokens_in as f64 * prompt_price + tokens_out as f64 * completion_price) / 1e6,
    };
    services.counts.bill(cost);
    let reply = reply(
        &body["model"],
        &content,
        reason,
        tokens_in,
        tokens_out,
        cached,
        cost,
    );
    services.deliver(Service::Llm, Json(reply).into_response())
}

/// The most that a call may be billed at: a token for each byte, the longest answer, and the highest prices that the
/// request allows.
fn dearest(body: &Value) -> f64 {
    let price = |name: &str| body["provider"]["max_price"][name].as_f64().unwrap_or(0.0);
    let longest = body["max_completion_tokens"].as_f64().unwrap_or(0.0);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a request is far shorter than 2^52 bytes"
    )]
    let bytes = body.to_string().len() as f64;
    (bytes * price("prompt") + longest * price("completion")) / 1e6
}

/// Replies that are no answers although their status is 200.
pub(super) fn spoiled(kind: &Kind) -> Option<Response> {
    let model = json!(MODELS[0].0);
    let body = match kind {
        Kind::ErrorIn200 => {
            json!({"id": "gen-0", "error": {"code": 502, "message": "Provider returned error"}})
        }
        Kind::NoChoices => {
            json!({"id": "gen-0", "object": "chat.completion", "created": 0, "model": model, "choices": []})
        }
        Kind::Empty => reply(&model, "", "stop", 100, 0, 0, 0.0),
        Kind::Length => reply(
            &model,
            "{\"identity\": {\"name_fa",
            "length",
            100,
            12_000,
            0,
            0.018,
        ),
        Kind::BadJson => reply(
            &model,
            "{\"identity\": \"nobody\"}",
            "stop",
            100,
            20,
            0,
            0.0001,
        ),
        Kind::Moderation => {
            let error = json!({"code": 403, "message": "Your input was flagged", "metadata": {"reasons": ["violence"], "flagged_input": "…"}});
            return Some((StatusCode::FORBIDDEN, Json(json!({"error": error}))).into_response());
        }
        _ => return None,
    };
    Some(Json(body).into_response())
}

fn reply(
    model: &Value,
    content: &str,
    reason: &str,
    tokens_in: u64,
    tokens_out: u64,
    cached: u64,
    cost: f64,
) -> Value {
    json!({
        "id": format!("gen-{:016x}", fastrand::u64(..)),
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "provider": "Simulated",
        "system_fingerprint": null,
        "choices": [{"index": 0, "finish_reason": reason, "native_finish_reason": reason, "logprobs": null,
            "message": {"role": "assistant", "content": content, "refusal": null, "reasoning": null}}],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out,
            "cost": cost, "is_byok": false, "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": 0}},
    })
}

/// Checks a request as the real service does; gives the prices of its model.
fn check(body: &Value) -> Result<(f64, f64), (u16, String)> {
    let bad = |why: &str| Err((400, why.to_owned()));
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let well_formed = |message: &Value| {
        matches!(
            message["role"].as_str(),
            Some("system" | "user" | "assistant" | "developer")
        ) && message["content"].is_string()
    };
    if messages.is_empty() || !messages.iter().all(well_formed) {
        return bad("messages: at least one message with a role and a content is required");
    }
    let slug = body["model"].as_str().unwrap_or_default();
    let Some((_, prompt, completion)) = MODELS
        .iter()
        .find(|(known, ..)| *known == slug.split(':').next().unwrap_or_default())
    else {
        return bad(&format!("{slug} is not a valid model ID"));
    };
    for limit in ["max_tokens", "max_completion_tokens"] {
        if !body[limit].is_null() && body[limit].as_u64().is_none_or(|n| n < 16) {
            return bad(&format!("{limit}: expected a whole number of at least 16"));
        }
    }
    if let Some(provider) = body.get("provider") {
        let fields = provider
            .as_object()
            .map(|o| o.keys().collect::<Vec<_>>())
            .unwrap_or_default();
        if let Some(field) = fields
            .iter()
            .find(|field| !PROVIDER_FIELDS.contains(&field.as_str()))
        {
            return bad(&format!("provider: unrecognized key {field}"));
        }
        let most = &provider["max_price"];
        if most["prompt"].as_f64().is_some_and(|most| most < *prompt)
            || most["completion"]
                .as_f64()
                .is_some_and(|most| most < *completion)
        {
            return Err((404, "No endpoints found that satisfy max_price".into()));
        }
    }
    match body["response_format"]["type"].as_str() {
        None | Some("text" | "json_object") => {}
        Some("json_schema") => {
            let config = &body["response_format"]["json_schema"];
            let name = config["name"].as_str().unwrap_or_default();
            if name.is_empty()
                || name.len() > 64
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            {
                return bad("response_format.json_schema.name is required");
            }
            if config["strict"] == true {
                check_strict(&config["schema"]).map_err(|why| (400, why))?;
            }
        }
        Some(other) => return bad(&format!("response_format.type: {other} is not known")),
    }
    Ok((*prompt, *completion))
}

/// The rules of strict mode: all properties required, none besides.
fn check_strict(schema: &Value) -> Result<(), String> {
    if let Some(properties) = schema["properties"].as_object() {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if schema["additionalProperties"] != json!(false) {
            return Err("Invalid schema: 'additionalProperties' is required to be supplied and to be false.".into());
        }
        if let Some(missing) = properties
            .keys()
            .find(|name| !required.contains(&name.as_str()))
        {
            return Err(format!(
                "Invalid schema: 'required' has to include every key in properties. Missing '{missing}'."
            ));
        }
        properties.values().try_for_each(check_strict)?;
    }
    schema.get("items").map_or(Ok(()), check_strict)
}

fn refuse(headers: &HeaderMap) -> Option<Response> {
    match bearer(headers) {
        Some(KEY) => None,
        Some(_) => Some(error(Service::Llm, 401, "User not found.")),
        None => Some(error(Service::Llm, 401, "Missing Authentication header")),
    }
}

fn per_token(per_million: f64) -> String {
    format!("{:.9}", per_million / 1e6)
}
