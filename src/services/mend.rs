//! Reads what a model wrote, and mends what can be mended without guessing: what stands around the JSON, commas too
//! many, texts that are numbers, fields that were left out because they are empty. An answer that was cut is never
//! completed.

use jsonc_parser::ParseOptions;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Reads an answer that should fit this schema. The error says what is wrong with it, for the model and for people.
pub fn read<T: DeserializeOwned>(text: &str, schema: &Value) -> Result<T, String> {
    let inner = object_in(text).ok_or("there is no JSON object in it")?;
    let mut value: Value = match serde_json::from_str(inner) {
        Ok(value) => value,
        Err(error) => jsonc_parser::parse_to_serde_value(inner, &ParseOptions::default())
            .map_err(|_| error.to_string())?,
    };
    fit(&mut value, schema);
    T::deserialize(&value).map_err(|error| error.to_string())
}

/// From the first brace to the last: models put fences and friendly words around their answer.
fn object_in(text: &str) -> Option<&str> {
    let (first, last) = (text.find('{')?, text.rfind('}')?);
    text.get(first..=last)
}

/// Gives values the form that the schema asks for, where nothing is lost or made up by that.
fn fit(value: &mut Value, schema: &Value) {
    let allows = |kind: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        known => known == kind,
    };
    match value {
        Value::Number(_) | Value::Bool(_) if allows("string") => *value = json!(value.to_string()),
        Value::Null if allows("array") && !allows("null") => *value = json!([]),
        Value::Object(_) if allows("array") => *value = json!([value.take()]),
        _ => {}
    }
    match value {
        Value::Object(fields) => fit_fields(fields, schema),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| fit(item, &schema["items"])),
        _ => {}
    }
}

fn fit_fields(fields: &mut Map<String, Value>, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, schema) in properties {
        let empty = match &schema["type"] {
            Value::Array(kinds) if kinds.contains(&json!("null")) => Some(Value::Null),
            kind if kind == "array" => Some(json!([])),
            _ => None,
        };
        match (fields.get_mut(name), empty) {
            (Some(field), _) => fit(field, schema),
            (None, Some(empty)) => {
                fields.insert(name.clone(), empty);
            }
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::{self, list, object};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Answer {
        name: String,
        year: Option<String>,
        facts: Vec<Fact>,
        contact: Contact,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Fact {
        value: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Contact {
        phone: Option<String>,
    }

    fn nullable_text() -> Value {
        json!({"type": ["string", "null"]})
    }

    fn read_answer(text: &str) -> Result<Answer, String> {
        let contact = object([("phone", nullable_text())]);
        let schema = object([
            ("name", schema::text()),
            ("year", nullable_text()),
            ("facts", list(object([("value", schema::text())]))),
            ("contact", contact),
        ]);
        read(text, &schema)
    }

    fn answer(facts: &[&str]) -> Answer {
        let fact = |value: &&str| Fact {
            value: (*value).to_owned(),
        };
        Answer {
            name: "کاله".into(),
            year: Some("1370".into()),
            facts: facts.iter().map(fact).collect(),
            contact: Contact { phone: None },
        }
    }

    #[test]
    fn what_can_be_mended_without_guessing_is_mended() {
        for (text, facts) in [
            (
                r#"{"name":"کاله","year":"1370","facts":[{"value":"a"}],"contact":{"phone":null}}"#,
                &["a"][..],
            ),
            (
                "```json\n{\"name\":\"کاله\",\"year\":\"1370\",\"facts\":[],\"contact\":{\"phone\":null}}\n```",
                &[],
            ),
            (
                "Here you are:\n{\"name\":\"کاله\",\"year\":1370,\"facts\":null,\"contact\":{}}\nAnything else?",
                &[],
            ),
            (
                "\u{FEFF}{'name':'کاله', \"year\":\"1370\", \"facts\":[{\"value\": 12,},], contact: {},} // done",
                &["12"],
            ),
            (
                r#"{"name":"کاله","year":"1370","facts":{"value":"one"},"contact":{"phone":null},"more":1}"#,
                &["one"],
            ),
        ] {
            assert_eq!(read_answer(text), Ok(answer(facts)), "{text}");
        }
    }

    #[test]
    fn what_would_have_to_be_guessed_is_an_error_that_says_what_is_wrong() {
        for (text, words) in [
            ("", "no JSON object"),
            ("I cannot help with that.", "no JSON object"),
            (
                r#"{"name":"کاله","year":"1370","facts":[{"value":"a"}"#,
                "EOF",
            ),
            (r#"{"name":"کاله","year":"1370"}"#, "contact"),
            (r#"{"year":"1370","contact":{}}"#, "name"),
            (r#"{"name":["کاله"],"contact":{}}"#, "string"),
            (
                r#"{"name":"کاله","contact":{},"facts":[{"wert":"a"}]}"#,
                "value",
            ),
        ] {
            let error = read_answer(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!(
            "{{\"name\":{}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(read_answer(&deep).is_err());
    }

    proptest! {
        /// Wherever an answer is cut, it is not completed.
        #[test]
        fn a_cut_answer_is_never_completed(facts in proptest::collection::vec("[a-zا-ی{}\"]{0,9}", 0..5), cut in 1usize..400) {
            let facts: Vec<&str> = facts.iter().map(String::as_str).collect();
            let whole = serde_json::to_string(&answer(&facts)).unwrap();
            let cut: String = whole.chars().take(whole.chars().count().saturating_sub(cut)).collect();
            prop_assert!(read_answer(&cut).is_err(), "{cut}");
        }
    }
}
