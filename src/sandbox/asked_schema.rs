//! The schema of a request, and the answer that a model gives to it.

use serde_json::{Deserializer, Value, json};

/// How the service holds a model to a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SchemaForm {
    /// By a schema.
    Schema,
    /// To one JSON object.
    Object,
    /// Not at all.
    Text,
}

fn form(request: &Value) -> SchemaForm {
    match request["response_format"]["type"].as_str() {
        Some("json_schema") => SchemaForm::Schema,
        Some("json_object") => SchemaForm::Object,
        _ => SchemaForm::Text,
    }
}

/// The schema of `response_format`, or else the first JSON object with `properties` in a message, the system's before the
/// others. `None` where the model cannot know one.
pub(super) fn schema(request: &Value) -> Option<Value> {
    if let Some(schema) = request.pointer("/response_format/json_schema/schema") {
        return Some(schema.clone());
    }
    let messages = request["messages"].as_array()?;
    let from = |role: &str| {
        let mut texts = messages
            .iter()
            .filter(|message| (message["role"] == "system") == (role == "system"))
            .filter_map(|message| message["content"].as_str());
        texts.find_map(first_schema)
    };
    from("system").or_else(|| from("others"))
}

/// The first JSON object with `properties` in a text.
fn first_schema(text: &str) -> Option<Value> {
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let mut values = Deserializer::from_str(&rest[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(object)) if object["properties"].is_object() => return Some(object),
            // Nothing stands in an object that was read but parts of it.
            Some(Ok(_)) => rest = &rest[at + values.byte_offset()..],
            _ => rest = &rest[at + 1..],
        }
    }
    None
}

/// The answer as a model writes it. Without a form that the service holds it to, there is prose and a fence around it, and
/// after one in three a note with braces; without a schema that it knows, there is prose alone.
pub(super) fn written(request: &Value, answer: Option<&Value>) -> String {
    match (form(request), answer) {
        (SchemaForm::Text, None) => "Gladly. (simulated)".into(),
        (_, None) => json!({}).to_string(),
        (SchemaForm::Schema | SchemaForm::Object, Some(answer)) => answer.to_string(),
        (SchemaForm::Text, Some(answer)) => {
            let mut text = format!("Here is what the pages say:\n\n```json\n{answer:#}\n```");
            if text.len() % 3 == 0 {
                text.push_str(
                    "\n\n**Note:** fields of which the pages say nothing ({none}) were left empty.",
                );
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(system: &str, user: &str) -> Value {
        json!({"messages": [{"role": "user", "content": user}, {"role": "system", "content": system}]})
    }

    #[test]
    fn the_schema_is_found_in_the_request_or_in_the_prompt() {
        let wanted = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        let mut asked = request("x", "x");
        asked["response_format"] =
            json!({"type": "json_schema", "json_schema": {"schema": wanted}});
        assert_eq!(schema(&asked), Some(wanted.clone()));
        let told = format!(
            "Use {{braces}} and {{\"no\": {{\"schema\": 1}}}}. The shape:\n{wanted}\nDo so."
        );
        assert_eq!(schema(&request(&told, "{}")), Some(wanted.clone()));
        assert_eq!(schema(&request("x", &told)), Some(wanted));
        assert_eq!(
            schema(&request("{\"properties\": 1} {\"propert", "{")),
            None
        );
    }

    #[test]
    fn a_model_that_is_held_to_no_form_writes_around_its_json() {
        let mut asked = request("x", "x");
        let texts: Vec<String> = (0..9)
            .map(|n| written(&asked, Some(&json!({"a": "b".repeat(n)}))))
            .collect();
        for text in &texts {
            assert!(
                text.contains("\n```json\n{\n") && text.contains("\n```"),
                "{text}"
            );
        }
        let noted = texts.iter().filter(|text| text.contains("**Note:**"));
        assert_eq!(noted.count(), 3);
        assert!(!written(&asked, None).contains('{'));
        asked["response_format"] = json!({"type": "json_object"});
        assert_eq!(written(&asked, Some(&json!({"a": 1}))), "{\"a\":1}");
    }
}
