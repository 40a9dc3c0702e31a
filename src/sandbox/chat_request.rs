//! The validation of chat requests as OpenRouter does it, and the refusal of schemas by providers.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    SimulatedService, error,
    models::{self, Listed},
    schema_rules::{SchemaRefusal, SchemaRules},
};

const NO_ENDPOINTS: &str = "No endpoints found that can handle the requested parameters. To learn more about provider routing, visit: https://openrouter.ai/docs/guides/routing/provider-selection";

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

/// A request that is refused: status and body.
type RefusedRequest = Box<Response>;

/// Checks a request as the real service does; gives its model, and the request as that model sees it: without what the
/// model does not understand.
pub(super) fn check(
    body: &Value,
    rules: SchemaRules,
) -> Result<(&'static Listed, Value), RefusedRequest> {
    check_messages(body)?;
    let slug = body["model"].as_str().unwrap_or_default();
    let Some(model) = Listed::find(slug) else {
        return bad(&format!("{slug} is not a valid model ID"));
    };
    for limit in ["max_tokens", "max_completion_tokens"] {
        if !body[limit].is_null() && body[limit].as_u64().is_none_or(|n| n < 16) {
            return bad(&format!("{limit}: expected a whole number of at least 16"));
        }
    }
    check_provider(body, model)?;
    let unsupported = model.unsupported(body, rules);
    if body["provider"]["require_parameters"] == true && !unsupported.is_empty() {
        return refuse(404, NO_ENDPOINTS);
    }
    if rules == SchemaRules::Unsupported && unsupported.contains(&"response_format") {
        by_provider(rules.refusal("", &Value::Null))?;
    }
    let seen = models::without(body, &unsupported);
    check_format(&seen, rules)?;
    Ok((model, seen))
}

fn check_messages(body: &Value) -> Result<(), RefusedRequest> {
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
    Ok(())
}

fn check_provider(body: &Value, model: &Listed) -> Result<(), RefusedRequest> {
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
        if most["prompt"]
            .as_f64()
            .is_some_and(|most| most < model.prompt)
            || most["completion"]
                .as_f64()
                .is_some_and(|most| most < model.completion)
        {
            return refuse(404, "No endpoints found that satisfy max_price");
        }
    }
    Ok(())
}

fn check_format(request: &Value, rules: SchemaRules) -> Result<(), RefusedRequest> {
    let format = &request["response_format"];
    match format["type"].as_str() {
        None | Some("text") => {}
        Some("json_object") => by_provider(rules.refusal_of_object(request))?,
        Some("json_schema") => {
            let config = &format["json_schema"];
            let name = config["name"].as_str().unwrap_or_default();
            if name.is_empty()
                || name.len() > 64
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            {
                return bad("response_format.json_schema.name is required");
            }
            let (strict, schema) = (config["strict"] == true, &config["schema"]);
            if rules == SchemaRules::None && strict {
                check_strict(schema).or_else(|why| bad(&why))?;
            }
            // OpenAI reads what is not strict as a hint; the others make a grammar of any schema.
            if rules != SchemaRules::Openai || strict {
                by_provider(rules.refusal(name, schema))?;
            }
        }
        Some(other) => return bad(&format!("response_format.type: {other} is not known")),
    }
    Ok(())
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

fn bad<T>(why: &str) -> Result<T, RefusedRequest> {
    refuse(400, why)
}

fn refuse<T>(status: u16, why: &str) -> Result<T, RefusedRequest> {
    Err(Box::new(error(SimulatedService::Llm, status, why)))
}

/// What the provider refuses comes back through OpenRouter.
fn by_provider(refusal: Option<SchemaRefusal>) -> Result<(), RefusedRequest> {
    match refusal {
        None => Ok(()),
        Some(refusal) => {
            let response = (StatusCode::BAD_REQUEST, Json(refusal.body())).into_response();
            Err(Box::new(response))
        }
    }
}
