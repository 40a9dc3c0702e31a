//! The walk over every schema within a schema, with its path.

use serde_json::Value;

/// A schema and where it stands.
#[derive(Debug)]
pub struct SchemaPlace<'a> {
    pub schema: &'a Value,
    /// Keywords and names on the way from the root.
    pub way: Vec<String>,
    /// Objects and arrays around it, itself included.
    pub level: usize,
}

/// Keywords whose value has a schema for each name.
const BY_NAME: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
/// Keywords whose value is a list of schemas.
const LISTS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value is a schema.
const SINGLE: [&str; 8] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
];

/// All schemas within this one, itself first, in the order in which they are written.
pub fn places(schema: &Value) -> Vec<SchemaPlace<'_>> {
    let mut found = Vec::new();
    add(schema, &[], 0, &mut found);
    found
}

fn add<'a>(schema: &'a Value, way: &[String], above: usize, found: &mut Vec<SchemaPlace<'a>>) {
    let Some(keywords) = schema.as_object() else {
        return;
    };
    let level = above + usize::from(is_of(schema, "object") || is_of(schema, "array"));
    found.push(SchemaPlace {
        schema,
        way: way.to_vec(),
        level,
    });
    let below = |steps: &[&str]| {
        let steps = steps.iter().map(|step| (*step).to_owned());
        let way: Vec<String> = way.iter().cloned().chain(steps).collect();
        way
    };
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            (name, Value::Object(inner)) if BY_NAME.contains(&name) => {
                for (step, inner) in inner {
                    add(inner, &below(&[name, step]), level, found);
                }
            }
            (name, Value::Array(inner)) if LISTS.contains(&name) => {
                for (n, inner) in inner.iter().enumerate() {
                    add(inner, &below(&[name, &n.to_string()]), level, found);
                }
            }
            (name, inner) if SINGLE.contains(&name) => add(inner, &below(&[name]), level, found),
            _ => {}
        }
    }
}

/// Whether a schema takes values of a kind.
pub fn is_of(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(kinds) => kinds.iter().any(|one| one == kind),
        _ => false,
    }
}

/// Names and schemas of an object's properties.
pub fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// Properties of an object that an answer may leave out.
pub fn optional(schema: &Value) -> Vec<&String> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let names = properties(schema).map(|(name, _)| name);
    names.filter(|name| !is_required(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn schemas_are_found_wherever_they_stand() {
        let schema = json!({"type": "object", "properties": {
            "list": {"type": "array", "items": {"anyOf": [{"type": ["object", "null"], "properties": {"deep": {"type": "string"}}}]}},
            "enum": {"enum": ["properties"]},
        }, "$defs": {"x": {"type": "string"}}});
        let found: Vec<(String, usize)> = places(&schema)
            .into_iter()
            .map(|place| (place.way.join("/"), place.level))
            .collect();
        let expected = [
            ("", 1),
            ("properties/list", 2),
            ("properties/list/items", 2),
            ("properties/list/items/anyOf/0", 3),
            ("properties/list/items/anyOf/0/properties/deep", 3),
            ("properties/enum", 1),
            ("$defs/x", 1),
        ];
        assert_eq!(found, expected.map(|(way, level)| (way.to_owned(), level)));
    }
}
