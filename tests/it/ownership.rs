//! Who owns whom, as the terminal, scripts, the table, the workbook and the portfolio say it.

use std::fs;

use crate::common::{Ended, ended, program, read_json};
use calamine::{Reader, Xlsx};
use serde_json::{Value, json};

fn fact(value: &str, as_of: Option<&str>) -> Value {
    json!({"value": value, "status": "supported", "as_of": as_of, "evidence": []})
}

/// A folder with the reports of two rivals, whose one owner is written in two ways.
fn folder_with_rivals() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixture = format!(
        "{}/tests/fixtures/brand_report.json",
        env!("CARGO_MANIFEST_DIR")
    );
    for (brand, parent, rival) in [
        ("اوه", "گروه صنعتی گلرنگ (Golrang)", "اکتیو"),
        ("اکتیو", "Golrang Industrial Group", "اوه"),
    ] {
        let mut report = read_json(fixture.as_ref());
        report["brand"] = json!(brand);
        report["identity"] = json!({"contact": report["identity"]["contact"], "social_accounts": [],
            "certifications": [], "export_markets": [], "trademarks": []});
        for relation in report["relationships"]
            .as_object_mut()
            .unwrap()
            .values_mut()
        {
            *relation = if relation.is_array() {
                json!([])
            } else {
                Value::Null
            };
        }
        report["relationships"]["parent"] = fact(parent, Some("1403-05"));
        report["relationships"]["competitors"] = json!([fact(rival, None)]);
        let path = folder.path().join("output").join(brand);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("brand_report.json"), report.to_string()).unwrap();
    }
    folder
}

fn run(folder: &tempfile::TempDir, args: &[&str]) -> Ended {
    let ended = ended(program(folder.path(), args).output().unwrap());
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:#?}");
    ended
}

#[test]
fn rivals_of_one_holding_are_pointed_out_wherever_owners_are_shown() {
    let folder = folder_with_rivals();
    run(&folder, &["export"]);
    let owner = "گروه صنعتی گلرنگ";

    let graph = run(&folder, &["status", "--graph"]).out;
    assert!(graph.starts_with(owner), "{graph}");
    for line in ["├─ اوه ● (1403-05)", "└─ اکتیو ● (1403-05)"] {
        assert!(graph.contains(line), "{line}: {graph}");
    }
    let rivals = format!("اوه and اکتیو compete, and both belong to {owner}");
    assert!(graph.contains(&rivals), "{graph}");

    let json = run(&folder, &["status", "--graph", "--json"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["rivals_of_one_holding"][0]["owner"], owner);
    assert_eq!(json["families"][0]["below"][0]["said"]["as_of"], "1403-05");

    let output = folder.path().join("output");
    let table = fs::read_to_string(output.join("companies.csv")).unwrap();
    let row = table
        .lines()
        .find(|line| line.starts_with("اوه,rival_of,اکتیو"));
    assert!(row.unwrap().contains(owner), "{table}");

    let page = fs::read_to_string(output.join("index.html")).unwrap();
    assert!(
        page.contains("رقیبان یک هلدینگ") && page.contains(owner),
        "{page}"
    );

    let mut book: Xlsx<_> = calamine::open_workbook(output.join("brands.xlsx")).unwrap();
    let sheet = book.worksheet_range("مالکیت").unwrap();
    let cells: Vec<String> = sheet.rows().flatten().map(ToString::to_string).collect();
    let due = format!("⚠ رقیبان یک هلدینگ: {owner}");
    assert!(cells.iter().any(|cell| cell.ends_with(&due)), "{cells:?}");
}
