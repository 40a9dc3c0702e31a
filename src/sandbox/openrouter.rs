//! The simulated OpenRouter.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Services, SimulatedService, asked_schema, bearer, chat_request::check, error, fault::FaultKind,
    model, models::MODELS,
};

pub(super) const KEY: &str = "sk-or-v1-sandbox-0123456789";

const MEDIAN_SECONDS: f64 = 8.0;

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
    let shown = MODELS
        .iter()
        .map(|model| model.shown(services.schema_rules));
    let data: Vec<Value> = shown.collect();
    Json(json!({"total_count": data.len(), "links": {"next": null}, "data": data})).into_response()
}

pub(super) async fn chat(
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    services.turnstile.pass().await;
    if let Some(end) = services
        .meet(
            SimulatedService::Llm,
            false,
            MEDIAN_SECONDS,
            &headers,
            &body,
        )
        .await
        .or_else(|| refuse(&headers))
    {
        return end;
    }
    let body: Value = match serde_json::from_str(&body) {
        Ok(body) => body,
        Err(why) => {
            return error(
                SimulatedService::Llm,
                400,
                &format!("The body is not JSON: {why}"),
            );
        }
    };
    services.watcher.show(&body);
    // What the model does not understand is ignored from here on.
    let (model, body) = match check(&body, services.schema_rules) {
        Ok(checked) => checked,
        Err(refused) => return *refused,
    };
    let texts: Vec<&str> = body["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["content"].as_str())
        .collect();
    let schema = asked_schema::schema(&body);
    let answer = schema.map(|schema| model::answer(&*services.world, &schema, &texts));
    let answer = asked_schema::written(&body, answer.as_ref());
    let schema = &body["response_format"]["json_schema"]["schema"];
    let tokens_in = texts.iter().map(|text| model::tokens(text)).sum::<u64>()
        + model::tokens(&schema.to_string());
    let cached = services
        .cached_prompts
        .tokens_seen_before(texts.first().copied().unwrap_or_default());
    let most = body["max_completion_tokens"]
        .as_u64()
        .or(body["max_tokens"].as_u64())
        .unwrap_or(u64::MAX);
    let answered = services.counts.chats.fetch_add(1, Ordering::SeqCst);
    let cut = model::tokens(&answer) > most || services.world.cuts_off(answered);
    // An answer is cut where the tokens that were allowed are used up.
    let tokens_out = match cut && most < u64::MAX {
        true => most,
        false => model::tokens(&answer),
    };
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
        false => (tokens_in as f64 * model.prompt + tokens_out as f64 * model.completion) / 1e6,
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
    services.deliver(SimulatedService::Llm, Json(reply).into_response())
}

/// The most that a call may be billed at: a token for each byte, the longest answer, and the highest prices that the
/// request allows.
fn dearest(body: &Value) -> f64 {
    let price = |name: &str| body["provider"]["max_price"][name].as_f64().unwrap_or(0.0);
    let longest = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| body[*name].as_f64())
        .unwrap_or(0.0);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a request is far shorter than 2^52 bytes"
    )]
    let bytes = body.to_string().len() as f64;
    (bytes * price("prompt") + longest * price("completion")) / 1e6
}

/// Replies that are no answers although their status is 200.
pub(super) fn spoiled(kind: &FaultKind, asked: &str) -> Option<Response> {
    let model = json!(MODELS[0].slug);
    let body = match kind {
        FaultKind::ErrorIn200 => {
            json!({"id": "gen-0", "error": {"code": 502, "message": "Provider returned error"}})
        }
        FaultKind::NoChoices => {
            json!({"id": "gen-0", "object": "chat.completion", "created": 0, "model": model, "choices": []})
        }
        FaultKind::Empty => reply(&model, "", "stop", 100, 0, 0, 0.0),
        FaultKind::Length => {
            // As long as it was allowed to be, and billed for that.
            let asked: Value = serde_json::from_str(asked).unwrap_or_default();
            let longest = ["max_completion_tokens", "max_tokens"]
                .iter()
                .find_map(|name| asked[*name].as_u64())
                .unwrap_or(12_000);
            let tokens = u32::try_from(longest).unwrap_or(12_000);
            let cost = f64::from(tokens) * MODELS[0].completion / 1e6;
            let content = "{\"claims\": [{\"field";
            reply(&model, content, "length", 100, tokens.into(), 0, cost)
        }
        FaultKind::BadJson => reply(&model, "{\"claims\": \"none\"}", "stop", 100, 20, 0, 0.0001),
        FaultKind::Moderation => {
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

fn refuse(headers: &HeaderMap) -> Option<Response> {
    match bearer(headers) {
        Some(KEY) => None,
        Some(_) => Some(error(SimulatedService::Llm, 401, "User not found.")),
        None => Some(error(
            SimulatedService::Llm,
            401,
            "Missing Authentication header",
        )),
    }
}
