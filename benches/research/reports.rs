//! Reports as anybody can read them: the saved files, without the program's own types.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

/// A fact of a report.
#[derive(Clone, Debug, Deserialize)]
pub struct Fact {
    pub value: String,
    pub status: String,
    pub evidence: Vec<Citation>,
}

/// A passage of a source.
#[derive(Clone, Debug, Deserialize)]
pub struct Citation {
    /// Id of the source.
    pub source: String,
    pub quote: String,
}

impl Fact {
    /// Whether the report vouches for it.
    pub fn is_asserted(&self) -> bool {
        matches!(self.status.as_str(), "supported" | "conflicted")
    }
}

/// All reports below the folder `output`.
pub fn saved(output: &Path) -> anyhow::Result<Vec<Value>> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(output)? {
        let file = entry?.path().join("brand_report.json");
        if file.is_file() {
            reports.push(serde_json::from_slice(&fs::read(file)?)?);
        }
    }
    Ok(reports)
}

/// The sections that hold facts.
const SECTIONS: [&str; 5] = [
    "identity",
    "relationships",
    "categorisation",
    "products",
    "customers",
];

/// The facts of a report with their fields, which have no numbers of list items: `products.price`.
pub fn facts(report: &Value) -> Vec<(String, Fact)> {
    let mut found = Vec::new();
    for section in SECTIONS {
        gather(&report[section], section, &mut found);
    }
    found
}

fn gather(place: &Value, path: &str, found: &mut Vec<(String, Fact)>) {
    match place {
        Value::Object(fact) if fact.contains_key("evidence") => {
            // A product has one name, whatever its language.
            let field = path.replace("products.name_fa", "products.name");
            found.extend(Fact::deserialize(place).map(|fact| (field, fact)));
        }
        Value::Object(members) => {
            for (name, inner) in members {
                gather(inner, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, path, found)),
        _ => {}
    }
}

/// The lines of advice in Persian.
pub fn advice(report: &Value) -> Vec<String> {
    let insights = &report["insights"];
    let lines = |section: &str, place: &str| {
        let items = insights[section].as_array().into_iter().flatten();
        let line = |item: &Value| Some(item.pointer(place)?.as_str()?.to_owned());
        items.filter_map(line).collect::<Vec<_>>()
    };
    [
        lines("competitive_strategy", "/text/fa"),
        lines("creative_direction", "/text/fa"),
        lines("opportunities", "/concept/fa"),
        lines("success_metrics", "/fa"),
    ]
    .concat()
}
