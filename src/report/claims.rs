//! The claims of the analyst: one flat list, each with a passage of one source.
//!
//! A flat list has no unions, no optional parts and no depth, so that every provider's engine can hold a model to it, and
//! a model spends tokens on what it found alone. Merging and contradictions are the program's work.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

use super::{
    fields::{Field, Subject},
    readable,
    schema::{choice, list, object, text},
};

/// The analyst's answer.
#[derive(Debug, Default, Deserialize)]
pub struct Claims {
    #[serde(deserialize_with = "claims_one_by_one")]
    pub claims: Vec<Claim>,
    #[serde(default, deserialize_with = "readable")]
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
    #[serde(deserialize_with = "one_text")]
    pub value: String,
    /// The id of a source.
    #[serde(deserialize_with = "one_text")]
    pub source: String,
    /// The passage, word for word.
    pub quote: String,
    /// The date that the source gives for it; empty where it gives none.
    pub as_of: String,
    /// The model concluded it, instead of reading it.
    #[serde(deserialize_with = "truth")]
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

/// Reads the claims that can be read: one that cannot is no reason to pay for all of them again. An answer of which none
/// can be read is none.
fn claims_one_by_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Claim>, D::Error> {
    let items = Vec::<Value>::deserialize(deserializer)?;
    let (made, mut problem) = (items.len(), None);
    let mut claims = Vec::new();
    for item in items {
        match serde_json::from_value(item) {
            Ok(claim) => claims.push(claim),
            Err(error) => problem = Some(error),
        }
    }
    match problem {
        Some(problem) if claims.is_empty() && made > 0 => Err(D::Error::custom(problem)),
        _ => Ok(claims),
    }
}

/// A text, or the first of a list of texts; what is absent is empty.
fn one_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(items) => {
            let mut texts = items.iter().filter_map(Value::as_str);
            Ok(texts.next().unwrap_or_default().to_owned())
        }
        other => Err(D::Error::custom(format!("{other} is no text"))),
    }
}

/// Yes or no in the ways in which models write it; anything else is no.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(truth) => truth,
        Value::Number(number) => number.as_f64() == Some(1.0),
        Value::String(word) => {
            matches!(
                word.trim().to_lowercase().as_str(),
                "true" | "yes" | "1" | "بله"
            )
        }
        _ => false,
    })
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

    #[test]
    fn a_claim_in_another_form_is_read_and_one_that_cannot_be_spoils_no_other() {
        let read: Claims = serde_json::from_value(json!({"claims": [
            {"field": "parent", "value": ["a", "b"], "source": 2, "concluded": null},
            {"field": "parent", "value": "c", "source": ["s3"], "concluded": "yes"},
            {"field": {"a": 1}},
        ], "namesakes": ["another company", {"who": "x", "sources": ["s1"]}]}))
        .unwrap();
        let claims: Vec<_> = read
            .claims
            .iter()
            .map(|c| (&*c.value, &*c.source, c.concluded))
            .collect();
        assert_eq!(claims, [("a", "2", false), ("c", "s3", true)]);
        assert_eq!(read.namesakes.len(), 1);
        assert!(serde_json::from_value::<Claims>(json!({"claims": [{"field": {}}]})).is_err());
    }
}
