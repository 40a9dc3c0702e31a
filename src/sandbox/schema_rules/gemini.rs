//! The rules of Google for a schema.

use serde_json::{Value, json};

use super::{
    SchemaRefusal,
    walk::{SchemaPlace, places, properties},
};

/// Bytes of a schema that is small enough. No figure is published, and what counts are the states of an automaton: this
/// budget is far below what was refused (googleapis/python-genai#660, vercel/ai#21192).
const BYTES: usize = 4_096;
/// Properties of all objects together; a budget too.
const PROPERTIES: usize = 120;
/// The sum of all `maxItems` (measured in googleapis/python-genai#2170).
const ITEMS: f64 = 960.0;

/// Keywords that one of its routes has no field for.
const UNKNOWN: [&str; 16] = [
    "$ref",
    "$defs",
    "definitions",
    "oneOf",
    "allOf",
    "not",
    "if",
    "const",
    "patternProperties",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "prefixItems",
];

const TOO_MANY_STATES: &str = "The specified schema produces a constraint that has too many states for serving.  Typical causes of this error are schemas with lots of text (for example, very long property or enum names), schemas with long array length limits (especially when nested), or schemas using complex value matchers (for example, integers or numbers with minimum/maximum bounds or strings with complex formats like date-time)";

pub fn refusal(schema: &Value) -> Option<SchemaRefusal> {
    let error =
        json!({"error": {"code": 400, "message": why(schema)?, "status": "INVALID_ARGUMENT"}});
    Some(SchemaRefusal {
        provider: "Google AI Studio",
        raw: format!("{error:#}\n"),
    })
}

fn why(schema: &Value) -> Option<String> {
    let places = places(schema);
    let unknown: Vec<String> = places.iter().flat_map(unknown).collect();
    if !unknown.is_empty() {
        return Some(unknown.join("\n"));
    }
    let bounds = places.iter().filter_map(|p| p.schema["maxItems"].as_f64());
    if bounds.sum::<f64>() > ITEMS {
        return Some("Request contains an invalid argument.".into());
    }
    let names: usize = places.iter().map(|p| properties(p.schema).count()).sum();
    let too_many = names > PROPERTIES || schema.to_string().len() > BYTES;
    too_many.then(|| TOO_MANY_STATES.into())
}

/// A line for each keyword of a schema that has no field.
fn unknown(place: &SchemaPlace<'_>) -> Vec<String> {
    let keywords = place
        .schema
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys());
    let unknown = keywords.filter(|name| UNKNOWN.contains(&name.as_str()));
    unknown
        .map(|name| {
            format!(
                "Invalid JSON payload received. Unknown name \"{name}\" at 'generation_config.response_schema{}': Cannot find field.",
                path(&place.way)
            )
        })
        .collect()
}

/// As the service names the place: an object's properties are a list of pairs to it.
fn path(way: &[String]) -> String {
    let mut path = String::new();
    let mut steps = way.iter();
    while let Some(step) = steps.next() {
        match step.as_str() {
            "properties" => {
                let name = steps.next().map(String::as_str).unwrap_or_default();
                path.push_str(&format!(".properties[{name}].value"));
            }
            "anyOf" => {
                let n = steps.next().map(String::as_str).unwrap_or_default();
                path.push_str(&format!(".any_of[{n}]"));
            }
            other => path.push_str(&format!(".{other}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::{
        super::samples::{many, message, object, one},
        *,
    };

    fn said(schema: &Value) -> String {
        message(refusal(schema))
    }

    #[test]
    fn a_schema_may_not_be_large() {
        let empty = one(json!({"type": "string", "description": ""})).to_string();
        let sized = |bytes: usize| {
            one(json!({"type": "string", "description": "d".repeat(bytes - empty.len())}))
        };
        assert_eq!(refusal(&sized(4_096)), None);
        assert!(said(&sized(4_097)).contains("too many states for serving"));
        // Small ones in number.
        let small = json!({"enum": [1]});
        assert_eq!(refusal(&many(120, &small)), None);
        assert!(said(&many(121, &small)).contains("too many states for serving"));
    }

    #[test]
    fn lists_have_a_budget_of_items_together() {
        let list =
            |most: u32| json!({"type": "array", "items": {"type": "string"}, "maxItems": most});
        let lists = |most: u32| object([("a".to_owned(), list(480)), ("b".to_owned(), list(most))]);
        assert_eq!(refusal(&lists(480)), None);
        assert_eq!(said(&lists(481)), "Request contains an invalid argument.");
        let raw = refusal(&lists(481)).unwrap().raw;
        assert!(raw.contains("\"status\": \"INVALID_ARGUMENT\""), "{raw}");
    }

    #[test]
    fn bounds_references_and_combinations_are_unknown() {
        for (name, value) in [
            ("minimum", json!(0)),
            ("maximum", json!(9)),
            ("exclusiveMinimum", json!(0)),
            ("$ref", json!("#/$defs/x")),
            ("oneOf", json!([{"type": "string"}])),
            ("allOf", json!([{"type": "string"}])),
        ] {
            let mut schema = one(json!({"type": "array", "items": {"type": "integer"}}));
            schema["properties"]["a"]["items"][name] = value;
            assert_eq!(
                said(&schema),
                format!(
                    "Invalid JSON payload received. Unknown name \"{name}\" at 'generation_config.response_schema.properties[a].value.items': Cannot find field."
                )
            );
        }
        let taken = json!({"type": ["string", "null"], "description": "x"});
        assert_eq!(refusal(&one(taken)), None);
    }
}
