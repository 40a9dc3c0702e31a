//! The rules of Anthropic for a schema.

use serde_json::{Value, json};

use super::{
    SchemaRefusal,
    walk::{SchemaPlace, is_of, optional, places},
};

/// Properties that an answer may leave out, in all objects together.
const OPTIONAL: usize = 24;
/// Schemas with `anyOf` or several types.
const UNIONS: usize = 16;
/// Bytes of a schema whose grammar is small enough. No figure is published: 5,726 bytes were taken and 6,668 refused
/// (stella/stella#2803), as were 7,354 (pome-sh/digital-twins#527).
const BYTES: usize = 6_000;

/// What narrows a value, which no grammar does.
const BOUNDS: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "contains",
    "prefixItems",
    "minProperties",
    "maxProperties",
];
/// What combines schemas in ways that no grammar does.
const COMBINATIONS: [&str; 8] = [
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "dependentSchemas",
];

pub fn refusal(schema: &Value) -> Option<SchemaRefusal> {
    let why = why(schema)?;
    let error = json!({"type": "error", "error": {"type": "invalid_request_error", "message": why},
        "request_id": "req_011simulated"});
    Some(SchemaRefusal {
        provider: "Anthropic",
        raw: error.to_string(),
    })
}

fn why(schema: &Value) -> Option<String> {
    let places = places(schema);
    if let Some(why) = places.iter().find_map(wrong) {
        return Some(format!("output_config.format.schema: {why}"));
    }
    let missing: usize = places
        .iter()
        .map(|place| optional(place.schema).len())
        .sum();
    if missing > OPTIONAL {
        return Some(format!(
            "Schemas contains too many optional parameters ({missing}), which would make grammar compilation inefficient. Reduce the number of optional parameters in your tool schemas (limit: {OPTIONAL})."
        ));
    }
    let union = |place: &&SchemaPlace<'_>| {
        place.schema["type"].is_array() || place.schema["anyOf"].is_array()
    };
    let unions = places.iter().filter(union).count();
    if unions > UNIONS {
        return Some(format!(
            "Schemas contains too many parameters with union types ({unions} parameters with type arrays or anyOf). This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: {UNIONS} parameters with unions)."
        ));
    }
    (schema.to_string().len() > BYTES).then(|| {
        "The compiled grammar is too large, which would cause performance issues. Simplify your tool schemas or reduce the number of strict tools.".into()
    })
}

/// What is wrong with one schema by itself.
fn wrong(place: &SchemaPlace<'_>) -> Option<String> {
    let schema = place.schema;
    let keywords = schema.as_object()?;
    let kind = match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.iter().find_map(Value::as_str).unwrap_or_default(),
        _ => "",
    };
    if is_of(schema, "object") && schema["additionalProperties"] != json!(false) {
        return Some(
            "For 'object' type, 'additionalProperties' must be explicitly set to false".into(),
        );
    }
    if schema["minItems"].as_f64().is_some_and(|least| least > 1.0) {
        return Some(
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported".into(),
        );
    }
    let mut bounds: Vec<&str> = keywords
        .keys()
        .map(String::as_str)
        .filter(|name| BOUNDS.contains(name))
        .collect();
    bounds.sort_unstable();
    match &bounds[..] {
        [] => {}
        [one] => {
            return Some(format!(
                "For '{kind}' type, property '{one}' is not supported"
            ));
        }
        all => {
            return Some(format!(
                "For '{kind}' type, properties {} are not supported",
                all.join(", ")
            ));
        }
    }
    if let Some(name) = keywords
        .keys()
        .find(|name| COMBINATIONS.contains(&name.as_str()))
    {
        return Some(format!("Schema type '{name}' is not supported"));
    }
    let target = schema["$ref"].as_str()?;
    (!target.starts_with("#/")).then(|| format!("External $ref '{target}' is not supported"))
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
    fn twenty_four_properties_may_be_left_out() {
        let optional = |count: usize| {
            let mut schema = many(count, &json!({"type": "string"}));
            schema["required"] = json!([]);
            schema
        };
        // They count together, wherever they stand.
        let two = |first: usize, second: usize| {
            object([
                ("a".to_owned(), optional(first)),
                ("b".to_owned(), optional(second)),
            ])
        };
        assert_eq!(refusal(&optional(24)), None);
        assert_eq!(refusal(&two(12, 12)), None);
        let words = "too many optional parameters (25)";
        assert!(said(&optional(25)).contains(words));
        assert!(said(&two(12, 13)).contains(words));
    }

    #[test]
    fn sixteen_unions_are_taken() {
        let nullable = json!({"type": ["string", "null"]});
        assert_eq!(refusal(&many(16, &nullable)), None);
        assert_eq!(
            said(&many(22, &nullable)),
            "Schemas contains too many parameters with union types (22 parameters with type arrays or anyOf). This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters (limit: 16 parameters with unions)."
        );
        let any = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
        assert_eq!(refusal(&many(16, &any)), None);
        assert!(said(&many(17, &any)).contains("(17 parameters"));
    }

    #[test]
    fn values_have_no_bounds_and_objects_are_closed() {
        for (refused, words) in [
            (
                json!({"type": "integer", "minimum": 0, "maximum": 9}),
                "For 'integer' type, properties maximum, minimum are not supported",
            ),
            (
                json!({"type": "string", "minLength": 1}),
                "property 'minLength' is not supported",
            ),
            (json!({"type": "string", "maxLength": 9}), "'maxLength'"),
            (
                json!({"type": "array", "items": {"type": "string"}, "maxItems": 9}),
                "'maxItems'",
            ),
            (
                json!({"type": "array", "items": {"type": "string"}, "minItems": 2}),
                "values other than 0 or 1",
            ),
            (json!({"oneOf": [{"type": "string"}]}), "'oneOf'"),
            (json!({"$ref": "https://example.com/a.json"}), "External"),
            (
                json!({"type": "object", "properties": {}}),
                "'additionalProperties' must be explicitly set to false",
            ),
        ] {
            let said = said(&one(refused));
            assert!(
                said.starts_with("output_config.format.schema: ") && said.contains(words),
                "{said}"
            );
        }
        for taken in [
            json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            json!({"type": "string", "format": "date"}),
            json!({"type": "string", "default": ""}),
            json!({"type": "string", "enum": ["a", "b"]}),
        ] {
            assert_eq!(refusal(&one(taken.clone())), None, "{taken}");
        }
    }

    #[test]
    fn a_grammar_may_not_be_too_large() {
        let empty = one(json!({"type": "string", "description": ""})).to_string();
        let sized = |bytes: usize| {
            one(json!({"type": "string", "description": "d".repeat(bytes - empty.len())}))
        };
        assert_eq!(refusal(&sized(6_000)), None);
        assert!(said(&sized(6_001)).starts_with("The compiled grammar is too large"));
    }
}
