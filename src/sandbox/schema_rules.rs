//! The rules of providers for schemas: their published limits, and refusals that were recorded.
//!
//! | provider | source |
//! |---|---|
//! | OpenAI | the guide *Structured model outputs*, section *Supported schemas* (`developers.openai.com/api/docs/guides/structured-outputs`); the form of its errors from moeru-ai/xsai#202, dottxt-ai/outlines#1666 and openai/openai-node#1176; the words about JSON mode from the same guide |
//! | Anthropic | *Structured outputs*, sections *JSON Schema limitations* and *Schema complexity limits* (`platform.claude.com/docs/en/build-with-claude/structured-outputs`); errors from anthropics/anthropic-sdk-python#1185, vercel/ai#17268 and TanStack/ai#682 |
//! | Gemini | *Structured output*, section *Limitations* (`ai.google.dev/gemini-api/docs/structured-output`), which has no figures; errors and measured bounds from googleapis/python-genai#660 and #2170 and vercel/ai#21192 |
//!
//! Where a provider gives no figure, the bound here is below the smallest schema that is known to have been refused.

mod anthropic;
mod gemini;
mod openai;
mod walk;

use clap::ValueEnum;
use serde_json::{Value, json};

/// Which provider the simulated models are asked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaRules {
    /// Any closed schema whose properties are all required
    #[default]
    None,
    /// OpenAI's limits
    Openai,
    /// Anthropic's limits
    Anthropic,
    /// Google's limits
    Gemini,
    /// No model offers structured outputs
    Unsupported,
}

/// Why a provider refuses a request, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRefusal {
    /// The provider, as OpenRouter names it.
    pub provider: &'static str,
    /// The body of the provider's answer.
    pub raw: String,
}

impl SchemaRefusal {
    /// The body that OpenRouter makes of it; its status is 400.
    pub fn body(&self) -> Value {
        json!({"error": {"message": "Provider returned error", "code": 400,
            "metadata": {"raw": self.raw, "provider_name": self.provider}}})
    }
}

impl SchemaRules {
    /// The refusal of a strict schema of this name; `None` where the provider takes it. `none` is no provider: what is
    /// wrong with a schema then is said by OpenRouter itself.
    pub fn refusal(self, name: &str, schema: &Value) -> Option<SchemaRefusal> {
        match self {
            Self::None => None,
            Self::Openai => openai::refusal(name, schema),
            Self::Anthropic => anthropic::refusal(schema),
            Self::Gemini => gemini::refusal(schema),
            Self::Unsupported => Some(unavailable()),
        }
    }

    /// The refusal of a request for a JSON object without a schema; `None` where the provider takes it.
    pub fn refusal_of_object(self, request: &Value) -> Option<SchemaRefusal> {
        match self {
            Self::Openai => openai::refusal_of_object(request),
            Self::Unsupported => Some(unavailable()),
            Self::None | Self::Anthropic | Self::Gemini => None,
        }
    }
}

/// The refusal of any `response_format`, in the words of a provider that has none (recorded in khoj-ai/khoj#1336).
fn unavailable() -> SchemaRefusal {
    let error = json!({"error": {"message": "This response_format type is unavailable now", "type": "invalid_request_error",
        "param": null, "code": "invalid_request_error"}});
    SchemaRefusal {
        provider: "DeepSeek",
        raw: error.to_string(),
    }
}

/// Schemas for the tests of the rules.
#[cfg(test)]
mod samples {
    use serde_json::{Map, Value, json};

    /// A closed object with these properties, all of them required.
    pub fn object(properties: impl IntoIterator<Item = (String, Value)>) -> Value {
        let properties: Map<String, Value> = properties.into_iter().collect();
        let required: Vec<&String> = properties.keys().collect();
        json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
    }

    /// A closed object with one property.
    pub fn one(property: Value) -> Value {
        object([("a".to_owned(), property)])
    }

    /// A closed object with this number of properties, all alike.
    pub fn many(count: usize, property: &Value) -> Value {
        object((0..count).map(|n| (format!("p{n}"), property.clone())))
    }

    /// The message of a refusal.
    pub fn message(refusal: Option<super::SchemaRefusal>) -> String {
        let raw: Value = serde_json::from_str(&refusal.expect("a refusal").raw).unwrap();
        raw["error"]["message"].as_str().unwrap().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_form_that_openrouter_gives_it() {
        let open = json!({"type": "object", "properties": {}});
        for (rules, provider) in [
            (SchemaRules::Openai, "OpenAI"),
            (SchemaRules::Anthropic, "Anthropic"),
            (SchemaRules::Gemini, "Google AI Studio"),
            (SchemaRules::Unsupported, "DeepSeek"),
        ] {
            let schema = match rules {
                SchemaRules::Gemini => json!({"type": "integer", "minimum": 0}),
                _ => open.clone(),
            };
            let body = rules.refusal("x", &schema).unwrap().body();
            assert_eq!(body["error"]["message"], "Provider returned error");
            assert_eq!(body["error"]["code"], 400);
            assert_eq!(body["error"]["metadata"]["provider_name"], provider);
            let raw = body["error"]["metadata"]["raw"].as_str().unwrap();
            let raw: Value = serde_json::from_str(raw).unwrap();
            assert!(raw["error"]["message"].is_string(), "{raw}");
        }
        assert_eq!(SchemaRules::None.refusal("x", &open), None);
    }
}
