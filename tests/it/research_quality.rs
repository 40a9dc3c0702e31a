//! What reports are worth, measured in the closed world: models that invent, mistake and obey must not get through.
use crate::{
    bounds,
    city::{Brand, City, Kind, Plan, Scene, Temper},
    common::Desk,
    reports, score,
};
use brandintel::sandbox::Options;
use serde_json::{Value, json};

/// The city of these tests.
const PLAN: Plan = Plan {
    seed: 11,
    brands: 60,
    night: 0,
};

/// Researches the whole city with models of this temper, and says what the score lacks.
fn shortfalls_of(temper: Temper, dear: bool) -> Vec<String> {
    let city = City::build(PLAN);
    let options = Options {
        dear,
        world: Some(Scene::of(PLAN, temper)),
        ..Options::default()
    };
    let desk = Desk::with_options(&city.list(), options);
    let ended = desk.run(&["--google-sheets", "--workers", "8"]);
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    let score = score::score(&city, &reports::saved(&desk.path("output")).unwrap());
    assert_eq!(score.brands, 60);
    assert!(score.disputes.planted >= 5, "{:?}", score.disputes);
    bounds::shortfalls(&score, temper == Temper::Careful)
}

#[test]
fn a_model_that_reads_well_is_brought_through() {
    assert_eq!(shortfalls_of(Temper::Careful, false), [""; 0]);
}

#[test]
fn what_models_invent_or_mistake_does_not_get_through() {
    assert_eq!(shortfalls_of(Temper::Sloppy, false), [""; 0]);
}

#[test]
fn what_models_obey_does_not_get_through() {
    assert_eq!(shortfalls_of(Temper::Villain, false), [""; 0]);
}

#[test]
fn answers_that_cost_all_that_they_may_change_no_report() {
    assert_eq!(shortfalls_of(Temper::Careful, true), [""; 0]);
}

/// The first brand of the city that is so.
fn brand_that(is_so: impl Fn(&Brand) -> bool) -> Brand {
    let brands = City::build(PLAN).brands;
    brands.into_iter().find(is_so).unwrap()
}

/// A desk whose services are the city's.
fn city_desk(list: &str, temper: Temper) -> Desk {
    let options = Options {
        world: Some(Scene::of(PLAN, temper)),
        ..Options::default()
    };
    Desk::with_options(list, options)
}

/// The saved report of a brand.
fn report_of(desk: &Desk, name: &str) -> Value {
    let report = desk.cell(name, "brandintel report");
    crate::common::read_json(&desk.path(&report.replace("report.html", "brand_report.json")))
}

#[test]
fn who_is_meant_is_asked_in_the_sheet_and_the_answer_is_used() {
    let brand = brand_that(|brand| brand.kind == Kind::Ambiguous);
    let name = &*brand.name;
    let list = format!("Brand Name,Website,Parent Company\n{name},,\n");
    let desk = city_desk(&list, Temper::Careful);

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
    let attacked = brand_that(|brand| !brand.attacks.is_empty());
    let name = &*attacked.name;
    let payload = &*attacked.attacks[0].payload;
    let list = PLAN.list();
    let row = list.lines().find(|row| row.starts_with(name)).unwrap();
    let desk = city_desk(
        &format!("Brand Name,Website,Parent Company\n{row}\n"),
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
