//! The text of an error, wherever a service puts it: its own, and that of the provider behind it.

use serde_json::Value;

use crate::text;

/// How deep texts with JSON in them are looked into.
const DEPTH: usize = 12;

/// Characters of an error that are looked through.
const LIMIT: usize = 8_000;

/// What gateways say where the provider's own words are elsewhere, or nowhere.
const EMPTY_WORDS: [&str; 8] = [
    "provider returned error",
    "upstream error",
    "bad request",
    "forbidden",
    "not found",
    "unprocessable entity",
    "error",
    "unknown error",
];

/// Where an error may be quoted: parts of the request, which say nothing about it.
const QUOTED: [&str; 6] = [
    "input",
    "flagged_input",
    "user_id",
    "docs_url",
    "stack",
    "headers",
];

/// An error, as a service tells it.
#[derive(Clone, Debug, Default)]
pub struct ErrorText {
    /// For people: one sentence or two, with the provider that said them.
    pub text: String,
    /// Every word and code in it in small letters, to decide by.
    pub all: String,
    /// The parameter of the request that it names.
    pub param: Option<String>,
    /// The provider behind the service, where one is named.
    pub provider: Option<String>,
}

impl ErrorText {
    /// The error that a body tells of; `None` where it tells of none.
    pub fn of(json: &Value) -> Option<Self> {
        let error = [
            json.get("error"),
            json.pointer("/choices/0/error"),
            json.get("detail"),
            json.get("errors"),
        ];
        let told = error.into_iter().flatten().find(|error| is_told(error));
        // Some gateways say in another way that they failed.
        let failed = || {
            let failed =
                json["status"] == "failure" || json["ok"] == false || json["object"] == "error";
            (failed && json["message"].is_string()).then_some(json)
        };
        let error = told.or_else(failed)?;
        let mut words = Self::read(error);
        // OAuth has a code in `error`, and the sentence beside it.
        if let (true, Some(sentence)) = (error.is_string(), json["error_description"].as_str()) {
            words.all = format!("{}\n{}", words.all, sentence.to_lowercase());
            words.text = text::clean(sentence);
        }
        Some(words)
    }

    fn read(error: &Value) -> Self {
        let metadata = &error["metadata"];
        let provider = [
            &metadata["provider_name"],
            &metadata["provider"],
            &error["provider"],
        ]
        .into_iter()
        .find_map(Value::as_str)
        .filter(|name| !name.trim().is_empty());
        let own = sentence(error, DEPTH).unwrap_or_default();
        let raw = sentence(&metadata["raw"], DEPTH).filter(|raw| !own.contains(raw.as_str()));
        let mut all = String::new();
        collect(error, &mut all, DEPTH);
        let text = match (raw, provider) {
            (Some(raw), Some(provider)) if is_empty(&own) => format!("{provider}: {raw}"),
            (Some(raw), None) if is_empty(&own) => raw,
            (Some(raw), Some(provider)) => format!("{own} ({provider}: {raw})"),
            (Some(raw), None) => format!("{own} ({raw})"),
            (None, Some(provider)) if is_empty(&own) => format!("{own} ({provider})"),
            (None, _) => own,
        };
        Self {
            text: text::clean(&text),
            all: all.to_lowercase(),
            param: param(error, DEPTH),
            provider: provider.map(str::to_owned),
        }
    }

    /// Whether one of these words, in small letters, stands in it.
    pub fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.all.contains(word))
    }

    /// Whether it says no reason at all.
    pub fn is_bare(&self) -> bool {
        let text = self.text.split(" (").next().unwrap_or_default();
        is_empty(text)
    }
}

fn is_told(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn is_empty(words: &str) -> bool {
    let words = words.trim().trim_end_matches('.').to_lowercase();
    words.is_empty() || EMPTY_WORDS.contains(&words.as_str())
}

/// JSON in a text, such as a provider's error in that of a gateway.
fn inner(text: &str) -> Option<Value> {
    let text = text.trim();
    let json: Value = serde_json::from_str(text.starts_with(['{', '[']).then_some(text)?).ok()?;
    Some(json)
}

/// The sentence in an error, in a text that holds one, or in `{data: text}`.
fn sentence(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => match inner(text) {
            Some(json) => sentence(&json, depth).or_else(|| Some(text.clone())),
            None => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        },
        Value::Array(items) => items.iter().find_map(|item| sentence(item, depth)),
        Value::Object(fields) => [
            "error",
            "message",
            "msg",
            "detail",
            "data",
            "errors",
            "reason",
            "description",
        ]
        .iter()
        .find_map(|name| sentence(fields.get(*name)?, depth)),
        _ => None,
    }
}

/// All texts in an error, those in texts with JSON in them too.
fn collect(value: &Value, all: &mut String, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        _ if all.len() > LIMIT => {}
        Value::String(text) => {
            if let Some(json) = inner(text) {
                collect(&json, all, depth);
            } else {
                all.push_str(&text::shorten(text, 2_000));
                all.push('\n');
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, all, depth)),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !QUOTED.contains(&name.as_str()))
            .for_each(|(_, value)| collect(value, all, depth)),
        _ => {}
    }
}

/// The parameter that an error names: `param`, or the place that a validator gives.
fn param(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => param(&inner(text)?, depth),
        Value::Array(items) => items.iter().find_map(|item| param(item, depth)),
        Value::Object(fields) => {
            let named = fields.get("param").and_then(Value::as_str);
            let place = fields.get("loc").and_then(Value::as_array);
            let place = place.and_then(|place| {
                let mut parts = place.iter().filter_map(Value::as_str);
                parts.find(|part| *part != "body")
            });
            let named = named.or(place).filter(|name| !name.is_empty());
            named.map(str::to_owned).or_else(|| {
                let inside = [
                    "error", "metadata", "raw", "detail", "data", "errors", "message",
                ];
                inside
                    .iter()
                    .find_map(|name| param(fields.get(*name)?, depth))
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(json: &Value) -> String {
        ErrorText::of(json).unwrap().text
    }

    #[test]
    fn the_providers_own_words_are_found_in_every_form() {
        let raw = |raw: Value| {
            json!({"error": {"message": "Provider returned error", "code": 400,
                "metadata": {"raw": raw, "provider_name": "OpenAI"}}})
        };
        for form in [
            json!("Country not supported"),
            json!("{\"error\":{\"code\":\"unsupported\",\"message\":\"Country not supported\"}}"),
            json!({"data": "{\"error\":{\"message\":\"Country not supported\"}}"}),
            json!({"data": "Country not supported"}),
            json!("[{\"error\":{\"message\":\"Country not supported\"}}]"),
        ] {
            assert_eq!(
                said(&raw(form.clone())),
                "OpenAI: Country not supported",
                "{form}"
            );
        }
        let own =
            json!({"error": {"message": "Input flagged", "metadata": {"provider_name": "X"}}});
        assert_eq!(said(&own), "Input flagged");
        let bare = json!({"error": {"message": "Provider returned error", "metadata": {"provider_name": "X"}}});
        assert_eq!(said(&bare), "Provider returned error (X)");
        assert!(ErrorText::of(&bare).unwrap().is_bare());
    }

    #[test]
    fn codes_count_and_what_is_quoted_does_not() {
        let words = ErrorText::of(&json!({"error": {"message": "m", "type": "Budget_Exceeded",
            "metadata": {"raw": "{\"status\":\"INVALID_ARGUMENT\"}", "flagged_input": "a schema"}}}));
        let words = words.unwrap();
        assert!(words.has(&["budget_exceeded"]) && words.has(&["invalid_argument"]));
        assert!(!words.has(&["schema"]));
    }

    #[test]
    fn the_parameter_is_named_by_apis_and_validators() {
        for error in [
            json!({"error": {"message": "x", "param": "max_tokens"}}),
            json!({"detail": [{"loc": ["body", "max_tokens"], "msg": "x", "input": "param"}]}),
            json!({"error": {"message": "x", "metadata": {"raw": "{\"error\":{\"param\":\"max_tokens\"}}"}}}),
        ] {
            assert_eq!(
                ErrorText::of(&error).unwrap().param.as_deref(),
                Some("max_tokens")
            );
        }
    }

    #[test]
    fn gateways_that_have_no_field_for_errors_are_understood() {
        let portkey = json!({"status": "failure", "message": "Invalid provider passed"});
        assert_eq!(said(&portkey), "Invalid provider passed");
        assert_eq!(
            said(&json!({"message": "Not Found", "ok": false})),
            "Not Found"
        );
        assert_eq!(said(&json!({"detail": "Not Found"})), "Not Found");
        let vllm = json!({"object": "error", "message": "This model's context length is 4096", "code": 400});
        assert!(ErrorText::of(&vllm).unwrap().has(&["context length"]));
        let upstream = json!({"error": {"message": "openai error: User not found.", "type": null, "code": 401}, "provider": "openai"});
        assert_eq!(said(&upstream), "openai error: User not found.");
    }

    #[test]
    fn no_error_is_no_error() {
        for json in [
            json!({"error": null}),
            json!({"choices": []}),
            json!({"error": "", "detail": []}),
        ] {
            assert!(ErrorText::of(&json).is_none(), "{json}");
        }
    }
}
