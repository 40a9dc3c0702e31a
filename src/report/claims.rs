//! What the analyst answers: one flat list of claims, each with one passage of one source.
//!
//! A flat list has no unions, no optional parts and no depth, so that every provider's engine can hold a model to it, and
//! a model spends tokens on what it found alone. Merging and contradictions are the program's work.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    fields::{Field, Subject},
    schema::{choice, list, object, text},
};

/// The analyst's answer.
#[derive(Debug, Default, Deserialize)]
pub struct Claims {
    pub claims: Vec<Claim>,
    #[serde(default)]
    pub namesakes: Vec<ClaimedNamesake>,
}

/// A statement about the brand with the passage that says it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// The field's id.
    pub field: String,
    /// The product or the group of customers that it tells of; empty for the brand.
    pub of: String,
    pub value: String,
    /// The id of a source.
    pub source: String,
    /// The passage, word for word.
    pub quote: String,
    /// The date that the source gives for it; empty where it gives none.
    pub as_of: String,
    /// The model concluded it, instead of reading it.
    pub concluded: bool,
}

/// Another company of the same name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimedNamesake {
    /// Who that is.
    pub who: String,
    /// Ids of sources that are about it.
    pub sources: Vec<String>,
}

/// The schema of the analyst's answer.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let claim = object([
            ("field", choice(Field::ALL.iter().map(|field| field.id()))),
            ("of", text()),
            ("value", text()),
            ("source", text()),
            ("quote", text()),
            ("as_of", text()),
            ("concluded", json!({"type": "boolean"})),
        ]);
        let namesake = object([("who", text()), ("sources", list(text()))]);
        object([("claims", list(claim)), ("namesakes", list(namesake))])
    });
    &SCHEMA
}

/// The fields as the analyst is told of them, a line each: those of which several values may be true have a `+`.
pub fn guide() -> String {
    let line = |field: &Field| {
        let spec = field.spec();
        let several = if spec.many { "+" } else { "" };
        let told = match spec.told {
            "" => String::new(),
            told => format!(": {told}"),
        };
        format!("- {}{several}{told}\n", field.id())
    };
    let part = |title: &str, subject| {
        let fields = Field::ALL.iter();
        let of_subject = fields.filter(|field| field.spec().subject == subject);
        let lines: String = of_subject.map(line).collect();
        format!("{title}\n{lines}")
    };
    [
        part("Of the brand (`of` is empty):", Subject::Brand),
        part(
            "Of a product (`of` is the product's name):",
            Subject::Product,
        ),
        part(
            "Of a group of customers (`of` names the group):",
            Subject::Segment,
        ),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::fill;

    fn depth(schema: &Value) -> usize {
        let inner = schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values());
        let deepest = inner.chain(schema.get("items")).map(depth).max();
        // A list and its items are one level.
        deepest.unwrap_or(0) + usize::from(schema["type"] == "object")
    }

    #[test]
    fn the_schema_is_small_and_plain() {
        let text = schema().to_string();
        assert!(text.len() < 4_096, "{} bytes", text.len());
        assert!(depth(schema()) <= 3);
        for union in [
            "anyOf",
            "oneOf",
            "null",
            "maxItems",
            "minLength",
            "$ref",
            "[\"string\"",
        ] {
            assert!(!text.contains(union), "{union}");
        }
        assert_eq!(guide().lines().count(), Field::ALL.len() + 3);
    }

    #[test]
    fn what_fits_the_schema_is_read() {
        let read: Claims = serde_json::from_value(fill(schema())).unwrap();
        assert_eq!(Field::of_claim(&read.claims[0].field), Some(Field::NameFa));
        assert_eq!(read.namesakes[0].sources, ["text"]);
        assert!(serde_json::from_str::<Claims>("{}").is_err());
    }
}
