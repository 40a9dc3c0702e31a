//! The advice in a refusal: a lower step of the ladder, or a parameter to rename or leave out.

use super::request::{Form, Limit, Routing, Step};
use crate::http::error_text::ErrorText;

/// Words that speak of the form of a request.
const OF_FORM: [&str; 20] = [
    "schema",
    "response_format",
    "response format",
    "responseformat",
    "response_mime_type",
    "json",
    "structured",
    "grammar",
    "constraint",
    "parameter",
    "too many states",
    "invalid_argument",
    "invalid argument",
    "guided",
    "extra inputs",
    "extra_forbidden",
    "unrecognized",
    "max_tokens",
    "max_completion_tokens",
    "reasoning",
];

/// Those that no failure of the server's own has.
const OF_FORM_FOR_SURE: [&str; 5] = [
    "grammar",
    "json schema",
    "json_schema",
    "response_format",
    "structured output",
];

/// That something is not known at all.
pub(super) const NOT_KNOWN: [&str; 16] = [
    "unsupported",
    "not supported",
    "not support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra inputs",
    "extra_forbidden",
    "not permitted",
    "additional propert",
    "additionalpropert",
    "not allowed",
    "cannot find field",
    "not available",
    "invalid parameter",
    "no endpoints",
];

/// That one schema is the matter, and another may be taken.
pub(super) const OF_THIS_SCHEMA: [&str; 12] = [
    "too many",
    "too large",
    "too complex",
    "too deep",
    "invalid schema",
    "invalid_argument",
    "invalid argument",
    "anyof",
    "union",
    "states",
    "keyword",
    "propert",
];

/// That a field is not known, whatever is in it.
const NO_SUCH_FIELD: [&str; 6] = [
    "extra inputs",
    "extra_forbidden",
    "unrecognized request argument",
    "unknown field",
    "unknown parameter",
    "unexpected keyword",
];

const TOO_MUCH: [&str; 9] = [
    "too large",
    "at most",
    "less than or equal",
    "exceed",
    "maximum",
    "<=",
    "greater than",
    "larger than",
    "too big",
];

/// Words before the longest answer that a model takes.
const OF_A_LIMIT: [&str; 9] = [
    "at most",
    "supports",
    "less than or equal to",
    "<=",
    "up to",
    "limit of",
    "limit is",
    "maximum of",
    "maximum allowed",
];

/// A shorter limit, in tokens, is a misreading: nothing that is asked for fits into it.
const LEAST_ANSWER: u32 = 1_024;

/// What a refusal says to do otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalAdvice {
    StepDown,
    /// No other form is known than plain text.
    PlainText,
    /// No provider takes all parameters together: asking goes on without requiring it.
    RequireLess,
    /// No reason is given; the schema may be it.
    Try,
    DropReasoning,
    DropRouting,
    RenameLimit,
    /// The longest answer that is taken, in tokens.
    Shorten(u32),
}

/// Whether a refusal may be about the form of the request.
pub(super) fn speaks_of_form(code: u16, words: &ErrorText) -> bool {
    let param = words.param.as_deref();
    let of_question = ["messages", "model"];
    match code {
        _ if param.is_some_and(|param| of_question.iter().any(|of| param.starts_with(of))) => false,
        400 | 404 | 422 => words.has(&OF_FORM) || param.is_some(),
        500 | 501 => words.has(&OF_FORM_FOR_SURE),
        _ => false,
    }
}

/// What to do after a refusal of a request in this form: nothing where the form is not the matter, or nothing is left of it;
/// several things where several parameters are named.
pub(super) fn advice(code: u16, words: &ErrorText, form: &Form) -> Vec<RefusalAdvice> {
    let named = named_parameters(words);
    let named = named.iter().filter_map(|name| for_parameter(name, form));
    let mut named: Vec<RefusalAdvice> = named.collect();
    if named.is_empty() {
        named.extend(one_advice(code, words, form));
    }
    named
}

/// The parameters that a refusal lists: `does not support parameters: ['response_format', 'max_tokens']`.
fn named_parameters(words: &ErrorText) -> Vec<&str> {
    let list = words
        .all
        .split_once("parameters: [")
        .and_then(|(_, rest)| rest.split_once(']'));
    let list = list.map_or("", |(list, _)| list);
    let names = list
        .split(',')
        .map(|name| name.trim().trim_matches(['\'', '"', '`']));
    names.filter(|name| !name.is_empty()).collect()
}

/// What to do about one parameter that is not known at all.
fn for_parameter(name: &str, form: &Form) -> Option<RefusalAdvice> {
    match name {
        "response_format" => (form.step != Step::PlainText).then_some(RefusalAdvice::PlainText),
        "max_tokens" => (form.limit == Limit::MaxTokens).then_some(RefusalAdvice::RenameLimit),
        "max_completion_tokens" => {
            (form.limit == Limit::MaxCompletionTokens).then_some(RefusalAdvice::RenameLimit)
        }
        "provider" => (form.routing != Routing::Unsaid).then_some(RefusalAdvice::DropRouting),
        name if name.starts_with("reasoning") => {
            form.reasoning.then_some(RefusalAdvice::DropReasoning)
        }
        _ => None,
    }
}

fn one_advice(code: u16, words: &ErrorText, form: &Form) -> Option<RefusalAdvice> {
    let is_lowest = form.step == Step::PlainText;
    if words.is_bare() && words.param.is_none() && matches!(code, 400 | 422) {
        let is_bare = !words.has(&OF_FORM);
        return match is_bare {
            true => (!is_lowest).then_some(RefusalAdvice::Try),
            false => step_down(form),
        };
    }
    if !speaks_of_form(code, words) {
        return None;
    }
    let param = words.param.as_deref().unwrap_or_default();
    let is_unknown = words.has(&NOT_KNOWN);
    if words.has(&["requested parameters"]) {
        return match form.routing {
            Routing::Strict => Some(RefusalAdvice::RequireLess),
            Routing::Prices | Routing::Unsaid => step_down(form),
        };
    }
    let names_limit =
        param.starts_with("max_") || words.has(&["max_tokens", "max_completion_tokens"]);
    if names_limit && form.limit != Limit::Unsaid {
        let most = words
            .has(&TOO_MUCH)
            .then(|| longest_answer(&words.text))
            .flatten();
        if let Some(most) = most.filter(|most| form.longest.is_none_or(|longest| *most < longest)) {
            return Some(RefusalAdvice::Shorten(most));
        }
        if is_unknown || param.starts_with("max_") {
            return Some(RefusalAdvice::RenameLimit);
        }
    }
    if form.reasoning && (param.starts_with("reasoning") || words.has(&["reasoning", "thinking"])) {
        return Some(RefusalAdvice::DropReasoning);
    }
    let quoted = [
        "'provider'",
        "\"provider\"",
        "`provider`",
        "key provider",
        "parameter provider",
    ];
    if form.routing != Routing::Unsaid
        && (param.starts_with("provider") || is_unknown && words.has(&quoted))
    {
        return Some(RefusalAdvice::DropRouting);
    }
    // Where the whole parameter is not known, its other form is not either.
    let names_schema = words.has(&["json_schema", "schema"]);
    if param == "response_format" && words.has(&NO_SUCH_FIELD) && !names_schema {
        return for_parameter(param, form);
    }
    step_down(form)
}

/// The next step; on the lowest, what else could be the matter.
fn step_down(form: &Form) -> Option<RefusalAdvice> {
    match form {
        Form { step, .. } if *step != Step::PlainText => Some(RefusalAdvice::StepDown),
        Form {
            reasoning: true, ..
        } => Some(RefusalAdvice::DropReasoning),
        Form { routing, .. } if *routing != Routing::Unsaid => Some(RefusalAdvice::DropRouting),
        _ => None,
    }
}

/// The longest answer that a refusal says is taken, in tokens: the number after words of a limit. Other numbers are codes,
/// names of models, or what was asked for.
fn longest_answer(text: &str) -> Option<u32> {
    let text = text.to_lowercase();
    let limits = OF_A_LIMIT.iter().flat_map(|words| {
        let ends = text
            .match_indices(words)
            .map(|(at, found)| at + found.len());
        ends.filter_map(|end| number_at_begin(&text[end..]))
    });
    limits.filter(|limit| *limit >= LEAST_ANSWER).min()
}

/// The number that a text begins with, after a few words at most.
fn number_at_begin(text: &str) -> Option<u32> {
    let near: String = text.chars().take(24).collect();
    let digits = near.find(|sign: char| sign.is_ascii_digit())?;
    let number = near[digits..].split(|sign: char| !sign.is_ascii_digit() && sign != ',');
    number.into_iter().next()?.replace(',', "").parse().ok()
}

impl RefusalAdvice {
    /// The form that follows.
    pub fn applied(self, form: Form) -> Form {
        let lower = match form.step {
            Step::JsonSchema => Step::JsonObject,
            Step::JsonObject | Step::PlainText => Step::PlainText,
        };
        match self {
            Self::StepDown | Self::Try => Form {
                step: lower,
                ..form
            },
            Self::PlainText => Form {
                step: Step::PlainText,
                ..form
            },
            Self::RequireLess => Form {
                step: lower,
                routing: Routing::Prices,
                ..form
            },
            Self::DropReasoning => Form {
                reasoning: false,
                ..form
            },
            Self::DropRouting => Form {
                routing: Routing::Unsaid,
                ..form
            },
            Self::RenameLimit => Form {
                limit: match (form.limit, form.limit_renamed) {
                    (_, true) | (Limit::Unsaid, _) => Limit::Unsaid,
                    (Limit::MaxTokens, false) => Limit::MaxCompletionTokens,
                    (Limit::MaxCompletionTokens, false) => Limit::MaxTokens,
                },
                limit_renamed: true,
                ..form
            },
            Self::Shorten(longest) => Form {
                longest: Some(longest),
                ..form
            },
        }
    }

    /// What the user is told.
    pub fn told(self, slug: &str, before: &Form, after: &Form, reason: &str) -> String {
        if let Self::Shorten(most) = self {
            return format!(
                "{slug} takes at most {most} tokens of answer ({reason}); asking for that"
            );
        }
        let (refused, instead) = match self {
            Self::StepDown | Self::PlainText | Self::Try | Self::RequireLess => (
                match before.step {
                    Step::JsonSchema => "strict JSON schemas".to_owned(),
                    Step::JsonObject | Step::PlainText => "JSON mode".to_owned(),
                },
                match after.step {
                    Step::JsonSchema | Step::JsonObject => "asking for JSON objects instead",
                    Step::PlainText => "asking for JSON in plain text instead",
                },
            ),
            Self::DropReasoning | Self::Shorten(_) => {
                ("the parameter reasoning".into(), "asking without it")
            }
            Self::DropRouting => ("the parameter provider".into(), "asking without it"),
            Self::RenameLimit => (
                match before.limit {
                    Limit::MaxCompletionTokens => "max_completion_tokens".into(),
                    Limit::MaxTokens | Limit::Unsaid => "max_tokens".into(),
                },
                match after.limit {
                    Limit::MaxCompletionTokens => "sending max_completion_tokens instead",
                    Limit::MaxTokens => "sending max_tokens instead",
                    Limit::Unsaid => "asking without a limit of length",
                },
            ),
        };
        format!("{slug} refuses {refused} ({reason}); {instead}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_longest_answer_is_the_number_after_words_of_a_limit() {
        for (text, limit) in [
            (
                "max_tokens is too large: 12000. This model supports at most 8192 completion tokens, whereas you provided 12000.",
                Some(8_192),
            ),
            (
                "gpt-4-0613: max_tokens must be less than or equal to 4,096",
                Some(4_096),
            ),
            (
                "max_completion_tokens: 24000 > 16384, which is the maximum allowed number",
                None,
            ),
            (
                "status 400 of model gpt-4-0613: max_tokens is too large",
                None,
            ),
            ("at most 400 requests a minute", None),
        ] {
            assert_eq!(longest_answer(text), limit, "{text}");
        }
        // The code of an error, which some gateways send as a text, is none.
        let error = json!({"error": {"code": "400", "message": "max_tokens is too large: this model supports at most 8192"}});
        let words = ErrorText::of(&error).unwrap();
        assert_eq!(
            advice(400, &words, &Form::FULL),
            [RefusalAdvice::Shorten(8_192)]
        );
    }

    #[test]
    fn only_what_is_refused_is_asked_otherwise() {
        use RefusalAdvice::{
            DropReasoning, DropRouting, PlainText, RenameLimit, RequireLess, Shorten, StepDown, Try,
        };
        let said = |words: &str| json!({"message": words});
        let param = |words: &str, param: &str| json!({"message": words, "param": param});
        for (code, error, advices) in [
            (
                400,
                said("Invalid schema for response_format 'analyst': too many unions"),
                vec![StepDown],
            ),
            (
                400,
                said(
                    "The specified schema produces a constraint that has too many states for serving",
                ),
                vec![StepDown],
            ),
            (
                400,
                said("Request contains an invalid argument. INVALID_ARGUMENT"),
                vec![StepDown],
            ),
            (
                422,
                param("Extra inputs are not permitted", "response_format"),
                vec![PlainText],
            ),
            (
                404,
                said("No endpoints found that can handle the requested parameters."),
                vec![RequireLess],
            ),
            (500, said("Failed to parse grammar"), vec![StepDown]),
            (400, said("Provider returned error"), vec![Try]),
            (
                400,
                param(
                    "Unsupported parameter: use 'max_tokens' instead",
                    "max_completion_tokens",
                ),
                vec![RenameLimit],
            ),
            (
                400,
                said("max_completion_tokens: 12000 is too large, at most 8,192 are taken"),
                vec![Shorten(8_192)],
            ),
            (
                400,
                said("Unknown name \"reasoning\": Cannot find field."),
                vec![DropReasoning],
            ),
            (
                400,
                param("Unrecognized request argument supplied", "provider"),
                vec![DropRouting],
            ),
            (
                400,
                said(
                    "v0 does not support parameters: ['response_format', 'max_completion_tokens'], for model=x",
                ),
                vec![PlainText, RenameLimit],
            ),
            (400, said("Something odd about this row"), vec![]),
            (400, param("Invalid value", "messages[0].content"), vec![]),
            (429, said("a schema is too much now"), vec![]),
        ] {
            let words = ErrorText::of(&json!({"error": error})).unwrap();
            assert_eq!(advice(code, &words, &Form::FULL), advices, "{error}");
        }
    }
}
