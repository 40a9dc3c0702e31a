//! The models that the simulated OpenRouter lists: several families, with parameters and prices that differ as in the
//! real list.

use serde_json::{Map, Value, json};

use super::schema_rules::SchemaRules;

/// A listed model.
#[derive(Debug)]
pub(super) struct Listed {
    pub slug: &'static str,
    /// US dollars for a million prompt tokens.
    pub prompt: f64,
    /// US dollars for a million answer tokens.
    pub completion: f64,
    /// Tokens of prompt and answer together.
    context: u32,
    /// What its endpoints understand, as `supported_parameters` names it.
    parameters: &'static [&'static str],
}

/// Everything that the program may send, and reasoning.
const ALL: &[&str] = &[
    "response_format",
    "structured_outputs",
    "reasoning",
    "include_reasoning",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
];
/// Thinks before it answers, and has one name for the length of the answer.
const REASONS: &[&str] = &[
    "response_format",
    "structured_outputs",
    "reasoning",
    "include_reasoning",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
];
/// Answers in a schema and does not think.
const STRUCTURED: &[&str] = &[
    "response_format",
    "structured_outputs",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
];
/// Answers in JSON, but in no schema.
const JSON_THINKS: &[&str] = &[
    "response_format",
    "reasoning",
    "include_reasoning",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
];
const JSON: &[&str] = &[
    "response_format",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
];
/// Answers in text.
const TEXT_THINKS: &[&str] = &[
    "reasoning",
    "include_reasoning",
    "max_tokens",
    "temperature",
    "top_p",
];
const TEXT: &[&str] = &["max_tokens", "temperature", "top_p", "stop"];
const LENGTH: &[&str] = &["max_tokens"];

#[rustfmt::skip]
pub(super) const MODELS: [Listed; 22] = [
    model("google/gemini-3.1-flash-lite", 0.25, 1.5, 1_048_576, ALL),
    model("google/gemini-3-flash-preview", 0.5, 3.0, 1_048_576, ALL),
    model("google/gemini-2.5-flash", 0.3, 2.5, 1_048_576, ALL),
    model("google/gemini-2.5-pro", 1.25, 10.0, 1_048_576, REASONS),
    model("google/gemma-3-27b-it", 0.09, 0.16, 131_072, STRUCTURED),
    model("openai/gpt-5-mini", 0.25, 2.0, 400_000, ALL),
    model("openai/gpt-4.1-mini", 0.4, 1.6, 1_047_576, STRUCTURED),
    model("openai/gpt-oss-120b", 0.05, 0.25, 131_072, REASONS),
    model("anthropic/claude-sonnet-4.5", 3.0, 15.0, 1_000_000, REASONS),
    model("anthropic/claude-haiku-4.5", 1.0, 5.0, 200_000, REASONS),
    model("anthropic/claude-3.5-haiku", 0.8, 4.0, 200_000, TEXT),
    model("deepseek/deepseek-v3.2", 0.27, 0.4, 163_840, JSON_THINKS),
    model("deepseek/deepseek-r1", 0.7, 2.4, 163_840, TEXT_THINKS),
    model("qwen/qwen3-235b-a22b-2507", 0.08, 0.55, 262_144, STRUCTURED),
    model("qwen/qwen3-30b-a3b-thinking-2507", 0.08, 0.29, 262_144, JSON_THINKS),
    model("qwen/qwen-2.5-72b-instruct", 0.12, 0.39, 32_768, JSON),
    model("meta-llama/llama-3.3-70b-instruct", 0.13, 0.38, 131_072, STRUCTURED),
    model("meta-llama/llama-3.1-8b-instruct", 0.02, 0.03, 131_072, JSON),
    model("mistralai/mistral-small-3.2-24b-instruct", 0.06, 0.18, 131_072, STRUCTURED),
    model("mistralai/mistral-7b-instruct-v0.3", 0.2, 0.2, 32_768, TEXT),
    model("x-ai/grok-4-fast", 0.2, 0.5, 2_000_000, REASONS),
    model("sao10k/l3-lunaris-8b", 0.04, 0.05, 8_192, LENGTH),
];

/// Parameters that a model may list, as the published interface enumerates them, and that a request may have at its top.
/// `structured_outputs` is asked for by a `response_format` with a schema.
const PARAMETERS: [&str; 25] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "top_a",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "max_tokens",
    "max_completion_tokens",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "prediction",
    "seed",
    "response_format",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "include_reasoning",
    "reasoning",
    "reasoning_effort",
    "web_search_options",
    "verbosity",
];

const fn model(
    slug: &'static str,
    prompt: f64,
    completion: f64,
    context: u32,
    parameters: &'static [&'static str],
) -> Listed {
    Listed {
        slug,
        prompt,
        completion,
        context,
        parameters,
    }
}

impl Listed {
    /// The model of this slug; `:nitro` and the like are variants of a listed one.
    pub(super) fn find(slug: &str) -> Option<&'static Self> {
        let plain = slug.split(':').next().unwrap_or_default();
        MODELS.iter().find(|model| model.slug == plain)
    }

    /// Whether its endpoints understand a parameter.
    pub(super) fn supports(&self, parameter: &str, rules: SchemaRules) -> bool {
        let structured = matches!(parameter, "response_format" | "structured_outputs");
        self.parameters.contains(&parameter) && !(structured && rules == SchemaRules::Unsupported)
    }

    /// Parameters of a request that it does not understand.
    pub(super) fn unsupported(&self, request: &Value, rules: SchemaRules) -> Vec<&'static str> {
        let asked = PARAMETERS
            .into_iter()
            .filter(|name| request.get(name).is_some_and(|value| !value.is_null()))
            .flat_map(|name| match (name, request[name]["type"].as_str()) {
                // Text is what every model answers in.
                ("response_format", Some("text")) => vec![],
                ("response_format", Some("json_schema")) => vec![name, "structured_outputs"],
                _ => vec![name],
            });
        asked.filter(|name| !self.supports(name, rules)).collect()
    }

    /// As the list of models shows it.
    pub(super) fn shown(&self, rules: SchemaRules) -> Value {
        let slug = self.slug;
        let parameters = self.parameters.iter().copied();
        let parameters: Vec<&str> = parameters
            .filter(|name| self.supports(name, rules))
            .collect();
        json!({
            "id": slug, "canonical_slug": slug, "name": slug, "created": 1_772_000_000, "context_length": self.context,
            "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
            "top_provider": {"context_length": self.context, "max_completion_tokens": self.context.min(65_536), "is_moderated": false},
            "per_request_limits": null, "default_parameters": null, "supported_voices": null,
            "links": {"details": format!("/api/v1/models/{slug}/endpoints")},
            "pricing": {"prompt": per_token(self.prompt), "completion": per_token(self.completion), "request": "0"},
            "supported_parameters": parameters,
        })
    }
}

/// A request without parameters, as a model sees it that does not understand them.
pub(super) fn without(request: &Value, parameters: &[&str]) -> Value {
    let fields = request.as_object().into_iter().flatten();
    let ignored = |name: &str| {
        parameters.contains(&name)
            || name == "response_format" && parameters.contains(&"structured_outputs")
    };
    let kept: Map<String, Value> = fields
        .filter(|(name, _)| !ignored(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

fn per_token(per_million: f64) -> String {
    format!("{:.9}", per_million / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_models_differ_as_those_of_the_real_list_do() {
        let some = |wanted: &dyn Fn(&Listed) -> bool| MODELS.iter().any(wanted);
        let has = |model: &Listed, name: &str| model.parameters.contains(&name);
        assert!(some(
            &|m| has(m, "response_format") && !has(m, "structured_outputs")
        ));
        assert!(some(&|m| !has(m, "response_format")));
        assert!(some(&|m| !has(m, "reasoning")));
        assert!(some(&|m| m.parameters == ["max_tokens"]));
        for model in &MODELS {
            assert!(
                !has(model, "structured_outputs") || has(model, "response_format"),
                "{}",
                model.slug
            );
            assert_eq!(Listed::find(model.slug).unwrap().slug, model.slug);
        }
        assert_eq!(
            Listed::find("deepseek/deepseek-r1:nitro").unwrap().slug,
            "deepseek/deepseek-r1"
        );
    }

    #[test]
    fn what_a_model_does_not_understand_is_found_and_left_out() {
        let request = json!({
            "model": "x", "messages": [], "max_completion_tokens": 99, "reasoning": {"effort": "low"}, "seed": null,
            "response_format": {"type": "json_schema", "json_schema": {}}, "provider": {},
        });
        let unsupported = |slug: &str, request: &Value, rules| {
            Listed::find(slug).unwrap().unsupported(request, rules)
        };
        let none = SchemaRules::None;
        assert!(unsupported("google/gemini-2.5-flash", &request, none).is_empty());
        assert_eq!(
            unsupported(
                "google/gemini-2.5-flash",
                &request,
                SchemaRules::Unsupported
            ),
            ["response_format", "structured_outputs"]
        );
        let ignored = unsupported("deepseek/deepseek-v3.2", &request, none);
        assert_eq!(ignored, ["max_completion_tokens", "structured_outputs"]);
        let seen = without(&request, &ignored);
        let left: Vec<&str> = seen
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(left, ["model", "messages", "reasoning", "seed", "provider"]);
        let plain = json!({"response_format": {"type": "text"}, "max_tokens": 99});
        assert!(unsupported("sao10k/l3-lunaris-8b", &plain, none).is_empty());
        let object = json!({"response_format": {"type": "json_object"}});
        assert!(unsupported("deepseek/deepseek-v3.2", &object, none).is_empty());
        assert_eq!(
            unsupported("deepseek/deepseek-r1", &object, none),
            ["response_format"]
        );
    }
}
