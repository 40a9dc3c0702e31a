//! What a model made up, and where it must not be found again.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::gateway::Exchange;
use crate::common::Desk;

/// A shorter value says too little to be found again.
const LEAST: usize = 3;

/// All that the search answered and the list says.
pub struct Pages(String);

/// What a model claimed, with the passage that it named.
#[derive(Debug)]
pub struct Claim {
    value: String,
    quote: String,
}

impl Pages {
    pub fn of(searches: &[Exchange], list: &str) -> Self {
        let mut text = vec![list.to_owned()];
        for search in searches {
            strings(&search.reply, &mut text);
        }
        Self(plain(&text.join("\n")))
    }

    fn have(&self, passage: &str) -> bool {
        let passage = plain(passage);
        !passage.is_empty() && self.0.contains(&passage)
    }
}

impl Claim {
    /// Neither its passage nor its value stands in a page, and it is long enough to be found again.
    pub fn is_made_up(&self, pages: &Pages) -> bool {
        self.value.chars().count() >= LEAST && !pages.have(&self.quote) && !pages.have(&self.value)
    }
}

/// One form for what is written in several ways: letters of both keyboards, half-spaces, white space.
fn plain(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| match c {
            'ي' | 'ى' => 'ی',
            'ك' => 'ک',
            '\u{200c}' => ' ',
            c => c,
        })
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, found)),
        _ => {}
    }
}

fn content(exchange: &Exchange) -> Option<&str> {
    exchange
        .reply
        .pointer("/choices/0/message/content")?
        .as_str()
}

/// The claims in all answers of a model.
pub fn claims(answers: &[Exchange]) -> Vec<Claim> {
    let mut found = Vec::new();
    for text in answers.iter().filter_map(content) {
        let from = text.find('{').unwrap_or(text.len());
        let json = serde_json::Deserializer::from_str(&text[from..])
            .into_iter::<Value>()
            .next();
        if let Some(Ok(json)) = json {
            claims_in(&json["claims"], &mut found);
        }
    }
    found
}

fn claims_in(list: &Value, found: &mut Vec<Claim>) {
    for claim in list.as_array().into_iter().flatten() {
        let text = |name: &str| claim[name].as_str().unwrap_or_default().to_owned();
        found.push(Claim {
            value: text("value"),
            quote: text("quote"),
        });
    }
}

/// The reports that people read of one brand, in one form for searching.
fn printed(folder: &Path) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("html" | "md" | "csv")) {
            let text = fs::read_to_string(&path).unwrap();
            let text = [
                ("&lt;", "<"),
                ("&gt;", ">"),
                ("&quot;", "\""),
                ("&#39;", "'"),
                ("&amp;", "&"),
            ]
            .into_iter()
            .fold(text, |text, (sign, meant)| text.replace(sign, meant));
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            texts.push((name, plain(&text)));
        }
    }
    assert!(
        texts.iter().any(|(name, _)| name == "report.html"),
        "{}",
        folder.display()
    );
    assert!(
        texts.iter().any(|(name, _)| name == "report.md"),
        "{}",
        folder.display()
    );
    texts
}

fn folder_of(desk: &Desk, brand: &str) -> std::path::PathBuf {
    let entry = &desk.registry()[brand];
    let report = desk.path(entry["report"].as_str().unwrap());
    report.parent().unwrap().to_owned()
}

fn report_of(desk: &Desk, brand: &str) -> Value {
    crate::common::read_json(&folder_of(desk, brand).join("brand_report.json"))
}

/// Every passage that a report cites stands in a page, and no claim without such a passage is printed anywhere. `silent` has
/// the same report of a model that claimed nothing: what stands there too is the program's own.
pub fn assert_honest(desk: &Desk, silent: &Desk, brand: &str, pages: &Pages, claims: &[Claim]) {
    let mut cited = Vec::new();
    quotes(&report_of(desk, brand), &mut cited);
    for quote in cited {
        assert!(pages.have(&quote), "{brand}: no page has {quote:?}");
    }
    let own = printed(&folder_of(silent, brand));
    for (file, text) in printed(&folder_of(desk, brand)) {
        let own = own.iter().find(|(name, _)| *name == file);
        for claim in claims {
            let value = plain(&claim.value);
            let is_own = own.is_some_and(|(_, own)| own.contains(&value));
            if is_own || !claim.is_made_up(pages) {
                continue;
            }
            assert!(!text.contains(&value), "{brand}: {file} has {claim:?}");
        }
    }
}

fn quotes(report: &Value, found: &mut Vec<String>) {
    match report {
        Value::Array(items) => items.iter().for_each(|item| quotes(item, found)),
        Value::Object(fields) => {
            if let Some(evidence) = fields.get("evidence").and_then(Value::as_array) {
                let all = evidence.iter().filter_map(|one| one["quote"].as_str());
                found.extend(all.map(str::to_owned));
            }
            fields.values().for_each(|field| quotes(field, found));
        }
        _ => {}
    }
}

/// A report asks the client what it asks where a model claimed nothing, but for what was answered by a page.
pub fn assert_asks_as_much(desk: &Desk, silent: &Desk, brand: &str) {
    let questions = |desk: &Desk| -> Vec<Value> {
        let report = report_of(desk, brand);
        report["quality"]["questions"].as_array().unwrap().clone()
    };
    let asked = questions(desk);
    let due = questions(silent);
    assert!(due.len() > 3, "{brand}: {due:?}");
    let missing: Vec<&Value> = due.iter().filter(|one| !asked.contains(one)).collect();
    let quality = &report_of(desk, brand)["quality"];
    let answered = quality["facts_supported"].as_u64().unwrap();
    assert!(
        missing.len() as u64 <= answered,
        "{brand}: {missing:?}; {quality}"
    );
}

/// The answer of a model that says as little as the schema in the request allows.
pub fn empty_answer(request: &Value) -> Value {
    let schema = &request["response_format"]["json_schema"]["schema"];
    let content = match schema {
        Value::Null => json!({"claims": [], "namesakes": []}),
        schema => emptiest(schema, schema),
    };
    json!({
        "id": "gen-0", "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": content.to_string()},
        }],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010},
    })
}

fn emptiest(schema: &Value, root: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        return emptiest(root.pointer(pointer).unwrap(), root);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let empty = choices.iter().find(|choice| choice["type"] == "null");
        return emptiest(empty.unwrap_or(&choices[0]), root);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values[0].clone();
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    if types.contains(&"null".into()) {
        return Value::Null;
    }
    match types[0].as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object();
            let filled = fields.into_iter().flatten();
            filled
                .map(|(name, field)| (name.clone(), emptiest(field, root)))
                .collect::<Map<_, _>>()
                .into()
        }
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(0);
            (0..least)
                .map(|_| emptiest(&schema["items"], root))
                .collect()
        }
        Some("string") => "".into(),
        Some("boolean") => false.into(),
        _ => schema["minimum"].as_i64().unwrap_or(0).into(),
    }
}
