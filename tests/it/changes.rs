//! A week of nights in the closed world: what changes in it is found, and rewording is no change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    city::{Happening, Plan, Scene, Temper},
    common::{Desk, read_json},
};
use brandintel::sandbox::Options;
use serde_json::Value;

const NIGHTS: u32 = 7;

/// The city on one night, and the program's answer to it: the folders go from night to night.
fn night(number: u32, before: Option<&Path>) -> Desk {
    let plan = plan(number);
    let options = Options {
        world: Some(Scene::of(plan, Temper::Careful)),
        ..Options::default()
    };
    let desk = Desk::with_options(&plan.list(), options);
    if let Some(before) = before {
        for folder in ["state", "output", "logs"] {
            fs::rename(before.join(folder), desk.path(folder)).unwrap();
        }
    }
    let ended = desk.run(&["--google-sheets", "--force", "--workers", "8"]);
    assert_eq!(ended.code, Some(0), "night {number}: {ended:?}");
    desk
}

fn plan(night: u32) -> Plan {
    Plan {
        seed: 23,
        brands: 100,
        night,
    }
}

/// The newest comparison of every brand, by its name in the list.
fn comparisons(desk: &Desk) -> BTreeMap<String, Value> {
    reports(&desk.path("output"))
        .into_iter()
        .map(|report| {
            let name = report["brand"].as_str().unwrap().to_owned();
            (name, report["changes"][0].clone())
        })
        .collect()
}

fn reports(output: &Path) -> Vec<Value> {
    let folders = fs::read_dir(output)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = folders
        .map(|folder| folder.join("brand_report.json"))
        .filter(|file| file.is_file())
        .collect();
    files.iter().map(|file| read_json(file)).collect()
}

/// Whether a change is what happened.
fn tells(change: &Value, happening: &Happening) -> bool {
    change["kind"] == happening.kind && change["about"] == happening.field
}

#[test]
fn what_happens_in_a_week_is_found_and_rewording_is_not() {
    let happenings = plan(NIGHTS).happenings();
    assert_eq!(happenings.len(), 30);
    let mut rewordings = 0;
    let (mut found, mut missed, mut false_alarms) = (0, Vec::new(), Vec::new());
    let mut desk = night(1, None);
    for number in 2..=NIGHTS {
        desk = night(number, Some(desk.folder.path()));
        rewordings += plan(number).rewordings();
        let tonight: Vec<&Happening> = happenings.iter().filter(|h| h.night == number).collect();
        let comparisons = comparisons(&desk);
        for happening in &tonight {
            let changes = comparisons[&happening.brand]["changes"].as_array().unwrap();
            match changes.iter().any(|change| tells(change, happening)) {
                true => found += 1,
                false => missed.push(format!("{happening:?}: {changes:?}")),
            }
        }
        for (brand, comparison) in &comparisons {
            for change in comparison["changes"].as_array().into_iter().flatten() {
                let expected = tonight
                    .iter()
                    .any(|h| h.brand == *brand && is_part_of(change, h));
                if !expected {
                    false_alarms.push(format!("night {number}, {brand}: {change}"));
                }
            }
        }
    }
    println!(
        "found {found} of 30, {rewordings} rewordings, {} reported",
        false_alarms.len()
    );
    assert!(rewordings >= 300, "{rewordings}");
    assert!(found >= 29, "{missed:#?}");
    assert!(false_alarms.is_empty(), "{false_alarms:#?}");
    what_people_read(&desk, &happenings);
}

/// A page that goes takes all its facts along, and a price comes with its product.
fn is_part_of(change: &Value, happening: &Happening) -> bool {
    let relations = ["relationships.competitors", "relationships.sister_brands"];
    let gone = happening.kind == "source_gone" && change["kind"] == "source_gone";
    tells(change, happening) || gone && relations.iter().any(|field| change["about"] == *field)
}

/// The pages, the sheet and the history after the last night.
fn what_people_read(desk: &Desk, happenings: &[Happening]) {
    let markdown = fs::read_to_string(desk.path("output/changes.md")).unwrap();
    let html = fs::read_to_string(desk.path("output/changes.html")).unwrap();
    assert_eq!(markdown.matches("\n## ").count(), 6, "{markdown}");
    for happening in happenings {
        assert!(markdown.contains(&happening.brand) && html.contains(&happening.brand));
    }
    let last: Vec<&Happening> = happenings.iter().filter(|h| h.night == NIGHTS).collect();
    let told = last
        .iter()
        .filter(|h| !desk.cell(&h.brand, "brandintel changes").is_empty());
    assert!(told.count() + 1 >= last.len());
    for report in reports(&desk.path("output")) {
        let brand = report["brand"].as_str().unwrap();
        let history = desk.path("output").join(brand).join("history");
        let kept = fs::read_dir(&history).map_or(0, Iterator::count);
        assert_eq!(kept, 6, "{brand}");
    }
}
