//! The lenient reading of answers that are nearly the JSON that was asked for: it is found in the text around it and
//! converted to the schema, where that neither loses nor invents anything. Truncated answers are never completed.

use jsonc_parser::ParseOptions;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::fit::fit;
use crate::http::json_body::mend_surrogates;

/// Braces that begin no object, after which no further one is tried.
const ATTEMPTS: usize = 64;

/// How deep an answer may be wrapped: in a text, or in an object of its own.
const WRAPPINGS: usize = 3;

/// An object in a text.
struct JsonSpan {
    start: usize,
    end: usize,
    /// It stands behind a brace that was never closed, so it may be a part of something larger.
    inner: bool,
    value: Value,
}

/// The objects in a text, and why the first that is none is none.
#[derive(Default)]
struct Objects {
    found: Vec<JsonSpan>,
    problem: Option<String>,
}

/// Reads an answer that should fit this schema. The error says what is wrong with it, for the model and for people.
pub fn read<T: DeserializeOwned>(text: &str, schema: &Value) -> Result<T, String> {
    let text = mend_surrogates(text.trim_start_matches('\u{FEFF}'));
    let objects = candidates(&text, schema);
    let is_other = !objects.found.is_empty();
    let mut problem = objects.problem;
    let mut values = in_order(objects.found, schema);
    if values.is_empty() {
        values.extend(bare_list(&text, schema));
    }
    if values.is_empty() && is_other {
        problem.get_or_insert("the object in it has none of the fields asked for".into());
    }
    for mut value in values {
        fit(&mut value, schema);
        match T::deserialize(&value) {
            Ok(answer) => return Ok(answer),
            Err(error) => problem = problem.or_else(|| Some(error.to_string())),
        }
    }
    Err(problem.unwrap_or_else(|| "there is no JSON object in it".into()))
}

/// The objects that may be the answer: those behind the model's thoughts, where it thinks aloud.
fn candidates(text: &str, schema: &Value) -> Objects {
    if let Some(inner) = quoted(text) {
        return candidates(&inner, schema);
    }
    let mut all = objects(text);
    let thoughts = ["</think>", "</thinking>", "</thought>", "</reasoning>"];
    let end = thoughts
        .iter()
        .filter_map(|end| Some(text.rfind(end)? + end.len()))
        .max();
    let Some(end) = end else { return all };
    let is_quoted = all.found.iter().any(|object| {
        !object.inner
            && (object.start..object.end).contains(&(end - 1))
            && keys(&object.value, schema).1
    });
    let answer = &text[end..];
    if !is_quoted && answer.contains(['{', '[']) {
        all = objects(answer);
    }
    all
}

/// The whole answer as one JSON text that holds another.
fn quoted(text: &str) -> Option<String> {
    let text = text
        .trim()
        .trim_start_matches("```json")
        .trim_matches('`')
        .trim();
    let inner: String = serde_json::from_str(text.starts_with('"').then_some(text)?).ok()?;
    inner.contains('{').then_some(inner)
}

/// All objects in a text that are not part of another.
fn objects(text: &str) -> Objects {
    let mut objects = Objects::default();
    let (mut at, mut failed) = (0, 0);
    while failed < ATTEMPTS
        && let Some(brace) = text[at..].find('{')
    {
        let start = at + brace;
        match object_at(text, start) {
            Ok((value, end)) => {
                let inner = failed > 0;
                objects.found.push(JsonSpan {
                    start,
                    end,
                    inner,
                    value,
                });
                at = end;
            }
            Err(problem) => {
                failed += 1;
                at = start + 1;
                objects.problem.get_or_insert(problem.words);
                if problem.is_cut {
                    break;
                }
            }
        }
    }
    objects
}

struct NoObject {
    words: String,
    /// It is the beginning of an object whose end is missing.
    is_cut: bool,
}

/// The object that begins here, and where it ends.
fn object_at(text: &str, start: usize) -> Result<(Value, usize), NoObject> {
    let rest = &text[start..];
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let error = match stream.next() {
        Some(Ok(value)) => return Ok((value, start + stream.byte_offset())),
        Some(Err(error)) => error,
        None => {
            return Err(NoObject {
                words: "there is no JSON object in it".into(),
                is_cut: false,
            });
        }
    };
    let ends = [balanced(rest), rest.rfind('}').map(|last| last + 1)];
    for end in ends.into_iter().flatten() {
        let loose = escape_line_breaks(&rest[..end]);
        let parsed = jsonc_parser::parse_to_serde_value::<Value>(&loose, &ParseOptions::default());
        if let Ok(value @ Value::Object(_)) = parsed {
            return Ok((value, start + end));
        }
    }
    Err(NoObject {
        words: error.to_string(),
        is_cut: error.is_eof(),
    })
}

/// Where the brace that closes the first one ends; braces in texts do not count.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' if !in_text => depth += 1,
            b'}' if !in_text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Line breaks and tabs in texts, which JSON does not allow there.
fn escape_line_breaks(text: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\n' if in_text => out.push_str("\\n"),
            '\r' if in_text => {}
            '\t' if in_text => out.push_str("\\t"),
            sign => out.push(sign),
        }
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = in_text,
            '"' => in_text = !in_text,
            _ => {}
        }
    }
    out
}

/// How many of the schema's properties an object has, and whether it has all that are required.
fn keys(value: &Value, schema: &Value) -> (usize, bool) {
    let properties = schema["properties"].as_object();
    let known = properties.map_or(0, |properties| {
        properties
            .keys()
            .filter(|name| value.get(name).is_some())
            .count()
    });
    let required = schema["required"].as_array().into_iter().flatten();
    let mut required = required.filter_map(Value::as_str);
    (known, required.all(|name| value.get(name).is_some()))
}

/// The objects that can be the answer, the likeliest first: those with all that is required, then those with some of it. One
/// with nothing of it is another object: an answer that is empty in form only.
fn in_order(found: Vec<JsonSpan>, schema: &Value) -> Vec<Value> {
    let takes_any = schema["properties"].as_object().is_none_or(Map::is_empty);
    let (mut whole, mut partly) = (Vec::new(), Vec::new());
    for JsonSpan { value, inner, .. } in found {
        let value = unwrapped(value, schema);
        match keys(&value, schema) {
            (_, true) if takes_any || keys(&value, schema).0 > 0 => whole.push(value),
            (1.., false) if !inner && has_main_list(&value, schema) => partly.push(value),
            _ => {}
        }
    }
    whole.append(&mut partly);
    whole
}

/// Whether an object has the list that the schema begins with: without that, an answer would be empty in form only.
fn has_main_list(value: &Value, schema: &Value) -> bool {
    let properties = schema["properties"].as_object();
    properties
        .and_then(|properties| properties.iter().next())
        .is_none_or(|(name, main)| main["type"] != "array" || value.get(name).is_some())
}

/// The answer in an object of its own: `{"answer": {…}}`, `{"answer": "{…}"}`.
fn unwrapped(value: Value, schema: &Value) -> Value {
    let mut value = value;
    for _ in 0..WRAPPINGS {
        let only = value.as_object().filter(|fields| fields.len() == 1);
        let Some(inner) = only.and_then(|fields| fields.values().next()) else {
            break;
        };
        if keys(&value, schema).0 > 0 {
            break;
        }
        value = match inner {
            Value::Object(_) => inner.clone(),
            Value::String(text) => match serde_json::from_str(text) {
                Ok(inner @ Value::Object(_)) => inner,
                _ => break,
            },
            _ => break,
        };
    }
    value
}

/// The list alone, where the object around it was left out, and only one list of the schema has such items.
fn bare_list(text: &str, schema: &Value) -> Option<Value> {
    let start = text
        .find(['[', '{'])
        .filter(|at| text[*at..].starts_with('['))?;
    let list: Vec<Value> = serde_json::Deserializer::from_str(&text[start..])
        .into_iter()
        .next()?
        .ok()?;
    let first = list.first()?;
    let properties = schema["properties"].as_object()?;
    let mut fitting = properties.iter().filter(|(_, schema)| {
        let items = &schema["items"];
        let (known, all) = keys(first, items);
        schema["type"] == "array" && known > 0 && all
    });
    let (name, _) = fitting.next()?;
    let is_alone = fitting.next().is_none();
    is_alone.then(|| json!({name: list}))
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

    #[test]
    fn thoughts_drafts_and_other_objects_are_no_answer() {
        let whole = serde_json::to_string(&answer(&["a"])).unwrap();
        let draft = serde_json::to_string(&answer(&["draft"])).unwrap();
        for text in [
            format!("<think>{draft}</think>{whole}"),
            format!("so {{ open }} and </think> {whole}"),
            format!("{{\"tool\": \"none\"}}\n{whole}\nA note on {{unknown}} fields."),
            format!("{whole}{whole}"),
            json!(whole).to_string(),
            json!({"answer": answer(&["a"])}).to_string(),
            json!({"answer": whole}).to_string(),
            format!("```\n{whole}\n```"),
        ] {
            assert_eq!(read_answer(&text), Ok(answer(&["a"])), "{text}");
        }
        let quotes = serde_json::to_string(&answer(&["a </think> b {", "{}"])).unwrap();
        assert_eq!(read_answer(&quotes), Ok(answer(&["a </think> b {", "{}"])));
        let broken = whole.replace("\"a\"", "\"a\nb\"").replace("\\n", "\n");
        assert_eq!(
            read_answer(&broken),
            Ok(answer(&["a\nb"])),
            "a line break in a text"
        );
        for other in ["{}", "{\"error\": \"no\"}", "{\"value\": \"a\"}"] {
            assert!(
                read_answer(other)
                    .unwrap_err()
                    .contains("none of the fields"),
                "{other}"
            );
        }
    }

    #[test]
    fn a_list_alone_is_the_only_list_that_has_such_items() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Flat {
            claims: Vec<Fact>,
            namesakes: Vec<Contact>,
        }
        let schema = object([
            ("claims", list(object([("value", schema::text())]))),
            ("namesakes", list(object([("phone", nullable_text())]))),
        ]);
        let without = read::<Flat>("{\"namesakes\": []}", &schema);
        assert!(without.is_err(), "an answer without its main list is none");
        assert!(read::<Flat>("{\"claims\": []}", &schema).is_ok());
        let flat: Flat = read("[{\"value\": \"a\"}]", &schema).unwrap();
        assert_eq!((flat.claims.len(), flat.namesakes.len()), (1, 0));
        assert!(read::<Flat>("[{\"other\": \"a\"}]", &schema).is_err());
        assert!(read::<Flat>("[{\"value\": \"a\"}, {\"value\"", &schema).is_err());
    }

    proptest! {
        /// Whatever a model writes, it is read or refused.
        #[test]
        fn whatever_is_written_is_read_or_refused(text in "(\\{|\\}|\"|'|:|,|\\[|\\]|a|name|contact|</think>|<think>|\\\\u|d83d|//|/\\*|\n|`{3}| |۱){0,60}") {
            let _ = read_answer(&text);
        }

        /// Neither thoughts before a cut answer nor a note after it complete it.
        #[test]
        fn a_cut_answer_is_not_completed_by_what_stands_around_it(cut in 1usize..60, thoughts in "[a-z {}]{0,9}", note in "[a-z}]{0,9}") {
            let whole = serde_json::to_string(&answer(&["one", "two"])).unwrap();
            let signs = whole.chars().count();
            let kept = signs - cut.min(signs);
            let cut: String = whole.chars().take(kept).collect();
            let draft = serde_json::to_string(&answer(&["draft"])).unwrap();
            let read = read_answer(&format!("{draft}{thoughts}</think>{{{cut}"));
            prop_assert!(read.is_err(), "{read:?}");
            if !note.contains('}') {
                let read = read_answer(&format!("{cut}{note}"));
                prop_assert!(read.is_err(), "{cut}{note}: {read:?}");
            }
        }
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
