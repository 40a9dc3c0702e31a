//! The schemas that models have to answer in, against the limits of providers.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use crate::common::Desk;
use brandintel::sandbox::{Options, SchemaRules};
use serde_json::Value;

const PROVIDERS: [SchemaRules; 3] = [
    SchemaRules::Openai,
    SchemaRules::Anthropic,
    SchemaRules::Gemini,
];

/// The schemas in the fixtures, by name, as they are written there.
fn fixtures() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas");
    let read = |name: &str| fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    ["analyst", "strategist"]
        .map(|name| (name.to_owned(), read(name)))
        .into()
}

/// The schemas that the program sends for one brand, by name.
fn sent(lang: &str) -> BTreeMap<String, Value> {
    let desk = Desk::with_list("name\nکاله\n");
    let sent = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&sent);
    desk.sandbox.watch_models(move |request| {
        let format = &request["response_format"]["json_schema"];
        if let Some(name) = format["name"].as_str() {
            let schema = format["schema"].clone();
            seen.lock().unwrap().insert(name.to_owned(), schema);
        }
    });
    let ended = desk.run_alone(&["--brand", "کاله", "--lang", lang]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let sent = sent.lock().unwrap();
    sent.clone()
}

fn assert_within_limits(name: &str, schema: &Value) {
    for rules in PROVIDERS {
        let refusal = rules.refusal(name, schema);
        assert_eq!(refusal, None, "{name}, {rules:?}");
    }
}

#[test]
fn the_schemas_in_the_fixtures_are_within_the_limits_of_every_provider() {
    for (name, schema) in fixtures() {
        assert_within_limits(&name, &serde_json::from_str(&schema).unwrap());
    }
}

#[test]
fn the_schemas_in_the_fixtures_are_those_that_the_program_sends() {
    let mut sent = sent("both");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut differ = Vec::new();
    for (name, fixture) in fixtures() {
        let schema = sent.remove(&name).unwrap();
        let text = format!("{schema:#}\n");
        // Texts are compared: the order of properties is the order in which a model answers.
        if text != fixture {
            fs::write(folder.join(format!("{name}.json")), text).unwrap();
            differ.push(name);
        }
    }
    assert!(
        differ.is_empty(),
        "tests/fixtures/schemas has not what is sent for {}: see what changed, and copy the files from {}",
        differ.join(" and "),
        folder.display()
    );
}

#[test]
fn whatever_languages_are_asked_for_every_schema_is_within_the_limits_of_every_provider() {
    for lang in ["fa", "en"] {
        let sent = sent(lang);
        assert!(sent.len() >= 2, "{sent:?}");
        for (name, schema) in sent {
            assert_within_limits(&name, &schema);
        }
    }
}

/// Brands of a night.
const BRANDS: usize = 8;

/// What became of a night.
struct Night {
    /// The sections of each report that hold facts.
    facts: Vec<Value>,
    /// Requests to models, refused ones too.
    calls: u64,
}

fn night(rules: SchemaRules) -> Night {
    let brands = include_str!("../../src/sandbox/brands.csv")
        .lines()
        .take(BRANDS + 1);
    let list: Vec<&str> = brands.collect();
    let options = Options {
        schema_rules: rules,
        ..Options::default()
    };
    let desk = Desk::with_options(&list.join("\n"), options);
    let ended = desk.run_alone(&["--google-sheets", "--workers", "4"]);
    assert_eq!(ended.code, Some(0), "{rules:?}: {ended:#?}");
    let registry = desk.json("state/registry.json");
    let entries = registry["brands"].as_object().unwrap().values();
    let mut facts = Vec::new();
    for entry in entries {
        assert_eq!(entry["status"], "success", "{rules:?}: {entry}");
        let report = desk.json(entry["report"].as_str().unwrap());
        let sections = [
            "brand",
            "identity",
            "relationships",
            "categorisation",
            "products",
            "customers",
        ];
        facts.push(sections.map(|section| report[section].clone()).into());
    }
    assert_eq!(facts.len(), BRANDS);
    let [calls, ..] = desk.sandbox.arrived();
    Night { facts, calls }
}

#[test]
fn with_every_provider_all_brands_succeed_with_the_same_facts_and_one_call_more_for_a_schema_at_most()
 {
    let plain = night(SchemaRules::None);
    for rules in [
        SchemaRules::Openai,
        SchemaRules::Anthropic,
        SchemaRules::Gemini,
        SchemaRules::Unsupported,
    ] {
        let night = night(rules);
        for (facts, expected) in night.facts.iter().zip(&plain.facts) {
            assert_eq!(facts, expected, "{rules:?}");
        }
        assert!(
            night.calls <= plain.calls + 2,
            "{rules:?}: {} calls instead of {}",
            night.calls,
            plain.calls
        );
    }
}
