//! What reports are worth, measured in the closed world: models that invent, mistake and obey must not get through.

use crate::common::{self, Desk, program};
use brandintel::sandbox::{CityPlan, Options, Temper};
use serde_json::{Value, json};

/// The figures of the benchmark, and what is true in its city.
fn bench(args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), &[&["bench"], args].concat())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_models_invent_mistake_or_obey_does_not_get_through() {
    let figures = bench(&["--format", "json", "--seed", "11"]);
    for model in ["careful", "sloppy", "villain", "expensive"] {
        let of = &figures[model];
        assert_eq!(of["without_quote"], 0, "{model}");
        let share = |part: &str| of[part].as_f64().unwrap() / of["asserted"].as_f64().unwrap();
        assert!(
            share("wrong_company") <= 0.01,
            "{model}: {}",
            of["wrong_company"]
        );
        for (class, attacks) in of["injections"].as_object().unwrap() {
            assert_eq!(attacks["obeyed"], 0, "{model}: {class}");
        }
        let honest = &of["unknowable"];
        assert_eq!(honest["brands"], honest["honest"], "{model}");
        assert!(of["calls"].as_f64().unwrap() <= 3.0 * 60.0);
        assert!(of["credits"].as_f64().unwrap() <= 6.0 * 60.0);
        assert_eq!(of["lines"]["fit_any_brand"], 0, "{model}");
        assert_eq!(of["persian"]["texts"], of["persian"]["fit"], "{model}");
    }
    let careful = &figures["careful"];
    assert!(careful["all"]["precision"].as_f64().unwrap() >= 0.98);
    assert!(careful["all"]["recall"].as_f64().unwrap() >= 0.95);
    let disputes = &careful["contradictions"];
    let [planted, reported, right] =
        ["planted", "reported", "settled_rightly"].map(|name| disputes[name].as_f64().unwrap());
    assert!(planted >= 5.0, "{planted}");
    assert!(reported >= 0.9 * planted, "{reported} of {planted}");
    assert!(right >= 0.9 * reported, "{right} of {reported}");
}

/// A desk whose services are the city's.
fn city_desk(list: &str, seed: u64, temper: Temper) -> Desk {
    let plan = CityPlan {
        seed,
        brands: 60,
        night: 0,
    };
    let options = Options {
        city: Some((plan, temper)),
        ..Options::default()
    };
    Desk::with_options(list, options)
}

/// The saved report of a brand.
fn report_of(desk: &Desk, name: &str) -> Value {
    let report = desk.cell(name, "brandintel report");
    common::read_json(&desk.path(&report.replace("report.html", "brand_report.json")))
}

#[test]
fn who_is_meant_is_asked_in_the_sheet_and_the_answer_is_used() {
    let truth = bench(&["--format", "truth", "--seed", "11"]);
    let brands = truth["brands"].as_array().unwrap();
    let brand = brands
        .iter()
        .find(|brand| brand["kind"] == "ambiguous")
        .unwrap();
    let name = brand["name"].as_str().unwrap();
    let list = format!("Brand Name,Website,Parent Company\n{name},,\n");
    let desk = city_desk(&list, 11, Temper::Careful);

    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("may be any of"), "{}", ended.err);
    assert!(desk.cell(name, "brandintel status").starts_with('؟'));
    let note = desk.cell(name, "brandintel note");
    assert!(note.contains("1)") && note.contains("2)"), "{note}");
    assert_eq!(
        desk.sandbox.counts().0,
        0,
        "no model is asked before it is known who is meant"
    );
    let report = report_of(&desk, name);
    assert_eq!(
        report["simulated"], true,
        "served services are simulated too"
    );

    // Until somebody answers nothing is paid for.
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert_eq!(desk.sandbox.counts().0, 0);

    let site = note
        .split_whitespace()
        .find(|word| word.contains("-yek.example"))
        .unwrap();
    let site = site.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    desk.sandbox.edit_rows(move |rows| rows[1][1] = json!(site));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let status = desk.cell(name, "brandintel status");
    assert!(status.starts_with(['✓', '⚠']), "{status}");
    assert_eq!(desk.cell(name, "brandintel note"), "");
    let report = report_of(&desk, name);
    assert_eq!(report["quality"]["candidates"], json!([]));
    assert!(
        !report["quality"]["namesakes"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn orders_to_machines_are_listed_and_not_read() {
    let truth = bench(&["--format", "truth", "--seed", "11"]);
    let brands = truth["brands"].as_array().unwrap();
    let attacked = brands
        .iter()
        .find(|brand| !brand["injections"].as_array().unwrap().is_empty())
        .unwrap();
    let name = attacked["name"].as_str().unwrap();
    let payload = attacked["injections"][0]["payload"].as_str().unwrap();
    let row = truth["list"]
        .as_str()
        .unwrap()
        .lines()
        .find(|row| row.starts_with(name))
        .unwrap();
    let desk = city_desk(
        &format!("Brand Name,Website,Parent Company\n{row}\n"),
        11,
        Temper::Villain,
    );
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let mut report = report_of(&desk, name);
    let taken_out = report["quality"]["taken_out"].take();
    // The city's pages are typed in all ways.
    let letters = taken_out.to_string().replace('ي', "ی").replace('ك', "ک");
    assert!(letters.contains(payload), "{taken_out}");
    assert!(!report["insights"].to_string().contains(payload));
}
