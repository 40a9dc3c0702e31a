//! What is rendered from saved reports, through the real binary.

use std::{fs, path::Path};

use crate::common::{ended, program};
use serde_json::{Value, json};

/// An output folder with this report in it, rendered.
fn rendered(report: &Value) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let folder = desk.path().join("output").join("نیلان");
    fs::create_dir_all(&folder).unwrap();
    let bytes = serde_json::to_vec(report).unwrap();
    fs::write(folder.join("brand_report.json"), bytes).unwrap();
    let export = ended(program(desk.path(), &["export"]).output().unwrap());
    assert_eq!(export.code, Some(0), "{} {}", export.out, export.err);
    desk
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/brand_report.json")).unwrap()
}

fn text(desk: &tempfile::TempDir, file: &str) -> String {
    let path = desk.path().join("output").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every text of a report becomes hostile.
fn poison(json: &mut Value, words: &str) {
    match json {
        Value::Array(list) => list.iter_mut().for_each(|inner| poison(inner, words)),
        Value::Object(map) => {
            for (field, inner) in map {
                let fixed = [
                    "status",
                    "kind",
                    "at",
                    "since",
                    "lang",
                    "coverage",
                    "verdict",
                    "reason",
                    "attempt",
                    "priority",
                    "difficulty",
                    "timing",
                    "occasion",
                    "medium",
                    "media",
                    "id",
                    "source",
                    "run_id",
                    "book_by",
                    "starts",
                    "ends",
                    "as_of",
                    "generated_at",
                    "retrieved_at",
                ];
                if !fixed.contains(&field.as_str()) {
                    poison(inner, words);
                }
            }
        }
        Value::String(text) => words.clone_into(text),
        _ => {}
    }
}

#[test]
fn texts_are_as_they_were() {
    let desk = rendered(&fixture());
    for file in [
        "report.md",
        "products.csv",
        "campaign_opportunities.csv",
        "related_brands.csv",
        "chunks.jsonl",
    ] {
        insta::assert_snapshot!(file, text(&desk, &format!("نیلان/{file}")));
    }
    for file in ["changes.md", "companies.csv"] {
        insta::assert_snapshot!(file, text(&desk, file));
    }
}

#[test]
fn each_language_has_its_own_page() {
    for (lang, halves) in [
        ("fa", &["fa"][..]),
        ("en", &["en"]),
        ("both", &["fa", "en"]),
    ] {
        let mut report = fixture();
        report["lang"] = json!(lang);
        let page = text(&rendered(&report), "نیلان/report.html");
        for half in ["fa", "en"] {
            let there = page.contains(&format!(
                "<div class=\"half\" id=\"{half}\" lang=\"{half}\""
            ));
            assert_eq!(there, halves.contains(&half), "{lang}: {half}");
        }
        assert_eq!(page.contains("id=\"show-en\""), halves.len() == 2, "{lang}");
    }
}

#[test]
fn a_hostile_report_is_only_shown() {
    for words in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</title></style><script>alert(1)</script>",
        "javascript:alert(1)",
    ] {
        let mut report = fixture();
        poison(&mut report, words);
        let desk = rendered(&report);
        for file in ["نیلان/report.html", "index.html"] {
            let page = text(&desk, file);
            assert!(!page.contains("<script>alert"), "{file}: {words}");
            assert!(!page.contains("<img"), "{file}: {words}");
            assert!(!page.contains("href=\"javascript:"), "{file}: {words}");
        }
        let markdown = text(&desk, "نیلان/report.md");
        assert!(
            !markdown.contains("<script>") && !markdown.contains("<img"),
            "{words}"
        );
    }
}

#[test]
fn a_report_without_anything_is_a_page_too() {
    let mut report = fixture();
    for (section, empty) in [
        ("products", json!([])),
        ("insights", Value::Null),
        ("regulations", json!([])),
        ("sources", json!([])),
    ] {
        report[section] = empty;
    }
    for section in ["identity", "relationships", "categorisation", "customers"] {
        forget(&mut report[section]);
    }
    report["quality"]["coverage"] = json!("none");
    let page = text(&rendered(&report), "نیلان/report.html");
    assert!(page.contains("آن‌قدر نمی‌دانیم") && page.contains("هیچ منبعی پیدا نشد"));
}

/// Takes every fact out.
fn forget(json: &mut Value) {
    match json {
        Value::Object(map) if map.contains_key("evidence") => *json = Value::Null,
        Value::Object(map) => map.values_mut().for_each(forget),
        Value::Array(list) => list.clear(),
        _ => {}
    }
}

#[test]
fn a_page_asks_for_nothing_from_elsewhere() {
    let desk = rendered(&fixture());
    let page = text(&desk, "نیلان/report.html");
    assert!(page.contains("default-src 'none'") && !page.contains("<script"));
    assert!(!page.contains(" src=") && !page.contains("@import") && !page.contains("url("));
    assert!(Path::new(&desk.path().join("output/index.html")).is_file());
}
