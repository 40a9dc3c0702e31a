//! The form of a question to a model: how the answer is asked for, and which parameters are sent.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use serde_json::{Value, json};

use super::usage::Prices;

/// How the form of an answer is asked for, the surest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The provider enforces the schema.
    #[default]
    JsonSchema,
    /// The provider enforces JSON; the prompt says its form.
    JsonObject,
    /// The prompt alone says it.
    PlainText,
}

/// No model of today's lists writes a longer answer, in tokens.
const WITHOUT_LIMIT: u32 = 131_072;

/// By which name the longest answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    MaxCompletionTokens,
    MaxTokens,
    /// The model takes neither.
    Unsaid,
}

/// What is said of the providers behind a model; OpenRouter alone understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// The highest prices, and that every parameter has to be understood.
    Strict,
    /// The highest prices alone.
    Prices,
    Unsaid,
}

/// The form in which a question is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub step: Step,
    pub limit: Limit,
    /// The other name of the limit was refused before.
    pub limit_renamed: bool,
    pub routing: Routing,
    /// Whether the model thinks before it answers, and is told how much.
    pub reasoning: bool,
    /// The longest answer that the model can give, in tokens.
    pub longest: Option<u32>,
}

impl Form {
    /// For a model of which nothing is known: what every server takes.
    pub const SAFE: Self = Self {
        step: Step::JsonSchema,
        limit: Limit::MaxTokens,
        limit_renamed: false,
        routing: Routing::Unsaid,
        reasoning: false,
        longest: None,
    };

    /// With everything that a server can refuse.
    #[cfg(test)]
    pub const FULL: Self = Self {
        step: Step::JsonSchema,
        limit: Limit::MaxCompletionTokens,
        limit_renamed: false,
        routing: Routing::Strict,
        reasoning: true,
        longest: None,
    };

    /// For a model as a server lists it.
    pub fn of_listed(listed: &Value, has_prices: bool) -> Self {
        let longest = listed
            .pointer("/top_provider/max_completion_tokens")
            .or_else(|| listed.get("max_output_tokens"));
        let longest = longest
            .and_then(Value::as_u64)
            .filter(|longest| *longest > 0);
        let longest = longest.and_then(|longest| u32::try_from(longest).ok());
        let Some(parameters) = listed["supported_parameters"].as_array() else {
            return Self {
                longest,
                ..Self::SAFE
            };
        };
        let takes = |name: &str| parameters.iter().any(|parameter| parameter == name);
        Self {
            step: match (takes("structured_outputs"), takes("response_format")) {
                (true, _) => Step::JsonSchema,
                (false, true) => Step::JsonObject,
                (false, false) => Step::PlainText,
            },
            limit: match takes("max_completion_tokens") {
                true => Limit::MaxCompletionTokens,
                // Without a limit nothing bounds what an answer costs.
                false => Limit::MaxTokens,
            },
            limit_renamed: false,
            routing: match has_prices {
                true => Routing::Strict,
                false => Routing::Unsaid,
            },
            reasoning: takes("reasoning"),
            longest,
        }
    }

    /// The longest answer in tokens, where this many are asked for.
    pub fn length(&self, asked: u32) -> u32 {
        self.longest.map_or(asked, |longest| asked.min(longest))
    }

    /// The longest answer that may be billed, in tokens: what was asked for, or whatever a model writes that is told no
    /// limit.
    pub fn longest_billed(&self, asked: u32) -> u32 {
        match self.limit {
            Limit::Unsaid => self.longest.unwrap_or(WITHOUT_LIMIT),
            Limit::MaxCompletionTokens | Limit::MaxTokens => self.length(asked),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonSchema => "strict JSON schema",
            Self::JsonObject => "JSON object",
            Self::PlainText => "plain text",
        })
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, Serialize)]
pub struct Message<'a> {
    pub role: &'static str,
    pub content: Cow<'a, str>,
}

/// A request for a completion. What all brands share comes first, so that the provider's prompt cache can help.
#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: &'a [Message<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Value>,
}

/// What makes two requests the same question.
#[derive(Serialize)]
struct Same<'a> {
    model: &'a str,
    messages: &'a [Message<'a>],
    name: &'a str,
    schema: &'a Value,
    max_tokens: u32,
}

/// What is asked, apart from how.
pub struct Asked<'a> {
    pub model: &'a str,
    pub messages: &'a [Message<'a>],
    /// Name and schema of the answer.
    pub name: &'a str,
    pub schema: &'a Value,
    /// The longest answer, in tokens.
    pub max_tokens: u32,
}

impl Asked<'_> {
    /// The body of the request in this form.
    pub fn body(&self, form: &Form, prices: Option<Prices>) -> serde_json::Result<String> {
        let length = form.length(self.max_tokens);
        let limit = |limit| (form.limit == limit).then_some(length);
        let mut messages = self.messages.to_vec();
        if form.step != Step::JsonSchema {
            let is_mending = messages.len() > 2;
            let last = messages.len().saturating_sub(1);
            for (place, message) in messages.iter_mut().enumerate() {
                if place == 0 || place == last && is_mending {
                    message.content = format!("{}\n\n{}", message.content, self.shape()).into();
                }
            }
        }
        let require = form.routing == Routing::Strict;
        let routing = prices.filter(|_| form.routing != Routing::Unsaid);
        serde_json::to_string(&Chat {
            model: self.model,
            messages: &messages,
            response_format: match form.step {
                Step::JsonSchema => Some(json!({"type": "json_schema", "json_schema": {
                    "name": self.name, "strict": true, "schema": self.schema,
                }})),
                Step::JsonObject => Some(json!({"type": "json_object"})),
                Step::PlainText => None,
            },
            max_completion_tokens: limit(Limit::MaxCompletionTokens),
            max_tokens: limit(Limit::MaxTokens),
            provider: routing.map(|prices| match require {
                true => json!({"require_parameters": true, "max_price": prices.per_million()}),
                false => json!({"max_price": prices.per_million()}),
            }),
            reasoning: form.reasoning.then(|| json!({"effort": "low"})),
        })
    }

    /// What the answer is kept under: the same, whichever form the question is put in.
    pub fn same(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Same {
            model: self.model,
            messages: self.messages,
            name: self.name,
            schema: self.schema,
            max_tokens: self.max_tokens,
        })
    }

    /// The form of the answer in words, where no provider enforces it.
    fn shape(&self) -> String {
        format!(
            "Answer with one JSON object and nothing else: no words before or after it, no code fence. It has to fit this JSON \
             schema, with every required property:\n{}",
            self.schema
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_sent_what_its_server_lists() {
        let listed =
            |parameters: Value| Form::of_listed(&json!({"supported_parameters": parameters}), true);
        let gemini = listed(json!([
            "structured_outputs",
            "response_format",
            "reasoning",
            "max_tokens"
        ]));
        assert_eq!(
            (gemini.step, gemini.limit, gemini.reasoning),
            (Step::JsonSchema, Limit::MaxTokens, true)
        );
        assert_eq!(gemini.routing, Routing::Strict);
        let older = listed(json!(["response_format", "max_completion_tokens"]));
        assert_eq!(
            (older.step, older.limit, older.reasoning),
            (Step::JsonObject, Limit::MaxCompletionTokens, false)
        );
        assert_eq!(
            listed(json!(["max_tokens", "temperature"])).step,
            Step::PlainText
        );
        assert_eq!(Form::of_listed(&json!({"id": "local"}), false), Form::SAFE);
    }

    #[test]
    fn the_shape_is_said_where_it_is_not_enforced_and_the_answer_is_kept_under_one_name() {
        let schema = json!({"type": "object", "properties": {"claims": {"type": "array"}}});
        let messages = [Message {
            role: "system",
            content: "Read.".into(),
        }];
        let asked = Asked {
            model: "m",
            messages: &messages,
            name: "analyst",
            schema: &schema,
            max_tokens: 100,
        };
        let body = |step| -> Value {
            let form = Form {
                step,
                longest: Some(60),
                ..Form::SAFE
            };
            serde_json::from_str(&asked.body(&form, None).unwrap()).unwrap()
        };
        let strict = body(Step::JsonSchema);
        assert_eq!(strict["response_format"]["json_schema"]["schema"], schema);
        assert_eq!(
            (&strict["messages"][0]["content"], &strict["max_tokens"]),
            (&json!("Read."), &json!(60))
        );
        for (step, format) in [
            (Step::JsonObject, json!({"type": "json_object"})),
            (Step::PlainText, Value::Null),
        ] {
            let body = body(step);
            assert_eq!(body["response_format"], format);
            let system = body["messages"][0]["content"].as_str().unwrap();
            assert!(
                system.starts_with("Read.") && system.ends_with(&schema.to_string()),
                "{system}"
            );
        }
        assert!(!asked.same().unwrap().contains("response_format"));
    }
}
