//! The contents of a completion, wherever a server puts them.

use serde_json::Value;

use super::usage::whole;
use crate::text;

/// Words with which providers give their reason where the usual field says only `stop`: Google's own, and those of
/// gateways.
const NATIVE_REFUSALS: [&str; 9] = [
    "safety",
    "recitation",
    "prohibited",
    "blocklist",
    "spii",
    "content_filter",
    "content-filter",
    "refusal",
    "guardrail",
];

/// Bytes at the end of an answer in which a loop is looked for.
const TAIL: usize = 6_000;

/// The longest part that a looping model repeats, and how often at least, in bytes.
const LONGEST_PART: usize = 700;
const REPEATS: usize = 6;
const LOOPED: usize = 600;

/// One answer of a model, read as far as every answer is read.
#[derive(Debug, Default)]
pub struct Completion {
    /// Empty where the model wrote none.
    pub text: String,
    pub finish: Finish,
    /// Tokens that the model wrote, thoughts included, where the server says so.
    pub tokens: Option<u64>,
}

/// Why a model stopped writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// It was done, or nothing says otherwise.
    #[default]
    Stop,
    /// There was no room for more.
    Length,
    /// Rules about content; why.
    Blocked(String),
    /// The provider failed on the way.
    Error,
}

impl Completion {
    /// Reads a reply; the error says what is missing in it.
    pub fn read(reply: &Value) -> Result<Self, String> {
        let choices = match &reply["choices"] {
            Value::Array(choices) if choices.is_empty() => {
                return Err("the reply has an empty list of choices: no answer in it".into());
            }
            Value::Array(choices) => choices,
            Value::Null => return Err("the reply has no choices: no answer in it".into()),
            _ => return Err("the choices in the reply are no list".into()),
        };
        let choice = &choices[0];
        let message = &choice["message"];
        let usage = &reply["usage"];
        let tokens = whole(&usage["completion_tokens"]);
        let text = text(message);
        let finish = finish(choice, &text);
        if finish == Finish::Error {
            return Err("the provider failed while it answered (finish_reason error)".into());
        }
        if text.trim().is_empty() && finish == Finish::Stop {
            return Err(match message.is_object() {
                true => without_text(choice, usage),
                false => "the reply has a choice without a message in it".into(),
            });
        }
        Ok(Self {
            text,
            finish,
            tokens,
        })
    }

    /// Whether the end of the answer repeats one part again and again: with more room it would be repeated more often.
    pub fn loops(&self) -> bool {
        let bytes = self.text.trim_end().as_bytes();
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        (1..=LONGEST_PART.min(tail.len())).any(|part| {
            let repeated = tail.iter().rev().zip(tail.iter().rev().skip(part));
            let same = repeated.take_while(|(one, other)| one == other).count();
            same + part >= (part * REPEATS).max(LOOPED)
        })
    }
}

/// The words of a message: its content, else the thoughts or the arguments of a tool, where they hold the JSON.
fn text(message: &Value) -> String {
    let content = plain_text(message.get("content"));
    if !content.trim().is_empty() {
        return content;
    }
    [
        "/reasoning",
        "/reasoning_content",
        "/tool_calls/0/function/arguments",
    ]
    .iter()
    .map(|at| plain_text(message.pointer(at)))
    .find(|text| text.contains('{') && text.contains('}'))
    .unwrap_or_default()
}

/// Content is a text, a list of parts of which some are texts, or the answer itself as an object.
pub(crate) fn plain_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        Some(object @ Value::Object(_)) => object.to_string(),
        _ => String::new(),
    }
}

fn finish(choice: &Value, text: &str) -> Finish {
    let said = |name: &str| choice[name].as_str().unwrap_or_default();
    let (finish, native) = (said("finish_reason"), said("native_finish_reason"));
    let is_empty = text.trim().is_empty();
    let refusal = choice["message"]["refusal"].as_str().unwrap_or_default();
    let reasons = [native, finish].map(str::to_lowercase);
    let native_refusal = reasons
        .iter()
        .any(|reason| NATIVE_REFUSALS.iter().any(|known| reason.contains(known)));
    match finish {
        "content_filter" => Finish::Blocked(format!("finish_reason {finish} {native}")),
        "length" | "max_tokens" => Finish::Length,
        "error" => Finish::Error,
        _ if is_empty && !refusal.trim().is_empty() => {
            Finish::Blocked(format!("the model says: {}", refusal.trim()))
        }
        _ if is_empty && native_refusal => Finish::Blocked(format!("finish_reason {native}")),
        _ => Finish::Stop,
    }
}

fn without_text(choice: &Value, usage: &Value) -> String {
    let finish = choice["finish_reason"].as_str().unwrap_or("not given");
    let native = choice["native_finish_reason"].as_str();
    let native = native.filter(|native| !native.eq_ignore_ascii_case(finish));
    let native = native.map_or(String::new(), |native| {
        format!(", of the provider: {native}")
    });
    let thoughts = whole(&usage["completion_tokens_details"]["reasoning_tokens"]);
    let thoughts = thoughts.or_else(|| {
        let message = &choice["message"];
        let thought = ["reasoning", "reasoning_content"]
            .iter()
            .any(|name| message[*name].as_str().is_some_and(|text| !text.is_empty()));
        whole(&usage["completion_tokens"]).filter(|_| thought)
    });
    let thoughts = thoughts.unwrap_or(0);
    format!(
        "an answer without text (finish_reason {finish}{native}, {thoughts} tokens of reasoning)"
    )
}

/// What a completion says where an answer should be, or what is missing in it; `None` where it is no completion.
pub fn own_words(reply: &Value) -> Option<String> {
    reply.get("choices")?;
    Some(match Completion::read(reply) {
        Ok(Completion {
            finish: Finish::Blocked(why),
            ..
        }) => text::clean(&why),
        Ok(_) => String::new(),
        Err(missing) => missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(choice: &Value) -> Result<Completion, String> {
        Completion::read(&json!({"choices": [choice], "usage": {"completion_tokens": 900}}))
    }

    #[test]
    fn the_words_of_an_answer_are_found_where_servers_put_them() {
        for message in [
            json!({"content": "{\"a\":1}"}),
            json!({"content": [{"type": "text", "text": "{\"a\""}, {"text": ":1}"}]}),
            json!({"content": {"a": 1}}),
            json!({"content": null, "reasoning": "{\"a\":1}"}),
            json!({"content": " ", "reasoning_content": "{\"a\":1}"}),
            json!({"content": null, "tool_calls": [{"function": {"arguments": "{\"a\":1}"}}]}),
        ] {
            let said = read(&json!({"finish_reason": "stop", "message": message})).unwrap();
            assert_eq!(
                (said.text.as_str(), said.finish),
                ("{\"a\":1}", Finish::Stop)
            );
        }
    }

    #[test]
    fn refusals_are_known_by_every_sign() {
        for choice in [
            json!({"finish_reason": "stop", "message": {"content": null, "refusal": "I cannot help."}}),
            json!({"finish_reason": "content_filter", "message": {"content": "{\"a\""}}),
            json!({"finish_reason": "stop", "native_finish_reason": "SAFETY", "message": {"content": ""}}),
            json!({"finish_reason": "stop", "native_finish_reason": "RECITATION", "message": {"content": ""}}),
            json!({"finish_reason": null, "native_finish_reason": "PROHIBITED_CONTENT", "message": {}}),
            json!({"finish_reason": "refusal", "message": {"content": ""}}),
        ] {
            let said = read(&choice).unwrap();
            assert!(matches!(said.finish, Finish::Blocked(_)), "{choice}");
        }
        let answered = json!({"finish_reason": "stop", "native_finish_reason": "STOP", "message": {"content": "{}", "refusal": ""}});
        assert_eq!(read(&answered).unwrap().finish, Finish::Stop);
    }

    #[test]
    fn what_is_missing_is_said() {
        let missing = |reply: Value| Completion::read(&reply).unwrap_err();
        assert!(missing(json!({"choices": null})).contains("no choices"));
        assert!(missing(json!({"choices": []})).contains("empty list of choices"));
        assert!(
            missing(json!({"choices": [{"finish_reason": "stop"}]})).contains("without a message")
        );
        let error = json!({"finish_reason": "error", "message": {"content": null}});
        assert!(read(&error).unwrap_err().contains("finish_reason error"));
        let thought =
            json!({"finish_reason": "stop", "message": {"content": null, "reasoning": "…"}});
        assert_eq!(
            read(&thought).unwrap_err(),
            "an answer without text (finish_reason stop, 900 tokens of reasoning)"
        );
    }

    #[test]
    fn only_a_tail_that_repeats_is_a_loop() {
        let loops = |text: &str| {
            let text = text.to_owned();
            Completion {
                text,
                ..Completion::default()
            }
            .loops()
        };
        assert!(loops(&format!(
            "{{\"a\": [{}",
            "{\"field\":\"x\",\"value\":\"کاله\"},".repeat(40)
        )));
        assert!(loops(&format!(
            "{{\"a\": \"{}",
            " ".repeat(2) + &"\\n".repeat(900)
        )));
        let list: Vec<String> = (0..400)
            .map(|i| format!("{{\"field\":\"x\",\"value\":\"{i}\"}}"))
            .collect();
        assert!(!loops(&list.join(",")));
        assert!(!loops("ha ha ha ha ha ha ha ha"));
        assert!(!loops(""));
    }
}
