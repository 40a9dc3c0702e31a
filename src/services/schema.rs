//! The JSON schema that a model has to answer in, made of the type that its answer is read into.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

/// The schema of a type in the strict subset that providers enforce: every property required, none beside them, an
/// absent value is `null`, and nothing refers to a definition elsewhere.
pub fn strict_schema<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    make_strict(&mut schema);
    schema
}

fn make_strict(schema: &mut Value) {
    collapse_nullable(schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    // Descriptions are for readers of the code: repeated at every fact they would double the prompt.
    for key in [
        "description",
        "title",
        "format",
        "default",
        "minimum",
        "maximum",
        "minLength",
        "$schema",
    ] {
        object.shift_remove(key);
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(make_strict);
        let names: Vec<String> = properties.keys().cloned().collect();
        object.insert("required".into(), json!(names));
        object.insert("additionalProperties".into(), json!(false));
    }
    if let Some(items) = object.get_mut("items") {
        make_strict(items);
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.iter_mut().for_each(make_strict);
    }
}

/// `anyOf: [X, null]` becomes X with `null` among its types, which every provider understands.
fn collapse_nullable(schema: &mut Value) {
    let Some([inner, null]) = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    else {
        return;
    };
    if null.get("type") != Some(&json!("null")) {
        return;
    }
    let mut inner = inner.clone();
    if let Some(kind) = inner.get("type").cloned() {
        inner["type"] = json!([kind, "null"]);
    }
    if let Some(Value::Array(values)) = inner.get_mut("enum") {
        values.push(Value::Null);
    }
    *schema = inner;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Outer {
        name: String,
        inner: Option<Inner>,
        list: Vec<Inner>,
        choice: Option<Choice>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Inner {
        value: Option<u32>,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Choice {
        Low,
        High,
    }

    #[test]
    fn everything_is_required_and_nothing_is_open() {
        let inner = json!({
            "type": "object",
            "properties": {"value": {"type": ["integer", "null"]}},
            "required": ["value"], "additionalProperties": false
        });
        let mut nullable = inner.clone();
        nullable["type"] = json!(["object", "null"]);
        assert_eq!(
            strict_schema::<Outer>(),
            json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "inner": nullable,
                    "list": {"type": "array", "items": inner},
                    "choice": {"type": ["string", "null"], "enum": ["low", "high", null]}
                },
                "required": ["name", "inner", "list", "choice"],
                "additionalProperties": false
            })
        );
    }
}
