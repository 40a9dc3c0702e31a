//! The JSON schemas in the form that every provider accepts: closed objects whose properties are all required, lists,
//! texts and choices; no unions, no bounds, no references.

use serde_json::{Map, Value, json};

/// An object with these properties and no others.
pub fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    object_of(properties)
}

/// As [`object`], of properties whose number is not fixed.
pub fn object_of<'a>(properties: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let names: Vec<&String> = properties.keys().collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": false,
    })
}

/// A list of any length.
pub fn list(items: Value) -> Value {
    Value::Object(Map::from_iter([
        ("type".to_owned(), json!("array")),
        ("items".to_owned(), items),
    ]))
}

/// A text of any length.
pub fn text() -> Value {
    json!({"type": "string"})
}

/// One of these words.
pub fn choice(words: impl IntoIterator<Item = impl Into<String>>) -> Value {
    let words: Vec<String> = words.into_iter().map(Into::into).collect();
    json!({"type": "string", "enum": words})
}

/// An answer that fills everything that a schema has.
#[cfg(test)]
pub fn fill(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().unwrap();
            let filled = properties.iter();
            filled
                .map(|(name, inner)| (name.clone(), fill(inner)))
                .collect()
        }
        Some("array") => json!([fill(&schema["items"])]),
        Some("string") => schema["enum"].get(0).cloned().unwrap_or(json!("text")),
        Some("integer") => json!(7),
        Some("boolean") => json!(false),
        other => panic!("no answer to {other:?}"),
    }
}
