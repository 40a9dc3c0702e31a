//! The rules of OpenAI for a strict schema.

use serde_json::{Value, json};

use super::{
    SchemaRefusal,
    walk::{SchemaPlace, is_of, optional, places, properties},
};

/// Properties of all objects together.
const PROPERTIES: usize = 5_000;
/// Objects and arrays within each other. The guide does not say whether an array counts: here it does.
const LEVELS: usize = 10;
/// Values of all enumerations together.
const ENUM_VALUES: usize = 1_000;
/// An enumeration of strings with more values than this …
const SMALL_ENUM: usize = 250;
/// … may have this number of characters in all.
const LARGE_ENUM_CHARACTERS: usize = 15_000;
/// Characters of the names of properties and definitions, of enumerated values and of constants.
const CHARACTERS: usize = 120_000;

/// Keywords that are taken; all others are refused by name.
const KEYWORDS: [&str; 21] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "anyOf",
    "enum",
    "const",
    "$ref",
    "$defs",
    "definitions",
    "$schema",
    "title",
    "description",
    "pattern",
    "format",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
];
/// Keywords of arrays that are taken besides.
const ARRAY_KEYWORDS: [&str; 2] = ["minItems", "maxItems"];
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

pub fn refusal(name: &str, schema: &Value) -> Option<SchemaRefusal> {
    let why = why(schema)?;
    let message = format!("Invalid schema for response_format '{name}': {why}");
    Some(refused(&message, "response_format"))
}

/// JSON without a schema has to be spoken of in a message.
pub fn refusal_of_object(request: &Value) -> Option<SchemaRefusal> {
    let messages = request["messages"].as_array().into_iter().flatten();
    let mut texts = messages.filter_map(|message| message["content"].as_str());
    if texts.any(|text| text.to_lowercase().contains("json")) {
        return None;
    }
    Some(refused(
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        "messages",
    ))
}

fn refused(message: &str, parameter: &str) -> SchemaRefusal {
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": parameter, "code": null}});
    SchemaRefusal {
        provider: "OpenAI",
        raw: format!("{error:#}"),
    }
}

fn why(schema: &Value) -> Option<String> {
    if schema["type"] != "object" {
        let kind = schema["type"].as_str().unwrap_or("None");
        return Some(format!(
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
        ));
    }
    let places = places(schema);
    let wrong = places.iter().find_map(|place| {
        let why = wrong(place.schema)?;
        Some(format!("In context={}, {why}", context(place)))
    });
    wrong.or_else(|| too_much(&places))
}

/// What is wrong with one schema by itself.
fn wrong(schema: &Value) -> Option<String> {
    let keywords = schema.as_object()?;
    let taken = |name: &str| {
        KEYWORDS.contains(&name) || is_of(schema, "array") && ARRAY_KEYWORDS.contains(&name)
    };
    if let Some(name) = keywords.keys().find(|name| !taken(name)) {
        return Some(format!("'{name}' is not permitted."));
    }
    if !["type", "anyOf", "$ref", "enum", "const"]
        .iter()
        .any(|name| keywords.contains_key(*name))
    {
        return Some("schema must have a 'type' key.".into());
    }
    if is_of(schema, "object") {
        if schema["additionalProperties"] != json!(false) {
            return Some(
                "'additionalProperties' is required to be supplied and to be false.".into(),
            );
        }
        if let Some(name) = optional(schema).first() {
            return Some(format!(
                "'required' is required to be supplied and to be an array including every key in properties. Missing '{name}'."
            ));
        }
    }
    if is_of(schema, "array") && !schema["items"].is_object() {
        return Some("array schema missing items.".into());
    }
    let format = schema["format"].as_str()?;
    (!FORMATS.contains(&format)).then(|| format!("'{format}' is not a valid format."))
}

/// What all of them together have too much of.
fn too_much(places: &[SchemaPlace<'_>]) -> Option<String> {
    let mut count = Count::default();
    for place in places {
        count.add(place);
    }
    let Count {
        properties,
        levels,
        values,
        characters,
        large_enum,
    } = count;
    [
        (levels, LEVELS, "levels of nesting"),
        (properties, PROPERTIES, "object properties"),
        (values, ENUM_VALUES, "enum values"),
        (
            large_enum,
            LARGE_ENUM_CHARACTERS,
            "characters in the values of one enum",
        ),
        (
            characters,
            CHARACTERS,
            "characters in property names, definition names, enum values and const values",
        ),
    ]
    .into_iter()
    .find(|(count, limit, _)| count > limit)
    .map(|(count, limit, what)| format!("{count} {what} exceeds limit of {limit}."))
}

/// What is counted over the whole schema.
#[derive(Default)]
struct Count {
    properties: usize,
    levels: usize,
    values: usize,
    characters: usize,
    /// Characters of the longest enumeration of strings with many values.
    large_enum: usize,
}

impl Count {
    fn add(&mut self, place: &SchemaPlace<'_>) {
        let schema = place.schema;
        self.levels = self.levels.max(place.level);
        self.properties += properties(schema).count();
        let values = schema["enum"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let in_values: usize = values.iter().map(characters).sum();
        self.values += values.len();
        if values.len() > SMALL_ENUM && values.iter().any(Value::is_string) {
            self.large_enum = self.large_enum.max(in_values);
        }
        let definitions = ["$defs", "definitions"];
        let definitions = definitions
            .iter()
            .filter_map(|name| schema[*name].as_object());
        let names = properties(schema)
            .map(|(name, _)| name)
            .chain(definitions.flat_map(|all| all.keys()));
        let in_names: usize = names.map(|name| name.chars().count()).sum();
        self.characters += in_names + in_values + schema.get("const").map_or(0, characters);
    }
}

fn characters(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        other => other.to_string().chars().count(),
    }
}

/// As Python writes a tuple: `()`, `('a',)`, `('properties', 'a')`.
fn context(place: &SchemaPlace<'_>) -> String {
    let steps: Vec<String> = place.way.iter().map(|step| format!("'{step}'")).collect();
    match &steps[..] {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::samples::{many, message, object, one},
        *,
    };

    fn said(schema: &Value) -> String {
        message(refusal("analyst", schema))
    }

    fn text() -> Value {
        json!({"type": "string"})
    }

    #[test]
    fn the_words_are_those_of_the_real_one() {
        let mut open = one(one(text()));
        open["properties"]["a"]["additionalProperties"] = json!(true);
        assert_eq!(
            said(&open),
            "Invalid schema for response_format 'analyst': In context=('properties', 'a'), 'additionalProperties' is required to be supplied and to be false."
        );
        let mut optional = one(text());
        optional["required"] = json!([]);
        assert!(said(&optional).ends_with("In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'a'."));
        assert!(
            said(&json!({"type": "array", "items": text()})).contains("got 'type: \"array\"'.")
        );
        assert!(said(&json!({"anyOf": [one(text())]})).contains("got 'type: \"None\"'."));
    }

    #[test]
    fn an_object_without_a_schema_has_to_be_spoken_of() {
        let asked = |text: &str| json!({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": text}]});
        assert_eq!(refusal_of_object(&asked("Answer in JSON.")), None);
        let said = message(refusal_of_object(&asked("Answer.")));
        assert!(said.contains("must contain the word 'json'"), "{said}");
    }

    #[test]
    fn keywords_that_it_does_not_know_are_refused_and_the_others_taken() {
        for refused in [
            json!({"type": "string", "minLength": 1}),
            json!({"type": "string", "default": ""}),
            json!({"allOf": [{"type": "string"}]}),
            json!({"type": "string", "not": {"type": "string"}}),
            json!({"type": "string", "if": {"type": "string"}}),
            json!({"oneOf": [{"type": "string"}]}),
            json!({"type": "array", "items": text(), "uniqueItems": true}),
            json!({"type": "object", "additionalProperties": false, "patternProperties": {}}),
        ] {
            assert!(
                said(&one(refused.clone())).contains("is not permitted"),
                "{refused}"
            );
        }
        for (refused, words) in [
            (json!({}), "must have a 'type' key"),
            (json!({"type": "array"}), "missing items"),
            (
                json!({"type": "string", "format": "uri"}),
                "'uri' is not a valid format",
            ),
        ] {
            assert!(said(&one(refused.clone())).contains(words), "{refused}");
        }
        for taken in [
            json!({"type": "string", "pattern": "^a", "description": "x"}),
            json!({"type": "string", "format": "date"}),
            json!({"type": ["integer", "null"], "minimum": 0}),
            json!({"type": "array", "items": text(), "minItems": 1, "maxItems": 9}),
            json!({"anyOf": [text(), {"type": "null"}]}),
            json!({"enum": ["a"]}),
            json!({"const": "a"}),
        ] {
            assert_eq!(refusal("x", &one(taken.clone())), None, "{taken}");
        }
    }

    #[test]
    fn as_many_properties_and_levels_are_taken_as_are_published() {
        assert_eq!(refusal("x", &many(5_000, &text())), None);
        assert!(
            said(&many(5_001, &text())).contains("5001 object properties exceeds limit of 5000")
        );
        let nested = |levels: usize| (0..levels).fold(text(), |inner, _| one(inner));
        assert_eq!(refusal("x", &nested(10)), None);
        assert!(said(&nested(11)).contains("11 levels of nesting exceeds limit of 10"));
        let listed = |levels| one(json!({"type": "array", "items": nested(levels)}));
        assert_eq!(refusal("x", &listed(8)), None);
        assert!(said(&listed(9)).contains("11 levels"));
    }

    #[test]
    fn enumerations_are_taken_up_to_their_limits() {
        let values = |count: usize, length: usize| {
            let values: Vec<String> = (0..count).map(|n| format!("{n:0length$}")).collect();
            json!({"type": "string", "enum": values})
        };
        let two = |first: usize, second: usize| {
            object([
                ("a".to_owned(), values(first, 4)),
                ("b".to_owned(), values(second, 4)),
            ])
        };
        assert_eq!(refusal("x", &two(500, 500)), None);
        assert!(said(&two(501, 500)).contains("1001 enum values exceeds limit of 1000"));
        // 250 values may be as long as they like, 251 not.
        assert_eq!(refusal("x", &one(values(250, 100))), None);
        assert_eq!(refusal("x", &one(values(300, 50))), None);
        assert!(said(&one(values(300, 51))).contains("15300 characters"));
    }

    #[test]
    fn names_and_values_together_have_a_greatest_length() {
        let long = |length: usize| {
            object([(
                "n".repeat(length),
                json!({"type": "string", "const": "v".repeat(20_000)}),
            )])
        };
        assert_eq!(refusal("x", &long(100_000)), None);
        assert!(said(&long(100_001)).contains("120001 characters"));
    }
}
