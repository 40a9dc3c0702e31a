//! The JSON in bodies that services really send: behind a byte-order mark or comment lines, in an unrequested event
//! stream, or with escapes of half a character.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// Reads the JSON in a body; `None` where there is none that is whole.
pub fn read(text: &str) -> Option<Value> {
    let text = text.trim_start_matches('\u{FEFF}').trim();
    let parse = |text: &str| serde_json::from_str(&mend_surrogates(text)).ok();
    parse(text)
        .or_else(|| parse(without_comments(text).trim()))
        .or_else(|| read_events(text))
}

/// Whether a body is an event stream, or begins as one.
pub fn is_event_stream(text: &str) -> bool {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    text.starts_with(':') || text.starts_with("data:") || text.starts_with("event:")
}

/// Services that think for long send comment lines of event streams, to show that they are alive.
fn without_comments(text: &str) -> String {
    let kept = text.lines().filter(|line| !line.starts_with(':'));
    kept.collect::<Vec<_>>().join("\n")
}

/// Escapes `\ud800` to `\udfff` that stand alone become U+FFFD: they are half a character, and JSON parsers refuse the
/// whole text for one of them.
pub fn mend_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let (mut mended, mut copied, mut at) = (String::new(), 0, 0);
    while at + 1 < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let length = match (escaped(text, at), escaped(text, at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                mended.push_str(&text[copied..at]);
                mended.push_str("\\uFFFD");
                copied = at + 6;
                6
            }
            (Some(_), _) => 6,
            // A backslash and what it escapes.
            (None, _) => 2,
        };
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[copied..]);
    Cow::Owned(mended)
}

/// The code unit of an escape `\uXXXX` that begins here.
fn escaped(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Reads an event stream: the parts of a completion are put together, and of anything else the only event counts.
fn read_events(text: &str) -> Option<Value> {
    let events = events(text);
    if let [only] = events.as_slice()
        && only.pointer("/choices/0/delta").is_none()
    {
        return Some(only.clone());
    }
    // A stream that ends before it says so is the beginning of an answer.
    let ends = text.lines().any(|line| line.trim_end().ends_with("[DONE]"))
        || events.iter().any(|event| {
            !event["choices"][0]["finish_reason"].is_null() || !event["error"].is_null()
        });
    (ends && !events.is_empty()).then(|| completion(&events))
}

/// The JSON values of a stream's `data:` lines.
fn events(text: &str) -> Vec<Value> {
    let (mut events, mut open) = (Vec::new(), String::new());
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        let Some(data) = line.strip_prefix("data:") else {
            if line.is_empty() {
                open.clear();
            }
            continue;
        };
        // A value may take several lines.
        open.push_str(data.strip_prefix(' ').unwrap_or(data));
        match serde_json::from_str::<Value>(&mend_surrogates(&open)) {
            Ok(event) => {
                events.extend(event.is_object().then_some(event));
                open.clear();
            }
            Err(_) if open.trim() == "[DONE]" => open.clear(),
            Err(_) => open.push('\n'),
        }
    }
    events
}

/// One completion made of the parts in which it was streamed.
fn completion(events: &[Value]) -> Value {
    let (mut whole, mut choice) = (Map::new(), Map::new());
    let mut message = Map::from_iter([("role".to_owned(), json!("assistant"))]);
    for event in events {
        for (name, value) in event.as_object().into_iter().flatten() {
            if name != "choices" && !value.is_null() {
                whole.insert(name.clone(), value.clone());
            }
        }
        let parts = event["choices"].as_array().into_iter().flatten();
        for part in parts.filter(|part| part["index"].as_u64().unwrap_or(0) == 0) {
            for name in ["finish_reason", "native_finish_reason", "error"] {
                if !part[name].is_null() {
                    choice.insert(name.to_owned(), part[name].clone());
                }
            }
            if part["message"].is_object() {
                message = part["message"].as_object().cloned().unwrap_or_default();
            }
            for (name, value) in part["delta"].as_object().into_iter().flatten() {
                append(&mut message, name, value);
            }
        }
    }
    choice.insert("message".into(), message.into());
    whole.insert("choices".into(), json!([choice]));
    whole.into()
}

/// Texts are continued; of anything else that is no text the last counts.
fn append(message: &mut Map<String, Value>, name: &str, value: &Value) {
    let said = match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => return,
    };
    match message.get_mut(name) {
        Some(Value::String(text)) if name != "role" => text.push_str(&said),
        _ => {
            message.insert(name.to_owned(), said.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_body_is_read_behind_marks_and_comments() {
        let body = json!({"choices": [{"message": {"content": "{}"}}]});
        for text in [
            format!("\u{FEFF}{body}"),
            format!(": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\r\n\n{body}\n"),
            format!("\n\n  \n{body}\n\n"),
        ] {
            assert_eq!(read(&text), Some(body.clone()), "{text}");
        }
        for text in [
            "",
            ": OPENROUTER PROCESSING\n",
            "<html>",
            "{\"choices\": [",
            "data: {\"a\"",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn half_a_character_becomes_the_sign_for_an_unknown_one() {
        for (text, read_as) in [
            (r#"["a\ud83db"]"#, "a\u{FFFD}b"),
            (r#"["\udc00\ud83d"]"#, "\u{FFFD}\u{FFFD}"),
            (r#"["\ud83d\ud83d\ude00"]"#, "\u{FFFD}😀"),
            (r#"["\\ud83d"]"#, r"\ud83d"),
            (r#"["\ud83d\u0041"]"#, "\u{FFFD}A"),
        ] {
            assert_eq!(read(text), Some(json!([read_as])), "{text}");
        }
    }

    #[test]
    fn a_stream_that_was_not_asked_for_is_put_together() {
        let text = concat!(
            ": OPENROUTER PROCESSING\r\n\r\n",
            "data: {\"id\":\"gen-1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"{\\\"a\\\":\"}}]}\r\n\r\n",
            "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"1}\",\"reasoning\":\"so\"}},{\"index\":1,\"delta\":{\"content\":\"no\"}}]}\r\n\r\n",
            "event: message\ndata: {\"choices\":[{\"index\":0,\n",
            "data: \"delta\":{\"content\":null},\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"cost\":0.0042}}\n\ndata: [DONE]\n\n",
        );
        let whole = read(text).unwrap();
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"], "{\"a\":1}", "{whole}");
        assert_eq!(message["reasoning"], "so");
        assert_eq!(whole["choices"][0]["finish_reason"], "stop");
        assert_eq!(whole["usage"]["cost"], 0.0042);
        assert_eq!(whole["model"], "m");
    }

    #[test]
    fn a_stream_that_breaks_off_is_no_answer() {
        let begun = "data: {\"choices\":[{\"delta\":{\"content\":\"{\"}}]}\n\n";
        assert_eq!(read(begun), None);
        assert!(read(&format!("{begun}data: [DONE]\n\n")).is_some());
    }

    #[test]
    fn an_error_in_a_stream_stays_one() {
        let text = "data: {\"choices\":[{\"delta\":{\"content\":\"{\"}}]}\n\ndata: {\"error\":{\"code\":502,\"message\":\"lost\"}}\n\n";
        assert_eq!(read(text).unwrap()["error"]["code"], 502);
        let only = read("event: error\ndata: {\"error\":{\"code\":429,\"message\":\"wait\"}}\n\n");
        assert_eq!(only.unwrap()["error"]["code"], 429);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(text in "(data:|: |\\{|\\}|\"|\\\\u|d83d|choices|\\[|\\]|,|\n|\r|a|۱){0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn json_is_read_as_it_is(text in "\\PC{0,20}", other in any::<i32>()) {
            let value = json!({"text": text, "other": other});
            prop_assert_eq!(read(&value.to_string()), Some(value));
        }
    }
}
