//! Requests and answers of Google Sheets, compared with the types of its discovery document.

use std::fs;

use serde_json::{Value, json};

use super::gateway::{Exchange, Gateway, Way};
use crate::common::{Desk, ended, list_of};

/// A description of the service, in the form of Google's own.
pub struct Discovery(Value);

impl Discovery {
    pub fn read() -> Self {
        let path = super::specification("google-sheets.discovery.json");
        Self(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
    }

    /// What an exchange has that the document does not know; empty where there is nothing.
    pub fn problems(&self, exchange: &Exchange) -> Vec<String> {
        let ask = &exchange.ask;
        let Some(method) = method(&self.0["resources"], ask.method.as_str(), &ask.path) else {
            return vec![format!(
                "{} {}: there is no such method",
                ask.method, ask.path
            )];
        };
        let mut problems = Vec::new();
        for (name, value) in url::form_urlencoded::parse(ask.query.as_bytes()) {
            self.check_parameter(method, &name, &value, &mut problems);
        }
        match (method["request"].is_object(), ask.body.is_null()) {
            (true, _) => self.check(&method["request"], &ask.body, "body", &mut problems),
            (false, false) => problems.push("body: there is none in this method".into()),
            (false, true) => {}
        }
        if exchange.status == 200 {
            self.check(&method["response"], &exchange.reply, "reply", &mut problems);
        }
        let place = format!("{} ", method["id"].as_str().unwrap());
        problems
            .iter()
            .map(|problem| place.clone() + problem)
            .collect()
    }

    fn check_parameter(&self, method: &Value, name: &str, value: &str, problems: &mut Vec<String>) {
        let known = [&method["parameters"][name], &self.0["parameters"][name]];
        let Some(known) = known.into_iter().find(|known| known.is_object()) else {
            problems.push(format!("?{name}: there is no such parameter"));
            return;
        };
        let value_as_type = match known["type"].as_str().unwrap() {
            "boolean" => value.parse().map(Value::Bool).unwrap_or_default(),
            "integer" => value.parse::<i64>().map_or(Value::Null, |n| json!(n)),
            _ => json!(value),
        };
        self.check(known, &value_as_type, &format!("?{name}={value}"), problems);
        if name == "fields" {
            for path in masked(value) {
                self.check_path(&method["response"], &path, problems);
            }
        }
    }

    fn schema<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(name) => &self.0["schemas"][name],
            None => schema,
        }
    }

    /// A path of a mask has to lead somewhere.
    fn check_path(&self, schema: &Value, path: &str, problems: &mut Vec<String>) {
        let mut schema = self.schema(schema);
        for part in path.split('.').filter(|part| *part != "*") {
            if schema["type"] == "array" {
                schema = self.schema(&schema["items"]);
            }
            schema = self.schema(&schema["properties"][part]);
            if schema.is_null() {
                problems.push(format!("?fields: {path} leads nowhere at {part}"));
                return;
            }
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let schema = self.schema(schema);
        let fits = match (schema["type"].as_str().unwrap_or_default(), value) {
            ("any", _) | ("object" | "array", Value::Null) => true,
            ("object", Value::Object(fields)) => {
                for (name, field) in fields {
                    let known = [&schema["properties"][name], &schema["additionalProperties"]];
                    match known.into_iter().find(|known| known.is_object()) {
                        Some(known) => self.check(known, field, &format!("{at}.{name}"), problems),
                        None => problems.push(format!("{at}.{name}: there is no such field")),
                    }
                }
                true
            }
            ("array", Value::Array(items)) => {
                for item in items {
                    self.check(&schema["items"], item, &format!("{at}[]"), problems);
                }
                true
            }
            ("string", Value::String(text)) => schema["enum"]
                .as_array()
                .is_none_or(|all| all.iter().any(|one| one == text)),
            ("integer", value) => value.is_i64(),
            ("number", value) => value.is_number(),
            ("boolean", value) => value.is_boolean(),
            _ => false,
        };
        if !fits {
            problems.push(format!("{at}: {value} is not {}", schema["type"]));
        }
    }
}

/// The method with this verb whose path has this form.
fn method<'a>(resources: &'a Value, verb: &str, path: &str) -> Option<&'a Value> {
    let mut all = resources.as_object().into_iter().flatten();
    all.find_map(|(_, resource)| {
        let methods = resource["methods"].as_object().into_iter().flatten();
        let mut methods = methods.map(|(_, method)| method);
        let own = methods.find(|method| {
            let template = method["flatPath"].as_str().unwrap();
            method["httpMethod"] == verb && has_form(path.trim_start_matches('/'), template)
        });
        own.or_else(|| method(&resource["resources"], verb, path))
    })
}

/// Whether a path has the form `v4/spreadsheets/{id}/values:batchGet`.
fn has_form(path: &str, template: &str) -> bool {
    let (path, template): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), template.split('/').collect());
    path.len() == template.len()
        && path
            .iter()
            .zip(template)
            .all(|(part, form)| match form.split_once('}') {
                None => *part == form,
                Some((_, "")) => !part.contains(':'),
                Some((_, end)) => part.strip_suffix(end).is_some_and(|id| !id.contains(':')),
            })
}

/// The paths of a mask: `a.b,c(d,e.f)` has `a.b`, `c.d` and `c.e.f`.
fn masked(mask: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut before: Vec<String> = Vec::new();
    let mut path = String::new();
    for c in mask.chars().chain([',']) {
        let prefix = before.last().cloned().unwrap_or_default();
        match c {
            '(' => before.push(format!("{prefix}{}.", std::mem::take(&mut path))),
            ',' | ')' => {
                if !path.is_empty() {
                    paths.push(format!("{prefix}{}", std::mem::take(&mut path)));
                }
                if c == ')' {
                    before.pop();
                }
            }
            c => path.push(c),
        }
    }
    paths
}

#[test]
fn every_exchange_with_sheets_has_the_types_of_the_discovery_document() {
    let desk = Desk::with_list(&list_of(5));
    let upstream = format!("http://{}", desk.sandbox.address());
    let gateway = Gateway::start(move |_| Way::To(upstream.clone()));
    for args in [
        &["check"][..],
        &["--google-sheets", "--workers", "3", "--chunk-size", "2"],
        &["--google-sheets", "--force", "--limit", "2"],
    ] {
        let mut command = desk.command(args);
        let ended = ended(
            command
                .env("GOOGLE_SHEETS_BASE_URL", gateway.at(""))
                .output()
                .unwrap(),
        );
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:#?}");
    }
    let document = Discovery::read();
    let seen = gateway.seen();
    for verb in ["GET", "POST"] {
        assert!(
            seen.iter().any(|e| e.ask.method == verb),
            "nothing was asked with {verb}"
        );
    }
    let mut problems: Vec<String> = seen.iter().flat_map(|e| document.problems(e)).collect();
    problems.sort();
    problems.dedup();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_the_discovery_document_does_not_know_is_noticed() {
    let document = Discovery::read();
    let of = |verb: &str, path: &str, query: &str, body: Value, reply: Value| {
        document.problems(&Exchange::of(verb, path, query, body, 200, reply))
    };
    let sheet = "/v4/spreadsheets/abc";
    let update =
        json!({"valueInputOption": "RAW", "data": [{"range": "A1", "values": [["x", 1, null]]}]});
    let values = format!("{sheet}/values:batchUpdate");
    assert_eq!(
        of(
            "POST",
            &values,
            "",
            update.clone(),
            json!({"totalUpdatedCells": 2})
        ),
        [""; 0]
    );
    let mask = "fields=properties.title,sheets.properties(sheetId,gridProperties)";
    assert_eq!(
        of("GET", sheet, mask, Value::Null, json!({"sheets": []})),
        [""; 0]
    );
    for (found, due) in [
        (
            of(
                "POST",
                &values,
                "",
                json!({"inputOption": "RAW"}),
                json!({}),
            ),
            "inputOption",
        ),
        (
            of(
                "POST",
                &values,
                "",
                json!({"valueInputOption": "raw"}),
                json!({}),
            ),
            "\"raw\"",
        ),
        (
            of(
                "POST",
                &values,
                "",
                json!({"data": {"range": "A1"}}),
                json!({}),
            ),
            "body.data",
        ),
        (
            of(
                "POST",
                &values,
                "",
                update,
                json!({"totalUpdatedCells": "2"}),
            ),
            "totalUpdatedCells",
        ),
        (
            of(
                "POST",
                &format!("{sheet}/values:write"),
                "",
                json!({}),
                json!({}),
            ),
            "no such method",
        ),
        (
            of("GET", sheet, "field=sheets", Value::Null, json!({})),
            "?field:",
        ),
        (
            of(
                "GET",
                sheet,
                "fields=sheets(properties.name)",
                Value::Null,
                json!({}),
            ),
            "name",
        ),
        (
            of("GET", sheet, "includeGridData=no", Value::Null, json!({})),
            "includeGridData",
        ),
    ] {
        assert!(
            found.len() == 1 && found[0].contains(due),
            "{due}: {found:?}"
        );
    }
}
